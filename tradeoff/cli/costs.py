"""Commands that count: cost, variants."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Column, Table
from rich.text import Text

from tradeoff.cli.app import app
from tradeoff.cli.options import Classes, Clip, Json, Width
from tradeoff.console import console, print_json, print_renderables
from tradeoff.errors import InputError

if TYPE_CHECKING:
    from tradeoff.clip_shape import ClipShape
    from tradeoff.measure.cost import Cost
    from tradeoff.measure.layers import Layer
    from tradeoff.variants import Variant

COST_HEADINGS = {
    "variant": "variant",
    "units": "units",
    "params_m": "params\nM",
    "learnable_m": "learnable\nM",
    "macs_g": "MACs\nG",
    "activation_mib": "peak\nMiB",
    "moved_mib": "moved\nMiB",
    "intensity": "FLOP\n/byte",
}
CHECK_HEADINGS = {"fvcore_macs_g": "fvcore\nG"}
NOTES = (
    "params: weights of convolutions, logits and gates as the convention counts them, no biases, no batch norm; "
    "learnable: all numbers that training changes",
    "MACs: multiply-adds of convolutions and matrix products; a bias adds none",
    "peak: activations alive at once in eager PyTorch, the clip with them and the weights not; moved: all that "
    "operators read, weights too, and write, none fused; both in float32, indices of max-pools in int64",
    "FLOP/byte: two for each multiply-add that is executed, over the bytes moved",
)
WORDS = ("variant", "units", "class", "counted")
ROOM_FOR_UNITS = 100  # columns that the table takes with the unit letters, which the names say too
TREE_NOTE = "modules without multiply-adds have no line of their own; what they move is in the sums around them"


@app.command()
def cost(
    variants: Annotated[list[str], typer.Argument(help="I2D, I3D, S3D, S3D-G, Fast-S3D, Top-Heavy-I3D-4, ...")],
    clip: Clip = "64x224x224",
    width: Width = 1.0,
    classes: Classes = 400,
    convention: Annotated[
        str,
        typer.Option("--convention", help="executed: what runs; curve, table2: as the paper's Figure 4, Table 2."),
    ] = "executed",
    layers: Annotated[bool, typer.Option("--layers", help="Print what each layer costs, as a tree.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Count with fvcore on real tensors too, and compare.")] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV: a row a variant, or a layer with --layers.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Count parameters, multiply-adds, memory and bytes moved, without computing.

    Example: tradeoff cost I3D S3D S3D-G --convention table2

    Example: tradeoff cost S3D --layers
    """
    if as_csv and as_json:
        raise InputError("--csv and --json are both given: one of them can be printed")
    if check and (layers or convention != "executed"):
        raise InputError("--check compares totals of what is executed: leave --layers and --convention out")
    shape, chosen = _chosen(variants, clip, {"width": width, "classes": classes})
    from tradeoff.measure.cost import cost

    counted = [(variant, cost(variant, shape, convention)) for variant in chosen]
    rows = [_row(variant, each, shape) for variant, each in counted]
    if check:
        rows = [row | _fvcore(variant, shape) for row, variant in zip(rows, chosen, strict=True)]
    if as_csv:
        print_csv(_layer_rows(counted) if layers else [_flat(row) for row in rows])
    elif as_json and layers:
        print_json(
            [row | {"layers": list(map(_layer, each.layers))} for row, (_, each) in zip(rows, counted, strict=True)]
        )
    else:
        if layers:
            _print_layers(counted)
        _print_costs(rows, f"{shape}, width {width:g}, {classes} classes", as_json)


@app.command()
def variants(clip: Clip = "64x224x224", width: Width = 1.0, classes: Classes = 400, as_json: Json = False) -> None:
    """List the paper's family of networks with their costs.

    Example: tradeoff variants --clip 16x64x64 --width 0.25
    """
    from tradeoff.variants import family_names

    shape, chosen = _chosen([*family_names(), "S3D-G"], clip, {"width": width, "classes": classes})
    from tradeoff.measure.cost import cost

    rows = [_row(variant, cost(variant, shape), shape) for variant in chosen]
    _print_costs(rows, f"{shape}, width {width:g}, {classes} classes", as_json)


def _chosen(names: Sequence[str], clip: str, knobs: Mapping[str, Any]) -> tuple[ClipShape, list[Variant]]:
    """All that can be wrong without torch, before it is imported."""
    from tradeoff.clip_shape import ClipShape
    from tradeoff.variants import Variant

    return ClipShape.parse(clip), [Variant.parse(name, knobs) for name in names]


def _row(variant: Variant, counted: Cost, clip: ClipShape) -> dict[str, Any]:
    row = {"variant": variant.name, "units": getattr(variant, "units", ""), "clip": str(clip), **counted.as_record()}
    row |= {"params_m": counted.params_m, "weights_m": counted.params_m, "learnable_m": counted.params / 1e6}
    row |= {"macs_g": counted.gmacs, "gmacs": counted.gmacs, "activation_mib": counted.activation_bytes / 2**20}
    return row | {"moved_mib": counted.bytes_moved / 2**20}


def _fvcore(variant: Variant, clip: ClipShape) -> dict[str, Any]:
    from tradeoff.measure.cost import fvcore_macs

    macs, unsupported = fvcore_macs(variant, clip)
    return {"fvcore_macs_g": macs / 1e9, "fvcore_unsupported": " ".join(sorted(unsupported))}


def _print_costs(rows: Sequence[dict[str, Any]], protocol: str, as_json: bool) -> None:
    """A table for people, with two decimals as the paper prints them, or all values as JSON."""
    if as_json:
        print_json(rows)
        return
    from tradeoff.measure.conventions import CONVENTIONS

    name = rows[0]["convention"]
    headings = COST_HEADINGS | (CHECK_HEADINGS if "fvcore_macs_g" in rows[0] else {})
    if console().width < ROOM_FOR_UNITS:
        headings = {key: words for key, words in headings.items() if key != "units"}
    shown = [{key: _cell(row[key]) for key in headings} | {"variant": _marked(row)} for row in rows]
    _print_table(shown, headings, [f"{protocol}; convention {name}: {CONVENTIONS[name]}", *_notes(rows), *NOTES])


def _print_table(rows: Sequence[Mapping[str, str]], headings: Mapping[str, str], caption: Sequence[str]) -> None:
    """Numbers to the right, words to the left; the caption as wide as the terminal."""
    sides: dict[str, Literal["left", "right"]] = {key: "left" if key in WORDS else "right" for key in headings}
    table = Table(*(Column(words, justify=sides[key], overflow="fold") for key, words in headings.items()))
    for row in rows:
        table.add_row(*(row[key] for key in headings))
    print_renderables([table, *map(Text, caption), ""])


def _cell(value: Any) -> str:
    """Two decimals, as the paper prints; four digits below one, none above a thousand."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4g}" if value < 1 else f"{value:,.2f}" if value < 1000 else f"{value:,.0f}"


def _marked(row: Mapping[str, Any]) -> str:
    return f"{row['variant']} (conjecture)" if row["note"].startswith("conjecture") else str(row["variant"])


def _notes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a convention counts otherwise than what runs, once for all variants of which it is the same; and what
    fvcore leaves out."""
    names: dict[str, list[str]] = {}
    for row in rows:
        names.setdefault(row["note"], []).append(row["variant"])
    notes = [f"{', '.join(names[note])}: {note}" for note in names if note]
    checked = [row for row in rows if "fvcore_unsupported" in row]
    return notes + [f"{row['variant']}: fvcore does not count {row['fvcore_unsupported']}" for row in checked]


def _print_layers(counted: Iterable[tuple[Variant, Cost]]) -> None:
    from tradeoff.cli.layer_tree import amount, layer_tree
    from tradeoff.measure.operators import CLASSES

    for variant, each in counted:
        print_renderables(
            [*layer_tree(variant.name, each.layers, console().width), Text(TREE_NOTE, style="italic"), ""]
        )
        rows = [
            {"class": kind, "operations": amount(each.operations[kind]), "counted": words}
            for kind, words in CLASSES.items()
            if kind in each.operations
        ]
        headings = {"class": f"operators of {variant.name}", "operations": "operations", "counted": "what is counted"}
        _print_table(rows, headings, [])


def _layer(layer: Layer) -> dict[str, Any]:
    """A layer as plain values."""
    return {
        "layer": layer.name,
        "kind": layer.kind,
        "kernel": layer.kernel,
        "output": layer.output,
        "macs": layer.macs,
        "weights": layer.weights,
        "params": layer.params,
        "bytes_moved": layer.bytes_moved,
        "operations": dict(layer.operations),
    }


def _layer_rows(counted: Iterable[tuple[Variant, Cost]]) -> list[dict[str, Any]]:
    return [
        {"variant": variant.name, "convention": each.convention, **_flat(_layer(layer))}
        for variant, each in counted
        for layer in each.layers
    ]


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row for CSV: a column for each class of operator, shapes as 64x112x112."""
    from tradeoff.measure.operators import CLASSES

    plain = {key: value for key, value in row.items() if key != "operations"}
    values = {key: "x".join(map(str, value)) if isinstance(value, tuple) else value for key, value in plain.items()}
    return values | {f"{kind}_operations": row["operations"].get(kind, 0) for kind in CLASSES}


def print_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows that have the same keys, as CSV with a heading."""
    writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
