"""The curves of the paper's Figure 4: which rows they join, in which order, and how they look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from tradeoff.variants import UNITS
from tradeoff.variants.curves import Curve as Curve
from tradeoff.variants.curves import Kind as Kind
from tradeoff.variants.curves import curves_of as curves_of
from tradeoff.variants.curves import kind_of as kind_of

COLOURS: dict[Kind, str] = {
    "flat": "#3B3B3B",
    "full": "#0068A8",
    "separable": "#CF5A00",
    "mixed": "#6B1FB3",
    "other": "#6E7F5E",
}
"""The paper's blue and orange, and beside them shades that colour-blind readers tell apart and text can have."""


def marker(units: str, gated: bool) -> dict[str, Any]:
    """Filled for a network that is 3D at the top, open for one that is 3D at the bottom, a diamond if gated; a square
    for one of another family."""
    colour = COLOURS[kind_of(units)]
    heavy = {curve.heavy for curve in curves_of(units)}
    return {
        "marker": "D" if gated else "o" if units else "s",
        "markersize": 5.6 if gated else 6.2,
        "markerfacecolor": "white" if heavy == {"Bottom"} else colour,
        "markeredgecolor": colour,
        "markeredgewidth": 1.4,
    }


def joined(table: pd.DataFrame) -> Iterator[tuple[Curve, pd.DataFrame]]:
    """Each curve with its rows in cut order, one for each width.

    A curve needs a cut between its ends: a line from I2D to I3D alone would be on two curves and show neither. Of one
    cut with several knobs, as S3D and S3D(temporal_branches=4), the first in the table is on it.
    """
    members: dict[tuple[float, Curve], list[tuple[int, int]]] = {}
    for position, (units, gated, width) in enumerate(zip(table.units, table.gating, table.width, strict=True)):
        for curve, cut in curves_of(str(units), bool(gated)).items():
            members.setdefault((float(width), curve), []).append((cut, position))
    for (_, curve), found in members.items():
        names = {cut: table.variant.iloc[position] for cut, position in reversed(found)}
        cuts = [(cut, position) for cut, position in found if table.variant.iloc[position] == names[cut]]
        if any(0 < cut < len(UNITS) for cut, _ in cuts) and len(cuts) > 1:
            yield curve, table.iloc[[position for _, position in sorted(cuts)]]
