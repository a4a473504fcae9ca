"""How far the sweeps of a results folder are, from what lies in it: entries of sweeps, records, attempts, and the signs
of life of what is under way. Nothing is asked of whoever measures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from tradeoff.errors import InputError
from tradeoff.records.attempts import Attempt, failures
from tradeoff.records.keys import KINDS, Kind
from tradeoff.records.running import Running, read_running
from tradeoff.records.store import Store, read_record

Keys = Mapping[Kind, Sequence[str]]
TELLS = 0.05
"""The share from which on a measurement under way tells how long the whole of it takes."""


@dataclass(frozen=True)
class Share:
    """The measurements of one kind: `total` of them are done, running, failed (and not tried again since) or left.

    `seconds` is what those running and left take one after the other; NaN where nothing is known of such measurements.
    """

    total: int
    done: int
    running: int
    failed: int
    left: int
    seconds: float


@dataclass(frozen=True)
class Status:
    """How far one sweep is. `stale` are measurements that were under way and of which nothing is heard any more."""

    sweep: str
    shares: Mapping[Kind, Share]
    running: Sequence[Running]
    stale: Sequence[Running]
    failed: Sequence[Attempt]

    @property
    def seconds(self) -> float:
        """Time to go, as many at a time as run now, and one where none does; NaN where nothing is known."""
        known = [each.seconds for each in self.shares.values() if not math.isnan(each.seconds)]
        total = sum(known) / max(1, len(self.running))
        return total if total or not self.unknown else math.nan

    @property
    def unknown(self) -> list[Kind]:
        """The kinds that are not in `seconds`: none of them was measured yet."""
        return [kind for kind, each in self.shares.items() if math.isnan(each.seconds)]

    def as_record(self) -> dict[str, Any]:
        return {
            "sweep": self.sweep,
            "kinds": {kind: vars(each) for kind, each in self.shares.items()},
            "seconds": self.seconds,
            "unknown": self.unknown,
            "running": [each.as_record() for each in self.running],
            "stale": [each.as_record() for each in self.stale],
            "failed": [each.as_record() for each in self.failed],
        }


@dataclass(frozen=True)
class _Done:
    """What a record tells of others: which variant and clip, how long it took, its multiply-adds if it is a cost."""

    variant: str
    seconds: float | None
    macs: float | None


class Watch:
    """Reads the same folder again and again; what was read of a record is kept, as records do not change."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._read: dict[str, _Done] = {}

    def look(self, sweep: str | None = None, now: datetime | None = None) -> list[Status]:
        """One sweep, or all. Raises InputError for one that was not run into the folder."""
        sweeps = self.store.sweeps()
        if sweep is not None and sweep not in sweeps:
            known = ", ".join(sweeps) or "no sweep yet"
            raise InputError(f"sweep {sweep!r} was not run into {self.store.root}: it holds {known}")
        going = read_running(self.store, now or datetime.now(UTC))
        names = [sweep] if sweep else list(sweeps)
        return [self._status(name, sweeps[name]["keys"], going) for name in names]

    def _status(self, sweep: str, named: Mapping[Kind, list[str]], going: Mapping[str, Running]) -> Status:
        keys = {kind: list(dict.fromkeys(named.get(kind, []))) for kind in KINDS}
        done = {kind: self._done(kind, keys[kind]) for kind in KINDS}
        open_ = [key for kind in KINDS for key in keys[kind] if key not in done[kind]]
        found = [going[key] for key in open_ if key in going]
        running = {each.key: each for each in found if not each.stale}
        failed = {key: each for key, each in failures(self.store, open_).items() if key not in running}
        paces = {kind: _Pace(kind, keys, done, [*running.values()]) for kind in KINDS}
        shares = {kind: _share(keys[kind], done[kind], running, failed, paces[kind]) for kind in KINDS if keys[kind]}
        stale = [each for each in found if each.stale]
        return Status(sweep, shares, list(running.values()), stale, list(failed.values()))

    def _done(self, kind: Kind, keys: Sequence[str]) -> dict[str, _Done]:
        there = {path.stem: path for path in (self.store.root / kind).glob("*.json")}
        found = {}
        for key in keys:
            if key in there:
                if key not in self._read:
                    self._read[key] = _done(there[key])
                found[key] = self._read[key]
        return found


def _done(path: Path) -> _Done:
    """A record that is damaged is there and tells nothing; `tradeoff results verify` says what is wrong with it."""
    try:
        record = read_record(path)
    except InputError:
        return _Done("", None, None)
    variant = json.dumps([record.about["variant"], record.about["clip"]], sort_keys=True)
    return _Done(variant, _number(record.made, "seconds"), _number(record.measured, "macs"))


def _number(part: Any, name: str) -> float | None:
    value = part.get(name) if isinstance(part, Mapping) else None
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e18 else None


def _share(
    keys: Sequence[str],
    done: Mapping[str, _Done],
    running: Mapping[str, Running],
    failed: Mapping[str, Attempt],
    pace: _Pace,
) -> Share:
    under_way = [key for key in keys if key in running]
    lost = [key for key in keys if key in failed]
    left = [key for key in keys if key not in done and key not in running and key not in failed]
    seconds = sum(pace.seconds(key) for key in left)
    seconds += sum(pace.seconds(key) * (1 - running[key].share) for key in under_way)
    return Share(len(keys), len(done), len(under_way), len(lost), len(left), seconds)


class _Pace:
    """How long one measurement of a kind takes, from those of the same sweep that are done."""

    def __init__(self, kind: Kind, keys: Keys, done: Mapping[Kind, Mapping[str, _Done]], running: Sequence[Running]):
        timed = [(each.variant, each.seconds) for each in done[kind].values() if each.seconds is not None]
        self._own = {variant: fmean(s for v, s in timed if v == variant) for variant in {v for v, _ in timed}}
        self._macs = {} if kind == "cost" else {each.variant: each.macs for each in done["cost"].values() if each.macs}
        weighed = [(self._macs[variant], seconds) for variant, seconds in timed if variant in self._macs]
        self._rate = sum(seconds for _, seconds in weighed) / sum(macs for macs, _ in weighed) if weighed else None
        told = [each.seconds / each.share for each in running if each.kind == kind and each.share >= TELLS]
        all_ = [seconds for _, seconds in timed] or told
        self._mean = fmean(all_) if all_ else math.nan
        self._variant = _in_turn(kind, keys, done) if kind != "cost" else {}

    def seconds(self, key: str) -> float:
        """The mean of those of its variant; else of all, in proportion to multiply-adds where those are known; where
        none is done, what those under way tell of the whole of one; else NaN."""
        variant = self._variant.get(key, "")
        if variant in self._own:
            return self._own[variant]
        if self._rate is not None and variant in self._macs:
            return self._rate * self._macs[variant]
        return self._mean


def _in_turn(kind: Kind, keys: Keys, done: Mapping[Kind, Mapping[str, _Done]]) -> dict[str, str]:
    """The variant of each key, by its place, as a key does not tell it before it is measured.

    A plan goes through the variants in the order of their costs again and again, an accuracy's one or two frame orders
    together. Believed where it is so of all that are on record; else empty.
    """
    order = [done["cost"][key].variant if key in done["cost"] else "" for key in keys["cost"]]
    for together in () if not order else (1, 2) if kind == "accuracy" else (1,):
        turns = {key: order[place // together % len(order)] for place, key in enumerate(keys[kind])}
        fits = len(turns) % (together * len(order)) == 0
        if fits and all(turns[key] in ("", each.variant) for key, each in done[kind].items()):
            return turns
    return {}
