"""How numbers stand in a table: percent, milliseconds with intervals, counts in a unit; a dash for what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from tradeoff.records.statistics import Interval
from tradeoff.variants import UNITS

MISSING = "–"  # noqa: RUF001 - an en dash is how a table says that a cell is empty on purpose
_KINDS = {"3": "full", "s": "separable"}


def units_in_words(units: str) -> str:
    """Which units are 3D and how: `1a-3b full`, `4e-5c separable`, `all separable`, `none`; a dash if it has none."""
    if not units:
        return MISSING
    runs, start = [], 0
    for letter, run in groupby(units):
        count = len(list(run))
        names = UNITS[start : start + count]
        start += count
        if letter in _KINDS:
            where = "all" if count == len(UNITS) else names[0] if count == 1 else f"{names[0]}-{names[-1]}"
            runs.append(f"{where} {_KINDS[letter]}")
    return ", ".join(runs) or "none"


def scaled(value: Any, unit: float) -> str:
    """Four significant digits of a count in its unit; whole numbers as they are."""
    if pd.isna(value):
        return MISSING
    number = float(value) / unit
    return f"{number:g}" if number.is_integer() else f"{number:#.4g}" if number < 1000 else f"{number:.0f}"


def percent(value: Any, low: Any = np.nan, high: Any = np.nan) -> str:
    """`87.5 [84.1, 90.2]` from fractions; without an interval only the estimate."""
    if pd.isna(value):
        return MISSING
    interval = "" if pd.isna(low) else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{100 * value:.1f}{interval}"


def probability(value: float) -> str:
    """`61 %`; what was seen in no draw, or in all but few, is not said to be impossible or certain."""
    return "<1 %" if value < 0.01 else ">99 %" if value > 0.99 else f"{100 * value:.0f} %"


def points(interval: Interval) -> str:
    """A difference of fractions in percentage points: `+3.6 [-3.5, +11.2]`."""
    return f"{100 * interval.estimate:+.1f} [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"


def milliseconds(value: Any, low: Any = np.nan, high: Any = np.nan, outcome: Any = "") -> str:
    """`8.39 [4.77, 14.7]`; where there is no time, the `outcome` that says why, or a dash."""
    if pd.isna(value):
        return MISSING if pd.isna(outcome) else str(outcome) or MISSING
    interval = "" if pd.isna(low) else f" [{three_digits(low)}, {three_digits(high)}]"
    return f"{three_digits(value)}{interval}"


def latency_cells(table: pd.DataFrame) -> list[str]:
    """`8.39 [4.77, 14.7]`; where there is no latency, why, or a dash."""
    outcomes = table["latency_outcome"] if "latency_outcome" in table else [""] * len(table)
    rows = rows_of(table, "latency_ms", "latency_low_ms", "latency_high_ms")
    return [milliseconds(*row, *[outcome]) for row, outcome in zip(rows, outcomes, strict=True)]


def three_digits(value: float) -> str:
    """Three significant digits, and no exponent; a dash for what is missing."""
    return MISSING if pd.isna(value) else f"{value:.0f}" if value >= 99.95 else f"{value:#.3g}"


def variant_names(rows: pd.DataFrame) -> list[str]:
    """The variants of some rows, with the width where there are several: `I2D x0.25`."""
    names = [str(name) for name in rows["variant"]]
    if "width" not in rows or rows["width"].nunique() < 2:
        return names
    widths = ["" if pd.isna(width) else f" x{width:g}" for width in rows["width"]]
    return [name + width for name, width in zip(names, widths, strict=True)]


def cell(value: Any) -> str:
    return MISSING if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value)


def rows_of(table: pd.DataFrame, *columns: str) -> list[list[Any]]:
    """The values of some columns, row by row; NaN for a column that the table lacks."""
    rows: list[list[Any]] = table.reindex(columns=list(columns)).to_numpy(dtype=object).tolist()
    return rows


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
