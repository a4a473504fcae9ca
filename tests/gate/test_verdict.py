"""When which verdict is given."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from tradeoff.gate.verdict import (
    Ratio,
    Rule,
    Verdict,
    exit_code,
    holm,
    paired_ratio,
    undecided,
    unpaired_ratio,
    verdict_of,
)

RULE = Rule()


def ratio(estimate: float, low: float, high: float) -> Ratio:
    return Ratio(estimate, low, high, 0.99, 0.5, 9)


def test_a_paired_ratio_by_hand() -> None:
    # mean 0.02, standard deviation 0.01, over sqrt(3): 0.0057735; t of 2 degrees of freedom at 97.5 %: 4.3027.
    found = paired_ratio([0.01, 0.02, 0.03], 0.05)
    assert found.estimate == pytest.approx(math.exp(0.02))
    assert found.low == pytest.approx(math.exp(0.02 - 4.3027 * 0.0057735), rel=1e-6)
    assert found.high == pytest.approx(math.exp(0.02 + 4.3027 * 0.0057735), rel=1e-6)
    assert found.p == pytest.approx(0.0742, abs=1e-4)  # of t = 3.4641
    assert (found.confidence, found.pairs) == (0.95, 3)


@given(st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=30).filter(lambda each: np.std(each) > 1e-6))
def test_a_paired_ratio_is_the_t_test_of_one_sample(logs: list[float]) -> None:
    found, theirs = paired_ratio(logs, 0.01), stats.ttest_1samp(logs, 0.0)
    interval = theirs.confidence_interval(0.99)
    assert found.p == pytest.approx(theirs.pvalue)
    assert (math.log(found.low), math.log(found.high)) == pytest.approx((interval.low, interval.high), abs=1e-9)


def test_an_unpaired_ratio_is_welchs() -> None:
    head, base = [11.0, 11.2, 10.9, 11.4], [10.0, 10.5, 9.8]
    found = unpaired_ratio(head, base, 0.05)
    theirs = stats.ttest_ind(np.log(head), np.log(base), equal_var=False)
    interval = theirs.confidence_interval(0.95)
    assert found.p == pytest.approx(theirs.pvalue)
    assert (math.log(found.low), math.log(found.high)) == pytest.approx((interval.low, interval.high))


def test_pairs_that_are_all_alike_leave_nothing_to_chance() -> None:
    same, slower = paired_ratio([0.0, 0.0], 0.01), paired_ratio([0.1, 0.1], 0.01)
    assert (same.p, same.low, same.high) == (1.0, 1.0, 1.0)
    assert (slower.p, slower.low) == (0.0, pytest.approx(math.exp(0.1)))


@pytest.mark.parametrize(
    ("estimate", "low", "high", "expected"),
    [
        (1.05, 1.01, 1.09, Verdict.SLOWER),
        (1.05, 0.99, 1.11, Verdict.CANNOT_TELL),
        (1.009, 1.001, 1.017, Verdict.SAME),  # it is slower, by less than matters
        (1.009, 1.001, 1.03, Verdict.CANNOT_TELL),
        (0.95, 0.91, 0.99, Verdict.FASTER),
        (0.992, 0.985, 0.999, Verdict.SAME),
        (1.0, 0.99, 1.01, Verdict.SAME),
        (1.0, 0.97, 1.03, Verdict.CANNOT_TELL),
        (1.015, 1.011, 1.019, Verdict.SLOWER),  # within 2 %, and all the same slower
    ],
)
def test_verdicts(estimate: float, low: float, high: float, expected: Verdict) -> None:
    assert verdict_of(ratio(estimate, low, high), RULE) == expected


@given(st.floats(0.8, 1.25), st.floats(0.0, 0.2), st.floats(0.0, 0.2))
def test_slower_and_faster_are_mirror_images(estimate: float, below: float, above: float) -> None:
    found = verdict_of(ratio(estimate, estimate * math.exp(-below), estimate * math.exp(above)), RULE)
    turned = verdict_of(ratio(1 / estimate, math.exp(-above) / estimate, math.exp(below) / estimate), RULE)
    mirrored = {Verdict.SLOWER: Verdict.FASTER, Verdict.FASTER: Verdict.SLOWER}
    assert turned == mirrored.get(found, found)


def test_what_is_open_is_said() -> None:
    assert "holds no change" in undecided(ratio(1.0, 0.97, 1.03), RULE)
    assert "by how much is open" in undecided(ratio(1.009, 1.001, 1.03), RULE)


def test_holm_by_hand() -> None:
    # Of three at 0.05: 0.0167 for the smallest, rejected; 0.025 for the next, not rejected; so for the last.
    levels = holm({"a": 0.04, "b": 0.001, "c": 0.03}, 0.05, among=3)
    assert levels == {"b": pytest.approx(0.05 / 3), "c": pytest.approx(0.025), "a": pytest.approx(0.025)}
    assert holm({"a": 0.04}, 0.05, among=4) == {"a": pytest.approx(0.0125)}


@pytest.mark.parametrize(
    ("verdicts", "code", "strict"),
    [
        ([], 0, 0),
        ([Verdict.SAME, Verdict.FASTER], 0, 0),
        ([Verdict.SAME, Verdict.SLOWER, Verdict.NOT_COMPARED, Verdict.CANNOT_TELL], 1, 1),
        ([Verdict.NOT_COMPARED, Verdict.CANNOT_TELL, Verdict.SAME], 2, 2),
        ([Verdict.CANNOT_TELL, Verdict.SAME], 3, 1),
    ],
)
def test_exit_codes(verdicts: list[Verdict], code: int, strict: int) -> None:
    assert (exit_code(verdicts), exit_code(verdicts, strict=True)) == (code, strict)


@pytest.mark.parametrize("values", [{"error": 0.0}, {"error": 0.7}, {"floor": -0.1}, {"same": 0.0}, {"other": 1}])
def test_rules_that_cannot_be(values: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Rule(**values)
