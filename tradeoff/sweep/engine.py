"""Makes the measurements of a plan that are not recorded yet, one after the other, in this process.

Where a launcher started several, all of them train and the main one does everything else; where the sweep asks for
several, each training has processes of its own (`tradeoff.sweep.apart`).

Each is written the moment it is made, so that a kill loses the one under way; of a training it loses no more than
`Engine.save_every` seconds. One that fails is noted under `attempts/` and does not stop the others.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tradeoff.errors import InputError
from tradeoff.measure.cost import cost
from tradeoff.measure.environment import provenance
from tradeoff.measure.latency import Spacing, latency, reason
from tradeoff.networks import build
from tradeoff.records.keys import KINDS, Kind
from tradeoff.records.statistics import topk_correct
from tradeoff.records.store import Store, write_atomically
from tradeoff.records.views import sampling_words
from tradeoff.sweep.apart import LOG_LINES, EndedEarly, train_apart
from tradeoff.sweep.clips import Clips
from tradeoff.sweep.outcome import Failure, Outcome
from tradeoff.sweep.plan import Measurement, Plan
from tradeoff.sweep.progress import Reporter
from tradeoff.training.batches import TrainingBatches
from tradeoff.training.epoch_log import EpochLog
from tradeoff.training.fit import DivergedError, Progress, fit, seed_everything
from tradeoff.training.processes import current, left_alone, of_all, of_main
from tradeoff.training.resuming import SECONDS, ResumePoint
from tradeoff.training.tensorboard_log import TensorBoardLog, run_name
from tradeoff.variants import InceptionVariant
from tradeoff.weights.building import network_of
from tradeoff.weights.checkpoints import checkpoint_bytes, load_checkpoint, state_digest
from tradeoff.weights.derive import distances

CLIPS_COMPARED = 4


class Engine:
    """Runs one plan against one store."""

    save_every = SECONDS
    """Seconds of a training between one saved state and the next."""

    def __init__(self, plan: Plan, store: Store, cache: Path, reporter: Reporter) -> None:
        self.plan, self.store, self.cache, self.reporter = plan, store, cache, reporter
        self.clips = Clips(plan, cache, reporter)
        self._main: bool = current().is_main_process
        self._spacing = Spacing()
        self._measurers: dict[Kind, Callable[[Measurement], str]] = {
            "cost": self._cost,
            "training": self.train,
            "accuracy": self._evaluate,
            "latency": self._time,
        }

    def run(self, kinds: tuple[Kind, ...] = KINDS) -> Outcome:
        """Measure what is missing of the given kinds.

        Raises InputError for a results folder, data or weights that cannot be used at all; in one of several processes
        also whatever else ends a training, divergence excepted, since the others cannot go on without it.
        """
        missing = self._missing(kinds)
        wanted = [each for each in self.plan.measurements if each.key.kind in kinds]
        outcome = Outcome(present=len({m.key.digest for m in wanted} - {m.key.digest for m in missing}))
        self.clips.open({each.key.kind for each in missing})
        failed: set[object] = set()
        self.reporter.plan(missing)
        for measurement in missing:
            if measurement.needs in failed:
                outcome.skipped.append(measurement)
                continue
            began = of_main(datetime.now(UTC))
            takes_part = self._main or measurement.key.kind == "training"
            if not of_main(self._attempt(measurement, outcome, began) if takes_part else True):
                failed.add(measurement.provides)
            for lost in of_all(self.clips.losses):
                self.clips.hear_losses(lost)
            self._drop_checkpoints()
        self._drop_checkpoints()  # of a run that was killed before it could
        self._drop_states()
        return outcome

    def _missing(self, kinds: tuple[Kind, ...]) -> list[Measurement]:
        """What the main process finds missing, in a folder that it has made ready."""
        digests: set[str] = set()
        if self._main:
            self.store.prepare()
            self.store.write_sweep(self.plan.sweep.name, self.plan.keys(), self.plan.published())
            digests = {each.key.digest for each in self.plan.missing(self.store, kinds)}
        digests = of_main(digests)
        return [each for each in self.plan.measurements if each.key.digest in digests]

    def _attempt(self, measurement: Measurement, outcome: Outcome, began: datetime) -> bool:
        self.reporter.begin(measurement)
        try:
            summary = self._measurers[measurement.key.kind](measurement)
        except InputError as error:
            error.in_training = measurement.key.kind == "training"
            raise
        except Exception as error:
            together = current().num_processes > 1 and measurement.key.kind == "training"
            if together and left_alone(error):
                raise  # the process that ended first says why
            said, log = said_of(error)
            path = self.store.write_attempt(measurement.key, said, "\n".join(log), self._made(0.0), began)
            if together and not isinstance(error, DivergedError):
                raise
            outcome.failures.append(Failure(measurement, said, path))
            self.reporter.fail(measurement, said)
            return False
        finally:
            self.clips.tell_losses()
        outcome.measured += 1
        self.reporter.end(measurement, summary)
        return True

    def _cost(self, measurement: Measurement) -> str:
        started = time.perf_counter()
        measured = cost(measurement.variant, self.plan.sweep.shape)
        self._write(measurement, measured.as_record(), started)
        return f"{measured.params / 1e6:.2f} M parameters, {measured.macs / 1e9:.3f} G multiply-adds"

    def train(self, measurement: Measurement) -> str:
        """Train and record one network, in these processes or, where the plan asks for more, in others; what to say."""
        if self.plan.processes > current().num_processes:
            return self._train_apart(measurement)
        started = time.perf_counter()
        network = self._initial_network(measurement)
        start = self._start(measurement, network) if self._main else {}
        batches = self.clips.batches(measurement)
        with self._resume_point(measurement) as point:
            history = self._fit(measurement, network, batches, point)
            measured = {"epochs": [each.as_record() for each in history]} | start | self.clips.lost(batches)
            if self._main:
                self._keep(measurement, network, measured, started - point.before)
            point.discard()
        away = f", began {start['start']['distances']['mixed_5c']:.2f} from the source's features" if start else ""
        last = history[-1]
        return f"loss {last.loss:.3f}, accuracy {last.accuracy:.0%}, {last.clips_per_second:.0f} clips/s{away}"

    def _train_apart(self, measurement: Measurement) -> str:
        note = partial(self.reporter.note, measurement)
        hearers = self.reporter.epoch, note, self.clips.hear_losses
        train_apart(self.plan, measurement.key, self.store.root, self.cache, self.save_every, *hearers)
        last = self.store.read(measurement.key).measured["epochs"][-1]
        return f"loss {last['loss']:.3f}, {last['clips_per_second']:.0f} clips/s in {self.plan.processes} processes"

    def _fit(
        self, measurement: Measurement, network: nn.Module, batches: TrainingBatches, point: ResumePoint
    ) -> list[Progress]:
        recipe = self.plan.sweep.train
        assert recipe is not None
        with self._logs(measurement) as heard:
            try:
                return fit(
                    network,
                    batches,
                    recipe,
                    precision=self.plan.precision,
                    device=self.plan.device,
                    report=heard,
                    resume=point,
                )
            except DivergedError:
                point.discard()  # its state leads there again
                raise

    @contextmanager
    def _logs(self, measurement: Measurement) -> Iterator[Callable[[Progress], None]]:
        """What hears each step of a training: the display, and of the main process the files that tell of it later."""
        if not self._main:
            yield self.reporter.epoch
            return
        key, logs = measurement.key.digest, self.store.root / "logs"
        epochs = EpochLog(logs / f"{key}.csv")
        name = run_name(measurement.variant.name, measurement.seed or 0, measurement.fold, key)
        with TensorBoardLog(logs / name, say=partial(self.reporter.note, measurement)) as steps:

            def heard(progress: Progress) -> None:
                self.reporter.epoch(progress)
                epochs.step(progress)
                steps.step(progress)

            yield heard

    def _resume_point(self, measurement: Measurement) -> ResumePoint:
        """Beside the checkpoints, and named like them."""
        path = self.store.root / "checkpoints" / f"{measurement.key.digest}.resume.pt"
        return ResumePoint(path, measurement.key.digest, self.save_every, say=partial(self.reporter.note, measurement))

    def _start(self, measurement: Measurement, network: nn.Module) -> dict[str, Any]:
        """How far a derived network is from the one that it was derived from, before it is trained."""
        weights, variant = self.plan.weights, measurement.variant
        if weights is None or not isinstance(variant, InceptionVariant) or variant == weights.variant:
            return {}
        clips = self.clips.few(measurement, CLIPS_COMPARED)
        found = distances(weights.network(), network, clips)
        return {"start": {"weights": weights.origin, "clips": len(clips), "distances": found}}

    def _initial_network(self, measurement: Measurement) -> nn.Module:
        assert self.plan.sweep.train is not None and measurement.seed is not None
        seed_everything(measurement.seed, self.plan.device)
        dropout = self.plan.sweep.train.dropout
        if self.plan.weights is None:
            return build(measurement.variant, dropout=dropout)
        return network_of(self.plan.weights, measurement.variant, dropout)

    def _keep(self, measurement: Measurement, network: nn.Module, measured: dict[str, Any], started: float) -> None:
        """Checkpoint first, record second: a training that is on record has had its network kept."""
        state = state_digest(network)
        if self.plan.checkpoint(self.store, measurement.key):
            return  # another process trained it meanwhile, and the first one's stands
        if self.store.has(measurement.key) and (before := self.store.read(measurement.key).measured["state"]) != state:
            raise RuntimeError(
                f"training again gave weights {state} where {before} are on record, whose checkpoint is gone: "
                "this device does not repeat itself, so keep checkpoints (keep: last) or use other results"
            )
        path = self.store.root / "checkpoints" / f"{measurement.key.digest}.{state}.pt"
        write_atomically(path, checkpoint_bytes(network, measurement.variant, self._classes))
        self._write(measurement, {"state": state} | measured, started)

    def _evaluate(self, measurement: Measurement) -> str:
        started = time.perf_counter()
        tested_on, tested = self.clips.test(measurement, self._trained_network(measurement))
        labels = tested_on.labels[tested.indices]
        measured = {f"top{k}": float(topk_correct(tested.log_probabilities, labels, k).mean()) for k in (1, 5)}
        arrays = {
            "log_probabilities": tested.log_probabilities,
            "labels": labels.astype(np.int32),
            "groups": tested_on.groups[tested.indices].astype(np.int32),
            "ids": np.array([tested_on.ids[i] for i in tested.indices]),
        }
        by_view = ""
        if (views := self.plan.sweep.plan_of_views) and views.count > 1:
            measured["view_top1"] = float(tested.views_right.mean())
            arrays["views_right"] = tested.views_right
            by_view = f" ({measured['view_top1']:.1%} of single views)"
        counts = {"clips": len(labels), **tested.counts()}
        self._write(measurement, measured | counts, started, arrays)
        return f"top-1 {measured['top1']:.1%}{by_view}, top-5 {measured['top5']:.1%} of {len(labels)} clips"

    def _trained_network(self, measurement: Measurement) -> nn.Module:
        if measurement.training is None:
            assert self.plan.weights is not None
            return network_of(self.plan.weights, measurement.variant)
        path = self.plan.checkpoint(self.store, measurement.training)
        if path is None:
            raise RuntimeError("the checkpoint is gone: run the sweep again to train it anew")
        try:
            return load_checkpoint(path, measurement.variant)[0]
        except InputError as error:
            raise RuntimeError(f"{error}; delete it and run the sweep again to train it anew") from error

    def _time(self, measurement: Measurement) -> str:
        protocol, started = measurement.protocol, time.perf_counter()
        assert protocol is not None
        first = measurement.replicate == 0
        self._spacing.wait(protocol, measurement.variant)
        timed = latency(measurement.variant, self.plan.sweep.shape, protocol, str(self.plan.device), beside=first)
        self._write(measurement, dict(timed.values), started, dict(timed.arrays))
        return timed.summary()

    def _write(
        self,
        measurement: Measurement,
        measured: dict[str, Any],
        started: float,
        arrays: dict[str, np.ndarray] | None = None,
    ) -> None:
        about, made = self._about(measurement), self._made(time.perf_counter() - started)
        self.store.write(measurement.key, measured, about=about, made=made, arrays=arrays)

    def _about(self, measurement: Measurement) -> dict[str, Any]:
        """What a reader wants to know of a record and its key does not say in words."""
        sweep, description = self.plan.sweep, self.plan.description
        about: dict[str, Any] = {"name": measurement.variant.name, "variant": measurement.variant.fields()}
        about["clip"] = sweep.clip
        if measurement.key.kind in ("training", "accuracy") and description is not None:
            about |= {"data": description.name, "fold": measurement.fold, "seed": measurement.seed}
            about |= self._origin()
        if measurement.key.kind == "accuracy":
            about |= {"order": measurement.order, "view": self.plan.view}
        return about

    def _origin(self) -> dict[str, Any]:
        """Where the weights come from: a recipe, or a checkpoint as it is."""
        weights = self.plan.weights
        if self.plan.sweep.train is None:
            assert weights is not None
            return {"recipe": f"none, checkpoint {weights.digest}", "recipe_key": weights.digest}
        start = f", from {Path(weights.origin).name} (checkpoint {weights.digest})" if weights else ""
        together = f", {self.plan.processes} processes" if self.plan.processes > 1 else ""
        threads = f", CPU threads: {torch.get_num_threads()}" if self.plan.device.type == "cpu" else ""
        flips = ", mirrored at random" if self.plan.description and self.plan.description.flips else ""
        drawn = f", {sampling_words(sampled | {'clip': self.plan.sweep.clip})}" if (sampled := self._sampled) else ""
        summary = self.plan.sweep.train.summary(self.plan.precision) + drawn + together + threads + flips + start
        return {"recipe": summary, "recipe_key": self.plan.recipe_key}

    def _made(self, seconds: float) -> dict[str, Any]:
        return provenance(self.plan.device) | {"seconds": round(seconds, 3)}

    @property
    def _sampled(self) -> dict[str, Any]:
        return dict(self.plan.recipe.get("sampling", {}))

    @property
    def _classes(self) -> tuple[str, ...]:
        assert self.plan.description is not None
        return self.plan.description.classes

    def _drop_checkpoints(self) -> None:
        """`keep: none`: a checkpoint goes once no accuracy of this plan waits for it."""
        if self.plan.sweep.keep != "none" or not self._main:
            return
        waiting = {m.training.digest for m in self.plan.measurements if m.training and not self.store.has(m.key)}
        for each in self.plan.measurements:
            done = each.key.kind == "training" and each.key.digest not in waiting
            if done and (path := self.plan.checkpoint(self.store, each.key)):
                path.unlink(missing_ok=True)

    def _drop_states(self) -> None:
        """What was left by a run that another one of the same sweep overtook."""
        for each in self.plan.measurements:
            if each.key.kind == "training" and self.store.has(each.key):
                self._resume_point(each).discard()


def said_of(error: Exception) -> tuple[str, list[str]]:
    """What a failed measurement says: a line, and the last lines of its log."""
    if isinstance(error, EndedEarly):
        return str(error), error.log
    return reason(error), "".join(traceback.format_exception(error)).splitlines()[-LOG_LINES:]
