"""What the machine does at that minute: the rate of a large matrix product, and of copying memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from tradeoff.measure.timing.clocks import Clock
from tradeoff.precision import DTYPES, allow_tf32

SIDE = {"cpu": 2048, "cuda": 8192}
"""Large enough that the product is bound by arithmetic: 2 n^3 operations on 3 n^2 numbers."""
COPIED = {"cpu": 2**28, "cuda": 2**30}
"""Bytes: many times the processor's caches."""
LEAST, SECONDS = 5, 0.5


@dataclass(frozen=True)
class Yardstick:
    """gflops: 10^9 floating-point operations a second (two for a multiply-add) of a square product of `matrix` rows.
    copy_gb_s: 10^9 bytes a second, read and written ones both counted."""

    gflops: float
    copy_gb_s: float
    matrix: int
    precision: str

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


def yardstick(precision: str, device: torch.device, clock: Clock) -> Yardstick:
    """Measure both in this process, with its threads: the median of at least five goes, half a second each."""
    side, dtype = SIDE[device.type], DTYPES[precision]
    allow_tf32(precision == "tf32")
    a, b = (torch.rand(side, side, device=device).to(dtype) for _ in range(2))
    product = torch.empty_like(a)
    source = torch.ones(COPIED[device.type], dtype=torch.uint8, device=device)
    copy = torch.empty_like(source)
    with torch.inference_mode():
        multiply = _median_ms(lambda: torch.mm(a, b, out=product), clock)
        move = _median_ms(lambda: copy.copy_(source), clock)
    return Yardstick(2 * side**3 / multiply / 1e6, 2 * source.nbytes / move / 1e6, side, precision)


def _median_ms(run: Callable[[], object], clock: Clock) -> float:
    clock.passes(run, 1)  # the first allocates, and touches the pages
    taken: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(taken) < LEAST or time.perf_counter() < end:
        taken += clock.passes(run, 1)
    return statistics.median(taken)
