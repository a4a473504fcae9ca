"""Which videos of the user's there are: a folder of class folders, or a CSV."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tradeoff.data.clips import ALWAYS_TRAIN
from tradeoff.data.suffixes import SUFFIXES
from tradeoff.errors import InputError

FOLDS = 5
TEST_NAMES = ("test", "val", "validation")
SHOWN = 3  # of a long list of files, an error shows the first few


@dataclass(frozen=True)
class VideoClip:
    """One video of a data set; `id` is its path from the data set's folder, with forward slashes."""

    id: str
    path: Path
    label: str
    fold: int


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
        raise InputError(f"{table} lists {few(repeated)} more than once; each clip should have one row")
    missing = [clip.id for clip in clips if not clip.path.is_file()]
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


def _id(root: Path, path: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()
