"""What a sweep file claims, held against what was measured: SUPPORTED, REFUTED or CANNOT TELL.

A claim says in which span an effect lies. It is SUPPORTED if the whole 95 % interval of the effect is in the span,
REFUTED if the whole interval is outside; what is counted exactly is one or the other. Nothing is compared across
protocols, and what was not measured cannot be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from tradeoff.errors import InputError
from tradeoff.records.claims import COSTS, Accuracy, Claim, Costs, Frontier, Part, Span, side
from tradeoff.records.draws import cost_draws
from tradeoff.records.resampling import CONFIDENCE
from tradeoff.records.stated import Network, Stated
from tradeoff.records.statistics import Interval, paired_difference
from tradeoff.records.table import Table
from tradeoff.report.claims_rows import (
    NotMeasured,
    alike,
    both_sides,
    one_protocol,
    require_processes,
    rows_of,
    some,
    timed_rows,
)
from tradeoff.report.families import members
from tradeoff.report.frontier import draw, gain_interval
from tradeoff.report.protocols import ACCURACY, INPUT, LATENCY
from tradeoff.report.settings import NETWORK

SUPPORTED, REFUTED, CANNOT_TELL = "SUPPORTED", "REFUTED", "CANNOT TELL"
THESE_TRAININGS = "of these trainings"
_TESTED = (*INPUT, *(column for column in ACCURACY if column != "order"))
_UNITS = {"macs": (1e9, "G"), "params": (1e6, "M"), "latency_ms": (1.0, "ms")}


@dataclass(frozen=True)
class Effect:
    """What was found: in the comparison's unit, how in words, whether it is exact, and of how many seeds at least."""

    interval: Interval
    how: str
    exact: bool = False
    seeds: int | None = None


@dataclass(frozen=True)
class Finding:
    """One comparison: its verdict, and the effect, or why there is none."""

    part: Part
    verdict: str
    effect: Effect | None
    how: str

    @property
    def scope(self) -> str:
        """How far the verdict goes: one seed says nothing about other trainings."""
        alone = self.effect is not None and self.effect.seeds == 1
        return THESE_TRAININGS if alone and self.verdict != CANNOT_TELL else ""


@dataclass(frozen=True)
class Judged:
    """A claim with the findings of its parts and what they come to."""

    claim: Claim
    findings: Sequence[Finding]

    @property
    def verdict(self) -> str:
        """REFUTED if any part is, SUPPORTED if all are."""
        found = [each.verdict for each in self.findings]
        return REFUTED if REFUTED in found else SUPPORTED if set(found) == {SUPPORTED} else CANNOT_TELL

    @property
    def scope(self) -> str:
        scopes = [each.scope for each in self.findings if each.verdict == self.verdict]
        return THESE_TRAININGS if THESE_TRAININGS in scopes else ""


def judge(table: Table, claims: Iterable[Stated]) -> list[Judged]:
    """Each claim of a sweep against the sweep's joined table."""
    return [Judged(each.claim, [_find(table, part, each.networks) for part in each.claim.parts]) for each in claims]


def verdict(span: Span, interval: Interval, *, exact: bool = False) -> str:
    """SUPPORTED with the whole interval in the span, REFUTED with the whole of it outside."""
    if interval.low in span and interval.high in span:
        return SUPPORTED
    return REFUTED if exact or interval.high < span.low or interval.low > span.high else CANNOT_TELL


def _find(table: Table, part: Part, networks: Mapping[str, Network]) -> Finding:
    try:
        effect = _effect(table, part, networks)
    except (NotMeasured, InputError) as missing:
        return Finding(part, CANNOT_TELL, None, str(missing))
    return Finding(part, verdict(part.span, effect.interval, exact=effect.exact), effect, effect.how)


def _effect(table: Table, part: Part, networks: Mapping[str, Network]) -> Effect:
    if isinstance(part, Accuracy):
        return _difference(table, part, networks)
    if isinstance(part, Frontier):
        return _gain(table, part)
    assert isinstance(part, Costs)
    return _times(table, part, networks) if part.cost == "latency_ms" else _counted(table, part, networks)


# --- the effects ---


def _difference(table: Table, part: Accuracy, networks: Mapping[str, Network]) -> Effect:
    """Top-1 of one minus the other, over the same clips; of one network in two orders, of the same trainings."""
    rows = table.rows[table.rows["top1"].notna() & table.rows.index.isin(list(table.correct))]
    sides = []
    for text in (part.variant, part.base):
        name, order = side(text)
        sides.append(some(rows_of(rows[rows["order"] == order], networks[name]), f"{text} has no accuracy on record"))
    (a, groups), (b, others) = (table.correct[index] for index in alike(sides, _TESTED, part))
    if not np.array_equal(groups, others):
        raise NotMeasured(f"{part.subject} and {part.base} were tested on different clips")
    same = len({networks[name] for name in part.names}) == 1 and a.shape == b.shape
    found = paired_difference(a, b, groups, same_trainings=same)
    seeds = min(len(a), len(b))
    count = "" if seeds == 1 else f"{_counts((len(a), len(b)), 'seed')}, "  # of one the method speaks
    return Effect(_scaled(found, 100), f"{found.method}; {count}{a.shape[1]} clips", seeds=seeds)


def _counted(table: Table, part: Costs, networks: Mapping[str, Network]) -> Effect:
    """How much more one costs than the other, in percent, of what is counted exactly."""
    rows = table.rows[table.rows[part.cost].notna()]
    mine, others = rows.loc[alike(both_sides(rows, part, networks), INPUT, part), part.cost].astype(float)
    share = 100 * (mine / others - 1)
    unit, name = _UNITS[part.cost]
    how = f"counted: {mine / unit:#.4g} and {others / unit:#.4g} {name}"
    return Effect(Interval(share, share, share, how), how, exact=True)


def _times(table: Table, part: Costs, networks: Mapping[str, Network]) -> Effect:
    """How much longer one takes than the other, in percent, timed alike."""
    rows = timed_rows(table.rows, part)
    chosen = rows.loc[alike(both_sides(rows, part, networks), (*INPUT, *LATENCY), part)]
    require_processes(chosen)
    drawn = cost_draws(chosen["latency_ms"], chosen["latency_low_ms"], chosen["latency_high_ms"])
    mine, others = chosen["latency_ms"]
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
    share, low, high = (100 * (float(each) - 1) for each in (mine / others, low, high))
    processes = _counts(chosen["processes"], "process", "processes")
    how = f"{mine:.3g} and {others:.3g} ms, drawn from both intervals; {_setting(chosen.iloc[0])}, {processes}"
    return Effect(Interval(share, min(share, low), max(share, high), how), how)


def _gain(table: Table, part: Frontier) -> Effect:
    """Accuracy gained at equal cost, among networks that were tested alike and, for latencies, timed alike."""
    families, timed = (part.frontier, part.above), part.column == "latency_ms"
    every = table.rows[table.rows["order"].isna() | (table.rows["order"] == part.order)]
    for family in families:
        if not members(table.rows, family).any():
            raise NotMeasured(f"no network of {family} is on record: the sweep has none, or has not measured it yet")
    every = every[np.logical_or(*(members(every, family) for family in families))]
    rows = every[every["top1"].notna() & every.index.isin(list(table.correct)) & every[part.column].notna()]
    rows = timed_rows(rows, part) if timed else rows
    for family in families:
        some(rows[members(rows, family)], f"no network of {family} has an accuracy and {COSTS[part.column]} on record")
    group = one_protocol(rows, (*_TESTED, *LATENCY) if timed else _TESTED, part)
    left, right = (members(group, family) for family in families)
    if np.array_equal(left, right):
        raise NotMeasured("the two families have the same networks here: measure cuts between their ends")
    if timed:
        require_processes(group)
    found = gain_interval(draw(group, table.correct, part.column), left, right)
    costs = [_costs(group.loc[own, part.column], part.column) for own in (left, right)]
    networks = f"{left.sum()} networks {costs[0]}, {right.sum()} {costs[1]}"
    seeds = _counts((group["seeds"].min(), group["seeds"].max()), "seed")
    shared = "; the same network is the best of both nearly always" if found.low == found.high else ""
    how = f"{found.method}{shared}; {networks}{_luck(left.sum(), right.sum())}; {seeds}{_left_out(every, group)}"
    return Effect(_scaled(found, 100), how, seeds=int(group["seeds"].min()))


# --- in words ---


def _scaled(interval: Interval, factor: float) -> Interval:
    estimate, low, high = (factor * each for each in (interval.estimate, interval.low, interval.high))
    return replace(interval, estimate=estimate, low=low, high=high)


def _setting(row: Any) -> str:
    return f"{row['device']}, {row['runtime']} {row['precision']}, batch {row['batch']:g}"


def _counts(numbers: Iterable[float], one: str, many: str | None = None) -> str:
    """`3 seeds`, or `1 and 3 seeds`."""
    text = " and ".join(dict.fromkeys(f"{number:.0f}" for number in numbers))
    return f"{text} {one if text == '1' else many or one + 's'}"


def _costs(costs: pd.Series[float], column: str) -> str:
    """`from 0.06151 to 0.2429 G`."""
    unit, name = _UNITS[column]
    return f"from {costs.min() / unit:.4g} to {costs.max() / unit:.4g} {name}"


def _luck(left: int, right: int) -> str:
    """That the best of many is more often lucky than the best of few."""
    if left == right:
        return ""
    return "; the larger family is favoured by luck, the interval allows for it and the estimate does not"


def _left_out(every: pd.DataFrame, group: pd.DataFrame) -> str:
    """How many networks of the two families are not among those that were measured alike."""
    count = len(every.drop_duplicates(list(NETWORK))) - len(group)
    return f"; {_counts([count], 'network')} of the sweep left out, not measured like these" if count else ""
