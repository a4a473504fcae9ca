"""A picture of a data set: one row a clip, its frames along the row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tradeoff.errors import InputError

COLUMNS = 8  # frames shown of a clip, evenly spaced, first and last included
GAP = 4
TILE = 96  # smaller frames are enlarged to about this height, in pixels


def contact_sheet(
    dataset_frames: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    path: Path,
    clips_per_class: int = 1,
) -> None:
    """Write a PNG: for each class its name and the first `clips_per_class` clips, a row each, time from left to right.

    dataset_frames: uint8 (N, T, H, W, 3), may be memory-mapped; labels: int64 (N,), indices into `classes`.
    A class without clips keeps an empty row, so that it is missed.
    """
    frames, height, width = dataset_frames.shape[1:4]
    shown = np.linspace(0, frames - 1, min(COLUMNS, frames)).round().astype(int)
    scale = max(1, round(TILE / height))
    height, width = height * scale, width * scale
    font = ImageFont.load_default(size=max(12, height // 6))
    margin = int(max(font.getlength(name) for name in classes)) + 4 * GAP
    rows = len(classes) * clips_per_class
    sheet = Image.new("RGB", (margin + len(shown) * (width + GAP), rows * (height + GAP) + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for row in range(rows):
        label, nth = divmod(row, clips_per_class)
        top = GAP + row * (height + GAP)
        if nth == 0:
            draw.text((2 * GAP, top + height // 2), classes[label], fill="black", font=font, anchor="lm")
        for clip in np.flatnonzero(labels == label)[nth : nth + 1]:
            for column, frame in enumerate(shown):
                picture = Image.fromarray(np.asarray(dataset_frames[clip, frame])).resize(
                    (width, height), Image.Resampling.NEAREST
                )
                sheet.paste(picture, (margin + column * (width + GAP), top))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path, format="PNG")
    except OSError as error:
        raise InputError(f"contact sheet {path} cannot be written: {error.strerror}") from error
