"""Frames are decoded or generated once: `<cache>/<name>-<digest>/frames.npy` and `clips.json`.

A set is built in a sibling folder under a lock and renamed when it is whole, so a folder of the final name is
always complete; what a killed build left behind goes when the next one starts.
"""

from __future__ import annotations

import errno
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock
from pydantic import TypeAdapter

from tradeoff.data.clips import ClipIndex, Dataset, Frames, Progress, Source
from tradeoff.errors import InputError

_INDEX = TypeAdapter(ClipIndex)


def open_cached(source: Source, cache: Path, progress: Progress, workers: int) -> Dataset:
    """The data set from the cache, built first if it is not there.

    A second process waits for the first one's build. A cached folder that does not fit (truncated, edited) is
    built again with a warning. Raises InputError where the cache folder cannot be written or is full.
    """
    folder = cache / f"{source.description.name}-{source.description.digest}"
    dataset = _load(folder, source)  # without the lock, so that a cache may be read-only
    if dataset is not None:
        return dataset
    with _locked(folder):
        if _load(folder, source) is None:
            if folder.exists():
                warnings.warn(f"{folder} is damaged (truncated or edited): building it again", stacklevel=3)
            _build(folder, source, progress, workers)
        dataset = _load(folder, source)
    if dataset is None:
        raise InputError(f"cache folder {cache}: {folder.name} changed while it was opened; give another cache folder")
    return dataset


def _load(folder: Path, source: Source) -> Dataset | None:
    """The data set in `folder`; None if it is missing or does not fit the source."""
    try:
        index = _INDEX.validate_json((folder / "clips.json").read_bytes())
        frames: Frames = np.load(folder / "frames.npy", mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    columns = (index.labels, index.folds, index.ids, index.groups)
    fits = (
        index.classes == source.description.classes
        and all(len(column) == len(frames) for column in columns)
        and len(frames) + len(index.unreadable) == source.clips
        and frames.shape[1:] == (*source.shape, 3)
        and frames.dtype == np.uint8
    )
    return Dataset.join(source.description, frames, index) if fits else None


def _build(folder: Path, source: Source, progress: Progress, workers: int) -> None:
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        with naming(folder.parent):
            _remove(partial)
            partial.mkdir()
            frames = _reserve(partial / "frames.npy", (source.clips, *source.shape, 3))
        index = source.build(frames, progress, workers)
        with naming(folder.parent):
            frames.flush()
            _shorten(partial / "frames.npy", (len(index.ids), *source.shape, 3))
            (partial / "clips.json").write_bytes(_INDEX.dump_json(index))
            _publish(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _reserve(path: Path, shape: tuple[int, ...]) -> np.memmap[tuple[int, ...], np.dtype[np.uint8]]:
    """A writable memory map whose space is taken already: on a full disk, writing to a map kills the process."""
    size = int(np.prod(shape))
    with path.open("wb") as file:
        offset = _write_header(file.fileno(), shape)
        if shutil.disk_usage(path.parent).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if hasattr(os, "posix_fallocate"):  # not on macOS
            os.posix_fallocate(file.fileno(), 0, offset + size)
        file.truncate(offset + size)
    return np.memmap(path, np.uint8, "r+", offset, shape)


def _shorten(path: Path, shape: tuple[int, ...]) -> None:
    """Cuts the rows that unreadable clips left unused."""
    with path.open("r+b") as file:
        offset = _write_header(file.fileno(), shape)
        file.truncate(offset + int(np.prod(shape)))


def _write_header(descriptor: int, shape: tuple[int, ...]) -> int:
    """Writes the header of an .npy file and returns its length, which numpy pads so that rows may change."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with open(descriptor, "r+b", closefd=False) as file:
        np.lib.format.write_array_header_1_0(file, header)
        return file.tell()


def _publish(partial: Path, folder: Path) -> None:
    """Renames the whole set into place once it is on the disk; takes away the damaged one it replaces."""
    for path in (partial / "frames.npy", partial / "clips.json", partial):
        _sync(path)
    _remove(folder)
    partial.rename(folder)
    _sync(folder.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    with naming(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def naming(cache: Path) -> Iterator[None]:
    """Turns what the file system refuses into a sentence about the cache folder."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cache folder {cache}: {reason}; give a folder that can be written and has room") from error
