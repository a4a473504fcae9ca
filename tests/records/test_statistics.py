"""Intervals against hand-derived numbers, closed forms and simulated worlds with a known truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from tradeoff.errors import InputError
from tradeoff.records.statistics import (
    Component,
    balanced,
    bootstrap,
    bootstraps,
    class_ratio,
    geometric_mean_interval,
    median_interval,
    paired_difference,
    paired_differences,
    percentiles,
    proportion_interval,
    ratio_interval,
    rivals,
    samples_needed,
    topk_correct,
    wilson,
)


def some(right: int, clips: int) -> np.ndarray:
    return np.arange(clips) < right


def test_wilson_of_eight_in_ten() -> None:
    # z = 1.96: centre (0.8 + 0.19207) / 1.38415 = 0.71674, half (1.96 / 1.38415) sqrt(0.016 + 0.0096) = 0.22657
    interval = wilson(some(8, 10), np.arange(10))
    assert interval.estimate == 0.8
    assert interval.low == pytest.approx(0.4902, abs=1e-4)
    assert interval.high == pytest.approx(0.9433, abs=1e-4)
    assert interval.method == "Wilson"


@pytest.mark.parametrize(("right", "clips"), [(0, 7), (7, 7), (3, 20), (851, 1024)])
def test_wilson_is_scipys_for_independent_clips(right: int, clips: int) -> None:
    oracle = stats.binomtest(right, clips).proportion_ci(method="wilson")
    interval = wilson(some(right, clips), np.arange(clips))
    assert (interval.low, interval.high) == pytest.approx((oracle.low, oracle.high))


def test_copies_of_a_clip_add_nothing_to_wilson() -> None:
    # 20 clips, each there twice: the design effect is 2 (1 - 1/40) / (1 - 1/20) = 2.05, so 40 clips count as 19.5
    doubled = wilson(np.repeat(some(13, 20), 2), np.repeat(np.arange(20), 2))
    oracle = stats.binomtest(13, 20).proportion_ci(method="wilson")
    assert doubled.high - doubled.low > oracle.high - oracle.low
    assert doubled.high - doubled.low == pytest.approx(oracle.high - oracle.low, rel=0.03)


def test_wilson_without_errors_takes_the_clips_of_a_group_as_copies() -> None:
    everything_right = wilson(np.ones(40, bool), np.repeat(np.arange(20), 2))
    assert everything_right.low == pytest.approx(stats.binomtest(20, 20).proportion_ci(method="wilson").low)


def test_the_design_effect_is_never_below_one() -> None:
    # In each pair one is right: group sums do not vary at all, and n must not grow for it
    paired = wilson(np.tile([True, False], 50), np.repeat(np.arange(50), 2))
    plain = wilson(np.tile([True, False], 50), np.arange(100))
    assert (paired.low, paired.high) == (plain.low, plain.high)


def test_bootstrap_of_one_seed_is_close_to_wilson() -> None:
    right, groups = some(800, 1000), np.arange(1000)
    interval, oracle = bootstrap(right[None], groups), wilson(right, groups)
    assert interval.estimate == 0.8
    assert (interval.low, interval.high) == pytest.approx((oracle.low, oracle.high), abs=0.004)
    assert "1 seed" in interval.method


def test_bootstrap_widens_by_students_t_where_seeds_differ() -> None:
    # Five seeds at 0.2, 0.3, 0.4, 0.5, 0.6 of 20000 clips: clips hardly matter, so 0.4 +- t(4) s / sqrt 5,
    # s = sqrt(0.025) = 0.1581, t = 2.776: 0.4 +- 0.1963
    right = np.stack([np.random.default_rng(seed).permutation(some(4000 + 2000 * seed, 20000)) for seed in range(5)])
    interval = bootstrap(right, np.arange(20000))
    assert interval.estimate == pytest.approx(0.4)
    assert (interval.low, interval.high) == pytest.approx((0.2037, 0.5963), abs=0.012)


def test_equal_seeds_are_not_more_evidence_about_clips() -> None:
    right, groups = some(150, 200), np.arange(200)
    one, three = bootstrap(right[None], groups), bootstrap(np.tile(right, (3, 1)), groups)
    assert (three.low, three.high) == pytest.approx((one.low, one.high))


def test_bootstrap_does_not_collapse_at_the_ends() -> None:
    interval = bootstrap(np.ones((3, 100), bool), np.arange(100))
    assert interval.high == 1.0
    assert 0.93 < interval.low < 0.99  # Agresti & Coull: (100 + 1.92) / 103.84 - 1.96 * 0.0133 = 0.955


def resampled_one_by_one(correct: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """The interval of one training that `bootstrap` describes, each draw's groups added up by themselves."""
    codes = np.unique(groups, return_inverse=True)[1]
    sums, sizes = np.bincount(codes, correct[0]), np.bincount(codes).astype(float)
    mean, typical = correct[0].mean(), sizes.mean()
    sums, sizes = np.append(sums, typical * np.array([1.0, 1.0, 0.0, 0.0])), np.append(sizes, [typical] * 4)
    picks = np.random.default_rng([20180911, 0]).integers(sums.size, size=(2000, sums.size))
    draws = np.array([sums[pick].sum() / sizes[pick].sum() for pick in picks])
    centre = sums.sum() / sizes.sum()
    stretch = stats.t.ppf(0.975, codes.max()) / stats.norm.ppf(0.975)
    low, high = stretch * np.quantile(draws - centre, [0.025, 0.975]) + centre
    return min(mean, max(0.0, low)), max(mean, min(1.0, high))


@pytest.mark.parametrize("clips", [3, 40, 257])
def test_the_bootstrap_is_that_of_draws_added_up_one_by_one(clips: int) -> None:
    rng = np.random.default_rng(clips)
    correct, groups = rng.random((1, clips)) < 0.7, rng.integers(0, 1 + clips // 2, clips)
    found = bootstrap(correct, groups)
    assert (found.low, found.high) == pytest.approx(resampled_one_by_one(correct, groups), abs=1e-12)


def test_an_interval_does_not_depend_on_what_it_was_computed_with() -> None:
    """To the last bit, although many are multiplied out together: a report must not change with its neighbours."""
    rng = np.random.default_rng(0)
    groups = np.arange(90) // 2
    several = [(rng.random((3, 90)) < share, groups) for share in rng.random(300)]
    several += [(rng.random((2, 31)) < 0.5, np.arange(31)), (np.ones((1, 90), bool), groups)]
    assert bootstraps(several) == [bootstrap(*each) for each in several]
    pairs = [(a, b, groups) for (a, _), (b, _) in zip(several[:40], several[40:80], strict=True)]
    for paired in (True, False):
        alone = [paired_difference(*pair, same_trainings=paired) for pair in pairs]
        assert paired_differences(pairs, same_trainings=paired) == alone
    assert bootstraps([]) == []


def test_shared_pixels_widen_the_bootstrap() -> None:
    right = np.repeat(some(150, 200), 2)[None]
    apart, together = bootstrap(right, np.arange(400)), bootstrap(right, np.repeat(np.arange(200), 2))
    # Twice as many clips that are copies: wider by sqrt 2
    assert (together.high - together.low) / (apart.high - apart.low) == pytest.approx(np.sqrt(2), rel=0.08)


def test_the_same_input_gives_the_same_interval() -> None:
    right = np.random.default_rng(0).random((3, 90)) < 0.7
    assert bootstrap(right, np.arange(90)) == bootstrap(right, np.arange(90))


def test_difference_is_much_tighter_than_its_two_sides() -> None:
    right = some(700, 1000)
    better = right.copy()
    better[700:720] = True  # 20 clips won, none lost: 0.02 +- 1.96 sqrt(0.02 * 0.98 / 1000) = 0.0087
    interval = paired_difference(better[None], right[None], np.arange(1000))
    assert interval.estimate == pytest.approx(0.02)
    assert (interval.low, interval.high) == pytest.approx((0.0113, 0.0287), abs=0.002)


def test_difference_of_something_and_itself_is_about_zero_and_antisymmetric() -> None:
    a, b = (np.random.default_rng(seed).random((3, 300)) < 0.6 for seed in (1, 2))
    forward, backward = paired_difference(a, b, np.arange(300)), paired_difference(b, a, np.arange(300))
    assert forward.estimate == pytest.approx(-backward.estimate)
    assert (forward.low, forward.high) == pytest.approx((-backward.high, -backward.low), abs=0.01)
    same = paired_difference(a, a, np.arange(300), same_trainings=True)
    assert same.estimate == 0 and -0.02 < same.low < 0 < same.high < 0.02


def test_same_trainings_cancel_the_luck_of_seeds() -> None:
    rng = np.random.default_rng(3)
    a = np.stack([rng.permutation(some(count, 1000)) for count in (400, 600, 800)])
    b = a.copy()
    b[:, :30] = False
    groups = np.arange(1000)
    free, tied = paired_difference(a, b, groups), paired_difference(a, b, groups, same_trainings=True)
    assert tied.high - tied.low < (free.high - free.low) / 5
    with pytest.raises(InputError, match="as many seeds"):
        paired_difference(a, b[:2], groups, same_trainings=True)


def simulated_coverage(seeds: int, seed_spread: float, worlds: int = 150) -> tuple[float, float]:
    """Share of worlds whose true accuracy, and true difference, the intervals hold. Pairs of clips are alike."""
    rng, groups = np.random.default_rng([seeds, 7]), np.repeat(np.arange(80), 2)
    truth = [stats.norm.cdf(skill / np.sqrt(seed_spread**2 + 2)) for skill in (0.8, 1.1)]
    hits = np.zeros(2)
    for _ in range(worlds):
        hardness = np.sqrt(0.7) * np.repeat(rng.normal(size=80), 2) + np.sqrt(0.3) * rng.normal(size=160)
        luck = rng.normal(scale=seed_spread, size=(2, seeds, 1))
        a, b = (skill + luck[i] + hardness + rng.normal(size=(seeds, 160)) > 0 for i, skill in enumerate((0.8, 1.1)))
        one, gap = bootstrap(a, groups), paired_difference(b, a, groups)
        hits += one.low <= truth[0] <= one.high, gap.low <= truth[1] - truth[0] <= gap.high
    return hits[0] / worlds, hits[1] / worlds


@pytest.mark.parametrize(("seeds", "seed_spread"), [(1, 0.0), (2, 0.15), (3, 0.15), (5, 0.3)])
def test_intervals_hold_the_truth_about_as_often_as_they_say(seeds: int, seed_spread: float) -> None:
    accuracy, difference = simulated_coverage(seeds, seed_spread)
    assert accuracy > 0.90  # 0.95 less three standard errors of 150 worlds
    assert difference > 0.90


@pytest.mark.parametrize("call", [bootstrap, lambda c, g: paired_difference(c, c, g)])
def test_shapes_that_do_not_fit_are_refused(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="groups have shape"):
        call(np.ones((2, 5), bool), np.arange(4))
    with pytest.raises(InputError, match="seeds, clips"):
        call(np.ones(5, bool), np.arange(5))


def test_topk_counts_ties_and_nan_against() -> None:
    scores = [[0.0, -1.0, -2.0], [-1.0, -1.0, -5.0], [-1.0, -1.0, -1.0], [np.nan, 0.0, 0.0], [-3.0, -2.0, -1.0]]
    labels = np.array([0, 0, 2, 1, 0])
    assert topk_correct(scores, labels, 1).tolist() == [True, False, False, False, False]
    assert topk_correct(scores, labels, 2).tolist() == [True, True, False, False, False]
    assert topk_correct(scores, labels, 3).tolist() == [True, True, True, False, True]


@given(hnp.arrays(float, (6, 5), elements=st.integers(-3, 0)), hnp.arrays(int, 6, elements=st.integers(0, 4)))
def test_topk_against_a_loop(scores: np.ndarray, labels: np.ndarray) -> None:
    for k in (1, 2, 5):
        expected = [
            sum(row[j] >= row[label] for j in range(5) if j != label) < k
            for row, label in zip(scores, labels, strict=True)
        ]
        assert topk_correct(scores, labels, k).tolist() == expected


@pytest.mark.parametrize(("labels", "k", "message"), [([0, 3], 1, "0 to 2"), ([0, 1], 0, "1 or more"), ([0], 1, "n,")])
def test_topk_refuses_what_makes_no_sense(labels: list[int], k: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        topk_correct(np.zeros((2, 3)), labels, k)


def test_rivals_are_the_other_classes_that_are_as_probable() -> None:
    scores = np.array([[0.1, 0.7, 0.2], [0.4, 0.4, 0.2], [0.2, 0.5, 0.3], [0.5, np.nan, 0.1]])
    beaten_by = rivals(scores, np.array([1, 0, 0, 0]))
    assert beaten_by[:3].tolist() == [0, 1, 2]
    assert beaten_by[3] > 3  # whatever k is, a network that collapsed is wrong


def test_median_of_ten_lies_between_the_second_and_the_ninth() -> None:
    # 1 - 2 P(Bin(10, 1/2) <= 1) = 1 - 22/1024 = 0.979; the third and eighth would cover 0.891
    interval = median_interval(np.arange(10, 0, -1))
    assert (interval.estimate, interval.low, interval.high) == (5.5, 2, 9)


def test_median_of_six_is_its_range_and_of_five_says_that_it_is_short() -> None:
    assert (median_interval(range(6)).low, median_interval(range(6)).high) == (0, 5)  # 1 - 2/64 = 0.969
    five = median_interval([3, 1, 2, 5, 4])
    assert (five.low, five.high) == (1, 5)
    assert "94 %" in five.method  # 1 - 2/32 = 0.9375
    assert np.isnan(median_interval([7.0]).low)


@given(st.integers(6, 400))
def test_median_interval_covers_and_one_step_in_would_not(n: int) -> None:
    k = int(median_interval(np.arange(1, n + 1)).low)
    assert 1 - 2 * stats.binom.cdf(k - 1, n, 0.5) >= 0.95 > 1 - 2 * stats.binom.cdf(k, n, 0.5)


def test_geometric_mean_of_two_processes() -> None:
    # logs 0 and ln 4: mean ln 2, standard error ln 2, t(1) = 12.706
    interval = geometric_mean_interval([1.0, 4.0])
    assert interval.estimate == pytest.approx(2)
    assert (interval.low, interval.high) == pytest.approx((2 * 2**-12.7062, 2 * 2**12.7062), rel=1e-4)
    alone = geometric_mean_interval([3.0])
    assert alone.estimate == 3 and np.isnan(alone.low) and "1 process" in alone.method


@pytest.mark.parametrize("values", [[], [np.nan, 1.0], [np.inf]])
def test_latencies_must_be_there_and_finite(values: list[float]) -> None:
    for call in (median_interval, geometric_mean_interval):
        with pytest.raises(InputError):
            call(values)
    with pytest.raises(InputError, match="above 0"):
        geometric_mean_interval([1.0, 0.0])


def test_percentiles_only_with_the_samples_that_they_need() -> None:
    assert (samples_needed(0.9), samples_needed(0.1), samples_needed(0.99)) == (64, 64, 662)
    assert percentiles(np.arange(63)) == {}
    assert percentiles(np.arange(101)) == {90: 90.0}
    assert set(percentiles(np.arange(662))) == {90, 99}
    with pytest.raises(InputError, match=r"1\.0"):
        samples_needed(1.0)


@given(st.sampled_from([0.5, 0.9, 0.99]))
def test_one_sample_fewer_would_not_do(quantile: float) -> None:
    needed = samples_needed(quantile)
    beyond = [1 - quantile**n - n * (1 - quantile) * quantile ** (n - 1) for n in (needed, needed - 1)]
    assert beyond[0] >= 0.99 > beyond[1]


def test_a_ratio_of_processes_by_welch() -> None:
    a, b = [2.0, 2.2, 2.1, 2.5], [1.0, 1.1, 0.9]
    interval = ratio_interval(a, b)
    oracle = stats.ttest_ind(np.log(a), np.log(b), equal_var=False).confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((np.exp(oracle.low), np.exp(oracle.high)))
    assert interval.estimate == pytest.approx(stats.gmean(a) / stats.gmean(b))
    with pytest.raises(InputError, match="two processes"):
        ratio_interval([1.0], [1.0, 2.0])
    same = ratio_interval([2.0, 2.0], [1.0, 1.0])
    assert (same.low, same.estimate, same.high) == pytest.approx((2.0, 2.0, 2.0))


def test_a_proportion_exactly() -> None:
    none = proportion_interval(0, 10)
    assert (none.low, none.high) == pytest.approx((0.0, 1 - 0.025**0.1))
    most = proportion_interval(19, 20)
    assert (most.estimate, most.low, most.high) == pytest.approx((0.95, 0.7513, 0.9987), abs=1e-4)


def test_drift_of_the_machine_widens_an_interval() -> None:
    # logs 0 and ln 4: variance of the mean (ln 2)^2 with 1 degree of freedom; with as much drift with 1, the sum has
    # (2 v)^2 / (v^2 + v^2) = 2 degrees, t = 4.3027, and a standard error of sqrt(2) ln 2.
    drift = Component(float(np.log(2) ** 2), 1)
    interval = geometric_mean_interval([1.0, 4.0], drift)
    assert interval.high == pytest.approx(2 * 2 ** (4.30265 * np.sqrt(2)), rel=1e-4)
    assert "drift" in interval.method
    # two sittings, each with its own
    steady = ratio_interval([1.0, 1.0], [2.0, 2.0], drift)
    assert (steady.low, steady.high) == pytest.approx(
        (0.5 * 2 ** (-12.7062 * 2**0.5), 0.5 * 2 ** (12.7062 * 2**0.5)), rel=1e-4
    )


# --- classes of unequal size ---


def test_balanced_accuracy_is_the_mean_of_the_classes_own() -> None:
    labels, right = [0, 0, 0, 0, 2, 2], [True, True, True, False, False, True]
    assert balanced(right, labels) == pytest.approx((3 / 4 + 1 / 2) / 2)  # class 1 has no clip
    assert class_ratio(labels) == 2


def test_answering_the_largest_class_alone_is_no_better_than_chance() -> None:
    labels = np.repeat([0, 1, 2, 3], [306, 75, 49, 66])
    assert balanced(labels == 0, labels) == 0.25
    assert class_ratio(labels) == pytest.approx(306 / 49)


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_of_classes_as_large_as_each_other_it_is_top1(right: list[bool]) -> None:
    classes = 3
    labels, twice = np.repeat(np.arange(classes), len(right)), right * classes
    assert balanced(twice, labels) == pytest.approx(np.mean(right))
    assert class_ratio(labels) == 1
