"""Sets of a table's rows that have a name, to be held against each other: `top-heavy`, `separable`, `gated`."""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradeoff.errors import InputError
from tradeoff.variants.families import FAMILIES as FAMILIES
from tradeoff.variants.families import heavy_of as heavy_of


def members(table: pd.DataFrame, family: str) -> NDArray[np.bool_]:
    """bool (rows,): does each row of the joined table belong to the family of this name, in any case of letters?

    Raises InputError for a name that is none of `FAMILIES`.
    """
    belongs = FAMILIES.get(family.lower())
    if belongs is None:
        near = difflib.get_close_matches(family.lower(), FAMILIES, n=2, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else f"use one of {', '.join(FAMILIES)}"
        raise InputError(f"family {family!r} is unknown: {hint}")
    rows: list[tuple[Any, Any]] = list(zip(table["units"], table["gating"], strict=True))
    return np.array([belongs("" if pd.isna(units) else str(units), bool(gated)) for units, gated in rows], dtype=bool)
