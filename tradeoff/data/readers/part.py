"""A part of a video, read as if it were all of it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from tradeoff.data.clips import Frames, Integers
from tradeoff.data.decoding import Unreadable
from tradeoff.data.parts import Part
from tradeoff.data.readers.base import VideoReader

_FINEST = 1_000_000  # the denominator of times: finer than any clock that videos use, coarser than what floats lose
_NEAR = 1e-3  # seconds: so near to an end of a part times are compared exactly


class PartReader(VideoReader):
    """The frames that are shown in a part, which counts from the video's first frame."""

    def __init__(self, whole: VideoReader, part: Part) -> None:
        """Raises Unreadable where no frame is shown in it."""
        self._numbers = np.flatnonzero(shown_in(part, whole.times - whole.times[0]))
        if not self._numbers.size:
            whole.close()
            raise Unreadable(f"no frame from {part}")
        super().__init__(whole.times[self._numbers], (whole.height, whole.width))
        self._whole = whole

    def _read(self, numbers: Integers, size: tuple[int, int]) -> Frames:
        return self._whole.read(self._numbers[numbers], size)

    def close(self) -> None:
        self._whole.close()


def shown_in(part: Part, passed: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool (n,): whether the part holds a frame that is shown so many seconds after the video's first.

    A float stands for the fraction that it is nearest to, of a denominator up to a million. Only near the part's ends
    does that matter, and only there is it looked for: it takes microseconds a frame and lets no other thread go on.
    """
    start, end = float(part.start), float(part.end)
    held = (start <= passed) & (passed < end)
    for row in np.flatnonzero((abs(passed - start) < _NEAR) | (abs(passed - end) < _NEAR)):
        held[row] = part.holds(Fraction(float(passed[row])).limit_denominator(_FINEST))
    return held
