"""The page of a results folder, from its records to a file."""

from __future__ import annotations

import shlex
from pathlib import Path

from tradeoff.errors import InputError
from tradeoff.records.attempts import failed_of
from tradeoff.records.store import Store
from tradeoff.records.table import Table, load_table, records_folder
from tradeoff.report import write_file
from tradeoff.report.fronts import Fronts, probabilities
from tradeoff.report.html import Probability, html_report
from tradeoff.report.html.provenance import provenance

ALL = "index"  # the file of all sweeps


def _on_frontier(table: Table) -> Probability:
    fronts = Fronts(table.correct)
    return lambda rows: probabilities(rows, fronts.of(rows)).add_prefix("p_frontier_")


def write_html(results: Path, out: Path, name: str | None = None) -> Path:
    """Write the page of one sweep, `<name>.html`, or of all in the folder, `index.html`, into `out`; its path.

    Raises InputError where there is nothing to show, or the page would be too large.
    """
    folder = records_folder(results)
    store = Store(folder)
    known = store.sweeps()
    names = [name] if name else list(known)
    if not names:
        raise InputError(f"results folder {results} holds no sweep: run tradeoff sweep first, or name another")
    tables = {sweep: load_table(folder, sweep) for sweep in names}
    keys = {sweep: {key for each in known[sweep]["keys"].values() for key in each} for sweep in names}
    shown = "/".join(folder.absolute().parts[-2:])  # a page that is passed on tells nobody's home
    chosen = ["--sweep", name] if name else []
    content = html_report(
        {sweep: table.rows for sweep, table in tables.items()},
        shown,
        shlex.join(["tradeoff", "report", "--html", "--results", shown, *chosen]),
        provenance=provenance(store, keys),
        failed={sweep: [each.sentence for each in failed_of(store, sweep)] for sweep in names},
        probabilities={sweep: _on_frontier(table) for sweep, table in tables.items()},
    )
    return write_file(out / f"{name or ALL}.html", content)
