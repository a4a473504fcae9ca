"""What clocks put inside and outside of what they time; how long anything takes is asserted nowhere."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tradeoff.measure.timing import clocks
from tradeoff.measure.timing.clocks import EventClock, WallClock, cache_bytes, flush

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


def ticking(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A clock for the host that only moves when a test says so."""
    now = {"ns": 0}
    monkeypatch.setattr(clocks.time, "perf_counter_ns", lambda: now["ns"])
    return now


def test_the_wall_clock_counts_milliseconds_of_each_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    now, durations = ticking(monkeypatch), iter([2_500_000, 1_000_000, 250_000])

    def run() -> None:
        now["ns"] += next(durations)

    assert WallClock().passes(run, 3) == [2.5, 1.0, 0.25]


def test_what_comes_before_a_pass_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    now, order = ticking(monkeypatch), []

    def before() -> None:
        order.append("before")
        now["ns"] += 7_000_000

    def run() -> None:
        order.append("run")
        now["ns"] += 1_000_000

    assert WallClock(before).passes(run, 2) == [1.0, 1.0]
    assert order == ["before", "run"] * 2


@pytest.fixture
def device_log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """CUDA's events and stream replaced by ones that write down what is queued; a device's time passes with each
    entry of work: `run` takes 3 ms, `before` 5 ms."""
    log: list[str] = []

    class Event:
        def __init__(self, enable_timing: bool = False) -> None:
            assert enable_timing
            self.created = False

        def record(self, stream: str) -> None:
            assert stream == "stream of cuda:0"
            log.append("record" if self.created else "create")
            self.created = True
            self.at = 3.0 * log.count("run") + 5.0 * log.count("before")

        def elapsed_time(self, end: Event) -> float:
            assert log[-1] == "synchronize cuda:0", "read before the device was done"
            return end.at - self.at

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"stream of {device}")
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: log.append(f"synchronize {device}"))
    return log


def test_every_pass_is_queued_before_the_one_synchronisation(device_log: list[str]) -> None:
    times = EventClock(GPU).passes(lambda: device_log.append("run"), 3)
    assert times == [3.0, 3.0, 3.0]
    assert device_log == ["create"] * 6 + ["record", "run", "record"] * 3 + ["synchronize cuda:0"]


def test_what_comes_before_a_pass_is_queued_outside_of_its_events(device_log: list[str]) -> None:
    clock = EventClock(GPU, before=lambda: device_log.append("before"))
    assert clock.passes(lambda: device_log.append("run"), 2) == [3.0, 3.0]
    assert device_log[4:] == ["before", "record", "run", "record"] * 2 + ["synchronize cuda:0"]


def test_what_a_pass_raises_is_raised(device_log: list[str]) -> None:
    def run() -> None:
        raise RuntimeError("CUDA out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        EventClock(GPU).passes(run, 2)


def caches(folder: Path, cores: dict[int, tuple[str, str]]) -> Path:
    """/sys/devices/system/cpu of cores with an L3 of a size, shared by some."""
    for core, (size, shared) in cores.items():
        level = folder / f"cpu{core}" / "cache" / "index3"
        level.mkdir(parents=True)
        (level / "size").write_text(size + "\n")
        (level / "shared_cpu_list").write_text(shared + "\n")
    return folder


@pytest.mark.parametrize(
    ("cores", "expected"),
    [
        ({0: ("32768K", "0-1"), 1: ("32768K", "0-1")}, 32 << 20),
        ({0: ("32768K", "0"), 1: ("16M", "1")}, 48 << 20),  # two dies: each has its own
        ({0: ("odd", "0-1")}, 256 << 20),
        ({}, 256 << 20),
    ],
)
def test_each_l3_of_the_cores_in_use_counts_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cores: dict[int, tuple[str, str]], expected: int
) -> None:
    monkeypatch.setattr(clocks, "CPUS", caches(tmp_path, cores))
    monkeypatch.setattr(clocks.os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    assert cache_bytes(CPU) == expected


def test_a_gpus_cache_is_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(L2_cache_size=60 << 20))
    assert cache_bytes(GPU) == 60 << 20
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace())
    assert cache_bytes(GPU) == 256 << 20


def test_a_flush_writes_twice_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "cache_bytes", lambda device: 1000)
    overwrite = flush(CPU)
    first = overwrite()
    assert isinstance(first, torch.Tensor)
    assert first.tolist() == [1] * 2000
    assert overwrite() is not None
    assert first.tolist() == [2] * 2000  # the same memory again
