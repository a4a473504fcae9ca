"""Sets of networks that have a name, by their units: `top-heavy`, `separable`, `gated`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Literal

from tradeoff.variants.base import Variant
from tradeoff.variants.curves import Curve, curves_of, kind_of
from tradeoff.variants.inception import UNITS

Belongs = Callable[[str, bool], bool]


def heavy_of(units: str) -> str:
    """Which cuts these units are: `bottom`, `top`, or `both` for what is an end of both curves (I2D, I3D, S3D);
    "" for what is no cut."""
    found = {curve.heavy.lower() for curve in curves_of(units)}
    return "both" if len(found) == 2 else next(iter(found), "")


def _on(heavy: str) -> Belongs:
    return lambda units, gated: heavy_of(units) in (heavy, "both")


def _on_curve(curve: Curve) -> Belongs:
    return lambda units, gated: gated == curve.gated and curve.cut(units) is not None


def _of_kind(kind: str) -> Belongs:
    return lambda units, gated: kind_of(units) == kind


_HEAVY: Sequence[Literal["Top", "Bottom"]] = ("Top", "Bottom")
_MODELS: Sequence[Literal["I3D", "S3D"]] = ("I3D", "S3D")
_CURVES = [Curve(*each) for each in product(_HEAVY, _MODELS, (False, True))]

FAMILIES: dict[str, Belongs] = {
    "top-heavy": _on("top"),
    "bottom-heavy": _on("bottom"),
    **{curve.name.lower(): _on_curve(curve) for curve in _CURVES},
    **{kind: _of_kind(kind) for kind in ("full", "separable", "flat", "mixed")},
    "gated": lambda units, gated: bool(units) and gated,
    "ungated": lambda units, gated: bool(units) and not gated,
    "inception": lambda units, gated: len(units) == len(UNITS),
    "other": lambda units, gated: not units,
}
"""By name, whether a network with these units, gated or not, belongs to the family.

`top-heavy` and `bottom-heavy` are cuts of either kind, gated or not, the ends of the curves (I2D, I3D, S3D) on both;
`top-heavy-i3d` and so on are the one curve, without gates, `top-heavy-i3d-g` with them. `full`, `separable`, `flat` and
`mixed` go by the kind of the 3D units, `other` are networks that are not the paper's family's.
"""


def belongs(variant: Variant, family: str) -> bool:
    """Whether a network is of the family of this name, one of `FAMILIES`."""
    return FAMILIES[family.lower()](str(getattr(variant, "units", "")), bool(getattr(variant, "gating", False)))
