"""The size of a clip: frames, height and width, written `16x64x64`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tradeoff.errors import InputError

MIN_FRAMES, MIN_SIDE = 8, 32  # below this the trunk's strides leave nothing to pool
MAX = 8192  # beyond any video; keeps sizes in bytes within 64 bits


@dataclass(frozen=True, order=True)
class ClipShape:
    """Frames, height and width of the clip a network sees, in frames and pixels.

    Raises InputError below 8x32x32, the smallest clip that the trunk's strides (8 in time, 32 in space) allow, and
    above 8192.
    """

    frames: int
    height: int
    width: int

    def __post_init__(self) -> None:
        if self.frames < MIN_FRAMES or min(self.height, self.width) < MIN_SIDE:
            raise InputError(f"clip {self} is too small: the smallest is {MIN_FRAMES}x{MIN_SIDE}x{MIN_SIDE}")
        if max(self.frames, self.height, self.width) > MAX:
            raise InputError(f"clip {self} is too large: no side may exceed {MAX}")

    @classmethod
    def parse(cls, text: str) -> ClipShape:
        """`"16x64x64"` to a shape; raises InputError for anything else."""
        match = re.fullmatch(r"(\d+)x(\d+)x(\d+)", text)
        if match is None:
            raise InputError(f"clip {text!r} is not FRAMESxHEIGHTxWIDTH, for example 16x64x64")
        return cls(*(int(part) for part in match.groups()))

    @classmethod
    def of(cls, clip: ClipShape | tuple[int, int, int] | str) -> ClipShape:
        """A shape from whatever a notebook holds: a shape, (frames, height, width) or text."""
        if isinstance(clip, str):
            return cls.parse(clip)
        return clip if isinstance(clip, ClipShape) else cls(*clip)

    def __str__(self) -> str:
        return f"{self.frames}x{self.height}x{self.width}"


PAPER_CLIP = ClipShape(64, 224, 224)
