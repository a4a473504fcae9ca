"""The command that draws: report."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradeoff.cli.app import app
from tradeoff.cli.figures import FIGURES, draw, figures_in_words
from tradeoff.cli.options import LOCAL_REPORTS, LOCAL_RESULTS, Json, Results
from tradeoff.console import print_json, print_renderables
from tradeoff.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    """Write the table (Markdown, CSV) and, with --pareto, the figures of the sweeps in a results folder; or, with
    --figure, one figure; or, with --search, searches side by side.

    Where a sweep timed several runtimes, precisions or layouts: all deployments, and the frontier over the fastest.

    Example: tradeoff report --pareto --sweep bottom_heavy

    Example: tradeoff report --pareto --sweep bottom_heavy --runtime openvino

    Example: tradeoff report --figure temporal-weights --weights i3d-kinetics400

    Example: tradeoff report --figure roofline --sweep runtimes --runtime eager

    Example: tradeoff report --figure layers --variant I3D --variant S3D

    Example: tradeoff report --search grid --search random --search nsga2
    """
    of_sweeps: dict[str, Any] = {"--sweep": name, "--runtime": runtime, "--pareto": pareto, "--against": against}
    of_figures: dict[str, Any] = {"--weights": weights, "--variant": variant, "--clip": clip}
    written: Mapping[str, Any]
    with _formats(pdf):
        if search:
            _refuse("with --search", of_sweeps | {"--figure": figure} | of_figures)
            from tradeoff.report.searches import report_searches

            written = {" ".join(search): report_searches(results, search, out)}
        elif figure is None:
            _refuse("without --figure", of_figures)
            from tradeoff.report.run import report_sweeps

            written = report_sweeps(results, out, name, pareto=pareto, against=against, runtime=runtime)
        else:
            written = draw(figure, of_sweeps | of_figures, results, out)
    if as_json:
        print_json({each: found.as_record() for each, found in written.items()})
        return
    for found in written.values():
        print_renderables(found.renderables())


def _refuse(when: str, options: Mapping[str, Any]) -> None:
    for option, value in options.items():
        if value not in (None, False, []):
            raise InputError(f"{option} means nothing {when}: leave one of the two out")


def _formats(pdf: bool) -> AbstractContextManager[None]:
    if not pdf:
        return nullcontext()
    from tradeoff.report import also_pdf

    return also_pdf()
