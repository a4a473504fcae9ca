"""The curves of the paper's Figure 4: which rows they join, in which order, and how they look."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import pandas as pd

from tradeoff.variants import UNITS

Kind = Literal["flat", "full", "separable", "mixed", "other"]

COLOURS: dict[Kind, str] = {
    "flat": "#3B3B3B",
    "full": "#0068A8",
    "separable": "#CF5A00",
    "mixed": "#6B1FB3",
    "other": "#6E7F5E",
}
"""The paper's blue and orange, and beside them shades that colour-blind readers tell apart and text can have."""


@dataclass(frozen=True)
class Curve:
    """A family of cuts: the K lowest (`Bottom`) or highest (`Top`) units 3D, full as in I3D or separable as in S3D."""

    heavy: Literal["Bottom", "Top"]
    model: Literal["I3D", "S3D"]
    gated: bool = False

    @property
    def name(self) -> str:
        """As the variants on it are named, for example `Top-Heavy-S3D` or `Top-Heavy-S3D-G`."""
        return f"{self.heavy}-Heavy-{self.model}" + ("-G" if self.gated else "")

    @property
    def letter(self) -> str:
        """The letter of its 3D units in the table's `units`."""
        return "3" if self.model == "I3D" else "s"

    @property
    def kind(self) -> Kind:
        """The kind of its 3D convolutions."""
        return "full" if self.model == "I3D" else "separable"

    def cut(self, units: str) -> int | None:
        """K if these units are on the curve, else None. I2D is 0 and the full network is 11 on both its curves."""
        if not units:
            return None
        pattern = rf"{self.letter}*2*" if self.heavy == "Bottom" else rf"2*{self.letter}*"
        return units.count(self.letter) if re.fullmatch(pattern, units) else None


@lru_cache(maxsize=4096)
def curves_of(units: str, gated: bool = False) -> Mapping[Curve, int]:
    """The curves that these units (11 letters, bottom to top) are on, with K: I2D four, I3D and S3D two, a cut one.

    Networks of other families have no units, and are on none.
    """
    curves = [Curve(heavy, model, gated) for model in ("I3D", "S3D") for heavy in ("Bottom", "Top")]
    return {curve: cut for curve in curves if (cut := curve.cut(units)) is not None}


def kind_of(units: str) -> Kind:
    """The one kind of 3D convolution in these units; `flat` if there is none and `mixed` if there are both. `other`
    for a network without units, of another family than the paper's."""
    if not units:
        return "other"
    has_full, has_separable = "3" in units, "s" in units
    if has_full and has_separable:
        return "mixed"
    return "full" if has_full else "separable" if has_separable else "flat"


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
