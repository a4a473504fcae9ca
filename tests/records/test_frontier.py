"""How much the points of a speed-accuracy plot reach, which buys most, and what one set of them gains on another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.records.frontier import frontier, frontiers, gain, hypervolume, knee, within

WORST = 10, 0  # whole numbers, so that areas can be counted in squares
POINTS = st.lists(st.tuples(st.integers(0, 12), st.integers(-1, 8)), max_size=8)


def of(points: list[tuple[float, float]]) -> float:
    return hypervolume([cost for cost, _ in points], [accuracy for _, accuracy in points], *WORST)


def squares(points: list[tuple[int, int]]) -> int:
    """The unit squares below and right of some point, counted one by one."""
    cells = ((x, y) for x in range(WORST[0]) for y in range(WORST[1], 9))
    return sum(any(cost <= x and y < accuracy for cost, accuracy in points) for x, y in cells)


def test_areas_by_hand() -> None:
    assert of([]) == 0
    assert of([(4, 5)]) == 6 * 5
    # From 2 to 5 an accuracy of 3, from 5 to 10 one of 7; the point (6, 6) is beaten.
    assert of([(5, 7), (2, 3), (6, 6)]) == 3 * 3 + 5 * 7
    assert hypervolume([2.0, 5.0], [0.5, 0.75], 10.0, 0.25) == pytest.approx(3 * 0.25 + 5 * 0.5)


def test_what_is_no_better_than_the_worst_reaches_nothing() -> None:
    nan = float("nan")
    assert of([(10, 5), (11, 9), (3, 0), (3, -1), (nan, 5), (3, nan)]) == 0


@given(POINTS)
def test_the_area_is_that_of_its_squares(points: list[tuple[int, int]]) -> None:
    assert of(list(points)) == squares(points)


@given(POINTS, st.tuples(st.integers(0, 12), st.integers(-1, 8)))
def test_a_point_more_never_lowers_it(points: list[tuple[int, int]], another: tuple[int, int]) -> None:
    assert of([*points, another]) >= of(list(points))


@given(POINTS)
def test_beaten_points_change_nothing(points: list[tuple[int, int]]) -> None:
    on = frontier([cost for cost, _ in points], [accuracy for _, accuracy in points])
    assert of([point for point, kept in zip(points, on, strict=True) if kept]) == of(list(points))


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=4, max_size=4), min_size=1, max_size=4)
)
def test_the_frontiers_of_draws_are_each_draws_own(draws: list[list[tuple[int, int]]]) -> None:
    cost, accuracy = np.array(draws, dtype=float).transpose(2, 0, 1)
    found = frontiers(cost, accuracy)
    assert found.tolist() == [frontier(*each).tolist() for each in zip(cost, accuracy, strict=True)]


def test_the_best_within_a_budget() -> None:
    cost, accuracy = [10, 20, 30, 20, float("nan")], [0.5, 0.7, 0.9, 0.7, 0.99]
    assert within(cost, accuracy, 29.9) == 1
    assert within([30, 20], [0.7, 0.7], 30) == 1  # of equal ones the cheaper
    assert within(cost, accuracy, 30) == 2  # a budget may be spent whole
    assert within(cost, accuracy, 9) is None
    assert within([1], [float("nan")], 9) is None


def test_the_knee_is_the_furthest_above_the_line_between_the_ends() -> None:
    # Costs 1, 10, 100 are evenly spaced; the line runs 0.2, 0.5, 0.8, and only the middle is above it, by 0.2.
    assert knee([1, 10, 100, 50], [0.2, 0.7, 0.8, 0.1]) == 1
    assert knee([1, 10, 100], [0.2, 0.4, 0.8]) is None  # below the line
    assert knee([1, 10], [0.2, 0.4]) is None
    # Of two candidates: the line has 0.4 at 10 (0.25 above) and 0.6 at 100 (0.15 above).
    assert knee([1, 10, 100, 1000], [0.2, 0.65, 0.75, 0.8]) == 1


def test_what_one_set_gains_on_another_at_equal_cost() -> None:
    # Both from 1 to 100: one decade at 0.5 against 0.3, one at 0.6 against 0.6.
    assert gain([1, 10, 100], [0.5, 0.6, 0.9], [1, 10, 100], [0.3, 0.6, 0.1]) == pytest.approx(0.1)
    # Two points on each side, the shared range from 10 to 100: 0.5 against 0.2 throughout.
    assert gain([1, 100], [0.5, 0.9], [10, 1000], [0.2, 0.8]) == pytest.approx(0.3)
    assert np.isnan(gain([1, 2], [0.5, 0.9], [10, 20], [0.2, 0.8]))
    assert np.isnan(gain([], [], [10, 20], [0.2, 0.8]))


POSITIVE = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=6)


@given(POSITIVE, POSITIVE)
def test_a_gain_is_the_others_loss(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> None:
    one, other = zip(*a, strict=True), zip(*b, strict=True)
    left, right = tuple(one), tuple(other)
    there, back = gain(*left, *right), gain(*right, *left)
    assert there == pytest.approx(-back, nan_ok=True)
