"""Frames of a folder of numbered JPEGs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from av.video.reformatter import VideoReformatter

from tradeoff.data.clips import Frames, Integers
from tradeoff.data.decoding import stretch
from tradeoff.data.frame_folders import frame_files, read_frame
from tradeoff.data.readers.base import VideoReader

RATE_OF_FOLDERS = 30.0
"""Frames a second where nobody says: JPEGs do not."""


class FolderReader(VideoReader):
    """Frame i is shown i / `rate` seconds after the first, 30 a second where `rate` is None; only what is asked for is
    read."""

    def __init__(self, folder: Path, rate: float | None = None) -> None:
        """Raises Unreadable for a folder without frames, with a gap, or whose first frame is broken."""
        self._files = frame_files(folder)
        first = read_frame(self._files[0])
        super().__init__(np.arange(len(self._files)) / (rate or RATE_OF_FOLDERS), (first.height, first.width))
        self._scaler = VideoReformatter()

    def _read(self, numbers: Integers, size: tuple[int, int]) -> Frames:
        return np.stack([stretch(read_frame(self._files[number]), self._scaler, size) for number in numbers])
