"""Networks with their weights: loaded as they are, or derived."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from torch import nn

import tradeoff.networks
from tradeoff.errors import InputError
from tradeoff.variants import InceptionVariant, Variant
from tradeoff.weights.checkpoints import Weights, open_weights
from tradeoff.weights.matching import match, named_by


class CheckpointKnobs(UserWarning):
    """A network was built with knobs that its weights were trained with and nobody named."""


def build(
    variant: Variant | str | None = None, *, weights: str | Path | None = None, derive: bool = False, **knobs: Any
) -> nn.Module:
    """The network of a variant, or of a name with knobs: `build("S3D", classes=400, width=0.5)`.

    weights: a known name (`tradeoff weights list`) or a file of any known layout; the network is then in eval mode, has
    the knobs that the weights were trained with, which a warning lists, and `variant` may be left out.
    derive: allow a network that the weights are not of, and start it as near to theirs as it gets.

    The module maps N,3,T,H,W clips, in [-1, 1] unless the variant's `pixels` say otherwise, to N,classes logits. Raises
    InputError for an unknown name or knob, weights that do not fit, and a knob that contradicts the weights.
    """
    if weights is None:
        if variant is None:
            raise TypeError("build needs a variant, weights or both")
        return tradeoff.networks.build(variant, **knobs)
    if isinstance(variant, Variant) and knobs:
        raise InputError(f"knob {next(iter(knobs))!r} is given beside a variant that has its own: make it part of that")
    wanted = Variant.parse(variant, **knobs) if isinstance(variant, str) else variant
    opened = open_weights(weights, wanted)
    wanted = wanted or opened.variant.with_knobs(knobs)
    named = named_by(variant, knobs)
    target = match(opened, wanted, named, derive)
    say_knobs(opened, target, named)
    return network_of(opened, target)


def network_of(weights: Weights, target: Variant, dropout: float | None = None) -> nn.Module:
    """The network of `target`, which `match` gave, in eval mode: loaded, or derived where it is another."""
    from tradeoff.weights.derive import derive, with_fresh_head

    if target == weights.variant:
        network = tradeoff.networks.build(target, dropout=dropout)
        network.load_state_dict(weights.state)
        return network.eval()
    if isinstance(target, InceptionVariant):
        return derive(weights, target, dropout).network
    return with_fresh_head(weights, target)


def say_knobs(weights: Weights, target: Variant, named: set[str]) -> None:
    """Warn of the knobs that the weights set and that are not the defaults, for nobody named them."""
    if not isinstance(target, InceptionVariant):
        return
    if unsaid := {knob: value for knob, value in target.knobs().items() if knob not in named}:
        words = ", ".join(f"{knob}={value}" for knob, value in unsaid.items())
        message = f"weights {weights.origin} ({weights.layout}) were trained with {words}: the network has them too"
        warnings.warn(message, CheckpointKnobs, stacklevel=3)
