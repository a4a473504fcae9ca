"""Which candidates of a rung go on to the next."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tradeoff.records.frontier import frontier


def places(count: int, keep: float) -> int:
    """How many of a rung's candidates go on."""
    return math.ceil(round(keep * count, 6))  # 0.1 x 30 is a little more than 3


def promoted(cost: ArrayLike, accuracy: ArrayLike, keep: float) -> list[int]:
    """The indices of the best share `keep` of n candidates, at least one of any, in their own order.

    By non-dominated sorting, and within the set that does not go on whole by crowding distance (Deb et al. 2002,
    NSGA-II); of equal ones the first.
    """
    costs, accuracies = np.asarray(cost, dtype=float), np.asarray(accuracy, dtype=float)
    chosen: list[int] = []
    left, most = np.arange(costs.size), places(costs.size, keep)
    while len(chosen) < most:
        on = frontier(costs[left], accuracies[left])
        front, left = left[on], left[~on]
        room = most - len(chosen)
        roomiest = np.argsort(-_crowding(costs[front], accuracies[front]), kind="stable")
        chosen += front[roomiest[:room]].tolist()
    return sorted(chosen)


def _crowding(*objectives: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far apart the neighbours of each point are, as a share of the whole range, summed; infinite at the ends."""
    distance = np.zeros(objectives[0].size)
    for values in objectives:
        order = np.argsort(values, kind="stable")
        ends = values[order[[0, -1]]]
        distance[order[[0, -1]]] = np.inf
        if ends[1] > ends[0]:
            distance[order[1:-1]] += (values[order[2:]] - values[order[:-2]]) / (ends[1] - ends[0])
    return distance
