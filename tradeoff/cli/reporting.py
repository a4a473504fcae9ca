"""The command that reports: tables and figures of sweeps, or one question to what is on record."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from tradeoff.cli.app import app
from tradeoff.cli.figures import FIGURES, draw, figures_in_words
from tradeoff.cli.options import LOCAL_REPORTS, LOCAL_RESULTS, Json, Results, given_value
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

_FITS: Mapping[str, tuple[str, ...]] = {
    "budget": ("name", "where"),
    "compare": ("name", "where", "cost"),
    "html": ("opens", "name"),
    "paper": ("pdf",),
    "claims": ("check",),
    "search": ("pdf",),
    "figure": ("name", "runtime", "weights", "variant", "clip", "pdf"),
}
"""What can be asked for instead of sweeps' tables, by its option, and which other options go with it."""
_TABLES = ("name", "pareto", "against", "runtime", "where", "sort", "columns", "wide", "export")
_PICTURES = ("pdf",)  # go with --pareto too
_ALWAYS = ("results", "out", "as_json")


@app.command()
def report(
    context: typer.Context,
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
    where: Where = None,
    sort: Sort = None,
    columns: Columns = None,
    wide: Wide = False,
    export: Export = None,
    budget: Budget = None,
    compare: Compare = None,
    cost: Cost = None,
    paper: Annotated[
        bool,
        typer.Option("--paper", help="Instead of sweeps, the paper's tables and figures beside what is on record."),
    ] = False,
    claims: Annotated[
        list[str] | None,
        typer.Option(
            "--claims",
            metavar="SWEEP|FILE",
            help="Instead of all of a sweep, only what holds of its claims: as its results folder has them, or as this "
            "sweep file states them; may be repeated.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="With --claims: leave with exit code 1 if a claim is REFUTED.")
    ] = False,
    html: Annotated[
        bool, typer.Option("--html", help="Instead, write one HTML file to look into the sweeps; it needs no network.")
    ] = False,
    opens: Annotated[bool, typer.Option("--open", help="With --html: open the file in the browser.")] = False,
    figure: Annotated[
        str | None,
        typer.Option(
            metavar=f"[{'|'.join(FIGURES)}]",
            help=f"Instead of sweeps' tables, draw one figure. {figures_in_words()}.",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="With --figure temporal-weights: a known name or a checkpoint, measured where it is not on record; "
            "default: what is on record, else i3d-kinetics400."
        ),
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            "--variant",
            help="With --figure layers: a network, counted where it is not on record; may be repeated. With --weights: "
            "the network that a file of bare weights is of.",
        ),
    ] = None,
    clip: Annotated[
        str | None, typer.Option(help="With --figure layers: FRAMESxHEIGHTxWIDTH; default: 64x224x224.")
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write each figure as PDF too.")] = False,
    search: Annotated[
        list[str] | None,
        typer.Option(
            "--search",
            help="Instead of sweeps, draw what this search reached in how many seconds of training; may be repeated.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the table (Markdown, CSV) and, with --pareto, the figures of the sweeps in a results folder; or what one of
    the other options asks for.

    Where a sweep timed several runtimes, precisions or layouts: all deployments, and the frontier over the fastest.
    Rows that were measured in different ways are in different tables.

    Example: tradeoff report --pareto --sweep bottom_heavy

    Example: tradeoff report --pareto --sweep bottom_heavy --runtime openvino

    Example: tradeoff report --where "latency_ms < 50 and frames == 16" --sort -top1 --export table.tex

    Example: tradeoff report --budget "latency_ms<=30"

    Example: tradeoff report --compare top-heavy bottom-heavy --cost latency_ms

    Example: tradeoff report --html --open

    Example: tradeoff report --claims sweeps/figure4.yaml --check

    Example: tradeoff report --paper --results results/reference

    Example: tradeoff report --figure temporal-weights --weights i3d-kinetics400

    Example: tradeoff report --figure roofline --sweep runtimes --runtime eager

    Example: tradeoff report --figure layers --variant I3D --variant S3D

    Example: tradeoff report --search grid --search random --search nsga2
    """
    _check_fit(context)
    asked = Asked(where, sort, columns, wide, export or (), budget or (), compare, cost)
    written: Mapping[str, Any]
    with _formats(pdf):
        if columns == "help":
            print_columns(as_json)
            return
        if budget or compare:
            answer(asked, results, name, as_json)
            return
        if claims:
            from tradeoff.cli.report_claims import decide_claims

            decide_claims(results, claims, out, check=check, as_json=as_json)
            return
        if html:
            from tradeoff.cli.report_html import report_html

            report_html(results, out, name, opens, as_json)
            return
        if paper:
            from tradeoff.cli.report_paper import report_beside_the_paper

            written = report_beside_the_paper(results, out)
        elif search:
            from tradeoff.report.searches import report_searches

            written = {" ".join(search): report_searches(results, search, out)}
        elif figure is not None:
            given = {"--sweep": name, "--runtime": runtime, "--weights": weights, "--variant": variant, "--clip": clip}
            written = draw(figure, given, results, out)
        else:
            written = report_tables(asked, results, out, name, pareto=pareto, against=against, runtime=runtime)
    if as_json:
        print_json({each: found.as_record() for each, found in written.items()})
        return
    for found in written.values():
        print_renderables(found.renderables())


def _check_fit(context: typer.Context) -> None:
    """Raises InputError for an option that means nothing beside another, or without it."""
    options = {parameter.name: parameter.opts[0] for parameter in context.command.params if parameter.name}
    given = [name for name in options if given_value(context, name) not in (None, [])]
    asked = next((name for name in _FITS if name in given), None)
    tables = (*_TABLES, *(_PICTURES if "pareto" in given else ()))
    fits = (*_ALWAYS, *((asked, *_FITS[asked]) if asked else tables))
    for name in given:
        if name not in fits:
            raise InputError(f"{options[name]} means nothing {_way_out(name, asked, options)}")


def _way_out(name: str, asked: str | None, options: Mapping[str, str]) -> str:
    """Beside or without what an option means nothing, and what to do."""
    if asked:
        return f"with {options[asked]}: leave one of the two out"
    owners = [options[each] for each, others in _FITS.items() if name in others]
    owners += [options["pareto"]] if name in _PICTURES else []
    add = "add it" if len(owners) == 1 else "add one of them"
    return f"without {' or '.join(owners)}: {add}, or leave {options[name]} out"


def _formats(pdf: bool) -> AbstractContextManager[None]:
    if not pdf:
        return nullcontext()
    from tradeoff.report import also_pdf

    return also_pdf()
