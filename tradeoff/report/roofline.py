"""Attained multiply-adds a second against multiply-adds a byte, under what the machine allows (Williams et al., CACM
2009): how much of it a network gets, and which of arithmetic and memory it is held back by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from tradeoff.errors import InputError
from tradeoff.report.canvas import INK, LABEL_ID, NOTE, canvas
from tradeoff.report.curves import COLOURS, kind_of, marker
from tradeoff.report.deployments import networks
from tradeoff.report.deployments_figure import COLOURS as RUNTIME_COLOURS
from tradeoff.report.drawing import Asked, Drawing, load_rows, with_suffix, write_drawing
from tradeoff.report.figures import legend_of, readable_ticks
from tradeoff.report.labelling import write_beside
from tradeoff.report.labels import wrapped
from tradeoff.report.protocols import (
    ACCURACY,
    INPUT,
    LATENCY,
    SETTING,
    condition_words,
    interval_words,
    process_words,
    protocol_names,
    split_protocols,
    values,
)
from tradeoff.report.settings import NETWORK, place_in, present
from tradeoff.report.tables import three_digits
from tradeoff.setting_names import RUNTIMES

ROOF_ID, BAND_ID, BOUND_ID = "roof", "roof-band", "layer-bound"  # the gids of what is drawn, for tests and readers
UNDER_ONE_ROOF = (*ACCURACY, "runtime", "layout")
"""What may differ: the roof is that of a device, of so many threads, in one precision."""
_SHAPES = {"eager": "o", "compile": "s", "compile-frozen": "D", "onnxruntime": "^", "openvino": "v", "tensorrt": "P"}
_NEEDED = ("intensity", "bound_ms", "matrix_gflops", "copy_gb_s", "macs", "latency_ms")
_PANEL = (6.2, 4.4)  # inches


def draw(asked: Asked) -> dict[str, Drawing]:
    """Write `<sweep or folder>_roofline` as PNG, SVG, Markdown and CSV: a set for each roof, with all runtimes under
    it or `asked.runtime` alone. Raises InputError where no latency on record knows its roof."""
    roofs = under_roofs(load_rows(asked), asked.where)
    stem = f"{asked.name}_{asked.runtime}_roofline" if asked.runtime else f"{asked.name}_roofline"
    title = f"{asked.name}: roofline" + (f" of {asked.runtime}" if asked.runtime else "")
    drawings = {}
    for suffix, rows in roofs:
        file, heading = with_suffix(stem, title, suffix)
        notes = notes_of(rows)
        figure = roofline_figure(rows, heading, notes)
        drawings[file] = write_drawing(figure, asked.out, file, heading, rows, shown_table(rows), notes)
    return drawings


def under_roofs(table: pd.DataFrame, where: str) -> list[tuple[str, pd.DataFrame]]:
    """The latencies that share a roof (an input, a device, threads, batch and precision), each with a part of its
    files' names. Columns more than in the table: multiply-adds a byte and a second, and the roof over them.

    Raises InputError where there are none.
    """
    timed = table[table["latency_ms"].notna()]
    if timed.empty:
        raise InputError(f"{where} has no latency: run a sweep whose file has latency, such as sweeps/runtimes.yaml")
    known = timed.dropna(subset=list(_NEEDED))
    if known.empty:
        raise InputError(
            f"none of the latencies in {where} has a roofline (older versions measured no yardstick): time its "
            "networks again, by tradeoff sweep with its file and another --results"
        )
    once = known.drop_duplicates(present(known, *NETWORK, *INPUT, *LATENCY, "latency_ms"))
    parts = split_protocols(once, across=UNDER_ONE_ROOF)
    names = protocol_names(parts, across=UNDER_ONE_ROOF)
    return list(zip(names, map(_with_rates, parts), strict=True))


def _with_rates(rows: pd.DataFrame) -> pd.DataFrame:
    """`macs_per_byte`; the attained rate and its interval, `gmacs_s`; what the whole network's roof and its layers' own
    roofs allow, `roof_gmacs_s` and `layer_bound_gmacs_s`. Rates are 10^9 multiply-adds a second."""
    work = rows["macs"].astype(float) * rows["batch"].astype(float) / 1e6  # over ms, 10^9 a second
    per_byte = rows["intensity"].astype(float) / 2
    peak, copied = rows["matrix_gflops"].astype(float) / 2, rows["copy_gb_s"].astype(float)
    return rows.assign(
        macs_per_byte=per_byte,
        gmacs_s=work / rows["latency_ms"].astype(float),
        gmacs_s_low=work / rows["latency_high_ms"].astype(float),
        gmacs_s_high=work / rows["latency_low_ms"].astype(float),
        roof_gmacs_s=np.minimum(peak, copied * per_byte),
        layer_bound_gmacs_s=work / rows["bound_ms"].astype(float),
    )[[*(column for column in _KEPT if column in rows), *_RATES]]


_RATES = ("macs_per_byte", "gmacs_s", "gmacs_s_low", "gmacs_s_high", "roof_gmacs_s", "layer_bound_gmacs_s")
_KEPT = (
    *("variant", "units", "gating", "width", "classes", "clip", "macs", *LATENCY, "processes", "steady_processes"),
    *("latency_ms", "latency_low_ms", "latency_high_ms", "latency_interval"),
    *("matrix_fraction", "matrix_fraction_low", "matrix_fraction_high", "bound"),
    *("intensity", "bound_ms", "matrix_gflops", "copy_gb_s"),
)


def roofline_figure(rows: pd.DataFrame, title: str, notes: Sequence[str]) -> Figure:
    """One roof (see `under_roofs`) and the networks under it, in the colour of their kind, or of several runtimes."""
    handles = _legend(rows)
    figure, (axis,) = canvas(1, title, notes, handles, *_PANEL, columns=3)
    axis.set_xscale("log")
    axis.set_yscale("log")
    peak, copied = (rows[column].to_numpy(dtype=float) for column in ("matrix_gflops", "copy_gb_s"))
    _limit(axis, rows, peak / 2, copied)
    _draw_roof(axis, peak / 2, copied)
    looks = [_look(row, _is_mixed(rows)) for row in rows.itertuples()]
    for row, look in zip(rows.itertuples(), looks, strict=True):
        _draw_point(axis, row, look)
    for _, own in networks(rows):
        _draw_bound(axis, own)
    axis.set_xlabel("Multiply-adds a byte moved", fontsize=9.5)
    axis.set_ylabel("Attained multiply-adds a second (G)", fontsize=9.5)
    _label(axis, rows)
    return figure


def _limit(axis: Axes, rows: pd.DataFrame, peak: Any, copied: Any) -> None:
    """Room for the points, their layers' bounds and the ridge of the roof."""
    ridge = float(np.median(peak / copied))
    x = np.r_[rows["macs_per_byte"], ridge]
    y = np.r_[rows["gmacs_s"], rows["layer_bound_gmacs_s"], peak]
    axis.set_xlim(float(x.min()) / 1.7, float(x.max()) * 1.7)
    axis.set_ylim(float(y.min()) / 1.7, float(y.max()) * 1.5)
    readable_ticks(axis)
    readable_ticks(axis, "y")


def _draw_roof(axis: Axes, peak: Any, copied: Any) -> None:
    """The mean over the rows, and from the lowest to the highest of them."""
    x = np.geomspace(*axis.get_xlim(), 400)
    roofs = np.minimum(peak[:, None], copied[:, None] * x)
    mean = np.minimum(np.exp(np.log(peak).mean()), np.exp(np.log(copied).mean()) * x)
    axis.fill_between(x, roofs.min(axis=0), roofs.max(axis=0), color=INK, alpha=0.12, linewidth=0, gid=BAND_ID)
    axis.plot(x, mean, color=INK, linewidth=1.6, zorder=2, gid=ROOF_ID)


def _is_mixed(rows: pd.DataFrame) -> bool:
    return len(rows.drop_duplicates(["runtime", "layout"])) > 1


def _look(row: Any, mixed: bool) -> dict[str, Any]:
    if not mixed:
        return marker(row.units, row.gating)
    return _runtime_look(row.runtime)


def _runtime_look(runtime: str) -> dict[str, Any]:
    """Colour and shape both tell, for readers who cannot tell the colours."""
    colour = RUNTIME_COLOURS.get(runtime, "#6B1FB3")
    shape = {"marker": _SHAPES.get(runtime, "X"), "markersize": 6.0, "markeredgewidth": 1.0}
    return shape | {"markerfacecolor": colour, "markeredgecolor": colour}


def _draw_point(axis: Axes, row: Any, look: dict[str, Any]) -> None:
    colour, x = look["markeredgecolor"], row.macs_per_byte
    if pd.notna(row.gmacs_s_low):
        axis.vlines(x, row.gmacs_s_low, row.gmacs_s_high, color=colour, linewidth=1.0, alpha=0.6, zorder=2.5)
    axis.plot([x], [row.gmacs_s], linestyle="none", zorder=4, **look)


def _draw_bound(axis: Axes, own: pd.DataFrame) -> None:
    """Of one network, the mean over its settings: each has it by the yardstick of its own minutes."""
    bound = np.exp(np.log(own["layer_bound_gmacs_s"].astype(float)).mean())
    axis.plot([own["macs_per_byte"].mean()], [bound], marker="_", markersize=9, markeredgewidth=1.1, color=NOTE,
              linestyle="none", zorder=3, gid=BOUND_ID)  # fmt: skip


def _label(axis: Axes, rows: pd.DataFrame) -> None:
    """Each network's name once, beside its fastest point."""
    texts: list[Text] = []
    spots = []
    for name, own in networks(rows):
        best = own.sort_values("gmacs_s", kind="stable").iloc[-1]
        colour = INK if _is_mixed(rows) else COLOURS[kind_of(best["units"])]
        texts.append(axis.text(best["macs_per_byte"], best["gmacs_s"], wrapped(name), fontsize=9, color=colour,
                               ha="center", va="center_baseline", fontweight="bold", zorder=6, gid=LABEL_ID,
                               parse_math=False))  # fmt: skip
        spots.append((best["macs_per_byte"], best["gmacs_s"]))
    others = rows[["macs_per_byte", "gmacs_s"]].to_numpy(dtype=float)
    bounds = rows[["macs_per_byte", "layer_bound_gmacs_s"]].to_numpy(dtype=float)
    write_beside(axis, texts, np.array(spots), np.concatenate([others, bounds]), weight=80.0)


def _legend(rows: pd.DataFrame) -> list[Line2D]:
    if _is_mixed(rows):
        found = sorted(rows["runtime"].unique(), key=lambda name: (place_in(RUNTIMES, name), name))
        points = [Line2D([], [], linestyle="none", label=name, **_runtime_look(name)) for name in found]
    else:
        points = legend_of(rows, curves=False)
    return [
        *points,
        Line2D([], [], color=INK, linewidth=1.6, label="roof: matrix product, copying"),
        Line2D([], [], linestyle="none", marker="_", markersize=9, color=NOTE, label="roof layer by layer"),
    ]


def shown_table(rows: pd.DataFrame) -> pd.DataFrame:
    """As text: what is attained, with its interval, and what the roofs allow."""
    names = {index: name for name, own in networks(rows) for index in own.index}
    settings = {"runtime": "Runtime", "layout": "Layout"}
    told = {heading: rows[column].astype(str) for column, heading in settings.items() if rows[column].nunique() > 1}
    rates = rows[["gmacs_s", "gmacs_s_low", "gmacs_s_high"]].to_numpy(dtype=float)
    return pd.DataFrame(
        {
            "Variant": [names[index] for index in rows.index],
            **told,
            "MACs a byte": [f"{value:.1f}" for value in rows["macs_per_byte"]],
            "G MACs/s [95 %]": [_rate(*each) for each in rates],
            "Roof": [three_digits(value) for value in rows["roof_gmacs_s"]],
            "of it %": [f"{100 * value:.0f}" for value in rows["gmacs_s"] / rows["roof_gmacs_s"]],
            "Layer by layer": [three_digits(value) for value in rows["layer_bound_gmacs_s"]],
            "of that %": [f"{100 * value:.0f}" for value in rows["gmacs_s"] / rows["layer_bound_gmacs_s"]],
            "Bound": rows["bound"].astype(str),
        },
        index=rows.index,
    )


def _rate(rate: float, low: float, high: float) -> str:
    return three_digits(rate) + (f" [{three_digits(low)}, {three_digits(high)}]" if low == low else "")


def notes_of(rows: pd.DataFrame) -> list[str]:
    """How it was measured, and what the roofs are."""
    peak, copied = rows["matrix_gflops"] / 2, rows["copy_gb_s"]
    setting = [values(rows, column) for column in SETTING if rows[column].nunique() == 1]
    words = [values(rows, "device"), *setting, *condition_words(rows), process_words(rows), interval_words(rows)]
    width = values(rows, "width")
    clip = f"clips of {values(rows, 'clip')}, {values(rows, 'classes')} classes" + (f", width {width}" if width else "")
    return [
        f"Latency: {', '.join(word for word in words if word)}; {clip}.",
        f"Roof: a large matrix product in {values(rows, 'precision')}, {_between(peak)} G multiply-adds a second, and "
        f"copying memory, {_between(copied)} GB/s, as measured in the processes of each latency; the line is their "
        "mean, the band goes from the least to the most.",
        "Bytes: all that operators read, weights too, and write, none fused with another. What fuses them, or computes "
        "by fewer multiply-adds than are counted, or better than the library that the product was timed in, may stand "
        "above a roof. Layer by layer: each layer under its own roof.",
    ]


def _between(found: pd.Series[float]) -> str:
    low, high = three_digits(found.min()), three_digits(found.max())
    return low if low == high else f"{low} to {high}"
