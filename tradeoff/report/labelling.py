"""Texts beside the points of a plot: clear of each other, and of what is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text
from numpy.typing import NDArray

from tradeoff.report.canvas import DPI
from tradeoff.report.labels import place, spread_out

Floats = NDArray[np.float64]

FRONTIER_ID = "frontier"
"""The gid of a band that labels may lie on rather than on any other line."""


def write_beside(axis: Axes, texts: Sequence[Text], anchors: Floats, crowd: Floats, weight: float = 20.0) -> None:
    """Move each text beside its anchor, clear of every other text and, where there is room, of points and lines.

    `anchors` (n, 2) and `crowd` (m, 2), points without a text, are in the units of the axes, whose limits are final;
    `weight` is what covering one of the latter costs, against 1 for a pixel's distance.
    """
    points = axis.transData.transform(anchors)
    ink, weights = _ink(axis, points)
    if len(crowd):
        ink = np.concatenate([ink, axis.transData.transform(crowd)])
        weights = np.r_[weights, np.full(len(crowd), weight)]
    gap = 6.5 * DPI / 72
    boxes = place(points, _sizes(texts), ink, weights, _bounds(axis), gap)
    for text, point, box in zip(texts, points, boxes, strict=True):
        _move(axis, text, point, box, gap)


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
            yield corners, 1.5 if line.get_gid() == FRONTIER_ID else 4.0
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


def write_at_ends(axis: Axes, texts: Sequence[Text], ends: Floats) -> None:
    """Stack texts right of the panel, each as near to the height of its line's end as the others let it, with a thin
    line from there. `ends` (n, 2) are in the units of the axes, whose limits are final."""
    box = axis.get_window_extent()
    points = axis.transData.transform(ends)
    sizes = _sizes(texts)
    heights = spread_out(points[:, 1], sizes[:, 1], box.y0, box.y1)
    back = axis.transData.inverted()
    for text, point, size, height in zip(texts, points, sizes, heights, strict=True):
        left = box.x1 + _LEADER
        centre = back.transform((left + size[0] / 2, height))
        text.set_position((float(centre[0]), float(centre[1])))
        corners = back.transform([point, (box.x1, point[1]), (left - 3, height)])
        axis.plot(corners[:, 0], corners[:, 1], color=text.get_color(), linewidth=0.6, alpha=0.6, clip_on=False,
                  scalex=False, scaley=False, zorder=2, gid=LEADER_ID)  # fmt: skip


_LEADER = 0.16 * DPI
LEADER_ID = "leader"
