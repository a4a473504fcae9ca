"""The data sets of TwentyBN: Something-something v1 and v2, and Jester.

v1 and Jester are `id;label` lines over folders of numbered JPEGs, with a file of one label a line; v2 is JSON over
`<id>.webm`, with a file of label to index. The test lists have no labels and are not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tradeoff.data.catalogue.entry import Item, Listing
from tradeoff.data.catalogue.rows import Rows, check_classes, label_of, positions
from tradeoff.data.catalogue.sources import Sources, read_lines, read_text
from tradeoff.errors import InputError

SPLITS = {"train": "train", "val": "validation"}  # as items have them, as the lists are named
Clip = tuple[str, str, str]  # where it is listed, its id, its label


def read_something_v1(sources: Sources, split: int) -> Listing:
    """something-something-v1-{labels,train,validation}.csv; `<root>/<id>/00001.jpg` and so on."""
    return _read_lines_lists(sources, "something-something-v1", "20bn-something-something-v1")


def read_jester(sources: Sources, split: int) -> Listing:
    """jester-v1-{labels,train,validation}.csv; `<root>/<id>/00001.jpg` and so on."""
    return _read_lines_lists(sources, "jester-v1", "20bn-jester-v1")


def read_something_v2(sources: Sources, split: int) -> Listing:
    """something-something-v2-{labels,train,validation}.json, or without what is before the dash; `<root>/<id>.webm`."""
    stems = ("something-something-v2-", "")
    labels = sources.need([f"{stem}labels.json" for stem in stems])
    files = _lists(sources, [f"{stem}{{}}.json" for stem in stems])
    return _listing(labels, _label_map(labels), files, _records, "20bn-something-something-v2")


def _read_lines_lists(sources: Sources, stem: str, folder: str) -> Listing:
    labels = sources.need([f"{stem}-labels.csv"])
    classes = check_classes([plain(text) for _, text in read_lines(labels)], labels)
    return _listing(labels, classes, _lists(sources, [f"{stem}-{{}}.csv"]), _lines, folder)


def plain(template: str) -> str:
    """The class that a template stands for: "Putting [something] on a surface" without its brackets."""
    return re.sub(r"[\[\]]", "", template)


def _lists(sources: Sources, patterns: list[str]) -> dict[str, Path]:
    """The lists that are there, by split; one is enough to check what is there."""
    names = {split: [pattern.format(name) for pattern in patterns] for split, name in SPLITS.items()}
    files = {split: path for split, wanted in names.items() if (path := sources.find(wanted)) is not None}
    if not files:
        sources.refuse([name for wanted in names.values() for name in wanted])
    return files


def _listing(
    labels: Path,
    classes: tuple[str, ...],
    files: Mapping[str, Path],
    read: Callable[[Path], Iterator[Clip]],
    folder: str,
) -> Listing:
    places, rows = positions(classes), Rows()
    for split, path in files.items():
        for where, name, label in read(path):
            rows.add(Item(name, label_of(label, places, where, labels), split, (name, f"{folder}/{name}")), where)
    return Listing(classes, rows.items, (labels, *files.values()))


def _lines(path: Path) -> Iterator[Clip]:
    for where, text in read_lines(path):
        name, semicolon, label = (part.strip() for part in text.partition(";"))
        if not (semicolon and label and is_id(name)):
            raise InputError(f"{where}: {text!r} does not parse; it should be a number, a semicolon and a label")
        yield where, name, plain(label)


def is_id(name: str) -> bool:
    """Ids are numbers, which also are names of files or folders."""
    return name.isascii() and name.isdecimal()


# --- JSON ---


def _records(path: Path) -> Iterator[Clip]:
    records = _json(path)
    if not isinstance(records, list):
        raise InputError(f"{path} should be a JSON list of records with id and template")
    for number, record in enumerate(records, 1):
        where = f"{path} record {number}"
        fields = record if isinstance(record, dict) else {}
        name, template = fields.get("id"), fields.get("template")
        if not (isinstance(name, str) and is_id(name) and isinstance(template, str)):
            text = json.dumps(record)
            raise InputError(f"{where}: {text[:80]} does not parse; it should have an id of digits and a template")
        yield where, name, plain(template)


def _label_map(path: Path) -> tuple[str, ...]:
    """The classes of a label map by index; indices are numbers, or strings of digits as in the official file."""
    labels = _json(path)
    if not isinstance(labels, dict):
        raise InputError(f"{path} should be a JSON object of label to index")
    indices = {label: _index(path, label, index) for label, index in labels.items()}
    if sorted(indices.values()) != list(range(len(indices))):
        raise InputError(f"{path}: the indices of {len(indices)} labels should be 0 to {len(indices) - 1}, each once")
    return check_classes([plain(label) for label in sorted(indices, key=indices.__getitem__)], path)


def _index(path: Path, label: str, index: object) -> int:
    if not is_id(str(index)):
        raise InputError(f"{path}: label {label!r} has index {index!r}; it should be a whole number from 0")
    return int(str(index))


def _json(path: Path) -> Any:
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not JSON: {error}; fetch the official file again") from error
