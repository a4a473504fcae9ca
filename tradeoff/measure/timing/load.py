"""The CPU beside a measurement: who else keeps it busy, which cores are ours, and how much memory we take."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import torch

CPUS = Path("/sys/devices/system/cpu")
PROC = Path("/proc/self")
_BUSY = ("user", "nice", "system", "irq", "softirq")  # `user` has guests in it already


class LoadWatch:
    """How busy the machine was while the block ran, in CPUs: 0.5 is half of one of them. A mean over the whole block,
    and no finer than the system's own ticks, so not of use for less than a second.

    others_cpus: kept busy by other processes, our children among them. own_cpus: by this one, all of its threads.
    steal_cpus: what the hypervisor gave to other machines; None where the system does not say. seconds: the span.
    """

    def __enter__(self) -> LoadWatch:
        self.seconds = self.own_cpus = self.others_cpus = 0.0
        self.steal_cpus: float | None = None
        self._start = _Times()
        return self

    def __exit__(self, *_: object) -> None:
        start, end = self._start, _Times()
        self.seconds = end.wall - start.wall
        span = max(self.seconds, 1e-9)
        own = end.own - start.own
        self.own_cpus = own / span
        self.others_cpus = max(0.0, end.busy - start.busy - own) / span
        if start.steal is not None and end.steal is not None:
            self.steal_cpus = max(0.0, end.steal - start.steal) / span

    def as_record(self) -> dict[str, Any]:
        """After the block: `others_cpus`, `own_cpus`, `seconds`, and `steal_cpus` where there is one."""
        record = {"others_cpus": self.others_cpus, "own_cpus": self.own_cpus, "seconds": self.seconds}
        if self.steal_cpus is not None:
            record["steal_cpus"] = self.steal_cpus
        return {name: round(value, 3) for name, value in record.items()}


class _Times:
    """Seconds so far: of the wall, of the machine's CPUs together, of this process."""

    def __init__(self) -> None:
        system = psutil.cpu_times()
        self.wall = time.perf_counter()
        self.own = time.process_time()
        self.busy = sum(getattr(system, name, 0.0) for name in _BUSY)
        self.steal: float | None = getattr(system, "steal", None)


def pin(threads: int) -> list[int]:
    """Keep this process, the threads that it has and will have, to `threads` of the cores that it may use: their
    numbers, in order. All of them where there are not as many; none, and nothing done, where the system cannot.

    The highest-numbered, since interrupts are mostly served by the lowest; two threads of one physical core only where
    there is no other.
    """
    if sys.platform != "linux":
        return []
    cores = sorted(preference(os.sched_getaffinity(0))[:threads])
    # The system pins threads one by one, and PyTorch's pool may be there already.
    for task in sorted(int(path.name) for path in (PROC / "task").iterdir()):
        try:
            os.sched_setaffinity(task, cores)
        except ProcessLookupError:
            continue  # it has ended meanwhile
    return cores


def preference(cores: set[int]) -> list[int]:
    """Cores in the order in which they are to be taken."""
    taken = Counter[str]()
    ranked = []
    for core in sorted(cores, reverse=True):
        physical = _siblings(core)
        ranked.append((taken[physical], -core))
        taken[physical] += 1
    return [-core for _, core in sorted(ranked)]


def _siblings(core: int) -> str:
    """The same text for all threads of a physical core."""
    try:
        return (CPUS / f"cpu{core}" / "topology" / "thread_siblings_list").read_text().strip()
    except OSError:
        return str(core)


class PeakMemory:
    """The most memory that was taken at once since `reset`.

    method: how it is known. `max_memory_allocated` is PyTorch's tensors on a CUDA device, not what other libraries
    allocate there. `VmHWM` is this process' resident memory; `since start` behind it, and `ru_maxrss`, stand for
    systems that cannot reset it, so that an earlier peak hides a later one.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.method = "max_memory_allocated" if device.type == "cuda" else _resident_method(resettable=False)

    def reset(self) -> None:
        """Count from here on."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            return
        self.method = _resident_method(resettable=_reset_resident_peak())

    def bytes(self) -> int:
        """The peak so far."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        peak = _high_water_mark()
        return _maxrss() if peak is None else peak


def resident_bytes() -> int:
    """What this process has in memory now."""
    return int(psutil.Process().memory_info().rss)


def _resident_method(resettable: bool) -> str:
    if _high_water_mark() is None:
        return "ru_maxrss since start"
    return "VmHWM" if resettable else "VmHWM since start"


def _reset_resident_peak() -> bool:
    """Whether the kernel took it: 5 sets the peak to what is resident now."""
    try:
        (PROC / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _high_water_mark() -> int | None:
    """Linux's own count of the peak, in bytes; None where it has none."""
    try:
        lines = (PROC / "status").read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(found[0]) * 1024 if found else None


def _maxrss() -> int:
    """The peak since the process began. POSIX counts kilobytes, macOS bytes, and Windows has it elsewhere."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
