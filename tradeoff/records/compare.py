"""What differs between two results folders, two records, or two variants of one folder; B against A throughout.

Accuracies are compared clip by clip (`paired_difference`), latencies over processes (`ratio_interval`), counts exactly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from tradeoff.errors import InputError
from tradeoff.records.export import flat
from tradeoff.records.keys import Kind
from tradeoff.records.latency import machine_drift
from tradeoff.records.listing import Listed, find_key, find_record, list_records
from tradeoff.records.naming import in_words, variant_name
from tradeoff.records.statistics import Component, Interval, paired_difference, ratio_interval, topk_correct
from tradeoff.records.store import Record, Store
from tradeoff.records.table import Correct, Table, load_table

Unit = Literal["share", "ratio"]
COUNTS = ("params", "weights", "macs", "activation_bytes")
_LATENCY = ("device", "runtime", "precision", "layout", "threads", "batch", "cache", "views")
_VERDICTS: Mapping[Unit, tuple[str, str, float]] = {
    "share": ("lower", "higher", 0.0),
    "ratio": ("faster", "slower", 1.0),
}
OTHER_CLIPS = "tested on other clips"


@dataclass(frozen=True)
class Change:
    """One measurement that both sides have and that differs: a fraction of clips or milliseconds or a count each.

    `difference` is B minus A of accuracies (`share`), and B over A of everything else (`ratio`), with its 95 %
    interval, NaN where there is none; `method` says how it came about. The verdict of counts is `differs`.
    """

    kind: Kind
    what: str
    a: float
    b: float
    unit: Unit
    difference: float
    low: float
    high: float
    verdict: str
    method: str = ""


@dataclass
class Comparison:
    """`only_a` and `only_b` are records that the other side lacks; `same` counts what both have and does not differ;
    `fields` are those of two keys that differ, by their paths."""

    only_a: list[Listed] = field(default_factory=list)
    only_b: list[Listed] = field(default_factory=list)
    same: Counter[str] = field(default_factory=Counter)
    changes: list[Change] = field(default_factory=list)
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def as_record(self) -> dict[str, Any]:
        plain = {name: [each.as_record() for each in getattr(self, name)] for name in ("only_a", "only_b")}
        fields = {name: {"a": a, "b": b} for name, (a, b) in self.fields.items()}
        return plain | {"same": dict(self.same), "changes": [vars(each) for each in self.changes], "fields": fields}


def compare_folders(a: Store, b: Store, sweep: str | None = None) -> Comparison:
    """Records that one folder has and the other has not, and how the measurements differ that both have.

    A measurement is a row of the joined table: an accuracy over all seeds, a latency over all processes. That of two
    folders is of two sittings, so the machine's drift is in a latency's interval where a yardstick shows it.
    Raises InputError where a folder cannot be read, or lacks the sweep.
    """
    listed = [{each.key: each for each in list_records(store, sweep=sweep)} for store in (a, b)]
    found = Comparison(
        [each for key, each in listed[0].items() if key not in listed[1]],
        [each for key, each in listed[1].items() if key not in listed[0]],
    )
    own, others = set(listed[0]), set(listed[1])
    _add_counts(found, _costs(a, own, _named), _costs(b, others, _named))
    _add_trainings(found, a, b, own & others)
    _add_accuracies(found, *(_accuracies(load_table(store.root, sweep)) for store in (a, b)))
    timed = {record.key + record.made["at"]: record for store in (a, b) for record in store.records("latency")}
    drift = machine_drift(timed.values())
    _add_latencies(found, _latencies(a, own, _named), _latencies(b, others, _named), drift)
    return found


def compare_variants(store: Store, a: str, b: str, sweep: str | None = None) -> Comparison:
    """How variant `b` differs from `a` wherever both were measured in the same way, at the same width.

    Raises InputError where the folder, or the sweep, has nothing of one of them.
    """
    listed = list_records(store, sweep=sweep)
    known = {each.variant for each in listed}
    for name in (a, b):
        if name not in known:
            where = f"sweep {sweep}" if sweep else f"results folder {store.root}"
            raise InputError(f"variant {name!r} was not measured in {where}: it has {', '.join(sorted(known))}")
    found, table = Comparison(), load_table(store.root, sweep)
    own, others = ({each.key for each in listed if each.variant == name} for name in (a, b))
    _add_counts(found, _costs(store, own), _costs(store, others))
    _add_accuracies(found, _accuracies(table, a), _accuracies(table, b))
    _add_latencies(found, _latencies(store, own), _latencies(store, others))
    return found


def compare_keys(store: Store, a: str, b: str) -> Comparison:
    """How two records of one kind differ, given by the first digits of their keys: in what they depend on, and in what
    was measured. Raises InputError where a key is unknown, or the two are of different kinds."""
    left, right = _recorded(store, a), _recorded(store, b)
    if left.kind != right.kind:
        raise InputError(f"{left.key} is a record of {left.kind} and {right.key} of {right.kind}: give two of one kind")
    found = Comparison(fields=_differing(flat(left), flat(right)))
    what = f"{_record_name(left)} -> {_record_name(right)}"
    if left.kind == "accuracy":
        same = left.depends_on.get("training", 0) == right.depends_on.get("training", 1)
        (a_right, groups), b_correct = _correct(store, left), _correct(store, right)
        if left.depends_on["data"] != right.depends_on["data"]:
            groups = np.full_like(groups, -1)  # clips of another set pair with none
        found.changes.append(_accuracy_change(what, (a_right, groups), b_correct, same_trainings=same))
    elif left.kind == "latency" and "median_ms" in left.measured and "median_ms" in right.measured:
        found.changes.append(_latency_change(what, [left.measured["median_ms"]], [right.measured["median_ms"]]))
    elif left.kind == "cost":
        _add_counts(found, {what: left}, {what: right})
    return found


def _recorded(store: Store, prefix: str) -> Record:
    record = find_record(store, find_key(store, prefix))
    if record is None:
        raise InputError(f"key {prefix} has no record, only failed attempts: tradeoff results show {prefix}")
    return record


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = sorted({*a, *b} - {"key", "arrays"})
    return {name: (a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name)}


def _record_name(record: Record) -> str:
    return in_words(record.kind, record.about, record.depends_on)


def _named(record: Record) -> str:
    return variant_name(record.about, record.depends_on)


def _unnamed(record: Record) -> str:
    """Of two variants, what they share is what pairs their measurements."""
    return ""


def _setting(record: Record) -> str:
    """What measurements of two variants share: width, classes, clip."""
    fields = record.about["variant"]
    width = f"width {fields['width']}" if "width" in fields else ""
    classes = f"{fields['classes']} classes" if "classes" in fields else ""
    return _words(str(record.about.get("clip", "")), width, classes)


def _costs(store: Store, keys: set[str], subject: Callable[[Record], str] = _unnamed) -> dict[str, Record]:
    records = sorted((each for each in store.records("cost") if each.key in keys), key=lambda each: each.made["at"])
    return {_words(subject(record), _setting(record)): record for record in records}


def _words(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _add_counts(found: Comparison, a: Mapping[str, Record], b: Mapping[str, Record]) -> None:
    for what in (each for each in a if each in b):
        values = ((name, *(side[what].measured.get(name, 0) for side in (a, b))) for name in COUNTS)
        differing = [(name, x, y) for name, x, y in values if x != y]
        found.same["cost"] += not differing
        for name, x, y in differing:
            ratio = y / x if x else np.nan
            found.changes.append(
                Change("cost", _words(what, name), x, y, "ratio", ratio, np.nan, np.nan, "differs", "exact")
            )


def _add_trainings(found: Comparison, a: Store, b: Store, keys: set[str]) -> None:
    """The same training ends with the same weights where its machine repeats itself; else they are another draw."""
    there = {record.key: record for record in b.records("training") if record.key in keys}
    for record in a.records("training"):
        other = there.get(record.key)
        if other is None:
            continue
        if record.measured["state"] == other.measured["state"]:
            found.same["training"] += 1
            continue
        x, y = (each.measured["epochs"][-1]["loss"] for each in (record, other))
        ratio = y / x if x else np.nan
        what = f"{_record_name(record)}, last loss"
        found.changes.append(Change("training", what, x, y, "ratio", ratio, np.nan, np.nan, "other weights"))


def _accuracies(table: Table, variant: str | None = None) -> dict[str, Correct]:
    """By what a row was measured of and how, or of one variant by how; rows that differ in their latency share one."""
    found: dict[str, Correct] = {}
    for index, row in zip(table.rows.index, table.rows.to_dict("records"), strict=True):
        if index in table.correct and variant in (None, row["variant"]):
            subject = "" if variant else str(row["variant"])
            size = f"width {row['width']}, {row['classes']} classes"
            order = f"{row['order']} frames" if row["order"] != "normal" else ""
            digests = f"data {row['data_digest'][:8]}, recipe {row['recipe_key'][:8]}"
            what = _words(subject, row["clip"], size, row["data"], digests, row["view"], order)
            found.setdefault(what, table.correct[index])
    return found


def _add_accuracies(found: Comparison, a: Mapping[str, Correct], b: Mapping[str, Correct]) -> None:
    for what in (each for each in a if each in b):
        if all(np.array_equal(x, y) for x, y in zip(a[what], b[what], strict=True)):
            found.same["accuracy"] += 1
        else:
            found.changes.append(_accuracy_change(what, a[what], b[what]))


def _accuracy_change(what: str, a: Correct, b: Correct, *, same_trainings: bool = False) -> Change:
    (left, groups), (right, others) = a, b
    x, y = float(left.mean()), float(right.mean())
    if not np.array_equal(groups, others):
        return Change("accuracy", what, x, y, "share", y - x, np.nan, np.nan, OTHER_CLIPS)
    interval = paired_difference(right, left, groups, same_trainings=same_trainings)
    return _change("accuracy", what, x, y, "share", interval)


def _correct(store: Store, record: Record) -> Correct:
    arrays = store.read_arrays(record)
    right = topk_correct(arrays["log_probabilities"], arrays["labels"], 1)
    return right[None], arrays["groups"].astype(np.int64)


def _latencies(
    store: Store, keys: set[str], subject: Callable[[Record], str] = _unnamed
) -> dict[str, dict[int, float]]:
    """The median of each process that was timed, milliseconds, by what was timed and how. Of several sources of the
    code, or versions of a library, the newest; the same process timed twice counts once."""
    newest: dict[str, Record] = {}
    groups: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    timed = (each for each in store.records("latency") if each.key in keys and "median_ms" in each.measured)
    for record in sorted(timed, key=lambda each: str(each.made["at"])):
        what = _words(subject(record), _setting(record), _protocol(record))
        newest[what] = record
        groups[what, _version(record)][record.depends_on["replicate"]] = record.measured["median_ms"]
    return {what: groups[what, _version(record)] for what, record in newest.items()}


def _protocol(record: Record) -> str:
    values = {**record.depends_on, "device": record.depends_on["machine"]["device"]}
    unusual = {"cache": "warm", "views": "1x1"}
    units = {"threads": "threads ", "batch": "batch ", "cache": "cache ", "views": "views "}
    shown = [name for name in _LATENCY if name in values and values[name] != unusual.get(name)]
    return ", ".join(f"{units.get(name, '')}{values[name]}" for name in shown)


def _version(record: Record) -> str:
    return str((record.depends_on["source"], sorted(record.depends_on["machine"].items())))


def _add_latencies(
    found: Comparison,
    a: Mapping[str, Mapping[int, float]],
    b: Mapping[str, Mapping[int, float]],
    drift: Component | None = None,
) -> None:
    for what in (each for each in a if each in b):
        if a[what] == b[what]:
            found.same["latency"] += 1
        else:
            found.changes.append(_latency_change(what, a[what].values(), b[what].values(), drift))


def _latency_change(what: str, a: Iterable[float], b: Iterable[float], drift: Component | None = None) -> Change:
    left, right = [*a], [*b]
    x, y = (float(np.exp(np.mean(np.log(each)))) for each in (left, right))
    if min(len(left), len(right)) < 2:
        interval = Interval(y / x, np.nan, np.nan, "one process on a side, no interval")
    else:
        interval = ratio_interval(right, left, drift)
    return _change("latency", what, x, y, "ratio", interval)


def _change(kind: Kind, what: str, a: float, b: float, unit: Unit, interval: Interval) -> Change:
    lower, higher, equal = _VERDICTS[unit]
    verdict = lower if interval.high < equal else higher if interval.low > equal else "cannot tell"
    return Change(kind, what, a, b, unit, interval.estimate, interval.low, interval.high, verdict, interval.method)
