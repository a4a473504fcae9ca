"""The space of a search: what can be chosen, the name of each choice, and a grid over it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradeoff.sweep.search.file import Search
from tradeoff.variants import UNITS, Variant, notation, unit_choices

Point = Mapping[str, Any]
"""A choice for each axis."""
BY_MACS, BY_LAYERS = "2s3", "23s"
"""The letters of a unit from the least to the most."""


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

    def dearest(self, letters: str = BY_MACS) -> Point:
        """The point at which every axis costs most; `letters` says which letter of a unit does."""

        def dear(choice: Any) -> Any:
            return letters.index(choice) if isinstance(choice, str) else choice

        return {axis: max(choices, key=dear) for axis, choices in self.axes.items()}

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
        coarser = [self._tied(np.array_split(free, groups)) for groups in range(max(1, len(free)), 0, -1)]
        parts = next((each for each in coarser if math.prod(map(len, each)) <= most), coarser[-1])
        points = [
            {axis: choice for part in each for axis, choice in part.items()} for each in itertools.product(*parts)
        ]
        return [points[i] for i in np.random.default_rng(seed).permutation(len(points))[:most]]

    def _tied(self, groups: Iterable[Iterable[str]]) -> list[list[Point]]:
        """What the units of each group may be, all of them the first of their choices, the second and so on, and what
        each other axis may be."""
        tied = [{str(unit): self.axes[unit] for unit in group} for group in groups]
        alone = [{axis: choices} for axis, choices in self.axes.items() if not any(axis in group for group in tied)]
        return [
            [
                {axis: choices[min(level, len(choices) - 1)] for axis, choices in part.items()}
                for level in range(max(map(len, part.values()), default=1))
            ]
            for part in (*tied, *alone)
        ]


def space_of(search: Search) -> Space:
    """What a search chooses from."""
    units = {unit: tuple(letters) for unit, letters in zip(UNITS, unit_choices(search.units), strict=True)}
    return Space(units | ({"width": search.width} if search.width else {}) | {"gating": search.gating})
