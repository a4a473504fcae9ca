"""Which points of a speed-accuracy plot nothing else beats, and how much all of them reach. Pure functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


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


def hypervolume(cost: ArrayLike, accuracy: ArrayLike, worst_cost: float, worst_accuracy: float) -> float:
    """The area of what points reach: every (cost, accuracy) that some point is at least as good as in both, no dearer
    than `worst_cost` and no less accurate than `worst_accuracy` (Zitzler & Thiele 1998), in units of cost x accuracy.

    `cost` and `accuracy` are (n,), n may be 0. A point with a NaN, or no better than the worst in one of the two,
    reaches nothing. Figures with different worst values do not compare.
    """
    costs, accuracies = np.asarray(cost, dtype=float), np.asarray(accuracy, dtype=float)
    inside = (costs < worst_cost) & (accuracies > worst_accuracy)  # False for a NaN
    order = np.argsort(costs[inside], kind="stable")
    steps = np.append(costs[inside][order], worst_cost)
    # From each cost to the next one the best accuracy so far is within reach.
    best = np.maximum.accumulate(accuracies[inside][order])
    return float(np.sum(np.diff(steps) * (best - worst_accuracy)))
