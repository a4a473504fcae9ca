"""The columns that a report can show, sort by and filter on: those of the joined table, and what follows from them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tradeoff.errors import InputError
from tradeoff.report.cells import (
    MISSING,
    cell,
    latency_cells,
    listed,
    milliseconds,
    percent,
    rows_of,
    scaled,
    three_digits,
    units_in_words,
)
from tradeoff.report.curves import kind_of
from tradeoff.report.families import heavy_of
from tradeoff.report.protocols import INPUT, LATENCY, SETTING, SETTINGS, published_parts

PUBLISHED = "Published K400 top-1 / top-5"
STATED = "Published top-1"
LATENCY_HEADING = "Latency ms [95 %]"
FRONTIER = "frontier"
UNEVEN = 2.0  # times as many test clips in the largest class as in the smallest
VARYING = ("data", "order", "recipe", "width", "processes", *(name for name in (*INPUT, *LATENCY)))
"""Columns that a table has where its rows differ in them."""

Cells = Callable[[pd.DataFrame], list[str]]


@dataclass(frozen=True)
class Column:
    """What a column holds, in words; its heading and its cells in a table for people; the columns of its interval, and
    others that it says nothing without."""

    about: str
    heading: str = ""
    cells: Cells | None = None
    beside: tuple[str, ...] = ()


def _percent(about: str, heading: str, name: str, *bounds: str) -> Column:
    def cells(table: pd.DataFrame) -> list[str]:
        return [percent(*row) for row in rows_of(table, name, *bounds)]

    return Column(f"{about}, a fraction", heading, cells, bounds)


def _ms(about: str, heading: str, name: str, *bounds: str) -> Column:
    def cells(table: pd.DataFrame) -> list[str]:
        return [milliseconds(*row) for row in rows_of(table, name, *bounds)]

    return Column(f"{about}, milliseconds", heading, cells, bounds)


def _scaled(about: str, heading: str, name: str) -> Column:
    def cells(table: pd.DataFrame) -> list[str]:
        return [scaled(value, 1) for value in value_of(table, name)]

    return Column(about, heading, cells)


def _digits(about: str, heading: str, name: str) -> Column:
    def cells(table: pd.DataFrame) -> list[str]:
        return [three_digits(value) for value in value_of(table, name).astype(float)]

    return Column(about, heading, cells)


def _units(table: pd.DataFrame) -> list[str]:
    return [units_in_words(units) for units in table["units"]]


def _stated(table: pd.DataFrame) -> list[str]:
    """What the sweep's file says is published, in percent: `71.1`; `~46.6 (figure)` if it was read off a plot."""
    rows = rows_of(table, "published_top1", "published_confidence")
    return [f"~{percent(top1)} (figure)" if how == "figure" else percent(top1) for top1, how in rows]


def _others(table: pd.DataFrame) -> list[str]:
    parts = [(MISSING, "") if pd.isna(text) else published_parts(text)[:2] for text in table["published"]]
    return [f"{numbers} ({protocol})" if protocol else numbers for numbers, protocol in parts]


def _rates(table: pd.DataFrame) -> list[str]:
    """`120 (4)`: clips a second, and the batch that gave it."""
    rows = rows_of(table, "clips_per_second", "throughput_batch")
    return [f"{three_digits(rate)} ({batch:g})" if pd.notna(rate) else MISSING for rate, batch in rows]


def _distances(table: pd.DataFrame) -> list[str]:
    return [MISSING if pd.isna(value) else f"{value:.2f}" for value in table["start_distance"]]


def _processes(table: pd.DataFrame) -> list[str]:
    return [cell(value) for value in table["processes"].where(table["latency_ms"].notna())]  # none ended: no count


KNOWN: Mapping[str, Column] = {
    "variant": Column("the network's name", "Variant"),
    "units": Column("a letter a unit, from the bottom: 3 full, 2 flat, s separable", "3D units", _units),
    "kind": Column("of its 3D convolutions: full, separable, mixed, flat (2D), other (another family)", "Kind"),
    "heavy": Column("which cut: bottom, top, both (I2D, I3D, S3D); empty for no cut", "Heavy"),
    "units_3d": Column("how many of its eleven units are 3D", "Units in 3D"),
    "gating": Column("is it gated: True or False", "Gated"),
    "width": Column("multiplier of every channel count", "Width"),
    "classes": Column("how many classes the logits tell apart", "Classes"),
    "clip": Column("FRAMESxHEIGHTxWIDTH, a text", "Clip"),
    "frames": Column("of a clip", "Clip frames"),
    "height": Column("of a clip, pixels", "Clip height"),
    "params": Column("learnable numbers"),
    "params_m": _scaled("learnable numbers, millions", "Params (M)", "params_m"),
    "weights": Column("numbers in convolutions, logits and gates"),
    "macs": Column("multiply-adds of a clip, as executed"),
    "gmacs": _scaled("multiply-adds of a clip, as executed, 1e9", "MACs (G)", "gmacs"),
    "curve_macs": Column("multiply-adds of a clip as the paper's Figure 4 counts"),
    "curve_gmacs": _scaled("the same, 1e9", "MACs (G), paper", "curve_gmacs"),
    "curve_weights": Column("weights as the paper's Figure 4 counts"),
    "activation_bytes": Column("the most that activations occupy at once, by count, bytes"),
    "activation_mb": _digits("the same, 1e6 bytes", "Activations MB", "activation_mb"),
    "top1": _percent("top-1 accuracy", "Top-1 % [95 %]", "top1", "top1_low", "top1_high"),
    "top1_low": _percent("the low end of its interval", "Top-1 % low", "top1_low"),
    "top1_high": _percent("the high end of its interval", "Top-1 % high", "top1_high"),
    "top5": _percent("top-5 accuracy", "Top-5 %", "top5"),
    "balanced_top1": _percent("top-1 with all classes counting alike", "Balanced %", "balanced_top1"),
    "view_top1": _percent("top-1 of single views", "Top-1 % by view", "view_top1"),
    "class_ratio": Column("test clips of the largest class for each of the smallest one's"),
    "interval": Column("how the interval of top1 was computed"),
    "seeds": _scaled("trainings", "Seeds", "seeds"),
    "folds": Column("of cross-validation", "Folds"),
    "test_clips": Column("clips in the test set", "Test clips"),
    "unreadable": Column("videos left out since they were missing or unreadable"),
    "data": Column("the data set", "Data"),
    "data_digest": Column("of what is in it"),
    "recipe": Column("how it was trained", "Training"),
    "recipe_key": Column("its key"),
    "view": Column("how videos are cut into what is tested", "View"),
    "order": Column("of the frames: normal or reversed", "Frames"),
    "start_distance": Column("how far a derived network began from its source", "Began at", _distances),
    "micro_batches": Column("in how many a training's step was taken, for want of memory"),
    "device": Column("what latency was measured on", "Device"),
    "runtime": Column("eager, compile, onnxruntime, ...", "Runtime"),
    "precision": Column("float32, bf16, ...", "Precision"),
    "layout": Column("of the tensors in memory", "Layout"),
    "threads": Column("CPU threads", "Threads"),
    "batch": Column("clips at once when latency was measured", "Batch"),
    "cache": Column("warm or cold", "Cache"),
    "processes": Column("fresh processes that were timed", "Processes", _processes),
    "steady_processes": Column("those of them that ended steady"),
    "latency_ms": Column(
        "a forward pass, milliseconds", LATENCY_HEADING, latency_cells, ("latency_low_ms", "latency_high_ms")
    ),
    "latency_low_ms": _ms("the low end of its interval", "Latency ms low", "latency_low_ms"),
    "latency_high_ms": _ms("the high end of its interval", "Latency ms high", "latency_high_ms"),
    "latency_interval": Column("how it was computed"),
    "latency_outcome": Column("why there is no latency"),
    "load": Column("of the machine before it was timed"),
    "host_ms": _ms("from host memory and back", "With host ms [95 %]", "host_ms", "host_low_ms", "host_high_ms"),
    "host_low_ms": _ms("the low end of its interval", "With host ms low", "host_low_ms"),
    "host_high_ms": _ms("the high end of its interval", "With host ms high", "host_high_ms"),
    "graph_ms": _ms("a pass captured as a CUDA graph, the first process", "Graph ms", "graph_ms"),
    "views": Column("of a video in its time, clips x crops", "Views"),
    "video_ms": _ms("all views of a video", "Video ms", "video_ms"),
    "first_pass_ms": _ms("the first pass, the longest of all processes", "First pass ms", "first_pass_ms"),
    "prepare_s": _digits("compiling or exporting, the longest of all processes, seconds", "Prepare s", "prepare_s"),
    "clips_per_second": Column(
        "throughput, the most over batch sizes", "Clips/s (batch)", _rates, ("throughput_batch",)
    ),
    "throughput_batch": Column("the batch that gave the most", "Batch of clips/s"),
    "peak_memory_bytes": Column("the most that the process or GPU held when timed, bytes"),
    "peak_memory_mb": _digits("the same, 1e6 bytes", "Peak MB", "peak_memory_mb"),
    "output_error": Column("of the logits, against eager float32", "Output error"),
    "matrix_fraction": _percent(
        "multiply-adds a second, of a matrix product's", "Matrix %", "matrix_fraction", "matrix_fraction_low",
        "matrix_fraction_high",
    ),
    "matrix_fraction_low": _percent("the low end of its interval", "Matrix % low", "matrix_fraction_low"),
    "matrix_fraction_high": _percent("the high end of its interval", "Matrix % high", "matrix_fraction_high"),
    "matrix_gflops": _digits("of a large matrix product, two for a multiply-add", "Matrix Gflop/s", "matrix_gflops"),
    "copy_gb_s": _digits("of copying memory, 1e9 bytes a second read and written", "Copy GB/s", "copy_gb_s"),
    "intensity": _digits("operations a byte moved, two for a multiply-add", "FLOP/byte", "intensity"),
    "bound_ms": _ms("the least that those rates allow, layer by layer", "Bound ms", "bound_ms"),
    "bound": Column("what limits the network: compute or memory", "Bound"),
    "published": Column("what others measured under their own protocol", PUBLISHED, _others),
    "published_top1": Column(
        "what the sweep's file says is published, a fraction", STATED, _stated, ("published_confidence",)
    ),
    "published_top5": _percent("the same of top-5", "Published top-5", "published_top5"),
    "published_macs": Column("the same of multiply-adds"),
    "published_confidence": Column("how sure that is"),
    "published_source": Column("where it stands"),
    FRONTIER: Column("over which costs it is on it, and how probably; for --columns only", "Frontier"),
}  # fmt: skip
"""By name; those that are no column of the joined table follow from it (see `value_of`)."""


def _side(table: pd.DataFrame, place: int) -> pd.Series[Any]:
    return pd.to_numeric(table["clip"].str.split("x").str[place])


def _count_in_3d(units: str) -> float:
    return float(sum(letter != "2" for letter in units)) if units else np.nan


_DERIVED: Mapping[str, Callable[[pd.DataFrame], pd.Series[Any]]] = {
    "kind": lambda table: table["units"].map(kind_of),
    "heavy": lambda table: table["units"].map(heavy_of),
    "units_3d": lambda table: table["units"].map(_count_in_3d),
    "frames": lambda table: _side(table, 0),
    "height": lambda table: _side(table, 1),
    "params_m": lambda table: table["params"] / 1e6,
    "gmacs": lambda table: table["macs"] / 1e9,
    "curve_gmacs": lambda table: value_of(table, "curve_macs") / 1e9,
    "activation_mb": lambda table: table["activation_bytes"] / 1e6,
    "peak_memory_mb": lambda table: value_of(table, "peak_memory_bytes") / 1e6,
}


def value_of(table: pd.DataFrame, name: str) -> pd.Series[Any]:
    """The values of a known column, one that follows from others included; NaN where an older table lacks it."""
    if name in _DERIVED:
        return _DERIVED[name](table).rename(name)
    return table[name] if name in table else pd.Series(np.nan, index=table.index, name=name)


def require_known(name: str, option: str, among: Sequence[str] = tuple(KNOWN)) -> str:
    """The name itself. Raises InputError for one that is no column, with the nearest ones, and for one that is not
    `among` those that the option is about, with what these are."""
    if name in among:
        return name
    if name in KNOWN:
        instead = ", ".join(among) if len(among) < len(KNOWN) / 2 else "any other of tradeoff report --columns help"
        raise InputError(f"{option} names column {name!r}, which {_UNFIT.get(option, _NO_FILTER)}: use {instead}")
    near = difflib.get_close_matches(name, among, n=3, cutoff=0.5) or [each for each in among if name in each][:3]
    usual = [each for each in _USUAL if each in among]
    hint = f"did you mean {listed(near, 'or')}? All columns" if near else f"use {', '.join(usual)}; all {len(among)}"
    raise InputError(f"{option} names column {name!r}, which there is not: {hint}: tradeoff report --columns help")


_NO_FILTER = "cannot be filtered on"
_UNFIT = {"--budget": "is no cost and no rate", "--cost": "is no cost", "--sort": "cannot be sorted by"}
_USUAL = ("variant", "frames", "gmacs", "params_m", "top1", "latency_ms", "clips_per_second")


def default_columns(table: pd.DataFrame) -> list[str]:
    """What a table shows of the rows of one protocol: what was measured, and what varies between them."""

    def has(name: str) -> list[str]:
        return [name] if value_of(table, name).notna().any() else []

    uneven = "class_ratio" in table and bool((table["class_ratio"] >= UNEVEN).any())
    names = ["variant", "units", "params_m", "gmacs", *has("curve_gmacs"), "top1", "top5"]
    names += [*["balanced_top1"] * uneven, *has("published_top1"), *has("view_top1"), "latency_ms"]
    names += [*has("clips_per_second"), *has("peak_memory_mb"), "seeds", *varying(table), *has("start_distance")]
    return [*names, FRONTIER, *has("published")]


def varying(table: pd.DataFrame) -> list[str]:
    """Columns of the protocol that differ between the rows, or are each variant's own."""
    told = table.assign(processes=table["processes"].where(table["latency_ms"].notna()))
    found = dict.fromkeys(VARYING)
    return [
        name
        for name in found
        if name in told and (told[name].dropna().nunique() > 1 or (name in SETTING and SETTINGS in told))
    ]


def heading_of(name: str) -> str:
    return KNOWN[name].heading or name


def cells_of(table: pd.DataFrame, name: str) -> list[str]:
    """A column as a table for people has it."""
    if cells := KNOWN[name].cells:
        return cells(table)
    return [cell(value) for value in value_of(table, name)]


def with_intervals(names: Sequence[str]) -> list[str]:
    """For a file of numbers: each column with those of its interval beside it, none twice."""
    return list(dict.fromkeys(each for name in names for each in (name, *KNOWN[name].beside)))


def help_lines() -> list[str]:
    """A line a column: its name and what it holds."""
    size = max(map(len, KNOWN))
    return [f"{name:<{size}}  {column.about}" for name, column in KNOWN.items()]
