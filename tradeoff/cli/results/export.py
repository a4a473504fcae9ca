"""results export."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tradeoff.cli.options import LOCAL_RESULTS, Json
from tradeoff.cli.results.common import Folder, SweepName, counted, results_app
from tradeoff.console import print_json, print_renderables


class Format(StrEnum):
    PARQUET = "parquet"
    CSV = "csv"


@results_app.command("export")
def results_export(
    out: Annotated[Path, typer.Option("--out", help="The file; an earlier export under that name is replaced.")],
    form: Annotated[Format | None, typer.Option("--format", help="Default: as the file's name ends.")] = None,
    records: Annotated[
        bool, typer.Option("--records", help="One row a record with all its fields, instead of the joined table.")
    ] = False,
    sweep: SweepName = None,
    results: Folder = LOCAL_RESULTS,
    as_json: Json = False,
) -> None:
    """Write the joined table of a results folder (one row a variant and protocol), or all its records, to one file.

    Example: tradeoff results export --out results.parquet

    Example: tradeoff results export --records --sweep bottom_heavy --out records.csv
    """
    from tradeoff.records.export import export, records_frame
    from tradeoff.records.listing import list_records
    from tradeoff.records.naming import open_store
    from tradeoff.records.table import load_results

    store = open_store(results)
    if records:
        keys = None if sweep is None else [each.key for each in list_records(store, sweep=sweep)]
        frame = records_frame(store, keys)
    else:
        frame = load_results(store.root, sweep)
    export(frame, out, form.value if form else None)
    if as_json:
        print_json({"path": str(out), "rows": len(frame), "columns": list(frame.columns)})
        return
    print_renderables([f"wrote {out}: {counted(len(frame), 'row')}, {counted(len(frame.columns), 'column')}"])
