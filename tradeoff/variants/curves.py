"""The curves of the paper's Figure 4, and the kinds of 3D units, of a network's units alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal["flat", "full", "separable", "mixed", "other"]


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
