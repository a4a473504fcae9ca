"""Commands that count: cost, variants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from tradeoff.cli.app import app
from tradeoff.cli.options import Classes, Clip, Json, Width
from tradeoff.console import print_rows

COST_HEADINGS = {
    "variant": "variant",
    "units": "units",
    "params_m": "params M",
    "weights_m": "weights M",
    "macs_g": "multiply-adds G",
    "activation_mib": "activations MiB",
}
CHECK_HEADINGS = {"fvcore_macs_g": "fvcore G", "fvcore_unsupported": "not supported by fvcore"}
COST_NOTE = (
    "multiply-adds as executed, of convolutions, logits at every step and gates; "
    "weights without biases and batch norm; activations: peak of one float32 pass"
)


@app.command()
def cost(
    variants: Annotated[list[str], typer.Argument(help="I2D, I3D, S3D, S3D-G, Fast-S3D, Top-Heavy-I3D-4, ...")],
    clip: Clip = "64x224x224",
    width: Width = 1.0,
    classes: Classes = 400,
    check: Annotated[bool, typer.Option("--check", help="Count with fvcore on real tensors too, and compare.")] = False,
    as_json: Json = False,
) -> None:
    """Count parameters, multiply-adds and activation memory, without computing.

    Example: tradeoff cost I3D S3D S3D-G --clip 64x224x224
    """
    _print_costs(variants, clip, {"width": width, "classes": classes}, check, as_json)


@app.command()
def variants(clip: Clip = "64x224x224", width: Width = 1.0, classes: Classes = 400, as_json: Json = False) -> None:
    """List the paper's family of networks with their costs.

    Example: tradeoff variants --clip 16x64x64 --width 0.25
    """
    from tradeoff.variants import family_names

    _print_costs([*family_names(), "S3D-G"], clip, {"width": width, "classes": classes}, False, as_json)


def _print_costs(names: Sequence[str], clip: str, knobs: Mapping[str, Any], check: bool, as_json: bool) -> None:
    from tradeoff.clip_shape import ClipShape
    from tradeoff.variants import Variant

    shape = ClipShape.parse(clip)
    chosen = [Variant.parse(name, **knobs) for name in names]
    from tradeoff.measure.cost import cost, fvcore_macs

    rows = []
    for variant in chosen:
        counted = cost(variant, shape)
        row = {"variant": variant.name, "units": getattr(variant, "units", ""), **counted.as_record()}
        row |= {"params_m": counted.params / 1e6, "weights_m": counted.weights / 1e6}
        row |= {"macs_g": counted.macs / 1e9, "activation_mib": counted.activation_bytes / 2**20}
        if check:
            macs, unsupported = fvcore_macs(variant, shape)
            row |= {"fvcore_macs_g": macs / 1e9, "fvcore_unsupported": " ".join(sorted(unsupported))}
        rows.append(row)
    print_rows(rows, COST_HEADINGS | (CHECK_HEADINGS if check else {}), f"{clip}, {knobs}: {COST_NOTE}", as_json)
