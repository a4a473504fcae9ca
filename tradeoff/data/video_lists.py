"""Which videos of the user's there are: a folder of class folders, or a CSV, which may name parts of videos."""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradeoff.data.clips import ALWAYS_TRAIN
from tradeoff.data.parts import Part
from tradeoff.data.suffixes import SUFFIXES
from tradeoff.errors import InputError

FOLDS = 5
TEST_NAMES = ("test", "val", "validation")
TIMES = ("start", "end")
SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
SHOWN = 3  # of a long list of files, an error shows the first few


@dataclass(frozen=True)
class VideoClip:
    """One video of a data set, or a part of one: its frames shown in [`start`, `end`).

    id  its path from the data set's folder, with forward slashes; of a part followed by its times, `a.mp4#t=1.5,3`.
    start, end  seconds from the video's first frame; None from its beginning, to its end.
    """

    id: str
    path: Path
    label: str
    fold: int
    start: float | None = None
    end: float | None = None

    @property
    def part(self) -> Part | None:
        """The part of the video; None for all of it."""
        return None if self.start is None and self.end is None else Part.of(self.start, self.end)


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
    check_folds(place, clips)
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
            VideoClip(relative(folder, path), path, label, position * FOLDS // len(paths))
            for label, paths in _class_folders(folder).items()
            for position, path in enumerate(paths)
        ]
    if len(tests) > 1:
        raise InputError(f"{folder} holds both {tests[0]} and {tests[1]}; keep one of them beside train")
    return [
        VideoClip(relative(folder, path), path, label, fold)
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
    """The clips of a CSV with columns path, label and either split or fold, in its order.

    Paths are taken from the CSV's folder. A split is train, or one of test, val and validation; a fold is the
    whole number, from 0, in which the clip is tested. With columns start and end, in seconds from the video's first
    frame, a clip is that part of the video; an empty one is the video's beginning or end. Other columns are ignored.
    """
    column, rows = _read_rows(table)
    clips = [_clip(table, line, row, column) for line, row in rows]
    if not clips:
        raise InputError(f"{table} lists no clips; each row below the header should name one")
    _check_repeats(table, clips, [line for line, _ in rows])
    _check_files(table, clips)
    if column == "split":
        names = sorted({row["split"].lower() for _, row in rows} - {"train"})
        if len(names) > 1:
            raise InputError(f"{table}: column split has both {names[0]!r} and {names[1]!r}; keep one beside 'train'")
    return clips


def _read_rows(table: Path) -> tuple[str, list[tuple[int, dict[str, str]]]]:
    """The column that divides the clips, and each row with its line, values stripped."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            header = [name.strip() for name in reader.fieldnames or ()]
            column = _dividing_column(table, header)
            reader.fieldnames = header
            wanted = ("path", "label", column, *(name for name in TIMES if name in header))
            return column, [(reader.line_num, _row(table, reader.line_num, row, wanted)) for row in reader]
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise InputError(f"{table} cannot be read as CSV in UTF-8: {error}") from error


def _row(table: Path, line: int, row: dict[str | Any, str | Any], wanted: Sequence[str]) -> dict[str, str]:
    more = [value for value in row.get(None, ()) if value.strip()]
    if more:
        raise InputError(
            f"{table} line {line}: {more[0]!r} is beyond the last column; a value that holds a comma should be quoted"
        )
    return {key: row[key].strip() for key in wanted}


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
        if "\0" in value or not (value or key in TIMES):
            raise InputError(f"{table} line {line}: column {key!r} is {value!r}; every clip needs a {key}")
    path = Path(os.path.normpath(table.parent / row["path"]))
    start, end = (_seconds(table, line, key, row.get(key, "")) for key in TIMES)
    if end is not None and end <= (start or 0):
        raise InputError(f"{table} line {line}: end is {row['end']!r}; it should be later than start, {start or 0:g}")
    name = f"{relative(table.parent, path)}{_fragment(start, end)}"
    return VideoClip(name, path, row["label"], _fold(table, line, column, row[column]), start, end)


def _seconds(table: Path, line: int, column: str, value: str) -> float | None:
    if value and not (SECONDS.fullmatch(value) and math.isfinite(float(value))):
        raise InputError(
            f"{table} line {line}: {column} is {value!r}; it should be seconds from the video's first frame, such as "
            f"12.5, or empty"
        )
    return float(value) if value else None


def _fragment(start: float | None, end: float | None) -> str:
    """What names a part of a file, as the W3C's media fragments do: `#t=1.5,3`, `#t=1.5`, `#t=,3`."""
    if start is None and end is None:
        return ""
    first, last = ("" if time is None else repr(time).removesuffix(".0") for time in (start, end))
    return f"#t={first},{last}" if last else f"#t={first}"


def _fold(table: Path, line: int, column: str, value: str) -> int:
    if column == "fold":
        if not (value.isascii() and value.isdecimal()):
            raise InputError(f"{table} line {line}: fold is {value!r}; it should be a whole number from 0")
        return int(value)
    if value.lower() != "train" and value.lower() not in TEST_NAMES:
        raise InputError(f"{table} line {line}: split is {value!r}; it should be train, test, val or validation")
    return ALWAYS_TRAIN if value.lower() == "train" else 0


def _check_repeats(table: Path, clips: Sequence[VideoClip], lines: Sequence[int]) -> None:
    """No clip twice, neither in one split or fold nor in two."""
    first: dict[str, tuple[VideoClip, int]] = {}
    for clip, line in zip(clips, lines, strict=True):
        other, before = first.setdefault(clip.id, (clip, line))
        if other.fold != clip.fold:
            raise InputError(
                f"{table} line {line}: {clip.id} is in {fold_name(clip.fold)}, and in {fold_name(other.fold)} by line "
                f"{before}; a clip should be in one of them"
            )
        if other is not clip:
            raise InputError(
                f"{table} line {line}: {clip.id} is listed twice, first in line {before}; each clip should have one row"
            )


def _check_files(table: Path, clips: Sequence[VideoClip]) -> None:
    there = {path for path in {clip.path for clip in clips} if path.is_file()}
    missing = [clip.id for clip in clips if clip.path not in there]
    if missing:
        raise InputError(
            f"{table}: {len(missing)} of {len(clips)} videos are missing: {few(missing)}; "
            f"paths should lead from {table.parent} to a file"
        )


def check_folds(place: Path, clips: list[VideoClip]) -> None:
    """Each fold should test something, and train on every class."""
    classes = set(class_names(clips))
    if len(classes) == 1:
        raise InputError(f"{place} has only one class, {classes.pop()!r}; at least two are needed")
    folds = sorted({clip.fold for clip in clips})
    if folds == [ALWAYS_TRAIN]:
        raise InputError(f"{place} has no test clips; give some the split test, val or validation")
    if len(folds) == 1:
        raise InputError(
            f"{place} has no training clips: all have {fold_name(folds[0])}; at least two folds are needed"
        )
    for fold in set(folds) - {ALWAYS_TRAIN}:
        untrained = sorted(classes - {clip.label for clip in clips if clip.fold != fold})
        if untrained:
            raise InputError(
                f"{place}: class {untrained[0]!r} has no training clip when {fold_name(fold)} is tested; "
                f"give it more clips or leave it out"
            )


def fold_name(fold: int) -> str:
    """A fold as an error names it."""
    return "the training split" if fold == ALWAYS_TRAIN else f"fold {fold}"


def few(names: list[str]) -> str:
    """The first few of a long list."""
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def class_names(clips: Iterable[VideoClip]) -> tuple[str, ...]:
    """The classes of clips, in alphabetical order."""
    return tuple(sorted({clip.label for clip in clips}))


def relative(root: Path, path: Path) -> str:
    """A path from the data set's folder, with forward slashes."""
    return Path(os.path.relpath(path, root)).as_posix()
