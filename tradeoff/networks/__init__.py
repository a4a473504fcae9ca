"""From a variant to an nn.Module, one builder a family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from tradeoff.errors import InputError
from tradeoff.networks.inception import DROPOUT, Inception
from tradeoff.networks.peers import build_custom, build_peer
from tradeoff.variants import CustomVariant, InceptionVariant, PeerVariant, Variant

BUILDERS: dict[type[Variant], Callable[[Any, float | None], nn.Module]] = {
    InceptionVariant: lambda variant, dropout: Inception(variant, DROPOUT if dropout is None else dropout),
    PeerVariant: build_peer,
    CustomVariant: build_custom,
}


def build(variant: Variant | str, dropout: float | None = None, **knobs: Any) -> nn.Module:
    """The network of a variant, or of a name with knobs: `build("S3D", classes=400, width=0.5)`.

    The module maps N,3,T,H,W clips, scaled as `variant.scaling` says ([-1, 1] for the paper's family), to N,classes
    logits. `dropout` is that of the Inception head (None for the released code's 0.2); other families keep their own.
    Raises InputError for an unknown name or knob.
    """
    if isinstance(variant, str):
        return build(Variant.parse(variant, **knobs), dropout)
    if knobs:
        raise InputError(f"{next(iter(knobs))} is given beside a variant that is made already: set it on the variant")
    return BUILDERS[type(variant)](variant, dropout)
