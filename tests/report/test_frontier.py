from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.report.frontier import frontier, frontier_marks

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
