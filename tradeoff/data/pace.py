"""How long the clips of a data set take to decode or generate, from a few of them. Nothing is written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tradeoff.clip_shape import ClipShape
from tradeoff.data import processors
from tradeoff.data.clips import stored_shape
from tradeoff.data.specs import CatalogueData, DataSpec, SyntheticData
from tradeoff.data.video_lists import VideoClip

SAMPLED_VIDEOS, GENERATED = 8, 16
T = TypeVar("T")


@dataclass(frozen=True)
class Pace:
    """`seconds` a clip takes, with all workers at it, from `clips` clips; `unreadable` of them could not be decoded."""

    seconds: float
    clips: int
    unreadable: int = 0
    verb: str = "decoded"

    def __str__(self) -> str:
        lost = f" ({self.unreadable} unreadable)" if self.unreadable else ""
        return f"{self.clips} {self.verb} clips{lost}"


def pace(spec: DataSpec, clip: ClipShape) -> Pace:
    """Decode up to 8 videos, evenly spaced over the list, or generate 16 clips into an array that is thrown away.

    Raises InputError for videos that cannot be listed.
    """
    if isinstance(spec, SyntheticData):
        return _generating(spec, clip)
    return _decoding(listed_videos(spec), clip)


def _generating(spec: SyntheticData, clip: ClipShape) -> Pace:
    from tradeoff.data.synthetic import generate

    shape, half = stored_shape(clip), GENERATED // 2
    out, started = np.empty((GENERATED, *shape, 3), np.uint8), time.perf_counter()
    generate(
        spec.synthetic, half, half, spec.seed, shape=shape, out=out, progress=lambda *_: None, workers=processors()
    )
    return Pace((time.perf_counter() - started) / GENERATED, GENERATED, verb="generated")


def listed_videos(spec: DataSpec) -> Sequence[VideoClip]:
    """The videos as they are listed, not hashed again: planning has done that."""
    from tradeoff.data.catalogued import list_clips
    from tradeoff.data.video_lists import list_videos

    assert not isinstance(spec, SyntheticData)
    return list_clips(spec) if isinstance(spec, CatalogueData) else list_videos(spec.videos)


def evenly_spaced(values: Sequence[T], most: int) -> list[T]:
    """At most `most` of them, the first and the last among them."""
    rows = np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int)
    return [values[row] for row in rows]


def _decoding(clips: Sequence[VideoClip], clip: ClipShape) -> Pace:
    """Each video is timed in its thread beside the others, so that what they take from each other is in it."""
    from tradeoff.data.decoding import Unreadable
    from tradeoff.data.threads import in_order
    from tradeoff.data.videos import decode_clip

    def timed(video: VideoClip) -> tuple[float, bool]:
        started = time.perf_counter()
        try:
            decode_clip(video, stored_shape(clip))
        except Unreadable:
            return time.perf_counter() - started, False
        return time.perf_counter() - started, True

    found = list(in_order(timed, evenly_spaced(clips, SAMPLED_VIDEOS), processors()))
    seconds = sum(taken for taken, _ in found) / len(found) / processors()
    return Pace(seconds, len(found), sum(not readable for _, readable in found))
