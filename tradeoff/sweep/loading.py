"""How fast clips come out of whole videos, from a few of them. The cache is not written to."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from tradeoff.data import CatalogueData, Description, VideoData, opener_of, packed_folder, processors
from tradeoff.data.decoding import Unreadable
from tradeoff.data.pace import SAMPLED_VIDEOS, evenly_spaced, listed_videos
from tradeoff.data.packed import is_packed, pack, packed_in
from tradeoff.data.readers import VideoReader
from tradeoff.data.streams import Losses, VideoSet
from tradeoff.data.threads import in_order
from tradeoff.data.video_lists import VideoClip
from tradeoff.sweep.plan import Plan
from tradeoff.training.streams import VideoBatches, video_views

Opener = Callable[[VideoClip], VideoReader]


@dataclass(frozen=True)
class Loading:
    """What whole videos take before a network sees them, with all workers at it; NaN where none could be read.

    draw     seconds of one training clip. view: seconds of one test video in all its views.
    passes   of the sweep's clip that a test video in all its views comes to: its frames over the clip's.
    packing  seconds to pack the videos that are not packed yet, which take `packed_bytes`.
    videos   how many were timed, `unreadable` of them not to the end. packed: they are, or are going to be.
    """

    draw: float = 0.0
    view: float = 0.0
    passes: float = 1.0
    packing: float = 0.0
    packed_bytes: float = 0.0
    videos: int = 0
    unreadable: int = 0
    packed: bool = False

    def step(self, computing: float, batch: int) -> float:
        """Seconds of a step whose next clips are loaded meanwhile: the longer of both."""
        return _longer(computing, batch * self.draw)

    def video(self, clip: float) -> float:
        """Seconds of a test video in all its views, the next one being loaded meanwhile; `clip` is a tested clip's."""
        return _longer(clip * self.passes, self.view)

    def notes(self, waiting: int, of: int) -> list[str]:
        """What a reader of an estimate has to know; `waiting` of `of` measurements wait for clips."""
        if not self.videos:
            return []
        said = ["a step and the loading of the next clips are taken to overlap, neither slowing the other down"]
        if waiting:
            remedy = "" if self.packed else ", and data.pack would make it faster"
            said.append(f"in {waiting} of {of} trainings and tests loading is the slower one{remedy}")
        if self.packed:
            said.append("packed frames may have been read from memory just now, and a disk may be slower")
        return said

    def words(self) -> str:
        """`a training clip comes in 0.12 s, a test video in 0.9 s and is 3.9 clips long in all its views`."""
        parts = [f"a training clip comes in {self.draw:.2g} s"] if self.draw else []
        if self.view:
            parts.append(f"a test video in {self.view:.2g} s and is {self.passes:.3g} clips long in all its views")
        return ", ".join(parts)

    def __str__(self) -> str:
        lost = f" ({self.unreadable} unreadable)" if self.unreadable else ""
        return f"clips of {self.videos} videos{lost}"


NOT_LOADED = Loading()


def _longer(first: float, second: float) -> float:
    return float("nan") if math.isnan(first) or math.isnan(second) else max(first, second)


def loading(plan: Plan, cache: Path, trained: bool, tested: bool) -> Loading:
    """Draw a training clip and the views of up to 8 videos, evenly spaced over the list; where they are to be packed
    and are not, pack those 8 into a folder that is thrown away, and draw from there.

    Raises InputError for videos that cannot be listed.
    """
    spec, description = plan.sweep.data, plan.description
    assert isinstance(spec, VideoData | CatalogueData) and description is not None
    listed = listed_videos(spec)
    videos = _video_set(description, listed, opener_of(spec))
    if (how := spec.pack) is None:
        return _drawn(plan, videos, trained, tested)
    folder = packed_folder(videos, cache)
    if not (left := [clip for clip in listed if not is_packed(folder, clip)]):
        return replace(_drawn(plan, replace(videos, opener=packed_in(folder)), trained, tested), packed=True)
    videos = _video_set(description, left, videos.opener)
    with tempfile.TemporaryDirectory() as temporary:
        aside = Path(temporary)
        seconds = _timed(videos, lambda row: pack(_one(videos, row), aside, how, lambda done, total: None, 1))[0]
        taken = sum(path.stat().st_size for path in aside.iterdir()) / len(videos.clips)
        found = _drawn(plan, replace(videos, opener=packed_in(aside)), trained, tested)
    return replace(found, packing=seconds * len(left), packed_bytes=taken * len(left), packed=True)


def _drawn(plan: Plan, videos: VideoSet, trained: bool, tested: bool) -> Loading:
    sweep, views = plan.sweep, plan.sweep.plan_of_views
    draw, view, passes, lost = 0.0, 0.0, 1.0, {0}
    if trained and sweep.sampling is not None:
        draw, unread = _timed(videos, lambda row: _draw(plan, videos, row))
        lost.add(unread)
    if tested and views is not None:
        view, unread = _timed(videos, lambda row: _view(plan, videos, row))
        lost.add(unread)
        frames = [each for row in range(len(videos.clips)) if (each := _view_frames(plan, videos, row))]
        passes = float(np.mean(frames)) / sweep.shape.frames if frames else float("nan")
    return Loading(draw, view, passes, videos=len(videos.clips), unreadable=max(lost))


def _draw(plan: Plan, videos: VideoSet, row: int) -> None:
    """One training clip. Raises Unreadable."""
    sweep, cpu = plan.sweep, torch.device("cpu")
    assert sweep.sampling is not None
    videos.open(row).close()
    batches = VideoBatches(videos, np.array([row]), sweep.shape, sweep.sampling, 1, 0, cpu, workers=1)
    next(batches.epoch())


def _view(plan: Plan, videos: VideoSet, row: int) -> None:
    """All views of one video. Raises Unreadable."""
    views = plan.sweep.plan_of_views
    assert views is not None
    if next(video_views(videos, np.array([row]), plan.sweep.shape, views, "normal", workers=1)) is None:
        raise Unreadable(videos.unreadable[-1][1])


def _view_frames(plan: Plan, videos: VideoSet, row: int) -> int:
    """Frames of all views of a video together; 0 where it cannot be opened."""
    views = plan.sweep.plan_of_views
    assert views is not None
    try:
        with videos.open(row) as reader:
            return views.clip_frames(reader.times, plan.sweep.shape.frames).size * views.crops
    except Unreadable:
        return 0


def _timed(videos: VideoSet, what: Callable[[int], object]) -> tuple[float, int]:
    """Seconds a video with all workers at it, each timed in its thread beside the others; how many were unreadable."""

    def seconds(row: int) -> float:
        started = time.perf_counter()
        try:
            what(row)
        except (Unreadable, RuntimeError):  # a video of which some frames cannot be read
            return float("nan")
        return time.perf_counter() - started

    found = np.array(list(in_order(seconds, range(len(videos.clips)), processors())))
    lost = int(np.isnan(found).sum())
    return (float(np.nanmean(found)) / processors() if lost < len(found) else float("nan")), lost


def _video_set(description: Description, clips: Sequence[VideoClip], opener: Opener) -> VideoSet:
    """Up to 8 of the videos, none of which is hashed."""
    chosen = evenly_spaced(clips, SAMPLED_VIDEOS)
    rows = np.arange(len(chosen))
    return VideoSet(
        name=description.name,
        digest=description.videos,
        classes=description.classes,
        labels=np.zeros_like(rows),
        folds=np.zeros_like(rows),
        ids=tuple(clip.id for clip in chosen),
        groups=rows,
        clips=tuple(chosen),
        opener=opener,
        losses=Losses(()),
    )


def _one(videos: VideoSet, row: int) -> VideoSet:
    return replace(
        videos,
        labels=videos.labels[row : row + 1],
        folds=videos.folds[row : row + 1],
        ids=videos.ids[row : row + 1],
        groups=videos.groups[row : row + 1],
        clips=videos.clips[row : row + 1],
    )
