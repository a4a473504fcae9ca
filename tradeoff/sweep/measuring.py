"""Makes one measurement, in this process, and records it.

It is written the moment it is made, so that a kill loses the one under way; of a training it loses no more than
`Measurer.save_every` seconds.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tradeoff.errors import InputError
from tradeoff.measure.cost import cost, paper_counts
from tradeoff.measure.environment import provenance
from tradeoff.measure.latency import Spacing, latency
from tradeoff.networks import build
from tradeoff.records.damage import FOLDER as DAMAGED
from tradeoff.records.keys import Kind
from tradeoff.records.statistics import topk_correct
from tradeoff.records.store import Store, write_atomically
from tradeoff.sweep.apart import train_apart
from tradeoff.sweep.clips import Clips
from tradeoff.sweep.descriptions import about
from tradeoff.sweep.kept import state_path
from tradeoff.sweep.listening import Listener
from tradeoff.sweep.plan import Measurement, Plan
from tradeoff.training.batches import TrainingBatches
from tradeoff.training.epoch_log import EpochLog
from tradeoff.training.evaluate import BATCH
from tradeoff.training.fit import DivergedError, Progress, fit, seed_everything
from tradeoff.training.processes import current
from tradeoff.training.resuming import SECONDS, ResumePoint
from tradeoff.training.tensorboard_log import TensorBoardLog, run_name
from tradeoff.variants import InceptionVariant
from tradeoff.weights.building import network_of
from tradeoff.weights.checkpoints import checkpoint_bytes, load_checkpoint, state_digest
from tradeoff.weights.derive import distances

CLIPS_COMPARED = 4


class Measurer:
    """Makes the measurements of one plan for one store. A process needs one: its data is opened once."""

    save_every = SECONDS
    """Seconds of a training between one saved state and the next."""

    def __init__(self, plan: Plan, store: Store, cache: Path) -> None:
        self.plan, self.store, self.cache = plan, store, cache
        self.clips = Clips(plan, cache)
        self.listener = Listener()
        self._main: bool = current().is_main_process
        self._divide = 1
        self._spacing = Spacing()
        self._measurers: dict[Kind, Callable[[Measurement], str]] = {
            "cost": self._cost,
            "training": self._train,
            "accuracy": self._evaluate,
            "latency": self._time,
        }

    def open(self, kinds: Iterable[Kind], listener: Listener) -> None:
        """The data that measurements of those kinds need. Raises InputError where it cannot be used at all."""
        self.clips.listener = listener
        self.clips.open({*kinds})

    def measure(self, measurement: Measurement, listener: Listener, divide: int = 1) -> str:
        """Measure and record; what to say of it. `divide`: a test takes so many times fewer clips at once.

        Raises whatever goes wrong; InputError only for data, weights or a results folder that cannot be used at all.
        """
        self.listener = self.clips.listener = listener
        self._divide = divide
        try:
            return self._measurers[measurement.key.kind](measurement)
        finally:
            self.clips.tell_losses()

    def _cost(self, measurement: Measurement) -> str:
        started = time.perf_counter()
        measured = cost(measurement.variant, self.plan.sweep.shape)
        counts = paper_counts(measurement.variant, self.plan.sweep.shape, measured)
        self._write(measurement, measured.as_record() | counts, started)
        return f"{measured.params / 1e6:.2f} M parameters, {measured.macs / 1e9:.3f} G multiply-adds"

    def _train(self, measurement: Measurement) -> str:
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
        if self.plan.device.type == "cuda":
            torch.cuda.empty_cache()  # what a test here has left is not theirs to use
        heard = self.listener, self.clips.hear_losses
        train_apart(self.plan, measurement, self.store.root, self.cache, self.save_every, *heard)
        last = self.store.read(measurement.key).measured["epochs"][-1]
        return f"loss {last['loss']:.3f}, {last['clips_per_second']:.0f} clips/s in {self.plan.processes} processes"

    def _fit(
        self, measurement: Measurement, network: nn.Module, batches: TrainingBatches, point: ResumePoint
    ) -> list[Progress]:
        recipe = self.plan.recipe_of(measurement)
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
            yield self.listener.epoch
            return
        key, logs = measurement.key.digest, self.store.root / "logs"
        epochs = EpochLog(logs / f"{key}.csv")
        name = run_name(measurement.variant.name, measurement.seed or 0, measurement.fold, key)
        with TensorBoardLog(logs / name, say=self.listener.note) as steps:

            def heard(progress: Progress) -> None:
                self.listener.epoch(progress)
                epochs.step(progress)
                steps.step(progress)

            yield heard

    def _resume_point(self, measurement: Measurement) -> ResumePoint:
        path = state_path(self.store, measurement.key)
        return ResumePoint(path, measurement.key.digest, self.save_every, say=self.listener.note)

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
        with uninterrupted():
            write_atomically(path, checkpoint_bytes(network, measurement.variant, self._classes))
            self._write(measurement, {"state": state} | measured, started)

    def _evaluate(self, measurement: Measurement) -> str:
        started = time.perf_counter()
        tested_on, tested = self.clips.test(measurement, self._trained_network(measurement), self._batch)
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
            self.store.set_aside(path)  # the engine finds it gone, and has it trained anew
            raise RuntimeError(f"{error}: it is set aside in {self.store.root / DAMAGED}") from error

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
        made = provenance(self.plan.device) | {"seconds": round(time.perf_counter() - started, 3)}
        if measurement.key.kind == "accuracy" and self._batch != BATCH:
            made["batch"] = self._batch
        with uninterrupted():
            self.store.write(measurement.key, measured, about=about(self.plan, measurement), made=made, arrays=arrays)

    @property
    def _batch(self) -> int:
        return max(1, BATCH // self._divide)

    @property
    def _classes(self) -> tuple[str, ...]:
        assert self.plan.description is not None
        return self.plan.description.classes


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until what is being written is written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if heard:
        signal.raise_signal(signal.SIGINT)
