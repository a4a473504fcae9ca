"""Intervals of means over clips and trainings: the bootstrap of `tradeoff.records.statistics`, of many at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

CONFIDENCE = 0.95
RESAMPLES = 2000
RANDOM_SEED = 20180911
NORMAL = float(special.ndtri(0.5 + CONFIDENCE / 2))
_CHUNK = 2**21  # group indices drawn at a time: 16 MB
_TOGETHER = 256  # intervals whose draws are held at a time: 4 MB
_ROUNDING = 1e-9  # far more than two ways of adding up one draw of fractions differ by

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Spread:
    """What the interval of a mean is computed from; see `bootstrap`.

    sums, sizes: of each group's values and clips, those that join the resampled ones at the end.
    mean: of the values; keep: how much of a resample's deviation is due to clips alone, as a factor.
    noise: of the seeds, a standard deviation; stretch: Student's t over the normal quantile.
    """

    sums: Floats
    sizes: Floats
    mean: float
    keep: float
    noise: float
    stretch: float

    @property
    def centre(self) -> float:
        return float(self.sums.sum() / self.sizes.sum())


def spread_of(values: Floats, codes: NDArray[np.intp], sides: list[Floats], pseudo: tuple[float, ...]) -> Spread:
    """Of the mean of `values` (clips,), the seeds' means of `sides`, each (seeds, clips); groups of the values `pseudo`
    join the others."""
    luck = [_new_luck(side, codes) for side in sides]
    seeds = [_seed_variance(side, floor) for side, floor in zip(sides, luck, strict=True)]
    mean = values.mean()
    spread = _group_variance(values - mean, codes)
    clips = max(0.0, spread - sum(luck))
    keep = float(np.sqrt(clips / spread)) if spread > 0 else 1.0
    parts = [(part, len(side) - 1) for part, side in zip(seeds, sides, strict=True)] + [(clips, int(codes.max()))]
    sizes = np.bincount(codes).astype(float)
    typical = sizes.mean()
    sums = np.append(np.bincount(codes, values), typical * np.array(pseudo))
    sizes = np.append(sizes, np.full(len(pseudo), typical))
    return Spread(sums, sizes, float(mean), keep, float(np.sqrt(sum(seeds))), stretch(parts))


def crossed(spreads: Sequence[Spread]) -> list[tuple[float, float]]:
    """The interval of each; those whose groups are of the same sizes are computed together."""
    alike: dict[bytes, list[int]] = defaultdict(list)
    for place, each in enumerate(spreads):
        alike[each.sizes.tobytes()].append(place)
    found: dict[int, tuple[float, float]] = {}
    for places in alike.values():
        for start in range(0, len(places), _TOGETHER):
            some = places[start : start + _TOGETHER]
            found |= zip(some, _intervals([spreads[place] for place in some]), strict=True)
    return [found[place] for place in range(len(spreads))]


def _intervals(spreads: Sequence[Spread]) -> Iterator[tuple[float, float]]:
    """The interval of each, all groups being of the same sizes.

    How often each draw has each group, times the groups' sums, gives every mean at once, rounded otherwise than a mean
    that is summed by itself; an interval must not depend on what it was computed together with. So the product only
    finds the few draws that the quantiles can be at, and the means of those are summed.
    """
    sums, sizes = np.stack([each.sums for each in spreads]), spreads[0].sizes
    draws = np.concatenate([times @ sums.T / (times @ sizes)[:, None] for times in counted(sizes.size)]).T.copy()
    near = _near_quantiles(_deviations(spreads, draws))
    start = 0
    for picks in _resampled(sizes.size):
        block = slice(start, start := start + len(picks))
        for own, mean, wanted in zip(sums, draws[:, block], near[:, block], strict=True):
            mean[wanted] = own[picks[wanted]].sum(axis=1) / sizes[picks[wanted]].sum(axis=1)
    lows, highs = np.quantile(_deviations(spreads, draws), _QUANTILES, axis=1)
    for each, low, high in zip(spreads, lows, highs, strict=True):
        centre = each.mean + each.keep**2 * (each.centre - each.mean)
        yield float(centre + each.stretch * low), float(centre + each.stretch * high)


_QUANTILES = [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2]


def _deviations(spreads: Sequence[Spread], draws: Floats) -> Floats:
    """How far each mean of drawn clips, with a draw of the seeds' luck, is from the mean: (spreads, RESAMPLES)."""
    keep, centre, noise = np.array([(each.keep, each.centre, each.noise) for each in spreads]).T[:, :, None]
    return np.asarray(keep * (draws - centre) + noise * np.random.default_rng([RANDOM_SEED, 1]).normal(size=RESAMPLES))


def _near_quantiles(deviations: Floats) -> Bools:
    """Which of each row may be the two values that a quantile lies between, if all are off by some rounding."""
    near = np.zeros(deviations.shape, dtype=bool)
    for quantile in _QUANTILES:
        below = int(quantile * (RESAMPLES - 1))
        ordered = np.partition(deviations, (below, below + 1), axis=1)
        low, high = ordered[:, [below]] - _ROUNDING, ordered[:, [below + 1]] + _ROUNDING
        near |= (deviations >= low) & (deviations <= high)
    return near


def stretch(parts: list[tuple[float, int]]) -> float:
    """Student's t over the normal quantile for a sum of (variance, degrees of freedom), after Satterthwaite (1946)."""
    total, rough = sum(part for part, _ in parts), sum(part**2 / max(1, freedom) for part, freedom in parts)
    freedom = total**2 / rough if rough > 0 else np.inf
    return float(special.stdtrit(freedom, 0.5 + CONFIDENCE / 2)) / NORMAL


def counted(groups: int) -> Iterator[Floats]:
    """How often each of RESAMPLES draws has each group, a block of draws at a time: (draws, groups)."""
    for picks in _resampled(groups):
        places = picks + groups * np.arange(len(picks))[:, None]
        yield np.bincount(places.ravel(), minlength=picks.size).reshape(picks.shape).astype(np.float64)


def _resampled(groups: int) -> Iterator[NDArray[np.int64]]:
    """RESAMPLES rows of `groups` indices drawn with replacement, a block of rows at a time."""
    generator = np.random.default_rng([RANDOM_SEED, 0])
    rows = max(1, _CHUNK // groups)
    for start in range(0, RESAMPLES, rows):
        yield generator.integers(groups, size=(min(rows, RESAMPLES - start), groups))


def _seed_variance(side: Floats, floor: float) -> float:
    """Variance of the mean accuracy of S trainings (MS_seed); 0 for one training, which cannot show it."""
    return max(floor, float(side.mean(axis=1).var(ddof=1)) / len(side)) if len(side) > 1 else 0.0


def _new_luck(side: Floats, codes: NDArray[np.intp]) -> float:
    """Variance of the mean from the luck a clip has anew in each training (MS_both); 0 for one, which hides it."""
    count = len(side)
    if count == 1:
        return 0.0
    rest = side - side.mean(axis=0) - side.mean(axis=1, keepdims=True) + side.mean()
    return sum(_group_variance(row, codes) for row in rest) / (count * (count - 1))


def _group_variance(deviations: Floats, codes: NDArray[np.intp]) -> float:
    """Variance of the mean of clips when whole groups are drawn, from deviations (clips,) with mean 0."""
    sums = np.bincount(codes, deviations)
    return float((sums**2).sum() * sums.size / max(1, sums.size - 1) / deviations.size**2)
