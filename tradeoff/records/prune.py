"""What a results folder can do without: what no sweep in it names, and what was left behind. Deletes only when asked,
and never a record that a sweep names, or a training that an accuracy of a sweep is of."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tradeoff.errors import InputError
from tradeoff.records.attempts import key_of
from tradeoff.records.keys import KINDS
from tradeoff.records.store import Store, read_record

_OUT_OF_MEMORY = b'"outcome": "out of memory"'
SETTLED = 3600.0
"""Seconds after which a file that nothing refers to is no longer one that a run is about to refer to."""
_KEY = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Leftover:
    """One file, or one folder of TensorBoard's, that can go; `bytes` is its size on record, not on the disk."""

    path: Path
    why: str
    bytes: int


def leftovers(store: Store, now: float | None = None) -> list[Leftover]:
    """What can go, records first. Raises InputError where no sweep says what is wanted, or a sweep or a record that one
    names cannot be read."""
    named = {key for entry in store.sweeps().values() for keys in entry["keys"].values() for key in keys}
    if not named:
        raise InputError(
            f"results folder {store.root} names no sweep, so nothing says which of its records are wanted: run a sweep "
            "into it first, or delete what you do not want by hand"
        )
    return _Search(store, named | set(_trainings(store, named)), time.time() if now is None else now).found()


def remove(found: Sequence[Leftover]) -> int:
    """Delete them; how many bytes that freed. What is gone already is no error.

    Raises InputError for what may not be deleted.
    """
    freed = 0
    for each in found:
        try:
            if each.path.is_dir() and not each.path.is_symlink():
                shutil.rmtree(each.path)
            else:
                each.path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise InputError(f"{each.path} cannot be deleted: {error.strerror}") from error
        freed += each.bytes
    return freed


def _trainings(store: Store, named: set[str]) -> Iterator[str]:
    """What the accuracies that a sweep names are of."""
    for path in (store.root / "accuracy").glob("*.json"):
        if path.stem in named:
            yield str(read_record(path).depends_on.get("training", ""))


class _Search:
    """`wanted` are the keys that a sweep needs, on record or not."""

    def __init__(self, store: Store, wanted: set[str], now: float) -> None:
        self.root, self.wanted, self.now = store.root, wanted, now
        self.kept: set[str] = set()

    def found(self) -> list[Leftover]:
        parts = self._records(), self._arrays(), self._checkpoints(), self._logs(), self._attempts(), self._rest()
        return [each for part in parts for each in part]

    def _records(self) -> Iterator[Leftover]:
        """Measurements of trained weights alone belong to no sweep, and stay."""
        for kind in KINDS:
            for path in self._files(kind, "*.json"):
                if path.stem in self.wanted:
                    self.kept.add(path.stem)
                else:
                    yield _leftover(path, "no sweep names it")

    def _arrays(self) -> Iterator[Leftover]:
        for kind in KINDS:
            for path in self._files(kind, "*.npz"):
                key = path.name[:16]
                if key not in self.kept and (self._is_settled(path) or key not in self.wanted):
                    yield _leftover(path, "arrays of no record" if key in self.wanted else "no sweep names its record")
                elif key in self.kept and read_record(path.parent / f"{key}.json").arrays != path.name:
                    yield _leftover(path, "arrays of no record")

    def _checkpoints(self) -> Iterator[Leftover]:
        """The state of a training that a sweep still wants is what it goes on from."""
        for path in self._files("checkpoints", "*.pt"):
            key, state = path.name[:16], path.name.endswith(".resume.pt")
            if not _KEY.fullmatch(key):
                continue
            if key not in self.wanted:
                yield _leftover(path, "no sweep names its training")
            elif state and key in self.kept and self._is_settled(path):
                yield _leftover(path, "its training has ended")
            elif not state and key not in self.kept and self._is_settled(path):
                yield _leftover(path, "its training is not on record")

    def _logs(self) -> Iterator[Leftover]:
        begun = {key[:8] for key in self.wanted}
        for path in self._files("logs", "*"):
            key = _KEY.search(path.stem) if path.is_file() else None
            run = re.search(r"_([0-9a-f]{8})$", path.name) if path.is_dir() else None
            if (key and key.group() not in self.wanted) or (run and run[1] not in begun):
                yield _leftover(path, "no sweep names its measurement")

    def _attempts(self) -> Iterator[Leftover]:
        for path in self._files("attempts", "*.json"):
            if (key := key_of(path)) and key not in self.wanted and not self._says_what_fits(path):
                yield _leftover(path, "no sweep names its measurement")

    def _says_what_fits(self, path: Path) -> bool:
        """Runs look there for trainings that ran out of memory, of which another is on record in their place."""
        with suppress(OSError):
            return "-training-" in path.name and _OUT_OF_MEMORY in path.read_bytes()
        return False

    def _rest(self) -> Iterator[Leftover]:
        """What killed runs left: half-written files, and signs of life of measurements that are over."""
        for path in self._files("damaged", "*"):
            yield _leftover(path, "set aside as damaged")
        for path in sorted(self.root.glob("*/.writing-*")):
            if self._is_settled(path):
                yield _leftover(path, "begun and never finished")
        for path in self._files("running", "*.json"):
            if self._is_settled(path):
                yield _leftover(path, "nothing runs any more")

    def _files(self, folder: str, pattern: str) -> Iterable[Path]:
        return sorted(path for path in (self.root / folder).glob(pattern) if not path.name.startswith(".writing-"))

    def _is_settled(self, path: Path) -> bool:
        with suppress(FileNotFoundError):
            return self.now - path.stat().st_mtime > SETTLED
        return False


def _leftover(path: Path, why: str) -> Leftover:
    files = [path] if path.is_file() or path.is_symlink() else [each for each in path.rglob("*") if each.is_file()]
    return Leftover(path, why, sum(each.lstat().st_size for each in files))
