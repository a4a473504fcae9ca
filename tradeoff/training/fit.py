"""Train one network."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, OneCycleLR, SequentialLR

from tradeoff.clip_shape import ClipShape
from tradeoff.data import Dataset
from tradeoff.networks.layout import channels_last_3d
from tradeoff.precision import autocast, grad_scaler
from tradeoff.training.batches import Indices, training_batches
from tradeoff.training.recipe import Recipe
from tradeoff.variants.base import Pixels


class DivergedError(RuntimeError):
    """The loss became NaN or infinite."""


@dataclass(frozen=True)
class Progress:
    """Where a training stands; `loss` is the mean of the epoch so far."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    clips_per_second: float

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


def seed_everything(seed: int, device: torch.device) -> None:
    """Make what follows repeatable: bit for bit on a CPU at the same thread count.

    CUDA has no deterministic 3D max-pool backward, so there only the random numbers repeat.
    """
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(device.type == "cpu")
    # Filling fresh memory is for debugging; it costs a fifth of a training step here.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def fit(
    network: nn.Module,
    dataset: Dataset,
    indices: Indices,
    clip: ClipShape,
    recipe: Recipe,
    *,
    precision: str,
    seed: int,
    device: torch.device,
    flips: bool = False,
    pixels: Pixels = "unit",
    report: Callable[[Progress], None] = lambda progress: None,
) -> list[Progress]:
    """Train `network` in place on the clips at `indices`; one `Progress` an epoch.

    pixels: how they are scaled, which is the network's `Variant.scaling`. Call `seed_everything` before building the
    network. Raises DivergedError when the loss stops being finite.
    """
    channels_last_3d(network.to(device)).train()
    random = np.random.default_rng(seed)
    steps = max(1, len(indices) // recipe.batch)
    optimiser = torch.optim.SGD(
        network.parameters(),
        recipe.rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        foreach=True,
    )
    schedule = _schedule(optimiser, recipe, steps * recipe.epochs)
    scaler = grad_scaler(device, precision)
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    history = []
    for epoch in range(1, recipe.epochs + 1):
        started, total = time.perf_counter(), 0.0
        batches = training_batches(dataset, indices, clip, recipe.batch, random, device, flips, pixels)
        for step, (clips, labels) in enumerate(batches, 1):
            with autocast(device, precision):
                loss = loss_of(network(clips), labels)
            optimiser.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimiser)
            scaler.update()
            schedule.step()
            total += _finite(loss.item(), epoch, step)
            rate = step * len(labels) / (time.perf_counter() - started)
            progress = Progress(epoch, recipe.epochs, step, steps, total / step, rate)
            report(progress)
        history.append(progress)
    return history


def _finite(loss: float, epoch: int, step: int) -> float:
    if not math.isfinite(loss):
        raise DivergedError(f"the loss became {loss} at step {step} of epoch {epoch}: a lower rate may help")
    return loss


def _schedule(optimiser: torch.optim.Optimizer, recipe: Recipe, steps: int) -> LRScheduler:
    """Linear warm-up and cosine decay to zero, or Smith & Topin's one-cycle (arXiv 1708.07120), by steps."""
    warm = round(recipe.warmup * steps)
    if recipe.schedule == "one-cycle":
        total = max(steps + 1, 4)  # torch's phases need a step each
        rising = max(recipe.warmup, 2 / total)
        return OneCycleLR(optimiser, recipe.rate, total_steps=total, pct_start=rising, cycle_momentum=False)
    cosine = CosineAnnealingLR(optimiser, max(1, steps - warm))
    if warm == 0:
        return cosine
    rise = LinearLR(optimiser, start_factor=1 / (warm + 1), total_iters=warm)
    return SequentialLR(optimiser, [rise, cosine], milestones=[warm])
