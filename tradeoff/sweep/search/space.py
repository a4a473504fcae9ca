"""The space of a search: what can be chosen, the name of each choice, and a grid over it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradeoff.sweep.search.file import Search
from tradeoff.variants import UNITS, Variant, notation, unit_choices

Point = Mapping[str, Any]
"""A choice for each axis."""
_DEARER = {"2": 0, "s": 1, "3": 2}


@dataclass(frozen=True)
class Space:
    """By axis (a unit, `width`, `gating`) what it may be; an axis with one choice is part of every point."""

    axes: Mapping[str, tuple[Any, ...]]

    @property
    def size(self) -> int:
        return math.prod(map(len, self.axes.values()))

    def name(self, point: Point) -> str:
        """As `variants` of a sweep file would name it: each network has one name."""
        letters = "".join(point[unit] for unit in UNITS)
        name = Variant.parse(f"Inception-{letters}" + ("-G" if point["gating"] else "")).name
        return notation.write(name, {"width": point["width"]} if "width" in point else {})

    def dearest(self) -> Point:
        """The point that costs most: of every axis what costs most."""
        return {axis: max(choices, key=lambda each: _DEARER.get(each, each)) for axis, choices in self.axes.items()}

    def random(self, count: int, seed: int) -> list[Point]:
        random = np.random.default_rng(seed)
        return [
            {axis: choices[random.integers(len(choices))] for axis, choices in self.axes.items()} for _ in range(count)
        ]

    def grid(self, most: int, seed: int) -> list[Point]:
        """The finest grid of at most `most` points, shuffled; neighbouring units that are tied together make it coarse.

        Of a space whose width and gating alone have more choices than that, the first `most` after shuffling.
        """
        free = [unit for unit in UNITS if len(self.axes[unit]) > 1]
        points: list[Point] = []
        for groups in range(max(1, len(free)), 0, -1):
            points = self._tied([list(each) for each in np.array_split(free, groups)])
            if len(points) <= most or groups == 1:
                break
        return [points[i] for i in np.random.default_rng(seed).permutation(len(points))[:most]]

    def _tied(self, groups: Sequence[Sequence[str]]) -> list[Point]:
        """The points at which all units of a group take the same of their choices."""
        others = {axis: choices for axis, choices in self.axes.items() if not any(axis in group for group in groups)}
        levels = [range(max((len(self.axes[unit]) for unit in group), default=1)) for group in groups]
        return [
            dict(zip(others, rest, strict=True)) | self._levelled(groups, level)
            for level in itertools.product(*levels)
            for rest in itertools.product(*others.values())
        ]

    def _levelled(self, groups: Sequence[Sequence[str]], levels: Sequence[int]) -> dict[str, Any]:
        pairs = zip(groups, levels, strict=True)
        return {unit: self.axes[unit][min(at, len(self.axes[unit]) - 1)] for group, at in pairs for unit in group}


def space_of(search: Search) -> Space:
    """What a search chooses from."""
    units = {unit: tuple(letters) for unit, letters in zip(UNITS, unit_choices(search.units), strict=True)}
    return Space(units | ({"width": search.width} if search.width else {}) | {"gating": search.gating})
