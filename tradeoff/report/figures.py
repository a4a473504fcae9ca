"""Accuracy against cost: multiply-adds, latency, parameters. Figures are objects; pyplot is not used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from tradeoff.errors import InputError
from tradeoff.report.canvas import DPI, INK, LABEL_ID, accuracy_limits, canvas
from tradeoff.report.curves import COLOURS, curves_of, joined, kind_of
from tradeoff.report.frontier import frontier
from tradeoff.report.labels import place, wrapped
from tradeoff.report.protocols import SETTINGS
from tradeoff.variants import UNITS

Floats = NDArray[np.float64]

FRONTIER = "#E3D9A6"
_FRONTIER_ID = "frontier"
_MOST_NAMED = 60  # points above which only those on the frontier have a name and an interval
_MOST_SETTINGS = 8  # points above which a second line at each is no longer legible


@dataclass(frozen=True)
class Panel:
    """One horizontal axis: the table's column, the unit it is shown in, and its name."""

    column: str
    unit: float
    title: str
    short: str


PANELS = (
    Panel("macs", 1e9, "Multiply-adds per clip (G)", "Multiply-adds"),
    Panel("latency_ms", 1.0, "Latency (ms)", "Latency"),
    Panel("params", 1e6, "Parameters (M)", "Parameters"),
)


def pareto_figure(table: pd.DataFrame, title: str, protocol: Sequence[str]) -> Figure:
    """Top-1 against multiply-adds, latency and parameters, for rows of one protocol (see `split_protocols`).

    `protocol` is printed under the picture. A panel for which nothing was measured is left out and named there.
    Raises InputError if no row has both an accuracy and a cost.
    """
    shown = table[table["top1"].notna()]
    panels = [panel for panel in PANELS if shown[panel.column].notna().any()]
    if not panels:
        raise InputError(f"nothing to draw for {title!r}: no row has both a top-1 accuracy and a cost")
    missing = [f"{panel.short} was not measured." for panel in PANELS if panel not in panels]
    notes = [*protocol, *(note for note in missing if note not in protocol)]
    if len(shown) > _MOST_NAMED:
        notes.append(f"Of {len(shown)} points only those on a frontier have a name and intervals here.")
    figure, axes = canvas(len(panels), title, notes, _legend(shown))
    for axis, panel in zip(axes, panels, strict=True):
        _draw_panel(axis, panel, shown[shown[panel.column].notna()])
    axes[0].set_ylabel("Top-1 accuracy (%)")
    axes[0].set_ylim(*accuracy_limits(shown))
    for axis, panel in zip(axes, panels, strict=True):
        _label_points(axis, panel, shown[shown[panel.column].notna()])
    return figure


def _draw_panel(axis: Axes, panel: Panel, rows: pd.DataFrame) -> None:
    x, y = _positions(panel, rows)
    axis.set_xscale("log")
    axis.set_xlim(*_cost_limits(panel, rows))
    readable_ticks(axis)
    axis.set_xlabel(panel.title, fontsize=9.5)
    on = frontier(x, y)
    _draw_frontier(axis, x[on], y[on])
    for curve, members in joined(rows):
        style = "-" if curve.heavy == "Top" else ":"
        cost, accuracy = _positions(panel, members)
        axis.plot(cost, accuracy, style, color=COLOURS[curve.kind], linewidth=1.5, zorder=3)
    if len(rows) > _MOST_NAMED:
        _draw_crowd(axis, panel, rows[~on])
        rows, on = rows[on], on[on]
    for position, row in enumerate(rows.itertuples()):
        _draw_point(axis, panel, row, bool(on[position]))


def _draw_crowd(axis: Axes, panel: Panel, rows: pd.DataFrame) -> None:
    """Points too many to tell apart: small and faint, those of a kind at once."""
    styles = [_marker(units, gated) for units, gated in zip(rows["units"], rows["gating"], strict=True)]
    kinds = pd.Series([str(style) for style in styles], index=rows.index, dtype=object)
    for style in {str(style): style for style in styles}.values():
        x, y = _positions(panel, rows[kinds == str(style)])
        small = style | {"markersize": 3.2, "markeredgewidth": 0.7}
        axis.plot(x, y, linestyle="none", zorder=2, alpha=0.45, **small)


def _positions(panel: Panel, rows: pd.DataFrame) -> tuple[Floats, Floats]:
    return rows[panel.column].to_numpy(dtype=float) / panel.unit, 100 * rows["top1"].to_numpy(dtype=float)


def _cost_limits(panel: Panel, rows: pd.DataFrame) -> tuple[float, float]:
    """From the points alone: the interval of two processes can span decades, and may run off the axes."""
    costs, _ = _positions(panel, rows)
    low, high = float(costs.min()), float(costs.max())
    margin = max(1.12, (high / low) ** 0.09)
    return low / margin, high * margin


def readable_ticks(axis: Axes) -> None:
    """Round numbers at an even pace on a logarithmic axis, whether it spans a tenth or three decades."""
    low, high = axis.get_xlim()
    if high / low < 5:
        ticks = np.asarray(MaxNLocator(nbins=9, steps=[1, 2, 5, 10]).tick_values(low, high))
    else:
        decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        ticks = np.outer(decades, (1, 2, 5) if high / low < 200 else (1,)).ravel()
    axis.xaxis.set_major_locator(FixedLocator(ticks[(ticks >= low) & (ticks <= high)].tolist()))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.10g}"))


def _draw_frontier(axis: Axes, x: Floats, y: Floats) -> None:
    """The best accuracy to be had up to each cost, as a step band that runs on to the axes' edges."""
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    costs = np.repeat(np.r_[x, axis.get_xlim()[1]], 2)[:-1]
    axis.plot(
        costs, np.r_[-100, np.repeat(y, 2)],
        color=FRONTIER, linewidth=6, solid_joinstyle="round", zorder=1, gid=_FRONTIER_ID,
    )  # fmt: skip


def _draw_point(axis: Axes, panel: Panel, row: Any, on_frontier: bool) -> None:
    x, y = getattr(row, panel.column) / panel.unit, 100 * row.top1
    colour = COLOURS[kind_of(row.units)]
    whisker: dict[str, Any] = {"color": colour, "linewidth": 0.9, "alpha": 0.45, "zorder": 2}
    if pd.notna(row.top1_low):
        axis.vlines(x, 100 * row.top1_low, 100 * row.top1_high, **whisker)
    if panel.column == "latency_ms" and pd.notna(row.latency_low_ms):
        axis.hlines(y, row.latency_low_ms, row.latency_high_ms, **whisker)
    axis.plot([x], [y], linestyle="none", zorder=5 if on_frontier else 4, **_marker(row.units, row.gating))
    if on_frontier:
        axis.plot([x], [y], "o", markersize=10.5, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=0.9)


def _marker(units: str, gated: bool) -> dict[str, Any]:
    """Filled for a network that is 3D at the top, open for one that is 3D at the bottom, a diamond if gated; a square
    for one of another family."""
    colour = COLOURS[kind_of(units)]
    heavy = {curve.heavy for curve in curves_of(units)}
    return {
        "marker": "D" if gated else "o" if units else "s",
        "markersize": 5.6 if gated else 6.2,
        "markerfacecolor": "white" if heavy == {"Bottom"} else colour,
        "markeredgecolor": colour,
        "markeredgewidth": 1.4,
    }


def _legend(table: pd.DataFrame) -> list[Line2D]:
    """Handles for the curves and kinds of point that this table has."""
    handles = []
    names = {(curve.heavy, curve.model): curve for curve, _ in joined(table)}
    for (heavy, model), curve in names.items():
        units = "highest" if heavy == "Top" else "lowest"
        handles.append(
            Line2D([], [], linestyle="-" if heavy == "Top" else ":", color=COLOURS[curve.kind], linewidth=1.5,
                   label=f"{heavy}-heavy {model}: K {units} units 3D", **_marker(_example(heavy, curve.letter), False))
        )  # fmt: skip
    drawn = {curve.kind for curve in names.values()}
    for kind, label in {
        "full": "full 3D",
        "separable": "separable 3D",
        "mixed": "full and separable",
    }.items():
        if kind not in drawn and any(kind_of(units) == kind for units in table.units):
            example = {"full": "3" * 11, "separable": "s" * 11, "mixed": "3" + "s" * 10}[kind]
            handles.append(Line2D([], [], linestyle="none", label=label, **_marker(example, False)))
    if not drawn and any(kind_of(units) == "flat" for units in table.units):
        handles.append(Line2D([], [], linestyle="none", label="2D", **_marker("2" * 11, False)))
    if table.gating.astype(bool).any():
        handles.append(Line2D([], [], linestyle="none", label="gated", **(_marker("2" * 11, True))))
    if any(kind_of(units) == "other" for units in table.units):
        handles.append(Line2D([], [], linestyle="none", label="other families", **_marker("", False)))
    handles.append(_frontier_handle())
    return handles


def _frontier_handle() -> Line2D:
    return Line2D(
        [], [], color=FRONTIER, linewidth=6, marker="o", markersize=8.5, markerfacecolor="none",
        markeredgecolor=INK, markeredgewidth=0.9, label="frontier: nothing is cheaper and better",
    )  # fmt: skip


def _example(heavy: str, letter: str) -> str:
    return letter + "2" * (len(UNITS) - 1) if heavy == "Bottom" else "2" * (len(UNITS) - 1) + letter


def point_names(table: pd.DataFrame) -> list[str]:
    """What to write at each point: K for a cut on a curve that is drawn, else the variant's name, long ones wrapped."""
    short: dict[Any, str] = {}
    for curve, members in joined(table):
        for index, row in members.iterrows():
            cut = curve.cut(str(row.units))
            if str(row.variant) == f"{curve.heavy}-Heavy-{curve.model}-{cut}":
                short[index] = str(cut)
    names = [short.get(index, wrapped(str(name))) for index, name in table["variant"].items()]
    if table["width"].nunique() > 1:
        widths = ["" if pd.isna(width) else f" x{width:g}" for width in table["width"]]
        names = [name + width for name, width in zip(names, widths, strict=True)]
    return names


def _label_points(axis: Axes, panel: Panel, rows: pd.DataFrame) -> None:
    """Writes each point's name beside it, clear of every other name and, where there is room, of points and lines."""
    x, y = _positions(panel, rows)
    named = frontier(x, y) if len(rows) > _MOST_NAMED else np.ones(len(rows), dtype=bool)
    texts = [
        axis.text(0, 0, name, fontsize=8.5 if name[:1].isdigit() else 9, color=COLOURS[kind_of(units)], ha="center",
                  va="center_baseline", fontweight="normal" if name[:1].isdigit() else "bold", zorder=6, gid=LABEL_ID,
                  parse_math=False)
        for name, units in zip(np.array(_names_in(panel, rows))[named], rows.units[named], strict=True)
    ]  # fmt: skip
    points = axis.transData.transform(np.c_[x, y])
    anchors, crowd = points[named], points[~named]
    ink, weights = _ink(axis, anchors)
    ink, weights = np.concatenate([ink, crowd]), np.r_[weights, np.full(len(crowd), 20.0)]
    gap = 6.5 * DPI / 72
    boxes = place(anchors, _sizes(texts), ink, weights, _bounds(axis), gap)
    for text, anchor, box in zip(texts, anchors, boxes, strict=True):
        _move(axis, text, anchor, box, gap)


def _names_in(panel: Panel, rows: pd.DataFrame) -> list[str]:
    """With the setting under each, where that is each variant's own choice and there is room for it."""
    names = point_names(rows)
    if panel.column != "latency_ms" or SETTINGS not in rows or len(rows) > _MOST_SETTINGS:
        return names
    settings = rows[["runtime", "precision"]].astype(str).agg(" ".join, axis=1)
    return [f"{name}\n{setting}" for name, setting in zip(names, settings, strict=True)]


def _sizes(texts: Iterable[Text]) -> Floats:
    boxes = [text.get_window_extent() for text in texts]
    return np.array([(box.width, box.height) for box in boxes]).reshape(-1, 2)


def _bounds(axis: Axes) -> tuple[float, float, float, float]:
    box = axis.get_window_extent()
    return box.x0 + 3, box.y0 + 3, box.x1 - 1, box.y1 - 1


def _ink(axis: Axes, anchors: Floats) -> tuple[Floats, Floats]:
    """What labels should stay clear of, as weighted points in pixels: markers most, then curves, then error bars."""
    points, weights = [anchors], [np.full(len(anchors), 400.0)]
    ring = (
        4.5
        * DPI
        / 72
        * np.array([(1, 0), (-1, 0), (0, 1), (0, -1), (0.7, 0.7), (0.7, -0.7), (-0.7, 0.7), (-0.7, -0.7)])
    )
    points.append((anchors[:, None] + ring).reshape(-1, 2))
    weights.append(np.full(len(points[-1]), 120.0))
    for path, weight in _strokes(axis):
        points.append(_dotted(path))
        weights.append(np.full(len(points[-1]), weight))
    return np.concatenate(points), np.concatenate(weights)


def _strokes(axis: Axes) -> Iterator[tuple[Floats, float]]:
    """Every curve and error bar on the axes as corners in pixels, with the cost of covering a dot of it."""
    for line in axis.get_lines():
        corners = axis.transData.transform(line.get_xydata())
        if len(corners) > 1 and line.get_linestyle() != "None":
            yield corners, 1.5 if line.get_gid() == _FRONTIER_ID else 4.0
    for bars in axis.collections:
        for path in bars.get_paths():
            yield axis.transData.transform(path.vertices), 1.2


def _dotted(corners: Floats, every: float = 4.0) -> Floats:
    """Points along a polyline, at most `every` pixels apart."""
    pieces = [
        start + np.linspace(0, 1, max(2, int(np.hypot(*(end - start)) / every)))[:, None] * (end - start)
        for start, end in pairwise(corners)
    ]
    return np.concatenate(pieces)


def _move(axis: Axes, text: Text, anchor: Floats, box: Floats, gap: float) -> None:
    """Centres the text in its box, with a thin line to its point where the two are not plainly neighbours."""
    centre = (box[:2] + box[2:]) / 2
    now = text.get_window_extent()
    shift = centre - np.array([(now.x0 + now.x1) / 2, (now.y0 + now.y1) / 2])
    start = axis.transData.transform(text.get_position())
    text.set_position(tuple(axis.transData.inverted().transform(start + shift)))
    nearest = np.clip(anchor, box[:2], box[2:])
    if np.hypot(*(nearest - anchor)) > 1.8 * gap:
        ends = axis.transData.inverted().transform([anchor, nearest])
        axis.plot(ends[:, 0], ends[:, 1], color=text.get_color(), linewidth=0.6, alpha=0.7, zorder=2.5)
