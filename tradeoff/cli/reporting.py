"""The command that draws: report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradeoff.cli.app import app
from tradeoff.cli.options import LOCAL_REPORTS, LOCAL_RESULTS, Json, Results
from tradeoff.console import print_json, print_renderables


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
