"""`tradeoff latency`, and the latency section of a sweep, as a user meets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tradeoff.measure import latency as latency_module
from tradeoff.measure.runtimes import RUNTIMES
from tradeoff.measure.runtimes.base import Deployed
from tradeoff.measure.runtimes.eager import Eager
from tradeoff.measure.timing import process
from tradeoff.records.table import load_results

Tool = Callable[..., tuple[int, str, str]]
SMALL = (
    "--clip",
    "8x32x32",
    "--width",
    "0.0625",
    "--classes",
    "3",
    "--seconds",
    "0.02",
    "--threads",
    "1",
    "--spacing",
    "0",
)
QUICK = (*SMALL, "--processes", "1", "--throughput", "")


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time here instead of in fresh processes, which would not see what a test replaces."""

    def run(function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    monkeypatch.setattr(latency_module, "in_fresh_process", run)
    monkeypatch.setattr(process, "settle", lambda protocol, device: [0])


def test_latency_of_two_variants_in_two_processes_each(tool: Tool) -> None:
    code, out, errors = tool("latency", "I2D", "S3D", *SMALL, "--processes", "2", "--throughput", "2", "--json")
    assert code == 0
    rows = json.loads(out)
    assert {row["variant"] for row in rows} == {"I2D", "S3D"}
    assert [row["latency_ms"] for row in rows] == sorted(row["latency_ms"] for row in rows)
    for row in rows:
        assert row["latency_low_ms"] < row["latency_ms"] < row["latency_high_ms"]
        assert (row["runtime"], row["layout"], row["processes"], row["threads"]) == ("eager", "channels_last_3d", 2, 1)
        assert [len(samples) for samples in row["samples_ms"]] == [each["samples"] for each in row["measured"]]
        assert [rate["batch"] for rate in row["measured"][0]["throughput"]] == [1, 2]
    assert errors.count("process 2:") == 2


def test_one_table_for_all_runtimes_and_precisions(tool: Tool, in_this_process: None, monkeypatch: Any) -> None:
    for name in ("compile", "compile-frozen", "onnxruntime", "tensorrt"):
        monkeypatch.setattr(type(RUNTIMES[name]), "missing", lambda self: f"runtime {self.name} needs a thing")
    pytest.importorskip("openvino", reason="openvino is not installed")
    code, out, errors = tool("latency", "I2D", *QUICK, "--runtime", "all", "--precision", "all", "--layout", "all")
    assert code == 0
    lines = [line for line in out.splitlines() if line.startswith("│ I2D")]
    assert sum("openvino" in line for line in lines) >= 1
    assert sum("eager" in line for line in lines) == 4  # two precisions, two layouts
    assert "runtime onnxruntime needs a thing" in errors
    assert "convolutions ran outside of oneDNN" in out  # at this size most do
    assert "a quick look" in out and "logits in host memory" in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--runtime", "tensorrt"], ["latency.runtime", "'tensorrt'"]),
        (["--runtime", "onnx"], ["latency.runtime", "'onnx'", "openvino"]),
        (["--precision", "tf32"], ["latency.precision", "'tf32'", "float32, bf16"]),
        (["--precision", "fp16"], ["latency.precision", "'fp16'", "float32, bf16"]),
        (["--precision", "int8"], ["latency.precision", "'int8'", "bf16"]),
        (["--layout", "nchw"], ["latency.layout", "'nchw'", "channels_last_3d"]),
        (["--runtime", "eager,eager"], ["latency.runtime", "'eager' is named twice"]),
        (["--runtime", "all,eager"], ["latency.runtime", "'all'"]),
        (["--batch", "0"], ["latency.batch", "0"]),
        (["--batch", "two"], ["latency.batch", "'two'"]),
        (["--views", "ten"], ["latency.views", "'ten'"]),
        (["--cache", "tepid"], ["latency.cache", "'tepid'"]),
        (["--target", "0"], ["latency.target"]),
        (["--processes", "0"], ["latency.processes"]),
        (["--throughput", "0"], ["latency.throughput"]),
    ],
)
def test_bad_input_is_one_sentence(tool: Tool, options: list[str], said: list[str]) -> None:
    code, out, errors = tool("latency", "I2D", *QUICK, *options)
    assert code == 2 and out == ""
    assert len(errors.strip().splitlines()) == 1 and "Traceback" not in errors
    for words in said:
        assert words in errors


def test_a_runtime_that_is_not_installed_names_its_extra(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(RUNTIMES["openvino"]), "modules", ("no_such_module",))
    code, _, errors = tool("latency", "I2D", *QUICK, "--runtime", "openvino")
    assert code == 2
    assert "tradeoff[openvino]" in errors and "no_such_module" in errors


class Wrong(Eager):
    """Fast, and not the network's answer."""

    def deploy(self, *arguments: Any) -> Deployed:
        right = super().deploy(*arguments)
        return Deployed(right.place, lambda clips: torch.zeros(len(clips), 3), right.fetch)


class Greedy(Eager):
    def deploy(self, *arguments: Any) -> Deployed:
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_a_wrong_output_is_a_failed_measurement(
    tool: Tool, in_this_process: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RUNTIMES, "eager", Wrong())
    code, out, _ = tool("latency", "S3D", *QUICK)
    assert code == 1
    assert "FAILED S3D eager: WrongOutput" in out and "eager float32" in out


def test_in_a_sweep_memory_that_runs_out_is_on_record_and_a_wrong_output_is_not(
    tool: Tool, in_this_process: None, monkeypatch: pytest.MonkeyPatch, tiny: dict[str, Any], tmp_path: Path
) -> None:
    values = {key: tiny[key] for key in ("variants", "width", "clip")} | {"classes": 3}
    values["latency"] = tiny["latency"] | {"precision": ["fp32", "bf16"], "batch": [1, 2], "views": "10x3"}
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(values))
    monkeypatch.setitem(RUNTIMES, "eager", Greedy())
    code, _, _ = tool("sweep", str(file), "--results", str(tmp_path / "greedy"))
    assert code == 0
    rows = load_results(tmp_path / "greedy", "mine")
    assert len(rows) == 8 and set(rows.latency_outcome) == {"out of memory"} and rows.latency_ms.isna().all()

    monkeypatch.setitem(RUNTIMES, "eager", Wrong())
    code, out, _ = tool("sweep", str(file), "--results", str(tmp_path / "wrong"))
    assert code == 1 and out.count("FAILED") == 8 and "WrongOutput" in out

    monkeypatch.setitem(RUNTIMES, "eager", Eager())
    code, _, _ = tool("sweep", str(file), "--results", str(tmp_path / "wrong"))
    assert code == 0  # a failure occupies no key
    rows = load_results(tmp_path / "wrong", "mine")
    assert sorted(zip(rows.variant, rows.precision, rows.batch, strict=True)) == sorted(
        (variant, precision, batch)
        for variant in ("I2D", "I3D")
        for precision in ("float32", "bf16")
        for batch in (1, 2)
    )
    assert rows.latency_outcome.eq("").all() and rows.views.eq("10x3").all()
    assert (rows.video_ms * rows.batch / rows.host_ms).round(6).eq(30).all()


def test_a_sweep_that_names_what_no_runtime_has_stops_before_it_starts(
    tool: Tool, tiny: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(tiny | {"latency": {"runtime": ["eager"], "precision": ["bf16", "tf32"]}}))
    code, out, errors = tool("sweep", str(file), "--results", str(tmp_path / "results"))
    assert code == 2 and out == "" and "'tf32'" in errors and "float32, bf16" in errors
    assert not (tmp_path / "results").exists()
