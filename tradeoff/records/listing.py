"""What a results folder holds, record by record: a list, and everything about one key."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tradeoff.errors import InputError
from tradeoff.records.attempts import Attempt, attempts_of
from tradeoff.records.keys import FOLDERS, Kind
from tradeoff.records.naming import in_words, particulars, variant_name
from tradeoff.records.store import Record, Store, read_record

LOG_LINES = 20


@dataclass(frozen=True)
class Listed:
    """One record in a list; `particulars` tells it from others of its variant, `result` is its figure in words."""

    key: str
    kind: Kind
    variant: str
    clip: str
    particulars: str
    result: str
    seconds: float | None
    at: str
    sweeps: tuple[str, ...]

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Description:
    """All that a results folder says of one key: its record or, where there is none, what failed.

    dependents: keys of the accuracies of a training. arrays: names with shape and type, or what is wrong with them.
    files: what else is kept of it. log: the last lines of its log, or of its last failed attempt.
    """

    key: str
    name: str
    record: Record | None
    sweeps: tuple[str, ...]
    dependents: tuple[str, ...]
    arrays: Mapping[str, str]
    files: tuple[str, ...]
    attempts: tuple[Attempt, ...]
    log: tuple[str, ...]

    def as_record(self) -> dict[str, Any]:
        plain = {name: value for name, value in vars(self).items() if name not in ("record", "attempts")}
        attempts = [each.as_record() for each in self.attempts]
        return plain | {"record": asdict(self.record) if self.record else None, "attempts": attempts}


def list_records(
    store: Store,
    kind: str | None = None,
    sweep: str | None = None,
    variant: str | None = None,
    clip: str | None = None,
) -> list[Listed]:
    """The records that all the filters given hold for: by kind, then variant, clip and what else tells them apart.

    Raises InputError for an unknown kind or sweep, or a record that cannot be read.
    """
    if kind is not None and kind not in FOLDERS:
        raise InputError(f"kind {kind!r} is unknown: use {', '.join(FOLDERS)}")
    named = sweeps_of_keys(store)
    if sweep is not None and sweep not in store.sweeps():
        known = ", ".join(store.sweeps()) or "no sweep yet"
        raise InputError(f"sweep {sweep!r} was not run into {store.root}: it holds {known}")
    found = [
        _listed(record, tuple(named.get(record.key, ())))
        for each in FOLDERS
        if kind in (None, each)
        for record in store.records(each)
    ]
    chosen = [
        each
        for each in found
        if (sweep is None or sweep in each.sweeps) and variant in (None, each.variant) and clip in (None, each.clip)
    ]
    return sorted(chosen, key=lambda each: (FOLDERS.index(each.kind), each.variant, each.clip, each.particulars))


def sweeps_of_keys(store: Store) -> dict[str, list[str]]:
    """The sweeps that name each key."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, entry in store.sweeps().items():
        for key in (key for keys in entry["keys"].values() for key in keys):
            found[key].append(name)
    return found


def _listed(record: Record, sweeps: tuple[str, ...]) -> Listed:
    about, made = record.about, record.made
    return Listed(
        record.key,
        record.kind,
        variant_name(about, record.depends_on),
        str(about.get("clip", "")),
        particulars(about, record.depends_on),
        result(record),
        made.get("seconds"),
        str(made.get("at", "")),
        sweeps,
    )


def result(record: Record) -> str:
    """The figure that a record is there for: `top-1 39.8 %`, `20.3 ms`, `loss 0.522`."""
    measured = record.measured
    if record.kind == "accuracy" and "top1" in measured:
        return f"top-1 {100 * measured['top1']:.1f} %"
    if record.kind == "latency":
        ms = measured.get("median_ms")
        return str(measured.get("outcome", "")) if ms is None else f"{ms:.3g} ms"
    if record.kind == "training" and measured.get("epochs"):
        return f"loss {measured['epochs'][-1]['loss']:.3f}"
    return f"{measured['macs'] / 1e9:.4g} G multiply-adds" if "macs" in measured else ""


def find_key(store: Store, prefix: str) -> str:
    """The one key that begins so, of a record or of a failed attempt.

    Raises InputError where it is no beginning of a key, of none, or of several.
    """
    if not re.fullmatch(r"[0-9a-f]{1,16}", prefix):
        raise InputError(f"key {prefix!r} is none: give the 16 hex digits of a record, or its first few")
    recorded = [path.stem for kind in FOLDERS for path in (store.root / kind).glob(f"{prefix}*.json")]
    failed = [path.stem[-16:] for path in (store.root / "attempts").glob(f"*-{prefix}*.json")]
    found = sorted({key for key in (*recorded, *failed) if key.startswith(prefix)})
    if not found:
        raise InputError(f"no record in {store.root} begins with {prefix}: tradeoff results ls lists them")
    if len(found) > 1:
        more = ", ..." if len(found) > 4 else ""
        raise InputError(f"key {prefix} is of {len(found)} records: give more digits ({', '.join(found[:4])}{more})")
    return found[0]


def find_record(store: Store, key: str) -> Record | None:
    """The record of a whole key, whatever its kind."""
    paths = (store.root / kind / f"{key}.json" for kind in FOLDERS)
    return next((read_record(path) for path in paths if path.exists()), None)


def describe(store: Store, prefix: str) -> Description:
    """Everything about one key, given by its first digits. Raises InputError as `find_key` does."""
    key = find_key(store, prefix)
    record, attempts = find_record(store, key), attempts_of(store, [key]).get(key, [])
    of: Record | Attempt = record or attempts[-1]
    logs = sorted((store.root / "logs").glob(f"*{key}.*"))
    kept = [*logs, *sorted((store.root / "logs").glob(f"*_{key[:8]}")), *(store.root / "checkpoints").glob(f"{key}.*")]
    return Description(
        key,
        in_words(of.kind, of.about, of.depends_on),
        record,
        tuple(sweeps_of_keys(store).get(key, ())),
        tuple(_dependents(store, key)) if of.kind == "training" else (),
        _arrays(store, record) if record else {},
        tuple(str(path.relative_to(store.root)) for path in kept),
        tuple(attempts),
        tuple(_log(logs, attempts if record is None else ())),
    )


def _dependents(store: Store, training: str) -> Iterator[str]:
    for record in store.records("accuracy"):
        if record.depends_on.get("training") == training:
            yield record.key


def _arrays(store: Store, record: Record) -> dict[str, str]:
    if record.arrays is None:
        return {}
    try:
        found = store.read_arrays(record)
    except InputError as error:
        return {record.arrays: str(error)}
    return {name: f"{'x'.join(map(str, array.shape))} {array.dtype}" for name, array in found.items()}


def _log(logs: Sequence[Path], attempts: Sequence[Attempt]) -> list[str]:
    """The last lines of what was said while it was measured."""
    texts = [path.read_text(errors="replace") for path in logs if path.suffix == ".log"]
    texts = texts or [each.log for each in attempts[-1:]]
    return texts[-1].splitlines()[-LOG_LINES:] if texts else []
