"""The joined table: every record of a results folder, one row a variant and protocol."""

from __future__ import annotations

import gc
import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradeoff.errors import InputError
from tradeoff.records.accuracy import Accuracy, add_intervals
from tradeoff.records.keys import KINDS, Kind
from tradeoff.records.latency import machine_drift, timed_columns
from tradeoff.records.published import Facts, facts_of
from tradeoff.records.statistics import Component
from tradeoff.records.store import Record, Store, find_records
from tradeoff.variants import Variant

COLUMNS = (
    *(
        "variant",
        "units",
        "gating",
        "width",
        "classes",
        "clip",
        "published",
        "published_top1",
        "published_top5",
        "published_macs",
        "published_confidence",
        "published_source",
        "params",
        "weights",
        "macs",
        "curve_macs",
        "curve_weights",
        "activation_bytes",
    ),
    *(
        "data",
        "data_digest",
        "recipe",
        "recipe_key",
        "start_distance",
        "micro_batches",
        "view",
        "order",
        "seeds",
        "folds",
        "test_clips",
        "unreadable",
    ),
    *("top1", "top1_low", "top1_high", "top5", "balanced_top1", "class_ratio", "view_top1", "interval"),
    *("device", "runtime", "precision", "layout", "threads", "batch", "cache", "processes", "steady_processes"),
    *("latency_ms", "latency_low_ms", "latency_high_ms", "latency_interval", "latency_outcome", "load"),
    *("host_ms", "host_low_ms", "host_high_ms", "graph_ms", "views", "video_ms", "first_pass_ms", "prepare_s"),
    *("clips_per_second", "throughput_batch", "peak_memory_bytes", "output_error"),
    *("matrix_fraction", "matrix_fraction_low", "matrix_fraction_high", "bound"),
    *("intensity", "bound_ms", "matrix_gflops", "copy_gb_s"),
)
"""Accuracies are fractions, costs counts of one clip, latencies milliseconds a batch; what is not measured is NaN.

`latency_ms` is the device's time, `host_ms` includes the way from host memory and back, `graph_ms` is what the first
process took on a GPU for a pass captured as a CUDA graph, without launches from Python, and `video_ms` is that of all
`views` of a video (clips x crops). `latency_outcome` is empty, or why there is no latency. `steady_processes` of
`processes` ended steady. `clips_per_second` is the best over batch sizes, at `throughput_batch`. `first_pass_ms` and
`prepare_s` are the largest over processes: a later one may find what an earlier one compiled. `output_error` is how
far the output is from eager float32's, `matrix_fraction` how near the latency is to the multiply-adds at the rate of a
matrix product, and `bound` what limits the network on this machine, `compute` or `memory`.
`intensity` is the network's operations a byte (two for each multiply-add), `bound_ms` the least that its layers take
one by one at `matrix_gflops`, the rate of a matrix product, and `copy_gb_s`, of copying memory, which the same
processes measured.

`macs` are the multiply-adds that are executed, `curve_macs` and `curve_weights` those and the weights as the paper
counts them: NaN for other families, and on records that are older than this column.
`units` is empty, `gating` false and `width` NaN for what has no such thing: networks that are not the paper's family's.
`top1` and `top5` are of whole videos, their views averaged; `view_top1` is of single views, where there are several.
`balanced_top1` is the mean of each class's own top-1, and `class_ratio` how many test clips the largest class has for
each of the smallest one's.
`start_distance` is how far a derived network's features were from its source's before training: at the trunk's end, the
norm of the difference over the norm of the source's, the mean over trainings; NaN for what was not derived.
`micro_batches`: where a training's step did not fit into memory, in how many micro-batches it was taken instead of the
recipe's, the most over trainings; NaN where none was.
`published` is text, what others measured of the network under a protocol of their own, and not comparable with `top1`.
`published_top1` and what follows it are the facts that the sweep's own file states, where one sweep is loaded.
"""

Identity = tuple[str, str]  # a variant's fields as JSON, and its clip
Correct = tuple[NDArray[np.bool_], NDArray[np.int64]]


@dataclass(frozen=True)
class Table:
    """`rows` has the columns `COLUMNS`; `correct[i]` tells for row i of each seed and clip whether top-1 was right,
    bool (seeds, clips), and which group each clip belongs to, (clips,)."""

    rows: pd.DataFrame
    correct: Mapping[int, Correct]


def load_results(path: str | Path, sweep: str | None = None) -> pd.DataFrame:
    """One row a variant and protocol of a results folder (`results` means `results/local`), or of one sweep in it.

    Raises InputError where there is no such folder or sweep, or a record cannot be read.
    """
    return load_table(path, sweep).rows


def load_table(path: str | Path, sweep: str | None = None) -> Table:
    """The joined table with what its accuracies were computed from."""
    with _no_collector():
        return _load(path, sweep)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Records are kept until their table is made: to look through ever more of them for garbage takes a seventh of the
    time and finds none."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _load(path: str | Path, sweep: str | None) -> Table:
    store = Store(records_folder(Path(path)))
    sweeps = store.sweeps()
    keys = _sweep_keys(store, sweeps, sweep) if sweep else None
    everything = {kind: list(store.records(kind)) for kind in KINDS}
    records = {kind: [r for r in found if keys is None or r.key in keys] for kind, found in everything.items()}
    recipes = _recipes(everything["accuracy"])
    # Of one network counted in two ways the newest count is shown.
    costs = {_identity(record): record for record in _oldest_first(records["cost"])}
    trainings = {record.key: record for record in everything["training"]}
    tested = defaultdict(list)
    for identity, group in _grouped(records["accuracy"], _accuracy_protocol):
        tested[identity].append(Accuracy(store, group, recipes, trainings))
    add_intervals([each for several in tested.values() for each in several])
    drift = machine_drift(everything["latency"])
    timed = defaultdict(list)
    for identity, group in _grouped(records["latency"], _latency_protocol):
        timed[identity].append(_latency_columns(group, drift))
    facts = facts_of(sweeps[sweep].get("published", [])) if sweep else {}
    return _join(costs, tested, timed, _order(sweeps, sweep), facts)


def records_folder(path: Path) -> Path:
    """The folder itself, or its `local/` where it has no records of its own: `results` means `results/local`."""
    if found := find_records(path):
        return found
    problem = "holds no records" if path.is_dir() else "does not exist"
    raise InputError(f"results folder {path} {problem}: run tradeoff sweep first, or name another with --results")


Sweeps = Mapping[str, Mapping[str, Any]]


def _sweep_keys(store: Store, sweeps: Sweeps, sweep: str) -> set[str]:
    if sweep not in sweeps:
        known = ", ".join(sweeps) or "no sweep yet"
        raise InputError(f"sweep {sweep!r} was not run into {store.root}: it holds {known}")
    return {key for keys in sweeps[sweep]["keys"].values() for key in keys}


def sweep_keys(store: Store, sweep: str, kind: Kind) -> list[str]:
    """The keys of one kind that a sweep consists of, in the order of its file; measured or not.

    Raises InputError for a sweep that was not run into the folder.
    """
    sweeps = store.sweeps()
    _sweep_keys(store, sweeps, sweep)
    return list(sweeps[sweep]["keys"].get(kind, []))


def _order(sweeps: Sweeps, sweep: str | None) -> dict[str, int]:
    """The place of each cost key in its sweep's file, so that a table keeps the order that its author chose."""
    chosen = [sweeps[sweep]] if sweep else list(sweeps.values())
    keys = [key for each in chosen for key in each["keys"].get("cost", [])]
    return {key: place for place, key in reversed(list(enumerate(keys)))}


def _recipes(records: Iterable[Record]) -> dict[str, str]:
    """The words for each recipe; where versions worded one differently, the newest record's, so that a row has one."""
    return {record.about["recipe_key"]: record.about["recipe"] for record in _oldest_first(records)}


def _oldest_first(records: Iterable[Record]) -> list[Record]:
    return sorted(records, key=lambda record: str(record.made.get("at")))


def _identity(record: Record) -> Identity:
    return json.dumps(record.about["variant"], sort_keys=True), record.about["clip"]


def _grouped(records: Iterable[Record], protocol: Any) -> Iterator[tuple[Identity, list[Record]]]:
    groups: dict[tuple[Identity, str], list[Record]] = defaultdict(list)
    for record in records:
        groups[_identity(record), json.dumps(protocol(record), sort_keys=True)].append(record)
    for (identity, _), group in groups.items():
        yield identity, group


def _accuracy_protocol(record: Record) -> Any:
    """What accuracies of one row share: all but seed and fold."""
    return [
        record.depends_on["data"],
        record.about["recipe_key"],
        record.about["view"],
        record.about["order"],
    ]


def _latency_protocol(record: Record) -> Any:
    """What latencies of one row share: all but the replicate, and what the first one measured beside."""
    return {key: value for key, value in record.depends_on.items() if key not in ("replicate", "throughput")}


def _latency_columns(records: list[Record], drift: Component | None) -> dict[str, Any]:
    first = records[0].depends_on
    # A process that was timed again, for other batch sizes, counts once.
    records = list({record.depends_on["replicate"]: record for record in _oldest_first(records)}.values())
    timed = [record.measured for record in records if "median_ms" in record.measured]
    columns = {
        "device": first["machine"]["device"],
        **{column: first[column] for column in ("runtime", "precision", "layout", "threads", "batch")},
        "cache": first.get("cache", "warm"),
        "views": first.get("views", "1x1"),
        "processes": len(timed),
        "latency_outcome": "" if timed else records[0].measured["outcome"],
    }
    return columns | (timed_columns(timed, drift) if timed else {})


def _join(
    costs: Mapping[Identity, Record],
    accuracies: Mapping[Identity, list[Accuracy]],
    latencies: Mapping[Identity, list[dict[str, Any]]],
    order: Mapping[str, int],
    facts: Facts,
) -> Table:
    """Every accuracy of a variant with every latency of it, and what has no counterpart once."""
    rows: list[tuple[int, dict[str, Any], Accuracy | None]] = []
    for identity in sorted({*costs, *accuracies, *latencies}):
        cost = costs.get(identity)
        place = order.get(cost.key, len(order)) if cost else len(order)
        shared = _variant_columns(identity) | (dict(cost.measured) if cost else {})
        own, timed = accuracies.get(identity, [None]), latencies.get(identity, [{}])
        for accuracy, latency in itertools.product(own, timed):
            columns = accuracy.columns if accuracy else {}
            stated = dict(facts.get((identity[0], columns.get("order", "normal")), {}))
            rows.append((place, shared | stated | columns | latency, accuracy))
    rows.sort(key=lambda row: (row[0], row[1]["units"], str(row[1].get("data")), str(row[1].get("order"))))
    frame = pd.DataFrame([row for _, row, _ in rows], columns=list(COLUMNS))
    return Table(frame, {i: (each.correct, each.groups) for i, (_, _, each) in enumerate(rows) if each})


def _variant_columns(identity: Identity) -> dict[str, Any]:
    variant = Variant.from_fields(json.loads(identity[0]))
    return {
        "variant": variant.name,
        "units": variant.units,
        "gating": getattr(variant, "gating", False),
        "width": getattr(variant, "width", np.nan),
        "classes": variant.classes,
        "clip": identity[1],
        "published": str(variant.published) if variant.published else np.nan,
    }
