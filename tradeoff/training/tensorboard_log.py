"""What a training's steps were like, as TensorBoard shows it, where TensorBoard is installed."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tradeoff.training.fit import Progress

POINTS = 1000
"""At most so many of each curve, whatever the length of the training."""

_NAME_LENGTH = 80


def run_name(variant: str, seed: int, fold: int, key: str) -> str:
    """The folder of a training's run, which is how TensorBoard names it: `I3D_seed0_fold0_1a2b3c4d`."""
    plain = re.sub(r"[^A-Za-z0-9._=,()+-]+", "-", variant).strip(".-")[:_NAME_LENGTH]
    return f"{plain}_seed{seed}_fold{fold}_{key[:8]}"


class TensorBoardLog:
    """Hears every step and writes at most `POINTS` points of it to event files in `folder`. A context manager.

    Loss and accuracy of a point are means over the steps since the point before; clips a second and the share of time
    that was waited for data are of the epoch so far. A training that goes on from an earlier step, or is done anew,
    hides what was written of later ones. say: hears one line when nothing more can be written, which is no reason to
    end a training.
    """

    def __init__(self, folder: Path, say: Callable[[str], None] = lambda line: None) -> None:
        self.folder, self.say = folder, say
        self._writer: Any = None
        self._open = True
        self._losses: list[float] = []
        self._accuracies: list[float] = []

    def __enter__(self) -> TensorBoardLog:
        self._usual = threading.excepthook
        threading.excepthook = self._unless_writing
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            with contextlib.suppress(Exception):  # it was said at a step
                self._writer.close()
        threading.excepthook = self._usual

    def _unless_writing(self, failed: threading.ExceptHookArgs) -> None:
        """What ends the library's own thread, such as a full disk, is said at a step and not printed."""
        if type(failed.thread).__name__ != "_AsyncWriterThread":
            self._usual(failed)

    def step(self, progress: Progress) -> None:
        """A step is done."""
        if not self._open:
            return
        self._losses.append(progress.step_loss)
        self._accuracies.append(progress.step_accuracy)
        apart = -(-progress.total // POINTS)
        if progress.done % apart and progress.done != progress.total:
            return
        try:
            self._write(progress)
        except Exception as error:  # the library's own thread may have met anything
            self._open = False
            self.say(f"the TensorBoard log ends here, {self.folder} cannot be written ({error})")

    def _write(self, progress: Progress) -> None:
        if self._writer is None:
            self._writer = _writer(self.folder, progress.done)
        if self._writer is None:
            self._open = False
            return
        for name, value in self._point(progress).items():
            self._writer.add_scalar(f"training/{name}", value, progress.done)
        self._writer.flush()  # before the state of this step is saved: a kill then leaves no gap
        self._losses.clear()
        self._accuracies.clear()

    def _point(self, progress: Progress) -> dict[str, float]:
        return {
            "loss": sum(self._losses) / len(self._losses),
            "accuracy": sum(self._accuracies) / len(self._accuracies),
            "learning_rate": progress.rate,
            "clips_per_second": progress.clips_per_second,
            "waiting_for_data": progress.wait,
        }


def _writer(folder: Path, first: int) -> Any:
    """A `SummaryWriter` that hides earlier points from step `first` on; None where TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=first)
