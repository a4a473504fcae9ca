"""What several rows of a table might have come out as, drawn jointly: the common ground of all that is said about a
frontier, a budget or a claim. Pure functions.

One draw of all rows is one set of test clips, luck of their own for each row's trainings, and one of its processes for
each latency. So what makes a clip hard for all networks cancels between them, as in `paired_difference`, and a
statement about many rows ("nothing is cheaper and better") has the probability with which it is true of a draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tradeoff.errors import InputError
from tradeoff.records.resampling import NORMAL, RANDOM_SEED, RESAMPLES, counted, spread_of
from tradeoff.records.statistics import trainings

Floats = NDArray[np.float64]
DRAWS = RESAMPLES
_SEEDS, _COSTS = 2, 3  # streams of random numbers; 0 is that of the clips, 1 of single intervals


def accuracy_draws(tested: Sequence[tuple[ArrayLike, ArrayLike]], draws: int = DRAWS) -> Floats:
    """(draws, n) top-1 of n rows over the same clips; `tested`: of each `correct`, bool (seeds, clips), and `groups`.
    There are DRAWS at most.

    The spread of a column is that of `bootstrap`: clips by whole groups, the seeds' variance as a normal draw, both
    stretched by Student's t over the normal quantile. With one seed it is about these weights only.
    Raises InputError where rows were tested on different clips.
    """
    if not tested:
        return np.empty((draws, 0))
    pairs = [trainings(correct, groups) for correct, groups in tested]
    codes = pairs[0][1]
    if any(not np.array_equal(codes, others) for _, others in pairs):
        raise InputError("rows were tested on different clips: nothing can be drawn for all of them at once")
    spreads = [spread_of(right.mean(axis=0), codes, [right], pseudo=(1.0, 1.0, 0.0, 0.0)) for right, _ in pairs]
    sums, sizes = np.stack([each.sums for each in spreads]), spreads[0].sizes
    means = np.concatenate([times @ sums.T / (times @ sizes)[:, None] for times in _some(counted(sizes.size), draws)])
    mean, centre, keep, noise, stretch = np.array(
        [(each.mean, each.centre, each.keep, each.noise, each.stretch) for each in spreads]
    ).T
    luck = np.random.default_rng([RANDOM_SEED, _SEEDS]).normal(size=(len(spreads), draws)).T
    drawn = mean + keep**2 * (centre - mean) + stretch * (keep * (means - centre) + noise * luck)
    return np.asarray(np.clip(drawn, 0.0, 1.0))


def _some(blocks: Iterable[Floats], count: int) -> Iterator[Floats]:
    """The first `count` rows of blocks of rows."""
    for block in blocks:
        yield block[:count]
        count -= len(block)
        if count <= 0:
            return


def cost_draws(estimate: ArrayLike, low: ArrayLike, high: ArrayLike, draws: int = DRAWS) -> Floats:
    """(draws, n) costs, such as latencies, from estimates (n,) with their 95 % intervals, on a logarithmic scale.

    What is counted exactly has no interval (NaN), and is the same in each draw. A latency of one process has the
    interval within it, and its draws know nothing of how much another process would differ.
    """
    centre, lows, highs = (np.asarray(values, dtype=float) for values in (estimate, low, high))
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.nan_to_num(np.log(highs / lows) / (2 * NORMAL), nan=0.0, posinf=0.0, neginf=0.0)
    if not spread.any():
        return np.broadcast_to(centre, (draws, centre.size))
    luck = np.random.default_rng([RANDOM_SEED, _COSTS]).normal(size=(centre.size, draws)).T
    return np.asarray(centre * np.exp(spread * luck))
