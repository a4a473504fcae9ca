"""Accuracy against cost: multiply-adds, latency, parameters. Figures are objects; pyplot is not used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from tradeoff.errors import InputError
from tradeoff.report.canvas import INK, LABEL_ID, accuracy_limits, canvas
from tradeoff.report.curves import COLOURS, curves_of, joined, kind_of, marker
from tradeoff.report.frontier import frontier
from tradeoff.report.labelling import FRONTIER_ID, write_beside
from tradeoff.report.labels import wrapped
from tradeoff.report.protocols import SETTINGS
from tradeoff.variants import UNITS

Floats = NDArray[np.float64]

FRONTIER = "#E3D9A6"
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
    figure, axes = canvas(len(panels), title, notes, [*legend_of(shown), _frontier_handle()])
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
    axis.set_xlim(*cost_limits(x))
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
    styles = [marker(units, gated) for units, gated in zip(rows["units"], rows["gating"], strict=True)]
    kinds = pd.Series([str(style) for style in styles], index=rows.index, dtype=object)
    for style in {str(style): style for style in styles}.values():
        x, y = _positions(panel, rows[kinds == str(style)])
        small = style | {"markersize": 3.2, "markeredgewidth": 0.7}
        axis.plot(x, y, linestyle="none", zorder=2, alpha=0.45, **small)


def _positions(panel: Panel, rows: pd.DataFrame) -> tuple[Floats, Floats]:
    return rows[panel.column].to_numpy(dtype=float) / panel.unit, 100 * rows["top1"].to_numpy(dtype=float)


def cost_limits(costs: Floats) -> tuple[float, float]:
    """From the points alone: the interval of two processes can span decades, and may run off the axes."""
    low, high = float(costs.min()), float(costs.max())
    margin = max(1.12, (high / low) ** 0.09)
    return low / margin, high * margin


def readable_ticks(axis: Axes, along: Literal["x", "y"] = "x") -> None:
    """Round numbers at an even pace on a logarithmic axis, whether it spans a tenth or three decades."""
    low, high = axis.get_xlim() if along == "x" else axis.get_ylim()
    ruler = axis.xaxis if along == "x" else axis.yaxis
    if high / low < 5:
        ticks = np.asarray(MaxNLocator(nbins=9, steps=[1, 2, 5, 10]).tick_values(low, high))
    else:
        decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        ticks = np.outer(decades, (1, 2, 5) if high / low < 200 else (1,)).ravel()
    ruler.set_major_locator(FixedLocator(ticks[(ticks >= low) & (ticks <= high)].tolist()))
    ruler.set_minor_locator(NullLocator())
    ruler.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.10g}"))


def _draw_frontier(axis: Axes, x: Floats, y: Floats) -> None:
    """The best accuracy to be had up to each cost, as a step band that runs on to the axes' edges."""
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    costs = np.repeat(np.r_[x, axis.get_xlim()[1]], 2)[:-1]
    axis.plot(
        costs, np.r_[-100, np.repeat(y, 2)],
        color=FRONTIER, linewidth=6, solid_joinstyle="round", zorder=1, gid=FRONTIER_ID,
    )  # fmt: skip


def _draw_point(axis: Axes, panel: Panel, row: Any, on_frontier: bool) -> None:
    x, y = getattr(row, panel.column) / panel.unit, 100 * row.top1
    colour = COLOURS[kind_of(row.units)]
    whisker: dict[str, Any] = {"color": colour, "linewidth": 0.9, "alpha": 0.45, "zorder": 2}
    if pd.notna(row.top1_low):
        axis.vlines(x, 100 * row.top1_low, 100 * row.top1_high, **whisker)
    if panel.column == "latency_ms" and pd.notna(row.latency_low_ms):
        axis.hlines(y, row.latency_low_ms, row.latency_high_ms, **whisker)
    axis.plot([x], [y], linestyle="none", zorder=5 if on_frontier else 4, **marker(row.units, row.gating))
    if on_frontier:
        axis.plot([x], [y], "o", markersize=10.5, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=0.9)


def legend_of(table: pd.DataFrame, *, curves: bool = True) -> list[Line2D]:
    """Handles for the curves and kinds of point that this table has; without `curves`, where none are drawn."""
    handles = []
    names = {(curve.heavy, curve.model): curve for curve, _ in (joined(table) if curves else ())}
    for (heavy, model), curve in names.items():
        units = "highest" if heavy == "Top" else "lowest"
        handles.append(
            Line2D([], [], linestyle="-" if heavy == "Top" else ":", color=COLOURS[curve.kind], linewidth=1.5,
                   label=f"{heavy}-heavy {model}: K {units} units 3D", **marker(_example(heavy, curve.letter), False))
        )  # fmt: skip
    drawn = {curve.kind for curve in names.values()}
    for kind, label in {
        "full": "full 3D",
        "separable": "separable 3D",
        "mixed": "full and separable",
    }.items():
        if kind not in drawn and any(kind_of(units) == kind for units in table.units):
            example = {"full": "3" * 11, "separable": "s" * 11, "mixed": "3" + "s" * 10}[kind]
            handles.append(Line2D([], [], linestyle="none", label=label, **marker(example, False)))
    if not drawn and any(kind_of(units) == "flat" for units in table.units):
        handles.append(Line2D([], [], linestyle="none", label="2D", **marker("2" * 11, False)))
    if not curves and any({curve.heavy for curve in curves_of(units)} == {"Bottom"} for units in table.units):
        handles.append(Line2D([], [], linestyle="none", label="open: 3D at the bottom", **marker(_OPEN, False)))
    if table.gating.astype(bool).any():
        handles.append(Line2D([], [], linestyle="none", label="gated", **(marker("2" * 11, True))))
    if any(kind_of(units) == "other" for units in table.units):
        handles.append(Line2D([], [], linestyle="none", label="other families", **marker("", False)))
    return handles


_OPEN = "3" + "2" * (len(UNITS) - 1)


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
    spots = np.c_[x, y]
    write_beside(axis, texts, spots[named], spots[~named])


def _names_in(panel: Panel, rows: pd.DataFrame) -> list[str]:
    """With the setting under each, where that is each variant's own choice and there is room for it."""
    names = point_names(rows)
    if panel.column != "latency_ms" or SETTINGS not in rows or len(rows) > _MOST_SETTINGS:
        return names
    settings = rows[["runtime", "precision"]].astype(str).agg(" ".join, axis=1)
    return [f"{name}\n{setting}" for name, setting in zip(names, settings, strict=True)]
