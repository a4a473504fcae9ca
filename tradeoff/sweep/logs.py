"""The log of one measurement: `<results>/logs/<kind>-<key>.log`, a line an event, attempt after attempt."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from tradeoff.sweep.failures import Failed
from tradeoff.sweep.listening import Listener, Losses
from tradeoff.sweep.plan import Measurement
from tradeoff.training.fit import Progress

SECONDS_BETWEEN_STEPS = 10.0


def log_path(root: Path, measurement: Measurement) -> Path:
    return root / "logs" / f"{measurement.key.kind}-{measurement.key.digest}.log"


class MeasurementLog(Listener):
    """Writes down what it hears, and passes it on. A context manager; a log that cannot be written stops nothing."""

    def __init__(self, root: Path, measurement: Measurement, then: Listener) -> None:
        self.path, self.measurement, self.then = log_path(root, measurement), measurement, then
        self._at = -SECONDS_BETWEEN_STEPS

    def __enter__(self) -> MeasurementLog:
        self.line(f"begins: {self.measurement}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.line(f"stopped: {kind.__name__ if kind else ''} {error}".rstrip())

    def ended(self, summary: str) -> None:
        self.line(f"ended: {summary}")

    def failed(self, failed: Failed) -> None:
        self.line("\n".join([f"failed ({failed.how}): {failed.reason}", *failed.log]))

    def epoch(self, training: Progress) -> None:
        if training.step == training.steps or time.monotonic() - self._at >= SECONDS_BETWEEN_STEPS:
            self._at = time.monotonic()
            self.line(
                f"epoch {training.epoch}/{training.epochs} step {training.step}/{training.steps}: "
                f"loss {training.loss:.4f}, accuracy {training.accuracy:.1%}, {training.clips_per_second:.0f} clips/s, "
                f"{training.wait:.0%} of the time waiting for data"
            )
        self.then.epoch(training)

    def step(self, done: int, total: int) -> None:
        if done == total:
            self.line(f"{total} clips evaluated")
        self.then.step(done, total)

    def data(self, done: int, total: int) -> None:
        if done == total:
            self.line(f"{total} clips generated or decoded")
        self.then.data(done, total)

    def note(self, text: str) -> None:
        self.line(text)
        self.then.note(text)

    def lost(self, new: Losses, lost: int, videos: int) -> None:
        for name, why in new:
            self.line(f"left out {name}: {why}")
        self.then.lost(new, lost, videos)

    def line(self, text: str) -> None:
        """One line, or several, with the time; opened anew, since a worker's own output goes to the same file."""
        try:
            self.path.parent.mkdir(exist_ok=True)
            with self.path.open("a") as file:
                file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {text}\n")
        except OSError:
            return
