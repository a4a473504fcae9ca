"""What a results folder has to compare with: latency records of the same network, setting and machine."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradeoff.clip_shape import ClipShape
from tradeoff.errors import InputError
from tradeoff.gate.verdict import FEWEST
from tradeoff.measure.environment import machine
from tradeoff.measure.latency import resolve_threads
from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.measure.timing.process import MEASURED, OUT_OF_MEMORY
from tradeoff.records.store import Record, Store, find_records
from tradeoff.variants import Variant

if TYPE_CHECKING:
    import torch

FEWEST_NOW = 3
"""Processes that are measured now at least, whatever the budget: Welch's t of two is too wide to say anything."""
# What says how long or how often is sampled, or which code was timed; and what is compared by itself.
_NOT_PROTOCOL = {"variant", "clip", "machine", "source", "replicate", "throughput", "target", "seconds"}

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Process:
    """One fresh process: the median of its passes, milliseconds, and the machine in the same minute: 10^9 operations a
    second of a product of matrices with `matrix` rows, 10^9 bytes a second of a copy."""

    median_ms: float
    gflops: float
    copy_gb_s: float
    matrix: int

    @property
    def by_yardstick(self) -> float:
        """The operations that the matrix product makes in the latency, 10^6."""
        return self.median_ms * self.gflops


@dataclass(frozen=True)
class Stored:
    """The records of one variant in one setting: processes of one source, first to last made at (ISO 8601)."""

    variant: Variant
    clip: ClipShape
    protocol: LatencyProtocol
    processes: tuple[Process, ...]
    source: str
    first_at: str
    last_at: str

    @property
    def name(self) -> str:
        return self.variant.name

    @property
    def setting(self) -> str:
        return _setting(self.clip, self.protocol)


@dataclass(frozen=True)
class Found:
    """What a folder has of what is wanted.

    device: `cpu`, `cuda:0`; where the other side is to be measured.
    left_out: a sentence for each reason for which something that is wanted cannot be compared.
    notes: a sentence where the folder has several sources of a latency, and which one was taken.
    """

    root: Path
    device: str
    stored: tuple[Stored, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


def stored_latencies(
    results: Path,
    variants: Sequence[Variant],
    clip: ClipShape,
    protocols: Sequence[LatencyProtocol],
    device: torch.device,
) -> Found:
    """The records of a results folder (`results` means `results/local`) to compare each variant and protocol with.

    Those of the same network, clip, protocol and machine that have a yardstick; how long was sampled, and the code,
    may differ. Of several versions of the code it is the newest.
    Raises InputError where there is no such folder, a record cannot be read, or nothing that is wanted can be compared;
    another machine is named by what differs.
    """
    resolved = [resolve_threads(protocol) for protocol in protocols]
    for protocol in resolved:
        if protocol.processes < FEWEST_NOW:
            raise InputError(f"processes {protocol.processes} are too few to compare: use {FEWEST_NOW} or more")
    root = _folder(results)
    records = _latency_records(root)
    stored: list[Stored] = []
    notes: list[str] = []
    lacking: dict[str, list[str]] = defaultdict(list)
    for protocol in resolved:
        here = json.loads(json.dumps(machine(device, protocol.runtime)))  # as it is read from a record
        for variant in variants:
            try:
                chosen, sources = _choose(records, variant, clip, protocol, here)
            except _Lacking as nothing:
                lacking[str(nothing)].append(f"{variant.name} ({_setting(clip, protocol)})")
                continue
            stored.append(_stored(variant, clip, protocol, chosen))
            notes += [_newest_of(stored[-1], sources)] if sources > 1 else []
    left_out = [f"{root} has nothing to compare {', '.join(who)} with: {why}" for why, who in lacking.items()]
    if not stored:
        raise InputError("; ".join(left_out))
    return Found(root, str(device), tuple(stored), tuple(left_out), tuple(notes))


def process_of(measured: Fields) -> Process | None:
    """What a process measured, on record or now; None without a latency or without a yardstick."""
    yardstick = measured.get("yardstick", {})
    if measured.get("outcome") != MEASURED or "gflops" not in yardstick:
        return None
    return Process(measured["median_ms"], yardstick["gflops"], yardstick["copy_gb_s"], yardstick["matrix"])


def unusable(measured: Fields) -> str:
    """Why `process_of` is None."""
    if measured.get("outcome") == OUT_OF_MEMORY:
        return OUT_OF_MEMORY
    if "yardstick" in measured:
        return "no memory was left for the yardstick"
    return "they are without a yardstick, as older versions left them: run the sweep again"


class _Lacking(Exception):
    """Why a folder has nothing to compare with, in words."""


def _folder(results: Path) -> Path:
    if found := find_records(results):
        return found
    problem = "holds no records" if results.is_dir() else "does not exist"
    raise InputError(f"results folder {results} {problem}: name one that has latency records")


def _latency_records(root: Path) -> list[Record]:
    records = list(Store(root).records("latency"))
    if not records:
        raise InputError(f"results folder {root} holds no latency records: name one that has, or run tradeoff sweep")
    return records


def _choose(
    records: Sequence[Record], variant: Variant, clip: ClipShape, protocol: LatencyProtocol, here: Fields
) -> tuple[list[Record], int]:
    """The records to compare with, and of how many versions of the code there are some. Raises _Lacking."""
    wanted = _identity({"variant": variant.fields(), "clip": str(clip), **protocol.fields()})
    matching = [record for record in records if _identity(record.depends_on) == wanted]
    if not matching:
        raise _Lacking(_other_settings(records, variant))
    usable = [record for record in matching if process_of(record.measured)]
    if not usable:
        raise _Lacking(f"its records of that cannot be used: {unusable(matching[-1].measured)}")
    own = [record for record in usable if record.depends_on["machine"] == here]
    if not own:
        raise _Lacking(_another_machine(usable, here))
    by_source: dict[Any, list[Record]] = defaultdict(list)
    for record in own:
        by_source[_source(record)].append(record)
    several = [group for group in by_source.values() if len(group) >= FEWEST]
    if not several:
        raise _Lacking(f"its record of that is of one process, and {FEWEST} are needed for an interval")
    return max(several, key=_last_at), len(by_source)


def _identity(depends_on: Fields) -> Fields:
    """What must be equal: network, clip and protocol. The file of a user's own network is code, as `source` is."""
    network = {key: value for key, value in depends_on["variant"].items() if key != "source"}
    protocol = {key: value for key, value in depends_on.items() if key not in _NOT_PROTOCOL}
    return {"variant": network, "clip": depends_on["clip"], **protocol}


def _source(record: Record) -> tuple[str, str]:
    """The digests of the package's code and of the user's own network's."""
    return record.depends_on["source"], record.depends_on["variant"].get("source", "")


def _last_at(records: Iterable[Record]) -> str:
    return max(str(record.made["at"]) for record in records)  # ISO 8601, all of them UTC


def _stored(variant: Variant, clip: ClipShape, protocol: LatencyProtocol, records: Sequence[Record]) -> Stored:
    ordered = sorted(records, key=lambda record: record.made["at"])
    processes = tuple(process for record in ordered if (process := process_of(record.measured)))
    source = "/".join(filter(None, _source(ordered[0])))
    return Stored(variant, clip, protocol, processes, source, ordered[0].made["at"], ordered[-1].made["at"])


def _newest_of(stored: Stored, sources: int) -> str:
    return (
        f"{stored.name} ({stored.setting}) is on record of {sources} versions of the code: compared with the newest "
        f"that has {FEWEST} processes, source {stored.source}, of {stored.last_at[:10]}"
    )


def _setting(clip: ClipShape, protocol: LatencyProtocol) -> str:
    return f"{clip}, {protocol}, {_conditions(protocol.fields())}"


def _conditions(fields: Fields) -> str:
    cold = ", cold caches" if fields.get("cache") == "cold" else ""
    views = f", views {fields['views']}" if "views" in fields else ""
    return f"{fields['threads']} thread{'s' if fields['threads'] > 1 else ''}{cold}{views}"


def _another_machine(records: Sequence[Record], here: Fields) -> str:
    """What differs from the machine that is nearest to this one, field by field."""
    there = min((_differences(record.depends_on["machine"], here) for record in records), key=len)
    return f"its records of that are of another machine: {'; '.join(there)}"


def _differences(there: Fields, here: Fields) -> list[str]:
    fields = [name for name in {**here, **there} if there.get(name) != here.get(name)]
    return [f"{name} {_said(there, name)} there, {_said(here, name)} here" for name in fields]


def _said(machine_fields: Fields, name: str) -> str:
    return repr(machine_fields[name]) if name in machine_fields else "not named"


def _other_settings(records: Sequence[Record], variant: Variant) -> str:
    """The settings in which a variant of this name could be compared, so that the options can be corrected."""
    usable = [record for record in records if process_of(record.measured)]
    named = [record.depends_on for record in usable if record.about.get("name") == variant.name]
    if not named:
        names = sorted({str(record.about.get("name")) for record in usable})
        return f"it has latencies with a yardstick of {', '.join(names) or 'nothing at all'}"
    settings: dict[str, dict[str, None]] = defaultdict(dict)  # dicts, for their order
    for fields in named:
        batch = f" batch {fields['batch']}" if fields["batch"] > 1 else ""
        at = f"{fields['runtime']} {fields['precision']} {fields['layout']}{batch}"
        settings[f"{fields['clip']}{_knobs(fields['variant'], variant)}, {_conditions(fields)}"][at] = None
    of = "; ".join(f"{where}: {', '.join(sorted(each))}" for where, each in sorted(settings.items()))
    return f"it has latencies of that name at {of}"


def _knobs(fields: Fields, like: Variant) -> str:
    """What a variant's name does not say; defaults are not among the fields."""
    width = f", width {fields.get('width', 1.0):g}" if hasattr(like, "width") else ""
    return f"{width}, {fields.get('classes', Variant.classes)} classes"
