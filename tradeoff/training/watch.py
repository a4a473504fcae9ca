"""What is noted of a training beside its loss: accuracy, and how long it waited for data."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from types import TracebackType

import torch
from torch import Tensor


@dataclass(frozen=True)
class Pace:
    """Of an epoch since it began or was resumed: clips seen, seconds, and those of them spent waiting for batches."""

    clips: int
    seconds: float
    waited: float

    @property
    def clips_per_second(self) -> float:
        return self.clips / self.seconds

    @property
    def wait(self) -> float:
        """The share of the time that was waited, 0 to 1."""
        return self.waited / self.seconds


class Watched:
    """Batches as they come, (clips, labels), closed in the end: a context manager. Counts the clips, of all processes,
    and the seconds until each batch was there."""

    def __init__(
        self,
        batches: Generator[tuple[Tensor, Tensor]],
        processes: int = 1,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.batches, self.processes, self.clock = batches, processes, clock
        self.clips, self.waited = 0, 0.0
        self.started = clock()

    def __enter__(self) -> Watched:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.batches.close()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        asked = self.clock()
        clips, labels = next(self.batches)
        self.waited += self.clock() - asked
        self.clips += self.processes * len(labels)
        return clips, labels

    def pace(self) -> Pace:
        return Pace(self.clips, self.clock() - self.started, self.waited)


@torch.no_grad()
def loss_and_accuracy(loss: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    """The loss, and the share of labels, (N,), that are the largest of their logits, (N, classes): float64 (2,), so
    that both come in one transfer from the device."""
    right = (logits.argmax(dim=1) == labels).double().mean()
    return torch.stack((loss.double(), right))
