"""UCF-101: a class list, and for each of three splits a list of what is trained on and one of what is tested."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tradeoff.data.catalogue.entry import Item, Listing
from tradeoff.data.catalogue.rows import Rows, check_classes, label_of, positions
from tradeoff.data.catalogue.sources import Sources, read_lines
from tradeoff.errors import InputError

FOLDER = "ucfTrainTestlist"  # what the distributed archive unpacks to


def read_ucf101(sources: Sources, split: int) -> Listing:
    """classInd.txt, trainlist0N.txt and testlist0N.txt of split N; `<root>/<Class>/<video>.avi`."""
    names = ("classInd.txt", f"trainlist0{split}.txt", f"testlist0{split}.txt")
    files = tuple(sources.need([name, f"{FOLDER}/{name}"]) for name in names)
    classes = _classes(files[0])
    rows = Rows()
    for part, path in (("train", files[1]), ("test", files[2])):
        for item, where in _items(path, part, classes, files[0]):
            rows.add(item, where)
    return Listing(classes, rows.items, files)


def _classes(path: Path) -> tuple[str, ...]:
    """The class names, which are numbered from 1."""
    classes: list[str] = []
    for where, text in read_lines(path):
        number, _, name = text.partition(" ")
        if number != str(len(classes) + 1) or not name.strip():
            raise InputError(f"{where}: {text!r} does not parse; it should be {len(classes) + 1}, a space and a class")
        classes.append(name.strip())
    return check_classes(classes, path)


def _items(path: Path, part: str, classes: tuple[str, ...], origin: Path) -> Iterator[tuple[Item, str]]:
    """The rows "Class/video.avi 7"; those of a test list have no number."""
    places = positions(classes)
    for where, text in read_lines(path):
        name, *number = text.split()
        folder, slash, video = name.partition("/")
        if not (slash and video) or "/" in video or len(number) > 1:
            raise InputError(f"{where}: {text!r} does not parse; it should be CLASS/VIDEO and the class's number")
        label = label_of(folder, places, where, origin)
        if number and number[0] != str(label + 1):
            raise InputError(f"{where}: {folder} has the number {number[0]!r}; in {origin} it has {label + 1}")
        yield Item(name, label, part, (name, f"UCF-101/{name}")), where
