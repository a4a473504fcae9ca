"""Whether a figure can be printed as it is."""

from __future__ import annotations

import itertools
from typing import Any

import matplotlib.text
from matplotlib.figure import Figure


def assert_fit_for_print(figure: Figure) -> None:
    """Letters of at least 7 points, and no title, legend, note or panel over another or outside of the sheet."""
    figure.canvas.draw()
    texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text().strip() and text.get_visible()]
    assert min(text.get_fontsize() for text in texts) >= 7
    parts = [text.get_window_extent() for text in figure.texts]
    parts += [legend.get_window_extent() for legend in figure.legends]
    parts += [axis.get_tightbbox() for axis in figure.axes]
    sheet = figure.bbox
    for box in parts:
        assert sheet.x0 <= box.x0 and box.x1 <= sheet.x1 + 1
        assert sheet.y0 <= box.y0 and box.y1 <= sheet.y1 + 1
    crossing = [(a, b) for a, b in itertools.combinations(parts, 2) if _share(a, b) > 1]
    assert crossing == []


def _share(a: Any, b: Any) -> float:
    """How many pixels two boxes overlap by, in the direction where it is less."""
    return float(min(min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)))
