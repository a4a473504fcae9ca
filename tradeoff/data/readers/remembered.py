"""What was found out about videos, kept in memory up to a size."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """Values by key, of at most `most` frames in all; the oldest go first. To be used by several threads at a time.

    frames  how many a value is of. One of more than a tenth of `most` is not kept: it would drive out many others.
    """

    def __init__(self, most: int, frames: Callable[[T], int]) -> None:
        self._most, self._frames = most, frames
        self._values: dict[Hashable, T] = {}
        self._lock = Lock()
        self.total = 0
        """Frames of what is kept."""

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, made first where it is not kept; what `make` raises goes through, and nothing is kept."""
        with self._lock:
            if key in self._values:
                return self._values[key]
        value = make()  # without the lock: it takes milliseconds, and others are asked for meanwhile
        with self._lock:
            if self._frames(value) <= self._most // 10 and key not in self._values:
                self._values[key] = value
                self.total += self._frames(value)
            while self.total > self._most:
                self.total -= self._frames(self._values.pop(next(iter(self._values))))
        return value
