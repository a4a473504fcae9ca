"""Where to write the labels of a scatter plot so that none lies on another. Geometry in pixels; no drawing."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

Floats = NDArray[np.float64]

ANGLES = np.deg2rad([90, 270, 0, 180, 45, 135, 315, 225, 22.5, 67.5, 112.5, 157.5, 202.5, 247.5, 292.5, 337.5])
PADDING = 1.5  # pixels kept free around a label
_SWEEPS = 12
_LABEL, _OUTSIDE = (
    1e4,
    1e6,
)  # costs of covering another label and of leaving the axes, against 1 for a pixel's distance


def wrapped(name: str, width: int = 26, lines: int | None = 4) -> str:
    """A name over several lines where it is long, as those with many arguments are; past `lines` it is cut off."""
    rows = [""]
    for piece in re.split(r"(?<=[ (])", name):
        while len(rows[-1] + piece.rstrip()) > width:
            room = max(0, width - len(rows[-1])) if len(piece) > width else 0  # cut anywhere: only what fits on no line
            rows[-1:] = [rows[-1] + piece[:room], ""]
            piece = piece[room:]
        rows[-1] += piece
    kept = [row.rstrip() for row in rows[:lines]]
    return "\n".join(kept) + ("…" if len(kept) < len(rows) else "")


def place(
    anchors: Floats,
    sizes: Floats,
    ink: Floats,
    weights: Floats,
    bounds: tuple[float, float, float, float],
    gap: float,
) -> Floats:
    """Boxes (n, 4) as x0, y0, x1, y1 for labels of `sizes` (n, 2), each near its `anchors` (n, 2).

    `ink` (m, 2) are points that a label had better not cover, at a cost of `weights` (m,) each; `bounds` are the axes
    as x0, y0, x1, y1; `gap` is the least distance from anchor to label. Each label tries 16 directions at growing
    distance; the sweeps over all labels repeat until none moves, so the same input gives the same picture.
    """
    if len(anchors) == 0:
        return np.empty((0, 4))
    radii = gap * np.geomspace(1, 22, 14)
    boxes, own = _candidates(anchors, sizes, radii)
    own = own + _outside(boxes, bounds) + np.stack([_covered(row, ink, weights) for row in boxes])
    chosen = own.argmin(axis=1)
    crowded = np.argsort(-np.sort(own, axis=1)[:, 0], kind="stable")
    for _ in range(_SWEEPS):
        before = chosen.copy()
        for label in crowded:
            others = np.delete(boxes[np.arange(len(boxes)), chosen], label, axis=0)
            chosen[label] = (own[label] + _LABEL * _overlaps(boxes[label], others)).argmin()
        if (before == chosen).all():
            break
    return np.asarray(boxes[np.arange(len(boxes)), chosen])


def spread_out(wanted: Floats, sizes: Floats, low: float, high: float) -> Floats:
    """Heights (n,) for labels of `sizes` (n,), as near to those `wanted` as leaves none on another, from `low` to
    `high` as far as there is room: the least squared displacement, in the order of the heights wanted."""
    order = np.argsort(wanted, kind="stable")
    tall = sizes[order] + PADDING
    middles = np.cumsum(tall) - tall / 2  # of labels that stand on each other from 0 up
    starts = isotonic_regression(wanted[order] - middles).x
    heights = np.empty(len(wanted))
    heights[order] = np.clip(starts, low, max(low, high - tall.sum())) + middles
    return heights


def _candidates(anchors: Floats, sizes: Floats, radii: Floats) -> tuple[Floats, Floats]:
    """Boxes (n, candidates, 4) and what their distance from the anchor costs (n, candidates)."""
    directions = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
    reach = radii[:, None, None] + sizes[:, None, None, :] / 2  # to the centre of the label: (n, radii, 1, 2)
    centres = (anchors[:, None, None, :] + reach * directions).reshape(len(anchors), -1, 2)
    half = sizes[:, None, :] / 2
    taste = 0.05 * np.arange(len(ANGLES))
    cost = np.broadcast_to((radii[:, None] + taste).ravel(), centres.shape[:2])
    return np.concatenate([centres - half, centres + half], axis=2), cost.copy()


def _outside(boxes: Floats, bounds: tuple[float, float, float, float]) -> Floats:
    x0, y0, x1, y1 = bounds
    inside = (boxes[..., 0] >= x0) & (boxes[..., 1] >= y0) & (boxes[..., 2] <= x1) & (boxes[..., 3] <= y1)
    return np.where(inside, 0.0, _OUTSIDE)


def _covered(boxes: Floats, ink: Floats, weights: Floats) -> Floats:
    """The weight of ink under each box: (candidates,)."""
    low, high = boxes[:, None, :2] - PADDING, boxes[:, None, 2:] + PADDING
    near = ((ink >= low.min(axis=(0, 1))) & (ink <= high.max(axis=(0, 1)))).all(axis=1)
    x, y, weights = ink[None, near, 0], ink[None, near, 1], weights[near]
    under = (x >= low[..., 0]) & (x <= high[..., 0]) & (y >= low[..., 1]) & (y <= high[..., 1])
    return np.asarray(under @ weights)


def _overlaps(boxes: Floats, others: Floats) -> Floats:
    """How many of `others` each box touches or nearly touches: (candidates,)."""
    a, b = boxes[:, None, :], others[None, :, :]
    apart = (a[..., 2] + PADDING < b[..., 0]) | (b[..., 2] + PADDING < a[..., 0])
    apart |= (a[..., 3] + PADDING < b[..., 1]) | (b[..., 3] + PADDING < a[..., 1])
    return np.asarray((~apart).sum(axis=1), dtype=float)
