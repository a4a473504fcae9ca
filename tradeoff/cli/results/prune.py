"""results prune."""

from __future__ import annotations

from typing import Annotated

import typer

from tradeoff.cli.options import LOCAL_RESULTS, Json
from tradeoff.cli.results.common import Folder, counted, print_table, results_app
from tradeoff.console import print_json, size


@results_app.command("prune")
def results_prune(
    yes: Annotated[
        bool, typer.Option("--yes/--dry-run", help="Delete what is listed; else it is listed only.")
    ] = False,
    results: Folder = LOCAL_RESULTS,
    as_json: Json = False,
) -> None:
    """List what a results folder can do without, and with --yes delete it.

    That is what none of its sweeps names, arrays, checkpoints, states and logs that belong to nothing, and files that
    killed runs left. A record that a sweep names is never deleted, nor a measurement of trained weights alone.

    Example: tradeoff results prune

    Example: tradeoff results prune --yes
    """
    from tradeoff.records.naming import open_store
    from tradeoff.records.prune import leftovers, remove

    store = open_store(results)
    found = leftovers(store)
    rows = [
        {"file": each.path.relative_to(store.root).as_posix(), "why": each.why, "bytes": each.bytes} for each in found
    ]
    total = sum(each.bytes for each in found)
    said = f"{counted(len(found), 'file')}, {size(total)}"
    if not as_json:
        shown = [row | {"bytes": size(int(str(row["bytes"])))} for row in rows]
        print_table(shown, {"file": "File", "why": "Why", "bytes": "Size"})
        if not found:
            typer.echo("nothing can go: every file belongs to a sweep")
        elif not yes:
            typer.echo(f"{said} can go: run it again with --yes to delete them")
    freed = remove(found) if yes else 0
    if as_json:
        print_json({"files": rows, "bytes": total, "deleted": yes, "freed": freed})
    elif yes and found:
        typer.echo(f"deleted {counted(len(found), 'file')}, which frees {size(freed)}")
