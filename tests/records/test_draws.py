"""Joint draws agree with the single intervals, and what networks share cancels between them."""

from __future__ import annotations

import numpy as np
import pytest

from tradeoff.errors import InputError
from tradeoff.records.draws import DRAWS, accuracy_draws, cost_draws
from tradeoff.records.statistics import bootstrap, geometric_mean_interval, paired_difference

RANDOM = np.random.default_rng(7)
GROUPS = np.repeat(np.arange(200), 2)


def correct(seeds: int, accuracy: float, spread: float = 0.0) -> np.ndarray:
    """Clips of a network of that accuracy; trainings vary by `spread`."""
    level = accuracy + spread * RANDOM.normal(size=(seeds, 1))
    return RANDOM.random((seeds, 200)).repeat(2, axis=1) < level


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_column_has_the_interval_of_its_bootstrap(seeds: int) -> None:
    right = correct(seeds, 0.7, 0.05)
    drawn = accuracy_draws([(right, GROUPS), (correct(seeds, 0.5), GROUPS)])
    assert drawn.shape == (DRAWS, 2)
    alone = bootstrap(right, GROUPS)
    # Other random numbers: the bounds agree to the precision of 2000 draws.
    assert np.quantile(drawn[:, 0], [0.025, 0.975]) == pytest.approx([alone.low, alone.high], abs=0.012)


def test_what_makes_a_clip_hard_for_both_cancels() -> None:
    right = correct(1, 0.7)
    better = right | (RANDOM.random(400) < 0.05)
    drawn = accuracy_draws([(better, GROUPS), (right, GROUPS)])
    gap = np.quantile(drawn[:, 0] - drawn[:, 1], [0.025, 0.975])
    paired = paired_difference(better, right, GROUPS)
    assert gap == pytest.approx([paired.low, paired.high], abs=0.01)
    assert gap[1] - gap[0] < 0.5 * np.ptp(np.quantile(drawn[:, 0], [0.025, 0.975]))


def test_luck_of_trainings_does_not_cancel() -> None:
    """The same clips and the same weights' luck twice: two networks, whose seeds are not the same luck."""
    right = correct(3, 0.7, 0.1)
    drawn = accuracy_draws([(right, GROUPS), (right, GROUPS)])
    assert (drawn[:, 0] - drawn[:, 1]).std() > 0.02


def test_rows_of_other_clips_cannot_be_drawn_together() -> None:
    right = correct(1, 0.7)
    with pytest.raises(InputError, match="different clips"):
        accuracy_draws([(right, GROUPS), (right, np.arange(400))])
    assert accuracy_draws([]).shape == (DRAWS, 0)


def test_costs_have_their_intervals_on_a_logarithmic_scale() -> None:
    times = geometric_mean_interval([9.0, 10.0, 11.0, 10.5])
    nan = float("nan")
    drawn = cost_draws([times.estimate, 5.0], [times.low, nan], [times.high, nan])
    bounds = np.quantile(drawn[:, 0], [0.025, 0.5, 0.975])
    assert np.log(bounds) == pytest.approx(np.log([times.low, times.estimate, times.high]), abs=0.02)
    assert (drawn[:, 1] == 5.0).all()
