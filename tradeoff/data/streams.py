"""Videos that are decoded as they are needed, rather than stored as clips."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from tradeoff.data.clips import Labelled
from tradeoff.data.decoding import Unreadable
from tradeoff.data.parts import WHOLE, groups_of
from tradeoff.data.readers import VideoReader
from tradeoff.data.video_lists import VideoClip
from tradeoff.data.videos import MISSING, VideoSource, check_share

Check = Callable[[tuple[tuple[str, str], ...]], None]


class Losses:
    """Which videos turned out unreadable, and why; heard from several threads."""

    def __init__(self, missing: tuple[str, ...], check: Check = lambda lost: None) -> None:
        """`check` hears of all that are lost whenever there is one more, and may raise InputError."""
        self.missing, self._check = len(missing), check
        self._lock, self._reasons = threading.Lock(), dict.fromkeys(missing, MISSING)

    def add(self, name: str, reason: str) -> None:
        """One more, if it is not known yet; raises InputError where too many are lost."""
        with self._lock:
            if name not in self._reasons:
                self._reasons[name] = reason
                self._check(self.listed)

    @property
    def listed(self) -> tuple[tuple[str, str], ...]:
        """Ids with reasons."""
        return tuple(self._reasons.items())


@dataclass(frozen=True, kw_only=True)
class VideoSet(Labelled):
    """N videos of a data set; `open` gives a reader of one, `losses` hears of those that cannot be read."""

    clips: tuple[VideoClip, ...]
    opener: Callable[[VideoClip], VideoReader]
    losses: Losses = field(compare=False)

    def open(self, index: int) -> VideoReader:
        """A reader of one video, to be closed; raises Unreadable."""
        return self.opener(self.clips[index])

    def lose(self, index: int, reason: Unreadable) -> None:
        """One video cannot be read; raises InputError where too many cannot."""
        self.losses.add(self.ids[index], str(reason))

    @property
    def unreadable(self) -> tuple[tuple[str, str], ...]:
        """(id, reason) of every video that is missing or turned out unreadable so far."""
        return self.losses.listed

    @property
    def last_lost(self) -> str:
        """Of several that cannot be read one in words: `the last is a/1.mp4 (no frames)`."""
        name, reason = self.unreadable[-1]
        return f"the last is {name} ({reason})"


def video_set(source: VideoSource, opener: Callable[[VideoClip], VideoReader]) -> VideoSet:
    """What a source lists, none of it opened yet."""
    description, listing = source.description, source.listing
    groups = groups_of(source.contents, [clip.part or WHOLE for clip in listing])
    return VideoSet(
        name=description.name,
        digest=description.videos,
        classes=description.classes,
        labels=np.array([description.classes.index(clip.label) for clip in listing], np.int64),
        folds=np.array([clip.fold for clip in listing], np.int64),
        ids=tuple(clip.id for clip in listing),
        groups=np.array(groups, np.int64),
        clips=listing,
        opener=opener,
        losses=Losses(source.missing, partial(_check, source)),
    )


def _check(source: VideoSource, lost: tuple[tuple[str, str], ...]) -> None:
    """Raises InputError for more than the share `broken` of all videos or, where no share is stated, for all of a class
    or of a fold."""
    check_share(source.place, lost, source.clips, source.broken)
    if source.broken is None:
        names = {name for name, _ in lost}
        source.check_what_is_left([clip for clip in source.listing if clip.id not in names], lost)
