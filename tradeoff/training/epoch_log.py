"""What a training's epochs were like, as a CSV file that a plotting tool can follow."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tradeoff.records.store import write_atomically
from tradeoff.training.fit import Progress

_HEAD = "epoch,step,loss,accuracy,rate,clips_per_second,wait"


class EpochLog:
    """Hears every step, and has a line for every epoch: how many steps were done since the start of the training, the
    mean loss and accuracy of the epoch as trained, the learning rate of its last step, and clips a second and the share
    of time that was waited for data since it began or was resumed.

    A training that is done anew, or goes on before the end of the file, takes the lines from there on out again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def step(self, progress: Progress) -> None:
        """A step is done. A file that cannot be written is no reason to end a training."""
        if progress.step == progress.steps:
            with contextlib.suppress(OSError):
                self._append(progress)

    def _append(self, progress: Progress) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = [_HEAD, *(line for epoch, line in self._lines() if epoch < progress.epoch), _line(progress)]
        write_atomically(self.path, ("\n".join(lines) + "\n").encode())

    def _lines(self) -> list[tuple[int, str]]:
        """Each epoch with its line; nothing of a file that is no such log."""
        try:
            head, *lines = self.path.read_text().splitlines()
            return [(int(line.partition(",")[0]), line) for line in lines] if head == _HEAD else []
        except (FileNotFoundError, ValueError):
            return []


def _line(progress: Progress) -> str:
    return (
        f"{progress.epoch},{progress.done},{progress.loss!r},{progress.accuracy:.6g},{progress.rate:.6g},"
        f"{progress.clips_per_second:.1f},{progress.wait:.4f}"
    )
