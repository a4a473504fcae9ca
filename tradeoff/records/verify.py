"""Reads everything in a results folder again and says what is wrong: with records, arrays, checkpoints, attempts and
sweeps. Changes nothing."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np

from tradeoff.errors import InputError
from tradeoff.records.attempts import read_attempt
from tradeoff.records.keys import FOLDERS, Key, Kind
from tradeoff.records.schema import names_keys, read_json, up_to_date
from tradeoff.records.statistics import topk_correct
from tradeoff.records.store import Record, Store
from tradeoff.records.validation import invalid

MEASURE_AGAIN = "restore it from a copy, or delete it and run the sweep again to measure it"
RESTORE = "restore it from a copy, or delete its record and run the sweep again to measure both"
_CHECKPOINT = re.compile(r"([0-9a-f]{16})\.([0-9a-f]{16})\.pt")
_DIGEST_BYTES = 32


@dataclass(frozen=True)
class Problem:
    """What is wrong with one file, and what to do about it."""

    file: str
    what: str
    remedy: str


@dataclass
class Verified:
    """What was read, by kind of file, what is wrong with it, and what is no fault but worth knowing."""

    read: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_record(self) -> dict[str, Any]:
        return {"read": dict(self.read), "problems": [asdict(each) for each in self.problems], "notes": self.notes}


def verify(store: Store) -> Verified:
    """Read everything in the folder again. A sweep that is not done yet is a note, no problem."""
    return _Verifier(store).run()


class _Verifier:
    def __init__(self, store: Store) -> None:
        self.store, self.found = store, Verified()
        self.records: dict[str, Record] = {}
        self.broken: set[str] = set()

    def run(self) -> Verified:
        for kind in FOLDERS:
            for path in sorted((self.store.root / kind).glob("*.json")):
                self.found.read[kind] += 1
                self._record(kind, path)
        self._trainings()
        self._checkpoints()
        for folder, read in (("attempts", _read_attempt), ("sweeps", _read_sweep), ("searches", read_json)):
            for path in sorted((self.store.root / folder).glob("*.json")):
                self.found.read[folder] += 1
                try:
                    read(path)
                except InputError as error:
                    self._say(path, _without(error, path), "restore it from a copy, or delete it")
        self._sweeps()
        self._leftovers()
        return self.found

    def _say(self, path: Path, what: str, remedy: str) -> None:
        self.found.problems.append(Problem(path.relative_to(self.store.root).as_posix(), what, remedy))

    def _record(self, kind: Kind, path: Path) -> None:
        try:
            values = up_to_date(_strict_json(path), path)
        except InputError as error:
            self.broken.add(path.stem)
            newer = "newer tradeoff" in str(error)
            self._say(path, _without(error, path), "upgrade tradeoff" if newer else MEASURE_AGAIN)
            return
        wrong = invalid(kind, values) or list(_misnamed(kind, path, values))
        for what in wrong:
            self._say(path, what, MEASURE_AGAIN)
        if wrong:
            self.broken.add(path.stem)
            return
        record = Record(**values)
        self.records[record.key] = record
        self._arrays(path, record)

    def _arrays(self, path: Path, record: Record) -> None:
        if record.arrays is None:
            if record.kind == "accuracy":
                self._say(path, "names no arrays, so its accuracy has no clips behind it", MEASURE_AGAIN)
            return
        place = path.parent / record.arrays
        if not re.fullmatch(rf"{record.key}\.[0-9a-f]{{8}}\.npz", record.arrays):
            self._say(path, f"arrays: {record.arrays!r} are not its own", MEASURE_AGAIN)
            return
        self.found.read["arrays"] += 1
        try:
            arrays = self.store.read_arrays(record)
        except InputError as error:
            self._say(place, _without(error, place).partition(": ")[0], RESTORE)
        except (ValueError, OSError, zipfile.BadZipFile) as error:
            self._say(place, f"is no file of arrays ({error})", RESTORE)
        else:
            for what in _disagreements(record, arrays):
                self._say(path, what, "restore both from a copy, or delete the record and measure again")

    def _trainings(self) -> None:
        """An accuracy stands by its own arrays; that its training is gone is no fault of it."""
        wanted = {record.depends_on.get("training") for record in self.records.values() if record.kind == "accuracy"}
        gone = wanted - {None} - self.records.keys() - self.broken
        if gone:
            self.found.notes.append(f"{_count(len(gone), 'training')} that accuracies are of are not on record")

    def _checkpoints(self) -> None:
        folder = self.store.root / "checkpoints"
        for path in sorted(folder.glob("*.pt")):
            self.found.read["checkpoints"] += 1
            if path.name.endswith(".resume.pt"):
                if not _is_whole_state(path):
                    self._say(path, "is damaged: a training would begin anew", "delete it")
                continue
            if not _is_whole_archive(path):
                self._say(path, "is damaged", "delete it and run the sweep again to train the network anew")
            named = _CHECKPOINT.fullmatch(path.name)
            record = self.records.get(named[1]) if named else None
            if named and record and record.measured["state"] != named[2]:
                what = f"has weights {named[2]}, and those of its training are {record.measured['state']}"
                self._say(path, what, "delete it")

    def _sweeps(self) -> None:
        for path in sorted((self.store.root / "sweeps").glob("*.json")):
            try:
                keys = _read_sweep(path)
            except InputError:
                continue  # said already
            missing = {
                kind: len([key for key in named if key not in self.records and key not in self.broken])
                for kind, named in keys.items()
            }
            if left := sum(missing.values()):
                parts = ", ".join(f"{count} {kind}" for kind, count in missing.items() if count)
                total = sum(map(len, keys.values()))
                self.found.notes.append(f"sweep {path.stem}: {left} of {total} are not on record ({parts})")

    def _leftovers(self) -> None:
        unfinished = len(list(self.store.root.glob("*/.writing-*")))
        if unfinished:
            self.found.notes.append(f"{_count(unfinished, 'file')} begun and never finished: tradeoff results prune")


def _strict_json(path: Path) -> Any:
    """Raises InputError also for what Python reads and JSON has not: NaN, and one name twice."""

    def constant(name: str) -> NoReturn:
        raise ValueError(f"it holds {name}, which is no number")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) != len(pairs):
            raise ValueError("it gives one name twice")
        return found

    try:
        return json.loads(path.read_bytes(), parse_constant=constant, object_pairs_hook=once)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error})") from error


def _misnamed(kind: Kind, path: Path, values: Mapping[str, Any]) -> Iterator[str]:
    """A record that is not where its key says, or whose key is not that of what it depends on."""
    if (values["kind"], values["key"]) != (kind, path.stem):
        yield f"is the record of {values['kind']} {values['key']}"
    elif (own := Key(kind, values["depends_on"]).digest) != path.stem:
        yield f"what it depends on has the key {own}: it was changed after it was written"
    elif any(values["about"].get(name, value) != value for name, value in _said_twice(values)):
        yield "is about another variant or clip than it depends on"


def _said_twice(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, values["depends_on"][name]) for name in ("variant", "clip") if values["depends_on"].get(name))


def _disagreements(record: Record, arrays: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Where a record's figures are not those of its arrays."""
    if record.kind == "accuracy":
        yield from _accuracy_disagreements(record, arrays)
    elif record.kind == "latency" and "samples" in record.measured and "samples_ms" in arrays:
        count = arrays["samples_ms"].size
        if count != record.measured["samples"]:
            yield f"measured.samples is {record.measured['samples']} and its arrays hold {count}"


def _accuracy_disagreements(record: Record, arrays: Mapping[str, np.ndarray]) -> Iterator[str]:
    clips = record.measured["clips"]
    if lacking := {"log_probabilities", "labels", "groups"} - arrays.keys():
        yield f"its arrays lack {', '.join(sorted(lacking))}"
        return
    if odd := [name for name, array in arrays.items() if not array.ndim or len(array) != clips]:
        lengths = ", ".join(f"{name} {'x'.join(map(str, arrays[name].shape))}" for name in odd)
        yield f"measured.clips is {clips} and its arrays are {lengths}"
        return
    for k in (1, 5):
        try:
            share = float(topk_correct(arrays["log_probabilities"], arrays["labels"], k).mean())
        except InputError as error:
            yield f"its arrays are no answers: {error}"
            return
        if abs(share - record.measured[f"top{k}"]) > 1e-9:
            yield f"measured.top{k} is {record.measured[f'top{k}']:g} and its arrays give {share:g}"


def _is_whole_archive(path: Path) -> bool:
    """Every part's checksum, without PyTorch."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except Exception:  # what is damaged may say anything of itself: encrypted, of an unknown compression, ...
        return False


def _is_whole_state(path: Path) -> bool:
    """A training's saved state begins with the SHA-256 of the rest."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content[_DIGEST_BYTES:]).digest() == content[:_DIGEST_BYTES]


def _read_attempt(path: Path) -> None:
    attempt = read_attempt(path)
    if Key(cast(Kind, attempt.kind), attempt.depends_on).digest != attempt.key:
        raise InputError(f"{path} depends on something else than its key says")


def _read_sweep(path: Path) -> dict[str, list[str]]:
    keys: Any = read_json(path).get("keys")
    if not names_keys(keys) or not set(keys) <= set(FOLDERS):
        raise InputError(f"{path} does not say which records its sweep has")
    return dict(keys)


def _without(error: InputError, path: Path) -> str:
    """The sentence without the file, which has a column of its own."""
    return str(error).removeprefix(f"{path} ").removesuffix(": restore it or delete it")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
