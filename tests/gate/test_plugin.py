"""`latency_benchmark` in suites of a user's, each a pytest of its own; how long anything takes is asserted nowhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tradeoff.errors import InputError
from tradeoff.gate.plugin import MISSING, LatencyBenchmark
from tradeoff.measure.timing import clocks, deployment
from tradeoff.measure.timing.sampling import LEAST
from tradeoff.records.statistics import median_interval

OURS, THEIRS = ("-p", "tradeoff.gate.plugin"), ("-p", "pytest_benchmark.plugin")

SUITE = """
import pytest
import torch
from pytest_benchmark.fixture import FixtureAlreadyUsed
from torch import nn

from tradeoff.errors import InputError

FAST = {"seconds": 0.05, "yardstick": False}


@pytest.mark.benchmark(group="networks")
def test_network(latency_benchmark):
    torch.backends.cuda.matmul.allow_tf32 = True
    network, clip = nn.Conv3d(3, 4, 3).eval(), torch.rand(1, 3, 4, 8, 8)
    features = latency_benchmark(network, clip, seconds=0.05, target=0.2)
    assert torch.allclose(features, network(clip), atol=1e-5) and features.is_inference()
    assert torch.backends.cuda.matmul.allow_tf32
    assert not torch.is_inference_mode_enabled()


def test_callable(latency_benchmark, record_property):
    calls = []

    def count(start, step):
        calls.append(start + step * len(calls))
        return calls[-1]

    last = latency_benchmark(count, 10, step=2, **FAST)
    assert last == calls[-1]
    record_property("calls", len(calls))


def test_twice(latency_benchmark):
    latency_benchmark(len, "once", **FAST)
    with pytest.raises(FixtureAlreadyUsed):
        latency_benchmark(len, "twice", **FAST)


def test_failing(latency_benchmark):
    with pytest.raises(ZeroDivisionError):
        latency_benchmark(divmod, 1, 0, **FAST)


@pytest.mark.parametrize(
    ("options", "said"), [({"target": 1}, "target 1 "), ({"seconds": 0}, "seconds 0 "), ({"device": "tpu"}, "'tpu'")]
)
def test_wrong_options(latency_benchmark, options, said):
    with pytest.raises(InputError, match=said):
        latency_benchmark(len, "", **options)


def test_wrong_device(latency_benchmark):
    with pytest.raises(InputError, match="'meta'"):
        latency_benchmark(nn.Linear(2, 2, device="meta"), torch.ones(2), **FAST)


def test_of_theirs(benchmark):
    benchmark(len, "theirs")


def test_without_a_benchmark():
    raise AssertionError("--benchmark-only leaves this one out")
"""

ONE_CALL = """
import sys

calls = []


def test_once(latency_benchmark):
    assert latency_benchmark(lambda value: calls.append(value) or len(calls), "a") == 1
    assert calls == ["a"]
    assert not latency_benchmark.benchmark.extra_info
"""

NEVER_RUN = """
import sys


def test_it(latency_benchmark):
    latency_benchmark(len, "")


def test_what_is_loaded():
    assert not {"torch", "scipy", "numpy"} & set(sys.modules)
"""


def run_pytest(folder: Path, suite: str, *arguments: str) -> str:
    """What pytest prints; only the plugins that are named are loaded, wherever tradeoff is installed."""
    (folder / "test_suite.py").write_text(suite)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, "-m", "pytest", "-rA", "--rootdir", str(folder), *arguments, "test_suite.py"]
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "200"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def printed_and_written(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("suite")
    printed = run_pytest(folder, SUITE, *THEIRS, *OURS, "--benchmark-only", "--benchmark-json=out.json")
    assert (folder / "out.json").is_file(), printed
    return printed, json.loads((folder / "out.json").read_text())


def test_a_suite_passes_and_its_files_hold_both_kinds_of_benchmark(
    printed_and_written: tuple[str, dict[str, Any]],
) -> None:
    printed, written = printed_and_written
    assert "9 passed, 1 skipped" in printed
    names = {entry["name"] for entry in written["benchmarks"]}
    assert names == {"test_network", "test_callable", "test_of_theirs"}  # not of those that used it wrongly
    assert "benchmark 'networks': 1 tests" in printed  # the group of its marker


def test_the_passes_that_count_are_pytest_benchmarks_rounds(printed_and_written: tuple[str, dict[str, Any]]) -> None:
    entry = benchmark_named("test_network", printed_and_written)
    found, rounds = entry["extra_info"]["tradeoff"], entry["stats"]["data"]
    assert found["samples"] == entry["stats"]["rounds"] == len(rounds) >= LEAST
    median = median_interval([1e3 * each for each in rounds])
    assert (found["median_ms"], found["low_ms"], found["high_ms"]) == pytest.approx(
        (median.estimate, median.low, median.high)
    )
    assert 1e3 * entry["stats"]["median"] == pytest.approx(found["median_ms"])
    assert entry["stats"]["iterations"] == 1


def test_the_protocol_and_the_machine_of_that_minute_are_beside_them(
    printed_and_written: tuple[str, dict[str, Any]],
) -> None:
    found = benchmark_named("test_network", printed_and_written)["extra_info"]["tradeoff"]
    protocol = found["protocol"]
    assert (protocol["target"], protocol["seconds"], protocol["mode"]) == (0.2, 0.05, "evaluation")
    assert protocol["threads"] >= 1 and protocol["device"].startswith("cpu ")
    assert protocol["clock"] == "the host's clock around each call"
    assert found["yardstick"]["gflops"] > 0 and found["yardstick"]["precision"] == "float32"
    assert found["process"] == 1 and isinstance(found["steady"], bool) and found["warm_up"] >= LEAST
    assert found["load"]["seconds"] > 0 and "others_cpus" in found["load"]
    assert found["versions"]["torch"] == torch.__version__ and "tradeoff" in found["versions"]


def test_the_yardstick_can_be_left_out_and_a_callable_has_no_mode(
    printed_and_written: tuple[str, dict[str, Any]],
) -> None:
    found = benchmark_named("test_callable", printed_and_written)["extra_info"]["tradeoff"]
    assert "yardstick" not in found and "mode" not in found["protocol"]


def benchmark_named(name: str, printed_and_written: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return next(entry for entry in printed_and_written[1]["benchmarks"] if entry["name"] == name)


def test_a_disabled_benchmark_is_one_call(tmp_path: Path) -> None:
    assert "1 passed" in run_pytest(tmp_path, ONE_CALL, *THEIRS, *OURS, "--benchmark-disable")


def test_it_is_skipped_as_theirs_are_and_then_nothing_slow_is_loaded(tmp_path: Path) -> None:
    printed = run_pytest(tmp_path, NEVER_RUN, *THEIRS, *OURS, "--benchmark-skip")
    assert "1 passed, 1 skipped" in printed and "--benchmark-skip active" in printed


def test_without_pytest_benchmark_it_says_what_to_install(tmp_path: Path) -> None:
    printed = run_pytest(tmp_path, NEVER_RUN, *OURS)
    assert "1 passed, 1 error" in printed and MISSING in printed and "Traceback" not in printed


def test_importing_the_plugin_loads_nothing_slow() -> None:
    slow = "{'torch', 'scipy', 'numpy', 'pandas', 'pydantic', 'psutil'}"
    code = f"import sys, tradeoff.gate.plugin; print(sorted({slow} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


class Benchmark:
    """As much of pytest-benchmark's fixture as is used."""

    def __init__(self) -> None:
        self.disabled, self.extra_info = False, dict[str, Any]()
        self.stats = SimpleNamespace(stats=SimpleNamespace(data=[]), update=self.update)

    def update(self, duration: float) -> None:
        self.stats.stats.data.append(duration)

    def pedantic(self, run: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], rounds: int) -> Any:
        assert rounds == 1
        result = run(*args, **kwargs)
        self.update(99.0)
        return result


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine with two GPUs, and everything that is asked of CUDA, in order."""
    entries: list[str] = []

    class Clock:
        def __init__(self, device: torch.device) -> None:
            self.device = device

        def passes(self, run: Callable[[], object], count: int) -> list[float]:
            entries.append(f"pass on {self.device}")
            return [100.0 for _ in range(count) if run() or True]

    @contextmanager
    def within(name: str) -> Iterator[None]:
        entries.append(f"enter {name}")
        yield
        entries.append(f"leave {name}")

    for name, stand_in in {
        "is_available": lambda: True,
        "device_count": lambda: 2,
        "get_device_name": lambda device: "NVIDIA H100",
        "device": lambda device: within(str(device)),
        "set_device": lambda device: None,
        "synchronize": lambda device: entries.append("wait"),
        "Stream": lambda device: "side stream",
        "stream": within,
    }.items():
        monkeypatch.setattr(deployment.torch.cuda, name, stand_in)
    monkeypatch.setattr(clocks, "EventClock", Clock)
    return entries


def test_on_cuda_events_time_it_in_a_stream_of_its_own(log: list[str]) -> None:
    benchmark = Benchmark()
    timed = LatencyBenchmark(benchmark)  # type: ignore[arg-type]
    assert timed(lambda: len(log), device="cuda:1", yardstick=False) == len(log) - 3  # what left is in the log now
    assert log[:3] == ["enter cuda:1", "wait", "enter side stream"]
    assert set(log[3:-3]) == {"pass on cuda:1"}
    assert log[-3:] == ["leave side stream", "wait", "leave cuda:1"]
    assert benchmark.stats.stats.data == [0.1] * LEAST  # and not the one round of pedantic
    protocol = benchmark.extra_info["tradeoff"]["protocol"]
    assert protocol["device"] == "cuda NVIDIA H100" and "CUDA events" in protocol["clock"]


class OnDevice(torch.Tensor):
    """A tensor that says it is on a GPU."""

    place = "cuda:0"

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return torch.device(self.place)


class OnAnother(OnDevice):
    place = "cuda:1"


def test_the_device_is_the_one_that_tensors_are_on_however_deep(log: list[str]) -> None:
    clip = torch.ones(1).as_subclass(OnDevice)
    LatencyBenchmark(Benchmark())(lambda batch: None, {"clips": [torch.ones(1), clip]}, yardstick=False)  # type: ignore[arg-type]
    assert log[0] == "enter cuda:0"


def test_two_gpus_are_refused(log: list[str]) -> None:
    tensors = [torch.ones(1).as_subclass(kind) for kind in (OnDevice, OnAnother)]
    with pytest.raises(InputError, match="on cuda:0 and cuda:1: use one device"):
        LatencyBenchmark(Benchmark())(lambda *clips: None, *tensors)  # type: ignore[arg-type]
