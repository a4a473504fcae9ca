"""results ls."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from tradeoff.cli.options import LOCAL_RESULTS, Json
from tradeoff.cli.results.common import Folder, SweepName, counted, print_table, results_app
from tradeoff.console import duration, print_json

HEADINGS = {
    "key": "Key",
    "kind": "Kind",
    "variant": "Variant",
    "clip": "Clip",
    "particulars": "Of",
    "result": "Result",
    "seconds": "Took",
    "at": "Made at",
    "sweeps": "Sweeps",
}


@results_app.command("ls")
def results_ls(
    kind: Annotated[str | None, typer.Option("--kind", help="cost, training, accuracy, latency or weights.")] = None,
    sweep: SweepName = None,
    variant: Annotated[str | None, typer.Option("--variant", help="By its name in the list.")] = None,
    clip: Annotated[str | None, typer.Option("--clip", help="FRAMESxHEIGHTxWIDTH.")] = None,
    results: Folder = LOCAL_RESULTS,
    as_json: Json = False,
) -> None:
    """List the records of a results folder.

    Example: tradeoff results ls --sweep bottom_heavy --kind accuracy

    Example: tradeoff results ls --variant I3D --json
    """
    from tradeoff.records.listing import list_records
    from tradeoff.records.naming import open_store

    found = list_records(open_store(results), kind, sweep, variant, clip)
    if as_json:
        print_json([each.as_record() for each in found])
        return
    rows = [
        each.as_record()
        | {"sweeps": ", ".join(each.sweeps), "at": each.at[:16].replace("T", " ")}
        | {"seconds": "" if each.seconds is None else duration(each.seconds)}
        for each in found
    ]
    kinds = Counter(each.kind for each in found)
    parts = ", ".join(f"{number} {name}" for name, number in kinds.items())
    print_table(rows, HEADINGS, [f"{counted(len(found), 'record')}{': ' + parts if parts else ''}"])
