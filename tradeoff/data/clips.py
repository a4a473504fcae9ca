"""What a data set is once it is open, what is known of it before, and how it comes to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tradeoff.clip_shape import ClipShape
from tradeoff.errors import InputError

ALWAYS_TRAIN = -1
MARGIN = 8  # a side is stored an eighth longer than the clip's, which leaves the random crop room to move

Frames = NDArray[np.uint8]
Integers = NDArray[np.int64]
Progress = Callable[[int, int], None]  # clips done, clips in all


def quiet(done: int, total: int) -> None:
    """Progress that nobody watches."""


def stored_shape(clip: ClipShape) -> tuple[int, int, int]:
    """Frames, height and width as stored: the clip's, each side an eighth longer."""
    return clip.frames, clip.height + clip.height // MARGIN, clip.width + clip.width // MARGIN


@dataclass(frozen=True)
class Description:
    """What is known of a data set without decoding a frame.

    `digest` covers what the pixels and labels of stored clips depend on; `videos` what whole videos do, and is empty
    for clips that are generated. `flips` (may clips be mirrored in training?) changes
    neither, so it is in none: whatever keys a training must add it. `clips` counts the clips by the fold that
    tests them (-1 for none), those that turn out unreadable too; it is in no digest and no key.
    """

    name: str
    digest: str
    classes: tuple[str, ...]
    folds: tuple[int, ...]
    flips: bool = False
    videos: str = ""
    clips: Mapping[int, int] = field(default_factory=dict, hash=False)

    def split_sizes(self, fold: int) -> tuple[int, int]:
        """How many clips the fold trains on and tests on."""
        tested = self.clips.get(fold, 0)
        return sum(self.clips.values()) - tested, tested


@dataclass(frozen=True)
class ClipIndex:
    """Everything but the pixels, one entry a readable clip; `clips.json` in the cache.

    unreadable  (id, reason) of every clip left out.
    short       ids of the clips that have fewer frames than T, so that some repeat; None where nobody has counted.
    """

    classes: tuple[str, ...]
    labels: tuple[int, ...]
    folds: tuple[int, ...]
    ids: tuple[str, ...]
    groups: tuple[int, ...]
    unreadable: tuple[tuple[str, str], ...] = ()
    short: tuple[str, ...] | None = None


class Source(Protocol):
    """A data set that can be built: `clips` rows at most, each `shape` = (T, H', W')."""

    @property
    def description(self) -> Description: ...

    @property
    def clips(self) -> int: ...

    @property
    def shape(self) -> tuple[int, int, int]: ...

    def build(self, out: Frames, progress: Progress, workers: int) -> ClipIndex:
        """Fills rows of `out` (clips, T, H', W', 3) from the first on; the index says how many are used."""


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """N clips of a data set, without their pixels.

    labels  int64 (N,), indices into `classes`.
    folds   int64 (N,): the fold that tests the clip, -1 for none. A train/test split is folds -1 and 0.
    ids     unique and stable from run to run and machine to machine.
    groups  int64 (N,): clips of one group share pixels (a clip and its reverse, a file and its copy, parts of a video
            that overlap), so statistics resample whole groups.
    """

    name: str
    digest: str
    classes: tuple[str, ...]
    labels: Integers
    folds: Integers
    ids: tuple[str, ...]
    groups: Integers

    def split(self, fold: int) -> tuple[Integers, Integers]:
        """Indices of the training clips and of the test clips; raises InputError if `fold` tests no clip."""
        tested = self.folds == fold
        if fold == ALWAYS_TRAIN or not tested.any():
            known = ", ".join(str(k) for k in np.unique(self.folds) if k != ALWAYS_TRAIN)
            raise InputError(f"fold {fold} does not exist in data set {self.name}: it has {known}")
        return np.flatnonzero(~tested), np.flatnonzero(tested)


@dataclass(frozen=True, kw_only=True)
class Dataset(Labelled):
    """An opened data set of stored clips, the frames memory-mapped.

    frames      uint8 (N, T, H', W', 3), RGB; H' and W' exceed the clip's H and W by an eighth: training crops at
                random, testing from the centre.
    unreadable  (path, reason) of every clip left out.
    short       ids of the clips that have fewer frames than T, so that some repeat; None where nobody has counted: of
                generated clips, and of those cached before they were counted.
    """

    frames: Frames
    unreadable: tuple[tuple[str, str], ...] = ()
    short: tuple[str, ...] | None = None

    @classmethod
    def join(cls, description: Description, frames: Frames, index: ClipIndex) -> Dataset:
        """The frames and the index of one data set, put together."""
        return cls(
            name=description.name,
            digest=description.digest,
            classes=index.classes,
            labels=np.array(index.labels, np.int64),
            folds=np.array(index.folds, np.int64),
            ids=index.ids,
            groups=np.array(index.groups, np.int64),
            frames=frames,
            unreadable=index.unreadable,
            short=index.short,
        )
