"""Shows how a run goes: live in a terminal, as plain lines in a pipe or in CI. Everything goes to standard error."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tradeoff.records.keys import Kind
from tradeoff.sweep.plan import Measurement
from tradeoff.training.fit import Progress as Training

# A first guess of how long each kind takes, in seconds, for the time left; the bar's own speed corrects it.
_WEIGHT: dict[Kind, float] = {"cost": 0.3, "training": 60.0, "accuracy": 6.0, "latency": 12.0}

SECONDS_BETWEEN_LINES = 15.0
WORTH_SAYING = 0.1  # the share of a training's time that it waits for data
_SHOWN = 10  # of the videos that are left out


def silent() -> Reporter:
    """One that says nothing: of several processes that train together, one is enough."""
    return Reporter(Console(quiet=True, force_terminal=False))


class Reporter:
    """Hears what the engine does. Use as a context manager: `with Reporter() as reporter: ...`"""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.live = self.console.is_terminal
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn("{task.fields[note]}"),
        )
        self.bars = Progress(*columns, console=self.console, disable=not self.live, speed_estimate_period=600)
        self.total: TaskID = self.bars.add_task("sweep", total=0, visible=False, note="")
        self.stage: TaskID = self.bars.add_task("", total=1, visible=False, note="")
        self._done = self._weight = 0.0
        self._line_at = time.monotonic()
        self._count = self._of = 0

    def __enter__(self) -> Reporter:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def plan(self, missing: Sequence[Measurement]) -> None:
        """What is going to be measured."""
        self._of = len(missing)
        self.bars.update(
            self.total, total=sum(_WEIGHT[each.key.kind] for each in missing), visible=bool(missing), note=""
        )

    def begin(self, measurement: Measurement) -> None:
        self._count += 1
        self._weight = _WEIGHT[measurement.key.kind]
        self._line_at = time.monotonic()
        self.bars.reset(self.stage, description=f"  {measurement}", total=1, visible=True, note="")

    def end(self, measurement: Measurement, summary: str) -> None:
        self._finish(f"{measurement}: {summary}")

    def fail(self, measurement: Measurement, reason: str) -> None:
        self._finish(f"{measurement}: FAILED, {reason}", style="red")

    def epoch(self, training: Training) -> None:
        """One step of a training."""
        waits = f", {training.wait:.0%} of the time waiting for data" if training.wait > WORTH_SAYING else ""
        note = (
            f"epoch {training.epoch}/{training.epochs}, loss {training.loss:.3f}, accuracy {training.accuracy:.0%}, "
            f"{training.clips_per_second:.0f} clips/s{waits}"
        )
        self._advance(training.done / training.total, note)

    def note(self, measurement: Measurement, text: str) -> None:
        """Something that the user should know and that stops nothing."""
        self._print(f"{measurement}: {text}", style="yellow")

    def step(self, done: int, total: int) -> None:
        """`done` of `total` clips evaluated."""
        self._advance(done / total, f"{done}/{total} clips")

    def data(self, done: int, total: int) -> None:
        """`done` of `total` clips generated or decoded into the cache."""
        self.bars.update(self.stage, description="  data", total=total, completed=done, visible=True, note="clips")
        self._line("data", f"{done}/{total} clips")

    def lost(self, new: Sequence[tuple[str, str]], lost: int, videos: int) -> None:
        """Which of the data set's videos it lacks, beside those said before; `lost` of `videos` in all."""
        for path, reason in new[:_SHOWN]:
            self._print(f"left out {path}: {reason}", style="yellow")
        if new:
            more = f"; {len(new) - _SHOWN} are not named here" if len(new) > _SHOWN else ""
            self._print(f"{lost} of {videos} videos are missing or unreadable{more}")

    def _advance(self, share: float, note: str) -> None:
        self.bars.update(self.stage, completed=share, note=note)
        self.bars.update(self.total, completed=self._done + share * self._weight)
        self._line(f"[{self._count}/{self._of}]", note)

    def _line(self, prefix: str, note: str) -> None:
        """A sign of life now and then where there is no live display."""
        if not self.live and time.monotonic() - self._line_at >= SECONDS_BETWEEN_LINES:
            self._line_at = time.monotonic()
            self._print(f"{prefix} {note}")

    def _finish(self, text: str, style: str | None = None) -> None:
        self._done += self._weight
        self.bars.update(self.total, completed=self._done)
        self._print(f"[{self._count}/{self._of}] {text}", style)

    def _print(self, text: str, style: str | None = None) -> None:
        self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
