"""Makes the measurements of a plan that are not recorded yet.

An executor makes them (`tradeoff.sweep.executors`); here is decided which is next, and what becomes of one that fails:
it is noted under `attempts/`, tried again as the sweep says, and stops no other.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from tradeoff.records.keys import KINDS, Key, Kind
from tradeoff.records.store import Store
from tradeoff.sweep.attempts import fitted, note_attempt
from tradeoff.sweep.claims import claim_records
from tradeoff.sweep.executors.base import Ended, Executor
from tradeoff.sweep.failures import Failed
from tradeoff.sweep.kept import Kept, state_path
from tradeoff.sweep.outcome import Failure, Outcome
from tradeoff.sweep.plan import Measurement, Plan
from tradeoff.sweep.progress import Reporter
from tradeoff.sweep.queue import Queue
from tradeoff.sweep.running import Running
from tradeoff.training.processes import current, of_main


class Engine:
    """Runs one plan against one store."""

    def __init__(self, plan: Plan, store: Store, executor: Executor, reporter: Reporter) -> None:
        self.plan, self.store, self.executor, self.reporter = plan, store, executor, reporter
        self.kept = Kept(store)
        self._main: bool = current().is_main_process
        self._tries: Counter[str] = Counter()
        """How often each key was tried again."""
        self._divide: dict[str, int] = {}
        """Keys of tests that did not fit into memory, and on how many times fewer clips at once they are made."""
        self._began: dict[str, datetime] = {}
        self._went_on: set[str] = set()
        """Keys of trainings that ran out of memory and were tried again as they are."""

    def run(self, kinds: tuple[Kind, ...] = KINDS) -> Outcome:
        """Measure what is missing of the given kinds.

        Raises InputError for a results folder, data or weights that cannot be used at all; in one of several processes
        also whatever else ends a training, divergence excepted, since the others cannot go on without it.
        """
        missing = self._missing(kinds)
        wanted = [each for each in self.plan.measurements if each.key.kind in kinds]
        outcome = Outcome(present=len({m.key.digest for m in wanted} - {m.key.digest for m in missing}))
        if missing:
            self.reporter.plan(missing)
            self._measure(Queue(missing), outcome)
        if self._main:
            self.kept.at_end(self.plan)
        return outcome

    def _missing(self, kinds: tuple[Kind, ...]) -> list[Measurement]:
        """What the main process finds missing, in a folder that it has made ready."""
        found: tuple[dict[str, int], set[str]] | None = None
        if self._main:
            self.store.prepare()
            self.plan = fitted(self.plan, self.store)
            self._note_sweep()
            found = dict(self.plan.accumulated), {each.key.digest for each in self.plan.missing(self.store, kinds)}
        found = of_main(found)
        assert found is not None
        if found[0] != self.plan.accumulated:
            self.plan = self.plan.accumulating(found[0])
        return [each for each in self.plan.measurements if each.key.digest in found[1]]

    def _note_sweep(self) -> None:
        sweep = self.plan.sweep
        self.store.write_sweep(sweep.name, self.plan.keys(), self.plan.published(), claim_records(sweep))

    def _measure(self, queue: Queue, outcome: Outcome) -> None:
        with ExitStack() as stack:
            said = Running(self.store.root, self.plan.sweep.name)
            running = stack.enter_context(said) if self._main else None
            stack.enter_context(self.executor)
            with self.reporter.opening() as opening:
                self.executor.prepare(self.plan, queue.kinds, opening)
            while queue:
                while (measurement := queue.next()) and self.executor.takes(measurement):
                    self._start(queue, measurement, running)
                for ended in self.executor.wait():
                    if running is not None:
                        running.end(ended.measurement.key.digest)
                    self._end(queue, ended, outcome)
                    if self._main:
                        self.kept.after(self.plan, ended.measurement)

    def _start(self, queue: Queue, measurement: Measurement, running: Running | None) -> None:
        queue.begin(measurement)
        key = measurement.key.digest
        self._began[key] = datetime.now(UTC)
        stage = self.reporter.begin(measurement)
        listener = running.begin(measurement, stage) if running else stage
        self.executor.start(measurement, listener, self._divide.get(key, 1))

    def _end(self, queue: Queue, ended: Ended, outcome: Outcome) -> None:
        measurement, failed = ended.measurement, ended.failed
        if failed is None or of_main(self._is_made(measurement)):  # a worker may end between its record and its word
            queue.done(measurement)
            outcome.measured += 1
            self.reporter.end(measurement, ended.summary)
            return
        path = self._note(measurement, failed)
        if how := self._try_again(queue, measurement, failed):
            self.reporter.again(measurement, failed.reason, how)
            return
        outcome.skipped += queue.failed(measurement)
        outcome.failures.append(Failure(measurement, failed.reason, path))
        self.reporter.fail(measurement, failed.reason)

    def _note(self, measurement: Measurement, failed: Failed) -> Path:
        began = self._began[measurement.key.digest]
        return of_main(note_attempt(self.store, self.plan, measurement, failed, began) if self._main else Path())

    def _try_again(self, queue: Queue, measurement: Measurement, failed: Failed) -> str:
        """Queue what takes its place, and say what; nothing where it has failed for good."""
        key = measurement.planned or measurement.key.digest
        if (training := measurement.training) and not self._tries[key] and not of_main(self._is_kept(training)):
            self._tries[key] += 1
            queue.again(measurement, self.plan.training_of(measurement), measurement)
            return "trained anew first"
        if self._tries[key] >= self.plan.sweep.retries.of(failed.how):
            return ""
        if failed.how == "out of memory" and not self._fits(measurement):
            return self._try_smaller(queue, measurement)
        self._tries[key] += 1
        queue.again(measurement)
        return "tried again"

    def _is_made(self, measurement: Measurement) -> bool:
        made = self.store.has(measurement.key)
        return made and (measurement.key.kind != "training" or self._is_kept(measurement.key))

    def _is_kept(self, training: Key) -> bool:
        return self.plan.checkpoint(self.store, training) is not None

    def _fits(self, measurement: Measurement) -> bool:
        """A training with a saved state made steps before memory ran out, so that something else filled it; once."""
        key = measurement.key.digest
        fits = measurement.key.kind == "training" and state_path(self.store, measurement.key).exists()
        fits = of_main(fits and key not in self._went_on)
        self._went_on.add(key)
        return fits

    def _try_smaller(self, queue: Queue, measurement: Measurement) -> str:
        """On fewer clips at once, where there are fewer."""
        key = measurement.planned or measurement.key.digest
        if measurement.key.kind == "accuracy":
            views = self.plan.sweep.plan_of_views
            if views is not None and views.frames == "all":
                return ""  # a video at a time already
            self._tries[key] += 1
            self._divide[key] = 2 * self._divide.get(key, 1)
            queue.again(measurement)
            return f"tried again on {self._divide[key]} times fewer clips at once"
        smaller = self.plan.smaller(measurement) if measurement.key.kind == "training" else None
        if smaller is None:
            return ""
        self._tries[key] += 1
        self.plan = smaller
        instead = smaller.training_of(measurement)
        missing = {each.key.digest for each in smaller.missing(self.store)}
        tests = [each for each in smaller.tests_of(instead.key) if each.key.digest in missing]
        queue.replace(measurement, [instead] if instead.key.digest in missing else [], tests)
        if self._main:
            state_path(self.store, measurement.key).unlink(missing_ok=True)  # nothing goes on from it
            self._note_sweep()
        return f"tried again in {instead.accumulate} micro-batches a step"
