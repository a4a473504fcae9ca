"""Mini-Kinetics-200, the subset of Kinetics-400 that the paper's authors published.

Either CSVs with labels and times (train_k200.csv, val_k200.csv), or the authors' own lists of YouTube ids
(train_ytid_list.txt, val_ytid_list.txt): labels then come from Kinetics' CSVs, or from the class folders of the tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tradeoff.data.catalogue.entry import Item, Listing
from tradeoff.data.catalogue.kinetics import SPLITS, Row, list_names, listing_of, read_rows
from tradeoff.data.catalogue.rows import Rows, positions
from tradeoff.data.catalogue.sources import Sources, read_lines
from tradeoff.data.suffixes import SUFFIXES
from tradeoff.errors import InputError

YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
CLIP_NAME = re.compile(r"([A-Za-z0-9_-]{11})_(\d{6})_(\d{6})")


def read_mini_kinetics(sources: Sources, split: int) -> Listing:
    """The CSVs where one is there, otherwise the id lists."""
    tables = {name: sources.find([f"{name}_k200.csv"]) for name in SPLITS}
    found = {name: path for name, path in tables.items() if path is not None}
    if found:
        return listing_of({name: list(read_rows(path, name)) for name, path in found.items()}, tuple(found.values()))
    lists = {name: sources.find([f"{name}_ytid_list.txt"]) for name in SPLITS}
    files = {name: path for name, path in lists.items() if path is not None}
    if not files:
        sources.refuse([f"{name}{end}" for end in ("_k200.csv", "_ytid_list.txt") for name in SPLITS])
    return _from_ids(sources, {name: _ids(path) for name, path in files.items()}, tuple(files.values()))


def _ids(path: Path) -> dict[str, str]:
    """Each id of a list and where it is."""
    ids: dict[str, str] = {}
    for where, text in read_lines(path):
        if not YOUTUBE_ID.fullmatch(text):
            raise InputError(f"{where}: {text!r} is no YouTube id; it should be 11 letters, digits, - or _")
        if text in ids:
            raise InputError(f"{where}: id {text!r} is listed twice, first in {ids[text]}; list each clip once")
        ids[text] = where
    return ids


def _from_ids(sources: Sources, lists: dict[str, dict[str, str]], files: tuple[Path, ...]) -> Listing:
    """Ids joined with Kinetics' CSVs; with the tree where there are none."""
    tables = {name: path for name in SPLITS if (path := sources.find(list_names(400, name))) is not None}
    if not tables:
        return _from_tree(sources.root, lists, files)
    rows = {row.youtube: row for name, path in tables.items() for row in read_rows(path, name)}
    origin = ", ".join(str(path) for path in tables.values())
    joined = {
        name: [_joined(youtube, name, where, rows, origin) for youtube, where in ids.items()]
        for name, ids in lists.items()
    }
    return listing_of(joined, (*files, *tables.values()))


def _joined(youtube: str, split: str, where: str, rows: dict[str, Row], origin: str) -> Row:
    if youtube not in rows:
        raise InputError(f"{where}: id {youtube!r} is not in {origin}; give Kinetics-400's CSV of that split too")
    row = rows[youtube]
    if row.split != split:
        raise InputError(f"{where}: id {youtube!r} is in the {split} list, but {row.where} has it in {row.split}")
    return row


def _from_tree(root: Path, lists: dict[str, dict[str, str]], files: tuple[Path, ...]) -> Listing:
    """Labels and times are those of the clips that are there; of the others the label is not known."""
    clips: dict[str, tuple[str, re.Match[str]]] = {}
    for folder, clip in _clips(root):
        clips.setdefault(clip[1], (folder, clip))
    listed = {youtube for ids in lists.values() for youtube in ids} & set(clips)
    classes = tuple(sorted({_label(clips[youtube][0]) for youtube in listed}))
    places, rows = positions(classes), Rows()
    for split, ids in lists.items():
        for youtube, where in ids.items():
            rows.add(_item(youtube, split, clips.get(youtube), places), where)
    return Listing(classes, rows.items, files)


def _item(youtube: str, split: str, found: tuple[str, re.Match[str]] | None, classes: dict[str, int]) -> Item:
    if found is None:
        return Item(youtube, None, split, ())
    folder, clip = found
    return Item(youtube, classes[_label(folder)], split, (f"{folder}/{clip[0]}",), float(clip[2]), float(clip[3]))


def _label(folder: str) -> str:
    """Kinetics' labels have spaces; in many trees their folders have underscores."""
    return folder.rsplit("/", 1)[-1].replace("_", " ")


def _clips(root: Path) -> Iterator[tuple[str, re.Match[str]]]:
    """The class folder, from the root, and the name in parts of every clip of a Kinetics tree."""
    tops = [root / name for names in SPLITS.values() for name in names if (root / name).is_dir()]
    for top in tops or [root]:
        for folder in sorted(part for part in top.iterdir() if part.is_dir()):
            for file in sorted(folder.iterdir()):
                clip = CLIP_NAME.fullmatch(file.stem)
                if clip and file.suffix.lower() in SUFFIXES:
                    yield folder.relative_to(root).as_posix(), clip
