from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.errors import InputError
from tradeoff.records.frontier import gain
from tradeoff.report.frontier import (
    Choice,
    Drawn,
    best_of,
    dominators,
    draw,
    drawn_over,
    frontier,
    frontier_marks,
    gain_interval,
    hypervolume_interval,
    knee_of,
    quick_looks,
)

FEW = st.sampled_from([0.0, 1.0, 2.0, 3.0, float("nan"), float("inf")])  # few values, so that ties are common
ANY = st.floats(0, 1e12) | FEW


def by_definition(cost: list[float], accuracy: list[float]) -> list[bool]:
    def beats(i: int, j: int) -> bool:
        return cost[i] <= cost[j] and accuracy[i] >= accuracy[j] and (cost[i] < cost[j] or accuracy[i] > accuracy[j])

    points = range(len(cost))
    real = [not (np.isnan(cost[i]) or np.isnan(accuracy[i])) for i in points]
    return [real[j] and not any(real[i] and beats(i, j) for i in points) for j in points]


@given(st.lists(st.tuples(ANY, st.floats(0, 1) | st.sampled_from([0.5, float("nan")])), max_size=25))
def test_frontier_is_its_definition(points: list[tuple[float, float]]) -> None:
    cost, accuracy = [point[0] for point in points], [point[1] for point in points]
    assert frontier(cost, accuracy).tolist() == by_definition(cost, accuracy)


@given(st.lists(st.tuples(FEW, st.sampled_from([0.1, 0.2, 0.3])), max_size=12))
def test_frontier_is_its_definition_among_ties(points: list[tuple[float, float]]) -> None:
    cost, accuracy = [point[0] for point in points], [point[1] for point in points]
    assert frontier(cost, accuracy).tolist() == by_definition(cost, accuracy)


def test_equal_points_both_stay_and_dearer_equals_go() -> None:
    assert frontier([1, 1, 2, 1, 3], [0.5, 0.5, 0.5, 0.4, 0.6]).tolist() == [True, True, False, False, True]


def test_marks_leave_out_what_was_not_measured(table: Callable[..., pd.DataFrame]) -> None:
    rows = table("I2D", "Fast-S3D", "I3D")
    rows.loc[1, "latency_ms"] = np.nan
    rows.loc[2, "top1"] = np.nan
    marks = frontier_marks(rows)
    assert marks["macs"].tolist() == [True, True, False]
    assert marks["latency_ms"].tolist() == [True, False, False]


def clips(*levels: float) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Of each row one training on 400 clips, of which so many in the first places are right."""
    return {i: (np.arange(400)[None] < 400 * level, np.arange(400)) for i, level in enumerate(levels)}


def rows(cost: list[float], top1: list[float], half: float = float("nan")) -> pd.DataFrame:
    """A table whose latencies are known to within a factor `half`."""
    latency = np.array(cost)
    return pd.DataFrame(
        {"macs": cost, "latency_ms": cost, "latency_low_ms": latency / half, "latency_high_ms": latency * half}
    ).assign(top1=top1)


def test_certain_and_hopeless_rows_are_told_from_doubtful_ones() -> None:
    drawn = draw(rows([1, 2, 3], [0.3, 0.9, 0.5]), clips(0.3, 0.9, 0.5), "macs")
    assert drawn.on_frontier.tolist() == [1, 1, 0]
    assert dominators(drawn) == [None, None, (1, 1.0)]
    # Equally dear, right on the same clips but for one: the better one is so in every draw that has this clip, and a
    # draw of n clips is without it (1 - 1/n)^n of the time.
    near = draw(rows([1, 1], [0.5, 0.5025]), clips(0.5, 0.5025), "macs")
    first, second = near.on_frontier
    assert (first, second) == pytest.approx((1 / np.e, 1 - 1 / np.e), abs=0.04)


def test_latencies_that_overlap_share_a_frontier() -> None:
    """Equally accurate networks, latencies 10 and 11 ms, each within a factor of 1.2: which one is faster is open."""
    table = rows([10, 11], [0.5, 0.5], half=1.2)
    found = draw(table, clips(0.5, 0.5), "latency_ms").on_frontier
    # log(1.1) over sqrt(2) log(1.2) / 1.96 is 0.725 standard deviations: the normal distribution gives 0.766.
    assert found == pytest.approx([0.766, 0.234], abs=0.03)


def best_within(drawn: Drawn, limit: float) -> Choice | None:
    return best_of([drawn], [drawn.cost <= limit], [drawn.costs <= limit])


def test_a_budget_names_the_choice_how_sure_it_fits_and_its_rivals() -> None:
    table = rows([10, 20, 40], [0.3, 0.6, 0.9], half=1.2)
    drawn = draw(table, clips(0.3, 0.6, 0.9), "latency_ms")
    found = best_within(drawn, 20)
    assert found is not None and found.place == 1
    assert found.fits == pytest.approx(0.5, abs=0.04) == found.best  # the limit is at the median
    assert found.rivals[0][0] == 0
    assert best_within(drawn, 5) is None


def test_of_equally_accurate_networks_the_cheaper_one_is_the_best_in_every_draw() -> None:
    found = best_within(draw(rows([20, 10], [0.5, 0.5]), clips(0.5, 0.5), "macs"), 100)
    assert found is not None and (found.place, found.best, found.rivals) == (1, 1.0, [])


def test_the_gain_of_one_set_has_an_interval_and_needs_a_shared_range() -> None:
    drawn = draw(rows([1, 100, 1, 100], [0.6, 0.8, 0.4, 0.8]), clips(0.6, 0.8, 0.4, 0.8), "macs")
    found = gain_interval(drawn, [0, 1], [2, 3])
    assert found.estimate == pytest.approx(0.2)
    assert 0.15 < found.low < 0.2 < found.high < 0.25
    with pytest.raises(InputError, match="share no range of MACs"):
        gain_interval(drawn, [0], [1])


def test_what_was_drawn_is_what_is_said() -> None:
    table = rows([1, 2], [0.5, 0.6], half=1.1).assign(processes=[1, 3])
    one, several = clips(0.5, 0.6), {0: clips(0.5)[0], 1: (np.repeat(clips(0.6)[0][0], 2, axis=0), np.arange(400))}
    counted, timed = (draw(table, one, column) for column in ("macs", "latency_ms"))
    assert drawn_over([counted]) == "test clips, of these trainings"
    assert drawn_over([counted, timed]) == "test clips and latency processes, of these trainings"
    assert drawn_over([draw(table, several, "macs")]) == "test clips and seeds"
    assert drawn_over([draw(table, several, "latency_ms")]) == "test clips, seeds and latency processes"
    assert quick_looks([counted]) == "" == quick_looks([timed.take([1])])
    assert quick_looks([counted, timed]) == "latencies of one process: nothing about another"


def test_the_luck_of_the_larger_family_is_allowed_for() -> None:
    """Of six equally accurate networks the best of 400 clips each is about 1.27 standard errors, 2.5 x 1.27 = 3.2
    points, above one of them; with one each at either end, so much over most of the range."""
    generator = np.random.default_rng(3)
    tested = {i: (generator.random((1, 400)) < 0.5, np.arange(400)) for i in range(8)}
    top1 = [float(right.mean()) for right, _ in tested.values()]
    drawn = draw(rows([*np.geomspace(1, 100, 6), 1, 100], top1), tested, "macs")
    larger, smaller = gain_interval(drawn, range(6), [6, 7]), gain_interval(drawn, [6, 7], range(6))
    assert (larger.estimate, larger.low, larger.high) == pytest.approx(
        (-smaller.estimate, -smaller.high, -smaller.low), abs=1e-9
    )
    found = [gain(drawn.cost[:6], each[:6], drawn.cost[6:], each[6:]) for each in drawn.accuracies]
    low, high = np.quantile(found, [0.025, 0.975])
    assert larger.high == pytest.approx(high) and 0.01 < low - larger.low < 0.032
    fair = gain_interval(drawn, [0, 5], [6, 7])
    found = [gain(drawn.cost[[0, 5]], each[[0, 5]], drawn.cost[6:], each[6:]) for each in drawn.accuracies]
    assert [fair.low, fair.high] == pytest.approx(np.quantile(found, [0.025, 0.975]), abs=0.002)


def test_hypervolume_and_knee_come_with_how_sure_they_are() -> None:
    drawn = draw(rows([1, 10, 100], [0.2, 0.7, 0.8]), clips(0.2, 0.7, 0.8), "macs")
    found = hypervolume_interval(drawn, 0.1)
    # Of 100 x 0.9: from 1 to 10 a tenth above chance, from 10 to 100 six tenths.
    assert found.estimate == pytest.approx((9 * 0.1 + 90 * 0.6) / 90)
    assert found.low < found.estimate < found.high
    assert knee_of(drawn) == (1, 1.0)
    assert knee_of(drawn.take([0, 1])) is None
