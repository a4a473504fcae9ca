"""Which network weights give: the one they are of, the one that is asked for, or an error where both cannot be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from tradeoff.errors import InputError
from tradeoff.variants import InceptionVariant, Variant, notation
from tradeoff.weights.checkpoints import Weights


def match(weights: Weights, wanted: Variant, named: Collection[str], derive: bool) -> Variant:
    """The variant to build: `wanted`, with the knobs that the weights were trained with where they are not `named`.

    An image network's weights are inflated; otherwise a network that the weights are not of needs `derive`. Raises
    InputError for a named knob that contradicts the weights, and for a network that they cannot give.
    """
    source = weights.variant
    if not isinstance(source, InceptionVariant) or not isinstance(wanted, InceptionVariant):
        return _same_family(weights, wanted, named, derive)
    fixed = {knob: getattr(source, knob) for knob in (*fixed_knobs(source), "width")}
    for knob, value in fixed.items():
        if knob in named and getattr(wanted, knob) != value:
            raise InputError(
                f"weights {weights.origin} were trained with {knob}={value}, and {knob}={getattr(wanted, knob)} would "
                f"be another network: leave {knob} out, or use other weights"
            )
    classes = wanted.classes if "classes" in named else source.classes
    target = replace(wanted, **fixed, classes=classes)
    if target == source or derive or (weights.image and classes == source.classes):
        return target
    raise InputError(
        f"weights {weights.origin} are of {source.name} with {source.classes} classes, not of {target.name} with "
        f"{target.classes}: derive it (derive: true in a sweep, derive=True in Python, --derive) to start from them"
    )


def named_by(variant: Variant | str | None, knobs: Mapping[str, Any]) -> set[str]:
    """The fields that a caller named: beside the name, in it, or by changing them in a variant."""
    if isinstance(variant, str):
        return {*notation.read(variant)[1], *knobs}
    return {*(variant.fields() if variant is not None else ()), *knobs}


def _same_family(weights: Weights, wanted: Variant, named: Collection[str], derive: bool) -> Variant:
    source = weights.variant
    target = (
        wanted if "classes" in named or type(wanted) is not type(source) else replace(wanted, classes=source.classes)
    )
    if target == source or (derive and replace(source, classes=target.classes) == target):
        return target
    raise InputError(
        f"weights {weights.origin} are of {source.name} {source.fields()}, not of {wanted.name} {wanted.fields()}"
    )


def fixed_knobs(source: InceptionVariant) -> list[str]:
    """The knobs that make a difference to a trained network; others are free in what is derived from it."""
    separable = "separable" in source.convolutions
    matters = {
        "stem_padding": True,
        "pool_padding": True,
        "norm_eps": True,
        "pixels": True,
        "time_padding": source.units.strip("2") != "",
        "stem_frames": source.convolutions[0] != "flat",
        "stem_stride": source.convolutions[0] == "separable",
        "temporal_branches": separable,
        "temporal_norm": separable,
        "gate_bias": source.gating,
        "gate_place": source.gating,
        "block_pool": "flat" in source.convolutions[2:],
    }
    return [knob for knob, fixed in matters.items() if fixed]
