"""How weights and multiply-adds are counted: `executed`, and two ways that the paper counts, as rewrites of it.

Source: "Rethinking Spatiotemporal Feature Learning" (arXiv 1712.04851), Table 2 and the horizontal axis of Figure 4. It
counts multiply-adds of convolutions and logits; no batch norm, biases, pools or gating. The rest it does not say: each
rewrite was found as what makes our count of the released networks (TensorFlow's s3dg.py) equal to its numbers.

A rewrite is a pure function of layers. It changes what a layer counts for, not what it reads and writes.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from dataclasses import replace

from tradeoff.clip_shape import PAPER_CLIP, ClipShape
from tradeoff.errors import InputError
from tradeoff.measure.layers import Layer
from tradeoff.variants import InceptionVariant, Variant

Layers = tuple[Layer, ...]
Kernel = tuple[int, int, int]
Rewrites = tuple[tuple[str, Callable[[Layers], Layers]], ...]

EXECUTED, CURVE, TABLE2 = "executed", "curve", "table2"
CONVENTIONS: dict[str, str] = {
    EXECUTED: "every convolution and matrix product that runs, logits at every step",
    CURVE: "as in Figure 4 of arXiv 1712.04851",
    TABLE2: "as in Table 2 of arXiv 1712.04851",
}


def check_convention(name: str) -> None:
    """Raises InputError for a convention that there is not."""
    if name not in CONVENTIONS:
        raise InputError(f"convention {name!r} is unknown: use {', '.join(CONVENTIONS)}")


def recount(convention: str, variant: Variant, clip: ClipShape, layers: Layers) -> tuple[Layers, str]:
    """The layers as `convention` counts them, and a note of what it counts otherwise than `executed`.

    Raises InputError for a convention that is unknown or not defined for this variant and clip.
    """
    check_convention(convention)
    if convention == EXECUTED:
        return layers, ""
    doubt, rewrites = _curve_of(variant) if convention == CURVE else _table2_of(variant, clip)
    changes = []
    for words, rewrite in rewrites:
        before, layers = layers, rewrite(layers)
        changes += [words] if layers != before else []
    return layers, doubt + "; ".join(changes)


def logits_once(layers: Layers) -> Layers:
    """Logits at one step; the network computes them at every step that its pool leaves and then takes their mean.

    Source: with `second_convolution_of_branch2`, Table 2's I3D (12.06 M, 107.89 G) comes out exactly.
    """
    return _change(layers, "logits", r"(.*\.)?logits", lambda row: _counted(row, row.weights, row.weights))


def second_convolution_of_branch2(kernel: Kernel, layers: Layers) -> Layers:
    """The second convolution of branch 2 with this kernel, and no temporal half.

    Source: with 1x1x1, every cut of Figure 4 comes out within its rounding, and Table 2's I3D and S3D exactly; with
    1x3x3 Table 2's S3D-G.
    """
    pattern = r"trunk\.mixed_\w+\.branch2\.conv\..*"
    return _change(layers, "branch 2's second convolution", pattern, functools.partial(_unsplit, kernel))


def stem_at_temporal_stride_2(layers: Layers) -> Layers:
    """A separable stem's 1x7x7 at the temporal stride that its 7x1x1 has.

    Source: the separable cuts of Figure 4 with unit 1a in 3D, and Table 2's S3D.
    """
    temporal = [row for row in layers if row.name == "trunk.conv_1a.temporal.conv"]
    if not temporal:
        return layers  # a full or flat stem has its stride in the one convolution
    steps = temporal[0].output[2]

    def at_stride(row: Layer) -> Layer:
        batch, channels, frames, *side = row.output
        return replace(_counted(row, row.weights, row.macs * steps // frames), output=(batch, channels, steps, *side))

    return _change(layers, "the stem's 1x7x7", r"trunk\.conv_1a\.spatial\.conv", at_stride)


def full_branch1_of_5c(layers: Layers) -> Layers:
    """Mixed_5c's branch 1 left 3x3x3. Source: Table 2's S3D (8.77 M, 66.38 G)."""
    pattern = r"trunk\.mixed_5c\.branch1\.conv\..*"
    return _change(layers, "Mixed_5c's branch 1", pattern, functools.partial(_unsplit, (3, 3, 3)))


def temporal_in_branches_0_and_3(layers: Layers) -> Layers:
    """A 3x1x1 after the 1x1x1 of branches 0 and 3, as the paper's footnote describes. Source: conjecture."""

    def temporal(path: str, row: Layer) -> Layer:
        _, channels, *positions = row.output
        weights = 3 * channels**2
        macs = weights * math.prod(positions)
        return Layer(f"{path}.temporal", {"convolution": macs}, row.output, (3, 1, 1), weights, weights, 0)

    return _add_after(layers, r"(trunk\.mixed_\w+\.branch[03])\..*", temporal)


def gates_of_the_release(layers: Layers) -> Layers:
    """Gates after 2c and all four branches, as s3dg.py has them, where ours stand after each temporal convolution."""

    def gate(path: str, row: Layer) -> Layer:
        channels = row.output[1]
        return Layer(f"{path}.gate", {"matmul": 0}, row.output, None, channels**2, channels**2, 0)

    without_stem = _change(layers, "the stem's gate", r"trunk\.gate_1a\..*", lambda row: _counted(row, 0, 0))
    return _add_after(without_stem, r"(trunk\.mixed_\w+\.branch[03])\..*", gate)


def gates_without_multiply_adds(layers: Layers) -> Layers:
    """The gates' matrices count as weights, their products not at all. Source: Table 2's S3D-G is 71.3840 G so."""
    if not any("gate" in row.name for row in layers):
        return layers
    return _change(layers, "gates", r"(.*\.)?gate.*", lambda row: _counted(row, row.weights, 0))


_ONCE = ("logits at one step", logits_once)
_STEM = ("a separable stem's 1x7x7 at temporal stride 2", stem_at_temporal_stride_2)
_5C = ("Mixed_5c branch 1 left 3x3x3", full_branch1_of_5c)
_GATES = ("gates' weights but not their multiply-adds", gates_without_multiply_adds)
_1X1X1 = ("branch 2's second convolution as 1x1x1", functools.partial(second_convolution_of_branch2, (1, 1, 1)))
_1X3X3 = ("branch 2's second convolution as 1x3x3", functools.partial(second_convolution_of_branch2, (1, 3, 3)))

_CURVE: Rewrites = (_1X1X1, _ONCE, _STEM, _GATES)
_S3D_G: Rewrites = (
    _1X3X3,
    _ONCE,
    _STEM,
    _5C,
    ("3x1x1 also in branches 0 and 3", temporal_in_branches_0_and_3),
    ("bias-free gates after 2c and all four branches", gates_of_the_release),
    _GATES,
)

CONJECTURE = "conjecture, it gives both printed figures but may be a coincidence: "
TABLE2_NETWORKS: dict[str, tuple[str, Rewrites]] = {
    "I3D": ("", _CURVE),
    "S3D": ("", (*_CURVE, _5C)),
    "S3D-G": (CONJECTURE, _S3D_G),
}
"""The networks of Table 2, with what is to be said first of each count, and the count."""


def _curve_of(variant: Variant) -> tuple[str, Rewrites]:
    if not isinstance(variant, InceptionVariant):
        raise InputError(
            f"convention 'curve' is not defined for {variant.name}: it is the paper's own, for I2D, I3D, S3D and what "
            "lies between; use executed"
        )
    return "", _CURVE


def _table2_of(variant: Variant, clip: ClipShape) -> tuple[str, Rewrites]:
    for name, rewrites in TABLE2_NETWORKS.items():
        if variant == Variant.parse(name) and clip == PAPER_CLIP:
            return rewrites
    asked = f"{variant.name} at width {getattr(variant, 'width', 1):g} with {variant.classes} classes on {clip}"
    raise InputError(
        f"convention 'table2' is not defined for {asked}: it is for {', '.join(TABLE2_NETWORKS)} at width 1 with 400 "
        f"classes on {PAPER_CLIP}; use curve"
    )


def _change(layers: Layers, what: str, pattern: str, change: Callable[[Layer], Layer]) -> Layers:
    """The multiplying layers whose name fits changed. Raises InputError, which says `what`, where there are none."""
    fits = [bool(row.macs and re.fullmatch(pattern, row.name)) for row in layers]
    if not any(fits):
        raise InputError(f"the convention recounts {what}, which this network does not have: use executed")
    return tuple(change(row) if fit else row for row, fit in zip(layers, fits, strict=True))


def _add_after(layers: Layers, pattern: str, add: Callable[[str, Layer], Layer]) -> Layers:
    """For each path that `pattern`'s group finds, a layer after its last convolution."""
    last: dict[str, Layer] = {}
    for row in layers:
        if row.kind == "convolution" and (match := re.fullmatch(pattern, row.name)):
            last[match[1]] = row
    added = {row.name: add(path, row) for path, row in last.items()}
    return tuple(each for row in layers for each in (row, *([added[row.name]] if row.name in added else [])))


def _unsplit(kernel: Kernel, row: Layer) -> Layer:
    """One convolution with `kernel` in place of this one or of a separable pair, whose temporal half counts nothing."""
    assert row.kernel is not None
    if row.kernel[1:] == (1, 1):
        return _counted(row, 0, 0)
    old, new = math.prod(row.kernel), math.prod(kernel)
    return replace(_counted(row, row.weights * new // old, row.macs * new // old), kernel=kernel)


def _counted(row: Layer, weights: int, macs: int) -> Layer:
    """The layer with other weights and multiply-adds."""
    kind = "matmul" if "matmul" in row.operations else "convolution"
    return replace(row, weights=weights, operations={**row.operations, kind: macs})
