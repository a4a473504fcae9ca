"""Shows how a run goes: live in a terminal, as plain lines in a pipe or in CI. Everything goes to standard error."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tradeoff.records.keys import Kind
from tradeoff.sweep.listening import Listener, Losses
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
        self._stages: dict[str, Stage] = {}
        self._told: set[str] = set()
        self._done = 0.0
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
        total = sum(_WEIGHT[each.key.kind] for each in missing)
        self.bars.update(self.total, total=total, visible=bool(missing), note="")

    @contextmanager
    def opening(self) -> Iterator[Listener]:
        """What hears how the data is made ready, before the first measurement."""
        opening = _Opening(self)
        yield opening
        if opening.task is not None:
            self.bars.remove_task(opening.task)

    def begin(self, measurement: Measurement) -> Stage:
        """What hears how far it is."""
        self._count += 1
        stage = self._stages[measurement.key.digest] = Stage(self, measurement, self._count)
        return stage

    def end(self, measurement: Measurement, summary: str) -> None:
        self._finish(measurement, f"{measurement}: {summary}")

    def fail(self, measurement: Measurement, reason: str) -> None:
        self._finish(measurement, f"{measurement}: FAILED, {reason}", style="red")

    def again(self, measurement: Measurement, reason: str, how: str) -> None:
        """It failed, and is tried again."""
        self._finish(measurement, f"{measurement}: {reason}; {how}", style="yellow", counts=False)
        self._count -= 1

    def lost(self, new: Losses, lost: int, videos: int) -> None:
        """Which of the data set's videos it lacks; each is said once, whichever process finds it."""
        unsaid = [(path, reason) for path, reason in new if path not in self._told]
        self._told.update(path for path, _ in unsaid)
        for path, reason in unsaid[:_SHOWN]:
            self.say(f"left out {path}: {reason}", style="yellow")
        if unsaid:
            more = f"; {len(unsaid) - _SHOWN} are not named here" if len(unsaid) > _SHOWN else ""
            self.say(f"{max(lost, len(self._told))} of {videos} videos are missing or unreadable{more}")

    def advance(self) -> None:
        """Bring the bar of the whole sweep to where its stages are."""
        under_way = sum(stage.share * stage.weight for stage in self._stages.values())
        self.bars.update(self.total, completed=self._done + under_way)

    def counted(self, number: int) -> str:
        return f"[{number}/{self._of}]"

    def say(self, text: str, style: str | None = None) -> None:
        self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def _finish(self, measurement: Measurement, text: str, style: str | None = None, counts: bool = True) -> None:
        stage = self._stages.pop(measurement.key.digest)
        self.bars.remove_task(stage.task)
        self._done += stage.weight if counts else 0.0
        self.advance()
        self.say(f"{self.counted(stage.number)} {text}", style)


class _Opening(Listener):
    """A bar, or a line now and then, for what is generated or decoded."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.task: TaskID | None = None
        self._line_at = time.monotonic()

    def data(self, done: int, total: int) -> None:
        if self.task is None:
            self.task = self.reporter.bars.add_task("  data", total=total, note="clips")
        self.reporter.bars.update(self.task, total=total, completed=done)
        if not self.reporter.live and time.monotonic() - self._line_at >= SECONDS_BETWEEN_LINES:
            self._line_at = time.monotonic()
            self.reporter.say(f"data {done}/{total} clips")

    def note(self, text: str) -> None:
        self.reporter.say(text, style="yellow")

    def lost(self, new: Losses, lost: int, videos: int) -> None:
        self.reporter.lost(new, lost, videos)


class Stage(Listener):
    """Shows one measurement: a bar of its own in a terminal, a line now and then elsewhere."""

    def __init__(self, reporter: Reporter, measurement: Measurement, number: int) -> None:
        self.reporter, self.measurement, self.number = reporter, measurement, number
        self.weight, self.share = _WEIGHT[measurement.key.kind], 0.0
        self.task: TaskID = reporter.bars.add_task(f"  {measurement}", total=1, note="")
        self._line_at = time.monotonic()

    def epoch(self, training: Training) -> None:
        waits = f", {training.wait:.0%} of the time waiting for data" if training.wait > WORTH_SAYING else ""
        note = (
            f"epoch {training.epoch}/{training.epochs}, loss {training.loss:.3f}, accuracy {training.accuracy:.0%}, "
            f"{training.clips_per_second:.0f} clips/s{waits}"
        )
        self._advance(training.done / training.total, note)

    def step(self, done: int, total: int) -> None:
        self._advance(done / total, f"{done}/{total} clips")

    def data(self, done: int, total: int) -> None:
        self.reporter.bars.update(self.task, completed=done / max(total, 1), note=f"data: {done}/{total} clips")
        self._line("data", f"{done}/{total} clips")

    def note(self, text: str) -> None:
        self.reporter.say(f"{self.measurement}: {text}", style="yellow")

    def lost(self, new: Losses, lost: int, videos: int) -> None:
        self.reporter.lost(new, lost, videos)

    def _advance(self, share: float, note: str) -> None:
        self.share = share
        self.reporter.bars.update(self.task, completed=share, note=note)
        self.reporter.advance()
        self._line(self.reporter.counted(self.number), note)

    def _line(self, prefix: str, note: str) -> None:
        """A sign of life now and then where there is no live display."""
        if not self.reporter.live and time.monotonic() - self._line_at >= SECONDS_BETWEEN_LINES:
            self._line_at = time.monotonic()
            self.reporter.say(f"{prefix} {note}")
