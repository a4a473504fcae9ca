"""Accuracy and cost over the length of the clip: what more frames give a network, and what they take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from tradeoff.errors import InputError
from tradeoff.records.store import Store
from tradeoff.records.table import records_folder
from tradeoff.report.canvas import LABEL_ID, NAME_SIZE, accuracy_limits, canvas_of_lines
from tradeoff.report.curves import COLOURS, kind_of, marker
from tradeoff.report.drawing import Asked, Drawing, load_rows, with_suffix, write_drawing
from tradeoff.report.figures import PANELS, Panel, cost_limits, legend_of, readable_ticks
from tradeoff.report.labelling import write_at_ends
from tradeoff.report.protocols import LATENCY, protocol_lines, protocol_names, split_protocols
from tradeoff.report.tables import latency_cells, percent
from tradeoff.report.training import line_style, names_of

NETWORK = ["variant", "width"]
COSTS = tuple(panel for panel in PANELS if panel.column != "params")  # parameters are the same at every length
TOP1 = Panel("top1", 0.01, "Top-1 accuracy (%)", "Accuracy")
_HOW = "run sweeps that differ in the frames of their clip alone, such as those in sweeps/clip_length, into one folder"


def draw(asked: Asked) -> dict[str, Drawing]:
    """Write `<sweep or folder>_clip-length` as PNG, SVG, Markdown and CSV: a set for each protocol under which a
    variant was tested, or timed, at several lengths. Raises InputError where none was."""
    table = load_rows(asked)
    parts = by_length(with_steps(table, Store(records_folder(asked.results))))
    if not parts:
        lengths = ", ".join(f"{frames:g}" for frames in sorted(_frames(table).unique()))
        raise InputError(
            f"no variant in {asked.where} was measured at several lengths under one protocol (its clips have {lengths} "
            f"frames): {_HOW}"
        )
    drawings = {}
    for suffix, rows in zip(protocol_names(parts, across=("clip",)), parts, strict=True):
        file, title = with_suffix(f"{asked.name}_clip-length", f"{asked.name}: over the length of the clip", suffix)
        notes = notes_of(rows)
        figure = clip_length_figure(rows, title, notes)
        drawings[file] = write_drawing(figure, asked.out, file, title, rows, shown_table(rows), notes)
    return drawings


def with_steps(table: pd.DataFrame, store: Store) -> pd.DataFrame:
    """With the optimiser steps of each row's trainings: who was trained on more clips is another row, and neither the
    recipe nor the data's name says so. NaN for what was not trained here."""
    steps = {}
    for record in store.records("training"):
        of = (*(record.about[name] for name in ("name", "clip", "recipe_key")), record.depends_on["data"])
        steps[of] = sum(each.get("steps", 0) for each in record.measured["epochs"])
    keys = table[["variant", "clip", "recipe_key", "data_digest"]].itertuples(index=False, name=None)
    return table.assign(steps=[steps.get(key, np.nan) for key in keys])


def by_length(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Sub-tables whose rows differ in variant and `frames` alone, of the variants that have several.

    Generated clips of another length are other clips, and so is a view: neither digest tells the parts apart, but the
    words on data, recipe and view do, the number of frames aside, and how many clips were trained and tested on.
    """
    frames = _frames(table)
    alike = table.assign(frames=frames, clip=table["clip"].str.partition("x")[2], data_digest=_amount(table))
    for column in ("view", "recipe"):
        alike[column] = [_without_frames(text, count) for text, count in zip(table[column], frames, strict=True)]
    alike["recipe_key"] = alike["recipe"]
    found = []
    for part in split_protocols(alike):
        once = part.drop_duplicates([*NETWORK, "frames", "order", *LATENCY, "top1", "latency_ms"])
        several = once.groupby(NETWORK, dropna=False)["frames"].transform("nunique") > 1
        if several.any():
            found.append(once[several].sort_values("frames", kind="stable"))
    return found


def _frames(table: pd.DataFrame) -> pd.Series[Any]:
    return table["clip"].str.partition("x")[0].astype(int)


def _amount(table: pd.DataFrame) -> list[Any]:
    """How many clips a row was trained and tested on, in words; missing where there is no accuracy."""
    steps = table["steps"] if "steps" in table else pd.Series(np.nan, index=table.index)
    return [
        f"{tested:g} test clips, {trained:g} steps" if pd.notna(tested) else None
        for tested, trained in zip(table["test_clips"], steps, strict=True)
    ]


def _without_frames(text: Any, frames: int) -> Any:
    return re.sub(rf"\b{frames}(?= (?:consecutive )?frames\b)", "n", text) if isinstance(text, str) else text


def clip_length_figure(rows: pd.DataFrame, title: str, notes: Sequence[str]) -> Figure:
    """Top-1 accuracy, multiply-adds and latency over frames (see `by_length`): those panels that were measured."""
    panels = [panel for panel in (TOP1, *COSTS) if _several(rows, panel.column)]
    once = rows.drop_duplicates(NETWORK)
    figure, axes = canvas_of_lines(len(panels), title, notes, legend_of(once), names_of(once))
    for axis, panel in zip(axes, panels, strict=True):
        own = rows[rows[panel.column].notna()]
        _draw_panel(axis, panel, own)
        _name_lines(axis, panel, own)
    return figure


def _several(rows: pd.DataFrame, column: str) -> bool:
    measured = rows[rows[column].notna()]
    return bool((measured.groupby(NETWORK, dropna=False)["frames"].nunique() > 1).any())


def _draw_panel(axis: Axes, panel: Panel, rows: pd.DataFrame) -> None:
    axis.set_xscale("log", base=2)
    lengths = sorted(rows["frames"].unique())
    axis.xaxis.set_major_locator(FixedLocator(lengths))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_xlim(lengths[0] / 1.15, lengths[-1] * 1.15)
    axis.set_xlabel("Frames", fontsize=9.5)
    axis.set_ylabel(panel.title, fontsize=9.5)
    for place, (_, own) in enumerate(rows.groupby(NETWORK, sort=False, dropna=False)):
        _draw_line(axis, panel, own, place)
    if panel is TOP1:
        axis.set_ylim(*accuracy_limits(rows))
    else:
        axis.set_yscale("log")
        axis.set_ylim(*cost_limits(rows[panel.column].to_numpy(dtype=float) / panel.unit))
        readable_ticks(axis, "y")


def _draw_line(axis: Axes, panel: Panel, own: pd.DataFrame, place: int) -> None:
    units, gated = own["units"].iloc[0], own["gating"].iloc[0]
    colour, y = COLOURS[kind_of(units)], own[panel.column].astype(float) / panel.unit
    ends = _ENDS.get(panel.column)
    x = own["frames"] * (1.014 ** (place % 5 - 2) if ends else 1)  # beside each other, so that no bar hides another
    axis.plot(x, y, line_style(units), color=colour, linewidth=1.5, zorder=3, **marker(units, gated))
    if ends:
        low, high = (own[end].astype(float) / panel.unit for end in ends)
        axis.vlines(x, low, high, color=colour, linewidth=0.9, alpha=0.6, zorder=2)


_ENDS = {"top1": ("top1_low", "top1_high"), "latency_ms": ("latency_low_ms", "latency_high_ms")}


def _name_lines(axis: Axes, panel: Panel, rows: pd.DataFrame) -> None:
    ends = rows.drop_duplicates(NETWORK, keep="last")
    texts = [
        axis.text(1, 1, name, fontsize=NAME_SIZE, color=COLOURS[kind_of(units)], ha="center", va="center",
                  clip_on=False, gid=LABEL_ID, parse_math=False)
        for name, units in zip(names_of(ends), ends["units"], strict=True)
    ]  # fmt: skip
    spots = np.c_[ends["frames"], ends[panel.column].astype(float) / panel.unit]
    write_at_ends(axis, texts, spots.astype(float))


def shown_table(rows: pd.DataFrame) -> pd.DataFrame:
    """As text, a row a variant and length."""
    ordered = rows.assign(place=rows.groupby(NETWORK, sort=False, dropna=False).ngroup()).sort_values(
        ["place", "frames"], kind="stable"
    )
    accuracies = ordered[["top1", "top1_low", "top1_high"]].astype(float).to_numpy().tolist()
    return pd.DataFrame(
        {
            "Variant": names_of(ordered),
            "Frames": ordered["frames"].astype(str),
            "Top-1 % [95 %]": [percent(*each) for each in accuracies],
            "MACs (G)": [f"{value / 1e9:.3g}" for value in ordered["macs"]],
            "Latency ms [95 %]": latency_cells(ordered),
        }
    )


def notes_of(rows: pd.DataFrame) -> list[str]:
    """How it was measured, with all lengths."""
    lengths = " / ".join(f"{frames}" for frames in sorted(rows["frames"].unique()))
    return [*protocol_lines(rows.assign(clip=[f"{lengths}x{size}" for size in rows["clip"]]))]
