"""Batch norm folded into the convolution before it, as every runtime for deployment does."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def fold_batch_norm(network: nn.Module) -> int:
    """Fold each batch norm that follows a convolution in an `nn.Sequential`, in place; how many were.

    The network must be in eval mode. What is not in a plain `nn.Sequential`, is used in several places, or keeps no
    running statistics is left as it is: what runs between the two cannot be known.
    """
    uses = Counter(id(child) for module in network.modules() for child in module._modules.values())
    folded = 0
    for sequence in network.modules():
        if type(sequence).forward is not nn.Sequential.forward:
            continue
        names = [name for name, child in sequence._modules.items() if not isinstance(child, nn.Identity)]
        for first, second in pairwise(names):
            conv, norm = sequence._modules[first], sequence._modules[second]
            if not isinstance(conv, _CONVOLUTIONS) or not isinstance(norm, _NORMS):
                continue
            if norm.running_mean is None or conv.training or norm.training or max(uses[id(conv)], uses[id(norm)]) > 1:
                continue
            sequence._modules[first] = fuse_conv_bn_eval(conv, norm)
            sequence._modules[second] = nn.Identity()
            folded += 1
    return folded
