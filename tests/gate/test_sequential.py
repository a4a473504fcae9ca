"""Looking early without a larger error."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tradeoff.gate.sequential import Sequential, plan_looks
from tradeoff.gate.verdict import Rule, Verdict


@given(st.integers(2, 1000), st.floats(1e-4, 0.4))
def test_looks_spend_the_error_and_no_more(most: int, error: float) -> None:
    looks = plan_looks(most, error)
    assert looks[-1].pairs == most
    assert looks[0].pairs == min(5, most)
    assert all(before.pairs < after.pairs for before, after in pairwise(looks))
    assert all(look.error > 0 for look in looks)
    assert sum(look.error for look in looks) == pytest.approx(error)


def test_looks_by_hand() -> None:
    # 5, then 7 (5 * 1.4), then 10; the error up to n of 10 is (n / 10)^2 of all: 0.25, 0.49, 1.
    assert [(look.pairs, round(look.error, 6)) for look in plan_looks(10, 0.01)] == [
        (5, 0.0025),
        (7, 0.0024),
        (10, 0.0051),
    ]


def gate(ratios: dict[str, np.ndarray], rule: Rule, control: float = 0.0) -> Sequential:
    """All rounds of a gate, from each variant's log-ratios; the control's are `control` and a little noise."""
    most = max(len(each) for each in ratios.values())
    sequential, noise = Sequential(list(ratios), rule), np.random.default_rng(1)
    sequential.limit(most)
    for number in range(most):
        for name in list(sequential.open):
            sequential.add(name, float(ratios[name][number]), control + noise.normal(scale=1e-4))
        if sequential.due:
            sequential.look()
    return sequential


def test_no_more_false_alarms_than_the_error_allows() -> None:
    """Without a floor, of 1,500 gates of three variants that do not differ: the exact binomial test of at most 5 %."""
    rule, random = Rule(error=0.05, floor=0.0, same=0.001), np.random.default_rng(0)
    alarms = 0
    for _ in range(1500):
        spread = random.uniform(0.001, 0.03, size=3)
        found = gate({name: random.normal(scale=s, size=20) for name, s in zip("abc", spread, strict=True)}, rule)
        alarms += any(case.verdict in (Verdict.SLOWER, Verdict.FASTER) for case in found.cases.values())
    assert stats.binomtest(alarms, 1500, 0.05, alternative="greater").pvalue > 0.001
    assert alarms > 0  # the rule is no empty one


def test_a_slowdown_is_found_early_and_the_rest_goes_on() -> None:
    random = np.random.default_rng(2)
    found = gate({"slow": random.normal(0.2, 0.01, 40), "open": random.normal(0.0, 0.2, 40)}, Rule())
    slow, undecided = found.cases["slow"], found.cases["open"]
    assert slow.verdict == Verdict.SLOWER
    assert len(slow.ratios) == 5
    assert undecided.verdict == Verdict.CANNOT_TELL
    assert len(undecided.ratios) == 40
    assert found.over
    assert "holds no change" in undecided.why


def test_a_variant_that_was_called_leaves_holms_divisor() -> None:
    random = np.random.default_rng(3)
    noise = random.normal(0.0, 0.2, 7)
    both = gate({"slow": random.normal(0.2, 0.01, 7), "open": noise}, Rule())
    alone = gate({"open": noise}, Rule())
    assert both.cases["open"].ratio == alone.cases["open"].ratio


def test_one_that_was_called_and_is_open_counts_once() -> None:
    """It changed, by less than the floor as far as the estimate goes, and reaches beyond what is SAME."""
    small = np.array([0.0090, 0.0095, 0.0100, 0.0092, 0.0098] * 8)
    noise = np.random.default_rng(5).normal(0.0, 0.2, 40)
    sequential = Sequential(["small", "a", "b"], Rule(same=0.005))
    sequential.limit(40)
    errors = [look.error for look in plan_looks(40, 0.01)]
    for number in range(7):
        for name, each in (("small", small), ("a", noise), ("b", noise)):
            sequential.add(name, float(each[number]), 0.0)
        if sequential.due:
            sequential.look()
    assert sequential.open == ["small", "a", "b"]
    assert sequential.cases["small"].called
    for name in "ab":
        ratio = sequential.cases[name].ratio
        assert ratio is not None
        assert 1 - ratio.confidence == pytest.approx(errors[1] / 2)


def test_nothing_differs() -> None:
    found = gate({"a": np.array([0.001, -0.001, 0.0005, 0.0, -0.0005])}, Rule())
    assert found.cases["a"].verdict == Verdict.SAME
    assert found.cases["a"].why == ""


def test_a_control_that_moves_takes_every_verdict_back() -> None:
    random = np.random.default_rng(4)
    for centre in (0.2, 0.0):
        found = gate({"a": random.normal(centre, 0.001, 12)}, Rule(), control=0.05)
        assert found.cases["a"].verdict == Verdict.CANNOT_TELL
        assert "control" in found.cases["a"].why


def test_the_last_look_spends_what_is_left() -> None:
    sequential = Sequential(["a"], Rule(error=0.05))
    sequential.limit(40)
    for value in (0.01, -0.01, 0.02):
        sequential.add("a", value, 0.0)
    assert not sequential.due
    sequential.look(last=True)
    ratio = sequential.cases["a"].ratio
    assert ratio is not None
    assert ratio.confidence == pytest.approx(0.95)
    assert sequential.over


def test_one_that_was_given_up_says_why() -> None:
    sequential = Sequential(["a", "b"], Rule())
    sequential.limit(5)
    sequential.give_up("a", "head: out of memory")
    for _ in range(5):
        sequential.add("b", 0.0, 0.0)
    assert sequential.due
    sequential.look()
    assert sequential.cases["a"].why == "head: out of memory"
    assert [case.verdict for case in sequential.cases.values()] == [Verdict.NOT_COMPARED, Verdict.SAME]


def test_too_few_pairs_are_no_verdict() -> None:
    sequential = Sequential(["a"], Rule())
    sequential.limit(5)
    sequential.add("a", 0.5, 0.0)
    sequential.look(last=True)
    assert sequential.cases["a"].verdict == Verdict.CANNOT_TELL
    assert sequential.cases["a"].ratio is None
