"""Commands that measure into a results folder: sweep, train, evaluate."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradeoff.cli.app import app
from tradeoff.cli.options import (
    HERE,
    LOCAL_RESULTS,
    Cache,
    Clip,
    Data,
    Device,
    Json,
    Order,
    Place,
    Results,
    Threads,
    VariantName,
    Views,
    Where,
    cache_of,
    data_of,
    kept_when_interrupted,
    make_sweep_of,
    plan_of,
)
from tradeoff.console import print_json, print_renderables, print_rows
from tradeoff.errors import InputError

if TYPE_CHECKING:
    from tradeoff.records.keys import Kind
    from tradeoff.sweep.executors.ray_cluster import Machines
    from tradeoff.sweep.file import Sweep
    from tradeoff.sweep.plan import Plan


class Stage(StrEnum):
    """A kind of measurement, as --only names it."""

    COST = "cost"
    TRAINING = "training"
    ACCURACY = "accuracy"
    LATENCY = "latency"


@app.command()
def sweep(
    file: Annotated[Path, typer.Argument(help="A sweep file, for example sweeps/bottom_heavy.yaml.")],
    results: Results = LOCAL_RESULTS,
    device: Device = "cpu",
    threads: Threads = 0,
    cache: Cache = None,
    only: Annotated[list[Stage] | None, typer.Option("--only", help="Measure only this kind; may be repeated.")] = None,
    executor: Annotated[
        Where,
        typer.Option(
            envvar="TRADEOFF_EXECUTOR",
            help="Measure in worker processes of this machine (local), on a Ray cluster (ray), or in this one (here).",
        ),
    ] = Where.LOCAL,
    workers: Annotated[
        int,
        typer.Option(
            min=0,
            max=1024,
            help="Worker processes; default: one a GPU with --device cuda, else one. On a CPU they share its threads.",
        ),
    ] = 0,
    address: Annotated[
        str | None,
        typer.Option(
            help="Of the Ray cluster, HOST:PORT; default: RAY_ADDRESS, or the one that this machine is part of, or one "
            "that is started here."
        ),
    ] = None,
    accelerator: Annotated[
        str | None,
        typer.Option(
            help="Use only machines of the Ray cluster with this label (accelerator type); default: with --device cuda "
            "that of the machine with most GPUs."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what is left, and about what time and disk it takes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train and measure what a sweep file names, and print the joined table.

    What the results folder holds already is not measured again; interrupt it and run the same command to go on.
    Ends with exit code 1 when a measurement failed.

    Example: tradeoff sweep sweeps/bottom_heavy.yaml

    Example: tradeoff sweep sweeps/figure4.yaml --dry-run
    """
    from tradeoff.sweep.file import read_sweep

    chosen, where = read_sweep(file), _place(executor, workers, address, accelerator)
    if dry_run and where.is_ray:
        raise InputError("--dry-run estimates what this machine would take: use it without --executor ray")
    if chosen.search is not None:
        if only:
            raise InputError(f"--only {only[0]} means nothing for {file}: what a search proposes depends on all of it")
        from tradeoff.cli.searching import search_sweep

        search_sweep(chosen, results, device, threads, cache, where, dry_run, as_json)
    elif dry_run:
        _estimate(chosen, results, device, threads, cache, only, as_json)
    else:
        _measure(chosen, results, device, threads, cache, only, as_json, where)


def _place(executor: Where, workers: int, address: str | None, accelerator: str | None) -> Place:
    """Raises InputError for options of another executor than the one that is named."""
    if executor != Where.RAY:
        for name, given in (("address", address), ("accelerator", accelerator)):
            if given is not None:
                raise InputError(
                    f"--{name} is {given} and measures nothing on Ray: add --executor ray, or leave it out"
                )
    elif workers:
        raise InputError(
            f"--workers is {workers} and on Ray what is free decides: leave it out, or use --executor local"
        )
    return Place(executor.value, workers, address or os.environ.get("RAY_ADDRESS"), accelerator)


@app.command()
def train(
    variant: VariantName,
    data: Data = "motion",
    clip: Clip = "16x64x64",
    width: Annotated[float | None, typer.Option(help="Channel multiplier; default 0.25, or the weights' own.")] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="By name: paper, fine-tune, linear-probe or small-data; the options below go before its values."
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training clips; default 3, or the recipe's.")
    ] = None,
    batch: Annotated[int | None, typer.Option(help="Clips a step; default 16, or the recipe's.")] = None,
    rate: Annotated[float | None, typer.Option(help="Peak learning rate; default 0.02, or the recipe's.")] = None,
    sampling: Annotated[
        str | None,
        typer.Option(
            help="How training clips are drawn anew from whole videos: paper (consecutive frames), segments or spread. "
            "Default: stored once, spread over the video."
        ),
    ] = None,
    views: Views = None,
    seed: Annotated[int, typer.Option(help="Makes a CPU run repeatable bit for bit.")] = 0,
    weights: Annotated[str | None, typer.Option(help="Start from these: a known name or a file.")] = None,
    derive: Annotated[bool, typer.Option("--derive", help="Allow a variant that the weights are not of.")] = False,
    results: Results = LOCAL_RESULTS,
    device: Device = "cpu",
    threads: Threads = 0,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Train one network and evaluate it on the test clips.

    Example: tradeoff train S3D --data motion --epochs 3

    Example: tradeoff train S3D --data my_videos --clip 16x112x112 --weights i3d-kinetics400 --derive

    Example: tradeoff train S3D --data my_videos --clip 64x224x224 --recipe fine-tune --sampling paper --views paper
    """
    values: dict[str, Any] = {"variants": [variant], "data": data_of(data), "clip": clip}
    values |= {"train": _given(recipe=recipe, epochs=epochs, batch=batch, rate=rate)}
    values |= _given(sampling=sampling, views=views)
    if weights is not None:
        values |= {"weights": weights} | ({"width": width} if width is not None else {})
    else:
        values |= {"width": 0.25 if width is None else width}
    values |= {"derive": True} if derive else {}
    name = _sweep_name("train", variant, Path(data).stem, f"seed{seed}")
    chosen = make_sweep_of("train", values | {"name": name, "seeds": [seed], "latency": "none"})
    _measure(chosen, results, device, threads, cache, None, as_json)


@app.command()
def evaluate(
    weights: Annotated[str, typer.Argument(help="A checkpoint, any layout, or a known name (tradeoff weights list).")],
    data: Data = "motion",
    clip: Clip = "16x64x64",
    order: Annotated[Order, typer.Option(help="Show the frames as they are, or the last one first.")] = Order.NORMAL,
    fold: Annotated[int, typer.Option(help="The fold whose clips are tested.")] = 0,
    views: Views = None,
    variant: Annotated[str | None, typer.Option(help="The network, where the file does not say.")] = None,
    derive: Annotated[bool, typer.Option("--derive", help="Allow a variant that the weights are not of.")] = False,
    results: Results = LOCAL_RESULTS,
    device: Device = "cpu",
    threads: Threads = 0,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Evaluate a checkpoint as it is.

    Example: tradeoff evaluate results/local/checkpoints/0123456789abcdef.pt --data motion --order reversed

    Example: tradeoff evaluate i3d-kinetics400 --data videos.csv --clip 64x224x224 --views dense
    """
    from tradeoff.variants import Variant
    from tradeoff.weights.checkpoints import open_weights

    own = open_weights(weights, Variant.parse(variant) if variant else None).variant
    values: dict[str, Any] = {"variants": [variant or own.name], "width": getattr(own, "width", 1.0), "clip": clip}
    values |= {"data": data_of(data), "orders": [order.value], "folds": [fold]} | _given(views=views)
    values |= {"train": "none", "weights": weights, "derive": derive, "latency": "none"}
    values["name"] = _sweep_name("evaluate", Path(weights).stem, Path(data).stem, order.value)
    _measure(make_sweep_of("evaluate", values), results, device, threads, cache, None, as_json)


def _given(**options: Any) -> dict[str, Any]:
    """What the user named."""
    return {key: value for key, value in options.items() if value is not None}


def _measure(
    chosen: Sweep,
    results: Path,
    device: str,
    threads: int,
    cache: Path | None,
    only: Sequence[Stage] | None,
    as_json: bool,
    place: Place = HERE,
) -> None:
    """Run a sweep, print its table, and leave with 1 if a measurement failed."""
    from tradeoff.records.attempts import failed_of
    from tradeoff.records.store import Store
    from tradeoff.records.table import load_table
    from tradeoff.sweep.engine import Engine
    from tradeoff.sweep.executors.choice import choose
    from tradeoff.sweep.progress import Reporter, silent
    from tradeoff.training.processes import current, leave

    store = Store(results)
    with ExitStack() as stack:
        stack.enter_context(kept_when_interrupted())
        plan, machines = _planned(stack, chosen, device, threads, cache_of(cache), place)
        main = current().is_main_process
        kinds = _kinds(plan, only)
        reporter = stack.enter_context(Reporter() if main else silent())
        asked = place.executor, store, cache_of(cache), device, place.workers, plan.processes
        executor = choose(*asked, reporter.say, machines)
        outcome = Engine(plan, store, executor, reporter).run(kinds)
    leave()
    if not main:
        return
    rows = load_table(results, chosen.name).rows
    if as_json:
        print_json({"sweep": chosen.name, **outcome.as_record(), "rows": rows.to_dict("records")})
    else:
        from tradeoff.report.run import sweep_tables

        tables, note = sweep_tables(rows, chosen.name)
        tried = {each.attempt.name for each in outcome.failures}
        before = [each.sentence for each in failed_of(Store(results), chosen.name) if each.path.name not in tried]
        print_renderables([*tables, *([note] if note else []), *before, *outcome.lines()])
        print_renderables([f"draw it: tradeoff report --pareto --sweep {chosen.name}{_results_option(results)}"])
    if outcome.failures:
        raise typer.Exit(1)


def _planned(
    stack: ExitStack, chosen: Sweep, device: str, threads: int, cache: Path, place: Place
) -> tuple[Plan, Machines | None]:
    """The plan of a sweep; on Ray, which is connected until `stack` ends, with the machines that it is for."""
    if not place.is_ray:
        return plan_of(chosen, device, threads, cache, place.workers), None
    from tradeoff.sweep.executors.ray_cluster import connect
    from tradeoff.training.processes import current

    if current().num_processes > 1:
        raise InputError("--executor ray is for one process: start it without a launcher, with gpus in the sweep file")
    stack.enter_context(connect(place.address, _say))
    from tradeoff.sweep.executors.on_ray import plan_on_ray

    return plan_on_ray(chosen, device, threads, cache, place.accelerator, _say)


def _estimate(
    chosen: Sweep,
    results: Path,
    device: str,
    threads: int,
    cache: Path | None,
    only: Sequence[Stage] | None,
    as_json: bool,
) -> None:
    """Say what a sweep would cost; nothing is measured, and nothing written but the digests of videos."""
    from tradeoff.records.store import Store
    from tradeoff.sweep.attempts import fitted
    from tradeoff.sweep.estimate import duration, estimate
    from tradeoff.training.processes import current

    plan = plan_of(chosen, device, threads, cache_of(cache))
    if current().num_processes > 1:
        raise InputError("--dry-run is for one process: start it without a launcher, with processes in the sweep file")
    kinds = _kinds(plan, only)
    plan = fitted(plan, Store(results))
    found = estimate(plan, Store(results), cache_of(cache), kinds, _say)
    if as_json:
        print_json(found.as_record())
        return
    rows = []
    for kind, share in found.shares.items():
        most = "at most " if kind == "latency" else ""
        time = f"{most}{duration(share.seconds)}" if share.left else ""
        rows.append({"kind": kind, "planned": share.total, "present": share.present, "left": share.left, "time": time})
    headings = {"kind": "Kind", "planned": "Planned", "present": "On record", "left": "Left", "time": "Time"}
    print_rows(rows, headings, "", as_json=False)
    print_renderables(found.lines())


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _kinds(plan: Plan, only: Sequence[Stage] | None) -> tuple[Kind, ...]:
    """The kinds asked for; says which latencies are left out: all of them among other processes, which a machine at
    rest has not."""
    from tradeoff.records.keys import KINDS
    from tradeoff.training.processes import current

    kinds = tuple(kind for kind in KINDS if not only or kind in only)
    if "latency" in kinds and current().num_processes > 1:
        if current().is_main_process and plan.sweep.latency:
            sys.stderr.write("latency is left out: run the same sweep without the launcher to measure it\n")
        return tuple(kind for kind in kinds if kind != "latency")
    if "latency" in kinds:
        for sentence in plan.settings[1]:
            sys.stderr.write(f"latency leaves out: {sentence}\n")
    return kinds


def _sweep_name(*parts: str) -> str:
    """What the sweep of a single command is called in the results folder, for `tradeoff report --sweep`."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", "_".join(parts))


def _results_option(results: Path) -> str:
    return "" if results == LOCAL_RESULTS else f" --results {shlex.quote(str(results))}"
