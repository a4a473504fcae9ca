"""Sweeps measured by worker processes: as in one process, and whatever becomes of a worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import yaml

from tradeoff.records.table import load_results

Tool = Callable[..., tuple[int, str, str]]
NETS = """
import os, signal, time
import torch
from torch import nn

class Tiny(nn.Module):
    def __init__(self, num_classes, ill="", batch=0):
        super().__init__()
        self.conv, self.logits, self.ill, self.batch = nn.Conv3d(3, 4, 3), nn.Linear(4, num_classes), ill, batch

    def forward(self, clips):
        if clips.device.type != "meta":
            ill = self.ill if self.training and not os.path.exists("cured") else ""
            if ill == "dies":
                print("about to die", flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
            if ill == "hangs":
                time.sleep(600)
            if self.batch and len(clips) > self.batch:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB")
        return self.logits(self.conv(clips).relu().mean(dim=(2, 3, 4)))
"""
MAIN = "from tradeoff.cli import main; main()"


def write(path: Path, values: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump(values))
    return str(path)


def records(results: Path, *kinds: str) -> dict[str, Any]:
    """What was measured, but for times, by kind and key; an array's name holds a digest of what is in it."""
    found = {}
    for kind in kinds:
        for path in (results / kind).glob("*.json"):
            record = json.loads(path.read_text())
            for epoch in record["measured"].get("epochs", []):
                epoch.pop("clips_per_second"), epoch.pop("wait")
            found[kind, record["key"]] = record["measured"], record["about"], record["arrays"]
    return found


def attempts(results: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((results / "attempts").glob("*.json"))]


def test_two_workers_leave_the_records_of_one_process(tool: Tool, tmp_path: Path, tiny: dict[str, Any]) -> None:
    file = write(tmp_path / "mine.yaml", tiny | {"seeds": [0, 1]})
    once = write(tmp_path / "once.yaml", tiny | {"seeds": [0, 1], "latency": "none"})
    assert tool("sweep", once, "--threads", "1", "--results", "one")[0] == 0
    code, out, _ = tool(
        "sweep", file, "--threads", "1", "--results", "two", "--executor", "local", "--workers", "2", "--json"
    )
    assert (code, json.loads(out)["measured"]) == (0, 12)
    kinds = ("cost", "training", "accuracy")
    assert records(tmp_path / "two", *kinds) == records(tmp_path / "one", *kinds)
    assert len(list((tmp_path / "two/latency").glob("*.json"))) == 2
    assert [path.name for path in (tmp_path / "two").rglob("*resume*")] == []
    assert list((tmp_path / "two/running").glob("*")) == []
    (log,) = (tmp_path / "two/logs").glob(f"training-{next((tmp_path / 'two/training').glob('*.json')).stem}.log")
    assert "epoch 1/1 step 2/2" in log.read_text()
    assert tool("sweep", file, "--threads", "1", "--results", "two", "--executor", "local")[1].count("measured nothing")


def test_what_dies_hangs_or_does_not_fit_stops_no_other(tool: Tool, tmp_path: Path, tiny: dict[str, Any]) -> None:
    (tmp_path / "ill_nets.py").write_text(NETS)
    ills = ["dies", "hangs"]
    names = [*(f"ill_nets:Tiny(ill={ill})" for ill in ills), "ill_nets:Tiny(batch=8)", "ill_nets:Tiny(batch=1)", "I2D"]
    values = tiny | {"variants": names, "latency": "none", "timeout": {"training": 12}, "retries": {"died": 1}}
    file = write(tmp_path / "mine.yaml", values)
    results = tmp_path / "results/local"
    code, out, _ = tool("sweep", file, "--threads", "1", "--executor", "local", "--json")
    assert code == 1
    assert {each["measurement"]: each["reason"] for each in json.loads(out)["failures"]} == {
        "ill_nets:Tiny(ill=dies) seed 0 training": "its process was ended by SIGKILL",
        "ill_nets:Tiny(ill=hangs) seed 0 training": "it took more than 12 seconds",
        "ill_nets:Tiny(batch=1) seed 0 training in 8 micro-batches": (
            "OutOfMemoryError: CUDA out of memory. Tried to allocate 3 GiB"
        ),
    }
    assert len(json.loads(out)["skipped"]) == 3
    outcomes = [(each["about"]["name"].split(":")[-1], each["outcome"]) for each in attempts(results)]
    assert outcomes.count(("Tiny(ill=dies)", "died")) == 2  # and one more try
    assert outcomes.count(("Tiny(ill=hangs)", "timeout")) == 1
    assert outcomes.count(("Tiny(batch=8)", "out of memory")) == 3  # a step of 16; a test of 32 clips, and of 16
    assert outcomes.count(("Tiny(batch=1)", "out of memory")) == 4  # steps of 16, 8, 4 and 2 clips
    assert len(outcomes) == 10
    died = next(each for each in attempts(results) if each["outcome"] == "died")
    assert "about to die" in died["log"]

    fitted = next(each for each in records(results, "training").values() if each[1]["name"].endswith("(batch=8)"))
    assert fitted[1]["accumulate"] == 2
    rows = load_results(results, "mine").set_index("variant")
    assert rows.loc["ill_nets:Tiny(batch=8)", "test_clips"] == 32
    assert rows.loc["I2D", "test_clips"] == 32
    assert np.isnan(rows.loc["ill_nets:Tiny(ill=dies)", "top1"])
    assert rows.loc["ill_nets:Tiny(batch=8)", "micro_batches"] == 2
    assert tool("report", "--sweep", "mine")[0] == 0
    text = (tmp_path / "reports/local/mine.md").read_text()
    assert "ill_nets:Tiny(batch=8) took a step in 2 micro-batches, since it did not fit into memory" in text
    assert "it took more than 12 seconds" in text

    # Another run knows what did not fit: it makes nothing anew, and tries the others again.
    (tmp_path / "cured").touch()
    code, out, _ = tool("sweep", file, "--threads", "1", "--executor", "local", "--json")
    assert [each["measurement"] for each in json.loads(out)["failures"]] == [
        "ill_nets:Tiny(batch=1) seed 0 training in 8 micro-batches"
    ]
    assert json.loads(out)["measured"] == 4  # two trainings with their tests


def start(tmp_path: Path, cache: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"TRADEOFF_CACHE": str(cache), "TRADEOFF_EXECUTOR": "local"}
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, "sweep", "mine.yaml", "--threads", "1", "--results", "stopped", *arguments],
        env=environment,
        cwd=tmp_path,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "processes"), [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGKILL, 1), (signal.SIGKILL, 2)]
)
def test_a_sweep_that_is_stopped_leaves_no_process_and_goes_on(
    tmp_path: Path, clip_cache: Path, tiny: dict[str, Any], number: int, processes: int
) -> None:
    """Asked to stop it saves what is under way; killed, its workers end with it."""
    recipe = tiny["train"] | {"epochs": 400, "batch": 8}
    write(
        tmp_path / "mine.yaml", tiny | {"variants": ["I2D"], "train": recipe, "processes": processes, "latency": "none"}
    )
    process = start(tmp_path, clip_cache)
    until(lambda: any("step" in path.read_text() for path in (tmp_path / "stopped/logs").glob("training-*.log")))
    workers = psutil.Process(process.pid).children(recursive=True)
    assert workers
    process.send_signal(number)
    err = process.communicate()[1]
    until(lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in workers))
    states = list((tmp_path / "stopped/checkpoints").glob("*.resume.pt"))
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
        return
    assert process.returncode == 130
    assert "stopping once what is under way is saved" in err
    assert "To go on: tradeoff sweep mine.yaml --threads 1 --results stopped" in err
    assert len(states) == 1
    assert attempts(tmp_path / "stopped") == []
    again = start(tmp_path, clip_cache, "--only", "training")
    until(lambda: any("goes on from" in path.read_text() for path in (tmp_path / "stopped/logs").glob("*.log")))
    again.send_signal(signal.SIGINT)
    until(lambda: any("stopped" in path.read_text() for path in (tmp_path / "stopped/logs").glob("*.log")))
    again.communicate()


@pytest.mark.parametrize(
    ("change", "options", "sentence"),
    [
        ({"timeout": 5}, ["--executor", "here"], "timeout is given and the measurements are made in this process"),
        ({}, ["--executor", "here", "--workers", "2"], "--workers is 2 and all is measured in this process"),
        ({"timeout": 0}, [], "timeout.cost is 0: should be greater than 0"),
        ({"timeout": {"trainings": 5}}, [], "key 'timeout.trainings' is unknown: use 'training'"),
        ({"retries": {"died": -1}}, [], "retries.died is -1: should be greater than or equal to 0"),
        ({"retries": {"oom": 1}}, [], "key 'retries.oom' is unknown: use one of out_of_memory, died, error"),
    ],
)
def test_what_contradicts_itself_is_bad_input(
    tool: Tool, tmp_path: Path, tiny: dict[str, Any], change: dict[str, Any], options: list[str], sentence: str
) -> None:
    code, _, err = tool("sweep", write(tmp_path / "mine.yaml", tiny | change), *options)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1
