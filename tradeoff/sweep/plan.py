"""From a sweep to its measurements, each with its key; what is in the store already need not be done."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from tradeoff.data import Description, SyntheticData, describe
from tradeoff.data.clips import Progress, quiet
from tradeoff.digest import digest
from tradeoff.errors import InputError
from tradeoff.measure.cost import COUNTER
from tradeoff.measure.environment import machine, provenance, source_digest
from tradeoff.measure.latency import resolve_threads
from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.measure.runtimes import combinations
from tradeoff.precision import resolve_precision
from tradeoff.records.keys import (
    KINDS,
    Fields,
    Key,
    Kind,
    accuracy_key,
    cost_key,
    latency_key,
    training_key,
)
from tradeoff.records.store import Store
from tradeoff.sweep.file import Sweep
from tradeoff.sweep.refusals import (
    refuse_other_labels,
    refuse_uneven_shares,
    refuse_unprobed,
    refuse_untrained_heads,
)
from tradeoff.training.batches import Order
from tradeoff.training.evaluate import VIEW
from tradeoff.training.processes import check_devices, current, join
from tradeoff.training.recipe import Recipe
from tradeoff.variants import Variant
from tradeoff.weights.checkpoints import Weights, open_weights
from tradeoff.weights.derive import METHOD
from tradeoff.weights.matching import match, named_by

_OF_THE_DEVICE = ("precision", "settings", "machines", "made_with")
"""What a plan asks of its device, once."""

MICRO_BATCH = 2
"""Clips that a micro-batch has at least: of one alone batch norm would see nothing but itself."""


@dataclass(frozen=True)
class Measurement:
    """One thing to measure; `key` names its record. `training` is the key of the training that an accuracy needs,
    `protocol` how a latency is measured. `accumulate`: where a training's step did not fit into memory, in how many
    micro-batches it is taken instead of the recipe's, which makes it another key than the one `planned`."""

    key: Key
    variant: Variant
    seed: int | None = None
    fold: int = 0
    order: Order = "normal"
    replicate: int = 0
    training: Key | None = None
    protocol: LatencyProtocol | None = None
    accumulate: int | None = None
    planned: str | None = None

    @property
    def needs(self) -> object:
        """What must not have failed before: an accuracy's training, an earlier process of a latency."""
        if self.protocol is not None:
            return self.protocol, self.variant
        return self.training.digest if self.training else None

    @property
    def provides(self) -> object:
        """What others need of it."""
        return self.needs if self.protocol else self.key.digest

    @property
    def awaited(self) -> str:
        return "an earlier process of it" if self.protocol else "its training"

    def __str__(self) -> str:
        seed = "" if self.seed is None else f" seed {self.seed}"
        fold = f" fold {self.fold}" if self.fold else ""
        order = f" {self.order}" if self.order != "normal" else ""
        micro = f" in {self.accumulate} micro-batches" if self.accumulate and self.key.kind == "training" else ""
        timed = f" {self.protocol}, process {self.replicate + 1}" if self.protocol else ""
        return f"{self.variant.name}{seed}{fold}{order} {self.key.kind}{micro}{timed}"


@dataclass(frozen=True)
class Plan:
    """A sweep on one device: its measurements in the order in which they should be made. Its trainings take so many
    `processes`, each on a device like it."""

    sweep: Sweep
    device: torch.device
    description: Description | None
    weights: Weights | None
    processes: int = 1
    accumulated: Mapping[str, int] = field(default_factory=dict)
    """Digests of planned trainings that did not fit into memory, and in how many micro-batches they take a step."""

    @cached_property
    def precision(self) -> str:
        """What the recipe's precision comes to on the device."""
        assert self.sweep.train is not None
        return resolve_precision(self.sweep.train.precision, self.device)

    @cached_property
    def variants(self) -> list[Variant]:
        """The variants, each once, in the order of the file; with the knobs that the weights carry, where some are."""
        if self.weights is None:
            return self.sweep.chosen(self.classes)
        matched = [self._planned(name) for name in self.sweep.names]
        if self.sweep.train is None and self.description is not None:
            refuse_untrained_heads(self.weights, matched)
            refuse_other_labels(self.weights, self.description)
        return list(dict.fromkeys(matched))

    def _planned(self, name: str) -> Variant:
        """The variant that a name of the sweep comes to."""
        variant = self.sweep.variant(name, self.classes)
        if self.weights is None:
            return variant
        return match(self.weights, variant, named_by(name, self.sweep.knobs(self.classes)), self.sweep.derive)

    def published(self) -> list[dict[str, Any]]:
        """The facts that the file states, each of the variant that is planned, for the sweep's entry in the results
        folder."""
        names = (
            {self.sweep.variant(name, self.classes): name for name in self.sweep.names} if self.sweep.published else {}
        )
        planned = [names[self.sweep.variant(fact.variant, self.classes)] for fact in self.sweep.published]
        return [
            fact.as_record(self._planned(name).fields())
            for fact, name in zip(self.sweep.published, planned, strict=True)
        ]

    @property
    def classes(self) -> int:
        return len(self.description.classes) if self.description else self.sweep.classes or 400

    def initial(self, variant: Variant) -> str | None:
        """What a variant's weights start from: the digest of the weights, and how they are derived if they are."""
        if self.weights is None:
            return None
        return self.weights.digest + ("" if variant == self.weights.variant else f"/{METHOD}")

    @cached_property
    def settings(self) -> tuple[list[LatencyProtocol], list[str]]:
        """Every runtime, precision, layout and batch that latency is measured in, and what was left out and why."""
        return combinations(self.sweep.latency, self.device) if self.sweep.latency else ([], [])

    @cached_property
    def machines(self) -> dict[str, tuple[Fields, str]]:
        """Of each runtime that latency is measured in, what its key holds of this machine and of the source."""
        runtimes = {each.runtime for each in self.settings[0]}
        return {each: (machine(self.device, each), source_digest(each)) for each in runtimes}

    @cached_property
    def made_with(self) -> dict[str, Any]:
        """What a note of what failed says of the machine."""
        return provenance(self.device)

    @cached_property
    def recipe(self) -> Fields:
        """What a training's key holds of how it is trained."""
        assert self.sweep.train is not None
        return self._fields_of(self.sweep.train)

    def recipe_of(self, measurement: Measurement) -> Recipe:
        """How one network is trained: as the sweep says, but for micro-batches that fit into memory."""
        assert self.sweep.train is not None
        return _accumulating(self.sweep.train, measurement.accumulate)

    def smaller(self, training: Measurement) -> Plan | None:
        """The plan with one training that takes its steps in more micro-batches, at least twice as many; None where
        they cannot get smaller."""
        assert self.sweep.train is not None and training.planned is not None
        batch, now = self.sweep.train.batch, self.recipe_of(training).accumulate
        most = batch // (MICRO_BATCH * self.processes)
        divides = (count for count in range(2 * now, most + 1) if batch % (count * self.processes) == 0)
        if (count := next(divides, None)) is None:
            return None
        return self.accumulating({**self.accumulated, training.planned: count})

    def fitting(self, store: Store, failed: Collection[str]) -> Plan:
        """The plan with smaller micro-batches for the trainings that are known not to fit: those whose keys are among
        `failed`, unless they are on record."""
        plan: Plan = self
        for first in [each for each in self.measurements if each.key.kind == "training"]:
            training: Measurement | None = first
            while training and training.key.digest in failed and not store.has(training.key):
                smaller = plan.smaller(training)
                training = smaller.training_of(training) if smaller else None
                plan = smaller or plan
        return plan

    def accumulating(self, accumulated: Mapping[str, int]) -> Plan:
        """The plan with other micro-batches, as `accumulated` has them."""
        plan = replace(self, accumulated=accumulated)
        plan.__dict__.update({name: self.__dict__[name] for name in _OF_THE_DEVICE if name in self.__dict__})
        return plan

    def settle(self) -> None:
        """Ask the device all that the plan depends on, so that a machine without one can go on with the plan."""
        for name in _OF_THE_DEVICE:
            if name != "precision" or self.sweep.train is not None:
                getattr(self, name)
        self.keys()

    @cached_property
    def _tests(self) -> dict[str, list[Measurement]]:
        tests: dict[str, list[Measurement]] = defaultdict(list)
        for each in self.measurements:
            if each.training is not None:
                tests[each.training.digest].append(each)
        return tests

    def tests_of(self, training: Key) -> list[Measurement]:
        """The accuracies that need a training."""
        return self._tests.get(training.digest, [])

    def training_of(self, measurement: Measurement) -> Measurement:
        """The training that this plan has of a measurement's variant, seed and fold."""
        assert measurement.seed is not None
        return self._training(measurement.variant, measurement.seed, measurement.fold)

    def _fields_of(self, recipe: Recipe) -> Fields:
        assert self.description is not None
        flips: Fields = {"flips": True} if self.description.flips else {}
        sampling = self.sweep.sampling
        drawn: Fields = {"sampling": {**sampling.fields(), **self._reading}} if sampling else {}
        return {**recipe.fields(self.precision), **flips, **drawn}

    @cached_property
    def view(self) -> Fields:
        """The view plan as a key and a record have it."""
        views = self.sweep.plan_of_views
        return (
            VIEW
            if views is None
            else {
                **views.fields(),
                **self._reading,
                "clip": self.sweep.clip,
                "precision": VIEW["precision"],
            }
        )

    @property
    def _reading(self) -> Fields:
        data = self.sweep.data
        return {} if data is None or isinstance(data, SyntheticData) else data.reading()

    @property
    def trained_on(self) -> str:
        """The digest of what trainings are given: stored clips, or whole videos."""
        assert self.description is not None
        return self.description.videos if self.sweep.sampling else self.description.digest

    @property
    def tested_on(self) -> str:
        """The digest of what accuracies are of: stored clips, or whole videos."""
        assert self.description is not None
        return self.description.videos if self.sweep.plan_of_views else self.description.digest

    @cached_property
    def recipe_key(self) -> str:
        """What trainings of a comparison have in common: all but variant, seed and fold."""
        initial = self.weights.digest if self.weights else None
        together = {"processes": self.processes} if self.processes > 1 else {}
        return digest({"recipe": self.recipe, "threads": torch.get_num_threads(), "initial": initial} | together)

    @cached_property
    def measurements(self) -> list[Measurement]:
        """Costs first, then seed by seed each training with its accuracies, then latencies on a machine at rest."""
        return [*self._costs(), *self._accuracies(), *self._latencies()]

    def missing(self, store: Store, kinds: tuple[Kind, ...] = KINDS) -> list[Measurement]:
        """What is to be measured: not recorded yet, or a training whose checkpoint an accuracy needs again."""
        present = {kind: store.present(kind) for kind in kinds}
        wanted = [each for each in self.measurements if each.key.kind in kinds]
        open_ = [each for each in wanted if each.key.digest not in present[each.key.kind]]
        needed = {each.training.digest: each.training for each in open_ if each.training}
        gone = {digest for digest, training in needed.items() if not self.checkpoint(store, training)}
        ids = {each.key.digest for each in open_} | gone
        return [each for each in self.measurements if each.key.digest in ids]

    def checkpoint(self, store: Store, training: Key) -> Path | None:
        """Where a training's network is kept, or None when it is not."""
        if not store.has(training):
            return None
        path = store.root / "checkpoints" / f"{training.digest}.{store.read(training).measured['state']}.pt"
        return path if path.exists() else None

    def keys(self) -> dict[str, list[str]]:
        """Every key of the sweep by kind, for its entry in the results folder."""
        found: dict[str, list[str]] = {kind: [] for kind in KINDS}
        for each in self.measurements:
            found[each.key.kind].append(each.key.digest)
        return found

    def _folds(self) -> tuple[int, ...]:
        assert self.description is not None
        known = self.description.folds
        if self.sweep.folds == "all":
            return known
        if missing := [fold for fold in self.sweep.folds if fold not in known]:
            raise InputError(
                f"folds names {missing[0]}: data set {self.description.name} has {', '.join(map(str, known))}"
            )
        return self.sweep.folds

    def _costs(self) -> Iterator[Measurement]:
        for variant in self.variants:
            yield Measurement(cost_key(variant.fields(), self.sweep.clip, COUNTER), variant)

    def _accuracies(self) -> Iterator[Measurement]:
        if self.description is None:
            return
        if self.sweep.train is not None:
            for seed, fold, variant in itertools.product(self.sweep.seeds, self._folds(), self.variants):
                training = self._training(variant, seed, fold)
                yield training
                yield from self._views({"training": training.key.digest}, variant, seed, fold, training)
        elif self.weights is not None:
            for fold, variant in itertools.product(self._folds(), self.variants):
                source = {"checkpoint": self.initial(variant), "variant": variant.fields()}
                yield from self._views(source, variant, None, fold, None)

    def _training(self, variant: Variant, seed: int, fold: int) -> Measurement:
        planned = self._training_key(variant, seed, fold, self.recipe)
        accumulate = self.accumulated.get(planned.digest)
        if accumulate is None:
            return Measurement(planned, variant, seed, fold, planned=planned.digest)
        assert self.sweep.train is not None
        key = self._training_key(variant, seed, fold, self._fields_of(_accumulating(self.sweep.train, accumulate)))
        return Measurement(key, variant, seed, fold, accumulate=accumulate, planned=planned.digest)

    def _training_key(self, variant: Variant, seed: int, fold: int, recipe: Fields) -> Key:
        return training_key(
            variant.fields(),
            self.sweep.clip,
            self.trained_on,
            fold,
            recipe,
            torch.get_num_threads(),
            seed,
            self.initial(variant),
            self.processes,
        )

    def _views(
        self, source: Fields, variant: Variant, seed: int | None, fold: int, training: Measurement | None
    ) -> Iterator[Measurement]:
        accumulate = training.accumulate if training else None
        of = training.key if training else None
        for order in self.sweep.orders:
            key = accuracy_key(source, self.tested_on, fold, self.view, order)
            yield Measurement(key, variant, seed, fold, order, training=of, accumulate=accumulate)

    def _latencies(self) -> Iterator[Measurement]:
        """Process by process, so that those of one variant are spread over the whole time that it takes: what the
        machine does in a quarter of an hour is then in their interval, and in no comparison."""
        if self.sweep.latency is None:
            return
        protocols = [resolve_threads(each) for each in self.settings[0]]
        for replicate, protocol in itertools.product(range(self.sweep.latency.processes), protocols):
            for variant in self.variants:
                where, source = self.machines[protocol.runtime]
                first = () if replicate else protocol.throughput
                key = latency_key(variant.fields(), self.sweep.clip, protocol.fields(), where, source, replicate, first)
                yield Measurement(key, variant, replicate=replicate, protocol=protocol)


def _accumulating(recipe: Recipe, accumulate: int | None) -> Recipe:
    return recipe if accumulate is None else recipe.model_copy(update={"accumulate": accumulate})


def make_plan(sweep: Sweep, device: torch.device, cache: Path | None = None, hashing: Progress = quiet) -> Plan:
    """Look at the data and the weights that a sweep names, and plan it; `cache` and `hashing` are those of `describe`.

    Raises InputError for data or weights that cannot be used, before anything is measured.
    """
    description = describe(sweep.data, sweep.shape, cache, hashing) if sweep.data else None
    plan = Plan(sweep, device, description, _open_weights(sweep, description), _processes(sweep, device))
    for variant in plan.variants:
        variant.check_clip(sweep.shape.frames, sweep.shape.height, sweep.shape.width)
    plan.keys()  # enumerates, and so finds folds and knobs that do not exist
    if description and sweep.train:
        folds = dict.fromkeys(each.fold for each in plan.measurements if each.key.kind == "training")
        refuse_uneven_shares(sweep.train, description, folds, plan.processes)
        if sweep.train.trainable == "head":
            refuse_unprobed(plan.variants)
    return plan


def _processes(sweep: Sweep, device: torch.device) -> int:
    """How many train together: what the sweep says, or what a launcher started.

    Raises InputError where the two differ, or there are too few GPUs.
    """
    if sweep.gpus is not None and device.type != "cuda":
        raise InputError(
            f"gpus is {sweep.gpus} and the device is {device}: use --device cuda, or on a CPU processes instead of gpus"
        )
    join(device)
    here: int = current().num_processes
    if here > 1 and sweep.names_processes and sweep.together != here:
        key = "processes" if sweep.gpus is None else "gpus"
        raise InputError(
            f"{key} is {sweep.together} and a launcher started {here}: start the sweep without a launcher, or leave "
            f"{key} out"
        )
    if here == 1:
        check_devices(device, sweep.together)
    return max(here, sweep.together)


def _open_weights(sweep: Sweep, description: Description | None) -> Weights | None:
    """The weights, read once; bare ones are of the first variant, and the others have to fit them too."""
    if sweep.weights is None or description is None:
        return None
    return open_weights(sweep.weights, sweep.chosen(len(description.classes))[0])
