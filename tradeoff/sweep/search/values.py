"""What is on record of the candidates of a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tradeoff.records.keys import Kind
from tradeoff.records.latency import timed_columns
from tradeoff.records.store import Record, Store
from tradeoff.sweep.plan import Plan
from tradeoff.variants import Variant


@dataclass(frozen=True)
class Trained:
    """Top-1 as a fraction, the mean over seeds, frames in the first order of the sweep; seconds of all trainings."""

    top1: float
    seconds: float


def costs(plan: Plan, store: Store) -> dict[Variant, dict[str, float]]:
    """`macs` and `params` of a plan's variants, as far as they are on record."""
    found = _records(plan, store, "cost")
    return {
        variant: {"macs": one.measured["macs"], "params": one.measured["params"]}
        for variant, (one, *_) in found.items()
    }


def latencies(plan: Plan, store: Store) -> dict[Variant, float]:
    """Milliseconds a batch, the geometric mean over processes; without those that were not timed in each of them."""
    wanted = plan.sweep.latency.processes if plan.sweep.latency else 0
    found = {
        variant: [one.measured for one in records if "median_ms" in one.measured]
        for variant, records in _records(plan, store, "latency").items()
    }
    return {variant: timed_columns(each)["latency_ms"] for variant, each in found.items() if len(each) == wanted}


def trainings(plan: Plan, store: Store) -> dict[Variant, Trained]:
    """Of the variants of which every seed and fold is on record, trained and tested."""
    wanted = len({(each.seed, each.fold) for each in plan.measurements if each.key.kind == "training"})
    tests, trained = _records(plan, store, "accuracy", plan.sweep.orders[0]), _records(plan, store, "training")
    return {
        variant: Trained(_top1(records), round(sum(one.made["seconds"] for one in trained[variant]), 3))
        for variant, records in tests.items()
        if len(records) == len(trained.get(variant, [])) == wanted
    }


def _top1(records: list[Record]) -> float:
    """Over all clips of all folds and seeds."""
    weights = [one.measured["clips"] for one in records]
    return float(np.average([one.measured["top1"] for one in records], weights=weights))


def _records(plan: Plan, store: Store, kind: Kind, order: str = "normal") -> Mapping[Variant, list[Record]]:
    found: dict[Variant, list[Record]] = defaultdict(list)
    for each in plan.measurements:
        if each.key.kind == kind and each.order == order and store.has(each.key):
            found[each.variant].append(store.read(each.key))
    return dict(found)
