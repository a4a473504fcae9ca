"""Data sets: `describe` says what one is, `open_dataset` stores its clips once and maps them into memory, `open_videos`
gives whole videos to draw clips from."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradeoff.clip_shape import ClipShape
from tradeoff.data.clips import (
    ALWAYS_TRAIN,
    ClipIndex,
    Dataset,
    Description,
    Frames,
    Progress,
    Source,
    quiet,
    stored_shape,
)
from tradeoff.data.specs import CatalogueData, DataSpec, SyntheticData, VideoData
from tradeoff.digest import digest

if TYPE_CHECKING:
    from tradeoff.data.readers import VideoReader
    from tradeoff.data.streams import VideoSet
    from tradeoff.data.video_lists import VideoClip

__all__ = [
    "CatalogueData",
    "DataSpec",
    "Dataset",
    "Description",
    "SyntheticData",
    "VideoData",
    "describe",
    "is_cached",
    "open_dataset",
    "open_videos",
    "opener_of",
    "packed_folder",
    "processors",
]


def describe(spec: DataSpec, clip: ClipShape, cache: Path | None = None, hashing: Progress = quiet) -> Description:
    """Name, digest, classes and folds, nothing decoded; raises InputError for videos that cannot be listed.

    Videos are read for the digest. With `cache`, those that were read before and have not changed are not read again;
    `hashing(done, total)` counts those that are, in this thread.
    """
    return _source(spec, clip, cache, hashing).description


def open_dataset(
    spec: DataSpec, clip: ClipShape, cache: Path, progress: Progress, hashing: Progress = quiet
) -> Dataset:
    """The data set, memory-mapped from `<cache>/<name>-<digest>/`, built there first if it is new.

    `progress(done, total)` is called in this thread as clips are built, `hashing` as in `describe`. Raises InputError
    for videos that cannot be listed, for a split or class of which no clip is readable, for more missing or unreadable
    clips than the spec allows, and for an unusable cache folder.
    """
    from tradeoff.data.cache import open_cached

    dataset = open_cached(_source(spec, clip, cache, hashing), cache, progress, processors())
    if not isinstance(spec, SyntheticData):  # a cache may be of a spec that allows more
        from tradeoff.data.videos import check_share

        place = spec.root if isinstance(spec, CatalogueData) else spec.videos
        check_share(place, dataset.unreadable, len(dataset.ids) + len(dataset.unreadable), spec.broken)
    return dataset


def open_videos(
    spec: VideoData | CatalogueData, clip: ClipShape, cache: Path, progress: Progress, hashing: Progress = quiet
) -> VideoSet:
    """The videos of a data set, to be decoded as they are needed; with `pack`, from frames that are packed first.

    `progress(done, total)` is called as videos are packed, `hashing` as in `describe`. Raises InputError for
    videos that cannot be listed, for more missing or unreadable ones than the spec allows, and for an unusable cache
    folder.
    """
    from tradeoff.data.streams import video_set
    from tradeoff.data.videos import VideoSource

    source = _source(spec, clip, cache, hashing)
    assert isinstance(source, VideoSource)
    videos = video_set(source, opener_of(spec))
    if spec.pack is None:
        return videos
    from tradeoff.data.packed import pack

    return replace(videos, opener=pack(videos, packed_folder(videos, cache), spec.pack, progress, processors()))


def packed_folder(videos: VideoSet, cache: Path) -> Path:
    """Where frames of a data set are packed."""
    return cache / f"{videos.name}-{videos.digest}-packed"


def opener_of(spec: VideoData | CatalogueData) -> Callable[[VideoClip], VideoReader]:
    """What opens one video of a data set, from its file or its folder of frames; it raises Unreadable."""
    from tradeoff.data.catalogue import entry_of
    from tradeoff.data.readers import open_video
    from tradeoff.data.readers.part import PartReader

    rate = entry_of(spec.catalogue).rate if isinstance(spec, CatalogueData) else None

    def opener(clip: VideoClip) -> VideoReader:
        whole = open_video(clip.path, spec.decoder, rate)
        return whole if clip.part is None else PartReader(whole, clip.part)

    return opener


def is_cached(description: Description, cache: Path) -> bool:
    """Whether the cache has the data set; a set there may still be damaged, which opening it finds."""
    folder = cache / f"{description.name}-{description.digest}"
    return (folder / "clips.json").exists() and (folder / "frames.npy").exists()


def _source(spec: DataSpec, clip: ClipShape, cache: Path | None, hashing: Progress) -> Source:
    return _SOURCES[type(spec)](spec, clip, cache, hashing)


def processors() -> int:
    """How many this process may use, which is fewer than the machine has under taskset or Slurm."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class _SyntheticSource:
    spec: SyntheticData
    shape: tuple[int, int, int]

    @property
    def clips(self) -> int:
        return self.spec.train + self.spec.test

    @property
    def description(self) -> Description:
        from tradeoff.data.synthetic import CLASSES, GENERATOR_VERSION

        identity = digest({**self.spec.model_dump(), "shape": self.shape, "generator": GENERATOR_VERSION})
        clips = {ALWAYS_TRAIN: self.spec.train, 0: self.spec.test}
        return Description(self.spec.synthetic, identity, tuple(CLASSES[self.spec.synthetic]), (0,), clips=clips)

    def build(self, out: Frames, progress: Progress, workers: int) -> ClipIndex:
        from tradeoff.data.synthetic import generate

        task, train, test, seed = self.spec.synthetic, self.spec.train, self.spec.test, self.spec.seed
        made = generate(task, train, test, seed, shape=self.shape, out=out, progress=progress, workers=workers)
        columns = (tuple(int(value) for value in column) for column in (made.labels, made.folds, made.groups))
        labels, folds, groups = columns
        return ClipIndex(self.description.classes, labels, folds, tuple(made.ids), groups)


def _synthetic(spec: SyntheticData, clip: ClipShape, cache: Path | None, hashing: Progress) -> Source:
    return _SyntheticSource(spec, stored_shape(clip))


def _videos(spec: VideoData, clip: ClipShape, cache: Path | None, hashing: Progress) -> Source:
    from tradeoff.data.videos import VideoSource

    return VideoSource.find(spec.videos, stored_shape(clip), spec.flips, cache, hashing, spec.reading(), spec.broken)


def _catalogued(spec: CatalogueData, clip: ClipShape, cache: Path | None, hashing: Progress) -> Source:
    from tradeoff.data.catalogued import find_catalogued

    return find_catalogued(spec, stored_shape(clip), cache, hashing)


_SOURCES: dict[type, Callable[[Any, ClipShape, Path | None, Progress], Source]] = {
    SyntheticData: _synthetic,
    VideoData: _videos,
    CatalogueData: _catalogued,
}
