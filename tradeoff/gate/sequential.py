"""Looking at the pairs while they come in, and stopping early, without a larger error than was asked for.

Each look spends a part of the error: a union bound over looks, and Holm over variants within a look, hold whatever
the dependence between them. A variant that was called drops out of Holm's divisor for all later looks, which closed
testing allows: an intersection of true hypotheses is rejected with at most the sum of what its looks spend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tradeoff.gate.verdict import FEWEST, Ratio, Rule, Verdict, holm, paired_ratio, undecided, verdict_of

FIRST_LOOK = 5
"""Pairs before the first look: Student's t of fewer is too wide to decide anything."""
GROWTH = 1.4
SPENDING = 2.0
"""Of the error, n of at most N pairs may have spent (n / N) ** SPENDING: later looks, which see more, get more."""


@dataclass(frozen=True)
class Look:
    """How many pairs it takes, and how much error it spends."""

    pairs: int
    error: float


def plan_looks(most: int, error: float) -> list[Look]:
    """Looks up to `most` pairs, 2 at least: at 5, then each with 40 % more, the last at `most`. They spend `error`."""
    counts = [min(FIRST_LOOK, most)]
    while counts[-1] < most:
        further = max(counts[-1] + 1, round(counts[-1] * GROWTH))
        counts.append(most if further * GROWTH > most else further)
    spent = [0.0] + [error * (count / most) ** SPENDING for count in counts]
    return [Look(count, after - before) for count, (before, after) in zip(counts, pairwise(spent), strict=True)]


@dataclass
class Case:
    """A variant under comparison: the log-ratio of each pair, head over base, and of the control beside it."""

    ratios: list[float] = field(default_factory=list)
    control_ratios: list[float] = field(default_factory=list)
    ratio: Ratio | None = None
    control: Ratio | None = None
    verdict: Verdict = Verdict.CANNOT_TELL
    why: str = "too few pairs were measured"
    called: bool = False
    """Whether `no difference` was rejected at some look."""


class Sequential:
    """The verdicts on several variants as their pairs come in, round by round."""

    def __init__(self, names: Sequence[str], rule: Rule) -> None:
        self.rule = rule
        self.cases = {name: Case() for name in names}
        self.open = list(names)
        self._planned: list[Look] = []

    def limit(self, most: int) -> None:
        """Plan the looks for at most so many pairs of a variant; once, before the first look."""
        self._planned = plan_looks(most, self.rule.error)

    def add(self, name: str, ratio: float, control: float) -> None:
        """A pair's log-ratio of head over base, and the control's."""
        self.cases[name].ratios.append(ratio)
        self.cases[name].control_ratios.append(control)

    def give_up(self, name: str, why: str) -> None:
        """No more pairs will come; where there was none, it cannot be compared."""
        case = self.cases[name]
        case.ratio = case.control = None
        case.verdict, case.why = Verdict.CANNOT_TELL if case.ratios else Verdict.NOT_COMPARED, why
        self.open.remove(name)

    @property
    def over(self) -> bool:
        """Whether every variant has its verdict, or all looks were taken."""
        return not (self.open and self._planned)

    @property
    def due(self) -> bool:
        """Whether the pairs of the next look are there."""
        return not self.over and all(len(self.cases[name].ratios) >= self._planned[0].pairs for name in self.open)

    def look(self, last: bool = False) -> None:
        """Judge every open variant; with `last`, no more pairs will come and all error that is left is spent.

        A variant is closed once it has a verdict; one that nothing can be said of yet stays open.
        """
        taken = len(self._planned) if last else 1
        error = sum(look.error for look in self._planned[:taken])
        del self._planned[:taken]
        judged = {name: self.cases[name] for name in self.open if error and len(self.cases[name].ratios) >= FEWEST}
        # One that was called stays so, whether or not it has its verdict by now.
        p = {name: 0.0 if case.called else paired_ratio(case.ratios, error).p for name, case in judged.items()}
        closed = sum(case.called for name, case in self.cases.items() if name not in judged)
        for name, level in holm(p, error, among=max(1, len(self.cases) - closed)).items():
            self._judge(self.cases[name], level, error)
        self.open = [name for name in self.open if self.cases[name].verdict == Verdict.CANNOT_TELL]

    def _judge(self, case: Case, level: float, error: float) -> None:
        case.ratio = paired_ratio(case.ratios, level)
        case.control = paired_ratio(case.control_ratios, error)
        case.called |= case.ratio.p <= level
        case.verdict, case.why = self._say(case.ratio, case.control)

    def _say(self, ratio: Ratio, control: Ratio) -> tuple[Verdict, str]:
        if verdict_of(control, self.rule) in (Verdict.SLOWER, Verdict.FASTER):
            return Verdict.CANNOT_TELL, f"the control, which no change touches, moved too: {control}"
        verdict = verdict_of(ratio, self.rule)
        return verdict, undecided(ratio, self.rule) if verdict == Verdict.CANNOT_TELL else ""
