"""Clocks: how long each of a row of passes takes, on the host or on a CUDA device, with warm or with cold caches."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch

UNKNOWN_CACHE_BYTES = 256 << 20
CPUS = Path("/sys/devices/system/cpu")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class Clock(Protocol):
    """Times passes one by one."""

    def passes(self, run: Callable[[], object], count: int) -> list[float]:
        """Call `run` `count` times: the milliseconds of each, in the order they ran."""
        ...


class WallClock:
    """The host's clock around each call; `before` is called ahead of each, outside of what is timed."""

    def __init__(self, before: Callable[[], object] | None = None) -> None:
        self.before = before

    def passes(self, run: Callable[[], object], count: int) -> list[float]:
        """Milliseconds of each call: `run` has to wait for whatever it is to be timed with."""
        return [self._once(run) for _ in range(count)]

    def _once(self, run: Callable[[], object]) -> float:
        if self.before is not None:
            self.before()
        start = time.perf_counter_ns()
        run()
        return (time.perf_counter_ns() - start) / 1e6


class EventClock:
    """The device's own clock: a pair of CUDA events around each pass in the stream that `run` launches into.

    All passes are queued before the device is waited for once, so the host is not timed unless it launches slower
    than the device works. `before` is queued ahead of each pair, outside of what is timed.
    """

    def __init__(self, device: torch.device, before: Callable[[], object] | None = None) -> None:
        self.device, self.before = device, before

    def passes(self, run: Callable[[], object], count: int) -> list[float]:
        """Milliseconds between each pair. What `run` raises is raised here, CUDA's own errors included."""
        stream = torch.cuda.current_stream(self.device)
        pairs = [(self._event(stream), self._event(stream)) for _ in range(count)]
        for start, end in pairs:
            if self.before is not None:
                self.before()
            start.record(stream)
            run()
            end.record(stream)
        torch.cuda.synchronize(self.device)
        return [float(start.elapsed_time(end)) for start, end in pairs]

    def _event(self, stream: torch.cuda.Stream) -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(stream)  # CUDA creates an event when it is first recorded, which is no part of a pass
        return event


def flush(device: torch.device) -> Callable[[], object]:
    """A call that overwrites the caches of `device` by writing twice their size; on CUDA it is queued in the current
    stream. The buffer stays allocated as long as the call is kept."""
    buffer = torch.zeros(2 * cache_bytes(device), dtype=torch.uint8, device=device)
    if device.type == "cuda":
        return buffer.zero_
    # Reading before writing keeps it from being turned into stores that go past the caches.
    return lambda: buffer.add_(1)


def cache_bytes(device: torch.device) -> int:
    """The last cache before memory: a GPU's L2; of a CPU every L3 that this process' cores have. 256 MiB where the
    system does not say."""
    if device.type == "cuda":
        size = getattr(torch.cuda.get_device_properties(device), "L2_cache_size", 0)
    else:
        size = _l3_bytes()
    return int(size) or UNKNOWN_CACHE_BYTES


def _l3_bytes() -> int:
    """Cores that share an L3 name the same cores in `shared_cpu_list`, so each L3 is counted once."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}
    sizes: dict[str, int] = {}
    for core in cores:
        level = CPUS / f"cpu{core}" / "cache" / "index3"
        try:
            sizes[(level / "shared_cpu_list").read_text()] = _parse((level / "size").read_text())
        except OSError:
            continue  # no such cache, or a system that does not show it
    return sum(sizes.values())


def _parse(size: str) -> int:
    """Bytes of `32768K`; 0 for anything that is not a size."""
    found = re.fullmatch(r"([0-9]+)([KMG]?)", size.strip())
    return int(found[1]) * _UNITS[found[2]] if found else 0
