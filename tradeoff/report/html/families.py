"""Which families the networks of a table are of, to be filtered by, and how their points look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tradeoff.report.curves import Kind, curves_of, kind_of
from tradeoff.variants import UNITS

_THROUGHOUT: dict[Kind, str] = {"flat": "2D", "full": "Full 3D", "separable": "Separable 3D"}
_KINDS = {"I3D": "full", "S3D": "separable"}
_Row = tuple[str, bool]  # units, and whether it is gated
_GATED, _MIXED, _OTHER = "Gated", "Other mixes of units", "Other families"


@dataclass(frozen=True)
class Look:
    """A point: hollow for a network that is 3D at the bottom only, a diamond if gated, a square for other families."""

    kind: Kind
    hollow: bool
    symbol: str
    families: tuple[int, ...]


@dataclass(frozen=True)
class Families:
    """The names of a table's families, the look of each; all distinct looks, and for each row the place of its own."""

    names: Sequence[str]
    samples: Sequence[int]
    looks: Sequence[Look]
    look: Sequence[int]

    def as_data(self) -> dict[str, Any]:
        return {"names": self.names, "samples": self.samples, "looks": [vars(look) for look in self.looks]}


def families(table: pd.DataFrame) -> Families:
    """The families of a table's rows, in the order in which they appear.

    Gated networks and those without units are families of their own. I2D, I3D and S3D are of every curve that they end,
    where the table has a cut of it.
    """
    rows = [(str(units), bool(gated)) for units, gated in zip(table["units"], table["gating"], strict=True)]
    curves = [name for row in rows for name in _inner_curves(*row)]
    of = {row: _names(*row, curves) for row in dict.fromkeys(rows)}
    names = sorted({name: None for row in rows for name in of[row]}, key=_place)
    found = {row: _look(*row, tuple(sorted(names.index(name) for name in of[row]))) for row in of}
    looks = list(dict.fromkeys(found.values()))
    places = {look: place for place, look in enumerate(looks)}
    return Families(
        names, [places[found[_sample(name, of)]] for name in names], looks, [places[found[row]] for row in rows]
    )


def _sample(name: str, of: Mapping[_Row, Sequence[str]]) -> _Row:
    """The network that shows best what a family looks like: one inside of its curve before an end of it, and a mix of
    full and separable units before others."""
    own = [row for row in of if name in of[row]]
    best = (row for row in own if name in _inner_curves(*row) or (name == _MIXED and kind_of(row[0]) == "mixed"))
    return next(best, own[0])


def _inner_curves(units: str, gated: bool) -> list[str]:
    """The curves that a network is inside of: no end of them, as I2D is of four."""
    if gated:
        return []
    found = curves_of(units)
    return [f"{c.heavy}-heavy {_KINDS[c.model]} 3D" for c, cut in found.items() if 0 < cut < len(UNITS)]


def _names(units: str, gated: bool, curves: Sequence[str]) -> list[str]:
    if not units or gated:
        return [_GATED if units else _OTHER]
    if inner := _inner_curves(units, gated):
        return inner
    ends = [f"{curve.heavy}-heavy {_KINDS[curve.model]} 3D" for curve in curves_of(units)]
    if not ends:
        return [_MIXED]
    return [name for name in ends if name in curves] or [_THROUGHOUT[kind_of(units)]]


def _place(name: str) -> int:
    """Curves first, then what is of one kind, gated, mixed or none of the paper's."""
    order = [*(f"{heavy}-heavy {kind} 3D" for kind in _KINDS.values() for heavy in ("Top", "Bottom"))]
    return [*order, *_THROUGHOUT.values(), _GATED, _MIXED, _OTHER].index(name)


def _look(units: str, gated: bool, families: tuple[int, ...]) -> Look:
    heavy = {curve.heavy for curve in curves_of(units)}
    symbol = "diamond" if gated else "circle" if units else "square"
    return Look(kind_of(units), heavy == {"Bottom"}, symbol, families)
