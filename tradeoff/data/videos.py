"""Labelled video files as a data set: which there are, and what their clips depend on."""

from __future__ import annotations

import csv
import hashlib
import os
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tradeoff.data.clips import (
    ALWAYS_TRAIN,
    ClipIndex,
    Description,
    Frames,
    Progress,
)
from tradeoff.data.decoding import SAMPLING_VERSION, Unreadable, decode
from tradeoff.digest import digest
from tradeoff.errors import InputError

FOLDS = 5
TEST_NAMES = ("test", "val", "validation")
SUFFIXES = frozenset(
    [
        ".3gp",
        ".avi",
        ".flv",
        ".gif",
        ".m2ts",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".ogv",
        ".ts",
        ".vob",
        ".webm",
        ".wmv",
    ]
)
SHOWN = 3  # of a long list of files, an error shows the first few

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class VideoClip:
    """One video of a data set; `id` is its path from the data set's folder, with forward slashes."""

    id: str
    path: Path
    label: str
    fold: int


@dataclass(frozen=True)
class VideoSource:
    """Listed and hashed videos, ready to decode into (T, H', W') = `shape`."""

    place: Path
    listing: tuple[VideoClip, ...]
    contents: tuple[str, ...]
    shape: tuple[int, int, int]
    description: Description

    @classmethod
    def find(cls, place: Path, shape: tuple[int, int, int], flips: bool = False) -> VideoSource:
        """Lists and hashes the videos of a folder of class folders or of a CSV (`list_folder`, `list_csv`).

        Raises InputError for whatever is wrong with either. Warns of copies that are tested on and trained on.
        """
        place = Path(os.path.normpath(place.absolute()))
        listing = list_videos(place)
        contents = tuple(_content(clip.path) for clip in listing)
        _warn_of_copies(place, listing, contents)
        facts = [[clip.id, clip.label, clip.fold, content] for clip, content in zip(listing, contents, strict=True)]
        identity = digest({"sampling": SAMPLING_VERSION, "shape": shape, "clips": facts})
        name = (place if place.is_dir() else place.parent).name or "videos"
        folds = tuple(sorted({clip.fold for clip in listing} - {ALWAYS_TRAIN}))
        return cls(place, listing, contents, shape, Description(name, identity, _classes(listing), folds, flips))

    @property
    def clips(self) -> int:
        return len(self.listing)

    def build(self, out: Frames, progress: Progress, workers: int) -> ClipIndex:
        """Decodes into the first rows of `out`, in the listing's order whatever the number of threads.

        Raises InputError if no clip of a split or of a class can be read.
        """
        kept: list[int] = []
        unreadable: list[tuple[str, str]] = []
        results = _in_order(self._decode, self.listing, workers)
        for row, (clip, result) in enumerate(zip(self.listing, results, strict=True)):
            if isinstance(result, Unreadable):
                unreadable.append((clip.id, str(result)))
            else:
                out[len(kept)] = result
                kept.append(row)
            progress(row + 1, self.clips)
        return self._index(kept, unreadable)

    def _decode(self, clip: VideoClip) -> Frames | Unreadable:
        try:
            return decode(clip.path, self.shape)
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
        tally = f"{len(unreadable)} of {self.clips} videos cannot be decoded, the first is {path} ({reason})"
        for lost in sorted(set(self.description.classes) - {clip.label for clip in clips}):
            raise InputError(f"{self.place}: no video of class {lost!r} is readable; {tally}")
        for fold in sorted({clip.fold for clip in self.listing} - {clip.fold for clip in clips}):
            raise InputError(f"{self.place}: no video of {_fold_name(fold)} is readable; {tally}")
        try:
            _check_folds(self.place, clips)
        except InputError as error:
            raise InputError(f"{error}; {tally}") from None


# --- which videos there are ---


def list_videos(place: Path) -> tuple[VideoClip, ...]:
    """The clips of a folder of class folders, or of a CSV; raises InputError for anything else."""
    if place.is_dir():
        clips = list_folder(place)
    elif place.is_file() and place.suffix.lower() == ".csv":
        clips = list_csv(place)
    else:
        problem = "is neither a folder nor a .csv file" if place.exists() else "does not exist"
        wanted = "a folder of class folders, or a CSV with columns path, label and split or fold"
        raise InputError(f"videos: {place} {problem}; give {wanted}")
    _check_folds(place, clips)
    return tuple(clips)


def list_folder(folder: Path) -> list[VideoClip]:
    """The clips of `<folder>/<class>/<video>`, sorted by class and name.

    Sub-folders named train and one of test, val, validation, and no others, are the split and hold the class
    folders. Otherwise each class is cut into five folds of neighbours in sorted order: neighbouring files are
    often pieces of one recording or one person, so folds drawn at random would test on what was trained on.
    """
    parts = {part.name.lower(): part for part in _folders(folder)}
    tests = [name for name in TEST_NAMES if name in parts]
    if "train" not in parts or not tests or set(parts) - {"train", *TEST_NAMES}:
        return [
            VideoClip(_id(folder, path), path, label, position * FOLDS // len(paths))
            for label, paths in _class_folders(folder).items()
            for position, path in enumerate(paths)
        ]
    if len(tests) > 1:
        raise InputError(f"{folder} holds both {tests[0]} and {tests[1]}; keep one of them beside train")
    return [
        VideoClip(_id(folder, path), path, label, fold)
        for part, fold in ((parts["train"], ALWAYS_TRAIN), (parts[tests[0]], 0))
        for label, paths in _class_folders(part).items()
        for path in paths
    ]


def _class_folders(folder: Path) -> dict[str, list[Path]]:
    classes = {}
    for part in _folders(folder):
        files = sorted(path for path in part.iterdir() if not path.name.startswith("."))
        classes[part.name] = [path for path in files if path.suffix.lower() in SUFFIXES and path.is_file()]
        if not classes[part.name]:
            raise InputError(
                f"class folder {part} holds no video; its files should end in {' '.join(sorted(SUFFIXES))}"
            )
    if not classes:
        raise InputError(f"{folder} holds no class folders; videos should lie in <folder>/<class>/<video>")
    return classes


def _folders(folder: Path) -> list[Path]:
    return sorted(part for part in folder.iterdir() if part.is_dir() and not part.name.startswith("."))


def list_csv(table: Path) -> list[VideoClip]:
    """The clips of a CSV with columns path, label and either split or fold, in its order; others are ignored.

    Paths are taken from the CSV's folder. A split is train, or one of test, val and validation; a fold is the
    whole number, from 0, in which the clip is tested.
    """
    column, rows = _read_rows(table)
    clips = [_clip(table, line, row, column) for line, row in rows]
    if not clips:
        raise InputError(f"{table} lists no clips; each row below the header should name one")
    _check_paths(table, clips)
    if column == "split":
        names = sorted({row["split"].lower() for _, row in rows} - {"train"})
        if len(names) > 1:
            raise InputError(f"{table}: column split has both {names[0]!r} and {names[1]!r}; keep one beside 'train'")
    return clips


def _read_rows(table: Path) -> tuple[str, list[tuple[int, dict[str, str]]]]:
    """The column that divides the clips, and each row with its line, values stripped."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="", restkey="")
            header = [name.strip() for name in reader.fieldnames or ()]
            column = _dividing_column(table, header)
            reader.fieldnames = header
            wanted = ("path", "label", column)
            return column, [(reader.line_num, {key: row[key].strip() for key in wanted}) for row in reader]
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise InputError(f"{table} cannot be read as CSV in UTF-8: {error}") from error


def _dividing_column(table: Path, header: list[str]) -> str:
    for name in ("path", "label"):
        if name not in header:
            raise InputError(
                f"{table} has no column {name!r}; its header should be path,label,split or path,label,fold"
            )
    present = [name for name in ("split", "fold") if name in header]
    if len(present) != 1:
        problem = "both columns 'split' and 'fold'" if present else "neither a column 'split' nor 'fold'"
        raise InputError(f"{table} has {problem}; it should have one of them")
    return present[0]


def _clip(table: Path, line: int, row: dict[str, str], column: str) -> VideoClip:
    for key, value in row.items():
        if not value or "\0" in value:
            raise InputError(f"{table} line {line}: column {key!r} is {value!r}; every clip needs a {key}")
    path = Path(os.path.normpath(table.parent / row["path"]))
    return VideoClip(_id(table.parent, path), path, row["label"], _fold(table, line, column, row[column]))


def _fold(table: Path, line: int, column: str, value: str) -> int:
    if column == "fold":
        if not (value.isascii() and value.isdecimal()):
            raise InputError(f"{table} line {line}: fold is {value!r}; it should be a whole number from 0")
        return int(value)
    if value.lower() != "train" and value.lower() not in TEST_NAMES:
        raise InputError(f"{table} line {line}: split is {value!r}; it should be train, test, val or validation")
    return ALWAYS_TRAIN if value.lower() == "train" else 0


def _check_paths(table: Path, clips: list[VideoClip]) -> None:
    repeated = [name for name, count in Counter(clip.id for clip in clips).items() if count > 1]
    if repeated:
        raise InputError(f"{table} lists {_few(repeated)} more than once; each clip should have one row")
    missing = [clip.id for clip in clips if not clip.path.is_file()]
    if missing:
        raise InputError(
            f"{table}: {len(missing)} of {len(clips)} videos are missing: {_few(missing)}; "
            f"paths should lead from {table.parent} to a file"
        )


def _check_folds(place: Path, clips: list[VideoClip]) -> None:
    """Each fold should test something, and train on every class."""
    classes = set(_classes(clips))
    if len(classes) == 1:
        raise InputError(f"{place} has only one class, {classes.pop()!r}; at least two are needed")
    folds = sorted({clip.fold for clip in clips})
    if folds == [ALWAYS_TRAIN]:
        raise InputError(f"{place} has no test clips; give some the split test, val or validation")
    if len(folds) == 1:
        raise InputError(
            f"{place} has no training clips: all have {_fold_name(folds[0])}; at least two folds are needed"
        )
    for fold in set(folds) - {ALWAYS_TRAIN}:
        untrained = sorted(classes - {clip.label for clip in clips if clip.fold != fold})
        if untrained:
            raise InputError(
                f"{place}: class {untrained[0]!r} has no training clip when {_fold_name(fold)} is tested; "
                f"give it more clips or leave it out"
            )


def _fold_name(fold: int) -> str:
    return "the training split" if fold == ALWAYS_TRAIN else f"fold {fold}"


def _few(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def _classes(clips: Iterable[VideoClip]) -> tuple[str, ...]:
    return tuple(sorted({clip.label for clip in clips}))


def _id(root: Path, path: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()


# --- what they hold ---


def _content(path: Path) -> str:
    """Size and SHA-256 of a file, read in pieces."""
    try:
        with path.open("rb") as file:
            return f"{hashlib.file_digest(file, 'sha256').hexdigest()}:{file.tell()}"
    except OSError as error:
        raise InputError(f"video {path} cannot be read: {error.strerror}; make it readable or leave it out") from error


def _warn_of_copies(place: Path, clips: tuple[VideoClip, ...], contents: tuple[str, ...]) -> None:
    folds: dict[str, set[int]] = {}
    for clip, content in zip(clips, contents, strict=True):
        folds.setdefault(content, set()).add(clip.fold)
    copied = [c.id for c, content in zip(clips, contents, strict=True) if len(folds[content]) > 1]
    if copied:
        warnings.warn(
            f"{place}: {len(copied)} videos have a copy in another split or fold, "
            f"so they are tested on what was trained on: {_few(copied)}",
            stacklevel=4,
        )


# --- decoding many ---


def _in_order(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Results in the items' order, computed in threads a few items ahead, so that memory stays bounded.

    Threads, because FFmpeg decodes and scales without the interpreter's lock: nothing to pickle, and no process
    to start.
    """
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[Result]] = deque()
        for item in items:
            ahead.append(pool.submit(function, item))
            if len(ahead) > 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
