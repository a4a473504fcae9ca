"""What every reader of videos can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tradeoff.data.clips import Frames, Integers
from tradeoff.data.decoding import Unreadable


class VideoReader(ABC):
    """The frames of one video, in the order of showing; a context manager. To be used by one thread at a time.

    times          (count,) when each is shown, in seconds as the file counts them: rising, not always from 0, and not
                   always evenly spaced.
    height, width  of a frame upright, in square pixels.
    """

    def __init__(self, times: NDArray[np.float64], size: tuple[int, int]) -> None:
        self.times = times
        self.height, self.width = size

    @property
    def count(self) -> int:
        """How many frames there are."""
        return len(self.times)

    def read(self, indices: Integers, size: tuple[int, int]) -> Frames:
        """The frames of these numbers upright, uint8 (len(indices), H, W, 3) RGB, scaled to exactly (H, W) = `size`.

        In any order, and repeated where a number is; each is decoded once. Raises Unreadable where one of them cannot
        be decoded, IndexError for a number that is not from 0 to count - 1.
        """
        numbers, rows = np.unique(np.asarray(indices, np.int64), return_inverse=True)
        if not numbers.size:
            return np.empty((0, *size, 3), np.uint8)
        if numbers[0] < 0 or numbers[-1] >= self.count:
            raise IndexError(f"frames {numbers[0]} to {numbers[-1]} of a video of {self.count} were asked for")
        frames = self._read(numbers, size)
        return frames if np.array_equal(rows, np.arange(len(frames))) else frames[rows]

    @abstractmethod
    def _read(self, numbers: Integers, size: tuple[int, int]) -> Frames:
        """The frames of these numbers, which rise; raises Unreadable."""

    def _lost(self, number: int) -> Unreadable:
        """A frame that the file promises and decoding does not give."""
        return Unreadable(f"frame {number} of {self.count}, at {self.times[number]:.3f} s, cannot be decoded")

    def close(self) -> None:  # noqa: B027
        """Give back what is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
