"""Whose load it is, which cores are taken, and what peaks are made of; the system's own counters are scripted."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from tradeoff.measure.timing import load
from tradeoff.measure.timing.load import LoadWatch, PeakMemory, pin, preference, resident_bytes

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
MIB = 1 << 20
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux' /proc and affinities")


def watched(
    monkeypatch: pytest.MonkeyPatch, wall: list[float], own: list[float], system: list[dict[str, float]]
) -> LoadWatch:
    """A watch over a block at whose start and end the system says this."""
    readings = (iter(wall), iter(own), iter(system))
    monkeypatch.setattr(load.time, "perf_counter", lambda: next(readings[0]))
    monkeypatch.setattr(load.time, "process_time", lambda: next(readings[1]))
    monkeypatch.setattr(psutil, "cpu_times", lambda: SimpleNamespace(**next(readings[2])))
    with LoadWatch() as watch:
        pass
    return watch


def test_the_load_of_others_is_what_we_did_not_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    start = {"user": 100.0, "nice": 1.0, "system": 50.0, "idle": 900.0, "iowait": 3.0, "irq": 0.0, "softirq": 2.0}
    end = {"user": 112.0, "nice": 2.0, "system": 53.0, "idle": 921.0, "iowait": 9.0, "irq": 1.0, "softirq": 3.0}
    watch = watched(
        monkeypatch,
        wall=[1000.0, 1010.0],
        own=[5.0, 14.0],
        system=[start | {"steal": 4.0, "guest": 9.0}, end | {"steal": 6.0, "guest": 19.0}],
    )
    # Busy 12 + 1 + 3 + 1 + 1 = 18 s in 10 s, 9 s of them ours; guests are in `user` already.
    assert watch.as_record() == {"others_cpus": 0.9, "own_cpus": 0.9, "seconds": 10.0, "steal_cpus": 0.2}


def test_load_is_never_negative_and_steal_is_not_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system counts in ticks, a process in nanoseconds."""
    watch = watched(
        monkeypatch,
        wall=[0.0, 2.0],
        own=[0.0, 1.0],
        system=[{"user": 0.0, "system": 0.0}, {"user": 0.9, "system": 0.05}],
    )
    assert watch.as_record() == {"others_cpus": 0.0, "own_cpus": 0.5, "seconds": 2.0}
    assert watch.steal_cpus is None


def test_the_system_has_what_a_watch_reads() -> None:
    with LoadWatch() as watch:
        sum(range(1000))
    assert set(watch.as_record()) >= {"others_cpus", "own_cpus", "seconds"}


def siblings(folder: Path, groups: list[list[int]]) -> Path:
    """/sys/devices/system/cpu of physical cores with these threads each."""
    for group in groups:
        for core in group:
            topology = folder / f"cpu{core}" / "topology"
            topology.mkdir(parents=True)
            (topology / "thread_siblings_list").write_text(",".join(map(str, group)) + "\n")
    return folder


@pytest.mark.parametrize(
    ("groups", "cores", "expected"),
    [
        ([], {0, 1, 2, 3}, [3, 2, 1, 0]),  # a system that does not say
        ([[0, 4], [1, 5], [2, 6], [3, 7]], set(range(8)), [7, 6, 5, 4, 3, 2, 1, 0]),
        ([[0, 1], [2, 3]], {0, 1, 2, 3}, [3, 1, 2, 0]),
        ([[0, 1], [2, 3]], {0, 2, 3}, [3, 0, 2]),
    ],
)
def test_physical_cores_come_first_and_the_highest_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, groups: list[list[int]], cores: set[int], expected: list[int]
) -> None:
    monkeypatch.setattr(load, "CPUS", siblings(tmp_path, groups))
    assert preference(cores) == expected


@on_linux
def test_every_thread_of_the_process_is_pinned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pinned: dict[int, list[int]] = {}

    def affinity(task: int, cores: list[int]) -> None:
        if task == 12:
            raise ProcessLookupError
        pinned[task] = cores

    for task in (11, 12, 13):
        (tmp_path / "task" / str(task)).mkdir(parents=True)
    monkeypatch.setattr(load, "PROC", tmp_path)
    monkeypatch.setattr(load, "CPUS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 5, 6})
    monkeypatch.setattr(os, "sched_setaffinity", affinity)
    assert pin(2) == [5, 6]
    assert pinned == {11: [5, 6], 13: [5, 6]}
    assert pin(64) == [0, 1, 5, 6]


@on_linux
def test_the_system_takes_a_pin() -> None:
    """To where it may run already, so that nothing changes for other tests."""
    before = os.sched_getaffinity(0)
    assert set(pin(len(before))) == before == os.sched_getaffinity(0)


def test_elsewhere_nothing_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load.sys, "platform", "darwin")
    assert pin(2) == []


def test_a_peak_is_above_what_is_left_of_it() -> None:
    peak = PeakMemory(CPU)
    peak.reset()
    before = peak.bytes()
    torch.ones(64 * MIB, dtype=torch.uint8)  # freed at once
    assert peak.bytes() >= resident_bytes() > 0
    if peak.method == "VmHWM":
        assert peak.bytes() > before + 48 * MIB
        peak.reset()
        assert peak.bytes() < before + 48 * MIB


def test_a_peak_that_cannot_be_reset_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "status").write_text("Name:\tpython\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n")
    (tmp_path / "clear_refs").mkdir()  # nothing that can be written to
    monkeypatch.setattr(load, "PROC", tmp_path)
    peak = PeakMemory(CPU)
    peak.reset()
    assert (peak.method, peak.bytes()) == ("VmHWM since start", 2 * MIB)


@pytest.mark.skipif(sys.platform == "win32", reason="needs getrusage")
def test_without_proc_the_peak_is_the_systems(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import resource

    monkeypatch.setattr(load, "PROC", tmp_path / "absent")
    monkeypatch.setattr(load.sys, "platform", "linux")
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=3072))
    peak = PeakMemory(CPU)
    peak.reset()
    assert (peak.method, peak.bytes()) == ("ru_maxrss since start", 3 * MIB)


def test_on_cuda_the_peak_is_pytorchs(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", log.append)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 7 * MIB if device == GPU else 0)
    peak = PeakMemory(GPU)
    peak.reset()
    assert (log, peak.method, peak.bytes()) == ([GPU], "max_memory_allocated", 7 * MIB)
