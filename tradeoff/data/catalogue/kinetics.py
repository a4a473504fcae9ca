"""Kinetics-400, -600 and -700: CSVs of label, YouTube id and times over trees of class folders.

Columns label, youtube_id, time_start, time_end and, where they are there, split and is_cc. The test list is not read:
that of Kinetics-400 has no labels, and the paper reports the validation list.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tradeoff.data.catalogue.entry import Item, Listing
from tradeoff.data.catalogue.rows import Rows, label_of, positions
from tradeoff.data.catalogue.sources import Sources, read_text
from tradeoff.errors import InputError

COLUMNS = ("label", "youtube_id", "time_start", "time_end")
SPLITS = {"train": ("train",), "val": ("val", "validate", "validation")}  # as the lists and folders are named


@dataclass(frozen=True)
class Row:
    """One clip as a list has it; `where` is its file and line, times are in seconds."""

    where: str
    label: str
    youtube: str
    start: float
    end: float
    split: str


def list_names(size: int, split: str) -> tuple[str, ...]:
    """What the list of a split is called by DeepMind, CVDF and ActivityNet."""
    return tuple(f"{prefix}{name}.csv" for prefix in (*prefixes(size), "") for name in SPLITS[split])


def prefixes(size: int) -> tuple[str, ...]:
    """What comes before the name of the split."""
    return f"kinetics-{size}_", f"kinetics{size}_", f"kinetics_{size}_", "kinetics_", f"kinetics{size}/"


def read_kinetics(size: int, sources: Sources, split: int) -> Listing:
    """The training and the validation list; one of them is enough to check what is there."""
    lists = {name: sources.find(list_names(size, name)) for name in SPLITS}
    files = {name: path for name, path in lists.items() if path is not None}
    if not files:
        plain = [f"{name}.csv" for names in SPLITS.values() for name in names]
        sources.refuse([*plain, f"any of these after {', '.join(prefixes(size))}"])
    return listing_of({name: list(read_rows(path, name)) for name, path in files.items()}, tuple(files.values()))


def listing_of(lists: Mapping[str, list[Row]], files: tuple[Path, ...]) -> Listing:
    """Items of rows; the classes are the labels in alphabetical order, which is the official one."""
    classes = tuple(sorted({row.label for rows in lists.values() for row in rows}))
    places, found = positions(classes), Rows()
    for rows in lists.values():
        for row in rows:
            found.add(_item(row, label_of(row.label, places, row.where, "the lists")), row.where)
    return Listing(classes, found.items, files)


def read_rows(path: Path, split: str) -> Iterator[Row]:
    """The rows of the list of `split`; raises InputError for a missing column and for one that does not parse."""
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    try:
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            wanted = ",".join(COLUMNS)
            raise InputError(f"{path} line 1: no column {missing[0]!r}; the header should be {wanted},split")
        for values in reader:
            yield _row(values, f"{path} line {reader.line_num}", split)
    except csv.Error as error:
        raise InputError(f"{path} line {reader.line_num} is no CSV: {error}") from error


def _row(values: Mapping[str, str | None], where: str, split: str) -> Row:
    label, youtube, start, end = ((values[name] or "").strip() for name in COLUMNS)
    for name, value in (("label", label), ("youtube_id", youtube)):
        if not value:
            raise InputError(f"{where}: column {name!r} is empty; every clip should have one")
    given = (values.get("split") or split).strip()
    if given not in SPLITS[split]:
        raise InputError(f"{where}: split is {given!r}; in this list it should be {' or '.join(SPLITS[split])}")
    first, last = _seconds(start, "time_start", where), _seconds(end, "time_end", where)
    if last <= first:
        raise InputError(f"{where}: time_end is {end!r}; it should be later than time_start, {start!r}")
    return Row(where, label, youtube, first, last, split)


def _seconds(text: str, column: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1e6:
        raise InputError(f"{where}: {column} is {text!r}; it should be seconds from the start of the video")
    return value


def _item(row: Row, label: int) -> Item:
    name = f"{row.youtube}_{int(row.start):06d}_{int(row.end):06d}"
    labels = dict.fromkeys((f"{row.label}/", f"{row.label.replace(' ', '_')}/", ""))  # CVDF has no class folders
    folders = [*(f"{split}/" for split in SPLITS[row.split]), ""]
    places = tuple(f"{folder}{label}{name}" for folder in folders for label in labels)
    return Item(name, label, row.split, places, row.start, row.end)
