"""The command line: parse, call, print. Torch is imported only by the commands that need it."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradeoff.console import print_json, print_renderables, print_rows
from tradeoff.errors import InputError

if TYPE_CHECKING:
    from tradeoff.sweep.file import Sweep
    from tradeoff.sweep.plan import Plan

app = typer.Typer(
    help="Speed-accuracy trade-offs of video networks: train, measure, compare.\n\n"
    "Start with: tradeoff sweep sweeps/smoke.yaml",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(help="Look at data sets.", no_args_is_help=True)
app.add_typer(data_app, name="data")


class Stage(StrEnum):
    """A kind of measurement, as --only names it."""

    COST = "cost"
    TRAINING = "training"
    ACCURACY = "accuracy"
    LATENCY = "latency"


class Order(StrEnum):
    NORMAL = "normal"
    REVERSED = "reversed"


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output instead of a table.")]
Results = Annotated[
    Path, typer.Option("--results", help="The results folder: records are read from it and added to it.")
]
Cache = Annotated[
    Path | None, typer.Option("--cache", envvar="TRADEOFF_CACHE", help="Where generated or decoded clips are kept.")
]
Device = Annotated[str, typer.Option("--device", help="cpu, cuda or cuda:N.")]
Threads = Annotated[
    int, typer.Option("--threads", min=0, max=4096, help="CPU threads; 0 leaves the choice to PyTorch.")
]
Clip = Annotated[str, typer.Option("--clip", help="FRAMESxHEIGHTxWIDTH.")]
Width = Annotated[float, typer.Option("--width", help="Multiplier of every channel count.")]
Classes = Annotated[int, typer.Option("--classes", help="How many classes the logits tell apart.")]
Data = Annotated[
    str,
    typer.Option("--data", help="motion, appearance, a folder of class folders, or a CSV of path,label,split|fold."),
]
VariantName = Annotated[str, typer.Argument(help="I2D, I3D, S3D, S3D-G, Fast-S3D, Top-Heavy-I3D-4, ...")]

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
LATENCY_HEADINGS = {
    "variant": "variant",
    "units": "units",
    "latency_ms": "median ms",
    "low_ms": "low",
    "high_ms": "high",
    "passes": "passes",
    "interval": "interval",
}

SYNTHETIC = ("motion", "appearance")
LOCAL_RESULTS, LOCAL_REPORTS = Path("results/local"), Path("reports/local")


@app.command()
def sweep(
    file: Annotated[Path, typer.Argument(help="A sweep file, for example sweeps/bottom_heavy.yaml.")],
    results: Results = LOCAL_RESULTS,
    device: Device = "cpu",
    threads: Threads = 0,
    cache: Cache = None,
    only: Annotated[list[Stage] | None, typer.Option("--only", help="Measure only this kind; may be repeated.")] = None,
    as_json: Json = False,
) -> None:
    """Train and measure what a sweep file names, and print the joined table.

    What the results folder holds already is not measured again; interrupt it and run the same command to go on.
    Ends with exit code 1 when a measurement failed.

    Example: tradeoff sweep sweeps/bottom_heavy.yaml
    """
    from tradeoff.sweep.file import read_sweep

    _measure(read_sweep(file), results, device, threads, cache, only, as_json)


@app.command()
def train(
    variant: VariantName,
    data: Data = "motion",
    clip: Clip = "16x64x64",
    width: Width = 0.25,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training clips; default 3.")] = None,
    batch: Annotated[int | None, typer.Option(help="Clips a step; default 16.")] = None,
    rate: Annotated[float | None, typer.Option(help="Peak learning rate; default 0.02.")] = None,
    seed: Annotated[int, typer.Option(help="Makes a CPU run repeatable bit for bit.")] = 0,
    results: Results = LOCAL_RESULTS,
    device: Device = "cpu",
    threads: Threads = 0,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Train one network and evaluate it on the test clips.

    Example: tradeoff train S3D --data motion --epochs 3
    """
    given = {"epochs": epochs, "batch": batch, "rate": rate}
    recipe = {key: value for key, value in given.items() if value is not None}
    values = {"variants": [variant], "data": _data(data), "clip": clip, "width": width, "train": recipe}
    name = _sweep_name("train", variant, Path(data).stem, f"seed{seed}")
    chosen = _make_sweep("train", values | {"name": name, "seeds": [seed], "latency": "none"})
    _measure(chosen, results, device, threads, cache, None, as_json)


@app.command()
def evaluate(
    weights: Annotated[Path, typer.Argument(help="A checkpoint, for example results/local/checkpoints/....pt")],
    data: Data = "motion",
    clip: Clip = "16x64x64",
    order: Annotated[Order, typer.Option(help="Show the frames as they are, or the last one first.")] = Order.NORMAL,
    fold: Annotated[int, typer.Option(help="The fold whose clips are tested.")] = 0,
    results: Results = LOCAL_RESULTS,
    device: Device = "cpu",
    threads: Threads = 0,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Evaluate a checkpoint as it is.

    Example: tradeoff evaluate results/local/checkpoints/0123456789abcdef.pt --data motion --order reversed
    """
    from tradeoff.networks.checkpoints import load_checkpoint

    _, variant = load_checkpoint(weights)
    values: dict[str, Any] = {"variants": [variant.name], "width": getattr(variant, "width", 1.0), "clip": clip}
    values |= {"data": _data(data), "orders": [order.value], "folds": [fold]}
    values |= {"train": "none", "weights": str(weights), "latency": "none"}
    values["name"] = _sweep_name("evaluate", weights.stem, Path(data).stem, order.value)
    _measure(_make_sweep("evaluate", values), results, device, threads, cache, None, as_json)


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


@app.command()
def latency(
    variants: Annotated[list[str], typer.Argument(help="I2D, I3D, S3D, S3D-G, Fast-S3D, Top-Heavy-I3D-4, ...")],
    clip: Clip = "16x64x64",
    width: Width = 1.0,
    classes: Classes = 400,
    batch: Annotated[int, typer.Option(help="Clips at once.")] = 1,
    precision: Annotated[str, typer.Option(help="float32, bf16 or fp16.")] = "float32",
    layout: Annotated[str, typer.Option(help="channels_last_3d or contiguous.")] = "channels_last_3d",
    seconds: Annotated[float, typer.Option(help="Sampling time a process.")] = 2.0,
    processes: Annotated[int, typer.Option(help="Fresh processes; each is one replicate.")] = 3,
    device: Device = "cpu",
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Time variants with random weights in fresh processes. Keep the machine idle meanwhile.

    Example: tradeoff latency I3D S3D --clip 16x112x112
    """
    protocol = {"batch": batch, "precision": precision, "layout": layout, "threads": threads}
    protocol |= {"seconds": seconds, "processes": processes}
    values = {"variants": variants, "clip": clip, "width": width, "classes": classes, "latency": protocol}
    _print_latencies(_make_sweep("latency", values), device, as_json)


@app.command()
def report(
    pareto: Annotated[bool, typer.Option("--pareto", help="Draw the speed-accuracy figure too (PNG and SVG).")] = False,
    name: Annotated[
        str | None, typer.Option("--sweep", help="Only this sweep; default: each sweep, one by one.")
    ] = None,
    results: Results = LOCAL_RESULTS,
    out: Annotated[Path, typer.Option("--out", help="Where figures and tables are written.")] = LOCAL_REPORTS,
    against: Annotated[
        str | None, typer.Option(help="Differences in accuracy are given to this variant; default: I2D, else I3D.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the table (Markdown, CSV) and, with --pareto, the figures of the sweeps in a results folder.

    Example: tradeoff report --pareto --sweep bottom_heavy
    """
    from tradeoff.report.run import report_sweeps

    written = report_sweeps(results, out, name, pareto=pareto, against=against)
    if as_json:
        print_json({sweep: each.as_record() for sweep, each in written.items()})
        return
    for each in written.values():
        print_renderables([*each.tables, *(f"wrote {path}" for path in each.paths)])


@data_app.command("show")
def data_show(
    data: Annotated[str, typer.Argument(help="motion, appearance, a folder of class folders, or a CSV of clips.")],
    clip: Clip = "16x64x64",
    out: Annotated[Path | None, typer.Option("--out", help="The PNG; default: reports/local/<data>_clips.png.")] = None,
    clips: Annotated[int, typer.Option(min=1, help="Clips a class.")] = 1,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Write a contact sheet: for each class the frames of a clip, as a PNG to look at.

    Example: tradeoff data show motion
    """
    from tradeoff.data import open_dataset
    from tradeoff.data.contact_sheet import contact_sheet

    few = {"train": 32 * clips, "test": 32} if data in SYNTHETIC else {}  # a picture needs no more
    chosen = _make_sweep("data", {"variants": ["I2D"], "data": _data(data) | few, "clip": clip})
    assert chosen.data is not None
    dataset = open_dataset(chosen.data, chosen.shape, _cache(cache), _count_on_stderr)
    path = out or LOCAL_REPORTS / f"{dataset.name}_clips.png"
    contact_sheet(dataset.frames, dataset.labels, dataset.classes, path, clips_per_class=clips)
    facts = {"path": str(path), "data": dataset.name, "classes": len(dataset.classes), "clips": len(dataset.labels)}
    facts |= {"unreadable": len(dataset.unreadable)}
    if as_json:
        print_json(facts | {"unreadable_files": dataset.unreadable})
        return
    print_renderables([f"left out {name}: {reason}" for name, reason in dataset.unreadable])
    print_renderables([", ".join(f"{key} {value}" for key, value in facts.items())])


@app.callback(invoke_without_command=True)
def _main(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if show_version:
        typer.echo(f"tradeoff {version('tradeoff')}")
        raise typer.Exit


def _make_sweep(name: str, values: Mapping[str, Any]) -> Sweep:
    """A sweep from options, checked as a sweep file is; relative paths are taken from the working folder."""
    from tradeoff.sweep.file import make_sweep

    return make_sweep({"name": name, **values}, f"tradeoff {name}").resolve(Path.cwd())


def _data(text: str) -> dict[str, Any]:
    return {"synthetic": text} if text in SYNTHETIC else {"videos": text}


def _cache(given: Path | None) -> Path:
    import platformdirs

    return given or platformdirs.user_cache_path("tradeoff") / "clips"


def _count_on_stderr(done: int, total: int) -> None:
    if done == total:
        sys.stderr.write(f"{total} clips generated or decoded\n")


def _measure(
    chosen: Sweep,
    results: Path,
    device: str,
    threads: int,
    cache: Path | None,
    only: Sequence[Stage] | None,
    as_json: bool,
) -> None:
    """Run a sweep, print its table, and leave with 1 if a measurement failed."""
    from tradeoff.records.keys import KINDS
    from tradeoff.records.store import Store
    from tradeoff.records.table import load_table
    from tradeoff.sweep.engine import Engine
    from tradeoff.sweep.progress import Reporter

    plan = _plan(chosen, device, threads)
    kinds = tuple(kind for kind in KINDS if not only or kind in only)
    try:
        with Reporter() as reporter:
            outcome = Engine(plan, Store(results), _cache(cache), reporter).run(kinds)
    except KeyboardInterrupt:
        sys.stderr.write("tradeoff: interrupted; what was measured is kept, run the same command to go on\n")
        raise typer.Exit(130) from None
    rows = load_table(results, chosen.name).rows
    if as_json:
        print_json({"sweep": chosen.name, **outcome.as_record(), "rows": rows.to_dict("records")})
    else:
        from tradeoff.report.tables import rich_tables

        print_renderables([*rich_tables(rows, chosen.name), *outcome.lines()])
        print_renderables([f"draw it: tradeoff report --pareto --sweep {chosen.name}{_results_option(results)}"])
    if outcome.failures:
        raise typer.Exit(1)


def _sweep_name(*parts: str) -> str:
    """What the sweep of a single command is called in the results folder, for `tradeoff report --sweep`."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", "_".join(parts))


def _results_option(results: Path) -> str:
    return "" if results == LOCAL_RESULTS else f" --results {shlex.quote(str(results))}"


def _plan(chosen: Sweep, device: str, threads: int) -> Plan:
    import torch

    from tradeoff.measure.environment import resolve_device
    from tradeoff.sweep.plan import make_plan

    if threads:
        torch.set_num_threads(threads)
    return make_plan(chosen, resolve_device(device))


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


def _print_latencies(chosen: Sweep, device: str, as_json: bool) -> None:
    from tradeoff.measure.environment import device_name
    from tradeoff.measure.latency import latencies

    assert chosen.latency is not None
    plan = _plan(chosen, device, 0)
    rows = []
    for variant in plan.variants:
        interval, samples = latencies(variant, chosen.shape, chosen.latency, str(plan.device))
        row = {"variant": variant.name, "units": getattr(variant, "units", ""), "latency_ms": interval.estimate}
        row |= {"low_ms": interval.low, "high_ms": interval.high, "interval": interval.method, "passes": samples}
        rows.append(row)
    protocol = ", ".join(f"{key} {value}" for key, value in chosen.latency.model_dump().items())
    caption = f"{device_name(plan.device)}, clip {chosen.clip}, width {chosen.width:g}, {protocol}, 95 % interval"
    print_rows(rows, LATENCY_HEADINGS, caption, as_json)


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Bad input is one sentence on standard error and exit code 2."""
    try:
        app(args=list(arguments) if arguments is not None else None)
    except InputError as error:
        sys.stderr.write(f"tradeoff: {error}\n")
        raise SystemExit(2) from None
