"""Files that are there whole or not at all, whenever the process is killed and whatever the disk refuses.

A file is written under a temporary name, flushed to the disk, and only then given its own; its folder is flushed after
that, so that what was said to be written is still there after a power cut.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tradeoff.errors import InputError

UNFINISHED = ".writing-"
_DAY = 86_400
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class UnwritableError(OSError, InputError):
    """What the system refuses to write: a sentence for the user, and an OSError for whoever can do without the file."""

    @classmethod
    def of(cls, path: Path, error: OSError) -> UnwritableError:
        return cls(error.errno, error.strerror or str(error), str(path))

    def __str__(self) -> str:
        remedy = "free some space" if self.errno in _FULL else "make its folder one that can be written"
        return (
            f"{self.filename} cannot be written ({self.strerror}): {remedy}, or name another folder with --results, "
            "and run the same command to go on"
        )


def write_atomically(path: Path, content: bytes, flush_folder: bool = True) -> None:
    """Put a whole file in place of `path`, or leave `path` as it was; the folder need not be flushed where another file
    in it is written next. Raises UnwritableError."""
    with _whole(path, content, flush_folder) as temporary:
        temporary.replace(path)


def write_first(path: Path, content: bytes) -> None:
    """Put a whole file at `path`; where there is one it stands. Raises UnwritableError."""
    with _whole(path, content) as temporary, contextlib.suppress(FileExistsError):
        os.link(temporary, path)


@contextlib.contextmanager
def _whole(path: Path, content: bytes, flush_folder: bool = True) -> Iterator[Path]:
    """A temporary file beside `path`, on the disk with all of its content; gone afterwards."""
    try:
        handle, name = _locked(path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
                yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)
        if flush_folder:
            sync_folder(path.parent)
    except OSError as error:
        raise UnwritableError.of(path, error) from error


def _locked(folder: Path) -> tuple[int, str]:
    """A new temporary file, locked while its writer lives: handle and name."""
    while True:
        handle, name = tempfile.mkstemp(dir=folder, prefix=UNFINISHED)
        with contextlib.suppress(OSError):  # some file systems have no locks: there it goes when it is a day old
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, name
        os.close(handle)  # it was swept out before it was locked


def sweep_out(folder: Path) -> None:
    """Remove what writers in `folder` left when they were killed, not what others are still writing."""
    for path in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            if _is_free(file.fileno()) or time.time() - path.stat().st_mtime > _DAY:
                path.unlink()


def _is_free(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Flush which files a folder has."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems cannot, and need not
            os.fsync(handle)
    finally:
        os.close(handle)
