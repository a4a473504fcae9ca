"""From memory-mapped uint8 clips to batches that a network takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from tradeoff.clip_shape import ClipShape
from tradeoff.data import Dataset
from tradeoff.networks.pixels import to_network as to_network
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


def training_batches(
    dataset: Dataset,
    indices: Indices,
    clip: ClipShape,
    batch: int,
    random: np.random.Generator,
    device: torch.device,
    flips: bool = False,
    pixels: Pixels = "unit",
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch in random order: (clips, labels); the last incomplete batch is dropped unless it is the only one.

    Clips are mirrored at random only where `flips` says that left and right are no labels.
    """
    order = random.permutation(indices)
    whole = len(order) - len(order) % batch or len(order)
    for start in range(0, whole, batch):
        chosen = order[start : start + batch]
        crops = np.stack([random_crop(dataset.frames[i], clip, random) for i in chosen])
        if flips:
            mirrored = random.random(len(crops)) < 0.5
            crops[mirrored] = crops[mirrored, :, :, ::-1]
        yield to_network(crops, device, pixels), torch.from_numpy(dataset.labels[chosen]).to(device)


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
