"""Differences between two published rows beside the same difference of ours: is the sign the same?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tradeoff.records.statistics import Interval, paired_difference
from tradeoff.report.paper.lines import NOT_BUILT, NOT_RUN
from tradeoff.report.paper.ours import Measured, Ours, cell_of
from tradeoff.report.paper.stated import CONFIDENCES, Page, Stated, stated

Side = tuple[str, str]  # the model as the paper names it, and the order of the frames

_PLAIN = "normal"
_PAIRS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "table2": (("S3D", "I3D"), ("S3D-G", "S3D")),
    "table3": (("I3D", "I2D"), ("S3D", "I3D"), ("S3D-G", "S3D")),
    "table4": (("S3D-G", "I3D"),),
    "table5": (("S3D-G", "I3D"),),
    "table6": (("Faster R-CNN + S3D-G", "Faster R-CNN + I3D"),),
    "figure4": (
        ("S3D", "I3D"),
        ("Fast-S3D", "I3D"),
        ("Top-Heavy-I3D", "Bottom-Heavy-I3D"),
        ("Top-Heavy-S3D", "Bottom-Heavy-S3D"),
        ("Fast-S3D", "Bottom-Heavy-S3D"),
    ),
}
"""Which models are held against which, of each table, where both have a number on the same data and inputs."""


@dataclass(frozen=True)
class Contrast:
    """`a` minus `b` as published, in points, and as ours: `interval` in fractions, None where `on` says why."""

    a: Stated
    b: Stated
    on: str
    interval: Interval | None = None

    @property
    def what(self) -> str:
        if self.a.order != self.b.order:
            return f"{self.a.model}: {self.a.order} - {self.b.order}"
        inputs = f" ({self.a.inputs})" if self.a.inputs != "RGB" else ""
        return f"{self.a.model} - {self.b.model}{inputs}"

    @property
    def published(self) -> float:
        return round(self.a.value - self.b.value, 2)

    @property
    def confidence(self) -> str:
        """That of the less certain of the two numbers."""
        order = list(CONFIDENCES)
        return max(self.a.confidence, self.b.confidence, key=order.index)

    @property
    def same_sign(self) -> str:
        """`yes` or `no` where our interval is on one side of zero and the published difference is not zero."""
        if self.interval is None or math.isnan(self.published):
            return ""
        includes_zero = self.interval.low <= 0 <= self.interval.high
        if not self.published:
            return "published: none; ours includes 0" if includes_zero else "published: none; ours excludes 0"
        if includes_zero:
            return "cannot tell"
        return "yes" if (self.interval.estimate > 0) == (self.published > 0) else "no"


def contrasts(page: Page, measured: Measured) -> list[Contrast]:
    """The differences of a table or figure in top-1 (of detection, in frame-mAP), one for each of our data sets."""
    return [each for a, b in _pairs(page) for each in _compared(a, b, measured)]


def _pairs(page: Page) -> Iterator[tuple[Stated, Stated]]:
    numbers = [number for number in stated(page) if number.measure in ("top1", "frame_map") and number.text]
    at = {(number.data, number.inputs, number.model, number.order): number for number in numbers}
    for data, inputs in dict.fromkeys((number.data, number.inputs) for number in numbers):
        for a, b in _sides(page):
            sides = (data, inputs, *a), (data, inputs, *b)
            if all(side in at for side in sides):
                yield at[sides[0]], at[sides[1]]


def _sides(page: Page) -> Iterator[tuple[Side, Side]]:
    if page.name == "table1":
        for model in ("I3D", "I2D"):
            yield (model, "reversed"), (model, _PLAIN)
        yield ("I3D", _PLAIN), ("I2D", _PLAIN)
    for a, b in _PAIRS.get(page.name, ()):
        yield (a, _PLAIN), (b, _PLAIN)


def _compared(a: Stated, b: Stated, measured: Measured) -> Iterator[Contrast]:
    cells = cell_of(a), cell_of(b)
    if cells[0] is None or cells[1] is None:
        yield Contrast(a, b, NOT_BUILT)
        return
    both = {name: measured.find(a.data, name, [cells[0], cells[1]]) for name in measured.sets(a.data)}
    found = {name: pair for name, pair in both.items() if pair is not None}
    for name, (first, second) in found.items():
        yield Contrast(a, b, name, _difference(first, second))
    if not found:
        yield Contrast(a, b, NOT_RUN)


def _difference(a: Ours, b: Ours) -> Interval | None:
    """Paired over clips; frames in two orders were given to the same trainings."""
    (right, groups), (others, same_groups) = a.correct, b.correct
    if not np.array_equal(groups, same_groups):
        return None
    same = a.row["order"] != b.row["order"] and a.row["variant"] == b.row["variant"] and right.shape == others.shape
    return paired_difference(right, others, groups, same_trainings=same)
