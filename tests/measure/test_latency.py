"""A latency from the outside: fresh processes, what is on the record, what becomes of failures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ending_processes import be_killed, break_down, die
from torch import nn

import tradeoff
from tradeoff.errors import InputError
from tradeoff.measure import latency as module
from tradeoff.measure.environment import machine, provenance, resolve_device, source_digest
from tradeoff.measure.latency import Latency, latencies
from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.measure.timing import fresh_process, process
from tradeoff.measure.timing.fresh_process import TimingFailed, in_fresh_process
from tradeoff.measure.timing.process import is_out_of_memory, time_throughput, time_variant
from tradeoff.records.latency import timed_columns
from tradeoff.variants import Variant

SMALL = tradeoff.ClipShape(8, 32, 32)
QUICK = LatencyProtocol(seconds=0.01, processes=2, spacing=0, threads=1, views="10x3", throughput=(2,))
VARIANT = Variant.parse("S3D-G", width=0.0625, classes=3)


def test_a_variant_is_timed_in_a_fresh_process() -> None:
    once = tradeoff.latency(VARIANT, (8, 32, 32), QUICK)
    values = once.values
    assert once.outcome == "measured"
    assert once.median_ms == pytest.approx(float(np.median(once.samples_ms)), rel=1e-6)
    assert once.low_ms <= once.median_ms <= once.high_ms
    assert values["samples"] == len(once.samples_ms)
    assert values["host"]["samples"] == len(once.arrays["host_samples_ms"])
    assert values["warm_up"] == len(once.arrays["warm_up_ms"])
    assert values["video"] == {"views": "10x3", "ms": pytest.approx(30 * values["host"]["median_ms"])}
    assert values["error"] < values["tolerance"] == 1e-3
    assert len(values["cores"]) <= 1
    assert values["memory"]["peak_bytes"] > 0 and values["yardstick"]["gflops"] > 0
    macs = tradeoff.cost(VARIANT, (8, 32, 32)).macs
    ideal = 2 * macs / values["yardstick"]["gflops"] / 1e6
    assert values["roofline"]["fraction"] == pytest.approx(ideal / once.median_ms)
    assert [rate["batch"] for rate in values["throughput"]] == [1, 2]
    assert values["throughput"][0]["clips_per_second"] == pytest.approx(1e3 / once.median_ms)
    convolutions = sum(isinstance(each, nn.Conv3d) for each in tradeoff.build(VARIANT).modules())
    assert sum(values["convolutions"].values()) == convolutions
    assert set(values["timed"]) == {"device", "host"}


def test_rounds_over_processes_and_a_failure_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []

    def scripted(variant: Variant, clip: Any, protocol: Any, device: str, beside: bool) -> Latency:
        asked.append((variant.name, beside))
        if variant.name == "I3D":
            raise RuntimeError("it broke\nat length")
        outcome = "out of memory" if variant.name == "S3D" else "measured"
        figures = {"median_ms": 1.0, "low_ms": 0.9, "high_ms": 1.1, "steady": False} if outcome == "measured" else {}
        return Latency({"outcome": outcome, **figures}, {})

    monkeypatch.setattr(module, "latency", scripted)
    lines: list[str] = []
    chosen = [Variant.parse(name) for name in ("I2D", "I3D", "S3D")]
    timings = latencies(chosen, [QUICK], SMALL, report=lines.append)
    assert asked == [("I2D", True), ("I3D", True), ("S3D", True), ("I2D", False)]
    assert [len(each.processes) for each in timings] == [2, 0, 1]
    assert [each.failure for each in timings] == [None, "RuntimeError: it broke", None]
    assert "never steady" in lines[0] and "out of memory" in lines[2] and "process 2" in lines[3]


def fail_with(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried ..."),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_out_of_memory_is_a_finding(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    assert is_out_of_memory(error)
    monkeypatch.setattr(process, "deploy", fail_with(error))
    monkeypatch.setattr(process, "settle", lambda *_: [])
    found = time_variant(VARIANT, SMALL, QUICK, "cpu")
    assert found.values["outcome"] == "out of memory" and not found.arrays
    assert np.isnan(Latency(found.values, found.arrays).median_ms)
    assert time_throughput(VARIANT, SMALL, QUICK, "cpu") == {"batch": 1, "outcome": "out of memory"}


def test_any_other_error_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "settle", lambda *_: [])
    monkeypatch.setattr(process, "deploy", fail_with(RuntimeError("shapes do not fit")))
    with pytest.raises(RuntimeError, match="shapes"):
        time_variant(VARIANT, SMALL, QUICK, "cpu")


def test_memory_that_is_really_not_there() -> None:
    """More than a processor can address, so that no system promises it and then ends the process."""
    huge = QUICK.model_copy(update={"batch": 60_000})
    assert tradeoff.latency(VARIANT, (8192, 8192, 8192), huge).outcome == "out of memory"


def test_a_process_that_was_killed_says_so() -> None:
    with pytest.raises(TimingFailed, match="exit code 9"):
        in_fresh_process(die)


def test_a_process_that_the_system_ended_for_its_memory_is_out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TimingFailed, match="exit code -9"):
        in_fresh_process(be_killed)  # by somebody else
    kills = iter([3, 4])
    monkeypatch.setattr(fresh_process, "kills_for_memory", lambda: next(kills))
    with pytest.raises(MemoryError):
        in_fresh_process(be_killed)


def test_what_goes_wrong_in_the_process_comes_back_in_its_words() -> None:
    with pytest.raises(TimingFailed) as raised:
        in_fresh_process(break_down)
    assert module.reason(raised.value) == "WrongOutput: its output is"
    assert "break_down" in raised.value.__notes__[0]


def test_processes_of_a_setting_are_kept_apart() -> None:
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    spacing = module.Spacing(lambda: now[0], sleep)
    protocol = QUICK.model_copy(update={"spacing": 60.0})
    spacing.wait(protocol, VARIANT)
    now[0] += 10
    spacing.wait(protocol, Variant.parse("I2D"))  # another's first
    spacing.wait(protocol, VARIANT)
    now[0] += 75
    spacing.wait(protocol, VARIANT)
    assert slept == [50.0]


def test_one_process_is_a_quick_look_and_several_have_an_interval_over_them() -> None:
    def measured(ms: float) -> dict[str, Any]:
        part = {"median_ms": ms, "low_ms": 0.9 * ms, "high_ms": 1.1 * ms, "steady": ms < 2}
        return part | {"host": part, "video": {"views": "1x1", "ms": ms}, "first_pass_ms": 5 * ms, "prepare_s": ms} | {
            "memory": {"peak_bytes": int(ms * 100)},
            "error": ms / 100,
            "roofline": {"fraction": ms / 10, "bound": "compute"},
            "throughput": [{"batch": 1, "clips_per_second": 1e3 / ms}, {"batch": 4, "outcome": "out of memory"}],
        }  # fmt: skip

    alone = timed_columns([measured(1.0)])
    assert (alone["latency_ms"], alone["latency_low_ms"], alone["latency_high_ms"]) == (1.0, 0.9, 1.1)
    assert "one process" in alone["latency_interval"]
    both = timed_columns([measured(1.0), measured(4.0)])
    assert both["latency_ms"] == pytest.approx(2.0)
    # Student t with 1 degree of freedom, 12.706, over logarithms that are log 4 apart: half width 12.706 * log 4 / 2.
    assert both["latency_high_ms"] == pytest.approx(2.0 * 4 ** (12.7062 / 2), rel=1e-3)
    assert (both["steady_processes"], both["first_pass_ms"], both["output_error"]) == (1, 20.0, 0.04)
    assert (both["clips_per_second"], both["throughput_batch"]) == (1000.0, 1)
    assert both["matrix_fraction"] == pytest.approx(0.2)  # sqrt(0.1 * 0.4)
    assert both["matrix_fraction_high"] == pytest.approx(0.2 * 4 ** (12.7062 / 2), rel=1e-3)


def test_threads_are_part_of_the_protocol_once_resolved() -> None:
    assert module.resolve_threads(LatencyProtocol()).fields()["threads"] == torch.get_num_threads()
    assert module.resolve_threads(LatencyProtocol(threads=7, processes=3, spacing=1, throughput=(9,))).fields() == {
        "batch": 1,
        "precision": "float32",
        "layout": "channels_last_3d",
        "runtime": "eager",
        "threads": 7,
    }
    assert LatencyProtocol(cache="cold", views="10x3", seconds=3).fields().items() >= {
        ("cache", "cold"),
        ("views", "10x3"),
        ("seconds", 3.0),
    }


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:0", "cuda:99", ""])
def test_an_unknown_or_absent_device_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="device"):
        resolve_device(name)


def test_a_record_says_where_it_was_made() -> None:
    cpu = resolve_device("cpu")
    assert machine(cpu)["torch"] == torch.__version__
    assert "openvino" not in machine(cpu)
    assert provenance(cpu)["device"].startswith("cpu ")
    assert len(source_digest()) == 16


def test_a_runtime_s_source_is_part_of_its_own_digest_only(tmp_path: Path) -> None:
    assert source_digest("eager") != source_digest("openvino")
    assert source_digest("compile") == source_digest("compile-frozen")  # of one file
