"""A part of a video, read as if it were all of it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from tradeoff.data.clips import Frames, Integers
from tradeoff.data.decoding import Unreadable
from tradeoff.data.parts import Part
from tradeoff.data.readers.base import VideoReader

_FINEST = 1_000_000  # the denominator of times: finer than any clock that videos use, coarser than what floats lose


class PartReader(VideoReader):
    """The frames that are shown in a part, which counts from the video's first frame."""

    def __init__(self, whole: VideoReader, part: Part) -> None:
        """Raises Unreadable where no frame is shown in it."""
        passed = (Fraction(time - whole.times[0]).limit_denominator(_FINEST) for time in whole.times.tolist())
        self._numbers = np.flatnonzero([part.holds(time) for time in passed])
        if not self._numbers.size:
            whole.close()
            raise Unreadable(f"no frame from {part}")
        super().__init__(whole.times[self._numbers], (whole.height, whole.width))
        self._whole = whole

    def _read(self, numbers: Integers, size: tuple[int, int]) -> Frames:
        return self._whole.read(self._numbers[numbers], size)

    def close(self) -> None:
        self._whole.close()
