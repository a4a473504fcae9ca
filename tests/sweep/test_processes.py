"""Sweeps whose trainings take several processes, started by accelerate's launcher or by the sweep itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from grey_videos import write_set

from tradeoff.errors import InputError
from tradeoff.sweep import apart, plan
from tradeoff.sweep.apart import EPOCH, FAILED, NOTE
from tradeoff.sweep.file import make_sweep
from tradeoff.training.fit import Progress

Tool = Callable[..., tuple[int, str, str]]
LAUNCH = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]
LAUNCH += ["--mixed_precision", "no", "--dynamo_backend", "no", "--num_cpu_threads_per_process", "1"]
LAUNCH += ["--main_process_port", "0", "-m"]
NETS = """
from torch import nn

class Never(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.logits = nn.Linear(3, classes)

    def forward(self, clips):
        return self.logits(clips.mean((2, 3, 4))) * float("nan")

def never(num_classes):
    return Never(num_classes)
"""


def write(path: Path, values: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump(values))
    return str(path)


def measured(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


@pytest.fixture
def values(tiny: dict[str, Any]) -> dict[str, Any]:
    """One network on one thread; cost, training and accuracy."""
    return tiny | {"variants": ["I2D"], "train": tiny["train"] | {"epochs": 2}}


@pytest.fixture
def one(one_thread: None, tool: Tool) -> Tool:
    """The command with a thread a process."""

    def run(*arguments: str) -> tuple[int, str, str]:
        return tool(*arguments, "--threads", "1")

    return run


def test_a_launched_sweep_and_one_that_launches_have_the_same_records_each_once(
    one: Tool, tmp_path: Path, clip_cache: Path, values: dict[str, Any]
) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    launched = write(tmp_path / "launched.yaml", values | {"variants": ["nets:never", "I2D"]})
    done = launch(tmp_path, clip_cache, "sweep", launched, "--results", "launched", "--json")
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout[done.stdout.index("{\n") :])
    assert document["measured"] == 4  # two costs, a training, an accuracy
    assert "DivergedError: the loss became nan at step 1" in document["failures"][0]["reason"]
    assert document["skipped"] == ["nets:never seed 0 accuracy"]
    assert len(measured(tmp_path / "launched/attempts")) == 1
    assert done.stderr.count("I2D seed 0 training: loss") == 1
    assert done.stderr.count("latency is left out") == 1

    apart_file = write(tmp_path / "apart.yaml", values | {"processes": 2, "latency": "none"})
    code, out, err = one("sweep", apart_file, "--results", "apart", "--json")
    assert code == 0, err
    assert "in 2 processes" in err
    assert "2 processes, CPU threads: 1" in json.loads(out)["rows"][0]["recipe"]
    for kind in ("training", "accuracy"):
        (one_record,), (other,) = (measured(tmp_path / folder / kind) for folder in ("launched", "apart"))
        assert one_record["key"] == other["key"]
        assert one_record["measured"].get("state") == other["measured"].get("state")
    (record,) = measured(tmp_path / "apart/training")
    assert record["depends_on"]["processes"] == 2
    assert len(list((tmp_path / "apart/checkpoints").iterdir())) == 1
    assert (tmp_path / "apart/logs" / f"{record['key']}.csv").read_text().count("\n") == 3
    assert json.loads(one("sweep", apart_file, "--results", "apart", "--json")[1])["measured"] == 0


def launch(folder: Path, cache: Path, *arguments: str, module: str = "tradeoff") -> subprocess.CompletedProcess[str]:
    """The command in two processes that accelerate's launcher starts."""
    return subprocess.run(
        [sys.executable, *LAUNCH, module, *arguments, "--threads", "1"],
        cwd=folder,
        env=os.environ | {"TRADEOFF_CACHE": str(cache), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("launched", [False, True])
def test_whichever_process_cannot_read_a_video_it_is_named_once(
    one: Tool, tmp_path: Path, clip_cache: Path, launched: bool
) -> None:
    """Each decodes its own share of an epoch, in which every video is drawn once."""
    place = write_set(tmp_path / "videos", trained=8, tested=4)
    broken = ("2.mkv", "5.mkv")  # of the share that the main process does not see, by seed 0
    for name in broken:
        (place.parent / name).write_bytes(b"broken " + name.encode())
    values = {"variants": ["I2D"], "width": 0.0625, "clip": "8x32x32", "data": {"videos": str(place)}}
    values |= {"train": {"epochs": 1, "batch": 4}, "sampling": {"resize": [36, 48]}, "latency": "none"}
    file = write(tmp_path / "mine.yaml", values | ({} if launched else {"processes": 2}))
    if launched:
        done = launch(tmp_path, clip_cache, "sweep", file)
        code, err = done.returncode, done.stderr
    else:
        code, _, err = one("sweep", file)
    assert code == 0, err
    assert {name: err.count(f"left out {name}: ") for name in broken} == dict.fromkeys(broken, 1)
    assert "2 of 12 videos are missing or unreadable" in err


BAD_SHARE = """
import os
import tradeoff.training.streams as streams
from tradeoff.cli import main
from tradeoff.errors import InputError

def bad(*_):
    raise InputError("videos: too many are broken")

if os.environ["RANK"] == "1":
    streams.VideoBatches._crop = bad
main()
"""


def test_what_one_process_finds_bad_it_says_and_the_others_blame_nothing_else(tmp_path: Path, clip_cache: Path) -> None:
    """The connection that its end closes is no reason of a training's failure."""
    place = write_set(tmp_path / "videos", trained=4, tested=2)
    values = {"variants": ["I2D"], "width": 0.0625, "clip": "8x32x32", "data": {"videos": str(place)}}
    values |= {"train": {"epochs": 1, "batch": 4}, "sampling": {"resize": [36, 48]}, "latency": "none"}
    (tmp_path / "bad.py").write_text(BAD_SHARE)
    file = write(tmp_path / "mine.yaml", values)
    done = launch(tmp_path, clip_cache, "sweep", file, "--results", "bad", module="bad")
    assert done.returncode != 0
    assert done.stderr.count("tradeoff: videos: too many are broken\n") == 1
    assert measured(tmp_path / "bad/attempts") == []

    file = write(tmp_path / "mine.yaml", values | {"train": {"batch": 3}})
    done = launch(tmp_path, clip_cache, "sweep", file)
    assert done.stderr.count("tradeoff: train.batch gives a step of 3 clips") == 1  # planned, and so found, by both


@pytest.mark.parametrize(
    ("failed", "reason", "log"),
    [
        (
            FAILED + json.dumps({"how": "error", "reason": "KeyError: 'w'", "log": ["in a layer"]}),
            "KeyError: 'w'",
            "in a layer",
        ),
        ("nobody could say", "its processes ended with exit code 3", "one\nnobody could say\ntwo"),
    ],
)
def test_processes_that_end_without_a_record_are_a_failure_with_their_last_lines(
    one: Tool,
    tmp_path: Path,
    values: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    failed: str,
    reason: str,
    log: str,
) -> None:
    progress = dict.fromkeys((each.name for each in fields(Progress)), 1)
    said = [f"{EPOCH}{json.dumps(progress)}", f'{NOTE}"goes on"', "one", failed, "two"]

    def start(count: int, job: Path) -> subprocess.Popen[str]:
        assert (count, json.loads(job.read_text())["threads"]) == (2, 1)
        script = f"print({chr(10).join(said)!r}); raise SystemExit(3)"
        return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)

    monkeypatch.setattr(apart, "_start", start)
    file = write(tmp_path / "mine.yaml", values | {"processes": 2, "latency": "none", "retries": {"died": 0}})
    code, out, err = one("sweep", file, "--json")
    assert code == 1
    assert json.loads(out)["failures"][0]["reason"] == reason
    assert json.loads(out)["skipped"] == ["I2D seed 0 accuracy"]
    assert [each["log"] for each in measured(tmp_path / "results/local/attempts")] == [log]
    assert "I2D seed 0 training: goes on" in err


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"processes": 3}, "train.batch gives a step of 16 clips: it should be a multiple of 3"),
        ({"processes": 2, "train": {"batch": 8, "accumulate": 8}}, "a step of 8 clips: it should be a multiple of 16"),
        ({"train": {"batch": 8, "accumulate": 3}}, "train: batch is 8: it should be a multiple of accumulate"),
        ({"gpus": 8}, "gpus is 8 and the device is cpu: use --device cuda, or on a CPU processes instead of gpus"),
        ({"gpus": 2, "processes": 2}, "gpus is 2 and processes is given too: name one"),
        ({"processes": 0}, "processes is 0: should be greater than or equal to 1"),
    ],
)
def test_what_cannot_be_divided_is_bad_input(
    tool: Tool, tmp_path: Path, tiny: dict[str, Any], change: dict[str, Any], sentence: str
) -> None:
    code, _, err = tool("sweep", write(tmp_path / "mine.yaml", tiny | change))
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("change", "refused"),
    [({}, None), ({"processes": 8}, None)] + [({key: count}, key) for key in ("processes", "gpus") for count in (1, 4)],
)
def test_a_number_of_processes_that_the_launcher_did_not_start_is_refused(
    tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch, change: dict[str, int], refused: str | None
) -> None:
    """1 that is named is a number like any other; left out, the launcher has its way."""
    monkeypatch.setattr(plan, "join", lambda device: device)
    monkeypatch.setattr(plan, "current", lambda: SimpleNamespace(num_processes=8, process_index=0))
    device = torch.device("cuda" if refused == "gpus" else "cpu")
    sweep = make_sweep({"name": "mine", **tiny, **change}, "test")
    if refused is None:
        assert plan.make_plan(sweep, device).processes == 8
        return
    with pytest.raises(
        InputError, match=f"^{refused} is {change[refused]} and a launcher started 8: .*leave {refused} out$"
    ):
        plan.make_plan(sweep, device)
