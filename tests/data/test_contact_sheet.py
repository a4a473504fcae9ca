"""The contact sheet is a PNG with a row a clip, on which the frames can be found again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tradeoff.data.contact_sheet import GAP, contact_sheet


def clips() -> tuple[np.ndarray, np.ndarray]:
    """Four clips of 15 frames, clip c plain red 50 c, frame t plain green 10 t; the last two are of class 1."""
    frames = np.zeros((4, 15, 48, 60, 3), np.uint8)
    frames[..., 0] = np.arange(0, 200, 50)[:, None, None, None]
    frames[..., 1] = np.arange(0, 150, 10)[None, :, None, None]
    return frames, np.array([0, 0, 1, 1])


@pytest.mark.parametrize("clips_per_class", [1, 2])
def test_rows_are_clips_and_columns_are_evenly_spaced_frames(tmp_path: Path, clips_per_class: int) -> None:
    frames, labels = clips()
    path = tmp_path / "sheets" / "motion.png"
    contact_sheet(frames, labels, ("left", "right"), path, clips_per_class)
    with Image.open(path) as image:
        assert image.format == "PNG"
        sheet = np.asarray(image)
    rows = 2 * clips_per_class
    assert sheet.shape[0] == GAP + rows * (96 + GAP)  # 48 rows, shown twice as large
    right = sheet[:, sheet.shape[1] - 8 * (120 + GAP) :]
    tops, lefts = GAP + np.arange(rows) * (96 + GAP), np.arange(8) * (120 + GAP)
    first = [0, 100] if clips_per_class == 1 else [0, 50, 100, 150]
    assert right[tops + 48][:, lefts + 60, 0].tolist() == [[red] * 8 for red in first]
    assert right[tops + 48][:, lefts + 60, 1].tolist() == [list(range(0, 150, 20))] * rows


def test_a_class_without_clips_leaves_its_row_empty(tmp_path: Path) -> None:
    frames, labels = clips()
    contact_sheet(frames, labels, ("left", "right", "none"), tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as image:
        sheet = np.asarray(image)
    assert sheet.shape[0] == GAP + 3 * (96 + GAP)
    assert (sheet[-96:, -8 * (120 + GAP) :] == 255).all()
