"""From memory-mapped uint8 clips to batches that a network takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from tradeoff.clip_shape import ClipShape
from tradeoff.data import Dataset
from tradeoff.training.scaling import to_network as to_network
from tradeoff.variants.base import Pixels

Order = Literal["normal", "reversed"]
Indices = np.ndarray


def random_crop(frames: np.ndarray, clip: ClipShape, random: np.random.Generator) -> np.ndarray:
    """A random height x width window of stored frames (T, H', W', 3), the same in every frame."""
    top = int(random.integers(frames.shape[1] - clip.height + 1))
    left = int(random.integers(frames.shape[2] - clip.width + 1))
    return frames[:, top : top + clip.height, left : left + clip.width]


def centre_crop(frames: np.ndarray, clip: ClipShape) -> np.ndarray:
    """The middle height x width window of stored frames (T, H', W', 3)."""
    top, left = (frames.shape[1] - clip.height) // 2, (frames.shape[2] - clip.width) // 2
    return frames[:, top : top + clip.height, left : left + clip.width]


class TrainingBatches(Protocol):
    """Epochs of batches, `count` in each, whose state between two batches can be kept."""

    @property
    def count(self) -> int: ...

    @property
    def classes(self) -> int: ...

    def epoch(self) -> Iterator[tuple[Tensor, Tensor]]:
        """What is left of the epoch under way, or all of a new one: (clips, labels)."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> None: ...


class EpochBatches:
    """Epochs in random order, batch by batch; one that was left half way is gone on with.

    Clips are mirrored at random only where `flips` says that left and right are no labels.

    Random numbers are drawn in this order: an epoch's permutation as it begins, then for each batch the corners of its
    crops and, where there are flips, who is mirrored. Old trainings repeat only as long as that stays so.
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
    ) -> None:
        self.dataset, self.indices, self.clip, self.batch = dataset, indices, clip, batch
        self.random, self.classes = np.random.default_rng(seed), len(dataset.classes)
        self.device, self.flips, self.pixels = device, flips, pixels
        self.count = len(indices) // batch or min(1, len(indices))
        """How many batches an epoch has: the last incomplete one is dropped unless it is the only one."""
        self.order: Indices = indices[:0]
        self.position = self.count
        """How many batches of the epoch in `order` were taken; at first, and after an epoch, all of them."""

    def epoch(self) -> Iterator[tuple[Tensor, Tensor]]:
        """What is left of the epoch under way, or all of a new one: (clips, labels)."""
        if self.position == self.count:
            self.order, self.position = self.random.permutation(self.indices), 0
        while self.position < self.count:
            chosen = self.order[self.position * self.batch :][: self.batch]
            self.position += 1
            yield self._crops(chosen), torch.from_numpy(self.dataset.labels[chosen]).to(self.device)

    def _crops(self, chosen: Indices) -> Tensor:
        crops = np.stack([random_crop(self.dataset.frames[i], self.clip, self.random) for i in chosen])
        if self.flips:
            mirrored = self.random.random(len(crops)) < 0.5
            crops[mirrored] = crops[mirrored, :, :, ::-1]
        return to_network(crops, self.device, self.pixels)

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
