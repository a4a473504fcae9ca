"""From memory-mapped uint8 clips to batches that a network takes."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from tradeoff.clip_shape import ClipShape
from tradeoff.data import Dataset
from tradeoff.errors import InputError
from tradeoff.networks.pixels import to_network as to_network
from tradeoff.variants.base import Pixels

Order = Literal["normal", "reversed"]
Indices = np.ndarray


def _corner(shape: tuple[int, ...], clip: ClipShape, random: np.random.Generator) -> tuple[int, int]:
    """Top and left of a random window of frames of `shape` (T, H', W', 3)."""
    top = int(random.integers(shape[1] - clip.height + 1))
    return top, int(random.integers(shape[2] - clip.width + 1))


def _crop(frames: np.ndarray, clip: ClipShape, corner: tuple[int, int]) -> np.ndarray:
    top, left = corner
    return frames[:, top : top + clip.height, left : left + clip.width]


def centre_crop(frames: np.ndarray, clip: ClipShape) -> np.ndarray:
    """The middle height x width window of stored frames (T, H', W', 3)."""
    top, left = (frames.shape[1] - clip.height) // 2, (frames.shape[2] - clip.width) // 2
    return frames[:, top : top + clip.height, left : left + clip.width]


@dataclass(frozen=True)
class Shares:
    """How the clips of a step are divided: into `accumulate` micro-batches, one after the other, and each of these
    among `processes`, of which this one is number `index`."""

    accumulate: int = 1
    processes: int = 1
    index: int = 0

    def of(self, clips: int) -> list[slice]:
        """This process's part of each micro-batch, as rows of the step's clips.

        Raises InputError where the clips cannot be divided evenly.
        """
        parts = self.accumulate * self.processes
        if clips % parts:
            raise InputError(
                f"train.batch gives a step of {clips} clips: it should be a multiple of {parts}, for {self.processes} "
                f"processes and accumulate {self.accumulate}, and no more than there are training clips"
            )
        size = clips // parts
        starts = (size * (micro * self.processes + self.index) for micro in range(self.accumulate))
        return [slice(start, start + size) for start in starts]


UNDIVIDED = Shares()


class TrainingBatches(Protocol):
    """Epochs of `count` steps, each of as many micro-batches as the recipe accumulates; what a process yields is its
    own part of them. The state between two steps can be kept."""

    @property
    def count(self) -> int: ...

    @property
    def classes(self) -> int: ...

    @property
    def lost(self) -> set[int]:
        """The videos that could not be read while they were drawn."""

    def epoch(self) -> Generator[tuple[Tensor, Tensor]]:
        """What is left of the epoch under way, or all of a new one: (clips, labels)."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> None: ...


class EpochBatches:
    """Epochs in random order, batch by batch; one that was left half way is gone on with.

    Clips are mirrored at random only where `flips` says that left and right are no labels.

    Random numbers are drawn in this order: an epoch's permutation as it begins, then for each batch the corners of its
    crops and, where there are flips, who is mirrored. Old trainings repeat only as long as that stays so. `batch` is
    the whole step's: each process draws for all of it and crops its own `shares`, so that a clip looks the same however
    a step is divided.
    """

    def __init__(
        self,
        dataset: Dataset,
        indices: Indices,
        clip: ClipShape,
        batch: int,
        seed: int,
        device: torch.device,
        flips: bool = False,
        pixels: Pixels = "unit",
        shares: Shares = UNDIVIDED,
    ) -> None:
        self.dataset, self.indices, self.clip, self.batch = dataset, indices, clip, batch
        self.random, self.classes = np.random.default_rng(seed), len(dataset.classes)
        self.device, self.flips, self.pixels, self.shares = device, flips, pixels, shares
        self.count = len(indices) // batch or min(1, len(indices))
        """How many steps an epoch has: the last incomplete one is dropped unless it is the only one."""
        self.lost: set[int] = set()  # of stored clips none is
        self.order: Indices = indices[:0]
        self.position = self.count
        """How many steps of the epoch in `order` were taken; at first, and after an epoch, all of them."""

    def epoch(self) -> Generator[tuple[Tensor, Tensor]]:
        """What is left of the epoch under way, or all of a new one: (clips, labels)."""
        if self.position == self.count:
            self.order, self.position = self.random.permutation(self.indices), 0
        while self.position < self.count:
            chosen = self.order[self.position * self.batch :][: self.batch]
            self.position += 1
            yield from self._step(chosen)

    def _step(self, chosen: Indices) -> Iterator[tuple[Tensor, Tensor]]:
        """This process's share of each micro-batch of the clips at `chosen`."""
        shape = self.dataset.frames.shape[1:]
        corners = [_corner(shape, self.clip, self.random) for _ in chosen]
        mirrored = self.random.random(len(chosen)) < 0.5 if self.flips else np.zeros(len(chosen), bool)
        for rows in self.shares.of(len(chosen)):
            own = zip(chosen[rows], corners[rows], strict=True)
            crops = np.stack([_crop(self.dataset.frames[i], self.clip, corner) for i, corner in own])
            crops[mirrored[rows]] = crops[mirrored[rows], :, :, ::-1]
            labels = torch.from_numpy(self.dataset.labels[chosen[rows]])
            yield to_network(crops, self.device, self.pixels), labels.to(self.device)

    def state_dict(self) -> dict[str, Any]:
        """Where the epoch stands, and the random numbers that come next; plain values and a tensor."""
        order = torch.from_numpy(np.asarray(self.order, np.int64))
        return {"order": order, "position": self.position, "random": dict(self.random.bit_generator.state)}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on where `state_dict` was taken."""
        self.order, self.position = state["order"].numpy(), state["position"]
        self.random.bit_generator.state = state["random"]


def evaluation_batches(
    dataset: Dataset,
    indices: Indices,
    clip: ClipShape,
    batch: int,
    order: Order,
    device: torch.device,
    pixels: Pixels = "unit",
) -> Iterator[Tensor]:
    """The centre crops of the clips at `indices`, in that order; `reversed` shows each clip's last frame first."""
    for start in range(0, len(indices), batch):
        crops = np.stack([centre_crop(dataset.frames[i], clip) for i in indices[start : start + batch]])
        yield to_network(np.ascontiguousarray(crops[:, ::-1]) if order == "reversed" else crops, device, pixels)
