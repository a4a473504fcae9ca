"""Columns of a table as few bytes of JSON: 10,000 networks have to fit beside plotly's script."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

DIGITS = 6
"""Significant digits of a number: two more than the page shows, so that it rounds as other reports do."""


def packed(values: Iterable[Any]) -> Any:
    """A list; `{"is": value}` for a column of one value; `{"of": distinct values, "at": places}` for few texts.

    Numbers are rounded to `DIGITS`; what is missing is null.
    """
    found = [plain(value) for value in values]
    distinct = list(dict.fromkeys(found))
    if len(distinct) == 1:
        return {"is": distinct[0]}
    if any(isinstance(value, str) for value in distinct) and 2 * len(distinct) <= len(found):
        places = {value: place for place, value in enumerate(distinct)}
        return {"of": distinct, "at": [places[value] for value in found]}
    return found


def plain(value: Any) -> Any:
    """A value of a table as JSON has it: a whole number without a point, NaN as null."""
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return None
    if hasattr(value, "item"):
        return plain(value.item())
    if isinstance(value, str | bool | int):
        return value
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() else short
