"""What the engine makes of measurements that fail, whoever makes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from tradeoff.records.keys import Kind
from tradeoff.records.store import Store
from tradeoff.sweep.engine import Engine
from tradeoff.sweep.executors.base import Ended
from tradeoff.sweep.failures import Failed, How
from tradeoff.sweep.file import make_sweep
from tradeoff.sweep.kept import state_path
from tradeoff.sweep.listening import Listener
from tradeoff.sweep.outcome import Outcome
from tradeoff.sweep.plan import Measurement, Plan, make_plan
from tradeoff.sweep.progress import silent


class Scripted:
    """Makes nothing; the first measurements of a kind fail in the ways that are listed, and all others end well."""

    def __init__(self, kind: Kind, ways: Sequence[How], writes: Store | None = None) -> None:
        self.kind, self.ways, self.writes = kind, list(ways), writes
        self.started: list[str] = []
        self._ended: list[Ended] = []

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *error: object) -> None:
        return

    def prepare(self, plan: Plan, kinds: Collection[Kind], listener: Listener) -> None:
        return

    def takes(self, measurement: Measurement) -> bool:
        return not self._ended

    def start(self, measurement: Measurement, listener: Listener, divide: int) -> None:
        if measurement.key.kind == self.kind:
            self.started.append(f"{measurement}" + (f" by {divide}" if divide > 1 else ""))
        fails = measurement.key.kind == self.kind and self.ways
        if self.writes and fails:
            self.writes.write(measurement.key, {}, about={"variant": {}, "clip": ""}, made={})
        self._ended.append(Ended(measurement, failed=Failed(self.ways.pop(0), "it failed") if fails else None))

    def wait(self) -> list[Ended]:
        ended, self._ended = self._ended, []
        return ended


@pytest.fixture
def plan(tiny: dict[str, Any]) -> Plan:
    values = tiny | {"name": "mine", "variants": ["I2D"], "latency": "none"}
    return make_plan(make_sweep(values | {"retries": {"error": 1}}, "test"), torch.device("cpu"))


def run(plan: Plan, executor: Scripted, store: Store) -> Outcome:
    return Engine(plan, store, executor, silent()).run()


def test_it_is_tried_again_as_often_as_the_sweep_says(plan: Plan, tmp_path: Path) -> None:
    once = Scripted("training", ["error"])
    outcome = run(plan, once, Store(tmp_path / "once"))
    assert (len(once.started), outcome.measured, outcome.failures) == (2, 3, [])
    twice = Scripted("training", ["error", "error"])
    outcome = run(plan, twice, Store(tmp_path / "twice"))
    assert (len(twice.started), outcome.measured) == (2, 1)
    assert [str(each.measurement) for each in outcome.failures] == ["I2D seed 0 training"]
    assert [str(each) for each in outcome.skipped] == ["I2D seed 0 accuracy"]
    assert len(list((tmp_path / "twice/attempts").iterdir())) == 2


def test_out_of_memory_it_takes_smaller_micro_batches_until_they_are_of_two_clips(plan: Plan, tmp_path: Path) -> None:
    executor = Scripted("training", ["out of memory"] * 4)
    outcome = run(plan, executor, Store(tmp_path))
    name = "I2D seed 0 training"
    assert executor.started == [name, *(f"{name} in {count} micro-batches" for count in (2, 4, 8))]
    assert len(outcome.failures) == 1


def test_what_made_steps_before_memory_ran_out_is_tried_as_it_is_once(plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path).prepare()
    training = next(each for each in plan.measurements if each.key.kind == "training")
    state = state_path(store, training.key)
    state.write_bytes(b"of an earlier step")
    executor = Scripted("training", ["out of memory"] * 2)
    assert run(plan, executor, store).failures == []
    name = "I2D seed 0 training"
    assert executor.started == [name, name, f"{name} in 2 micro-batches"]
    assert not state.exists()


def test_a_test_takes_fewer_clips_at_once(plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path)
    executor = Scripted("accuracy", ["out of memory"] * 2)
    engine = Engine(plan, store, executor, silent())
    engine._is_kept = lambda training: True  # type: ignore[method-assign]
    assert engine.run().failures == []
    name = "I2D seed 0 accuracy"
    assert executor.started == [name, f"{name} by 2", f"{name} by 4"]


def test_a_worker_that_dies_after_its_record_is_written_has_not_failed(plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path).prepare()
    outcome = run(plan, Scripted("cost", ["died"], writes=store), store)
    assert (outcome.measured, outcome.failures) == (3, [])
    assert list((tmp_path / "attempts").iterdir()) == []
