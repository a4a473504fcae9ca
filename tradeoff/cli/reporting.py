"""The command that draws: report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradeoff.cli.app import app
from tradeoff.cli.options import LOCAL_REPORTS, LOCAL_RESULTS, Json, Results
from tradeoff.cli.report_table import (
    Asked,
    Budget,
    Columns,
    Compare,
    Cost,
    Export,
    Sort,
    Where,
    Wide,
    answer,
    print_columns,
    report_tables,
)
from tradeoff.console import print_json, print_renderables
from tradeoff.errors import InputError

if TYPE_CHECKING:
    from tradeoff.records.store import Record, Store
    from tradeoff.report.run import Report, WeightsReport
    from tradeoff.report.searches import SearchReport

FIGURES = ("temporal-weights",)
DEFAULT_WEIGHTS = "i3d-kinetics400"


@app.command()
def report(
    pareto: Annotated[bool, typer.Option("--pareto", help="Draw the figures too (PNG and SVG).")] = False,
    name: Annotated[
        str | None, typer.Option("--sweep", help="Only this sweep; default: each sweep, one by one.")
    ] = None,
    results: Results = LOCAL_RESULTS,
    out: Annotated[Path, typer.Option("--out", help="Where figures and tables are written.")] = LOCAL_REPORTS,
    against: Annotated[
        str | None, typer.Option(help="Differences in accuracy are given to this variant; default: I2D, else I3D.")
    ] = None,
    runtime: Annotated[
        str | None,
        typer.Option(
            help="Only latencies of this runtime (eager, openvino, ...), or best: of each variant the fastest setting. "
            "Default: all that there are, side by side."
        ),
    ] = None,
    figure: Annotated[
        str | None,
        typer.Option(
            metavar=f"[{'|'.join(FIGURES)}]",
            help="Instead of sweeps, draw how trained weights are spread over time offsets (the paper's Fig. 5).",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="With --figure: a known name or a checkpoint, measured where it is not on record; "
            f"default: what is on record, else {DEFAULT_WEIGHTS}."
        ),
    ] = None,
    variant: Annotated[
        str | None, typer.Option(help="With --weights: the network that a file of bare weights is of.")
    ] = None,
    search: Annotated[
        list[str] | None,
        typer.Option(
            "--search",
            help="Instead of sweeps, draw what this search reached in how many seconds of training; may be repeated.",
        ),
    ] = None,
    where: Where = None,
    sort: Sort = None,
    columns: Columns = None,
    wide: Wide = False,
    export: Export = None,
    budget: Budget = None,
    compare: Compare = None,
    cost: Cost = None,
    as_json: Json = False,
) -> None:
    """Write the table (Markdown, CSV) and, with --pareto, the figures of the sweeps in a results folder; or, with
    --figure, one figure of trained weights; or, with --search, searches side by side.

    Where a sweep timed several runtimes, precisions or layouts: all deployments, and the frontier over the fastest.
    Rows that were measured in different ways are in different tables.

    Example: tradeoff report --pareto --sweep bottom_heavy

    Example: tradeoff report --pareto --sweep bottom_heavy --runtime openvino

    Example: tradeoff report --where "latency_ms < 50 and frames == 16" --sort -top1 --export table.tex

    Example: tradeoff report --budget "latency_ms<=30"

    Example: tradeoff report --compare top-heavy bottom-heavy --cost latency_ms

    Example: tradeoff report --figure temporal-weights --weights i3d-kinetics400

    Example: tradeoff report --search grid --search random --search nsga2
    """
    asked = Asked(where, sort, columns, wide, export or (), budget or (), compare, cost)
    written: dict[str, Report] | dict[str, WeightsReport] | dict[str, SearchReport]
    sweeps: dict[str, object] = {
        "--sweep": name,
        "--pareto": pareto or None,
        "--against": against,
        "--runtime": runtime,
        **asked.options,
    }
    if search:
        _refuse("with --search", sweeps | {"--figure": figure, "--weights": weights, "--variant": variant})
        from tradeoff.report.searches import report_searches

        written = {" ".join(search): report_searches(results, search, out)}
    elif columns == "help":
        print_columns(as_json)
        return
    elif budget or compare:
        refused: dict[str, object] = {
            "--figure": figure,
            "--pareto": pareto or None,
            "--against": against,
            "--runtime": runtime,
        }
        _refuse("with --budget or --compare", refused)
        answer(asked, results, name, as_json)
        return
    elif figure is None:
        _refuse("without --figure", {"--weights": weights, "--variant": variant})
        written = report_tables(asked, results, out, name, pareto=pareto, against=against, runtime=runtime)
    else:
        _refuse("with --figure", sweeps)
        written = _draw_weights(figure, weights, variant, results, out)
    if as_json:
        print_json({each: found.as_record() for each, found in written.items()})
        return
    for found in written.values():
        print_renderables(found.renderables())


def _refuse(when: str, options: dict[str, object]) -> None:
    for option, value in options.items():
        if value is not None:
            raise InputError(f"{option} means nothing {when}: leave one of the two out")


def _draw_weights(
    figure: str, weights: str | None, variant: str | None, results: Path, out: Path
) -> dict[str, WeightsReport]:
    from tradeoff.records.store import Store, find_records
    from tradeoff.report.run import report_weights
    from tradeoff.report.temporal_weights import find_weights

    if figure not in FIGURES:
        raise InputError(f"figure {figure!r} is unknown: use {', '.join(FIGURES)}")
    if variant is not None and weights is None:
        raise InputError("--variant says which network the file in --weights is of: name that too")
    store = Store(find_records(results) or results)
    by_name = variant is None and not (weights and Path(weights).exists())
    found = find_weights(store, weights) if by_name else []
    return report_weights(found or [_measure(weights, variant, store)], store, out)


def _measure(weights: str | None, variant: str | None, store: Store) -> Record:
    """The record of weights, made if it is not there; torch is needed from here on."""
    from tradeoff.measure.temporal_weights import record_temporal_weights
    from tradeoff.variants import Variant
    from tradeoff.weights.checkpoints import open_weights

    if weights is None:
        sys.stderr.write(f"no weights are on record in {store.root}: measuring {DEFAULT_WEIGHTS}\n")
    named, wanted = weights or DEFAULT_WEIGHTS, Variant.parse(variant) if variant else None
    opened = open_weights(named, wanted)
    if wanted is not None and opened.variant != wanted:
        raise InputError(f"weights {named} are of {opened.variant.name}, not of {variant}: leave --variant out")
    return record_temporal_weights(opened, Path(named).name, store)
