"""How a network's weights lie in memory."""

from __future__ import annotations

import torch
from torch import nn


def channels_last_3d(network: nn.Module) -> nn.Module:
    """The network itself, its 3D kernels in channels-last-3d order, in which 3D convolutions are fastest here.

    `Module.to(memory_format=...)` does the same, and refuses a network that has 2D convolutions too.
    """
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.ndim == 5:
            tensor.data = tensor.data.to(memory_format=torch.channels_last_3d)
    return network
