"""Training the last layer alone, on features that stay as they are: a linear probe."""

from __future__ import annotations

from torch import nn

from tradeoff.errors import InputError


def freeze_trunk(network: nn.Module, classes: int) -> None:
    """Leaves only the last layer to train; batch norm keeps its statistics, dropout stays on.

    Raises InputError for a network whose last layer with parameters is not linear with an output for each class.
    """
    head = _last_layer(network, classes)
    network.eval().requires_grad_(False)
    head.requires_grad_(True)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.train()


def _last_layer(network: nn.Module, classes: int) -> nn.Module:
    leaves = [each for each in network.modules() if next(each.parameters(recurse=False), None) is not None]
    last = leaves[-1] if leaves else network
    outputs = {nn.Linear: "out_features", nn.Conv3d: "out_channels", nn.Conv2d: "out_channels"}
    found = next((getattr(last, name) for kind, name in outputs.items() if isinstance(last, kind)), None)
    if found != classes:
        raise InputError(
            f"train.trainable is 'head', but the last layer of this network is {type(last).__name__} and not linear "
            f"with {classes} outputs: use trainable: all"
        )
    return last
