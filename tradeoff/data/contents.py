"""What videos hold, as digests: a file is read once and remembered by its path, size and time of change."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from tradeoff.data.clips import Progress, quiet
from tradeoff.data.decoding import Unreadable
from tradeoff.data.frame_folders import frame_files
from tradeoff.data.threads import in_order
from tradeoff.digest import digest
from tradeoff.errors import InputError

FRESH = 2.0  # seconds: a file changed within them may change again without its time of change showing it
SAVED_EVERY = 10.0  # seconds of hashing, which are lost where the process is killed
PATIENCE = 60.0  # seconds to wait for another process that writes the memo
PIXELS = re.compile(r"[0-9a-f]{16}|[0-9a-f]{64}:[1-9]\d*")

_TABLE = "CREATE TABLE IF NOT EXISTS contents (path BLOB PRIMARY KEY, stamp TEXT, content TEXT, sum INTEGER)"


@dataclass(frozen=True)
class Stamp:
    """What a file or a folder of frames looks like from outside.

    text     sizes and times of change.
    settled  whether another content would have another text: times of change are coarse, so one of a moment ago may
             stand for two contents.
    """

    text: str
    settled: bool


def contents_of(
    paths: Sequence[Path], workers: int, cache: Path | None = None, progress: Progress = quiet
) -> tuple[str, ...]:
    """The content of each file or folder of frames: equal where and only where what they hold is.

    Size and SHA-256 of a file, read in pieces; of a folder of frames, of all its frames one after another; of a folder
    that cannot be read, the reason. With `cache`, digests are remembered in `<cache>/contents.sqlite`: a path is read
    again where size or time of change of it (or of one of its frames) is another, and of several processes with the
    same paths one reads while the others wait. `progress(done, total)` counts the paths that are read, in this thread.
    Raises InputError for a file that cannot be read.
    """
    distinct = list(dict.fromkeys(paths))
    memo, stamps = Memo(cache), dict(zip(distinct, in_order(stamp_of, distinct, workers), strict=True))
    known = dict(memo.read(stamps))
    if len(known) < len(distinct):
        with _locked(cache, distinct):
            known |= memo.read({path: stamps[path] for path in distinct if path not in known})
            unknown = [path for path in distinct if path not in known]
            known |= _read(unknown, workers, memo, stamps, progress)
    return tuple(known[path] for path in paths)


def _read(
    paths: Sequence[Path], workers: int, memo: Memo, stamps: Mapping[Path, Stamp | None], progress: Progress
) -> dict[Path, str]:
    """Reads distinct paths, and keeps their contents in the memo as it goes."""
    contents: dict[Path, str] = {}
    fresh: dict[Path, str] = {}
    saved = time.monotonic()
    try:
        for done, (path, content) in enumerate(zip(paths, in_order(_content, paths, workers), strict=True), 1):
            contents[path] = fresh[path] = content
            progress(done, len(paths))
            if time.monotonic() - saved >= SAVED_EVERY:
                memo.write(stamps, fresh)
                fresh.clear()
                saved = time.monotonic()
    finally:
        memo.write(stamps, fresh)
    return contents


@contextmanager
def _locked(cache: Path | None, paths: Sequence[Path]) -> Iterator[None]:
    """Waits for another process that reads the same paths; where there can be no lock, for none."""
    if cache is None:
        yield
        return
    lock = FileLock(cache / f"contents-{digest(sorted(_key(path).hex() for path in paths))}.lock")
    with contextlib.suppress(OSError, NotImplementedError):
        cache.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def has_pixels(content: str) -> bool:
    """Whether a content can be of a clip: that of an empty file or of a folder with a gap is shared by unlike ones."""
    return PIXELS.fullmatch(content) is not None


# --- reading ---


def stamp_of(path: Path) -> Stamp | None:
    """Of a file or a folder of frames as it is now; None where it cannot be told."""
    try:
        files = frame_files(path) if path.is_dir() else (path,)
        facts = [(file.name, found.st_size, found.st_mtime_ns) for file in files for found in [file.stat()]]
    except (OSError, Unreadable):
        return None
    settled = max(changed for _, _, changed in facts) < time.time_ns() - FRESH * 1e9
    return Stamp(digest(facts) if path.is_dir() else f"{facts[0][1]}:{facts[0][2]}", settled)


def _content(path: Path) -> str:
    if path.is_dir():
        return _folder_content(path)
    try:
        with path.open("rb") as file:
            return f"{hashlib.file_digest(file, 'sha256').hexdigest()}:{file.tell()}"
    except OSError as error:
        raise InputError(f"video {path} cannot be read: {error.strerror}; make it readable or leave it out") from error


def _folder_content(folder: Path) -> str:
    try:
        files = frame_files(folder)
    except Unreadable as reason:
        return f"{reason}"  # it is left out, whatever it holds
    return digest([_content(path) for path in files])


# --- remembering ---


class Memo:
    """Contents by path and stamp in an SQLite file, which several processes may read and write.

    It is a convenience and never an error: a row that is damaged is not used, a file that is damaged is begun anew, and
    where none can be read or written there is none.
    """

    def __init__(self, cache: Path | None) -> None:
        """In a folder that is made where it is not there; None remembers nothing."""
        self._path = None if cache is None else cache / "contents.sqlite"

    def read(self, stamps: Mapping[Path, Stamp | None]) -> Iterator[tuple[Path, str]]:
        """The paths that are known by their stamps, with their contents."""
        if self._path is None or not self._path.is_file():
            return
        try:
            with closing(_connect(self._path)) as memo:
                for path, stamp in stamps.items():
                    found = memo.execute("SELECT stamp, content, sum FROM contents WHERE path = ?", [_key(path)])
                    kept, content, checksum = found.fetchone() or (None, None, None)
                    if (
                        stamp
                        and isinstance(content, str)
                        and kept == stamp.text
                        and checksum == _checksum(path, stamp, content)
                    ):
                        yield path, content
        except sqlite3.Error:
            return

    def write(self, stamps: Mapping[Path, Stamp | None], contents: Mapping[Path, str]) -> None:
        """Keeps the contents of those paths whose stamps, taken before they were read, are still true."""
        rows = [
            (_key(path), stamp.text, content, _checksum(path, stamp, content))
            for path, content in contents.items()
            for stamp in [stamps[path]]
            if stamp is not None and stamp.settled and stamp_of(path) == stamp
        ]
        if self._path is None or not rows:
            return
        with contextlib.suppress(OSError, sqlite3.Error):
            try:
                _insert(self._path, rows)
            except sqlite3.OperationalError:
                raise  # it cannot be written, or another process has been at it for a minute
            except sqlite3.DatabaseError:
                _remove(self._path)
                _insert(self._path, rows)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=PATIENCE)


def _insert(path: Path, rows: Iterable[tuple[bytes, str, str, int]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(_connect(path)) as memo, memo:
        memo.execute(_TABLE)
        memo.executemany("INSERT OR REPLACE INTO contents VALUES (?, ?, ?, ?)", rows)


def _remove(path: Path) -> None:
    for each in (path.with_name(f"{path.name}-journal"), path):
        each.unlink(missing_ok=True)


def _key(path: Path) -> bytes:
    """Bytes, because a file's name need not be text."""
    return os.fsencode(path.absolute())


def _checksum(path: Path, stamp: Stamp, content: object) -> int:
    """Tells a damaged row, which SQLite does not."""
    return zlib.crc32(b"\0".join([_key(path), stamp.text.encode(), str(content).encode()]))
