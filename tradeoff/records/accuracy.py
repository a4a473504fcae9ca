"""Several trainings' accuracies of one variant as one row of figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradeoff.records.statistics import Interval, balanced, bootstraps, class_ratio, rivals, wilson
from tradeoff.records.store import Record, Store
from tradeoff.records.views import view_words

_READ = ("log_probabilities", "labels", "groups")


class Accuracy:
    """The accuracies of one variant under one protocol: all seeds, each with the held-out clips of all folds."""

    def __init__(
        self,
        store: Store,
        records: list[Record],
        recipes: Mapping[str, str],
        trainings: Mapping[str, Record],
    ) -> None:
        seeds = _complete_seeds(records)
        trained = [trainings.get(record.depends_on.get("training", "")) for group in seeds for record in group]
        start = float(np.mean([_start_distance(each) if each else np.nan for each in trained]))
        arrays = [[store.read_arrays(record, _READ) for record in group] for group in seeds]
        better = np.stack([_joined(group) for group in arrays])
        self.correct = better < 1
        self.labels = np.concatenate([each["labels"] for each in arrays[0]]).astype(np.int64)
        self.groups = np.concatenate([each["groups"] for each in arrays[0]]).astype(np.int64)
        top5 = float(np.mean([(row < 5).mean() for row in better]))
        recipe = recipes[records[0].about["recipe_key"]]
        unreadable = _unreadable(seeds[0], trained[0])
        self.columns = self._columns(seeds) | {
            "recipe": recipe,
            "start_distance": start,
            "unreadable": unreadable,
            "top5": top5,
        }

    def _columns(self, seeds: list[list[Record]]) -> dict[str, Any]:
        first = seeds[0][0]
        about = first.about
        return {
            "data": about["data"],
            "data_digest": first.depends_on["data"],
            "recipe_key": about["recipe_key"],
            "view": view_words(about["view"]),
            "order": about["order"],
            "seeds": len(seeds),
            "folds": len(seeds[0]),
            "test_clips": self.correct.shape[1],
            "balanced_top1": float(np.mean([balanced(right, self.labels) for right in self.correct])),
            "class_ratio": class_ratio(self.labels),
            "micro_batches": max(
                (record.about["accumulate"] for group in seeds for record in group if "accumulate" in record.about),
                default=np.nan,
            ),
            "view_top1": _view_top1([record for group in seeds for record in group]),
        }

    def add(self, interval: Interval) -> None:
        """The columns of the top-1 accuracy and its interval."""
        alone = self.columns["seeds"] * self.columns["folds"] == 1
        self.columns |= {
            "top1": interval.estimate,
            "top1_low": interval.low,
            "top1_high": interval.high,
            "interval": interval.method + ("; one training, nothing about others" if alone else ""),
        }


def add_intervals(accuracies: Sequence[Accuracy]) -> None:
    """Of one training Wilson's, of several a bootstrap's."""
    several = [each for each in accuracies if len(each.correct) > 1]
    for each, interval in zip(several, bootstraps((each.correct, each.groups) for each in several), strict=True):
        each.add(interval)
    for each in accuracies:
        if len(each.correct) == 1:
            each.add(wilson(each.correct[0], each.groups))


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
    if not any("view_top1" in record.measured for record in records):
        return np.nan
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


def _joined(folds: Collection[Mapping[str, Any]]) -> NDArray[np.int64]:
    """int64 (clips,): how many classes beat or equal the label, over the clips of all folds."""
    return np.concatenate([rivals(each["log_probabilities"], each["labels"]) for each in folds])


def _start_distance(training: Record) -> float:
    """At the end of the trunk, where a network was derived and the distance was taken; else NaN."""
    distances = training.measured.get("start", {}).get("distances", {})
    stages = [stage for stage in distances if stage != "logits"]
    return float(distances[stages[-1]]) if stages else np.nan
