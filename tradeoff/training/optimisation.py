"""What moves the weights: the optimiser, and the rate from step to step."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, MultiStepLR, OneCycleLR, SequentialLR

from tradeoff.training.recipe import Recipe


def make_optimiser(parameters: Iterable[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    """SGD over those parameters that are trained."""
    return torch.optim.SGD(
        [each for each in parameters if each.requires_grad],
        recipe.rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        foreach=True,
    )


def make_schedule(optimiser: torch.optim.Optimizer, recipe: Recipe, steps: int) -> LRScheduler:
    """The rate by steps: a linear warm-up, then cosine decay to zero or falls at milestones; or Smith & Topin's
    one-cycle (arXiv 1708.07120)."""
    warm = round(recipe.warmup * steps)
    if recipe.schedule == "one-cycle":
        total = max(steps + 1, 4)  # torch's phases need a step each
        rising = max(recipe.warmup, 2 / total)
        return OneCycleLR(optimiser, recipe.rate, total_steps=total, pct_start=rising, cycle_momentum=False)
    after: LRScheduler
    if recipe.schedule == "steps":
        falls = [round(share * steps) - warm for share in recipe.milestones]
        after = MultiStepLR(optimiser, falls, recipe.decay)
    else:
        after = CosineAnnealingLR(optimiser, max(1, steps - warm))
    if warm == 0:
        return after
    rise = LinearLR(optimiser, start_factor=1 / (warm + 1), total_iters=warm)
    return SequentialLR(optimiser, [rise, after], milestones=[warm])
