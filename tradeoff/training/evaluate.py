"""What a network says about clips it was not trained on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from tradeoff.clip_shape import ClipShape
from tradeoff.data import Dataset
from tradeoff.precision import forbid_tf32
from tradeoff.training.batches import Indices, Order, evaluation_batches

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
    report: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """float32 (len(indices), classes): the log of the softmax for each clip, under the view plan `VIEW`."""
    forbid_tf32()
    network.to(device).to(memory_format=torch.channels_last_3d).eval()
    outputs = []
    for clips in evaluation_batches(dataset, indices, clip, BATCH, order, device):
        outputs.append(network(clips).float().log_softmax(dim=1).cpu())
        report(min(len(outputs) * BATCH, len(indices)), len(indices))
    return torch.cat(outputs).numpy()
