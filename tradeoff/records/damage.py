"""What a power cut can do to files that were written whole: empty, cut short, or zeros where content was.

Such a file says nothing any more, so it is moved out of the way and what it held is measured again; nothing is deleted.
A file that is whole and wrong is somebody's doing, and is left for them: reading it says so.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from tradeoff.records.files import sync_folder

FOLDER = "damaged"
_JSON, _NPZ = re.compile(r".+\.json"), re.compile(r".+\.npz")
_CHECKPOINT = re.compile(r"[0-9a-f]{16}\.[0-9a-f]{16}\.pt")  # not a state to resume from: that knows its own digest
_END = b"\n}\n"  # how our JSON ends, and no part of it
_ARRAYS = re.compile(rb'\n "arrays": "([^"]+)"')  # the key of the record itself: a line of its own, indented by one
_ZIP_END = b"PK\x05\x06"
_ZIP_TAIL = 22  # bytes of a zip file's last entry, which has no comment in what numpy and torch write


def set_aside_damaged(root: Path, kinds: tuple[str, ...]) -> list[Path]:
    """Move the damaged records of some kinds, their arrays, entries of sweeps and checkpoints of a results folder to
    `damaged/` in it; returns where they were."""
    if not any(_damaged(root, kinds)):
        return []
    (root / FOLDER).mkdir(exist_ok=True)
    # Looked at again under a lock: another run may have moved them, and measured anew, meanwhile.
    with FileLock(root / FOLDER / ".lock"):
        found = list(_damaged(root, kinds))
        for path in found:
            _set_aside(root, path)
    return found


def set_aside(root: Path, path: Path) -> None:
    """Move one file of a results folder to `damaged/`, if it is there still."""
    (root / FOLDER).mkdir(exist_ok=True)
    with FileLock(root / FOLDER / ".lock"), contextlib.suppress(FileNotFoundError):
        _set_aside(root, path)


def _set_aside(root: Path, path: Path) -> None:
    names = (root / FOLDER / f"{path.parent.name}-{path.stem}.{n}{path.suffix}" for n in range(1, 1_000_000))
    path.rename(next(name for name in names if not name.exists()))
    sync_folder(path.parent)


def _damaged(root: Path, kinds: tuple[str, ...]) -> Iterator[Path]:
    paths = [path for kind in kinds for path in _damaged_records(root / kind)]
    paths += [path for path in _files(root / "sweeps", _JSON).values() if not _is_whole(_content(path))]
    paths += [path for path in _files(root / "checkpoints", _CHECKPOINT).values() if not _is_whole_zip(path)]
    return map(Path, paths)


def _damaged_records(folder: Path) -> Iterator[str]:
    records = _files(folder, _JSON)  # before their arrays, which another run may be writing now, and writes first
    arrays = _files(folder, _NPZ)
    whole = {name for name, path in arrays.items() if _is_whole_zip(path)}
    yield from (path for name, path in arrays.items() if name not in whole)
    for path in records.values():
        content = _content(path)
        named = _ARRAYS.search(content or b"")
        if not _is_whole(content) or (named and named[1].decode(errors="replace") not in whole):
            yield path


def _files(folder: Path, name: re.Pattern[str]) -> dict[str, str]:
    """Name to path, as text: of tens of thousands, `Path` objects take longer than reading them."""
    return {entry.name: entry.path for entry in os.scandir(folder) if name.fullmatch(entry.name)}


def _content(path: str, last: int | None = None) -> bytes | None:
    """All of a file, or its last bytes; None where it cannot be read at all: whoever needs it says so."""
    try:
        with io.FileIO(path) as file:
            if last is not None:
                file.seek(max(0, file.seek(0, os.SEEK_END) - last))
            return file.readall()
    except OSError:
        return None


def _is_whole(content: bytes | None) -> bool:
    """Whether it is JSON still: what a power cut takes is the end, or leaves zeros."""
    if content is None or (content.endswith(_END) and b"\0" not in content):
        return True  # JSON of ours need not be understood: there may be very many
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


def _is_whole_zip(path: str) -> bool:
    """Whether a zip file, as numpy's arrays and torch's checkpoints are, has the entry that is written last."""
    end = _content(path, _ZIP_TAIL)
    return end is None or end.startswith(_ZIP_END)
