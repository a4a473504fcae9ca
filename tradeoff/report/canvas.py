"""The sheet that a picture is drawn on: title and legend above, how it was measured below, room for both."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

DPI = 160
_BETWEEN = 0.5  # inches between rows of panels
NAME_SIZE = 7.6  # points, of the names at the ends of lines
INK, NOTE = "#222222", "#555555"
LABEL_ID = "point-label"  # the gid of the texts that name a point, so that tests and readers of the SVG find them


def canvas(
    panels: int,
    title: str,
    notes: Sequence[str],
    legend: list[Line2D],
    panel_width: float = 4.6,
    panel_height: float = 3.9,
    margin: float = 0.72,
    columns: int | None = None,
    *,
    rows: int = 1,
    share_y: bool = True,
    gap: float = 0.06,
    right: float = 0.18,
    heading: float = 0.0,
) -> tuple[Figure, list[Axes]]:
    """A figure with its title and legend on top and its notes below, and room for all of them; in inches, with `margin`
    left of the panels. `columns` of the legend, where its texts are not of the usual length; `gap` between panels, as a
    part of their width; `right` of them and above them, for a `heading`, so many inches. Axes come row by row."""
    width = margin + right + panel_width * panels
    wrapped = [line for note in notes for line in textwrap.wrap(note, int(width * 14))]
    columns = columns or max(1, min(len(legend), int(width / 2.7)))
    top = 0.42 + heading + 0.21 * -(-len(legend) // columns)
    bottom = 0.62 + 0.16 * len(wrapped)
    height = panel_height * rows + top + bottom
    edge = min(margin, 0.72)
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, panels, sharex="col", sharey=share_y, squeeze=False).ravel()
    figure.subplots_adjust(
        left=margin / width,
        right=1 - (right - 0.03) / width,
        bottom=bottom / height,
        top=1 - top / height,
        wspace=gap,
        hspace=_BETWEEN * rows / (panel_height * rows - _BETWEEN * (rows - 1)),
    )
    figure.text(edge / width, 1 - 0.12 / height, title, va="top", fontsize=12, fontweight="bold", color=INK)
    figure.text(
        edge / width,
        0.1 / height,
        "\n".join(wrapped),
        va="bottom",
        fontsize=7.6,
        color=NOTE,
        linespacing=1.35,
    )
    _place_legend(figure, legend, columns, ((edge - 0.06) / width, 1 - 0.33 / height))
    for axis in axes:
        _plain(axis)
    return figure, list(axes)


def canvas_of_lines(
    panels: int,
    title: str,
    notes: Sequence[str],
    legend: list[Line2D],
    names: Sequence[str],
    panel_width: float = 3.6,
    panel_height: float = 3.9,
) -> tuple[Figure, list[Axes]]:
    """The same with scales of their own, and room right of each panel for the `names` of its lines, in `NAME_SIZE`."""
    room = 0.36 + 0.066 * max(map(len, names), default=0)
    between = room + 0.6  # the next panel's numbers
    width = panel_width + between * (panels - 1) / panels
    gap = between / panel_width
    return canvas(panels, title, notes, legend, width, panel_height, share_y=False, gap=gap, right=room)


def _place_legend(figure: Figure, handles: list[Line2D], columns: int, corner: tuple[float, float]) -> None:
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=corner, ncols=columns, frameon=False, fontsize=8,
        handlelength=2.6, columnspacing=1.6, borderpad=0.1, borderaxespad=0, labelcolor=INK,
    )  # fmt: skip


def _plain(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(True, color="#E9E9E9", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=8.5, color="#999999")


def accuracy_limits(table: pd.DataFrame) -> tuple[float, float]:
    low = np.nanmin(100 * table[["top1", "top1_low"]].to_numpy(dtype=float))
    high = np.nanmax(100 * table[["top1", "top1_high"]].to_numpy(dtype=float))
    margin = max(1.5, 0.09 * (high - low))
    return max(-2.0, low - margin), min(102.0, high + margin)
