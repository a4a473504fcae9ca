"""Labelled video files as a data set: what they hold, and what their clips depend on."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tradeoff.data import processors
from tradeoff.data.clips import (
    ALWAYS_TRAIN,
    ClipIndex,
    Description,
    Frames,
    Progress,
)
from tradeoff.data.decoding import SAMPLING_VERSION, Unreadable, decode
from tradeoff.data.frame_folders import decode_folder, frame_files
from tradeoff.data.video_lists import VideoClip, check_folds, class_names, few, fold_name, list_videos
from tradeoff.digest import digest
from tradeoff.errors import InputError

VIDEOS_VERSION = 1  # in the digest: to be raised when the same files would be read otherwise
NOTHING: Mapping[str, Any] = {}
MISSING = "missing"  # the reason of a listed clip that is not there

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class VideoSource:
    """Listed and hashed videos, or folders of frames, ready to decode into (T, H', W') = `shape`.

    `missing` are the ids of listed clips that are not there; `broken` is the largest share of all clips that may be
    missing or unreadable.
    """

    place: Path
    listing: tuple[VideoClip, ...]
    contents: tuple[str, ...]
    shape: tuple[int, int, int]
    description: Description
    missing: tuple[str, ...] = ()
    broken: float = 1.0

    @classmethod
    def find(
        cls, place: Path, shape: tuple[int, int, int], flips: bool = False, reading: Mapping[str, Any] = NOTHING
    ) -> VideoSource:
        """Lists and hashes the videos of a folder of class folders or of a CSV (`list_folder`, `list_csv`).

        Raises InputError for whatever is wrong with either. Warns of copies that are tested on and trained on.
        """
        place = Path(os.path.normpath(place.absolute()))
        name = (place if place.is_dir() else place.parent).name or "videos"
        return cls.of(place, name, list_videos(place), shape, flips, reading=reading)

    @classmethod
    def of(
        cls,
        place: Path,
        name: str,
        listing: tuple[VideoClip, ...],
        shape: tuple[int, int, int],
        flips: bool,
        classes: tuple[str, ...] = (),
        missing: tuple[str, ...] = (),
        broken: float = 1.0,
        reading: Mapping[str, Any] = NOTHING,
    ) -> VideoSource:
        """Hashes what is listed. `classes`, where an official order is known, else alphabetical; `reading`, what whole
        videos' pixels depend on beside the files."""
        contents = tuple(in_order(_content, [clip.path for clip in listing], processors()))
        _warn_of_copies(place, listing, contents)
        facts = [[clip.id, clip.label, clip.fold, content] for clip, content in zip(listing, contents, strict=True)]
        official = {"classes": classes, "missing": missing} if classes else {}
        identity = digest({"sampling": SAMPLING_VERSION, "shape": shape, "clips": facts, **official})
        folds = tuple(sorted({clip.fold for clip in listing} - {ALWAYS_TRAIN}))
        clips = Counter(clip.fold for clip in listing)
        videos = digest({"videos": VIDEOS_VERSION, "clips": facts, **official, **reading})
        description = Description(name, identity, classes or class_names(listing), folds, flips, videos, clips)
        return cls(place, listing, contents, shape, description, missing, broken)

    @property
    def clips(self) -> int:
        return len(self.listing) + len(self.missing)

    def build(self, out: Frames, progress: Progress, workers: int) -> ClipIndex:
        """Decodes into the first rows of `out`, in the listing's order whatever the number of threads.

        Raises InputError if no clip of a split or of a class can be read, and as soon as more than the share `broken`
        of the clips is lost.
        """
        kept: list[int] = []
        unreadable = [(name, MISSING) for name in self.missing]
        results = in_order(self._decode, self.listing, workers)
        for row, (clip, result) in enumerate(zip(self.listing, results, strict=True)):
            if isinstance(result, Unreadable):
                unreadable.append((clip.id, str(result)))
                check_share(self.place, unreadable, self.clips, self.broken)
            else:
                out[len(kept)] = result
                kept.append(row)
            progress(row + 1, len(self.listing))
        return self._index(kept, unreadable)

    def _decode(self, clip: VideoClip) -> Frames | Unreadable:
        try:
            return decode_clip(clip.path, self.shape)
        except Unreadable as reason:
            return reason

    def _index(self, kept: list[int], unreadable: list[tuple[str, str]]) -> ClipIndex:
        clips = [self.listing[row] for row in kept]
        if unreadable:
            self._check_what_is_left(clips, unreadable)
        classes = self.description.classes
        groups: dict[str, int] = {}
        return ClipIndex(
            classes=classes,
            labels=tuple(classes.index(clip.label) for clip in clips),
            folds=tuple(clip.fold for clip in clips),
            ids=tuple(clip.id for clip in clips),
            groups=tuple(groups.setdefault(self.contents[row], len(groups)) for row in kept),
            unreadable=tuple(unreadable),
        )

    def _check_what_is_left(self, clips: list[VideoClip], unreadable: list[tuple[str, str]]) -> None:
        path, reason = unreadable[0]
        problem = "are missing or cannot be decoded" if self.missing else "cannot be decoded"
        tally = f"{len(unreadable)} of {self.clips} videos {problem}, the first is {path} ({reason})"
        for lost in sorted(set(self.description.classes) - {clip.label for clip in clips}):
            raise InputError(f"{self.place}: no video of class {lost!r} is readable; {tally}")
        for fold in sorted({clip.fold for clip in self.listing} - {clip.fold for clip in clips}):
            raise InputError(f"{self.place}: no video of {fold_name(fold)} is readable; {tally}")
        try:
            check_folds(self.place, clips)
        except InputError as error:
            raise InputError(f"{error}; {tally}") from None


def decode_clip(path: Path, shape: tuple[int, int, int]) -> Frames:
    """The clip of a video or of a folder of frames, uint8 (T, H', W', 3) for `shape`; raises Unreadable."""
    return decode_folder(path, shape) if path.is_dir() else decode(path, shape)


def check_share(place: Path, lost: Sequence[tuple[str, str]], total: int, limit: float) -> None:
    """Raises InputError where more than the share `limit` of `total` clips is `lost`: ids with reasons."""
    if len(lost) > limit * total:
        shown = few([f"{name} ({reason})" for name, reason in lost])
        raise InputError(
            f"{place}: {len(lost)} of {total} clips are missing or unreadable, {len(lost) / total:.1%}, and 'broken' "
            f"allows {limit:.1%}: {shown}; `tradeoff data check` lists them all: mend them or allow more"
        )


# --- what they hold ---


def _content(path: Path) -> str:
    """Size and SHA-256 of a file, read in pieces; of a folder of frames, of all its frames one after another."""
    if path.is_dir():
        return _folder_content(path)
    try:
        with path.open("rb") as file:
            return f"{hashlib.file_digest(file, 'sha256').hexdigest()}:{file.tell()}"
    except OSError as error:
        raise InputError(f"video {path} cannot be read: {error.strerror}; make it readable or leave it out") from error


def _folder_content(folder: Path) -> str:
    try:
        files = frame_files(folder)
    except Unreadable as reason:
        return f"{reason}"  # it is left out, whatever it holds
    return digest([_content(path) for path in files])


def _warn_of_copies(place: Path, clips: tuple[VideoClip, ...], contents: tuple[str, ...]) -> None:
    folds: dict[str, set[int]] = {}
    for clip, content in zip(clips, contents, strict=True):
        folds.setdefault(content, set()).add(clip.fold)
    copied = [c.id for c, content in zip(clips, contents, strict=True) if len(folds[content]) > 1]
    if copied:
        warnings.warn(
            f"{place}: {len(copied)} videos have a copy in another split or fold, "
            f"so they are tested on what was trained on: {few(copied)}",
            stacklevel=5,
        )


# --- decoding many ---


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int, depth: int | None = None
) -> Iterator[Result]:
    """Results in the items' order, computed in threads `depth` items ahead, by default two a worker.

    Threads, because FFmpeg decodes and scales without the interpreter's lock: nothing to pickle, and no process
    to start.
    """
    pool, ahead = ThreadPoolExecutor(workers), deque[Future[Result]]()
    try:
        for item in items:
            ahead.append(pool.submit(function, item))
            if len(ahead) > (2 * workers if depth is None else depth):
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
