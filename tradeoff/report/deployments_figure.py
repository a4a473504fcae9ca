"""Every deployment of every variant on one axis of time: how a setting moves each, and where it changes their order.

A band a variant, from the fastest in eager float32 down; in it a lane a runtime and layout, a marker a precision. A
link joins one setting in neighbouring bands: it leans to the right, unless the setting turns their order round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tradeoff.errors import InputError
from tradeoff.report.canvas import INK, LABEL_ID, NOTE, canvas
from tradeoff.report.deployments import LAYOUTS, Named, networks, overtakes, reference_setting, settings_of
from tradeoff.report.figures import readable_ticks
from tradeoff.report.labels import wrapped
from tradeoff.report.settings import place_in
from tradeoff.report.tables import three_digits
from tradeoff.setting_names import PRECISIONS, RUNTIMES

COLOURS = {
    "eager": "#3B3B3B",
    "compile": "#0068A8",
    "compile-frozen": "#3FA0DC",
    "onnxruntime": "#CF5A00",
    "openvino": "#00735C",
    "tensorrt": "#A8327D",
}
"""After Okabe & Ito, as in the other figures; each lane is named too, so that no colour has to be told from another."""
LINK_ID, TURN_ID = "link", "turn"  # the gids of links, and of those where two variants change places
_OTHER = "#6B1FB3"
_MARKERS = {"float32": "o", "tf32": "s", "bf16": "o", "fp16": "D"}
_LANE, _GAP = 0.2, 0.3  # inches
_WIDTH, _EDGE = 10.2, 0.72  # of the sheet, and where its texts begin
_LANE_NAMES, _BAND_NAMES, _LETTER = 0.06, 0.092, 0.07  # inches a letter takes, at the most
_REACH = 0.12  # from a best point to its label

Lane = tuple[str, str]  # runtime and layout
Bands = dict[str, dict[Lane, float]]


@dataclass(frozen=True)
class Sheet:
    """Where everything goes: the bands in order, and in each the height of its lanes. `settings` are the variants timed
    in each, `reference` their rows in eager float32."""

    part: pd.DataFrame
    rows: dict[str, pd.DataFrame]
    bands: Bands
    height: float
    settings: Mapping[tuple[str, ...], Named]
    reference: Mapping[str, Any]

    def lane(self, name: str, row: Any) -> float:
        return self.bands[name][row.runtime, row.layout]


def deployments_figure(part: pd.DataFrame, title: str, protocol: Sequence[str]) -> Figure:
    """All deployments of one place (see `deployments.places`); `protocol` is printed under the picture.

    Raises InputError where nothing has a latency.
    """
    if part["latency_ms"].isna().all():
        raise InputError(f"nothing to draw for {title!r}: no deployment has a latency")
    sheet = _arranged(part)
    longest = max(len(_lane_name(lane, part)) for lanes in sheet.bands.values() for lane in lanes)
    names = max(len(line) for name in sheet.rows for line in _band_name(name).splitlines())
    margin = _EDGE + 0.2 + _LANE_NAMES * longest + _BAND_NAMES * names
    panel = max(_WIDTH - margin, 5.0)
    figure, (axis,) = canvas(
        1, title, protocol, _legend(part), panel_width=panel, panel_height=sheet.height, margin=margin, columns=2
    )
    _prepare(axis, sheet, margin, panel)
    _draw_links(axis, sheet)
    for name, rows in sheet.rows.items():
        for row in rows[rows["latency_ms"].notna()].itertuples():
            _draw(axis, row, sheet.lane(name, row))
    _label(axis, sheet)
    return figure


def _arranged(part: pd.DataFrame) -> Sheet:
    rows = dict(networks(part))
    settings = settings_of(part)
    reference = dict(settings.get(reference_setting(settings), []))
    first = {name: place for place, name in enumerate(reference)}
    order = sorted(rows, key=lambda name: (first.get(name, len(rows)), np.nanmin([np.inf, *rows[name]["latency_ms"]])))
    bands, y = {}, 0.0
    for name in order:
        lanes = sorted(
            set(zip(rows[name]["runtime"], rows[name]["layout"], strict=True)),
            key=lambda lane: (place_in(RUNTIMES, lane[0]), lane),
        )
        bands[name] = {lane: y + _LANE * (place + 0.5) for place, lane in enumerate(lanes)}
        y += _LANE * len(lanes) + _GAP
    return Sheet(part, {name: rows[name] for name in order}, bands, y, settings, reference)


def _prepare(axis: Axes, sheet: Sheet, margin: float, width: float) -> None:
    """A logarithmic axis of time, and the names of bands and lanes left of it."""
    axis.set_xscale("log")
    axis.set_xlim(*_limits(sheet, width))
    axis.set_ylim(sheet.height - _GAP / 2, -_GAP / 2)
    readable_ticks(axis)
    axis.set_xlabel("Latency (ms)", fontsize=9.5)
    lanes = [(y, _lane_name(lane, sheet.part)) for band in sheet.bands.values() for lane, y in band.items()]
    axis.set_yticks([y for y, _ in lanes], [name for _, name in lanes], fontsize=7.6, color=NOTE)
    axis.tick_params(axis="y", length=0)
    axis.grid(False, axis="y")
    axis.spines["left"].set_visible(False)
    for name, band in sheet.bands.items():
        middle = float(np.mean(list(band.values())))
        axis.annotate(
            _band_name(name), (0, middle), xytext=((_EDGE - margin) * 72, 0), xycoords=axis.get_yaxis_transform(),
            textcoords="offset points", ha="left", va="center", fontsize=9.5, fontweight="bold", color=INK,
            annotation_clip=False, parse_math=False,
        )  # fmt: skip
        axis.hlines(list(band.values()), *axis.get_xlim(), color="#EFEFEF", linewidth=0.7, zorder=0.5)
    for above in list(sheet.bands.values())[:-1]:
        axis.axhline(max(above.values()) + (_LANE + _GAP) / 2, color="#CFCFCF", linewidth=0.7, zorder=0.6)


def _band_name(name: str) -> str:
    return wrapped(name, 20, 4)


def _limits(sheet: Sheet, width: float) -> tuple[float, float]:
    """From the points, on axes `width` inches wide: an interval of two processes can span decades, and may run off.

    With room for the labels: left of the first point for the best one's, right of the last for what failed.
    """
    latencies = sheet.part["latency_ms"].astype(float)
    best = [row for rows in sheet.rows.values() for row in rows[rows["best"]].itertuples()]
    low, high = min(map(_left_end, best)), float(latencies.max())
    lost = sheet.part[sheet.part["latency_ms"].isna()].groupby(["variant", "width", "runtime", "layout"], dropna=False)
    left = _REACH + 0.15 + _LETTER * max(len(_best_words(row)) for row in best)
    right = 0.25 + _LETTER * max((len(_failed_words(rows)) for _, rows in lost), default=0)
    inch = max(np.log(high / low), np.log(1.5)) / max(width - left - right, 1.0)
    middle = (np.log(low) + np.log(high)) / 2 + inch * (right - left) / 2
    return float(np.exp(middle - inch * width / 2)), float(np.exp(middle + inch * width / 2))


def _lane_name(lane: Lane, part: pd.DataFrame) -> str:
    """The runtime, and the layout where a runtime was tried in several."""
    runtime, layout = lane
    several = part.loc[part["runtime"] == runtime, "layout"].nunique() > 1
    return f"{runtime}, {LAYOUTS.get(layout, layout)}" if several else runtime


def _draw_links(axis: Axes, sheet: Sheet) -> None:
    for _, (above, a), (below, b) in _links(sheet):
        ends = [sheet.lane(name, row) for name, row in ((above, a), (below, b))]
        turned = _turns(sheet, (above, a), (below, b))
        axis.plot(
            [a.latency_ms, b.latency_ms], ends, color=_colour(a.runtime), zorder=1.5,
            linestyle="-" if a.precision == "float32" else (0, (4, 2.2)),
            linewidth=2.2 if turned else 0.8, alpha=0.85 if turned else 0.28, gid=TURN_ID if turned else LINK_ID,
        )  # fmt: skip


def _links(sheet: Sheet) -> Iterator[tuple[tuple[str, ...], tuple[str, Any], tuple[str, Any]]]:
    """One setting in two neighbouring bands."""
    for setting, timed in sheet.settings.items():
        rows = dict(timed)
        for above, below in pairwise(sheet.bands):
            if above in rows and below in rows:
                yield setting, (above, rows[above]), (below, rows[below])


def _turns(sheet: Sheet, above: tuple[str, Any], below: tuple[str, Any]) -> bool:
    """Does this setting turn round the order that the two variants have in eager float32?"""
    before = sheet.reference
    if above[0] not in before or below[0] not in before:
        return False
    return overtakes(before[above[0]], before[below[0]], above[1], below[1])


def _draw(axis: Axes, row: Any, y: float) -> None:
    colour = _colour(row.runtime)
    if pd.notna(row.latency_low_ms):
        axis.hlines(y, row.latency_low_ms, row.latency_high_ms, color=colour, linewidth=1.1, alpha=0.6, zorder=2)
    axis.plot([row.latency_ms], [y], linestyle="none", zorder=4, **_marker(row.precision, colour))
    if row.best:
        axis.plot([row.latency_ms], [y], "o", markersize=11, markerfacecolor="none", markeredgecolor=INK,
                  markeredgewidth=1.0, zorder=5)  # fmt: skip


def _colour(runtime: str) -> str:
    return COLOURS.get(runtime, _OTHER)


def _marker(precision: str, colour: str) -> dict[str, Any]:
    """Filled for float32, open for less; the shape tells which."""
    return {
        "marker": _MARKERS.get(precision, "^"),
        "markersize": 5.2 if precision in ("tf32", "fp16") else 6.0,
        "markerfacecolor": colour if precision == "float32" else "white",
        "markeredgecolor": colour,
        "markeredgewidth": 1.4,
    }


def _label(axis: Axes, sheet: Sheet) -> None:
    """The best of each band left of its point, where nothing of its band can be; what failed at the end of its lane."""
    for name, rows in sheet.rows.items():
        for row in rows[rows["best"]].itertuples():
            _write(axis, _best_words(row), (_left_end(row), sheet.lane(name, row)), INK, "bold", -_REACH)
        for _, failed in rows[rows["latency_ms"].isna()].groupby(["runtime", "layout"]):
            end = axis.get_xlim()[1], sheet.lane(name, failed.iloc[0])
            _write(axis, _failed_words(failed), end, NOTE, "normal", -0.04)


def _left_end(row: Any) -> float:
    """Of a point with its interval, unless that is very wide."""
    return max(float(np.fmin(row.latency_ms, row.latency_low_ms)), 0.75 * float(row.latency_ms))


def _write(axis: Axes, words: str, spot: tuple[float, float], colour: str, weight: str, shift: float) -> None:
    axis.annotate(
        words, spot, xytext=(72 * shift, 0), textcoords="offset points", fontsize=8, color=colour, fontweight=weight,
        ha="right", va="center_baseline", zorder=6, gid=LABEL_ID, parse_math=False, annotation_clip=False,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
    )  # fmt: skip


def _best_words(row: Any) -> str:
    gain = f", {row.speedup:.2f}x" if pd.notna(row.speedup) and row.speedup != 1 else ""
    return f"{row.precision}: {three_digits(row.latency_ms)} ms{gain}"


def _failed_words(failed: pd.DataFrame) -> str:
    return f"{', '.join(dict.fromkeys(failed['precision']))}: {_outcome(failed)}"


def _outcome(failed: pd.DataFrame) -> str:
    found = failed["latency_outcome"].dropna().unique().tolist() if "latency_outcome" in failed else []
    return " / ".join(str(each) for each in found if each) or "no latency"


def _legend(part: pd.DataFrame) -> list[Line2D]:
    found = sorted(part["precision"].dropna().unique(), key=lambda name: place_in(PRECISIONS, name))
    handles = [Line2D([], [], linestyle="none", label=name, **_marker(name, INK)) for name in found]
    handles.append(
        Line2D([], [], linestyle="none", marker="o", markersize=10, markerfacecolor="none", markeredgecolor=INK,
               label="fastest of the variant (x: over its eager float32)")
    )  # fmt: skip
    if len(list(networks(part))) > 1:
        handles.append(
            Line2D(
                [],
                [],
                color=NOTE,
                linewidth=0.8,
                alpha=0.6,
                label="one setting, from variant to variant (dashed: less than float32)",
            )
        )
        handles.append(
            Line2D([], [], color=NOTE, linewidth=2.2, label="the same, where it turns round the order in eager float32")
        )
    return handles
