"""Where the numbers of a sweep come from: what its records say of the code, the packages and the machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from tradeoff.records.keys import KINDS, Kind
from tradeoff.records.store import Record, Store

Facts = Sequence[tuple[str, Sequence[str]]]
"""Headings with their lines."""
_MOST = 8  # lines under a heading before the rest is counted


def provenance(store: Store, sweeps: Mapping[str, Collection[str]]) -> dict[str, Facts]:
    """The provenance of each sweep, given the keys of its records: nothing in it is of this moment or machine."""
    made = {record.key: (kind, record) for kind in KINDS for record in store.records(kind)}
    return {name: _facts([made[key] for key in sorted(keys) if key in made]) for name, keys in sweeps.items()}


def _facts(found: Sequence[tuple[Kind, Record]]) -> Facts:
    records = [record for _, record in found]
    counts = Counter(kind for kind, _ in found)
    facts = {
        "Records": [f"{len(found)}: " + ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])],
        "Measured": _dates(records),
        "Code": _counted(_code(record.made.get("code")) for record in records),
        "Machines": _counted(_machine(record.made) for record in records),
        "Packages": _counted(_packages(record.made) for record in records),
        "Commands": _counted(str(record.made.get("command") or "") for record in records),
    }
    return [(heading, lines) for heading, lines in facts.items() if lines]


def _dates(records: Iterable[Record]) -> list[str]:
    days = sorted({str(record.made["at"])[:10] for record in records if record.made.get("at")})
    return [days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"] if days else []


def _counted(texts: Iterable[str]) -> list[str]:
    """Distinct texts, the most frequent first, each with its number of records where there are several."""
    counts = Counter(text for text in texts if text)
    order = sorted(counts, key=lambda text: (-counts[text], text))
    lines = order if len(order) == 1 else [f"{text} ({counts[text]} records)" for text in order]
    return lines if len(lines) <= _MOST else [*lines[:_MOST], f"and {len(lines) - _MOST} more"]


def _code(code: Any) -> str:
    if not isinstance(code, Mapping):
        return ""
    changed = ", with changes" if code.get("dirty") else ""
    commit = f"commit {code['commit']}{changed}" if code.get("commit") else ""
    source = f"source {code['source']}" if code.get("source") else ""
    return ", ".join(part for part in (f"tradeoff {code.get('version', '?')}", commit, source) if part)


def _machine(made: Mapping[str, Any]) -> str:
    machine = made.get("machine")
    if not isinstance(machine, Mapping):
        return str(made.get("device") or "")
    parts = [
        machine.get("gpu"),
        machine.get("cpu"),
        _unit(machine, "cores", "cores"),
        _unit(machine, "memory_gib", "GiB"),
    ]
    parts += [_unit(machine, "gpu_memory_gib", "GiB on the GPU"), made.get("system")]
    parts += [f"machine {machine['host']}"] if machine.get("host") else []
    return ", ".join(str(part) for part in parts if part)


def _unit(values: Mapping[str, Any], name: str, unit: str) -> str:
    return f"{values[name]} {unit}" if values.get(name) else ""


def _packages(made: Mapping[str, Any]) -> str:
    packages = made.get("packages")
    named = {"Python": made["python"]} if made.get("python") else {}
    named |= packages if isinstance(packages, Mapping) else {}
    return ", ".join(f"{name} {version}" for name, version in named.items())
