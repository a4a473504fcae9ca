"""What failed and was not made since."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

from tradeoff.errors import InputError
from tradeoff.records.keys import FOLDERS
from tradeoff.records.naming import in_words
from tradeoff.records.schema import read_json
from tradeoff.records.store import Store

LONGEST = 300
"""Characters of a reason that are shown; its file has all."""
_NAME = re.compile(r"(?P<began>\d{8}T[\d.]+Z)-(?P<kind>[a-z]+)-(?P<key>[0-9a-f]{16})")


@dataclass(frozen=True)
class Attempt:
    """One measurement that failed. `outcome` is `error`, `out of memory`, `diverged`, `timeout`, `died`, or empty of
    an attempt that was noted before there were any; `began` is when it was begun, as its file's name says."""

    kind: str
    key: str
    began: str
    reason: str
    log: str
    path: Path
    depends_on: Mapping[str, Any]
    about: Mapping[str, Any]
    made: Mapping[str, Any]
    outcome: str = ""

    @property
    def name(self) -> str:
        return in_words(self.kind, self.about, self.depends_on)

    @property
    def sentence(self) -> str:
        """`Failed: I3D seed 1 training: the loss became nan at step 3 of epoch 2 (attempts/...json)`."""
        outcome = f"{self.outcome}, " if self.outcome not in ("", "error", "diverged") else ""
        reason = shorten(self.reason, LONGEST, placeholder=" ...")
        return f"Failed: {self.name}: {outcome}{reason} ({self.path.parent.name}/{self.path.name})"

    def as_record(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "key": self.key,
            "name": self.name,
            "began": self.began,
            "outcome": self.outcome,
            "reason": self.reason,
            "log": self.log,
            "attempt": self.path.name,
        }


def read_attempt(path: Path) -> Attempt:
    """Raises InputError for a file that is no attempt."""
    values = read_json(path)
    named = _NAME.fullmatch(path.stem)
    if named is None or not {"kind", "key", "reason"} <= values.keys():
        raise InputError(f"{path} is not the attempt that its name says: restore it or delete it")
    if (values["kind"], values["key"]) != (named["kind"], named["key"]):
        raise InputError(f"{path} is of another measurement than its name says: restore it or delete it")
    reason, log, outcome = (str(values.get(name) or "") for name in ("reason", "log", "outcome"))
    depends_on, about, made = (values.get(name) or {} for name in ("depends_on", "about", "made"))
    if not all(isinstance(part, dict) for part in (depends_on, about, made)):
        raise InputError(f"{path} does not say what was attempted: restore it or delete it")
    return Attempt(named["kind"], named["key"], named["began"], reason, log, path, depends_on, about, made, outcome)


def key_of(path: Path) -> str | None:
    """The key in the name of an attempt's file, or None for another file."""
    named = _NAME.fullmatch(path.stem)
    return named["key"] if named else None


def attempts_of(store: Store, keys: Collection[str]) -> dict[str, list[Attempt]]:
    """The attempts at each of some keys, the oldest first; a key without one is left out."""
    wanted, found = set(keys), defaultdict(list)
    for path, key in _noted(store):
        if key in wanted:
            found[key].append(read_attempt(path))
    return dict(found)


def failures(store: Store, keys: Collection[str]) -> dict[str, Attempt]:
    """For each of some keys that failed and has no record since: the latest attempt. In the order of the keys."""
    noted: dict[str, list[Path]] = defaultdict(list)
    for path, key in _noted(store):
        noted[key].append(path)
    latest = ((key, _last_readable(noted[key])) for key in keys if key in noted and not _is_on_record(store, key))
    return {key: attempt for key, attempt in latest if attempt}


def _last_readable(paths: Sequence[Path]) -> Attempt | None:
    """A note of a failure that is damaged itself stops no report; `tradeoff results verify` names it."""
    for path in reversed(paths):
        with suppress(InputError):
            return read_attempt(path)
    return None


def failed_of(store: Store, sweep: str) -> list[Attempt]:
    """What of a sweep failed and was not made since, in the order of its plan."""
    keys = store.sweeps()[sweep]["keys"].values()
    return [*failures(store, [key for each in keys for key in each]).values()]


def _is_on_record(store: Store, key: str) -> bool:
    return any((store.root / kind / f"{key}.json").exists() for kind in FOLDERS)


def _noted(store: Store) -> Iterator[tuple[Path, str]]:
    """The files of attempts and the keys in their names, by when they began."""
    for path in sorted((store.root / "attempts").glob("*.json")):
        if key := key_of(path):
            yield path, key
