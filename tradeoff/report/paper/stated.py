"""What the paper's tables and figures say: the CSV files in `facts/`, number by number, each with its confidence.

"Rethinking Spatiotemporal Feature Learning" (arXiv 1712.04851). An empty cell was not recovered, and stays empty.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Literal

import pandas as pd

from tradeoff.report.tables import MISSING

Measure = Literal["top1", "top5", "test_top1", "params_m", "gmacs", "frame_map"]
MEASURES: Mapping[Measure, str] = {
    "top1": "top-1 %",
    "top5": "top-5 %",
    "test_top1": "test top-1 %",
    "params_m": "parameters, M",
    "gmacs": "multiply-adds, G",
    "frame_map": "frame-mAP %",
}
NOT_RECOVERED = "not recovered"
CONFIDENCES = {
    "confirmed": "the number also stands in another publication",
    "digest": "read in a digest of the paper only",
    "figure": "an approximate reading off a plot, never printed in the paper: written with ~ and drawn open",
    NOT_RECOVERED: "no number is known here, and none was put in its place",
}
DATA = {
    "kinetics-full": "Kinetics-Full",
    "mini-kinetics-200": "Mini-Kinetics-200",
    "something-something-v1": "Something-something v1",
    "ucf101": "UCF-101",
    "hmdb51": "HMDB-51",
    "jhmdb": "JHMDB",
    "ucf101-24": "UCF-101-24",
}
EVERYWHERE = "S3D (3x1x1 in all branches)"
VARIANTS = {name: name for name in ("I2D", "I3D", "S3D", "S3D-G", "Fast-S3D")} | {
    EVERYWHERE: "S3D(temporal_branches=4)"
}
"""The networks of the paper that we have, by the name that its tables give them."""
CUTS = {
    ("mini-kinetics-200", "Top-Heavy-I3D"): "Top-Heavy-I3D-8",
    ("mini-kinetics-200", "Bottom-Heavy-S3D"): "Bottom-Heavy-S3D-3",
    ("mini-kinetics-200", "Bottom-Heavy-I3D"): "Bottom-Heavy-I3D-3",
    ("something-something-v1", "Top-Heavy-S3D"): "Top-Heavy-S3D-7",
    ("something-something-v1", "Top-Heavy-I3D"): "Top-Heavy-I3D-7",
    ("something-something-v1", "Bottom-Heavy-S3D"): "Bottom-Heavy-S3D-3",
    ("something-something-v1", "Bottom-Heavy-I3D"): "Bottom-Heavy-I3D-3",
}
"""Of a point on a curve of Figure 4, the cut whose multiply-adds, by the figure's convention, are nearest to its."""


@dataclass(frozen=True)
class Number:
    """A column of numbers: what they measure, and on which data set where the file has no column that says it."""

    column: str
    measure: Measure = "top1"
    data: str = ""


@dataclass(frozen=True)
class Page:
    """A table or figure of the paper: its file, its numbers, and the columns of words with their headings."""

    name: str
    heading: str
    file: str
    numbers: tuple[Number, ...]
    words: Mapping[str, str] = field(default_factory=dict)


_TOP1, _TOP5 = Number("top1"), Number("top5", "top5")
_KINETICS = (Number("top1", "top1", "kinetics-full"), Number("top5", "top5", "kinetics-full"))
_SOMETHING = "something-something-v1"
PAGES = (
    Page(
        "table1",
        "Table 1: frames as they are and reversed",
        "table1_reversed.csv",
        (_TOP1,),
        {"dataset": "Data set", "model": "Model", "order": "Frames"},
    ),
    Page(
        "table2",
        "Table 2: accuracy and cost on Kinetics-Full",
        "table2_kinetics.csv",
        (
            *_KINETICS,
            Number("params_m", "params_m", "kinetics-full"),
            Number("gmacs", "gmacs", "kinetics-full"),
        ),
        {"model": "Model"},
    ),
    Page(
        "table3",
        "Table 3: Something-something v1, validation and test set",
        "table3_something.csv",
        (
            Number("val_top1", "top1", _SOMETHING),
            Number("val_top5", "top5", _SOMETHING),
            Number("test_top1", "test_top1", _SOMETHING),
        ),
        {"model": "Model", "backbone": "Backbone"},
    ),
    Page(
        "table4",
        "Table 4: Kinetics-Full by what goes in, beside networks of others",
        "table4_modalities.csv",
        _KINETICS,
        {"model": "Model", "inputs": "Inputs", "backbone": "Backbone", "pretrain": "Pre-trained on"},
    ),
    Page(
        "table5",
        "Table 5: transfer to UCF-101 and HMDB-51, mean of three splits",
        "table5_transfer.csv",
        (Number("ucf101", "top1", "ucf101"), Number("hmdb51", "top1", "hmdb51")),
        {"data": "Data set", "model": "Model", "pretrain": "Pre-trained on"},
    ),
    Page(
        "table6",
        "Table 6: action detection on JHMDB and UCF-101-24, frame-mAP at IoU 0.5",
        "table6_detection.csv",
        (Number("jhmdb", "frame_map", "jhmdb"), Number("ucf101_24", "frame_map", "ucf101-24")),
        {"data": "Data set", "model": "Model"},
    ),
    Page(
        "figure4",
        "Figure 4: accuracy against multiply-adds",
        "figure4_tradeoff.csv",
        (_TOP1, Number("gmacs", "gmacs")),
        {"dataset": "Data set", "model": "Model", "variant": "Our name"},
    ),
)


@dataclass(frozen=True)
class Stated:
    """A published number, or the place of one that was not recovered; `text` as it is printed, `value` NaN if empty.

    `variant` is our name for the network, or "" for what we have not: another's network, or inputs that are not built.
    """

    page: str
    data: str
    model: str
    order: str
    inputs: str
    measure: Measure
    text: str
    confidence: str
    variant: str
    words: Mapping[str, str]

    @property
    def value(self) -> float:
        return float(self.text) if self.text else math.nan

    @property
    def decimals(self) -> int:
        return len(self.text.partition(".")[2])

    @property
    def read_off(self) -> bool:
        """Whether the number was read off a plot."""
        return self.confidence == "figure"

    @property
    def shown(self) -> str:
        """`71.1`; `~46.6` if it was read off a plot; a dash where it was not recovered."""
        return f"{'~' if self.read_off else ''}{self.text}" if self.text else MISSING


def facts(name: str) -> list[dict[str, str]]:
    """The rows of a file of `facts/`, every cell as text."""
    with files(__package__).joinpath("facts", name).open(encoding="utf-8") as file:
        rows = pd.read_csv(file, dtype=str, keep_default_na=False)
    return [dict(zip(map(str, rows.columns), row, strict=True)) for row in rows.to_numpy(dtype=str).tolist()]


def stated(page: Page) -> tuple[Stated, ...]:
    """Every number of a table or figure, row by row."""
    return tuple(_stated(page, row, number) for row in facts(page.file) for number in page.numbers)


def _stated(page: Page, row: Mapping[str, str], number: Number) -> Stated:
    data, model, inputs = row.get("dataset", number.data), row["model"], row.get("inputs", "RGB")
    text = row[number.column]
    variant = CUTS.get((data, model)) or VARIANTS.get(model, "") if inputs == "RGB" else ""
    known = {**row, "data": DATA[data], "dataset": DATA[data], "variant": variant or MISSING}
    return Stated(
        page.name,
        data,
        model,
        row.get("order", "normal"),
        inputs,
        number.measure,
        text,
        row["confidence"] if text else NOT_RECOVERED,
        variant,
        {heading: known[column] for column, heading in page.words.items()},
    )
