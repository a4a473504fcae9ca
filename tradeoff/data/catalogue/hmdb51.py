"""HMDB-51: a file for each class and split, in a folder or in a tar, with a code for each video of the class."""

from __future__ import annotations

import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from tradeoff.data.catalogue.entry import Item, Listing
from tradeoff.data.catalogue.rows import Rows, check_classes
from tradeoff.data.catalogue.sources import Sources, read_text
from tradeoff.errors import InputError

CODES = {"0": None, "1": "train", "2": "test"}  # 0: not used in this split
FOLDERS = ("", "testTrainMulti_7030_splits", "test_train_splits", "hmdb51_splits")
ARCHIVES = ("test_train_splits.tar.gz", "test_train_splits.tgz", "test_train_splits.tar", "hmdb51_splits.tar.gz")
Texts = dict[str, tuple[str, str]]  # of each class: where its file is, and the text


def read_hmdb51(sources: Sources, split: int) -> Listing:
    """The 51 files `<class>_test_split<N>.txt` of split N; `<root>/<class>/<video>.avi`.

    Classes are in alphabetical order, which is the order of the released class folders.
    """
    texts, files = _texts(sources, re.compile(rf"(?!\._)(.+)_test_split{split}\.txt"), split)
    classes = check_classes(sorted(texts), ", ".join(str(path) for path in files))
    rows = Rows()
    for label, name in enumerate(classes):
        for item, where in _items(name, label, *texts[name]):
            rows.add(item, where)
    return Listing(classes, rows.items, files)


def _items(name: str, label: int, file: str, text: str) -> Iterator[tuple[Item, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        video, *code = line.split()[:3] or [""]
        where = f"{file} line {number}"
        if video and (len(code) != 1 or code[0] not in CODES or "/" in video):
            raise InputError(f"{where}: {line.strip()!r} does not parse; it should be a video and 0, 1 or 2")
        part = CODES[code[0]] if video else None
        if part is not None:
            clip = f"{name}/{video}"
            yield Item(clip, label, part, (clip, f"hmdb51_org/{clip}")), where


def _texts(sources: Sources, wanted: re.Pattern[str], split: int) -> tuple[Texts, tuple[Path, ...]]:
    """The files of a split, by class, from the first place that has some."""
    for folder in (base / name for base in sources.folders for name in FOLDERS):
        paths = {match[1]: path for path in _files(folder) if (match := wanted.fullmatch(path.name))}
        if paths:
            return {name: (str(path), read_text(path)) for name, path in paths.items()}, (folder,)
    archive = sources.find(ARCHIVES)
    texts = {} if archive is None else _from_tar(archive, wanted)
    if archive is None or not texts:
        _refuse(sources, split)
    return texts, (archive,)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _from_tar(archive: Path, wanted: re.Pattern[str]) -> Texts:
    """Read in place: nothing is unpacked, so that no name in the archive can lead out of a folder."""
    texts: Texts = {}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                match = wanted.fullmatch(member.name.rpartition("/")[2])
                file = tar.extractfile(member) if match and member.isfile() else None
                if match and file is not None:
                    texts[match[1]] = f"{archive}:{member.name}", file.read().decode("utf-8-sig")
    except (tarfile.TarError, OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{archive} cannot be read: {error}; fetch the official file again") from error
    return texts


def _refuse(sources: Sources, split: int) -> NoReturn:
    places = " or ".join(str(folder) for folder in sources.folders)
    raise InputError(
        f"annotations of {sources.name}: found no CLASS_test_split{split}.txt in {places}, nor in "
        f"{', '.join(FOLDERS[1:])} there, nor in {', '.join(ARCHIVES)}; unpack the official archive there "
        f"(a .rar is not read) or say where it is"
    )
