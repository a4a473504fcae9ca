"""When warm-up ends and when sampling does, on scripted series; how long anything takes is asserted nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.measure.timing.sampling import LEAST, MOST, change_point, is_steady, sample
from tradeoff.records.statistics import median_interval


class Script:
    """Passes that take what a script says, and a clock that they move."""

    def __init__(self, script: Callable[[int], float]) -> None:
        self.script, self.blocks, self.ran = script, [], 0
        self.seconds = 0.0

    def passes(self, count: int) -> list[float]:
        taken = [self.script(self.ran + i) for i in range(count)]
        self.ran += count
        self.blocks.append(count)
        self.seconds += sum(taken) / 1e3
        return taken

    def clock(self) -> float:
        return self.seconds


def run(script: Callable[[int], float], target: float = 0.01, seconds: float = 10.0):  # type: ignore[no-untyped-def]
    scripted = Script(script)
    return sample(scripted.passes, target, seconds, scripted.clock), scripted


def test_a_steady_series_ends_as_soon_as_it_may() -> None:
    series, script = run(lambda i: 100.0)
    assert series.steady
    assert script.ran == len(series.warm_up) + len(series.samples) == 2 * LEAST - 1
    assert set(script.blocks) == {1}  # passes of 100 ms are asked for one by one


def test_slow_first_passes_are_all_warm_up() -> None:
    series, _ = run(lambda i: max(100.0, 400.0 - 10.0 * i), seconds=100)
    assert series.steady
    assert np.median(series.samples) == 100.0  # what is left of the ramp is a few ranks
    assert max(series.samples) <= 150.0 and max(series.warm_up) == 400.0


def test_a_change_of_level_after_warm_up_is_not_steady() -> None:
    noise = np.random.default_rng(2).normal(100, 5, 1000)
    series, script = run(lambda i: float(noise[i]) + (50.0 if i > 60 else 0.0), target=1e-6, seconds=10)
    assert script.ran > 90 and not series.steady


def test_a_series_that_keeps_drifting_is_never_steady() -> None:
    series, script = run(lambda i: 100.0 * 1.01**i, seconds=20)
    assert not series.steady
    assert len(series.samples) >= LEAST
    assert script.seconds < 60  # both phases gave up in time


def test_short_passes_are_queued_in_blocks_and_warm_up_for_half_a_second() -> None:
    series, script = run(lambda i: 1.0)
    assert max(script.blocks) == 50
    assert series.samples.sum() >= 500 and len(series.samples) < MOST


def test_sampling_goes_on_until_the_median_is_known_or_time_is_up() -> None:
    noise = np.random.default_rng(0).normal(100, 5, 100_000)
    known, _ = run(lambda i: float(noise[i]), target=0.01, seconds=1000)
    interval = median_interval(known.samples)
    assert (interval.high - interval.low) / 2 <= 0.01 * interval.estimate
    rough, script = run(lambda i: float(noise[i]), target=0.0001, seconds=30)
    interval = median_interval(rough.samples)
    assert (interval.high - interval.low) / 2 > 0.0001 * interval.estimate
    assert 30 <= script.seconds < 90


def test_passes_too_slow_for_the_time_still_make_a_median() -> None:
    series, _ = run(lambda i: 60_000.0, seconds=1)
    assert len(series.samples) == LEAST and series.steady


def test_passes_that_take_no_time_at_all_end() -> None:
    series, _ = run(lambda i: 0.0)
    assert len(series.samples) <= MOST


@given(st.integers(4, 40), st.integers(4, 40))
def test_a_step_is_found_where_it_is(before: int, after: int) -> None:
    place, p = change_point(np.r_[np.full(before, 1.0), np.full(after, 2.0)])
    assert place == before
    n, k = before + after, before * after  # U at the step, for two levels: t (n - t)
    assert p == pytest.approx(min(1.0, 2 * np.exp(-6 * k**2 / (n**3 + n**2))))


def test_the_change_point_is_rarely_seen_where_there_is_none() -> None:
    generator = np.random.default_rng(1)
    seen = [change_point(generator.normal(size=40))[1] < 0.05 for _ in range(400)]
    assert np.mean(seen) < 0.06


def test_one_outlier_is_no_change_and_an_immaterial_step_is_steady() -> None:
    assert is_steady(np.r_[np.full(20, 10.0), 500.0, np.full(20, 10.0)])
    assert is_steady(np.r_[np.full(20, 10.0), np.full(20, 10.05)])
    assert not is_steady(np.r_[np.full(20, 10.0), np.full(20, 10.5)])


def test_pettitt_by_its_definition() -> None:
    """U_t = sum over i <= t < j of sign(x_i - x_j), whatever the ties."""
    samples = np.array([3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9])

    def u() -> Iterator[float]:
        for t in range(1, len(samples)):
            yield abs(np.sign(samples[:t, None] - samples[None, t:]).sum())

    values = list(u())
    n = len(samples)
    place, p = change_point(samples)
    assert place == int(np.argmax(values)) + 1
    assert p == pytest.approx(min(1.0, 2 * np.exp(-6 * max(values) ** 2 / (n**3 + n**2))))
