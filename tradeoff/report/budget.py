"""The best variant under a budget, how probably it keeps to it, and what else may be the best."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tradeoff.errors import InputError
from tradeoff.records.table import Table
from tradeoff.report.cells import listed, milliseconds, percent, probability, variant_names
from tradeoff.report.columns import require_known
from tradeoff.report.contests import contests, deployed
from tradeoff.report.frontier import INTERVALS, Accuracies, Choice, Drawn, best_of, draw_costs, quick_looks
from tradeoff.report.fronts import cost_words
from tradeoff.report.protocols import protocol_lines

COSTS = (
    *("latency_ms", "host_ms", "video_ms", "macs", "gmacs", "curve_macs", "curve_gmacs", "params", "params_m"),
    *("activation_bytes", "activation_mb", "peak_memory_bytes", "peak_memory_mb", "first_pass_ms", "prepare_s"),
)
RATES = ("clips_per_second",)
_MOST_RIVALS = 3


@dataclass(frozen=True)
class Limit:
    """At most so much of a cost, or of a rate at least so much."""

    column: str
    value: float

    @classmethod
    def parse(cls, text: str) -> Limit:
        """From `latency_ms<=30` or `clips_per_second>=100`. Raises InputError for anything else."""
        match = re.fullmatch(r"\s*([A-Za-z]\w*)\s*(<=|>=)\s*([0-9.eE+_]+|[0-9.]+[eE]-[0-9]+)\s*", text)
        try:
            value = float(match[3]) if match else math.nan
        except ValueError:
            value = math.nan
        if match is None or not math.isfinite(value):
            raise InputError(
                f"--budget {text!r} is no budget: write COLUMN<=NUMBER, as in latency_ms<=30 or gmacs<=2, or "
                "clips_per_second>=100"
            )
        column = require_known(match[1], "--budget", (*COSTS, *RATES))
        if (match[2] == ">=") != (column in RATES):
            raise InputError(f"--budget {text!r} has no limit: {column} needs {'>=' if column in RATES else '<='}")
        return cls(column, value)

    def __str__(self) -> str:
        return f"{self.column} {'>=' if self.column in RATES else '<='} {self.value:g}"

    def fits(self, values: Any) -> Any:
        return values >= self.value if self.column in RATES else values <= self.value

    def nearest(self, values: pd.Series[Any]) -> Any:
        """The index of the row that comes nearest to fitting, or fits best."""
        return values.idxmax() if self.column in RATES else values.idxmin()


@dataclass(frozen=True)
class Answer:
    """What fits in one protocol's rows, called `name`; `choice` is None where nothing does. drawn: the rows over the
    cost of each limit."""

    name: str
    limits: Sequence[Limit]
    rows: pd.DataFrame
    choice: Choice | None
    drawn: Sequence[Drawn]

    @property
    def sentence(self) -> str:
        """The choice, at what cost, how sure it is, and its rivals; or that nothing fits, and what comes nearest."""
        budget = f"{self.name}, {' and '.join(map(str, self.limits))}"
        if self.choice is None:
            nearest = [self._at(limit.nearest(self.rows[limit.column]), [limit]) for limit in self.limits]
            nearest = list(dict.fromkeys(nearest))
            return f"{budget}: nothing fits; nearest {'comes' if len(nearest) == 1 else 'come'} {listed(nearest)}."
        found = self.choice
        index = self.rows.index[found.place]
        row = self.rows.loc[index]
        top1 = percent(row["top1"], row["top1_low"], row["top1_high"])
        fits = f"it fits with a probability of {probability(found.fits)}" if self._is_timed else "it fits"
        best = "is the best with " if self._is_timed else "is the best with a probability of "
        sure = f"{fits} and {best}{probability(found.best)}"
        rivals = [f"{self._name(place)} ({probability(share)})" for place, share in found.rivals[:_MOST_RIVALS]]
        others = f"; it may also be {listed(rivals)}" if rivals else ""
        quick = f"; {words}" if (words := quick_looks(self.drawn)) else ""
        return f"{budget}: {self._at(index, self.limits)}, top-1 {top1} %; {sure}{others}{quick}."

    def as_record(self) -> dict[str, Any]:
        found = self.choice
        plain = {"protocol": self.name, "budget": [str(limit) for limit in self.limits], "sentence": self.sentence}
        if found is None:
            return plain | {"variant": None}
        row = self.rows.iloc[found.place]
        costs = {limit.column: row[limit.column] for limit in self.limits}
        sure = {"fits": found.fits, "best": found.best}
        rivals = [{"variant": self._name(place), "best": share} for place, share in found.rivals]
        return plain | {"variant": row["variant"], **costs, "top1": row["top1"], **sure, "rivals": rivals}

    def lines(self) -> list[str]:
        return protocol_lines(self.rows, latency=self._is_timed)

    @property
    def _is_timed(self) -> bool:
        """Whether a limit is on a cost that has an interval."""
        return any(limit.column in INTERVALS for limit in self.limits)

    def _name(self, place: int) -> str:
        return variant_names(self.rows)[place]

    def _at(self, index: Any, limits: Iterable[Limit]) -> str:
        """`S3D in openvino bf16 with 12.8 ms [10.4, 15.7]`."""
        row = self.rows.loc[index]
        name = self._name(list(self.rows.index).index(index))
        costs = [_cost(row, column) for column in dict.fromkeys(limit.column for limit in limits)]
        setting = f" in {words}" if (words := deployed(row)) else ""
        return f"{name}{setting} with {listed(costs)}"


def _cost(row: pd.Series[Any], column: str) -> str:
    if column in INTERVALS:
        value, low, high = (float(row[name]) for name in (column, *INTERVALS[column]))
        number, _, interval = milliseconds(value, low, high).partition(" ")
        return f"{number} ms {interval}".rstrip()
    return cost_words(column, float(row[column]))


def answers(tables: Mapping[str, Table], limits: Sequence[Limit]) -> list[Answer]:
    """What fits, for each protocol of each sweep. Raises InputError where no row has all the costs and an accuracy."""
    found = []
    for sweep, table in tables.items():
        for suffix, rows in contests(table.rows, list(dict.fromkeys(limit.column for limit in limits))):
            name = f"{sweep} ({suffix})" if suffix else sweep
            found.append(Answer(name, limits, *_chosen(rows, table.correct, limits)))
    if not found:
        costs = listed(list(dict.fromkeys(limit.column for limit in limits)))
        raise InputError(f"--budget: no row of {listed(list(tables))} has both an accuracy and {costs}")
    return found


def _chosen(
    rows: pd.DataFrame, accuracies: Accuracies, limits: Sequence[Limit]
) -> tuple[pd.DataFrame, Choice | None, Sequence[Drawn]]:
    drawn: list[Drawn] = draw_costs(rows, accuracies, [limit.column for limit in limits])
    able = [np.asarray(limit.fits(each.cost)) for limit, each in zip(limits, drawn, strict=True)]
    ables = [np.asarray(limit.fits(each.costs)) for limit, each in zip(limits, drawn, strict=True)]
    return rows.loc[drawn[0].index], best_of(drawn, able, ables), drawn
