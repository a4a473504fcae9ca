"""The report of every sweep in a results folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from tradeoff.errors import InputError
from tradeoff.records.store import Store
from tradeoff.records.table import load_table, records_folder
from tradeoff.report import write_report
from tradeoff.report.tables import rich_tables


@dataclass(frozen=True)
class Report:
    """One sweep's tables for the terminal and the files that were written."""

    rows: pd.DataFrame
    tables: list[Table]
    paths: list[Path]

    def as_record(self) -> dict[str, Any]:
        return {"rows": self.rows.to_dict("records"), "paths": [str(path) for path in self.paths]}


def report_sweeps(
    results: Path, out: Path, name: str | None = None, *, pareto: bool = True, against: str | None = None
) -> dict[str, Report]:
    """Write the report of one sweep, or of each in the folder, into `out`; the figures only with `pareto`.

    `against` names the variant that differences are given to. Raises InputError where there is nothing to report.
    """
    folder = records_folder(results)
    sweeps = [name] if name else list(Store(folder).sweeps())
    if not sweeps:
        raise InputError(f"results folder {results} holds no sweep: run tradeoff sweep first, or name another")
    reports = {}
    for sweep in sweeps:
        table = load_table(folder, sweep)
        paths = write_report(table.rows, table.correct, out, sweep, figures=pareto, against=against)
        reports[sweep] = Report(table.rows, rich_tables(table.rows, sweep), paths)
    return reports
