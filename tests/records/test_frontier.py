"""How much the points of a speed-accuracy plot reach."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.records.frontier import frontier, hypervolume

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
