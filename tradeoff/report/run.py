"""The reports of a results folder: of every sweep in it, and of weights that were measured into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import RenderableType
from rich.table import Table

from tradeoff.errors import InputError
from tradeoff.records.attempts import Attempt, failed_of
from tradeoff.records.store import Record, Store
from tradeoff.records.table import Table as Joined
from tradeoff.records.table import load_table, records_folder
from tradeoff.report import write_figure, write_file, write_report
from tradeoff.report.claims_table import NO_CLAIMS, Claims, report_claims
from tradeoff.report.deployments import deployments_tables
from tradeoff.report.protocols import slug
from tradeoff.report.settings import BEST, choose, place_in, require_runtime, runtimes
from tradeoff.report.tables import rich_frame, rich_tables
from tradeoff.report.temporal_figure import temporal_figure
from tradeoff.report.temporal_weights import (
    Spread,
    Verdict,
    criteria,
    csv,
    display_table,
    find_weights,
    judge,
    markdown,
    offset_rows,
    plain,
    protocol,
    read_spread,
)
from tradeoff.setting_names import RUNTIMES


@dataclass(frozen=True)
class Report:
    """One sweep's tables for the terminal, the files that were written, what neither shows, and what failed."""

    claims: Claims = field(default=NO_CLAIMS, kw_only=True)
    rows: pd.DataFrame
    tables: list[Table]
    paths: list[Path]
    note: str = ""
    failed: Sequence[Attempt] = ()

    def as_record(self) -> dict[str, Any]:
        failed = [each.as_record() for each in self.failed]
        found = {"rows": self.rows.to_dict("records"), "paths": [str(path) for path in self.paths], "failed": failed}
        return found | self.claims.as_record()

    def renderables(self) -> list[RenderableType]:
        failed, note = (each.sentence for each in self.failed), [self.note] if self.note else []
        return [*self.tables, *failed, *self.claims.renderables(), *(f"wrote {path}" for path in self.paths), *note]


@dataclass(frozen=True)
class WeightsReport:
    """The spread of one network's weights over time, what it shows, and the files that were written."""

    spread: Spread
    verdict: Verdict
    paths: list[Path]

    def as_record(self) -> dict[str, Any]:
        facts = {key: getattr(self.spread, key) for key in ("weights", "variant", "width", "layout", "digest")}
        said = {"outcome": self.verdict.outcome, "sentence": self.verdict.sentence}
        return facts | said | {"rows": offset_rows(self.spread), "paths": [str(path) for path in self.paths]}

    def renderables(self) -> list[RenderableType]:
        table = rich_frame(display_table(self.spread), title=plain(self.spread.weights))
        return [table, self.verdict.sentence, *(f"wrote {path}" for path in self.paths)]


def report_sweeps(
    results: Path,
    out: Path,
    name: str | None = None,
    *,
    pareto: bool = True,
    against: str | None = None,
    runtime: str | None = None,
) -> dict[str, Report]:
    """Write the report of one sweep, or of each in the folder, into `out`; the figures only with `pareto`.

    `against` names the variant that differences are given to, `runtime` the one whose latencies are shown, or `best`.
    Of several sweeps those that have it are reported. Raises InputError where there is nothing to report.
    """
    folder = records_folder(results)
    sweeps = [name] if name else list(Store(folder).sweeps())
    if not sweeps:
        raise InputError(f"results folder {results} holds no sweep: run tradeoff sweep first, or name another")
    tables = {sweep: load_table(folder, sweep) for sweep in sweeps}
    if runtime is not None:
        tables = _timed_in(runtime, tables, f"sweep {name}" if name else f"results folder {results}")
    reports = {}
    for sweep, table in tables.items():
        failed = failed_of(Store(folder), sweep)
        paths = write_report(
            table.rows,
            table.correct,
            out,
            sweep,
            figures=pareto,
            against=against,
            runtime=runtime,
            failed=[each.sentence for each in failed],
        )
        shown, note = sweep_tables(table.rows, sweep, runtime)
        reports[sweep] = Report(_rows_of(table.rows, runtime, sweep), shown, paths, note, failed)
        reports[sweep] = replace(reports[sweep], claims=report_claims(Store(folder), sweep, tables[sweep], out))
    return reports


def _timed_in(runtime: str, tables: Mapping[str, Joined], where: str) -> dict[str, Joined]:
    """The sweeps that have a runtime; any will do for the best."""
    found = {sweep: runtimes(table.rows) for sweep, table in tables.items()}
    known = sorted(
        {name for names in found.values() for name in names}, key=lambda name: (place_in(RUNTIMES, name), name)
    )
    require_runtime(known, runtime, where)
    return {sweep: tables[sweep] for sweep, names in found.items() if runtime in names or (runtime == BEST and names)}


def _rows_of(rows: pd.DataFrame, runtime: str | None, name: str) -> pd.DataFrame:
    """What a report in JSON holds: all there is, unless a runtime was asked for."""
    chosen = choose(rows, runtime, name).rows
    return rows if runtime is None or chosen is None else chosen


def sweep_tables(rows: pd.DataFrame, name: str, runtime: str | None = None) -> tuple[list[Table], str]:
    """The tables of a sweep for the terminal, as its report has them, and a sentence on what they leave out, or ""."""
    chosen = choose(rows, runtime, name)
    tables = deployments_tables(rows, name) if chosen.deployments else []
    if chosen.rows is not None:
        title = f"{name}, {chosen.suffix}" if chosen.suffix else name
        tables += rich_tables(chosen.rows, title, across=chosen.across)
    return tables, chosen.note


def report_weights(records: Sequence[Record], store: Store, out: Path) -> dict[str, WeightsReport]:
    """Write `<name>_temporal_weights.png`, `.svg`, `.md` and `.csv` of each record into `out`; by their names.

    Where several weights in the folder have one name, each one's digest tells it apart. Raises InputError for a
    record that is damaged, and for a folder that cannot be written.
    """
    taken = [_stem(record) for record in find_weights(store)]
    reports = {}
    for record in records:
        name = _stem(record)
        name = f"{name}-{record.key}" if taken.count(name) > 1 else name
        reports[name] = _write_weights(read_spread(record), out, f"{name}_temporal_weights")
    return reports


def _write_weights(spread: Spread, out: Path, stem: str) -> WeightsReport:
    found = judge(spread)
    figure = temporal_figure(spread, found, [criteria(spread), protocol(spread)])
    paths = write_figure(figure, out, stem)
    texts = {"md": markdown(spread, found, f"{stem}.svg"), "csv": csv(spread)}
    paths += [write_file(out / f"{stem}.{kind}", text.encode()) for kind, text in texts.items()]
    return WeightsReport(spread, found, paths)


def _stem(record: Record) -> str:
    """What a record's files are called: its weights' name without a suffix."""
    return slug(Path(str(record.about.get("weights", ""))).stem) or record.key
