"""What the units of a network cost, from stem to head: multiply-adds and weights by kind of kernel, and memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tradeoff.errors import InputError
from tradeoff.records.store import Record, Store
from tradeoff.report.canvas import INK, LABEL_ID, canvas
from tradeoff.report.curves import COLOURS
from tradeoff.report.drawing import Asked, Drawing, write_drawing
from tradeoff.report.labels import wrapped
from tradeoff.report.protocols import slug, values
from tradeoff.report.tables import three_digits
from tradeoff.report.temporal_weights import plain
from tradeoff.variants import UNITS, Variant

MOST = 6
"""Networks in one figure: more do not fit on a page."""
KERNELS = {
    "pointwise": ("1x1x1", "#A9B0B7"),
    "spatial": ("over space, 1xkxk", COLOURS["flat"]),
    "full": ("full, kxkxk", COLOURS["full"]),
    "temporal": ("over time, kx1x1", COLOURS["separable"]),
    "product": ("matrix product", COLOURS["mixed"]),
}
"""Kinds of kernel in the order of their bars, with how a legend has them and their colours."""
_MEMORY = "#8C8371"
_ROW, _BETWEEN, _PANEL = 0.175, 0.55, 2.75  # inches: a unit, what is between two networks, a panel's width
_MI = 2**20


def find_layers(store: Store, clip: str, variants: Sequence[Mapping[str, Any]] = ()) -> list[Record]:
    """The newest record of the layers of each network on clips of `clip`: of `variants` (their fields) those that there
    are, in their order, or of all."""
    ordered = sorted(store.records("layers"), key=lambda record: (str(record.made.get("at")), record.key))
    found = {_identity(record.about["variant"]): record for record in ordered if record.about["clip"] == clip}
    wanted = [_identity(each) for each in variants] or [*found]
    return [found[each] for each in wanted if each in found]


def _identity(variant: Mapping[str, Any]) -> str:
    return json.dumps(variant, sort_keys=True)


def report_layers(records: Sequence[Record], asked: Asked) -> dict[str, Drawing]:
    """Write `<variants>_layers` as PNG, SVG, Markdown and CSV. Raises InputError for records that are damaged, and for
    more than fit into a figure."""
    if len(records) > MOST:
        raise InputError(
            f"--figure layers has {len(records)} networks and draws up to {MOST}: name them with --variant, once each"
        )
    rows = pd.concat([layer_rows(record) for record in records], ignore_index=True)
    names = list(dict.fromkeys(rows["network"]))
    stem = f"{_file_name(names)}_layers_{rows['clip'].iloc[0]}"
    title = f"{', '.join(names)}: costs by unit"
    notes = notes_of(rows)
    units = by_unit(rows)
    figure = layers_figure(units, title, notes)
    return {stem: write_drawing(figure, asked.out, stem, title, rows, shown_table(units), notes)}


def _file_name(names: Sequence[str]) -> str:
    several = "_".join(map(slug, names))
    return several if len(several) <= 120 else f"{slug(names[0])}_and_{len(names) - 1}_more"


def layer_rows(record: Record) -> pd.DataFrame:
    """A row a layer in order of execution: `network`, its `unit`, the kind of its `kernels` and what it costs."""
    variant = Variant.from_fields(record.about["variant"])
    width = getattr(variant, "width", 1.0)
    shared = {
        "network": plain(variant.name) + (f" x{width:g}" if width != 1 else ""),
        "clip": record.about["clip"],
        "classes": variant.classes,
        "counter": record.depends_on["counter"],
    }
    try:
        return pd.DataFrame([shared | _layer(values) for values in record.measured["layers"]])
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"record layers/{record.key}.json is damaged ({error!r}): delete it and measure anew"
        ) from error


def _layer(layer: Mapping[str, Any]) -> dict[str, Any]:
    names = ("unit", "name", "kind", "macs", "weights", "params", "bytes_moved", "peak_bytes")
    shapes = {name: "x".join(map(str, layer[name] or ())) for name in ("kernel", "output")}
    return {name: layer[name] for name in names} | shapes | {"kernels": kernels_of(layer["kind"], layer["kernel"])}


def kernels_of(kind: str, kernel: Sequence[int] | None) -> str:
    """The kind of a layer's kernel, of `KERNELS`; empty for what is no multiply-add. One of two axes is over space."""
    if kind not in ("convolution", "matmul"):
        return ""
    if kind == "matmul" or not kernel:
        return "product"
    *time, height, width = kernel
    in_time, in_space = any(side > 1 for side in time), max(height, width) > 1
    return {(False, False): "pointwise", (False, True): "spatial", (True, False): "temporal"}.get(
        (in_time, in_space), "full"
    )


def by_unit(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a network and unit, from stem to head: `macs` and `weights`, each by kind of kernel too (`macs_full`, ...),
    `bytes_moved`, and `peak_bytes`, the most that is alive at once while the unit computes."""
    own = rows.assign(
        **{f"{name}_{kind}": rows[name].where(rows["kernels"] == kind, 0)
           for name in ("macs", "weights") for kind in KERNELS}
    )  # fmt: skip
    grouped = own.groupby(["network", "unit"], sort=False)
    sums = ["macs", "weights", "bytes_moved", *(f"{name}_{kind}" for name in ("macs", "weights") for kind in KERNELS)]
    return grouped[sums].sum().assign(peak_bytes=grouped["peak_bytes"].max()).reset_index()


def layers_figure(units: pd.DataFrame, title: str, notes: Sequence[str]) -> Figure:
    """A row of panels a network (see `by_unit`), all on the same scales: multiply-adds, weights, activation memory."""
    networks = list(dict.fromkeys(units["network"]))
    most = int(units["network"].value_counts().max())
    figure, axes = canvas(
        3, title, notes, _legend(units), _PANEL, _ROW * most + _BETWEEN, margin=1.0, columns=len(KERNELS),
        rows=len(networks), share_y=False, gap=0.1, heading=0.12,
    )  # fmt: skip
    for place, network in enumerate(networks):
        _draw_network(axes[3 * place : 3 * place + 3], units[units["network"] == network], network)
    scales = (("macs", 1e9, "Multiply-adds (G)"), ("weights", 1e6, "Weights (M)"),
              ("peak_bytes", _MI, "Activation memory (MiB)"))  # fmt: skip
    for axis, (column, scale, words) in zip(axes[-3:], scales, strict=True):
        axis.set_xlim(0, 1.22 * float(units[column].max()) / scale)
        axis.xaxis.set_major_locator(MaxNLocator(5, prune="upper"))
        axis.set_xlabel(words, fontsize=9.5)
    return figure


def _draw_network(axes: Sequence[Axes], units: pd.DataFrame, network: str) -> None:
    for axis, (name, scale) in zip(axes, (("macs", 1e9), ("weights", 1e6)), strict=False):
        ends = np.zeros(len(units))
        for kind, (_, colour) in KERNELS.items():
            lengths = units[f"{name}_{kind}"].to_numpy(dtype=float) / scale
            axis.barh(range(len(units)), lengths, 0.74, left=ends, color=colour, linewidth=0, gid=f"{name} {kind}")
            ends = ends + lengths
        total = float(units[name].sum())
        _number(axis, ends, [f"{100 * scale * end / total:.0f} %" if end else "" for end in ends])
    memory = units["peak_bytes"].to_numpy(dtype=float) / _MI
    axes[2].barh(range(len(units)), memory, 0.74, color=_MEMORY, linewidth=0, gid="memory")
    _number(axes[2], memory, [three_digits(value) for value in memory])
    for axis in axes:
        axis.set_ylim(len(units) - 0.4, -0.6)
        axis.set_yticks(range(len(units)), [_unit_name(unit) for unit in units["unit"]], fontsize=7.6)
        axis.tick_params(axis="y", length=0, labelleft=axis is axes[0])
        axis.grid(False, axis="y")
    axes[0].set_title(wrapped(network, 60, 1), fontsize=10, fontweight="bold", loc="left", color=INK, pad=4,
                      parse_math=False)  # fmt: skip


def _number(axis: Axes, ends: Sequence[float] | np.ndarray, words: Sequence[str]) -> None:
    for place, (end, text) in enumerate(zip(ends, words, strict=True)):
        axis.annotate(text, (end, place), xytext=(2.5, 0), textcoords="offset points", fontsize=7, color=INK,
                      ha="left", va="center_baseline", gid=LABEL_ID)  # fmt: skip


def _unit_name(unit: str) -> str:
    if unit in ("1a", "2b", "2c"):
        return f"conv {unit}"
    return f"Mixed_{unit}" if unit in UNITS else f"pool {unit}" if unit in ("2a", "3a", "4a", "5a") else unit


def _legend(units: pd.DataFrame) -> list[Line2D]:
    """The kinds of kernel that there are."""
    found = [words for kind, words in KERNELS.items() if units[[f"macs_{kind}", f"weights_{kind}"]].to_numpy().any()]
    return [
        Line2D([], [], linestyle="none", marker="s", markersize=7, color=colour, label=words) for words, colour in found
    ]


def shown_table(units: pd.DataFrame) -> pd.DataFrame:
    """As text, a row a network and unit."""
    totals = units.groupby("network")["macs"].transform("sum")
    return pd.DataFrame(
        {
            "Network": units["network"],
            "Unit": [_unit_name(unit) for unit in units["unit"]],
            "MACs (G)": [f"{value / 1e9:.3f}" for value in units["macs"]],
            "of all %": [f"{share:.1f}" for share in 100 * units["macs"] / totals],
            "Weights (M)": [f"{value / 1e6:.3f}" for value in units["weights"]],
            "Moved (MiB)": [f"{value / _MI:.1f}" for value in units["bytes_moved"]],
            "Activations (MiB)": [f"{value / _MI:.1f}" for value in units["peak_bytes"]],
        }
    )


def notes_of(rows: pd.DataFrame) -> list[str]:
    """What was counted, and how."""
    return [
        f"Counted: one clip of {values(rows, 'clip')}, {values(rows, 'classes')} classes, as executed, in float32; "
        f"counter {values(rows, 'counter')}. Percent: of the network's own total.",
        "Multiply-adds: of convolutions and matrix products. Weights: theirs, without biases and batch norm.",
        "Activation memory: the most bytes of tensors alive at once while a unit computes in eager PyTorch: the "
        "clip, and what waits for later units, with them, weights not; the largest is the network's.",
    ]
