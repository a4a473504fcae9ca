"""Parts of videos, in seconds, and which clips share pixels because they are parts of one."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Part:
    """The frames of a video that are shown in [`start`, `end`), in seconds from its first frame.

    Times are exact: 0.1 is a tenth, which the float of that name exceeds, and a frame at 1/10 second is in [0.1, 0.2).
    `end` is infinite where the part goes on to the video's end.
    """

    start: Fraction
    end: Fraction | float

    @classmethod
    def of(cls, start: float | None, end: float | None) -> Part:
        """None is the video's beginning, or its end."""
        return cls(Fraction(repr(start or 0)), math.inf if end is None else Fraction(repr(end)))

    def holds(self, time: Fraction) -> bool:
        return self.start <= time < self.end

    def overlaps(self, other: Part) -> bool:
        return self.start < other.end and other.start < self.end

    def __str__(self) -> str:
        end = "its end" if math.isinf(self.end) else f"{float(self.end):g} s"
        return f"{float(self.start):g} s to {end}"


WHOLE = Part.of(None, None)


def groups_of(contents: Sequence[str], parts: Sequence[Part]) -> tuple[int, ...]:
    """The group of each clip, from 0 in the clips' order.

    Clips of one content whose parts overlap share a group, and so do those that others between them join.
    """
    first = list(range(len(contents)))  # of each clip, the clip for which its group is named
    for rows in _alike(contents):
        rows.sort(key=lambda row: parts[row].start)
        reach = parts[rows[0]].end
        for before, row in itertools.pairwise(rows):
            if parts[row].start < reach:
                first[row] = first[before]
            reach = max(reach, parts[row].end)
    numbers: dict[int, int] = {}
    return tuple(numbers.setdefault(each, len(numbers)) for each in first)


def shared_across(contents: Sequence[str], parts: Sequence[Part], folds: Sequence[Hashable]) -> list[int]:
    """The clips, by number and in order, that share pixels with a clip of another fold, or split."""
    found = []
    for rows in _alike(contents):
        inside = [[rows[i] for i in each] for each in _alike([folds[row] for row in rows])]
        if len(inside) > 1:
            reaches = {folds[each[0]]: _Reach([parts[row] for row in each]) for each in inside}
            found += [
                row
                for row in rows
                if any(reach.meets(parts[row]) for fold, reach in reaches.items() if fold != folds[row])
            ]
    return sorted(found)


class _Reach:
    """Parts of one video, to be asked whether another part overlaps any of them."""

    def __init__(self, parts: Sequence[Part]) -> None:
        ordered = sorted(parts, key=lambda part: part.start)
        self._starts = [part.start for part in ordered]
        self._ends = list(itertools.accumulate((part.end for part in ordered), max))

    def meets(self, part: Part) -> bool:
        """One starts before the end of `part`, and of those that do one ends after its start."""
        count = bisect.bisect_left(self._starts, part.end)
        return count > 0 and self._ends[count - 1] > part.start


def _alike(values: Sequence[Hashable]) -> list[list[int]]:
    """The places of each value, in the order of their first ones."""
    places: dict[Hashable, list[int]] = {}
    for place, value in enumerate(values):
        places.setdefault(value, []).append(place)
    return list(places.values())
