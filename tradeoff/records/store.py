"""The results folder: one immutable JSON file a measurement, written once, never half.

    <root>/<kind>/<key>.json            the records; a record may name a file beside it
    <root>/<kind>/<key>.<digest>.npz    what is too large for JSON (each clip's log-probabilities, raw samples)
    <root>/checkpoints/<name>.pt        trained networks
    <root>/checkpoints/*.resume.pt      trainings that were stopped half way; replaced as they go on
    <root>/logs/<key>.csv               the epochs of a training
    <root>/logs/<name>_<key's start>/   its steps, for TensorBoard where that is installed
    <root>/attempts/*.json              what failed, and why; never occupies a key
    <root>/searches/<name>.json         what a search did, candidate by candidate: `tradeoff.records.searches`
    <root>/sweeps/<name>.json           which keys a sweep consists of, what is published of it, and its claims
    <root>/logs/<kind>-<key>.log        how a measurement went, attempt after attempt
    <root>/running/<key>.json           what is being measured now; replaced every few seconds
    <root>/damaged/                     what a power cut left of any of these

A file is written under a temporary name, flushed to the disk and then linked to its name. Linking fails where the
name exists, so of two writers of one key the first wins and nobody's record is replaced.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tradeoff.errors import InputError
from tradeoff.records import damage
from tradeoff.records.arrays import read_npz
from tradeoff.records.files import sweep_out, sync_folder, write_first
from tradeoff.records.files import write_atomically as write_atomically
from tradeoff.records.keys import FOLDERS, Key, Kind
from tradeoff.records.schema import SCHEMA as SCHEMA
from tradeoff.records.schema import names_keys
from tradeoff.records.schema import read_json as _read_json

_ABOUT = {"weights": {"variant"}}  # what a record says of itself at least; of any other kind, the clip too


@dataclass(frozen=True)
class Record:
    """One measurement. `depends_on` makes its key; `about` and `made` describe it and are not part of the key."""

    kind: Kind
    key: str
    depends_on: Mapping[str, Any]
    measured: Mapping[str, Any]
    about: Mapping[str, Any] = field(default_factory=dict)
    made: Mapping[str, Any] = field(default_factory=dict)
    arrays: str | None = None
    schema: int = SCHEMA


class Store:
    """Reads and writes one results folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> Store:
        """Make the folders, ready for a run: what killed ones left unfinished goes, and what a power cut damaged is set
        aside, so that it is measured again. Raises InputError where nothing can be written."""
        folders = [self.root / name for name in (*FOLDERS, "checkpoints", "attempts", "sweeps")]
        try:
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass
            sync_folder(self.root)
            for folder in folders:
                sweep_out(folder)
            self._tell(damage.set_aside_damaged(self.root, FOLDERS))
        except OSError as error:
            raise InputError(
                f"results folder {self.root} cannot be written ({error.strerror}): "
                "name one that you may write to with --results"
            ) from error
        return self

    def _tell(self, damaged: Sequence[Path]) -> None:
        if damaged:
            more = f" and {len(damaged) - 1} more are" if damaged[1:] else " is"
            text = f"{damaged[0]}{more} damaged (empty, cut short or zeros): set aside in {self.root / damage.FOLDER}"
            warnings.warn(f"{text}, to be measured again", stacklevel=3)

    def set_aside(self, path: Path) -> None:
        """Move a file of this folder that turned out damaged as it was read: the next run makes it anew."""
        damage.set_aside(self.root, path)

    def path(self, key: Key) -> Path:
        return self.root / key.kind / f"{key.digest}.json"

    def has(self, key: Key) -> bool:
        return self.path(key).exists()

    def read(self, key: Key) -> Record:
        return read_record(self.path(key))

    def records(self, kind: Kind) -> Iterator[Record]:
        """Every record of a kind, in the order of their keys."""
        folder = self.root / kind
        for name in sorted(self._names(kind)):
            yield read_record(folder / name)

    def present(self, kind: Kind) -> set[str]:
        """The keys of every record of a kind: `has` of many at once."""
        return {name.removesuffix(".json") for name in self._names(kind)}

    def _names(self, kind: Kind) -> list[str]:
        try:
            with os.scandir(self.root / kind) as entries:
                return [entry.name for entry in entries if entry.name.endswith(".json")]
        except FileNotFoundError:
            return []

    def write(
        self,
        key: Key,
        measured: Mapping[str, Any],
        *,
        about: Mapping[str, Any],
        made: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray] | None = None,
    ) -> Record:
        """Record a measurement; where another writer was first, theirs stands and is returned."""
        name = self._write_arrays(key, arrays) if arrays else None
        record = Record(key.kind, key.digest, key.depends_on, measured, about, _stamped(made), name)
        write_first(self.path(key), _json(asdict(record)))
        return self.read(key)

    def _write_arrays(self, key: Key, arrays: Mapping[str, np.ndarray]) -> str:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        content = buffer.getvalue()
        # Named by its content too: a record can only ever name the arrays that were measured with it, and whatever
        # else is there under that name is damaged.
        name = f"{key.digest}.{_content_digest(content)}.npz"
        write_atomically(self.root / key.kind / name, content, flush_folder=False)
        return name

    def adopt(self, path: str, content: bytes) -> None:
        """Take in a file that was written into another results folder, under its `path` there; where this one has a
        file of that name, that stands. A record's arrays and checkpoint have to come before it."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        write_first(self.root / path, content)

    def read_arrays(self, record: Record, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
        """The arrays that were measured with a record, or those of these names."""
        path = self.root / record.kind / str(record.arrays)
        remedy = "restore it, or delete its record to measure again"
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}): {remedy}") from error
        if _content_digest(content) != path.suffixes[-2].removeprefix("."):
            raise InputError(f"{path} is damaged, its content is not what its name says: {remedy}")
        return read_npz(content, names)

    def write_attempt(
        self,
        key: Key,
        reason: str,
        log: str,
        made: Mapping[str, Any],
        began: datetime | None = None,
        *,
        outcome: str = "error",
        about: Mapping[str, Any] | None = None,
    ) -> Path:
        """Note that a measurement that `began` then failed; the key stays free, so the next run tries again. Of
        several processes that fail at one, the note of the first stands, which is the cause of the others'.

        outcome: in which way, as `tradeoff.sweep.failures.How` has it. about: as a record's.
        """
        now = (began or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S.%fZ")
        path = self.root / "attempts" / f"{now}-{key.kind}-{key.digest}.json"
        content: dict[str, Any] = {"schema": SCHEMA, "kind": key.kind, "key": key.digest, "reason": reason, "log": log}
        content |= {"outcome": outcome, "about": about or {}}
        write_first(path, _json(content | {"depends_on": key.depends_on, "made": _stamped(made)}))
        return path

    def write_sweep(
        self,
        name: str,
        keys: Mapping[str, list[str]],
        published: Sequence[Mapping[str, Any]] = (),
        claims: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Note which records a sweep consists of, what is published of its variants (`Fact.as_record`) and what it
        claims (`Stated.as_record`); unlike a measurement it is replaced when the sweep changes."""
        said = {"published": list(published), "claims": list(claims)}
        stated = {section: values for section, values in said.items() if values}
        content = _json({"schema": SCHEMA, "name": name, "keys": keys, **stated})
        write_atomically(self.root / "sweeps" / f"{name}.json", content)

    def sweeps(self) -> dict[str, dict[str, Any]]:
        """The sweeps that were run into this folder, by name."""
        found = {path: _read_json(path) for path in sorted((self.root / "sweeps").glob("*.json"))}
        for path, values in found.items():
            if not names_keys(values.get("keys")):
                raise InputError(f"{path} does not say which records its sweep has: run the sweep again")
        return {path.stem: values for path, values in found.items()}


def find_records(path: Path) -> Path | None:
    """The folder itself, or its `local/` where it has no records of its own (`results` means `results/local`)."""
    found = (folder for folder in (path, path / "local") if any((folder / kind).is_dir() for kind in FOLDERS))
    return next(found, None)


def read_record(path: Path) -> Record:
    """Raises InputError for a file that is no record, or a newer version's."""
    values = _read_json(path)
    try:
        record = Record(**values)
    except TypeError as error:
        raise InputError(f"{path} is not a record ({error}): restore it or delete it") from error
    needed = _ABOUT.get(path.parent.name, {"variant", "clip"})
    whole = isinstance(record.about, dict) and needed <= record.about.keys()
    if not whole or (record.kind, record.key) != (path.parent.name, path.stem):
        raise InputError(f"{path} is not the record that its name says: restore it or delete it")
    return record


def _json(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def _content_digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]


def _stamped(made: Mapping[str, Any]) -> dict[str, Any]:
    return {"at": datetime.now(UTC).isoformat(timespec="seconds"), **made}
