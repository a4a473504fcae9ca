"""Labelled video files as a data set: what they hold, and what their clips depend on."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradeoff.data import processors
from tradeoff.data.clips import (
    ALWAYS_TRAIN,
    ClipIndex,
    Description,
    Frames,
    Progress,
    quiet,
)
from tradeoff.data.contents import contents_of, has_pixels
from tradeoff.data.decoding import SAMPLING_VERSION, Unreadable, decode_counted
from tradeoff.data.frame_folders import decode_folder, frame_files
from tradeoff.data.parts import WHOLE, groups_of, shared_across
from tradeoff.data.threads import in_order
from tradeoff.data.video_lists import VideoClip, check_folds, class_names, few, fold_name, list_videos
from tradeoff.digest import digest
from tradeoff.errors import InputError

VIDEOS_VERSION = 1  # in the digest: to be raised when the same files would be read otherwise
NOTHING: Mapping[str, Any] = {}
MISSING = "missing"  # the reason of a listed clip that is not there


@dataclass(frozen=True)
class VideoSource:
    """Listed and hashed videos, or folders of frames, ready to decode into (T, H', W') = `shape`.

    missing  ids of listed clips that are not there.
    broken   the largest share of all clips that may be missing or unreadable, even if no clip is left of a class; None,
             where the user has no say, is any share, but then each class should keep a clip.
    """

    place: Path
    listing: tuple[VideoClip, ...]
    contents: tuple[str, ...]
    shape: tuple[int, int, int]
    description: Description
    missing: tuple[str, ...] = ()
    broken: float | None = None

    @classmethod
    def find(
        cls,
        place: Path,
        shape: tuple[int, int, int],
        flips: bool = False,
        cache: Path | None = None,
        hashing: Progress = quiet,
        reading: Mapping[str, Any] = NOTHING,
        broken: float | None = None,
    ) -> VideoSource:
        """Lists and hashes the videos of a folder of class folders or of a CSV (`list_folder`, `list_csv`).

        Raises InputError for whatever is wrong with either. Warns of copies that are tested on and trained on.
        """
        place = Path(os.path.normpath(place.absolute()))
        listing = list_videos(place)
        return cls.of(
            place, name_of(place), listing, shape, flips, broken=broken, cache=cache, hashing=hashing, reading=reading
        )

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
        broken: float | None = None,
        cache: Path | None = None,
        hashing: Progress = quiet,
        reading: Mapping[str, Any] = NOTHING,
    ) -> VideoSource:
        """Hashes what is listed, with `cache` and `hashing` as `contents_of` takes them.

        `classes`, where an official order is known, else alphabetical; `reading`, what whole videos' pixels depend on
        beside the files.
        """
        contents = contents_of([clip.path for clip in listing], processors(), cache, hashing)
        _warn_of_copies(place, listing, contents)
        facts = [_facts(clip, content) for clip, content in zip(listing, contents, strict=True)]
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

        Raises InputError if no clip of a split or (see `broken`) of a class can be read, and as soon as more than the
        share `broken` of the clips is lost.
        """
        kept: list[int] = []
        short: list[str] = []
        unreadable = [(name, MISSING) for name in self.missing]
        results = in_order(self._decode, self.listing, workers)
        for row, (clip, result) in enumerate(zip(self.listing, results, strict=True)):
            if isinstance(result, Unreadable):
                unreadable.append((clip.id, str(result)))
                check_share(self.place, unreadable, self.clips, self.broken)
            else:
                out[len(kept)], frames = result
                kept.append(row)
                short += [clip.id] if frames < self.shape[0] else []
            progress(row + 1, len(self.listing))
        return self._index(kept, unreadable, short)

    def _decode(self, clip: VideoClip) -> tuple[Frames, int] | Unreadable:
        try:
            return decode_clip(clip, self.shape)
        except Unreadable as reason:
            return reason

    def _index(self, kept: list[int], unreadable: list[tuple[str, str]], short: list[str]) -> ClipIndex:
        clips = [self.listing[row] for row in kept]
        if unreadable:
            self.check_what_is_left(clips, unreadable)
        classes = self.description.classes
        return ClipIndex(
            classes=classes,
            labels=tuple(classes.index(clip.label) for clip in clips),
            folds=tuple(clip.fold for clip in clips),
            ids=tuple(clip.id for clip in clips),
            groups=groups_of([self.contents[row] for row in kept], [clip.part or WHOLE for clip in clips]),
            unreadable=tuple(unreadable),
            short=tuple(short),
        )

    def check_what_is_left(self, clips: list[VideoClip], unreadable: Sequence[tuple[str, str]]) -> None:
        """Raises InputError where `clips`, the readable ones, leave out a class or a fold, or all that a fold trains on
        of a class; of a class that is gone it only warns where `broken` states a share."""
        path, reason = unreadable[0]
        problem = "are missing or cannot be decoded" if self.missing else "cannot be decoded"
        tally = f"{len(unreadable)} of {self.clips} videos {problem}, the first is {path} ({reason})"
        lost = sorted({clip.label for clip in self.listing} - {clip.label for clip in clips})
        if lost and self.broken is None:
            raise InputError(f"{self.place}: no video of class {lost[0]!r} is readable; {tally}")
        if lost:
            warn_of_empty_classes(self.place, lost, "readable", len(self.description.classes))
        for fold in sorted({clip.fold for clip in self.listing} - {clip.fold for clip in clips}):
            raise InputError(f"{self.place}: no video of {fold_name(fold)} is readable; {tally}")
        try:
            check_folds(self.place, clips)
        except InputError as error:
            raise InputError(f"{error}; {tally}") from None


def name_of(place: Path) -> str:
    """What a data set of the user's is called: its folder's name."""
    return (place if place.is_dir() else place.parent).name or "videos"


def decode_clip(clip: VideoClip, shape: tuple[int, int, int]) -> tuple[Frames, int]:
    """The clip of a video, a part of one or a folder of frames, and how many frames there were to take from.

    uint8 (T, H', W', 3) for `shape`; where there were fewer than T, some repeat. Raises Unreadable.
    """
    if clip.path.is_dir():
        return decode_folder(clip.path, shape), len(frame_files(clip.path))
    return decode_counted(clip.path, shape, part=clip.part)


def check_share(place: Path, lost: Sequence[tuple[str, str]], total: int, limit: float | None) -> None:
    """Raises InputError where more than the share `limit` of `total` clips is `lost`: ids with reasons."""
    if limit is not None and len(lost) > limit * total:
        shown = few([f"{name} ({reason})" for name, reason in lost])
        raise InputError(
            f"{place}: {len(lost)} of {total} clips are missing or unreadable, {len(lost) / total:.1%}, and 'broken' "
            f"allows {limit:.1%}: {shown}; `tradeoff data check` lists them all: mend them or allow more"
        )


def warn_of_empty_classes(place: Path, lost: list[str], what: str, classes: int) -> None:
    """Warns that no clip of the classes `lost` is `what`, which 'broken' allows."""
    warnings.warn(
        f"{place}: no clip of {len(lost)} of the {classes} classes is {what} ({few(lost)}), so they are neither "
        f"trained on nor tested; 'broken' allows it",
        stacklevel=4,
    )


def _facts(clip: VideoClip, content: str) -> list[object]:
    """What the digest covers of a clip; times only where they are given."""
    times = [] if clip.part is None else [clip.start, clip.end]
    return [clip.id, clip.label, clip.fold, content, *times]


def _warn_of_copies(place: Path, clips: tuple[VideoClip, ...], contents: tuple[str, ...]) -> None:
    kept = [(clip, content) for clip, content in zip(clips, contents, strict=True) if has_pixels(content)]
    parts, folds = [clip.part or WHOLE for clip, _ in kept], [clip.fold for clip, _ in kept]
    copied = [kept[row][0].id for row in shared_across([content for _, content in kept], parts, folds)]
    if copied:
        warnings.warn(
            f"{place}: {len(copied)} videos have a copy in another split or fold, or overlap one there, "
            f"so they are tested on what was trained on: {few(copied)}",
            stacklevel=5,
        )
