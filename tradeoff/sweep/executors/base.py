"""What an executor does, and how one measurement is attempted wherever it is made."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from tradeoff.errors import InputError
from tradeoff.records.keys import Kind
from tradeoff.sweep.attempts import note_attempt
from tradeoff.sweep.failures import Failed
from tradeoff.sweep.listening import Listener
from tradeoff.sweep.logs import MeasurementLog
from tradeoff.sweep.measuring import Measurer
from tradeoff.sweep.plan import Measurement, Plan


@dataclass(frozen=True)
class Ended:
    """How one measurement ended: what to say of its record, or why there is none."""

    measurement: Measurement
    summary: str = ""
    failed: Failed | None = None


class Executor(Protocol):
    """A context manager, which may be entered again inside: what it starts, ends with the outermost. Leaving it by an
    exception ends what is under way at once; trainings go on from their last saved state.

    Ctrl-C: `wait` lets what is under way save what it has, and then raises KeyboardInterrupt; the second time at once.
    """

    def __enter__(self) -> Executor: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def prepare(self, plan: Plan, kinds: Collection[Kind], listener: Listener) -> None:
        """What it starts from now on is of this plan: make ready what its measurements of those kinds need.

        Raises InputError for data that cannot be used at all, and for a plan that it cannot carry out.
        """
        ...

    def takes(self, measurement: Measurement) -> bool:
        """Whether it can start now: a latency only where nothing else is under way, and nothing beside it."""
        ...

    def start(self, measurement: Measurement, listener: Listener, divide: int) -> None:
        """`listener` hears how it goes; `divide` is `Measurer.measure`'s."""
        ...

    def wait(self) -> list[Ended]:
        """Those that have ended, at least one of what is under way; what they measured is on record in the store then.

        Raises InputError for data, weights or a results folder that cannot be used at all.
        """
        ...


def attempt(measurer: Measurer, measurement: Measurement, listener: Listener, divide: int) -> Ended:
    """Make one measurement in this process, and write its log. Raises InputError as `Measurer.measure` does."""
    with MeasurementLog(measurer.store.root, measurement, listener) as log:
        try:
            summary = measurer.measure(measurement, log, divide)
        except InputError as error:
            if not isinstance(error, OSError):  # else it is the results folder that cannot be written
                note_attempt(measurer.store, measurer.plan, measurement, Failed("bad input", str(error)))
            raise
        except Exception as error:
            failed = Failed.of(error)
            log.failed(failed)
            return Ended(measurement, failed=failed)
        log.ended(summary)
        return Ended(measurement, summary)
