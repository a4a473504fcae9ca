"""The joined table: every record of a results folder, one row a variant and protocol."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradeoff.digest import digest
from tradeoff.errors import InputError
from tradeoff.records.keys import KINDS
from tradeoff.records.latency import machine_drift, timed_columns
from tradeoff.records.published import Facts, facts_of
from tradeoff.records.statistics import (
    Component,
    balanced,
    bootstrap,
    class_ratio,
    topk_correct,
    wilson,
)
from tradeoff.records.store import Record, Store, find_records
from tradeoff.records.views import view_words
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
        "activation_bytes",
    ),
    *(
        "data",
        "data_digest",
        "recipe",
        "recipe_key",
        "start_distance",
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
    *("host_ms", "host_low_ms", "host_high_ms", "views", "video_ms", "first_pass_ms", "prepare_s"),
    *("clips_per_second", "throughput_batch", "peak_memory_bytes", "output_error"),
    *("matrix_fraction", "matrix_fraction_low", "matrix_fraction_high", "bound"),
)
"""Accuracies are fractions, costs counts of one clip, latencies milliseconds a batch; what is not measured is NaN.

`latency_ms` is the device's time, `host_ms` includes the way from host memory and back, `video_ms` is that of all
`views` of a video (clips x crops). `latency_outcome` is empty, or why there is no latency. `steady_processes` of
`processes` ended steady. `clips_per_second` is the best over batch sizes, at `throughput_batch`. `first_pass_ms` and
`prepare_s` are the largest over processes: a later one may find what an earlier one compiled. `output_error` is how
far the output is from eager float32's, `matrix_fraction` how near the latency is to the multiply-adds at the rate of a
matrix product, and `bound` what limits the network on this machine, `compute` or `memory`.

`units` is empty, `gating` false and `width` NaN for what has no such thing: networks that are not the paper's family's.
`top1` and `top5` are of whole videos, their views averaged; `view_top1` is of single views, where there are several.
`balanced_top1` is the mean of each class's own top-1, and `class_ratio` how many test clips the largest class has for
each of the smallest one's.
`start_distance` is how far a derived network's features were from its source's before training: at the trunk's end, the
norm of the difference over the norm of the source's, the mean over trainings; NaN for what was not derived.
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
    store = Store(records_folder(Path(path)))
    keys = _sweep_keys(store, sweep) if sweep else None
    everything = {kind: list(store.records(kind)) for kind in KINDS}
    records = {kind: [r for r in found if keys is None or r.key in keys] for kind, found in everything.items()}
    recipes = _recipes(everything["accuracy"])
    # Of one network counted in two ways the newest count is shown.
    costs = {_identity(record): record for record in _oldest_first(records["cost"])}
    trainings = {record.key: record for record in everything["training"]}
    groups = _grouped(records["accuracy"], _accuracy_protocol)
    accuracies = [_Accuracy(store, group, recipes, trainings) for group in groups]
    drift = machine_drift(everything["latency"])
    latencies = [_latency_columns(group, drift) for group in _grouped(records["latency"], _latency_protocol)]
    facts = facts_of(store.sweeps()[sweep].get("published", [])) if sweep else {}
    return _join(costs, accuracies, latencies, _order(store, sweep), facts)


def records_folder(path: Path) -> Path:
    """The folder itself, or its `local/` where it has no records of its own: `results` means `results/local`."""
    if found := find_records(path):
        return found
    problem = "holds no records" if path.is_dir() else "does not exist"
    raise InputError(f"results folder {path} {problem}: run tradeoff sweep first, or name another with --results")


def _sweep_keys(store: Store, sweep: str) -> set[str]:
    sweeps = store.sweeps()
    if sweep not in sweeps:
        known = ", ".join(sweeps) or "no sweep yet"
        raise InputError(f"sweep {sweep!r} was not run into {store.root}: it holds {known}")
    return {key for keys in sweeps[sweep]["keys"].values() for key in keys}


def _order(store: Store, sweep: str | None) -> dict[str, int]:
    """The place of each cost key in its sweep's file, so that a table keeps the order that its author chose."""
    sweeps = store.sweeps()
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


def _grouped(records: Iterable[Record], protocol: Any) -> Iterator[list[Record]]:
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[digest([*_identity(record), protocol(record)])].append(record)
    yield from groups.values()


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


class _Accuracy:
    """The accuracies of one variant under one protocol: all seeds, each with the held-out clips of all folds."""

    def __init__(
        self, store: Store, records: list[Record], recipes: Mapping[str, str], trainings: Mapping[str, Record]
    ) -> None:
        self.recipe = recipes[records[0].about["recipe_key"]]
        self.identity = _identity(records[0])
        seeds = _complete_seeds(records)
        chosen = [record for group in seeds for record in group]
        trained = [trainings.get(record.depends_on.get("training", "")) for record in chosen]
        self.start = float(np.mean([_start_distance(each) if each else np.nan for each in trained]))
        self.unreadable = _unreadable(seeds[0], trained[0])
        arrays = [[store.read_arrays(record) for record in group] for group in seeds]
        self.correct = np.stack([_joined(group, 1) for group in arrays])
        self.labels = np.concatenate([each["labels"] for each in arrays[0]]).astype(np.int64)
        self.groups = np.concatenate([each["groups"] for each in arrays[0]]).astype(np.int64)
        self.columns = self._columns(chosen, seeds, float(np.mean([_joined(group, 5).mean() for group in arrays])))

    def _columns(self, records: list[Record], seeds: list[list[Record]], top5: float) -> dict[str, Any]:
        interval = wilson(self.correct[0], self.groups) if len(seeds) == 1 else bootstrap(self.correct, self.groups)
        about, view = records[0].about, records[0].about["view"]
        return {
            "data": about["data"],
            "data_digest": records[0].depends_on["data"],
            "recipe": self.recipe,
            "recipe_key": about["recipe_key"],
            "start_distance": self.start,
            "view": view_words(view),
            "order": about["order"],
            "seeds": len(seeds),
            "folds": len(seeds[0]),
            "test_clips": self.correct.shape[1],
            "unreadable": self.unreadable,
            "top1": interval.estimate,
            "top1_low": interval.low,
            "top1_high": interval.high,
            "top5": top5,
            "balanced_top1": float(np.mean([balanced(right, self.labels) for right in self.correct])),
            "class_ratio": class_ratio(self.labels),
            "view_top1": _view_top1(records),
            "interval": interval.method + ("; one training, nothing about others" if len(records) == 1 else ""),
        }


def _unreadable(folds: list[Record], trained: Record | None) -> int:
    """Videos that one seed goes without; a fold's record of stored clips counts those of the whole data set.

    Of whole videos the tests count their own, which of several folds are all; what a single one was `trained` without
    comes on top.
    """
    first = folds[0].measured
    if "missing" not in first:
        return int(first["unreadable"])
    missing = int(first["missing"])
    lost = sum(int(each.measured["unreadable"]) - missing for each in folds)
    if trained is not None and len(folds) == 1:
        lost += int(trained.measured.get("unreadable", missing)) - missing
    return missing + lost


def _view_top1(records: list[Record]) -> float:
    """The mean over all clips, of folds of any size; NaN where clips have one view."""
    shares = [record.measured.get("view_top1", np.nan) for record in records]
    return float(np.average(shares, weights=[record.measured.get("clips", 1) for record in records]))


def _complete_seeds(records: list[Record]) -> list[list[Record]]:
    """The records of each seed in the order of their folds; a seed without just the folds of the fullest one waits."""
    by_seed: dict[Any, dict[int, Record]] = defaultdict(dict)
    for record in records:
        by_seed[record.about["seed"]][record.about["fold"]] = record
    fullest = max((tuple(sorted(folds)) for folds in by_seed.values()), key=len)
    seeds = sorted(by_seed, key=lambda seed: (seed is None, seed))
    return [[by_seed[seed][fold] for fold in fullest] for seed in seeds if set(by_seed[seed]) == set(fullest)]


def _joined(folds: Collection[Mapping[str, Any]], k: int) -> NDArray[np.bool_]:
    """bool (clips,): was the label among the k most probable, over the clips of all folds."""
    return np.concatenate([topk_correct(each["log_probabilities"], each["labels"], k) for each in folds])


def _start_distance(training: Record) -> float:
    """At the end of the trunk, where a network was derived and the distance was taken; else NaN."""
    distances = training.measured.get("start", {}).get("distances", {})
    stages = [stage for stage in distances if stage != "logits"]
    return float(distances[stages[-1]]) if stages else np.nan


def _latency_columns(records: list[Record], drift: Component | None) -> tuple[Identity, dict[str, Any]]:
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
    return _identity(records[0]), columns | (timed_columns(timed, drift) if timed else {})


def _join(
    costs: Mapping[Identity, Record],
    accuracies: list[_Accuracy],
    latencies: list[tuple[Identity, dict[str, Any]]],
    order: Mapping[str, int],
    facts: Facts,
) -> Table:
    """Every accuracy of a variant with every latency of it, and what has no counterpart once."""
    rows: list[tuple[int, dict[str, Any], _Accuracy | None]] = []
    identities = {*costs, *(each.identity for each in accuracies), *(identity for identity, _ in latencies)}
    for identity in sorted(identities):
        cost = costs.get(identity)
        place = order.get(cost.key, len(order)) if cost else len(order)
        shared = _variant_columns(identity) | (dict(cost.measured) if cost else {})
        own = [each for each in accuracies if each.identity == identity]
        timed = [columns for owner, columns in latencies if owner == identity]
        for accuracy, latency in itertools.product(own or (None,), timed or ({},)):
            tested = accuracy.columns if accuracy else {}
            stated = dict(facts.get((identity[0], tested.get("order", "normal")), {}))
            rows.append((place, shared | stated | tested | latency, accuracy))
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
