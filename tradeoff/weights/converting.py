"""Weights in another layout."""

from __future__ import annotations

import io

import torch

from tradeoff.errors import InputError
from tradeoff.variants import InceptionVariant
from tradeoff.weights.checkpoints import Weights, checkpoint_bytes
from tradeoff.weights.labels import labels_of
from tradeoff.weights.layouts import LAYOUTS, WRITABLE


def converted(weights: Weights, layout: str) -> bytes:
    """The content of a file that holds the same numbers in another layout.

    Raises InputError for a layout that is not written, or is not of this network.
    """
    if layout not in WRITABLE:
        raise InputError(f"layout {layout!r} cannot be written: use one of {', '.join(WRITABLE)}")
    if layout == "tradeoff":
        return checkpoint_bytes(weights.state, weights.variant, labels_of(weights))
    if not isinstance(weights.variant, InceptionVariant):
        raise InputError(f"layout {layout} does not hold {weights.variant.name}: use tradeoff")
    buffer = io.BytesIO()
    torch.save(LAYOUTS[layout].write(weights.state, weights.variant), buffer)
    return buffer.getvalue()
