"""What a training's epochs were like, as a CSV file that a plotting tool can follow."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tradeoff.records.store import write_atomically
from tradeoff.training.fit import Progress

_HEAD = "epoch,step,loss,clips_per_second"


class EpochLog:
    """Hears every step, and has a line for every epoch: how many steps were done since the start of the training, the
    mean loss of the epoch, and clips a second since it began or was resumed.

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
        lines = self.path.read_text().splitlines()[1 : progress.epoch] if self.path.exists() else []
        steps = progress.epoch * progress.steps
        lines.append(f"{progress.epoch},{steps},{progress.loss!r},{progress.clips_per_second:.1f}")
        write_atomically(self.path, ("\n".join([_HEAD, *lines]) + "\n").encode())
