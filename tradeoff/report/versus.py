"""Two families of networks at equal cost: how much more accurate one is, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradeoff.errors import InputError
from tradeoff.records.statistics import Interval
from tradeoff.records.table import Table
from tradeoff.report.budget import COSTS
from tradeoff.report.cells import listed, points
from tradeoff.report.columns import require_known
from tradeoff.report.contests import contests
from tradeoff.report.families import FAMILIES, members
from tradeoff.report.frontier import INTERVALS, draw, gain_interval, quick_looks
from tradeoff.report.fronts import cost_words
from tradeoff.report.joined import TIMED
from tradeoff.report.protocols import LATENCY, protocol_lines
from tradeoff.report.tables import verdict
from tradeoff.report.where import Condition

MEANING = (
    "The gain is the best top-1 to be had for a cost on one side minus that on the other, the mean over the logarithm "
    "of the costs at which both have something to offer. A network may be on both sides, as I2D and I3D are of "
    "top-heavy and bottom-heavy. Of more networks the best is more often lucky: the interval allows for that, the "
    "estimate does not."
)
_AT_EQUAL = {"macs": "multiply-adds", "gmacs": "multiply-adds", "latency_ms": "latency", "params": "parameters"}


@dataclass(frozen=True)
class Comparison:
    """Side `left` against `right` in one protocol's rows, called `name`; `gain` is None where they share no range of
    costs. range: of the costs that both have; variants: of either side; quick: what its latencies do not know."""

    name: str
    left: str
    right: str
    cost: str
    gain: Interval | None
    range: tuple[float, float]
    variants: tuple[int, int]
    rows: pd.DataFrame
    quick: str = ""

    @property
    def sentence(self) -> str:
        what = f"{self.name}: {self.left} against {self.right} at equal {_AT_EQUAL.get(self.cost, self.cost)}"
        count = f"{self.variants[0]} against {self.variants[1]} variants"
        if self.gain is None:
            return f"{what}: nothing compares them ({count}), since they share no range of it."
        low, high = (cost_words(self.cost, each) for each in self.range)
        found = f"{points(self.gain)} points of top-1, {verdict(self.gain)}"
        return f"{what}: {found}; from {low.split()[0]} to {high}, {count}, {self.gain.method}."

    def as_record(self) -> dict[str, Any]:
        plain: dict[str, Any] = {"protocol": self.name, "left": self.left, "right": self.right, "cost": self.cost}
        plain |= {"variants": list(self.variants), "sentence": self.sentence}
        if self.gain is None:
            return plain | {"gain": None, "verdict": "cannot tell"}
        interval = {"gain": self.gain.estimate, "low": self.gain.low, "high": self.gain.high}
        return plain | interval | {"verdict": verdict(self.gain), "range": list(self.range)}

    def lines(self) -> list[str]:
        quick = [f"{self.quick[0].upper()}{self.quick[1:]}."] if self.quick else []
        return [*protocol_lines(self.rows, latency=self.cost in INTERVALS), *quick]


def compare_families(tables: Mapping[str, Table], left: str, right: str, cost: str) -> list[Comparison]:
    """Two sides, each a name of `tradeoff.report.families.FAMILIES` or a condition, in each protocol of each sweep that
    has a network of its own on either.

    Raises InputError for a side that cannot be read, a cost that there is not, and where no protocol has both.
    """
    require_known(cost, "--cost", COSTS)
    sides = [_Side(text) for text in (left, right)]
    if cost not in TIMED:
        _require_untimed([column for side in sides for column in side.columns], cost)
    found = [each for sweep, table in tables.items() for each in _compared(sweep, table, sides, cost)]
    if not found:
        raise InputError(
            f"--compare: no variants with an accuracy and {cost} are {left} alone and {right} alone, in none of "
            f"{listed(list(tables))}"
        )
    return found


def _require_untimed(columns: Sequence[str], cost: str) -> None:
    """Over a counted cost each network has one row, of any of its latencies."""
    if timing := [column for column in columns if column in (*TIMED, *LATENCY)]:
        raise InputError(
            f"--compare names column {timing[0]!r} over {cost}, of which each network has several: add "
            "--cost latency_ms, or choose with --where"
        )


def _compared(sweep: str, table: Table, sides: Sequence[_Side], cost: str) -> Iterator[Comparison]:
    for suffix, rows in contests(table.rows, [cost]):
        drawn = draw(rows, table.correct, cost)
        own = rows.loc[drawn.index]
        masks = [side.members(own) for side in sides]
        if not (masks[0] & ~masks[1]).any() or not (masks[1] & ~masks[0]).any():
            continue  # I2D and I3D alone are no side
        low = max(float(drawn.cost[mask].min()) for mask in masks)
        high = min(float(drawn.cost[mask].max()) for mask in masks)
        gain = gain_interval(drawn, *masks) if low < high else None
        counts = int(masks[0].sum()), int(masks[1].sum())
        name = f"{sweep} ({suffix})" if suffix else sweep
        quick = quick_looks(drawn.take(mask) for mask in masks)
        yield Comparison(name, sides[0].text, sides[1].text, cost, gain, (low, high), counts, own, quick)


class _Side:
    """A family by its name, or the rows that fit a condition."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        named = self.text.lower() in FAMILIES or not any(sign in self.text for sign in " <>=()'\"")
        self._condition = None if named else Condition(self.text, "--compare")
        if named:
            members(pd.DataFrame({"units": [], "gating": []}), self.text)  # is there such a family?

    @property
    def columns(self) -> list[str]:
        return self._condition.columns if self._condition else []

    def members(self, rows: pd.DataFrame) -> NDArray[np.bool_]:
        return self._condition.fits(rows) if self._condition else members(rows, self.text)
