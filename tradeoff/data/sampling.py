"""Which frames of a video a clip takes, how they are scaled and where they are cropped, as a sweep file says it.

`Sampling` is for training clips, `Views` for test clips; numbers of frames are those of the sweep's `clip`. Without
either, clips are spread evenly over the video and stored once (`data.decoding`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tradeoff.clip_shape import ClipShape
from tradeoff.data.clips import MARGIN, Integers
from tradeoff.errors import InputError

Side = Annotated[int, Field(ge=32, le=4096)]
Corner = tuple[int, int]  # top, left
Size = tuple[int, int]  # height, width


class Sampling(BaseModel):
    """How a clip is drawn from a video.

    frames  `consecutive`: `stride` apart, from a random first one; in a test clip from the middle, or with several
            clips evenly spaced starts. `segments`: one from each of T equal parts of the video, a random one in
            training and the middle one in a test (Wang et al., TSN, arXiv 1608.00859). `spread`: always the middle one.
    stride  of consecutive frames.
    rate    frames a second that a video is brought to first, repeating or leaving out frames; by default as it is.
    resize  the short side in pixels, or [height, width], before the crop; by default what covers the clip and an
            eighth.

    A video with fewer frames than a clip takes starts again from its first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    frames: Literal["consecutive", "segments", "spread"] = "consecutive"
    stride: int = Field(1, ge=1, le=1000)
    rate: float | None = Field(None, gt=0, le=1000)
    resize: Side | tuple[Side, Side] | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, values: Any) -> Any:
        if isinstance(values, Mapping | Sampling):
            return values
        if not isinstance(values, str) or values not in cls.named():
            raise ValueError(f"should be one of {', '.join(cls.named())}, or keys of its own")
        return dict(cls.named()[values])

    @field_validator("resize", mode="before")
    @classmethod
    def _pair(cls, value: Any) -> Any:
        given = tuple(value) if isinstance(value, list) else value
        if given is None or type(given) is int or (isinstance(given, tuple) and len(given) == 2):
            return given
        raise ValueError("should be a side in pixels, as in 256, or [height, width]")

    @model_validator(mode="after")
    def _consistent(self) -> Sampling:
        if self.stride != 1 and self.frames != "consecutive":
            raise ValueError(f"stride is {self.stride}; only consecutive frames have one, and frames is {self.frames}")
        return self

    @classmethod
    def named(cls) -> Mapping[str, Mapping[str, Any]]:
        """Samplings by name; what a key holds is their values."""
        return SAMPLINGS

    def fields(self) -> dict[str, Any]:
        """What a key holds: the kind, and what is not at its default."""
        return {"frames": self.frames, **self.model_dump(exclude_defaults=True, exclude={"frames"})}

    def check_clip(self, clip: ClipShape, key: str) -> None:
        """Raises InputError where the frames are scaled to less than the clip; `key` is the sweep file's."""
        if self.resize is None:
            return
        height, width = (self.resize, self.resize) if isinstance(self.resize, int) else self.resize
        if height < clip.height or width < clip.width:
            given = self.resize if isinstance(self.resize, int) else [*self.resize]
            raise InputError(f"{key}.resize is {given}: clips of {clip} need sides of {clip.height} and {clip.width}")

    def size(self, height: int, width: int, clip: ClipShape) -> Size:
        """Height and width that frames of `height` x `width` are scaled to."""
        if isinstance(self.resize, tuple):
            return self.resize
        if isinstance(self.resize, int):
            scale = self.resize / min(height, width)
            wanted = (self.resize, self.resize)
        else:
            wanted = (clip.height + clip.height // MARGIN, clip.width + clip.width // MARGIN)
            scale = max(wanted[0] / height, wanted[1] / width)
        return max(wanted[0], round(height * scale)), max(wanted[1], round(width * scale))

    def shown(self, times: NDArray[np.float64]) -> Integers:
        """The frames of the video at `rate`: at each tick the one that is shown then."""
        if self.rate is None or len(times) < 2:
            return np.arange(len(times), dtype=np.int64)
        lasting = times[-1] - times[0] + float(np.median(np.diff(times)))
        ticks = times[0] + np.arange(max(1, round(lasting * self.rate))) / self.rate
        # Times are multiples of a clock's tick: half a microsecond is below any, and above what rounding leaves.
        shown: Integers = np.clip(np.searchsorted(times, ticks + 5e-7, side="right") - 1, 0, len(times) - 1)
        return shown

    def training_frames(self, times: NDArray[np.float64], frames: int, random: np.random.Generator) -> Integers:
        """Indices (T,) of a training clip of T = `frames`; draws from `random` once at most."""
        shown = self.shown(times)
        total = len(shown)
        if self.frames == "consecutive":
            span = (frames - 1) * self.stride + 1
            return shown[_run(int(random.integers(max(1, total - span + 1))), frames, self.stride, total)]
        places = np.full(frames, 0.5) if self.frames == "spread" else random.random(frames)
        return shown[_segments(places, frames, total)]


class Views(Sampling):
    """How a video is tested: `clips` spaced evenly over it, each `crops` times; the probabilities are averaged.

    frames  as of training clips; also `all`: one clip of every frame, whatever their number, as the paper tests.
    clips   how many, spaced evenly over the video.
    crops   1 at the centre, or 3 along the longer side: its ends and the centre.
    """

    frames: Literal["consecutive", "segments", "spread", "all"] = "consecutive"  # type: ignore[assignment]
    clips: int = Field(1, ge=1, le=1000)
    crops: Literal[1, 3] = 1

    @model_validator(mode="after")
    def _one_of_all(self) -> Views:
        if self.frames in ("all", "spread") and self.clips != 1:
            raise ValueError(f"clips is {self.clips}; with frames: {self.frames} there is one")
        return self

    @classmethod
    def named(cls) -> Mapping[str, Mapping[str, Any]]:
        return VIEWS

    @property
    def count(self) -> int:
        """Views of a video."""
        return self.clips * self.crops

    def clip_frames(self, times: NDArray[np.float64], frames: int) -> Integers:
        """Indices (clips, T) of a video's test clips; T is `frames`, or with `all` every frame, repeated from the first
        where the video has fewer than `frames`."""
        shown = self.shown(times)
        total = len(shown)
        if self.frames == "all":
            return shown[np.arange(max(total, frames)) % total][None]
        if self.frames == "consecutive":
            last = max(0, total - ((frames - 1) * self.stride + 1))
            starts = [last // 2] if self.clips == 1 else np.linspace(0, last, self.clips).round().astype(int)
            return np.stack([shown[_run(int(start), frames, self.stride, total)] for start in starts])
        places = (np.arange(self.clips) + 0.5) / self.clips
        return np.stack([shown[_segments(np.full(frames, place), frames, total)] for place in places])

    def is_short(self, times: NDArray[np.float64], frames: int) -> bool:
        """Whether a video has so few frames that a clip of T = `frames` repeats some."""
        span = (frames - 1) * self.stride + 1 if self.frames == "consecutive" else frames
        return len(self.shown(times)) < span

    def corners(self, size: Size, clip: ClipShape) -> list[Corner]:
        """Top left corners of the crops in frames of `size`."""
        free = (size[0] - clip.height, size[1] - clip.width)
        centre = (free[0] // 2, free[1] // 2)
        if self.crops == 1:
            return [centre]
        if free[1] >= free[0]:
            return [(centre[0], left) for left in (0, centre[1], free[1])]
        return [(top, centre[1]) for top in (0, centre[0], free[0])]


SAMPLINGS: dict[str, dict[str, Any]] = {
    # Section 4.1 of the paper: 64 consecutive frames (the clip's), 256 x 256, a random crop of 224.
    "paper": {"frames": "consecutive", "resize": (256, 256)},
    "segments": {"frames": "segments", "resize": 256},
    "spread": {"frames": "spread"},
}
VIEWS: dict[str, dict[str, Any]] = {
    "paper": {"frames": "all", "resize": (256, 256)},
    # Wang et al., "Non-local Neural Networks", arXiv 1711.07971: 10 clips, 3 crops of a short side of 256.
    "dense": {"frames": "consecutive", "resize": 256, "clips": 10, "crops": 3},
    "segments": {"frames": "segments", "resize": 256},
    "centre": {"frames": "consecutive", "resize": 256},
    "spread": {"frames": "spread"},
}


def _run(start: int, frames: int, stride: int, total: int) -> Integers:
    return (start + stride * np.arange(frames, dtype=np.int64)) % total


def _segments(places: NDArray[np.float64], frames: int, total: int) -> Integers:
    """One frame from each of `frames` equal parts, at `places` of it from 0 to 1."""
    return np.minimum(((np.arange(frames) + places) * total / frames).astype(np.int64), total - 1)
