"""Normal against reversed frames, side by side: does a network see the arrow of time?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tradeoff.errors import InputError
from tradeoff.report.canvas import INK, LABEL_ID, accuracy_limits, canvas
from tradeoff.report.curves import COLOURS, kind_of
from tradeoff.report.labels import wrapped

_MOST_SIDE_BY_SIDE = 40  # variants, an inch and a half each
_KINDS = {
    "flat": "2D",
    "full": "full 3D",
    "separable": "separable 3D",
    "mixed": "full and separable",
    "other": "other families",
}


def order_figure(table: pd.DataFrame, title: str, protocol: Sequence[str]) -> Figure:
    """Top-1 with frames in normal and in reversed order, side by side for each variant; of very many variants, one
    against the other.

    The rows differ in nothing but variant and `order`. Raises InputError if either order is missing.
    """
    orders = {name: table[(table["order"] == name) & table["top1"].notna()] for name in ("normal", "reversed")}
    if any(rows.empty for rows in orders.values()):
        raise InputError(f"{title!r} needs accuracies in normal and in reversed order; one is missing")
    variants = list(dict.fromkeys(table["variant"]))
    if len(variants) > _MOST_SIDE_BY_SIDE:
        return _crowd_figure(orders, title, protocol)
    handles = [
        Line2D([], [], linestyle="none", label=f"{order} frames", **_order_marker(INK, order)) for order in orders
    ]
    figure, (axis,) = canvas(1, title, protocol, handles, panel_width=max(4.6, 1.5 * len(variants)))
    for place_of_variant, variant in enumerate(variants):
        pair = {order: rows[rows["variant"] == variant] for order, rows in orders.items()}
        _draw_orders(axis, place_of_variant, pair)
    axis.set_xticks(range(len(variants)), [wrapped(name, 20, 3) for name in variants], fontsize=9.5, parse_math=False)
    axis.set_xlim(-0.6, len(variants) - 0.4)
    low, high = accuracy_limits(table)
    axis.set_ylim(0 if low < 40 else low, high)
    axis.set_ylabel("Top-1 accuracy (%)")
    axis.grid(False, axis="x")
    return figure


def _crowd_figure(orders: dict[str, pd.DataFrame], title: str, protocol: Sequence[str]) -> Figure:
    """A point a variant and width: below the line, a network does worse on frames in reversed order."""
    pairs = orders["normal"].merge(orders["reversed"], on=["variant", "width"], suffixes=("", "_reversed"))
    kinds = pairs["units"].map(kind_of)
    handles = [
        Line2D([], [], linestyle="none", marker="o", markersize=4, color=COLOURS[kind], label=_KINDS[kind])
        for kind in kinds.unique()
    ]
    figure, (axis,) = canvas(1, title, protocol, handles, panel_width=6.0, panel_height=5.0)
    axis.axline((0, 0), slope=1, color="#999999", linewidth=0.8)
    for kind in kinds.unique():
        own = pairs[kinds == kind]
        axis.plot(100 * own["top1"], 100 * own["top1_reversed"], "o", markersize=4, alpha=0.5, color=COLOURS[kind])
    low, high = accuracy_limits(pd.concat(orders.values()))
    axis.set_xlim(low, high)
    axis.set_ylim(low, high)
    axis.set_xlabel("Top-1 accuracy on frames in normal order (%)")
    axis.set_ylabel("in reversed order (%)")
    return figure


def _order_marker(colour: str, order: str) -> dict[str, Any]:
    fill = colour if order == "normal" else "white"
    return {
        "marker": "o",
        "markersize": 7.5,
        "markerfacecolor": fill,
        "markeredgecolor": colour,
        "markeredgewidth": 1.6,
    }


def _draw_orders(axis: Axes, place_of_variant: int, pair: dict[str, pd.DataFrame]) -> None:
    for order, rows in pair.items():
        for row in rows.itertuples():
            _draw_order(axis, place_of_variant, order, row)
    if all(len(rows) == 1 for rows in pair.values()):
        colour = COLOURS[kind_of(pair["normal"]["units"].iloc[0])]
        ends = [100 * rows["top1"].iloc[0] for rows in pair.values()]
        axis.plot([place_of_variant - 0.13, place_of_variant + 0.13], ends, color=colour, linewidth=0.9, alpha=0.5)


def _draw_order(axis: Axes, place_of_variant: int, order: str, row: Any) -> None:
    side = -1 if order == "normal" else 1
    x, y, colour = place_of_variant + 0.13 * side, 100 * row.top1, COLOURS[kind_of(row.units)]
    if pd.notna(row.top1_low):
        ends = [100 * row.top1_low, 100 * row.top1_high]
        axis.plot([x, x], ends, marker="_", markersize=8, color=colour, linewidth=1.3, alpha=0.7)
    axis.plot([x], [y], linestyle="none", zorder=4, **_order_marker(colour, order))
    axis.annotate(
        f"{y:.1f}", (x, y), xytext=(9 * side, 0), textcoords="offset points", fontsize=9, color=colour,
        ha="right" if side < 0 else "left", va="center", gid=LABEL_ID,
    )  # fmt: skip
