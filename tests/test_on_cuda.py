"""What only a GPU can show: kernels that ran where they should, memory that ran out, records that say on what.

Skipped where there is none. On a machine with one: `pytest tests/test_on_cuda.py`, a few minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tradeoff.records.table import load_results

Tool = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here")

SMALL = ("--clip", "16x112x112", "--device", "cuda", "--seconds", "0.3", "--processes", "1", "--spacing", "0")
ERROR = {"float32": 1e-5, "tf32": 5e-3, "fp16": 5e-3, "bf16": 3e-2}
"""Of the output against eager float32: what 23, 10, 10 and 7 bits of a mantissa leave after some fifty layers."""


def rows_of(found: tuple[int, str, str]) -> list[dict[str, Any]]:
    code, out, errors = found
    assert code == 0, errors
    return list(json.loads(out))


def test_every_precision_of_eager_is_what_it_says_and_knows_its_gpu(tool: Tool) -> None:
    rows = rows_of(tool("latency", "S3D", *SMALL, "--precision", "all", "--throughput", "4", "--json"))
    assert {row["precision"] for row in rows} >= {"float32", "fp16"}
    for row in rows:
        measured = row["measured"][0]
        assert 0 <= row["output_error"] < ERROR[row["precision"]]
        assert row["outcome"] == "measured" and row["peak_memory_bytes"] > 1e6
        assert measured["gpu"]["name"] == torch.cuda.get_device_name()
        assert measured["gpu"]["samples"] >= 1 and measured["gpu"]["power_w"]["max"] > 0
        assert measured["gpu"]["other_processes"] == []
        assert measured["graph"]["median_ms"] > 0
        assert measured["cuda"]["cudnn_allow_tf32"] == (row["precision"] == "tf32")
        assert "note" not in measured, measured["note"]  # all convolutions by cuDNN
        assert measured["yardstick"]["gflops"] > 1000 and measured["roofline"]["bound"] in ("compute", "memory")
        assert [rate["batch"] for rate in measured["throughput"]] == [1, 4]
    narrow = {row["precision"]: row["output_error"] for row in rows}
    assert narrow["float32"] < min(error for precision, error in narrow.items() if precision != "float32")


def test_compiled_networks_answer_as_eager_ones(tool: Tool) -> None:
    runtimes = ("--runtime", "compile,compile-frozen", "--precision", "bf16", "--throughput", "")
    rows = rows_of(tool("latency", "Fast-S3D", *SMALL, *runtimes, "--json"))
    assert {row["setting"] for row in rows} == {"compile", "compile-frozen"}
    assert all(row["output_error"] < ERROR["bf16"] and row["measured"][0]["facts"]["graphs"] == 1 for row in rows)


@pytest.fixture
def on_gpu(tiny: dict[str, Any]) -> dict[str, Any]:
    """A sweep whose training takes the device's own precision."""
    return tiny | {"train": {"epochs": 2, "batch": 16, "rate": 0.01}}


def run(
    folder: Path, values: dict[str, Any], executor: str = "local", command: tuple[str, ...] = ("-m", "tradeoff")
) -> subprocess.CompletedProcess[str]:
    """The command as a user starts it, in a process of its own: this one never holds the GPU, which would be in use."""
    folder.mkdir(exist_ok=True)
    (folder / "gpu.yaml").write_text(yaml.safe_dump(values))
    words = [sys.executable, *command, "sweep", "gpu.yaml", "--device", "cuda", "--executor", executor]
    environment = {**os.environ, "TRADEOFF_CACHE": str(folder / "clips")}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


@contextmanager
def little_memory(left: int) -> Iterator[None]:
    """All but so many bytes of the device are another process's."""
    script = (
        "import sys, torch\n"
        f"taken = torch.empty(torch.cuda.mem_get_info()[0] - {left}, dtype=torch.uint8, device='cuda')\n"
        "print('taken', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None and other.stdout is not None and other.stdout.readline()
        yield
        other.stdin.close()


def test_a_sweep_trains_tests_and_times_on_the_gpu_and_only_once(tmp_path: Path, on_gpu: dict[str, Any]) -> None:
    first = run(tmp_path, on_gpu)
    assert first.returncode == 0, first.stderr
    records = {path: path.stat().st_mtime_ns for path in (tmp_path / "results").rglob("*.json")}
    again = run(tmp_path, on_gpu)
    assert again.returncode == 0, again.stderr
    kept = {path for path in records if path.parent.name in ("training", "accuracy", "latency")}
    assert len(kept) == 6 and all(path.stat().st_mtime_ns == records[path] for path in kept)
    rows = load_results(tmp_path / "results" / "local")
    assert rows["device"].tolist() == [f"cuda {torch.cuda.get_device_name()}"] * 2
    assert rows["top1"].notna().all() and rows["latency_ms"].gt(0).all()
    native = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    assert all(native in recipe for recipe in rows["recipe"])


@pytest.mark.parametrize("precision", ["float32", "fp16"])
def test_a_checkpoint_of_the_gpu_is_as_accurate_on_the_cpu(
    tool: Tool, tmp_path: Path, on_gpu: dict[str, Any], precision: str
) -> None:
    values = on_gpu | {"variants": ["S3D-G"], "train": on_gpu["train"] | {"precision": precision}, "latency": "none"}
    values["data"] = values["data"] | {"test": 256}
    done = run(tmp_path, values, executor="here")
    assert done.returncode == 0, done.stderr
    (checkpoint,) = (tmp_path / "results" / "local" / "checkpoints").glob("*")
    said = ("evaluate", str(checkpoint), "--data", "motion", "--clip", "8x32x32", "--json")
    here, there = (json.loads(tool(*said, "--device", device)[1])["rows"][0]["top1"] for device in ("cpu", "cuda"))
    assert here == pytest.approx(there, abs=0.01)  # float32 sums in another order may turn a near tie


def test_what_does_not_fit_is_trained_in_micro_batches(tmp_path: Path, on_gpu: dict[str, Any]) -> None:
    """A step of 256 clips wants more than two gigabytes."""
    values = on_gpu | {"variants": ["I3D"], "width": 1.0, "clip": "16x64x64", "latency": "none"}
    values |= {"data": {"synthetic": "motion", "train": 256, "test": 32}, "retries": {"out_of_memory": 6}}
    values["train"] = {"epochs": 1, "batch": 256, "rate": 0.01}
    with little_memory(2 * 2**30):
        done = run(tmp_path, values)
    assert done.returncode == 0, done.stderr
    (row,) = load_results(tmp_path / "results" / "local").to_dict("records")
    assert row["micro_batches"] in (2, 4, 8, 16, 32, 64)
    notes = [json.loads(path.read_text()) for path in (tmp_path / "results" / "local" / "attempts").glob("*.json")]
    assert notes and all("memory" in json.dumps(note) for note in notes)


def test_a_latency_beside_another_process_is_refused(tmp_path: Path, on_gpu: dict[str, Any]) -> None:
    values = on_gpu | {"variants": ["I2D"], "train": "none"}
    del values["data"]
    with little_memory(4 * 2**30):
        beside = run(tmp_path, values)
    assert beside.returncode != 0 and "in use by process" in beside.stderr + beside.stdout, beside.stderr


def test_a_training_that_is_stopped_goes_on_with_the_state_of_the_gpu(tmp_path: Path, on_gpu: dict[str, Any]) -> None:
    """Loss scaling, the generator of the device and momentum: an epoch after a stop is that of an undisturbed run, as
    near as convolutions that are not deterministic allow."""
    values = on_gpu | {"variants": ["I3D"], "latency": "none", "keep": "last"}
    values["train"] = {"epochs": 1, "batch": 4, "rate": 0.001, "precision": "fp16"}
    whole = run(tmp_path / "whole", values)
    assert whole.returncode == 0, whole.stderr
    script = (
        "import os, signal, tradeoff.training.fit as fit\n"
        "step, count = fit.torch.optim.SGD.step, [0]\n"
        "def stopping(self, *args, **kwargs):\n"
        "    count[0] += 1\n"
        "    if count[0] == 2: os.kill(os.getpid(), signal.SIGINT)\n"
        "    return step(self, *args, **kwargs)\n"
        "fit.torch.optim.SGD.step = stopping\n"
        "from tradeoff.cli import main; main()"
    )
    folder = tmp_path / "stopped"
    stopped = run(folder, values, "here", ("-c", script))
    assert stopped.returncode != 0, stopped.stderr
    went_on = run(folder, values)
    assert went_on.returncode == 0, went_on.stderr
    losses = [
        json.loads(path.read_text())["measured"]["epochs"][-1]["loss"]
        for each in (tmp_path / "whole", folder)
        for path in (each / "results" / "local" / "training").glob("*.json")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_a_gate_on_the_gpu_calls_a_network_the_same_as_itself(tool: Tool) -> None:
    once = ("--gates", "1", "--budget", "40", "--json")
    code, out, errors = tool("gate", "--calibrate", "S3D", "--clip", "16x112x112", "--device", "cuda", *once)
    assert code in (0, 3), errors
    assert "SLOWER" not in out
