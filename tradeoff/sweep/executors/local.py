"""Measures in worker processes of this machine, so that one that dies, hangs or fills the memory takes no other along.

Workers start when there is something for them, and stay: one a GPU, or as many as are asked for on a CPU, each with
its own threads. Trainings and tests overlap; a latency has the whole machine.
"""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType

import torch

from tradeoff.errors import InputError
from tradeoff.measure.timing.fresh_process import kills_for_memory
from tradeoff.records.keys import Kind
from tradeoff.records.store import Store
from tradeoff.sweep.clips import Clips
from tradeoff.sweep.executors.base import Ended
from tradeoff.sweep.executors.local_worker import BAD, BEGUN, ENDED, STOPPED, serve
from tradeoff.sweep.executors.stopping import Stopping, masked
from tradeoff.sweep.failures import LOG_LINES, Failed
from tradeoff.sweep.listening import Listener
from tradeoff.sweep.logs import MeasurementLog, log_path
from tradeoff.sweep.measuring import Measurer
from tradeoff.sweep.plan import Measurement, Plan

SECONDS_BETWEEN_LOOKS = 0.25
"""At a timeout, at Ctrl-C."""
SECONDS_TO_DIE = 10.0
"""Of a worker whose connection is closed already."""


@dataclass
class _Worker:
    """A process, and what it measures now."""

    process: BaseProcess
    pipe: Connection
    plan: Plan | None = None
    measurement: Measurement | None = None
    listener: Listener = field(default_factory=Listener)
    deadline: float = float("inf")
    kills: int = 0

    @property
    def is_busy(self) -> bool:
        return self.measurement is not None

    def end(self) -> None:
        """At once, with all that it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid or 0, signal.SIGKILL)
        self.process.kill()
        self.process.join()
        self.pipe.close()


class Local:
    """See `Executor`.

    devices: of each worker; on a CPU the same one several times. say: hears a line for the user.
    """

    def __init__(
        self,
        store: Store,
        cache: Path,
        devices: Sequence[torch.device],
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.store, self.cache, self.devices, self.say = store, cache, devices, say
        self._entered = 0
        self._workers: dict[int, _Worker] = {}
        self._stopping = Stopping()

    def __enter__(self) -> Local:
        if not self._entered:
            self._stopping.__enter__()
        self._entered += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered -= 1
        if self._entered:
            return
        try:
            if kind is None:
                self._dismiss()
            self.end()
        finally:
            self._stopping.__exit__(kind, error, trace)

    def end(self) -> None:
        """End what is under way at once."""
        for worker in self._workers.values():
            worker.end()
        self._workers.clear()

    def prepare(self, plan: Plan, kinds: Collection[Kind], listener: Listener) -> None:
        """The data here, once, so that the workers find it ready."""
        self.use(plan)
        clips = Clips(plan, self.cache)
        clips.listener = listener
        clips.open({*kinds})

    def use(self, plan: Plan) -> None:
        """What is started from now on is of this plan."""
        self.plan = plan

    def takes(self, measurement: Measurement) -> bool:
        busy = self._busy()
        kinds = {each.measurement.key.kind for each in busy if each.measurement}
        if self._stopping.asked or "latency" in kinds:
            return False
        return not busy if measurement.key.kind == "latency" else len(busy) < len(self.devices)

    def start(self, measurement: Measurement, listener: Listener, divide: int) -> None:
        # A latency comes here with all idle: always the same worker, which keeps its processes apart in time.
        place = next(i for i in range(len(self.devices)) if i not in self._workers or not self._workers[i].is_busy)
        worker = self._workers.get(place) or self._hire(place)
        worker.deadline = float("inf")
        worker.measurement, worker.listener, worker.kills = measurement, listener, kills_for_memory()
        with suppress(OSError):  # one that has died meanwhile is noticed by `wait`
            if worker.plan is not self.plan:
                # Pickled plainly: tensors that take multiprocessing's way need shared memory, which containers lack.
                worker.pipe.send(pickle.dumps(replace(self.plan, device=self.devices[place])))
                worker.plan = self.plan
            worker.pipe.send((measurement, divide))

    def wait(self) -> list[Ended]:
        while not (ended := self.look(SECONDS_BETWEEN_LOOKS)):
            pass
        return ended

    def look(self, seconds: float) -> list[Ended]:
        """As `wait`, but no longer than so many seconds, and not if there is something else to hear before: those that
        have ended, perhaps none."""
        self._stop_if_asked()
        pipes = [each.pipe for each in self._busy()]
        connection.wait(pipes, timeout=seconds)
        found = [self._look(place) for place, each in list(self._workers.items()) if each.is_busy]
        return [each for each in found if each is not None]

    def stop(self) -> None:
        """As Ctrl-C does, pressed once."""
        self._stopping.asked = True

    def _busy(self) -> list[_Worker]:
        return [each for each in self._workers.values() if each.is_busy]

    def _hire(self, place: int) -> _Worker:
        context = get_context("spawn")  # CUDA and thread pools do not survive a fork
        ours, theirs = context.Pipe()
        arguments = (theirs, self.store.root, self.cache, torch.get_num_threads(), Measurer.save_every)
        process = context.Process(target=serve, args=arguments, name=f"worker {place}")
        # Until it listens for itself, which takes seconds, Ctrl-C is not for it.
        with masked(signal.SIGINT):
            process.start()
        theirs.close()
        worker = self._workers[place] = _Worker(process, ours)
        return worker

    def _look(self, place: int) -> Ended | None:
        """What one worker has sent: the end of its measurement, if that is among it."""
        worker = self._workers[place]
        assert worker.measurement is not None
        while True:
            try:
                if not worker.pipe.poll():
                    break
                said, *values = worker.pipe.recv()
            except (EOFError, OSError):
                return self._lose(place, self._death(worker))
            else:
                if said == BEGUN:  # a new worker takes a while to start, which is not the measurement's
                    worker.deadline = time.monotonic() + (self._seconds(worker.measurement) or float("inf"))
                    continue
                if said == ENDED:
                    worker.measurement = None
                    ended: Ended = values[0]
                    return ended
                if said == BAD:
                    raise InputError(values[0])
                if said == STOPPED:
                    del self._workers[place]
                    worker.end()
                    return None
                getattr(worker.listener, said)(*values)
        if time.monotonic() > worker.deadline:
            seconds = self._seconds(worker.measurement)
            return self._lose(place, Failed("timeout", f"it took more than {seconds:g} seconds"))
        return None

    def _seconds(self, measurement: Measurement) -> float | None:
        """What it may take."""
        limits = self.plan.sweep.timeout
        return limits.of(measurement.key.kind) if limits else None

    def _lose(self, place: int, failed: Failed) -> Ended:
        """Do without a worker, and note why in its measurement's log."""
        worker = self._workers.pop(place)
        worker.end()
        assert worker.measurement is not None
        log = log_path(self.store.root, worker.measurement)
        try:
            tail = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        except OSError:
            tail = []
        MeasurementLog(self.store.root, worker.measurement, Listener()).failed(failed)
        return Ended(worker.measurement, failed=replace(failed, log=tail))

    def _death(self, worker: _Worker) -> Failed:
        worker.process.join(SECONDS_TO_DIE)
        code = worker.process.exitcode or 0
        if code == -signal.SIGKILL and kills_for_memory() > worker.kills:
            return Failed("out of memory", "the system ended its process: out of memory")
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return Failed("died", f"its process {how}")

    def _stop_if_asked(self) -> None:
        """Pass Ctrl-C on, once, and leave when all have saved what they have."""
        if not self._stopping.asked:
            return
        if self._stopping.begins(self.say):
            for worker in self._busy():
                with suppress(ProcessLookupError):
                    os.kill(worker.process.pid or 0, signal.SIGINT)
        if not self._busy():
            raise KeyboardInterrupt

    def _dismiss(self) -> None:
        for worker in self._workers.values():
            with suppress(OSError):
                worker.pipe.send(None)
        for worker in self._workers.values():
            worker.process.join(timeout=10)
