"""What a ratio of two latencies lets one say: SLOWER, FASTER, SAME, or CANNOT TELL. No clock and no torch here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field
from scipy import stats

FEWEST = 2
"""Pairs below which there is no variance, and so nothing to say."""


class Verdict(StrEnum):
    """NOT_COMPARED: a side does not have it, or cannot build or run it."""

    SLOWER = "SLOWER"
    FASTER = "FASTER"
    SAME = "SAME"
    CANNOT_TELL = "CANNOT TELL"
    NOT_COMPARED = "NOT COMPARED"


def exit_code(verdicts: Collection[Verdict], strict: bool = False) -> int:
    """What CI is told: 1 where something is slower; else 2 where something could not be compared; else 3 where one
    cannot tell, which is 1 if that is to be a failure (`strict`); else 0."""
    if Verdict.SLOWER in verdicts:
        return 1
    if Verdict.NOT_COMPARED in verdicts:
        return 2
    if Verdict.CANNOT_TELL in verdicts:
        return 1 if strict else 3
    return 0


class Rule(BaseModel):
    """When which verdict is given.

    error: the probability that a gate calls anything SLOWER or FASTER though nothing differs, over all of its variants
        and all of its looks at the data.
    floor: the smallest change of latency that matters, a fraction: a smaller estimate is never SLOWER or FASTER.
    same: SAME is said of an interval within this much of no change, a fraction.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    error: float = Field(0.01, gt=0, lt=0.5)
    floor: float = Field(0.01, ge=0, lt=1)
    same: float = Field(0.02, gt=0, lt=1)


@dataclass(frozen=True)
class Ratio:
    """Head's latency over base's, with an interval that holds the true one with probability `confidence`.

    p: of no difference, two-sided; NaN where nothing was paired.
    """

    estimate: float
    low: float
    high: float
    confidence: float
    p: float
    pairs: int

    def __str__(self) -> str:
        return f"{self.estimate - 1:+.2%} [{self.low - 1:+.2%}, {self.high - 1:+.2%}]"


def paired_ratio(log_ratios: ArrayLike, error: float) -> Ratio:
    """Student's t over pairs: from (n,) logarithms of head over base, one a pair of processes; n is 2 at least.

    That two sides which do not differ are as likely to come out one way as the other makes their log-ratios
    symmetric; t errs on the safe side for a symmetric distribution with long tails (Cressie 1980).
    """
    logs = np.asarray(log_ratios, dtype=np.float64)
    centre, spread, freedom = float(logs.mean()), float(logs.std(ddof=1)) / np.sqrt(logs.size), logs.size - 1
    return student_ratio(centre, spread, freedom, error, logs.size)


def unpaired_ratio(head: ArrayLike, base: ArrayLike, error: float) -> Ratio:
    """Welch's t on the logarithms of two sets of positive values, each (n,) with 2 at least, one a process."""
    sides = [np.log(np.asarray(each, dtype=np.float64)) for each in (head, base)]
    parts = [float(each.var(ddof=1)) / each.size for each in sides]
    rough = sum(part**2 / (each.size - 1) for part, each in zip(parts, sides, strict=True))
    freedom = sum(parts) ** 2 / rough if rough > 0 else 1.0
    centre = float(sides[0].mean() - sides[1].mean())
    return student_ratio(centre, float(np.sqrt(sum(parts))), freedom, error, min(each.size for each in sides))


def student_ratio(centre: float, spread: float, freedom: float, error: float, pairs: int) -> Ratio:
    """From the logarithm of a ratio, its standard error and the degrees of freedom that this is known with."""
    half = float(stats.t.isf(error / 2, freedom)) * spread
    # Where no pair differs from another, there is nothing that chance could explain.
    p = 2 * float(stats.t.sf(abs(centre) / spread, freedom)) if spread > 0 else float(centre == 0)
    low, estimate, high = (float(np.exp(value)) for value in (centre - half, centre, centre + half))
    return Ratio(estimate, low, high, 1 - error, p, pairs)


def verdict_of(ratio: Ratio, rule: Rule) -> Verdict:
    """What interval and estimate say; a fraction means the same both ways: 1 % slower is 1.01, 1 % faster 1 / 1.01."""
    if ratio.low > 1 and ratio.estimate > 1 + rule.floor:
        return Verdict.SLOWER
    if ratio.high < 1 and ratio.estimate < 1 / (1 + rule.floor):
        return Verdict.FASTER
    if 1 / (1 + rule.same) < ratio.low and ratio.high < 1 + rule.same:
        return Verdict.SAME
    return Verdict.CANNOT_TELL


def undecided(ratio: Ratio, rule: Rule) -> str:
    """What an interval that gives no verdict leaves open."""
    if ratio.low <= 1 <= ratio.high:
        return f"the interval holds no change, and more than {rule.same:.1%} of it"
    return f"it changed, but by how much is open: more than {rule.floor:.1%} or less"


def holm(p: Mapping[str, float], error: float, among: int) -> dict[str, float]:
    """The error that each hypothesis is tested at, after Holm (1979): of `among` hypotheses the smallest p at
    error / among; if that one is rejected, the next at error / (among - 1), and so on. All that are not rejected share
    the last step's. Hypotheses that `p` leaves out count as not rejected."""
    levels: dict[str, float] = {}
    for name in sorted(p, key=lambda name: p[name]):
        levels[name] = error / among
        among -= p[name] <= levels[name] and among > 1
    return levels
