"""Commands about trained networks: weights list, fetch, inspect, convert, derive; classify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradeoff.cli.app import app
from tradeoff.cli.options import Device, Json
from tradeoff.console import print_json, print_renderables, print_rows
from tradeoff.errors import InputError

if TYPE_CHECKING:
    from tradeoff.variants import Variant
    from tradeoff.weights.checkpoints import Weights

weights_app = typer.Typer(help="Public and own trained networks.", no_args_is_help=True)
app.add_typer(weights_app, name="weights")

Origin = Annotated[str, typer.Argument(metavar="WEIGHTS", help="A known name (tradeoff weights list) or a file.")]
Of = Annotated[
    str | None, typer.Option("--variant", help="The network, where the weights do not say or another is wanted.")
]
Derive = Annotated[
    bool, typer.Option("--derive", help="Allow a variant that the weights are not of: start it as near as it gets.")
]

LIST_HEADINGS = {"name": "name", "variant": "variant", "here": "here", "top1": "published top-1 %"}
LIST_NOTE = (
    "published: on Kinetics-400 by whoever trained them, under their own protocol, which --json gives with licence and "
    "address; a file in one of these layouts loads by its path too: tradeoff weights inspect FILE"
)
INSPECT_HEADINGS = {"fact": "fact", "value": "value"}


@weights_app.command("list")
def list_weights(as_json: Json = False) -> None:
    """List the public weights that are known by name.

    Example: tradeoff weights list
    """
    from tradeoff.weights.known import known_weights

    rows = []
    for known in known_weights().values():
        path, published = known.path(), known.published
        here = "yes" if path else "fetched when first used" if known.fetch else "to be downloaded by hand"
        row: dict[str, Any] = {"name": known.name, "variant": known.variant, "here": here, "licence": known.licence}
        row |= {"address": known.address, "published": str(published) if published else None}
        row |= {"top1": f"{published.top1:.1f}" if published else "", "path": str(path) if path else None}
        rows.append(row)
    print_rows(rows, LIST_HEADINGS, LIST_NOTE, as_json)


@weights_app.command("fetch")
def fetch_weights(
    name: Annotated[str, typer.Argument(help="A known name: tradeoff weights list.")], as_json: Json = False
) -> None:
    """Bring public weights into the weights folder ($TRADEOFF_WEIGHTS, or the user's cache).

    Example: tradeoff weights fetch i3d-kinetics400
    """
    from tradeoff.weights.known import is_name, locate

    if not is_name(name):
        raise InputError(f"weights {name} are a file: only known names are fetched")
    path = locate(name)
    if as_json:
        print_json({"name": name, "path": str(path)})
    else:
        print_renderables([str(path)])


@weights_app.command("inspect")
def inspect_weights(weights: Origin, variant: Of = None, as_json: Json = False) -> None:
    """Say what a file of weights is: its layout, its network, and the knobs that it was trained with.

    Example: tradeoff weights inspect i3d-kinetics400
    """
    from tradeoff.weights.labels import labels_of

    opened = _open(weights, variant)
    labels = labels_of(opened)
    numbers = sum(tensor.numel() for tensor in opened.state.values())
    facts: dict[str, Any] = {"weights": opened.origin, "layout": opened.layout, "variant": opened.variant.name}
    facts |= {"fields": opened.variant.fields(), "classes": opened.variant.classes, "labels": list(labels[:3])}
    facts |= {"pixels": opened.variant.scaling, "tensors": len(opened.state), "numbers": numbers}
    facts |= {"digest": opened.digest}
    if as_json:
        print_json(facts)
        return
    facts["labels"] = ", ".join(labels[:3]) + ", ..." if labels else "not known"
    rows = [{"fact": fact, "value": str(value)} for fact, value in facts.items() if fact != "fields"]
    print_rows(rows, INSPECT_HEADINGS, "", False)


@weights_app.command("convert")
def convert_weights(
    weights: Origin,
    out: Annotated[Path, typer.Argument(help="The file to write.")],
    to: Annotated[
        str, typer.Option("--to", help="tradeoff, torchvision-s3d, kylemin-s3d or pytorch-i3d.")
    ] = "tradeoff",
    variant: Of = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    as_json: Json = False,
) -> None:
    """Write weights in another layout; the numbers stay the same.

    Example: tradeoff weights convert i3d-kinetics400 rgb_imagenet.pt --to pytorch-i3d
    """
    from tradeoff.weights.converting import converted

    opened = _open(weights, variant)
    _write(out, converted(opened, to), force)
    facts = {
        "weights": opened.origin,
        "from": opened.layout,
        "to": to,
        "variant": opened.variant.name,
        "path": str(out),
    }
    _print_facts(facts, as_json)


@weights_app.command("derive")
def derive_weights(
    weights: Origin,
    variant: Annotated[str, typer.Argument(help="The variant to derive: S3D, Fast-S3D, I2D, Top-Heavy-I3D-4, ...")],
    out: Annotated[Path | None, typer.Option("--out", help="Write the derived network here.")] = None,
    videos: Annotated[
        list[Path] | None, typer.Option("--video", help="Compare features on this video; may be repeated.")
    ] = None,
    clip: Annotated[str, typer.Option("--clip", help="FRAMESxHEIGHTxWIDTH of the comparison.")] = "32x224x224",
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    as_json: Json = False,
) -> None:
    """Derive another variant from weights, and say how far its features are from theirs.

    Without --video the comparison is on smooth random blobs, which tells less.

    Example: tradeoff weights derive i3d-kinetics400 S3D --video clip.mp4 --out s3d.pt
    """
    from tradeoff.cli.options import plain_warnings
    from tradeoff.weights.derivation import derivation, derived_bytes

    opened = _open(weights, None)
    with plain_warnings():
        found = derivation(opened, variant, videos or [], clip)
    if out:
        _write(out, derived_bytes(opened, found), force)
    if as_json:
        print_json(found.as_record() | {"path": str(out) if out else None})
        return
    print_rows(found.rows(), {"stage": "stage", "distance": "distance", "kept": "kernel kept"}, found.caption(), False)
    if out:
        print_renderables([f"wrote {out}"])


@app.command()
def classify(
    video: Annotated[Path, typer.Argument(help="Any video that FFmpeg decodes.")],
    weights: Annotated[str, typer.Option("--weights", help="A known name (tradeoff weights list) or a file.")],
    variant: Of = None,
    clip: Annotated[str, typer.Option("--clip", help="FRAMESxHEIGHTxWIDTH.")] = "64x224x224",
    sampling: Annotated[
        str, typer.Option(help="middle: consecutive frames from the middle; even: spread over the video.")
    ] = "middle",
    top: Annotated[int, typer.Option(min=1, help="How many classes to print.")] = 5,
    derive: Derive = False,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Print the most probable classes of one video.

    Example: tradeoff classify clip.mp4 --variant I3D --weights i3d-kinetics400
    """
    from tradeoff.cli.options import plain_warnings
    from tradeoff.clip_shape import ClipShape
    from tradeoff.measure.environment import resolve_device
    from tradeoff.training.classify import best, classify
    from tradeoff.variants import Variant
    from tradeoff.weights.building import network_of, say_knobs
    from tradeoff.weights.labels import labels_of
    from tradeoff.weights.matching import match, named_by

    if sampling not in ("middle", "even"):
        raise InputError(f"--sampling is {sampling!r}: use middle or even")
    shape, where = ClipShape.parse(clip), resolve_device(device)
    opened = _open(weights, variant)
    wanted = Variant.parse(variant) if variant else opened.variant
    target = match(opened, wanted, named_by(variant, {}), derive)
    if target.classes != opened.variant.classes:
        raise InputError(
            f"weights {weights} tell {opened.variant.classes} classes apart, not {target.classes}: leave classes out"
        )
    with plain_warnings():
        say_knobs(opened, target, named_by(variant, {}))
    network = network_of(opened, target)
    found = classify(network, video, shape, pixels=target.scaling, sampling=sampling, device=where)  # type: ignore[arg-type]
    rows = [{"class": label, "probability": probability} for label, probability in best(found, labels_of(opened), top)]
    if as_json:
        print_json({"video": str(video), "variant": target.name, "weights": weights, "clip": str(shape), "best": rows})
        return
    caption = f"{video.name}: {target.name}, {weights}, {shape}, {sampling} frames, centre crop, 1 view, float32"
    shown = [{"class": row["class"], "probability": f"{row['probability']:.4f}"} for row in rows]
    print_rows(shown, {"class": "class", "probability": "probability"}, caption, False)


def _open(weights: str, variant: str | None) -> Weights:
    from tradeoff.variants import Variant
    from tradeoff.weights.checkpoints import open_weights

    wanted: Variant | None = Variant.parse(variant) if variant else None
    return open_weights(weights, wanted)


def _write(path: Path, content: bytes, force: bool) -> None:
    """Whole or not at all: what was there stays until the new file is complete."""
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder: name a file in it")
        if path.exists() and not force:
            raise InputError(f"{path} is there already: name another file, or replace it with --force")
        part = path.with_name(f".writing-{path.name}")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be written: {error}") from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def _print_facts(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(facts)
    else:
        print_renderables([", ".join(f"{key} {value}" for key, value in facts.items())])
