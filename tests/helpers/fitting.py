"""A training on stored clips in one call, of one process or its share of several."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tradeoff.clip_shape import ClipShape
from tradeoff.data import Dataset
from tradeoff.training.batches import EpochBatches, Indices, Shares
from tradeoff.training.fit import Progress, fit
from tradeoff.training.processes import current, join
from tradeoff.training.recipe import Recipe
from tradeoff.variants.base import Pixels


def fit_clips(
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
    **options: Any,
) -> list[Progress]:
    join(device)
    shares = Shares(recipe.accumulate, current().num_processes, current().process_index)
    batches = EpochBatches(dataset, indices, clip, recipe.batch, seed, device, flips, pixels, shares)
    return fit(network, batches, recipe, precision=precision, device=device, **options)
