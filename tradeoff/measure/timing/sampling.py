"""When a series of passes is steady, and when there are enough of them. No clock and no torch of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tradeoff.records.statistics import CONFIDENCE, median_interval

Floats = NDArray[np.float64]
Passes = Callable[[int], list[float]]
"""Times that many passes, one after the other: milliseconds of each."""

LEAST = 12
"""Passes below which the change-point test cannot reject anything, whatever they show."""
SPAN_MS = 500.0
"""Clocks and caches settle in tenths of a second: what is judged steady lasts at least this long."""
MOST = 20_000
QUEUE_MS = 50.0
_GROWTH = 1.25


@dataclass(frozen=True)
class Series:
    """Passes in the order they ran, milliseconds each: those of warm-up, then those that count.

    steady: whether the ones that count show no change-point; if not, their median describes a moving target.
    """

    warm_up: Floats
    samples: Floats
    steady: bool


def sample(passes: Passes, target: float, seconds: float, clock: Callable[[], float] = time.perf_counter) -> Series:
    """Pass until the series is steady, then until its median is known to within `target` (a fraction of it).

    Of what ran so far the first half is warm-up, as soon as the second half is steady; both phases may take `seconds`
    each (by `clock`, seconds), and at least `LEAST` passes count. Passes are asked for in blocks of `QUEUE_MS`, so
    that on a GPU there is one synchronisation a block.
    """
    taken: list[float] = []
    end = clock() + seconds
    while not (_settled(taken) or (len(taken) >= 2 * LEAST and clock() >= end) or len(taken) >= MOST):
        _extend(taken, passes, MOST - len(taken))
    start = len(taken) // 2
    end = clock() + seconds
    while len(taken) - start < LEAST or not (
        _known(taken[start:], target) or clock() >= end or len(taken) - start >= MOST
    ):
        _extend(taken, passes, MOST - (len(taken) - start))
    series = np.array(taken, dtype=np.float64)
    return Series(series[:start], series[start:], is_steady(series[start:]))


def _extend(taken: list[float], passes: Passes, most: int) -> None:
    """By a block: a quarter more than there is, no more than fits into `QUEUE_MS`, and at most `most`."""
    typical = float(np.median(taken[-LEAST:])) if taken else QUEUE_MS
    room = int(QUEUE_MS / max(typical, 1e-6))
    taken += passes(max(1, min(room, int(len(taken) * (_GROWTH - 1)), most)))


def _settled(taken: list[float]) -> bool:
    tail = np.array(taken[len(taken) // 2 :])
    return len(tail) >= LEAST and float(tail.sum()) >= SPAN_MS and is_steady(tail)


def is_steady(samples: Floats, immaterial: float = 0.01) -> bool:
    """Whether (n,) passes show no change-point, or one between medians that differ by less than `immaterial`."""
    place, p = change_point(samples)
    if p > 1 - CONFIDENCE:
        return True
    before, after = np.median(samples[:place]), np.median(samples[place:])
    return bool(abs(after - before) <= immaterial * np.median(samples))


def change_point(samples: Floats) -> tuple[int, float]:
    """(how many samples are before the likeliest change of level, the p-value that there is none).

    Pettitt's test (Applied Statistics 28, 1979): K = max |U_t|, U_t = 2 * (sum of the first t ranks) - t (n + 1), and
    p = 2 exp(-6 K^2 / (n^3 + n^2)). It is by ranks, so a single slow pass is one rank and no more.
    """
    n = len(samples)
    ranks = stats.rankdata(samples)
    u = np.abs(2 * np.cumsum(ranks)[:-1] - np.arange(1, n) * (n + 1))
    place = int(u.argmax())
    return place + 1, min(1.0, 2 * float(np.exp(-6 * u[place] ** 2 / (n**3 + n**2))))


def _known(samples: list[float], target: float) -> bool:
    interval = median_interval(samples)
    return (interval.high - interval.low) / 2 <= target * interval.estimate
