"""The paper's Figure 4 with ours beside it: a row of panels a data set, the published points first."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from tradeoff.report.canvas import DPI, INK, LABEL_ID, NOTE
from tradeoff.report.curves import COLOURS, curves_of, joined, kind_of
from tradeoff.report.labels import place
from tradeoff.report.paper.ours import Measured
from tradeoff.report.paper.stated import DATA, PAGES, Stated, stated
from tradeoff.variants import InceptionVariant, Variant

Floats = NDArray[np.float64]
_PANEL, _HEIGHT, _LEFT, _BETWEEN, _RIGHT = 4.1, 3.1, 0.62, 0.62, 0.15
_TOP, _ABOVE, _BELOW, _NOTE = 0.82, 0.34, 0.52, 0.16
_GAP = 6.5 * DPI / 72
_RING = (
    4.0 * DPI / 72 * np.array([(1, 0), (-1, 0), (0, 1), (0, -1), (0.7, 0.7), (0.7, -0.7), (-0.7, 0.7), (-0.7, -0.7)])
)
DRAWN = (
    "Solid: the upper units 3D (top-heavy); dotted: the lower ones (bottom-heavy); orange: separable, blue: full 3D. "
    "Published points that were read off the plot are open; lines join what is published, which is not every cut. "
    "Numbers at points: how many units are 3D.",
    "Axes are each panel's own, costs logarithmic: published multiply-adds are of clips of 64x224x224 as the paper "
    "counts them, ours of our clips and widths as executed. Shapes can be compared, heights cannot.",
)


@dataclass(frozen=True)
class Panel:
    """Points of one data set: the columns variant, units, gating, width, gmacs, top1, low, high (percent), read_off."""

    title: str
    points: pd.DataFrame


def panels(measured: Measured) -> list[list[Panel]]:
    """A row for each data set of Figure 4: the published panel, then ours on each of our data sets."""
    (page,) = (page for page in PAGES if page.name == "figure4")
    numbers = stated(page)
    return [
        [
            Panel(f"Published: {DATA[data]}", _published([number for number in numbers if number.data == data])),
            *_ours(measured, data),
        ]
        for data in dict.fromkeys(number.data for number in numbers)
    ]


def _published(numbers: Sequence[Stated]) -> pd.DataFrame:
    """Points with both numbers; one without its multiply-adds has no place."""
    rows = []
    for top1, gmacs in zip(numbers[::2], numbers[1::2], strict=True):
        variant = Variant.parse(top1.variant)
        assert isinstance(variant, InceptionVariant)
        name = {"variant": top1.variant, "units": variant.units, "gating": False, "width": 1.0}
        rows.append(name | {"gmacs": gmacs.value, "top1": top1.value, "read_off": top1.read_off})
    points = pd.DataFrame(rows).assign(low=np.nan, high=np.nan)
    return points[points["gmacs"].notna() & points["top1"].notna()]


def _ours(measured: Measured, data: str) -> list[Panel]:
    found = []
    for name in measured.sets(data):
        rows = measured.curve(data, name)
        rows = rows[rows["macs"] > 0]  # the axis is logarithmic
        if rows.empty:
            continue
        percent = {key: 100 * rows[of] for key, of in {"top1": "top1", "low": "top1_low", "high": "top1_high"}.items()}
        points = rows[["variant", "units", "gating", "width"]].assign(
            gmacs=rows["macs"] / 1e9, read_off=False, **percent
        )
        found.append(Panel(_title(name, rows), points))
    return found


def _title(name: str, rows: pd.DataFrame) -> str:
    """How ours were measured, in a line."""
    first, seeds = rows.iloc[0], sorted(rows["seeds"].astype(int).unique())
    count = "1 seed" if seeds == [1] else f"{' to '.join(dict.fromkeys(map(str, (seeds[0], seeds[-1]))))} seeds"
    return f"Ours: {name}, {first['clip']}, width {first['width']:g}, {count}"


def figure4(rows: Sequence[Sequence[Panel]], notes: Sequence[str] = ()) -> Figure:
    """The panels, row by row, with a legend above and `DRAWN` and `notes` below; it says where nothing of ours is."""
    columns = max(2, *(len(row) for row in rows))
    width = _LEFT + columns * _PANEL + (columns - 1) * _BETWEEN + _RIGHT
    noted = [line for note in (*DRAWN, *notes) for line in textwrap.wrap(note, int(width * 16))]
    foot = 0.12 + _NOTE * len(noted)
    height = _TOP + len(rows) * (_ABOVE + _HEIGHT + _BELOW) + foot
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    _write_around(figure, noted)
    for place_of_row, row in enumerate(rows):
        bottom = height - _TOP - (place_of_row + 1) * (_ABOVE + _HEIGHT) - place_of_row * _BELOW
        for column in range(columns):
            left = _LEFT + column * (_PANEL + _BETWEEN)
            axis = figure.add_axes((left / width, bottom / height, _PANEL / width, _HEIGHT / height))
            _draw_panel(axis, row[column] if column < len(row) else None, missing=column == 1)
    return figure


def _write_around(figure: Figure, noted: Sequence[str]) -> None:
    width, height = figure.get_size_inches()
    left: dict[str, Any] = {"x": _LEFT / width, "parse_math": False}
    title = "Figure 4 of the paper and ours: accuracy against multiply-adds"
    figure.text(y=1 - 0.12 / height, s=title, va="top", fontsize=13, fontweight="bold", color=INK, **left)
    figure.text(y=0.1 / height, s="\n".join(noted), va="bottom", fontsize=7.6, color=NOTE, linespacing=1.35, **left)
    figure.legend(
        handles=_legend(), loc="upper left", bbox_to_anchor=((_LEFT - 0.06) / width, 1 - 0.4 / height), ncols=4,
        frameon=False, fontsize=8.5, handlelength=2.6, columnspacing=1.6, borderpad=0.1, borderaxespad=0,
        labelcolor=INK,
    )  # fmt: skip


def _legend() -> list[Line2D]:
    """The four curves, and what a point's fill and whisker say."""
    handles = []
    for heavy, style, marker in (("Top", "-", "^"), ("Bottom", ":", "v")):
        for model, kind in (("I3D", "full"), ("S3D", "separable")):
            look: dict[str, Any] = {"linestyle": style, "color": COLOURS[kind], "marker": marker, "markersize": 6}  # type: ignore[index]
            handles.append(Line2D([], [], label=f"{heavy}-Heavy {model}", **look))
    point: dict[str, Any] = {"linestyle": "none", "color": INK, "markersize": 6.5, "marker": "o"}
    handles.append(Line2D([], [], label="2D, or 3D throughout", **point))
    handles.append(Line2D([], [], label="read off the plot", markerfacecolor="white", markeredgewidth=1.4, **point))
    handles.append(Line2D([], [], label="95 % interval (ours)", **point | {"marker": "|", "markersize": 11}))
    return handles


def _draw_panel(axis: Axes, panel: Panel | None, *, missing: bool) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8.5, color="#999999")
    if panel is None:
        axis.set_axis_off()
        if missing:
            axis.text(
                0.5, 0.5, "not run here", ha="center", va="center", fontsize=10, color=NOTE, transform=axis.transAxes
            )
        return
    axis.grid(True, color="#E9E9E9", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.set_title(panel.title, fontsize=9.5, loc="left", color=INK, pad=6, parse_math=False)
    axis.set_xlabel("Multiply-adds per clip (G)", fontsize=8.5)
    axis.set_ylabel("Top-1 accuracy (%)", fontsize=8.5)
    _set_limits(axis, panel.points)
    for curve, members in joined(panel.points):
        style = "-" if curve.heavy == "Top" else ":"
        axis.plot(members["gmacs"], members["top1"], style, color=COLOURS[curve.kind], linewidth=1.5, zorder=3)
    for point in panel.points.itertuples():
        _draw_point(axis, point)
    _name_points(axis, panel.points)


def _set_limits(axis: Axes, points: pd.DataFrame) -> None:
    x, y = points["gmacs"].to_numpy(dtype=float), points[["top1", "low", "high"]].to_numpy(dtype=float)
    low, high = float(np.nanmin(y)), float(np.nanmax(y))
    margin = 0.09 * (high - low) or 2.0
    axis.set_ylim(low - margin, high + margin)
    cheap, dear = float(x.min()), float(x.max())
    stretch = max(1.1, (dear / cheap) ** 0.09)
    axis.set_xscale("log")
    axis.set_xlim(cheap / stretch, dear * stretch)
    ticks = np.outer(10.0 ** np.arange(-4, 6), (1, 1.5, 2, 3, 4, 5, 6, 8)).ravel()
    axis.xaxis.set_major_locator(FixedLocator(ticks[(ticks >= cheap / stretch) & (ticks <= dear * stretch)].tolist()))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.10g}"))
    axis.yaxis.set_major_locator(MaxNLocator(nbins=6))


def _draw_point(axis: Axes, point: Any) -> None:
    colour = COLOURS[kind_of(point.units)]
    if pd.notna(point.low):
        axis.vlines(point.gmacs, point.low, point.high, color=colour, linewidth=0.9, alpha=0.45, zorder=2)
    axis.plot(
        [point.gmacs], [point.top1], linestyle="none", marker=_shape(point.units), markersize=6.8, zorder=4,
        markeredgewidth=1.4, markeredgecolor=colour, markerfacecolor="white" if point.read_off else colour,
        gid=f"{point.variant} point",
    )  # fmt: skip


def _shape(units: str) -> str:
    """An arrow to where the 3D units are: up at the top, down at the bottom."""
    heavy = {curve.heavy for curve in curves_of(units)}
    return "^" if heavy == {"Top"} else "v" if heavy == {"Bottom"} else "o"


def _label(name: str, units: str) -> str:
    """The number of 3D units of a cut; any other network by its name."""
    head = name.partition("(")[0]
    return head.rpartition("-")[2] if "-Heavy-" in head and head[-1].isdigit() and len(curves_of(units)) == 1 else head


def _name_points(axis: Axes, points: pd.DataFrame) -> None:
    """Each point's name beside it, clear of the others, of points and of lines."""
    texts = [
        axis.text(0, 0, _label(name, units), fontsize=8.5, color=COLOURS[kind_of(units)], ha="center",
                  va="center_baseline", zorder=6, gid=LABEL_ID, parse_math=False)
        for name, units in zip(points["variant"], points["units"], strict=True)
    ]  # fmt: skip
    anchors = axis.transData.transform(points[["gmacs", "top1"]].to_numpy(dtype=float))
    sizes = np.array([(box.width, box.height) for box in (text.get_window_extent() for text in texts)])
    corners = [np.asarray(line.get_xydata()) for line in axis.get_lines()]
    corners += [np.asarray(path.vertices) for bars in axis.collections for path in bars.get_paths()]
    strokes = [_dots(axis.transData.transform(each)) for each in corners if len(each) > 1]
    markers = np.concatenate([anchors, (anchors[:, None] + _RING).reshape(-1, 2)])
    ink = np.concatenate([markers, *strokes])
    weights = np.concatenate([np.full(len(markers), 300.0), np.full(len(ink) - len(markers), 4.0)])
    frame = axis.get_window_extent()
    boxes = place(anchors, sizes, ink, weights, (frame.x0 + 2, frame.y0 + 2, frame.x1 - 1, frame.y1 - 1), _GAP)
    for text, box in zip(texts, boxes, strict=True):
        text.set_position(tuple(axis.transData.inverted().transform((box[:2] + box[2:]) / 2)))


def _dots(corners: Floats, every: float = 4.0) -> Floats:
    """Points along a polyline, at most `every` pixels apart."""
    steps = np.hypot(*np.diff(corners, axis=0).T)
    pieces = [
        np.linspace(start, end, max(2, int(step / every)))
        for start, end, step in zip(corners[:-1], corners[1:], steps, strict=True)
    ]
    return np.concatenate(pieces)


def without_place() -> list[str]:
    """Which published accuracies are not drawn, as their multiply-adds were not recovered."""
    (page,) = (page for page in PAGES if page.name == "figure4")
    missing = {(number.data, number.model) for number in stated(page) if number.measure == "gmacs" and not number.text}
    return [
        f"Not drawn: {number.model} on {DATA[number.data]}, {number.shown} % ({number.confidence}): its multiply-adds "
        "were not recovered."
        for number in stated(page)
        if number.measure == "top1" and (number.data, number.model) in missing
    ]
