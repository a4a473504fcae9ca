"""What a network says about clips it was not trained on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from tradeoff.clip_shape import ClipShape
from tradeoff.data import Dataset
from tradeoff.networks.layout import channels_last_3d
from tradeoff.precision import allow_tf32
from tradeoff.training.batches import Indices, Order, evaluation_batches
from tradeoff.variants.base import Pixels

VIEW = {"crop": "centre", "views": 1, "precision": "float32"}
"""The view plan: one centre crop of the clip, in float32 whatever the training's precision was."""

BATCH = 32


@torch.inference_mode()
def log_probabilities(
    network: nn.Module,
    dataset: Dataset,
    indices: Indices,
    clip: ClipShape,
    *,
    order: Order,
    device: torch.device,
    pixels: Pixels = "unit",
    report: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """float32 (len(indices), classes): the log of the softmax for each clip, under the view plan `VIEW`.

    pixels: how they are scaled, which is the network's `Variant.scaling`. Raises RuntimeError for a network that gives
    anything but one row of logits a clip.
    """
    allow_tf32(False)
    channels_last_3d(network.to(device)).eval()
    outputs = []
    for clips in evaluation_batches(dataset, indices, clip, BATCH, order, device, pixels):
        logits = network(clips)
        if logits.shape != (expected := (len(clips), len(dataset.classes))):
            raise RuntimeError(f"the network gives logits of shape {tuple(logits.shape)} where {expected} is right")
        outputs.append(logits.float().log_softmax(dim=1).cpu())
        report(min(len(outputs) * BATCH, len(indices)), len(indices))
    return torch.cat(outputs).numpy()
