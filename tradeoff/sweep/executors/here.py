"""Measures in this process, one after the other; where a launcher started several, all of them train and the main one
does everything else."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from tradeoff.errors import InputError
from tradeoff.records.keys import Kind
from tradeoff.records.store import Store
from tradeoff.sweep.attempts import note_attempt
from tradeoff.sweep.executors.base import Ended, attempt
from tradeoff.sweep.executors.stopping import AsCtrlC
from tradeoff.sweep.failures import Failed
from tradeoff.sweep.listening import Listener
from tradeoff.sweep.measuring import Measurer
from tradeoff.sweep.plan import Measurement, Plan
from tradeoff.training.processes import current, left_alone, of_all, of_main


class Here:
    """See `Executor`."""

    def __init__(self, store: Store, cache: Path) -> None:
        self.store, self.cache = store, cache
        self._as_ctrl_c = AsCtrlC()
        self._ended: list[Ended] = []
        self._main: bool = current().is_main_process

    def __enter__(self) -> Here:
        if current().num_processes == 1:
            self._as_ctrl_c.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._as_ctrl_c.__exit__(kind, error, trace)

    def prepare(self, plan: Plan, kinds: Collection[Kind], listener: Listener) -> None:
        if plan.sweep.timeout is not None:
            raise InputError(
                "timeout is given and the measurements are made in this process, which cannot be ended "
                "alone: use --executor local without a launcher, or leave timeout out"
            )
        self.measurer = Measurer(plan, self.store, self.cache)
        self.measurer.open(kinds, listener)

    def takes(self, measurement: Measurement) -> bool:
        return not self._ended

    def start(self, measurement: Measurement, listener: Listener, divide: int) -> None:
        began = of_main(datetime.now(UTC))
        takes_part = self._main or measurement.key.kind == "training"
        ended = self._attempt(measurement, listener, divide, began) if takes_part else Ended(measurement)
        for lost in of_all(self.measurer.clips.losses):
            self.measurer.clips.hear_losses(lost)
        self._ended.append(of_main(ended))

    def wait(self) -> list[Ended]:
        ended, self._ended = self._ended, []
        return ended

    def _attempt(self, measurement: Measurement, listener: Listener, divide: int, began: datetime) -> Ended:
        if current().num_processes == 1 or measurement.key.kind != "training":
            return attempt(self.measurer, measurement, listener, divide)
        try:
            return Ended(measurement, self.measurer.measure(measurement, listener, divide))
        except InputError as error:
            error.in_training = True
            raise
        except Exception as error:
            if left_alone(error):
                raise  # the process that ended first says why
            failed = Failed.of(error)
            if failed.how == "diverged":  # in all of them alike
                return Ended(measurement, failed=failed)
            note_attempt(self.measurer.store, self.measurer.plan, measurement, failed, began)
            raise  # the others cannot go on without this one
