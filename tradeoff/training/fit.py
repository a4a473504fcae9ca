"""Train one network."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, OneCycleLR, SequentialLR

from tradeoff.clip_shape import ClipShape
from tradeoff.data import Dataset
from tradeoff.networks.layout import channels_last_3d
from tradeoff.precision import autocast, grad_scaler
from tradeoff.training.batches import EpochBatches, Indices
from tradeoff.training.recipe import Recipe
from tradeoff.training.resuming import ResumePoint, Stateful, TorchRandom
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


@dataclass
class Course:
    """How far a training of `epochs` times `steps` has come: which epoch is under way, how many of its steps are done,
    the sum of their losses, and the last `Progress` of each epoch before it."""

    epochs: int
    steps: int
    epoch: int = 1
    step: int = 0
    total: float = 0.0
    history: list[Progress] = field(default_factory=list)

    def advance(self, loss: float, clips: int, seconds: float) -> Progress:
        """One step more. `clips` were seen in the last `seconds`, which is their rate.

        Raises DivergedError when its loss is not finite.
        """
        self.step += 1
        self.total += _finite(loss, self.epoch, self.step)
        rate = clips / seconds
        progress = Progress(self.epoch, self.epochs, self.step, self.steps, self.total / self.step, rate)
        if self.step == self.steps:
            self.history.append(progress)
            self.epoch, self.step, self.total = self.epoch + 1, 0, 0.0
        return progress

    def state_dict(self) -> dict[str, Any]:
        history = [each.as_record() for each in self.history]
        return {"epoch": self.epoch, "step": self.step, "total": self.total, "history": history}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        self.epoch, self.step, self.total = state["epoch"], state["step"], state["total"]
        self.history = [Progress(**each) for each in state["history"]]


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
    resume: ResumePoint | None = None,
) -> list[Progress]:
    """Train `network` in place on the clips at `indices`; one `Progress` an epoch.

    pixels: how they are scaled, which is the network's `Variant.scaling`. resume: where the training's state is kept
    between steps, and found if it was stopped before. Call `seed_everything` before building the network. Raises
    DivergedError when the loss stops being finite.
    """
    channels_last_3d(network.to(device)).train()
    random = np.random.default_rng(seed)
    batches = EpochBatches(dataset, indices, clip, recipe.batch, random, device, flips, pixels)
    course = Course(recipe.epochs, batches.count)
    optimiser = _optimiser(network, recipe)
    schedule = _schedule(optimiser, recipe, course.steps * course.epochs)
    scaler = grad_scaler(device, precision)
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    if resume is not None:
        parts: dict[str, Stateful] = {"network": network, "optimiser": optimiser, "schedule": schedule}
        resume.restore(parts | {"scaler": scaler, "batches": batches, "course": course, "random": TorchRandom(device)})
    for _ in range(course.epoch, course.epochs + 1):
        started, clips_seen = time.perf_counter(), 0
        for clips, labels in batches.epoch():
            with autocast(device, precision):
                loss = loss_of(network(clips), labels)
            optimiser.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimiser)
            scaler.update()
            schedule.step()
            clips_seen += len(labels)
            progress = course.advance(loss.item(), clips_seen, time.perf_counter() - started)
            report(progress)
            if resume is not None:
                resume.passed()
    return course.history


def _finite(loss: float, epoch: int, step: int) -> float:
    if not math.isfinite(loss):
        raise DivergedError(f"the loss became {loss} at step {step} of epoch {epoch}: a lower rate may help")
    return loss


def _optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        network.parameters(),
        recipe.rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        foreach=True,
    )


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
