"""The joined table, one row a variant, as sheets that hold only what may stand side by side.

Two numbers in one column were measured alike: rows that differ in clip, data, views, frame order or recipe go to sheets
of their own, and so do latencies of several devices, runtimes or batch sizes, unless each has a column (`wide`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tradeoff.errors import InputError
from tradeoff.records.table import COLUMNS
from tradeoff.report.cells import MISSING, listed
from tradeoff.report.columns import (
    FRONTIER,
    cells_of,
    default_columns,
    heading_of,
    value_of,
    with_intervals,
)
from tradeoff.report.frontier import COSTS, frontier_marks
from tradeoff.report.fronts import Front, Fronts, frontier_cells, probabilities
from tradeoff.report.protocols import (
    ACCURACY,
    INPUT,
    LATENCY,
    SETTING,
    latency_line,
    protocol_lines,
    protocol_names,
    split_protocols,
)
from tradeoff.report.selection import Selection
from tradeoff.report.settings import BEST, NETWORK, choose, of_runtime, place_in, present, require_runtime, runtimes
from tradeoff.report.tables import notes_of
from tradeoff.setting_names import PRECISIONS, RUNTIMES

TIMED = (*COLUMNS[COLUMNS.index("device") :], "peak_memory_mb")
"""Columns of a latency: each device and setting has its own."""
_NAMED = {"threads": "{} threads", "batch": "batch {}", "cache": "{} caches", "views": "{} views"}
_IN_WORDS = {"data_digest": "contents of the data", "recipe_key": "recipe", "view": "view plan", "order": "frame order"}


@dataclass(frozen=True)
class Sheet:
    """Rows that may stand in one table, and which columns of them; `suffix` tells it from its sweep's other sheets.

    conditions: of each device and setting that has columns of its own, its name and its rows; none where all latencies
    are in one column.
    """

    rows: pd.DataFrame
    suffix: str
    columns: Sequence[str]
    fronts: Sequence[Front]
    conditions: Sequence[tuple[str, pd.DataFrame]] = ()

    def shown(self) -> pd.DataFrame:
        """The cells as text, for people."""
        columns: dict[str, list[str]] = {}
        for name, words, rows in self._columns(self.columns or default_columns(self.rows)):
            if name == FRONTIER:
                columns[heading_of(name)] = frontier_cells(self.rows, self.fronts, frontier_marks(self.rows))
            elif words:
                columns[f"{heading_of(name)}, {words}"] = self._aligned(cells_of(rows, name), rows, MISSING)
            else:
                columns[heading_of(name)] = cells_of(rows, name)
        return pd.DataFrame(columns, index=self.rows.index)

    def numbers(self) -> pd.DataFrame:
        """The values unrounded, for programs: fractions, counts, milliseconds; each with its interval."""
        names = with_intervals(self.columns) if self.columns else (*COLUMNS, FRONTIER)
        columns: dict[str, Any] = {}
        for name, words, rows in self._columns(names):
            if name == FRONTIER:
                columns |= {str(key): values for key, values in self._marks().items()}
            elif words:
                columns[f"{name}: {words}"] = self._aligned(value_of(rows, name), rows, np.nan)
            else:
                columns[name] = value_of(rows, name)
        return pd.DataFrame(columns, index=self.rows.index)

    def notes(self) -> list[str]:
        """How the rows were measured."""
        if not self.conditions:
            return notes_of(self.rows, self.shown(), self.fronts)
        every = pd.concat([rows for _, rows in self.conditions])
        own = "A column that names a device or setting is of that one alone."
        return [*protocol_lines(self.rows, latency=False), latency_line(every), own]

    def _columns(self, names: Sequence[str]) -> Iterator[tuple[str, str, pd.DataFrame]]:
        """Each column's name, the device and setting that it is of, if any, and the rows to take it from."""
        for name in names:
            if not self.conditions or name not in TIMED:
                yield name, "", self.rows
            elif name not in LATENCY:  # those are in the headings
                for words, rows in self.conditions:
                    yield name, words, rows

    def _aligned(self, values: Any, rows: pd.DataFrame, missing: Any) -> list[Any]:
        """Values of a condition's rows in the order of the sheet's variants."""
        found = dict(zip(_networks(rows), values, strict=True))
        return [found.get(network, missing) for network in _networks(self.rows)]

    def _marks(self) -> pd.DataFrame:
        marks = frontier_marks(self.rows).astype(int).add_prefix("on_frontier_")
        shares = probabilities(self.rows, self.fronts).add_prefix("frontier_probability_")
        return pd.concat([marks, shares], axis=1) if self.fronts else marks


def _networks(rows: pd.DataFrame) -> list[tuple[Any, ...]]:
    filled = rows[list(NETWORK)].fillna({"width": 0.0})  # NaN, of other families, equals nothing
    return list(filled.itertuples(index=False, name=None))


def sheets(
    table: pd.DataFrame, name: str, runtime: str | None, selection: Selection, fronts: Fronts
) -> tuple[list[Sheet], str]:
    """The sheets of the rows of a sweep, and a sentence on why there are several, or "".

    Raises InputError for a runtime that nothing was timed in.
    """
    if selection.wide:
        return _wide(table, name, runtime, selection, fronts)
    chosen = choose(table, runtime, name)
    rows, across = (table, SETTING) if chosen.rows is None else (chosen.rows, tuple(chosen.across))
    parts = split_protocols(rows, across=across)
    names = protocol_names(parts, across=across)
    suffixes = ["-".join(filter(None, (chosen.suffix, each))) for each in names]
    found = [
        Sheet(selection.ordered(part), suffix, selection.columns, fronts.of(part))
        for part, suffix in zip(parts, suffixes, strict=True)
    ]
    return found, split_note(parts, across)


def _wide(
    table: pd.DataFrame, name: str, runtime: str | None, selection: Selection, fronts: Fronts
) -> tuple[list[Sheet], str]:
    if runtime == BEST:
        raise InputError("--wide has a column for each setting, and --runtime best asks for one: leave one of them out")
    if runtime is not None:
        require_runtime(runtimes(table), runtime, f"sweep {name}")
        table = of_runtime(table, runtime)
    parts = split_protocols(table, across=LATENCY)
    names = protocol_names(parts, across=LATENCY)
    found = [
        _wide_sheet(selection.ordered(part), suffix, selection, fronts)
        for part, suffix in zip(parts, names, strict=True)
    ]
    return found, split_note(parts, LATENCY)


def _wide_sheet(part: pd.DataFrame, suffix: str, selection: Selection, fronts: Fronts) -> Sheet:
    conditions = list(_conditions(part))
    variants = part.drop_duplicates(list(NETWORK))
    if len(conditions) < 2:
        return Sheet(variants, suffix, selection.columns, fronts.of(variants))
    variants = variants.assign(latency_ms=np.nan)  # no one latency is that of the row
    usual = [name for name in default_columns(variants) if name == "latency_ms" or _is_usual(variants, name)]
    return Sheet(variants, suffix, selection.columns or usual, fronts.of(variants), conditions)


def _is_usual(variants: pd.DataFrame, name: str) -> bool:
    """Of a wide table: what is not of a latency, and is known of any variant."""
    if name == FRONTIER:
        return bool(variants["top1"].notna().any())
    return name not in (*TIMED, "units") and bool(value_of(variants, name).notna().any())


def _conditions(part: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each device and setting that anything was timed in, the plainest first, with its rows; named by what tells it
    from the others, its layout only where nothing else does."""
    timed = part[part["device"].notna()]
    keys = present(timed, *LATENCY)
    found = [rows for _, rows in timed.groupby(keys, dropna=False, sort=False)]
    found.sort(key=lambda rows: _plainness(rows.iloc[0]))
    told = [key for key in keys if timed[key].nunique() > 1]
    without = [_condition(rows, [key for key in told if key != "layout"]) for rows in found]
    names = without if len(set(without)) == len(found) else [_condition(rows, told) for rows in found]
    for words, rows in zip(names, found, strict=True):
        yield words, rows.drop_duplicates(list(NETWORK))


def _condition(rows: pd.DataFrame, told: Sequence[str]) -> str:
    return " ".join(_NAMED.get(key, "{}").format(_plain(rows[key].iloc[0])) for key in told)


def _plainness(row: Any) -> tuple[Any, ...]:
    return str(row["device"]), place_in(RUNTIMES, row["runtime"]), place_in(PRECISIONS, row["precision"])


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def split_note(parts: Sequence[pd.DataFrame], across: Sequence[str]) -> str:
    """Why the rows are in several tables, and how to get the others; "" for one table."""
    if len(parts) < 2:
        return ""
    columns = [column for column in (*INPUT, *ACCURACY, *LATENCY) if column not in across]
    told = [column for column in columns if len(_values(parts, column)) > 1]
    words = listed(list(dict.fromkeys(_IN_WORDS.get(column, column) for column in told))) or "protocol"
    wide = "; --wide gives each latency a column of its own" if set(told) & set(LATENCY) else ""
    return f"{len(parts)} tables: rows that differ in {words} do not go into one column{wide}; --where chooses some"


def _values(parts: Sequence[pd.DataFrame], column: str) -> set[Any]:
    return {value for part in parts if column in part for value in part[column].dropna().unique()}


def front_records(found: Sequence[Sheet]) -> list[dict[str, Any]]:
    """The frontiers of sheets as plain values: of each the table's suffix, and a front a cost of `COSTS`."""
    return [
        {"table": sheet.suffix, **front.as_record()}
        for sheet in found
        for front in sheet.fronts
        if front.drawn.column in COSTS
    ]
