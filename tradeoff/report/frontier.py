"""Which points of a speed-accuracy plot nothing else beats."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

COSTS = {"macs": "MACs", "latency_ms": "latency", "params": "params"}
"""The costs that a frontier is drawn for: the column of the joined table, and its short name."""


def frontier(cost: ArrayLike, accuracy: ArrayLike) -> NDArray[np.bool_]:
    """bool (n,): no other point costs as little and is as accurate, and better in one of the two.

    Equal points stay or go together. A point with a NaN is never on the frontier and beats nobody.
    """
    costs, accuracies = np.asarray(cost, dtype=float), np.asarray(accuracy, dtype=float)
    on = np.zeros(costs.shape, dtype=bool)
    known = np.flatnonzero(~np.isnan(costs) & ~np.isnan(accuracies))
    order = known[np.lexsort((-accuracies[known], costs[known]))]
    best, paid = -np.inf, np.nan
    for index in order:
        better = accuracies[index] > best
        equal = accuracies[index] == best and costs[index] == paid
        if better:
            best, paid = accuracies[index], costs[index]
        on[index] = better or equal
    return on


def frontier_marks(table: pd.DataFrame) -> pd.DataFrame:
    """For each row of one protocol, is its top-1 on the frontier over each of `COSTS`? Columns as in `COSTS`, bool."""
    accuracy = table["top1"].to_numpy(dtype=float)
    marks = {column: frontier(table[column].to_numpy(dtype=float), accuracy) for column in COSTS}
    return pd.DataFrame(marks, index=table.index)
