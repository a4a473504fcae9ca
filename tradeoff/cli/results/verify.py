"""results verify."""

from __future__ import annotations

import typer

from tradeoff.cli.options import LOCAL_RESULTS, Json
from tradeoff.cli.results.common import Folder, counted, print_table, results_app
from tradeoff.console import print_json


@results_app.command("verify")
def results_verify(results: Folder = LOCAL_RESULTS, as_json: Json = False) -> None:
    """Read everything in a results folder again: records against their schema, their key and their arrays, arrays and
    checkpoints against their checksums, sweeps and failed attempts.

    Changes nothing. Ends with exit code 1 where anything is wrong. Checkpoints are checked as files and by their names,
    not loaded.

    Example: tradeoff results verify --results results/reference
    """
    from tradeoff.records.naming import open_store
    from tradeoff.records.verify import verify

    found = verify(open_store(results))
    if as_json:
        print_json(found.as_record())
    else:
        rows = [vars(each) for each in found.problems]
        read = ", ".join(f"{number} {what}" for what, number in found.read.items()) or "nothing"
        verdict = f"{counted(len(rows), 'thing')} wrong" if rows else "nothing wrong"
        lines = [*(f"note: {note}" for note in found.notes), f"read {read}: {verdict}"]
        print_table(rows, {"file": "File", "what": "What is wrong", "remedy": "What to do"}, lines)
    if found.problems:
        raise typer.Exit(1)
