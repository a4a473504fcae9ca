"""Which of our rows stands beside a published one: by `RULES`, so that the same records give the same page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from tradeoff.records.table import Correct, Table
from tradeoff.report.curves import curves_of
from tradeoff.report.paper.stated import DATA, PAGES, Stated, stated
from tradeoff.report.protocols import ACCURACY, INPUT
from tradeoff.variants import InceptionVariant, Variant

REAL = {
    "kinetics-full": ("kinetics400",),
    "mini-kinetics-200": ("mini-kinetics200",),
    "something-something-v1": ("something-v1",),
    "ucf101": ("ucf101-split1", "ucf101-split2", "ucf101-split3"),
    "hmdb51": ("hmdb51-split1", "hmdb51-split2", "hmdb51-split3"),
}
"""The paper's data sets as our records call them."""
STAND_INS = {
    "kinetics-full": ("appearance", "tank-wagons"),
    "mini-kinetics-200": ("appearance", "tank-wagons"),
    "something-something-v1": ("motion", "hand-gestures"),
}
"""Data sets that are asked the same question, where the paper's are not on record."""
SETS = {
    "appearance": "generated clips whose label is what is seen, in any order of frames",
    "motion": "generated clips whose label is the order of their frames",
    "tank-wagons": "real videos of railway wagons, whose label is what is seen",
    "hand-gestures": "real videos of hand gestures, whose label is the order of their frames",
}
RULES = (
    "The same network (which units are 3D and how, gating, the branches with a temporal convolution) on frames in the "
    "same order; other knobs (paddings, norms, the gates' place) may differ, the fewest first, and are named. A point "
    "that was read off a curve of Figure 4 is taken as the cut whose multiply-adds are nearest to it, and only that "
    "cut stands beside it.",
    "On the paper's data set where the results folder has it; else on what asks the same question: "
    + "; ".join(f"{name}, {words}" for name, words in SETS.items())
    + ". A difference to a number on other data measures nothing by itself: what can be compared are signs.",
    "Of several protocols (clip, classes, width, views, recipe, folds) on one data set, the one that has most of the "
    "paper's networks and orders; of these the one with most trainings, the width nearest to 1, the largest clip, "
    "then by the keys of recipe and data. What it lacks comes from the next one. Which latencies were timed plays no "
    "part.",
    "Intervals are 95 %: of one training Wilson's, which says nothing about other trainings; of several a crossed "
    "bootstrap over trainings and clips; differences are paired over clips. Counts are exact.",
)
PAPER_CLIP, PAPER_VIEW = "64x224x224", "all frames, centre crop of 224x224 from 256x256, 1 view, float32"
_PROTOCOL = [*INPUT, "width", *(column for column in ACCURACY if column != "order")]

Network = tuple[str, bool, int]  # unit letters, gating, branches with a temporal convolution
Cell = tuple[Network, str]  # a network, and the order of the frames


@dataclass(frozen=True)
class Ours:
    """One of our accuracies: its row of the joined table, and which clips were right."""

    row: Mapping[str, Any]
    correct: Correct

    @property
    def data(self) -> str:
        return str(self.row["data"])

    @property
    def is_real(self) -> bool:
        return any(self.data in names for names in REAL.values())


@lru_cache(maxsize=4096)
def network(name: str) -> Network | None:
    """What makes two variants the same network here; None for one of another family. Its other knobs do not count."""
    variant = Variant.parse(name)
    if not isinstance(variant, InceptionVariant):
        return None
    return variant.units, variant.gating, variant.temporal_branches


class Measured:
    """The accuracies of a results folder, by the paper's data sets."""

    def __init__(self, table: Table) -> None:
        rows = table.rows[table.rows.index.isin(list(table.correct)) & (table.rows["units"] != "")]
        rows = rows.loc[~rows.duplicated(["variant", "order", *_PROTOCOL])]
        cells = [(network(name), order) for name, order in zip(rows["variant"], rows["order"], strict=True)]
        knobs = [name.count("=") for name in rows["variant"]]
        self._rows = rows.assign(cell=pd.Series(cells, index=rows.index, dtype=object), knobs=knobs)
        self._correct = table.correct
        self._wanted = _wanted()
        self._ranked: dict[tuple[str, str], list[pd.DataFrame]] = {}

    def sets(self, data: str) -> list[str]:
        """Our data sets for one of the paper's: itself where it is on record, else what stands in for it."""
        known = set(self._rows["data"])
        real, others = ([name for name in names.get(data, ()) if name in known] for names in (REAL, STAND_INS))
        return real or others

    def find(self, data: str, name: str, cells: Sequence[Cell]) -> list[Ours] | None:
        """Our accuracies of these cells on our data set `name`, all of the best protocol that has all of them."""
        for protocol in self._protocols(data, name):
            found = {cell: index for index, cell in reversed([*protocol["cell"].items()])}
            if all(cell in found for cell in cells):
                return [self._ours(found[cell]) for cell in cells]
        return None

    def curve(self, data: str, name: str) -> pd.DataFrame:
        """What Figure 4 is drawn from: the cuts of its curves in the best protocol that has one, in normal order."""
        on_curve = [bool(curves_of(units)) and not gated for units, gated in self._rows[["units", "gating"]].to_numpy()]
        drawn = self._rows.index[(self._rows["order"] == "normal") & np.array(on_curve, dtype=bool)]
        found = [protocol[protocol.index.isin(drawn)] for protocol in self._protocols(data, name)]
        best = next((rows for rows in found if len(rows)), self._rows.iloc[:0])
        return best.loc[~best["cell"].duplicated()]

    def _ours(self, index: Any) -> Ours:
        return Ours(self._rows.loc[index].to_dict(), self._correct[index])

    def _relevant(self, data: str, rows: pd.DataFrame) -> pd.DataFrame:
        wanted = self._wanted[data]
        return rows.loc[np.array([cell in wanted for cell in rows["cell"]], dtype=bool)]

    def _protocols(self, data: str, name: str) -> list[pd.DataFrame]:
        """The protocols of our data set `name` as `RULES` rank them, each with its plainest networks first."""
        if (data, name) not in self._ranked:
            self._ranked[data, name] = self._rank_protocols(data, name)
        return self._ranked[data, name]

    def _rank_protocols(self, data: str, name: str) -> list[pd.DataFrame]:
        of_set = self._rows[self._rows["data"] == name]
        parts = [part for _, part in of_set.groupby(_PROTOCOL, dropna=False, sort=True)]
        return sorted(
            (part.sort_values(["knobs", "variant"]) for part in parts), key=lambda part: self._rank(data, part)
        )

    def _rank(self, data: str, part: pd.DataFrame) -> tuple[Any, ...]:
        relevant, first = self._relevant(data, part), part.iloc[0]
        trainings = (relevant["seeds"] * relevant["folds"]).sum()
        size = math.prod(map(int, first["clip"].split("x")))
        keys = str(first["recipe_key"]), str(first["data_digest"]), str(first["view"]), int(first["classes"])
        return -relevant["cell"].nunique(), -trainings, abs(math.log(first["width"])), -size, *keys


def cell_of(number: Stated) -> Cell | None:
    """Which network and order a published number is of; None for what we do not have."""
    found = network(number.variant) if number.variant else None
    return (found, number.order) if found else None


def _wanted() -> dict[str, set[Cell]]:
    """The networks and orders that the paper has accuracies of, by its data sets."""
    wanted: dict[str, set[Cell]] = {data: set() for data in DATA}
    for number, cell in _cells():
        wanted[number.data].add(cell)
    return wanted


def _cells() -> Iterator[tuple[Stated, Cell]]:
    numbers: Iterable[Stated] = (number for page in PAGES for number in stated(page))
    return ((number, cell) for number in numbers if (cell := cell_of(number)) is not None)
