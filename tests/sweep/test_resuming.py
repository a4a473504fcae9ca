"""Sweeps whose trainings were stopped half way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tradeoff.sweep import measuring
from tradeoff.training.fit import DivergedError, Progress, fit


def test_a_state_goes_when_it_leads_nowhere_and_when_its_training_is_on_record(
    tool: Callable[..., tuple[int, str, str]], tmp_path: Path, tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints, before = tmp_path / "results/local/checkpoints", []

    def diverges(*arguments: Any, report: Callable[[Progress], None], **options: Any) -> Any:
        def heard(progress: Progress) -> None:
            if progress.step == 2:
                before.extend(path.name[16:] for path in checkpoints.iterdir())
                raise DivergedError("the loss became nan")
            report(progress)

        return fit(*arguments, report=heard, **options)

    monkeypatch.setattr(measuring.Measurer, "save_every", 0.0)
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(tiny | {"variants": ["I2D"], "latency": "none"}))
    with monkeypatch.context() as patched:
        patched.setattr(measuring, "fit", diverges)
        assert tool("sweep", str(file))[0] == 1
    assert before == [".resume.pt"]
    assert list(checkpoints.iterdir()) == []
    assert "goes on" not in tool("sweep", str(file))[2]
    (network,) = checkpoints.iterdir()
    (checkpoints / f"{network.name[:16]}.resume.pt").write_bytes(b"what another run left that came second")
    assert tool("sweep", str(file))[0] == 0
    assert list(checkpoints.iterdir()) == [network]


TRAIN = "from tradeoff.cli import main; main()"
# The same command in a process that saves every step and is killed in the middle of one.
KILLED = """
import os, signal
from tradeoff.sweep.measuring import Measurer
from tradeoff.sweep.progress import Stage
Measurer.save_every = 0.0
heard = Stage.epoch
def epoch(self, training):
    heard(self, training)
    if (training.epoch, training.step) == (2, 2):
        os.kill(os.getpid(), signal.SIGKILL)
Stage.epoch = epoch
from tradeoff.cli import main; main()
"""


def start(script: str, tmp_path: Path, cache: Path, results: str) -> subprocess.Popen[str]:
    arguments = ["--only", "training", "--threads", "1", "--results", str(tmp_path / results)]
    return subprocess.Popen(
        [sys.executable, "-c", script, "sweep", str(tmp_path / "mine.yaml"), *arguments],
        env=os.environ | {"TRADEOFF_CACHE": str(cache)},
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_killed_training_goes_on_by_the_same_command(tmp_path: Path, clip_cache: Path, tiny: dict[str, Any]) -> None:
    recipe = tiny["train"] | {"epochs": 3, "batch": 8}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tiny | {"variants": ["I2D"], "train": recipe}))
    both = [start(KILLED, tmp_path, clip_cache, "killed"), start(TRAIN, tmp_path, clip_cache, "undisturbed")]
    for process in both:
        process.communicate()
    assert [process.returncode for process in both] == [-signal.SIGKILL, 0]
    assert [path.name[16:] for path in (tmp_path / "killed/checkpoints").iterdir()] == [".resume.pt"]
    again = start(TRAIN, tmp_path, clip_cache, "killed")
    err = again.communicate()[1]
    assert again.returncode == 0
    assert "I2D seed 0 training: goes on from" in err
    records = [
        json.loads(next((tmp_path / results / "training").glob("*.json")).read_text())["measured"]
        for results in ("killed", "undisturbed")
    ]
    assert records[0]["state"] == records[1]["state"]
    assert [epoch["loss"] for epoch in records[0]["epochs"]] == [epoch["loss"] for epoch in records[1]["epochs"]]
    assert [path.name.count("resume") for path in (tmp_path / "killed/checkpoints").iterdir()] == [0]
    (log,) = (tmp_path / "killed/logs").glob("*.csv")
    assert [line.split(",")[0] for line in log.read_text().splitlines()[1:]] == ["1", "2", "3"]
    killed, undisturbed = (losses(tmp_path / results) for results in ("killed", "undisturbed"))
    assert [step for step, _ in killed] == list(range(1, 13))
    assert killed == undisturbed


def losses(results: Path) -> list[tuple[int, float]]:
    """As TensorBoard shows them."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    (run,) = (each for each in (results / "logs").iterdir() if each.is_dir())
    found = accumulator.EventAccumulator(str(run)).Reload().Scalars("training/loss")
    return [(each.step, each.value) for each in found]
