"""Batch norm's statistics, estimated again for weights that do not change any more.

Running statistics lag behind weights that moved, and where a step has few clips they are noisy (Wu & Johnson,
"Rethinking 'Batch' in BatchNorm", arXiv 2105.07576, section 3); an average over many clips is neither.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from tradeoff.training.batches import TrainingBatches


def estimate_statistics(network: nn.Module, batches: TrainingBatches, clips: int) -> None:
    """Replaces the running mean and variance of every batch norm by their averages over the batches of at least
    `clips` training clips, cropped and mirrored as in training.

    What trains and what does not stays as it is, and the next epoch of `batches` is the one that it would have been.
    """
    modes = {module: module.training for module in network.modules()}
    position = batches.state_dict()

    def drawn() -> Iterator[Tensor]:
        seen = 0
        while seen < clips:
            for pixels, _ in batches.epoch():
                yield pixels
                seen += len(pixels)
                if seen >= clips:
                    return

    with torch.no_grad():
        update_bn(drawn(), network)
    for module, training in modes.items():
        module.training = training
    batches.load_state_dict(position)
