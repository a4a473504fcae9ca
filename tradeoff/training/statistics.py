"""Batch norm's statistics, estimated again for weights that do not change any more.

Running statistics lag behind weights that moved, and where a step has few clips they are noisy (Wu & Johnson,
"Rethinking 'Batch' in BatchNorm", arXiv 2105.07576, section 3); an average over many clips is neither.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from accelerate.utils import reduce
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn

from tradeoff.training.batches import TrainingBatches
from tradeoff.training.processes import current


def estimate_statistics(network: nn.Module, batches: TrainingBatches, clips: int, accumulate: int = 1) -> None:
    """Replaces the running mean and variance of every batch norm by their averages over the micro-batches of at least
    `clips` training clips, cropped and mirrored as in training: whole steps, of `accumulate` micro-batches each.

    Each process sees its own share of the clips, and then all have the average over the processes. What trains and what
    does not stays as it is, and the next epoch of `batches` is the one that it would have been.
    """
    modes = {module: module.training for module in network.modules()}
    position = batches.state_dict()

    def drawn() -> Iterator[Tensor]:
        seen = 0
        while seen < clips:
            for number, (pixels, _) in enumerate(batches.epoch(), 1):
                yield pixels
                seen += len(pixels) * current().num_processes
                if seen >= clips and number % accumulate == 0:
                    return

    with torch.no_grad():
        update_bn(drawn(), network)
    for module, training in modes.items():
        module.training = training
        if isinstance(module, _BatchNorm) and module.track_running_stats:
            _average(module.running_mean)
            _average(module.running_var)
    batches.load_state_dict(position)


def _average(statistics: Tensor | None) -> None:
    """Over the processes, in place."""
    if statistics is not None and current().num_processes > 1:
        statistics.copy_(reduce(statistics, "mean"))
