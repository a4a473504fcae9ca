"""From a variant to an nn.Module, one builder a family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from tradeoff.networks.inception import Inception
from tradeoff.variants import InceptionVariant, Variant

BUILDERS: dict[type[Variant], Callable[..., nn.Module]] = {InceptionVariant: Inception}


def build(variant: Variant | str, **knobs: Any) -> nn.Module:
    """The network of a variant, or of a name with knobs: `build("S3D", classes=400, width=0.5)`.

    The module maps N,3,T,H,W clips in [-1, 1] to N,classes logits. Raises InputError for an unknown name or knob.
    """
    if isinstance(variant, str):
        variant = Variant.parse(variant, **knobs)
        knobs = {}
    return BUILDERS[type(variant)](variant, **knobs)
