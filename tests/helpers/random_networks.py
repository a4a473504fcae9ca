"""Networks with random numbers that stand in for trained ones."""

from __future__ import annotations

import torch
from torch import nn


def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    """Every convolution and batch norm with random numbers under which signals neither vanish nor explode."""
    random = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv3d | nn.Conv2d | nn.Linear):
            fan = module.weight[0].numel()
            module.weight.data.normal_(0, (2 / fan) ** 0.5, generator=random)
        elif isinstance(module, nn.BatchNorm3d | nn.BatchNorm2d):
            module.weight.data.uniform_(0.7, 1.3, generator=random)
            module.bias.data.normal_(0, 0.1, generator=random)
            module.running_mean.normal_(0, 0.1, generator=random)  # type: ignore[union-attr, operator]
            module.running_var.uniform_(0.7, 1.3, generator=random)  # type: ignore[union-attr, operator]
    return network.eval()
