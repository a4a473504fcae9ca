"""Which points of a speed-accuracy plot nothing else beats, how much all of them reach, and which buys most. Pure
functions; costs and accuracies are (n,), or (draws, n) where it says so."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def frontier(cost: ArrayLike, accuracy: ArrayLike) -> Bools:
    """bool (n,): no other point costs as little and is as accurate, and better in one of the two.

    Equal points stay or go together. A point with a NaN is never on the frontier and beats nobody.
    """
    costs, accuracies = np.asarray(cost, dtype=float), np.asarray(accuracy, dtype=float)
    return np.asarray(frontiers(costs[None], accuracies[None])[0])


def frontiers(cost: ArrayLike, accuracy: ArrayLike) -> Bools:
    """bool (draws, n): the `frontier` of each draw; `cost` may be (1, n), the same in all draws."""
    costs, accuracies = np.asarray(cost, dtype=float), np.asarray(accuracy, dtype=float)
    if costs.strides[0] == 0:  # broadcast, so one row says all
        costs = costs[:1]
    accuracies = np.where(np.isnan(accuracies) | np.isnan(costs), -np.inf, accuracies)
    order = np.argsort(costs, axis=-1)  # NaN last
    paid, reached = np.take_along_axis(costs, order, -1), np.take_along_axis(accuracies, order, -1)
    best = np.maximum.accumulate(reached, axis=-1)
    first, last = _equal(paid)
    cheaper = np.where(first > 0, np.take_along_axis(best, np.maximum(first - 1, 0), -1), -np.inf)
    on = np.zeros(accuracies.shape, dtype=bool)
    np.put_along_axis(on, order, (reached > cheaper) & (reached == np.take_along_axis(best, last, -1)), -1)
    return on


def _equal(paid: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of costs in order, the first and the last place with the same cost as each."""
    places = np.arange(paid.shape[-1])[None]
    new = np.ones(paid.shape, dtype=bool)
    new[:, 1:] = paid[:, 1:] != paid[:, :-1]
    if new.all():
        return places, places
    ends = np.roll(new, -1, axis=-1)
    ends[:, -1:] = True
    first = np.maximum.accumulate(np.where(new, places, 0), axis=-1)
    last = np.minimum.accumulate(np.where(ends, places, paid.shape[-1])[:, ::-1], axis=-1)[:, ::-1]
    return first, last


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


def within(cost: ArrayLike, accuracy: ArrayLike, limit: float) -> int | None:
    """The place of the most accurate point that costs no more than `limit`, of equal ones the cheapest; or None."""
    costs, accuracies = np.asarray(cost, dtype=float), np.asarray(accuracy, dtype=float)
    fits = np.flatnonzero((costs <= limit) & ~np.isnan(accuracies))
    return int(fits[np.lexsort((costs[fits], -accuracies[fits]))[0]]) if fits.size else None


def knee(cost: ArrayLike, accuracy: ArrayLike, on: Bools | None = None) -> int | None:
    """The place of the point after which accuracy gets dear: of the frontier the one furthest above the straight line
    between its ends, cost on a logarithmic scale (Satopaa et al. 2011).

    `on`, bool (n,), is the frontier where it is known. None where it has fewer than three points, or none above that
    line. Costs must be positive.
    """
    costs, accuracies = np.asarray(cost, dtype=float), np.asarray(accuracy, dtype=float)
    places = np.flatnonzero(frontier(costs, accuracies) if on is None else on)
    places = places[np.argsort(costs[places], kind="stable")]
    if np.unique(costs[places]).size < 3:
        return None
    x, y = np.log(costs[places]), accuracies[places]
    above = (y - y[0]) / (y[-1] - y[0]) - (x - x[0]) / (x[-1] - x[0])
    best = int(above.argmax())
    return int(places[best]) if above[best] > 1e-9 else None


def gain(cost: ArrayLike, accuracy: ArrayLike, base_cost: ArrayLike, base_accuracy: ArrayLike) -> float:
    """How much more accuracy the same cost buys among points than among `base` ones: the best of each to be had for a
    cost, one minus the other, the mean over the logarithm of the costs at which both have something to offer.

    That range is from the dearer of the two cheapest costs to the cheaper of the two dearest. NaN where it is empty.
    No network is thought up between two that were measured.
    """
    left, right = _steps(cost, accuracy), _steps(base_cost, base_accuracy)
    if not left[0].size or not right[0].size:
        return float("nan")
    low, high = max(left[0][0], right[0][0]), min(left[0][-1], right[0][-1])
    if not low < high:
        return float("nan")
    edges = np.unique(np.clip(np.concatenate([left[0], right[0]]), low, high))
    here = [accuracies[np.searchsorted(costs, edges[:-1], side="right") - 1] for costs, accuracies in (left, right)]
    return float(np.average(here[0] - here[1], weights=np.diff(np.log(edges))))


def _steps(cost: ArrayLike, accuracy: ArrayLike) -> tuple[Floats, Floats]:
    """Costs in order, and the best accuracy to be had up to each."""
    costs, accuracies = np.asarray(cost, dtype=float), np.asarray(accuracy, dtype=float)
    known = np.flatnonzero(~np.isnan(costs) & ~np.isnan(accuracies))
    order = known[np.argsort(costs[known], kind="stable")]
    return costs[order], np.maximum.accumulate(accuracies[order])
