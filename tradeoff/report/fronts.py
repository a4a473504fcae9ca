"""All that is said of the frontiers of one protocol: who is on them, who dominates whom, how much they reach, where the
knee is, and how sure each statement is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from tradeoff.records.statistics import Interval
from tradeoff.report.cells import MISSING, percent, probability, scaled, three_digits, variant_names
from tradeoff.report.frontier import (
    COSTS,
    Accuracies,
    Drawn,
    Floats,
    dominators,
    draw_costs,
    drawn_over,
    frontier,
    hypervolume_interval,
    knee_of,
    quick_looks,
)

LIKELY, DOUBTFUL = 0.05, 0.2
"""Of many rows those are listed that are on a frontier as probably as the first; a row of the table that is off the
frontier by its estimates says that it may be on it where that is as probable as the second."""
ALL_LISTED = 40
"""Of more rows than these only the likely ones are listed."""


@dataclass(frozen=True)
class Front:
    """The frontier of one protocol's rows over one cost; `names` are the variants of the drawn rows."""

    drawn: Drawn
    names: list[str]
    chance: float

    @property
    def short(self) -> str:
        return COSTS[self.drawn.column]

    @cached_property
    def on(self) -> Any:
        """bool (n,): by the estimates."""
        return frontier(self.drawn.cost, self.drawn.accuracy)

    @property
    def probability(self) -> Floats:
        return self.drawn.on_frontier

    @cached_property
    def hypervolume(self) -> Interval | None:
        """None where all rows cost the same, or none beats chance."""
        drawn = self.drawn
        if np.unique(drawn.cost).size < 2 or drawn.accuracy.max() <= self.chance:
            return None
        return hypervolume_interval(drawn, self.chance)

    @cached_property
    def knee(self) -> tuple[int, float] | None:
        return knee_of(self.drawn)

    def dominators(self, places: Sequence[int]) -> list[tuple[int, float] | None]:
        return dominators(self.drawn, places)

    def as_record(self) -> dict[str, Any]:
        rows = zip(self.names, self.on.tolist(), self.probability.tolist(), strict=True)
        found, knee = self.hypervolume, self.knee
        return {
            "cost": self.drawn.column,
            "rows": [{"variant": name, "on_frontier": on, "probability": share} for name, on, share in rows],
            "hypervolume": found and {"estimate": found.estimate, "low": found.low, "high": found.high},
            "knee": knee and {"variant": self.names[knee[0]], "probability": knee[1]},
            "draws": self.drawn.draws,
        }


class Fronts:
    """The frontiers of tables whose accuracies' clips are known; of one table they are drawn once."""

    def __init__(self, accuracies: Accuracies) -> None:
        self.accuracies = accuracies
        self._found: dict[Any, list[Front]] = {}

    def of(self, table: pd.DataFrame) -> list[Front]:
        """A front a cost, the same whatever the order of the rows; none where the clips of too few are known."""
        table = table.sort_index()
        key = tuple(table.index), tuple(table["latency_ms"].notna())
        if key not in self._found:
            self._found[key] = _fronts(table, self.accuracies)
        return self._found[key]


def _fronts(table: pd.DataFrame, accuracies: Accuracies) -> list[Front]:
    known = table[table.index.isin(list(accuracies))]
    columns = [column for column in COSTS if known[column].notna().any()]
    if len(known) < 2 or not columns:
        return []
    chance = 1 / float(known["classes"].min())
    names = dict(zip(known.index, variant_names(known), strict=True))
    drawn = draw_costs(known, accuracies, columns)
    return [Front(each, [names[index] for index in each.index], chance) for each in drawn]


def frontier_cells(table: pd.DataFrame, fronts: Sequence[Front], marks: pd.DataFrame) -> list[str]:
    """`MACs 98 %, latency 61 %`: over which costs a row is on the frontier, and how probably; then in parentheses over
    which it is not by the estimates, and may well be. Only the costs (of `marks`) where a row's clips are not known."""
    found = probabilities(table, fronts).to_dict("records")
    return [_cell(shares, on) for shares, on in zip(found, marks.to_dict("records"), strict=True)]


def _cell(shares: Mapping[Any, float], on: Mapping[Any, bool]) -> str:
    told = {column: "" if np.isnan(share) else f" {probability(share)}" for column, share in shares.items()}
    certain = [short + told[column] for column, short in COSTS.items() if on[column]]
    doubtful = [
        short + told[column] for column, short in COSTS.items() if not on[column] and shares[column] >= DOUBTFUL
    ]
    return " ".join([", ".join(certain)] * bool(certain) + [f"({', '.join(doubtful)})"] * bool(doubtful))


def probabilities(table: pd.DataFrame, fronts: Sequence[Front]) -> pd.DataFrame:
    """For each row and each of `COSTS`, how probably it is on the frontier; NaN where that is not known."""
    found = pd.DataFrame(np.nan, index=table.index, columns=list(COSTS))
    for front in fronts:
        found.loc[front.drawn.index, front.drawn.column] = front.probability
    return found


def front_lines(fronts: Sequence[Front]) -> list[str]:
    """The same, and what `Frontier` means."""
    return [*reach_lines(fronts), *meaning_line(fronts)]


def reach_lines(fronts: Sequence[Front]) -> list[str]:
    """A sentence a cost: what the frontier reaches, and where its knee is."""
    return [_line(front) for front in fronts if front.hypervolume]


def _line(front: Front) -> str:
    reached = front.hypervolume
    assert reached is not None
    worst = cost_words(front.drawn.column, float(front.drawn.cost.max()))
    knee = front.knee
    where = f"knee: {front.names[knee[0]]} ({probability(knee[1])})" if knee else "no knee"
    return (
        f"Over {front.short}: hypervolume {percent(reached.estimate, reached.low, reached.high)} % of what costs at "
        f"most {worst} and beats chance ({percent(front.chance)} %); {where}."
    )


def meaning_line(fronts: Sequence[Front]) -> list[str]:
    """What the percentages in `Frontier` mean; nothing where there are none."""
    if not fronts:
        return []
    drawn = [front.drawn for front in fronts]
    over, quick = drawn_over(drawn), quick_looks(drawn)
    return [
        f"Frontier: the share of {drawn[0].draws} joint draws of {over}{',' if ', of' in over else ''} in which "
        "nothing else is as cheap and as accurate and better in one of the two; in parentheses what is off the "
        f"frontier by the estimates{'; ' + quick if quick else ''}."
    ]


def cost_words(column: str, value: float) -> str:
    """A cost with its unit: `0.2429 G multiply-adds`, `18.2 ms`."""
    if column.endswith("_ms"):
        return f"{three_digits(value)} ms"
    unit, words = _UNITS.get(column, (1.0, column))
    return f"{scaled(value, unit)} {words}"


_UNITS: Mapping[str, tuple[float, str]] = {
    "macs": (1e9, "G multiply-adds"),
    "gmacs": (1.0, "G multiply-adds"),
    "curve_macs": (1e9, "G multiply-adds as the paper counts"),
    "curve_gmacs": (1.0, "G multiply-adds as the paper counts"),
    "params": (1e6, "M parameters"),
    "params_m": (1.0, "M parameters"),
    "activation_bytes": (1e6, "MB of activations"),
    "activation_mb": (1.0, "MB of activations"),
    "peak_memory_bytes": (1e6, "MB at the peak"),
    "peak_memory_mb": (1.0, "MB at the peak"),
}


def front_section(fronts: Sequence[Front]) -> tuple[pd.DataFrame, list[str]]:
    """The table of a report's section on the frontier, as text, and the lines under it: a row a variant, a column a
    cost: how probably it is on the frontier, and what most probably dominates it."""
    names = _names(fronts)
    columns: dict[str, list[str]] = {"Variant": [*names.values()]}
    for front in fronts:
        cells = _cells(front, list(names))
        columns[f"On the frontier: {front.short}"] = [cells[index][0] for index in names]
        columns[f"Dominated: {front.short}"] = [cells[index][1] for index in names]
    every = len({index for front in fronts for index in front.drawn.index})
    left = every - len(names)
    more = f"{left} more are on each frontier with less than {percent(LIKELY).split('.')[0]} %." if left else ""
    lines = [
        "On the frontier: the share of draws. Dominated: by which variant on the frontier most probably, and in what "
        "share of the draws that one is no dearer and no less accurate, and better in one.",
        *([more] if more else []),
        "Hypervolume: the area of all (cost, accuracy) that some variant is as good as (Zitzler & Thiele 1998), as a "
        "share of all there is up to the dearest and above chance; of another table it is another share. Knee: after "
        "which accuracy gets dear, the furthest above a line between the frontier's ends, costs on a logarithmic scale "
        "(Satopaa et al. 2011), and in what share of the draws it is that one.",
    ]
    return pd.DataFrame(columns), lines


def _names(fronts: Sequence[Front]) -> dict[Any, str]:
    """The rows to list, by their index, in the table's order."""
    found: dict[Any, str] = {}
    likely: set[Any] = set()
    for front in fronts:
        found |= zip(front.drawn.index, front.names, strict=True)
        rows = zip(front.drawn.index, front.on, front.probability, strict=True)
        likely |= {index for index, on, share in rows if on or share >= LIKELY}
    kept = sorted(found) if len(found) <= ALL_LISTED else sorted(likely)
    return {index: found[index] for index in kept}


def _cells(front: Front, wanted: Sequence[Any]) -> dict[Any, tuple[str, str]]:
    place = {index: number for number, index in enumerate(front.drawn.index)}
    known = [index for index in wanted if index in place]
    found = front.dominators([place[index] for index in known])
    cells: dict[Any, tuple[str, str]] = dict.fromkeys(wanted, (MISSING, MISSING))
    for index, above in zip(known, found, strict=True):
        by = f"{front.names[above[0]]} ({probability(above[1])})" if above else MISSING
        cells[index] = probability(float(front.probability[place[index]])), by
    return cells
