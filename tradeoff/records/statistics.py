"""Intervals for accuracies, their differences, and latencies. Pure functions; every random draw has a fixed seed.

A measured accuracy varies for two reasons: which clips were in the test set, and how this training happened to go.
Both are counted. Clips that share pixels (a clip and its reverse) rise and fall together, so `groups` of clips, not
clips, are what is resampled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from tradeoff.errors import InputError
from tradeoff.records.resampling import CONFIDENCE as CONFIDENCE
from tradeoff.records.resampling import NORMAL, crossed, spread_of, stretch

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval, in the unit of what was estimated; `method` says how in words.

    `low` and `high` are NaN where the data allow no interval (one latency sample).
    """

    estimate: float
    low: float
    high: float
    method: str


def wilson(correct: ArrayLike, groups: ArrayLike) -> Interval:
    """Accuracy over n clips, `correct` bool (n,), with the Wilson score interval (Wilson 1927).

    n is divided by the design effect of `groups` (n,): the variance of the mean of whole groups over that of
    independent clips (Kish 1965), never below 1. With no error, or nothing but errors, the data say nothing about how
    alike the clips of a group are; they are then taken as copies of one another. Groups of one give plain Wilson.
    """
    right, codes = _one_training(correct, groups)
    p, n = float(right.mean()), right.size / _design_effect(right, codes)
    z = NORMAL
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    method = "Wilson" if codes.max() + 1 == codes.size else "Wilson, clips that share pixels counted together"
    return Interval(p, float(min(p, max(0.0, centre - half))), float(max(p, min(1.0, centre + half))), method)


def _design_effect(right: Floats, codes: NDArray[np.intp]) -> float:
    sizes = np.bincount(codes)
    p = right.mean()
    if sizes.size == 1 or p in (0.0, 1.0):
        return float((sizes**2).sum() / sizes.sum())
    between = (np.bincount(codes, right - p) ** 2).sum() / (1 - 1 / sizes.size)
    independent = right.size * p * (1 - p) / (1 - 1 / right.size)
    return max(1.0, float(between / independent))


def bootstrap(correct: ArrayLike, groups: ArrayLike) -> Interval:
    """Mean accuracy over trainings and clips, `correct` bool (seeds, clips), with a crossed bootstrap interval.

    Clips: 2000 resamples of whole groups, with replacement. Two right and two wrong groups join the resampled ones, as
    in Agresti & Coull (1998), so that the interval does not collapse where nearly every clip is right.

    Seeds: resampling S of them would give (S-1)/S of their variance, and percentiles know nothing of how poorly two or
    three seeds determine it. Each resample instead adds a normal draw with the variance of the mean of S seeds, and all
    deviations are stretched by t / z, Student's t over the normal quantile, with Satterthwaite's degrees of freedom.
    The variance is that of the random-effects model for readers x cases (Obuchowski & Rockette 1995, Hillis 2007):
    MS_seed + max(0, MS_clip - MS_both), with MS_seed no less than MS_both; luck that a clip has anew in each training
    shows in both margins and is counted once.

    With one seed the interval is about these weights only, and `method` says so.
    """
    return bootstraps([(correct, groups)])[0]


def bootstraps(tested: Iterable[tuple[ArrayLike, ArrayLike]]) -> list[Interval]:
    """The `bootstrap` of each pair of correct and groups, to the last bit; many at once take far less time."""
    pairs = [trainings(correct, groups) for correct, groups in tested]
    spreads = [spread_of(right.mean(axis=0), codes, [right], pseudo=(1.0, 1.0, 0.0, 0.0)) for right, codes in pairs]
    found = []
    for (right, _), (low, high) in zip(pairs, crossed(spreads), strict=True):
        estimate = float(right.mean())
        bounds = min(estimate, max(0.0, low)), max(estimate, min(1.0, high))
        found.append(Interval(estimate, *bounds, _method(len(right))))
    return found


def paired_difference(a: ArrayLike, b: ArrayLike, groups: ArrayLike, *, same_trainings: bool = False) -> Interval:
    """Accuracy of `a` minus that of `b`, bool (seeds, clips) each, over the same clips in the same order.

    Both sides see each resampled set of clips, so what makes a clip hard for both cancels. Seeds do not pair: seed 0
    of two variants initialises different weights, and luck in one says nothing about luck in the other; each side adds
    its own variance (see `bootstrap`). `same_trainings=True` is for one checkpoint under two protocols (normal and
    reversed frames), where row i of both is the same training by design.
    Raises InputError if the clips, or with `same_trainings` the seeds, do not match.
    """
    return paired_differences([(a, b, groups)], same_trainings=same_trainings)[0]


def paired_differences(
    tested: Iterable[tuple[ArrayLike, ArrayLike, ArrayLike]], *, same_trainings: bool = False
) -> list[Interval]:
    """The `paired_difference` of each a, b and groups, to the last bit; many at once take far less time."""
    gaps, spreads, methods = [], [], []
    for a, b, groups in tested:
        left, codes = trainings(a, groups)
        right = _floats(b, np.asarray(groups))
        if same_trainings and left.shape != right.shape:
            raise InputError(f"same trainings need as many seeds on both sides, got {len(left)} and {len(right)}")
        gap = left.mean(axis=0) - right.mean(axis=0)
        gaps.append(float(gap.mean()))
        spreads.append(spread_of(gap, codes, [left - right] if same_trainings else [left, right], pseudo=(1.0, -1.0)))
        methods.append("paired over clips, " + _method(min(len(left), len(right))))
    return [
        Interval(gap, min(gap, max(-1.0, low)), max(gap, min(1.0, high)), method)
        for gap, method, (low, high) in zip(gaps, methods, crossed(spreads), strict=True)
    ]


def _method(seeds: int) -> str:
    if seeds == 1:
        return "bootstrap over clips; 1 seed, so nothing about other trainings"
    return "crossed bootstrap over seeds and clips"


def _one_training(correct: ArrayLike, groups: ArrayLike) -> tuple[Floats, NDArray[np.intp]]:
    right, codes = trainings(np.asarray(correct)[None], groups)
    return right[0], codes


def trainings(correct: ArrayLike, groups: ArrayLike) -> tuple[Floats, NDArray[np.intp]]:
    """`correct` as floats (seeds, clips) and groups as codes 0..G-1 (clips,)."""
    labels = np.asarray(groups)
    return _floats(correct, labels), np.unique(labels, return_inverse=True)[1]


def _floats(correct: ArrayLike, groups: NDArray[np.generic]) -> Floats:
    right = np.asarray(correct)
    if right.ndim != 2 or 0 in right.shape:
        raise InputError(f"correct has shape {right.shape}; it must be (seeds, clips) with at least one of each")
    if groups.shape != right.shape[1:]:
        raise InputError(f"groups have shape {groups.shape}; {right.shape[1]} clips need ({right.shape[1]},)")
    return right.astype(np.float64)


def topk_correct(log_probabilities: ArrayLike, labels: ArrayLike, k: int) -> Bools:
    """bool (n,): is the label among the k most probable classes? `log_probabilities` is (n, classes).

    A class that ties with the label counts against it, and a row with a NaN is wrong: a collapsed network gets no
    points for answering the same to everything. Raises InputError for k < 1 or labels outside 0..classes-1.
    """
    if k < 1:
        raise InputError(f"top-k with k = {k}; k must be 1 or more")
    return np.asarray(rivals(log_probabilities, labels) < k)


def rivals(log_probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.int64]:
    """int64 (n,): how many other classes are as probable as the label, or more; more than there are where one is NaN.

    Raises InputError for labels outside 0..classes-1.
    """
    scores, truth = np.asarray(log_probabilities, dtype=np.float64), np.asarray(labels)
    if scores.ndim != 2 or truth.shape != scores.shape[:1]:
        raise InputError(f"log-probabilities {scores.shape} and labels {truth.shape} must be (n, classes) and (n,)")
    if truth.size and not (truth.min() >= 0 and truth.max() < scores.shape[1]):
        raise InputError(f"labels run from {truth.min()} to {truth.max()}; they must be 0 to {scores.shape[1] - 1}")
    own = scores[np.arange(len(truth)), truth.astype(np.intp)]
    count = np.count_nonzero(scores >= own[:, None], axis=1) - 1
    return np.where(np.isnan(scores).any(axis=1), np.iinfo(np.int64).max, count)


def balanced(right: ArrayLike, labels: ArrayLike) -> float:
    """The mean over classes of the share of a class's clips that are right: what top-1 would be if all classes were
    as large. `right` is bool (n,), `labels` int (n,); classes without a clip are left out."""
    truth = np.asarray(labels)
    rights, clips = np.bincount(truth, np.asarray(right, np.float64)), np.bincount(truth)
    return float((rights[clips > 0] / clips[clips > 0]).mean())


def class_ratio(labels: ArrayLike) -> float:
    """How many clips the largest class has for each of the smallest one's; 1 where all are as large."""
    clips = np.bincount(np.asarray(labels))
    return float(clips.max() / clips[clips > 0].min())


def median_interval(samples: ArrayLike) -> Interval:
    """Median with the order-statistic interval: the k-th smallest and k-th largest sample, k as large as 95 % allows.

    Each sample lies below the true median with probability 1/2, so coverage is binomial whatever the distribution.
    Under 6 samples even the range covers less than 95 %; it is returned and `method` gives its coverage.
    Raises InputError for no samples or one that is not finite.
    """
    ordered = np.sort(_finite(samples, "samples"))
    n = ordered.size
    estimate = float(np.median(ordered))
    if n == 1:
        return Interval(estimate, np.nan, np.nan, "1 sample, no interval")
    k = max(1, int(stats.binom.ppf((1 - CONFIDENCE) / 2, n, 0.5)))
    coverage = 1 - 2 * float(stats.binom.cdf(k - 1, n, 0.5))
    method = "median, order statistics"
    if coverage < CONFIDENCE:
        method = f"median and range of {n} samples, which covers {100 * coverage:.0f} %"
    return Interval(estimate, float(ordered[k - 1]), float(ordered[n - k]), method)


def samples_needed(quantile: float) -> int:
    """How many samples a percentile needs: the fewest of which at least two lie beyond it with a probability of 99 %.

    With one beyond it, the estimate would be the maximum, or next to it: 64 samples for 0.9, 662 for 0.99.
    """
    if not 0 < quantile < 1:
        raise InputError(f"quantile {quantile} is not between 0 and 1")
    tail = min(quantile, 1 - quantile)
    n = 2
    while stats.binom.cdf(1, n, tail) > 0.01:
        n += 1
    return n


def percentiles(samples: ArrayLike, wanted: tuple[int, ...] = (90, 99)) -> dict[int, float]:
    """Those of the `wanted` percentiles for which there are samples enough."""
    values = _finite(samples, "samples")
    return {p: float(np.percentile(values, p)) for p in wanted if values.size >= samples_needed(p / 100)}


@dataclass(frozen=True)
class Component:
    """A variance, of logarithms, and the degrees of freedom that it was estimated with."""

    variance: float
    freedom: int


def geometric_mean(medians: ArrayLike) -> float:
    """The estimate of `geometric_mean_interval`."""
    values = _positive(medians)
    return float(values[0]) if values.size == 1 else float(np.exp(float(np.log(values).mean())))


def geometric_mean_interval(medians: ArrayLike, drift: Component | None = None) -> Interval:
    """Geometric mean of one median a process, with Student's t interval on their logarithms.

    The process is the unit of replication: iterations inside one share its memory layout and clock speed. What all
    processes share, the machine's state at that hour, they cannot show: `drift` is its variance, added to theirs with
    Satterthwaite's degrees of freedom.
    One process has no interval (NaN). Raises InputError for none, or one that is not positive and finite.
    """
    values = _positive(medians)
    logs = np.log(values)
    centre = float(logs.mean())
    if logs.size == 1:
        return Interval(float(values[0]), np.nan, np.nan, "1 process, no interval")
    parts = [(float(logs.var(ddof=1)) / logs.size, logs.size - 1)]
    parts += [(drift.variance, drift.freedom)] if drift else []
    half = stretch(parts) * NORMAL * np.sqrt(sum(part for part, _ in parts))
    low, estimate, high = (float(np.exp(value)) for value in (centre - half, centre, centre + half))
    added = ", with the machine's drift between sittings" if drift else ""
    return Interval(estimate, low, high, f"geometric mean of {logs.size} processes, Student t on logarithms{added}")


def ratio_interval(medians: ArrayLike, base: ArrayLike, drift: Component | None = None) -> Interval:
    """Geometric mean of `medians` over that of `base`, a median a process, with Welch's t interval on logarithms.

    The two need not vary alike, nor be as many. `drift` is for runs of two sittings, each with its own.
    Raises InputError for fewer than two processes on either side.
    """
    logs = [np.log(_positive(values)) for values in (medians, base)]
    if min(each.size for each in logs) < 2:
        raise InputError("a ratio's interval needs at least two processes on each side")
    parts = [(float(each.var(ddof=1)) / each.size, each.size - 1) for each in logs]
    parts += [(2 * drift.variance, drift.freedom)] if drift else []
    half = stretch(parts) * NORMAL * np.sqrt(sum(part for part, _ in parts))
    centre = float(logs[0].mean() - logs[1].mean())
    low, estimate, high = (float(np.exp(value)) for value in (centre - half, centre, centre + half))
    return Interval(estimate, low, high, "ratio of geometric means over processes, Welch t on logarithms")


def proportion_interval(count: int, of: int) -> Interval:
    """`count` of `of` trials, with the exact binomial interval (Clopper & Pearson 1934)."""
    found = stats.binomtest(count, of).proportion_ci(CONFIDENCE, method="exact")
    return Interval(count / of, float(found.low), float(found.high), "Clopper-Pearson")


def _positive(values: ArrayLike) -> Floats:
    array = _finite(values, "medians")
    if (array <= 0).any():
        raise InputError(f"medians hold {array.min():g}; a duration must be above 0")
    return array


def _finite(values: ArrayLike, name: str) -> Floats:
    array = np.asarray(values, dtype=np.float64).ravel()
    if array.size == 0:
        raise InputError(f"{name} are empty; at least one is needed")
    if not np.isfinite(array).all():
        raise InputError(f"{name} hold a value that is not finite")
    return array
