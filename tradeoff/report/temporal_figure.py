"""The picture of kernel weights over time: a panel a unit, and below how far each layer is from 2D."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tradeoff.report.canvas import DPI, INK, NOTE
from tradeoff.report.temporal_weights import HIGH, LOW, NEAR_ZERO, SPREAD, Layer, Offset, Spread, Verdict, unit_name
from tradeoff.variants import UNITS

COLOURS: dict[int | None, str] = {None: "#2F3640", 0: "#A97C00", 1: "#2E8C7A", 2: "#8E1D5F", 3: "#5B6BD5"}
"""By branch; other colours than the curves' of the Pareto figures, where they stand for kinds of convolution."""

DRAWN = (
    "Bars: the weights of a layer at one time offset, divided by the rms of all weights of the layer; pale from the "
    "5th to the 95th percentile, dark from the 25th to the 75th, with the median. Point and whisker: mean and one "
    "standard deviation; dashed: where it ends at every offset if a layer is spread evenly. Numbers: the offset's "
    "share of the layer's energy in percent. Below: energy as a part of what an even spread has there."
)
_WIDTH, _LEFT, _RIGHT = 12.8, 0.62, 0.12
_ROW, _GAP, _BETWEEN, _SUMMARY = 1.7, 0.5, 0.82, 1.6
_TITLE, _LINE, _NOTE = 0.44, 0.19, 0.16


def temporal_figure(spread: Spread, verdict: Verdict, notes: Sequence[str]) -> Figure:
    """A panel for each of the eleven units with its layers' weights by time offset, all on one scale, and a summary.

    The title and the sentence are the verdict's; `notes` are printed under the picture, after what is drawn.
    """
    said = textwrap.wrap(verdict.sentence, int(_WIDTH * 13))
    noted = [line for note in (DRAWN, *notes) for line in textwrap.wrap(note, int(_WIDTH * 17.4))]
    top = _TITLE + _LINE * len(said) + 0.62
    bottom = 0.46 + _NOTE * len(noted)
    height = top + 2 * _ROW + _GAP + _BETWEEN + _SUMMARY + bottom
    figure = Figure(figsize=(_WIDTH, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    _write_around(figure, verdict.title, said, noted)
    panels = _panels(figure, height - top)
    limit = _limit(spread)
    for unit, axis in panels.items():
        _draw_unit(axis, unit, spread.of(unit), limit)
    _label_sides(list(panels.values()))
    _place_legend(figure, spread, height - top + 0.36)
    _draw_summary(figure.add_axes(_box(_LEFT, bottom, _WIDTH - _LEFT - _RIGHT, _SUMMARY, height)), spread)
    return figure


def _box(
    left: float, bottom: float, width: float, box_height: float, height: float
) -> tuple[float, float, float, float]:
    """A rectangle in inches as parts of the figure."""
    return left / _WIDTH, bottom / height, width / _WIDTH, box_height / height


def _write_around(figure: Figure, title: str, said: Sequence[str], noted: Sequence[str]) -> None:
    """Names come from files: nothing in them is mathematics."""
    height = figure.get_figheight()
    left: dict[str, Any] = {"x": _LEFT / _WIDTH, "parse_math": False, "linespacing": 1.35}
    figure.text(y=1 - 0.13 / height, s=title, va="top", fontsize=14, fontweight="bold", color=INK, **left)
    figure.text(y=1 - _TITLE / height, s="\n".join(said), va="top", fontsize=9.2, color=INK, **left)
    figure.text(y=0.1 / height, s="\n".join(noted), va="bottom", fontsize=7.6, color=NOTE, **left)


def _panels(figure: Figure, top: float) -> dict[str, Axes]:
    """Two rows of six cells below `top` inches: the stem's 1a, which has up to seven offsets, takes two of them."""
    height = figure.get_figheight()
    grid = GridSpec(
        2, 6, figure, left=_LEFT / _WIDTH, right=1 - _RIGHT / _WIDTH, top=top / height,
        bottom=(top - 2 * _ROW - _GAP) / height, wspace=0.07, hspace=_GAP / _ROW,
    )  # fmt: skip
    cells = [grid[0, :2], *(grid[0, column] for column in range(2, 6)), *(grid[1, column] for column in range(6))]
    return {unit: figure.add_subplot(cell) for unit, cell in zip(UNITS, cells, strict=True)}


def _limit(spread: Spread) -> float:
    """The end of the common scale, in rms of the layer: room for every bar and whisker, and the numbers above."""
    ends = [
        max(abs(each.percentiles[5]), abs(each.percentiles[95]), abs(each.mean) + each.std) / layer.rms
        for layer in spread.layers
        for each in layer.offsets
    ]
    return 1.04 * max(ends)


def _draw_unit(axis: Axes, unit: str, layers: Sequence[Layer], limit: float) -> None:
    _plain(axis)
    kernel = " " + "x".join(map(str, layers[0].kernel[2:])) if layers else ""
    axis.set_title(unit_name(unit) + kernel, fontsize=9, loc="left", color=INK, pad=3)
    axis.set_ylim(-limit, 1.22 * limit)
    reach = len(layers[0].offsets) // 2 if layers else 1
    axis.set_xlim(-reach - 0.55, reach + 0.55)
    axis.set_xticks(range(-reach, reach + 1) if layers else [])
    if not layers:
        axis.text(0, 0, "no kernel over time", ha="center", va="center", fontsize=8, color=NOTE)
        return
    for end in (-1, 1):
        axis.axhline(end, color="#B5B5B5", linewidth=0.7, linestyle=(0, (4, 3)), zorder=0.5)
    for place, layer in enumerate(layers):
        _draw_layer(axis, layer, (place - (len(layers) - 1) / 2) * 0.84 / len(layers), 0.84 / len(layers))


def _draw_layer(axis: Axes, layer: Layer, shift: float, room: float) -> None:
    angle = 0 if room > 0.3 else 90  # four branches stand close together
    for each in layer.offsets:
        _draw_offset(axis, each, layer, each.offset + shift, 0.82 * room)
        axis.annotate(
            f"{100 * each.energy:.0f}", (each.offset + shift, 1), xycoords=("data", "axes fraction"), xytext=(0, -2),
            textcoords="offset points", fontsize=7, rotation=angle, color=COLOURS[layer.branch], ha="center", va="top",
        )  # fmt: skip


def _draw_offset(axis: Axes, each: Offset, layer: Layer, x: float, width: float) -> None:
    colour = COLOURS[layer.branch]
    scaled = {rank: value / layer.rms for rank, value in each.percentiles.items()}
    for low, high, opacity, kind in ((5, 95, 0.25, "pale"), (25, 75, 0.85, "dark")):
        axis.bar(
            x, scaled[high] - scaled[low], width, bottom=scaled[low], color=colour, alpha=opacity, linewidth=0,
            gid=f"{layer.label} t={each.offset} {kind}",
        )  # fmt: skip
    axis.plot([x - width / 2, x + width / 2], [scaled[50]] * 2, color="white", linewidth=1.0, solid_capstyle="butt")
    mean, std = each.mean / layer.rms, each.std / layer.rms
    axis.errorbar(
        x, mean, std, color=INK, marker="o", markersize=2.4, linewidth=0.8, capsize=1.8, capthick=0.8,
        zorder=4,
    )  # fmt: skip


def _label_sides(axes: Sequence[Axes]) -> None:
    """One scale for all: its numbers stand at the left of each row only."""
    for place, axis in enumerate(axes):
        first_of_row = place in (0, 5)
        axis.tick_params(labelleft=first_of_row)
        if first_of_row:
            axis.set_ylabel("weight / layer's rms", fontsize=8.5)
        if place >= 5 and len(axis.get_xticks()):
            axis.set_xlabel("time offset t", fontsize=8.5, labelpad=1)


def _draw_summary(axis: Axes, spread: Spread) -> None:
    """For each layer, the energy outside t = 0 and outside its heaviest offset, as parts of an even spread."""
    _plain(axis)
    axis.axhspan(0, NEAR_ZERO, color="#EFEFEF", zorder=0, linewidth=0)
    axis.axhspan(SPREAD, 1, color="#F2F6EC", zorder=0, linewidth=0)
    axis.axhline(1, color="#B5B5B5", linewidth=0.7, linestyle=(0, (4, 3)))
    for place, unit in enumerate(UNITS):
        layers = spread.of(unit)
        for number, layer in enumerate(layers):
            _draw_points(axis, layer, place + (number - (len(layers) - 1) / 2) * 0.22)
    axis.set_xlim(-0.95, len(UNITS) - 0.5)  # the bands are named at the left
    axis.set_ylim(0, max(1.15, *(1.08 * layer.off_centre for layer in spread.layers)))
    axis.set_xticks(range(len(UNITS)), [unit_name(unit) for unit in UNITS])
    for label, unit in zip(axis.get_xticklabels(), UNITS, strict=True):
        label.set_fontweight("bold" if unit in (LOW, HIGH) else "normal")
    axis.set_ylabel("energy, even = 1", fontsize=8.5)
    for y, words in ((NEAR_ZERO / 2, "near zero"), (SPREAD + 0.05, "spread over t"), (0.95, "even")):
        axis.text(-0.92, y, words, fontsize=7, color=NOTE, va="center")
    _explain_points(axis)


def _explain_points(axis: Axes) -> None:
    axis.set_title("How much lies outside one offset", fontsize=9, loc="left", color=INK, pad=5)
    handles = [
        Line2D([], [], linestyle="none", color=INK, label=label, **marker)
        for label, marker in (("outside t = 0", _DOT), ("outside the heaviest t", _RING))
    ]
    axis.legend(
        handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=8.5,
        borderpad=0, borderaxespad=0.2, labelcolor=INK, handletextpad=0.3,
    )  # fmt: skip


_DOT: dict[str, Any] = {"marker": "o", "markersize": 4}
_RING: dict[str, Any] = {"marker": "o", "markersize": 8, "markerfacecolor": "none"}


def _draw_points(axis: Axes, layer: Layer, x: float) -> None:
    colour = COLOURS[layer.branch]
    axis.plot([x, x], [layer.off_heaviest, layer.off_centre], color=colour, linewidth=0.9, alpha=0.6)
    axis.plot([x], [layer.off_centre], color=colour, gid=f"{layer.label} outside t = 0", **_DOT)
    axis.plot([x], [layer.off_heaviest], color=colour, gid=f"{layer.label} outside heaviest t", **_RING)


def _place_legend(figure: Figure, spread: Spread, y: float) -> None:
    """The colours, `y` inches from the figure's foot."""
    names = {None: "stem"} | {branch: f"branch {branch}" for branch in range(4)}
    drawn = {layer.branch for layer in spread.layers}
    handles = [Patch(color=COLOURS[branch], label=name) for branch, name in names.items() if branch in drawn]
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(_LEFT / _WIDTH, y / figure.get_figheight()), ncols=5,
        frameon=False, fontsize=8.5, borderpad=0, borderaxespad=0, labelcolor=INK, columnspacing=1.6, handlelength=1.2,
    )  # fmt: skip


def _plain(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(True, axis="y", color="#EDEDED", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=8, color="#999999", length=2.5)
