"""The reports of a results folder: of every sweep in it, and of weights that were measured into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from tradeoff.console import console
from tradeoff.errors import InputError
from tradeoff.records.attempts import Attempt, failed_of
from tradeoff.records.stated import claims_in
from tradeoff.records.store import Record, Store
from tradeoff.records.table import Table as Joined
from tradeoff.records.table import load_table, records_folder
from tradeoff.report import write_figure, write_file, write_report
from tradeoff.report.claims_table import NO_CLAIMS, Claims, report_claims
from tradeoff.report.deployments import deployments_tables
from tradeoff.report.exports import check_export, check_files, export_sheets
from tradeoff.report.fronts import Fronts, reach_lines
from tradeoff.report.joined import Sheet, front_records, sheets, split_note
from tradeoff.report.protocols import slug, split_protocols
from tradeoff.report.selection import Selection
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

EVERYTHING = Selection()
Count = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Report:
    """One sweep's tables for the terminal, the files that were written, what neither shows, and what failed."""

    rows: pd.DataFrame
    tables: list[RenderableType]
    paths: list[Path]
    note: str = ""
    failed: Sequence[Attempt] = ()
    make_sheets: Callable[[], Sequence[Sheet]] = tuple
    claims: Claims = NO_CLAIMS

    @cached_property
    def sheets(self) -> Sequence[Sheet]:
        """The same tables for files of their own; made where they are wanted."""
        return self.make_sheets()

    def as_record(self) -> dict[str, Any]:
        failed = [each.as_record() for each in self.failed]
        paths = [str(path) for path in self.paths]
        rows = self.rows.to_dict("records")
        found = {"rows": rows, "paths": paths, "failed": failed, "frontier": front_records(self.sheets)}
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
    selection: Selection = EVERYTHING,
    exports: Sequence[Path] = (),
    count: Count | None = None,
) -> dict[str, Report]:
    """Write the report of one sweep, or of each in the folder, into `out`; the figures only with `pareto`.

    `against` names the variant that differences are given to, `runtime` the one whose latencies are shown, or `best`.
    `selection` chooses rows, which are then reported as `<name>_selected`, and how tables are printed and exported to
    the files `exports`. `count` fills in multiply-adds as the paper counts them where older records lack them and the
    selection asks for them. Of several sweeps those that have the runtime, and any row that fits, are reported.
    Raises InputError where there is nothing to report, and, before anything is written, for an export that cannot be.
    """
    for path in exports:
        check_export(path)
    folder = records_folder(results)
    tables = _tables_of(folder, name, results)
    where = f"sweep {name}" if name else f"results folder {results}"
    if runtime is not None:
        tables = _timed_in(runtime, tables, where)
    chosen, reports = selected(tables, selection, where, count), {}
    drawn = {sweep: Fronts(table.correct) for sweep, table in chosen.items()}
    # What is wrong with an export or a claim is found before anything is written.
    makers = _checked_sheets(chosen, drawn, runtime, selection, exports)
    stated = {sweep: claims_in(Store(folder), sweep) for sweep in chosen}
    for sweep, table in chosen.items():
        failed, fronts, make = failed_of(Store(folder), sweep), drawn[sweep], makers[sweep]
        paths = write_report(
            table.rows,
            table.correct,
            out,
            f"{sweep}_selected" if selection.where else sweep,
            figures=pareto,
            against=against,
            runtime=runtime,
            failed=[each.sentence for each in failed],
            fronts=fronts,
            note=selection.note,
        )
        shown, note = sweep_tables(table.rows, sweep, runtime, selection=selection, fronts=fronts)
        if pareto and not any(path.suffix == ".png" for path in paths):
            note = _joined_notes(note, _NO_FIGURE if selection.where is None else _NONE_OF_THESE)
        rows = _rows_of(table.rows, runtime, sweep, selection, make)
        # Of all rows: a selection is no new finding.
        claims = report_claims(Store(folder), sweep, tables[sweep], out, stated[sweep])
        reports[sweep] = Report(rows, shown, paths, note, failed, make, claims)
    for path in exports:
        _export(reports, path, selection)
    return reports


def _checked_sheets(
    chosen: Mapping[str, Joined],
    drawn: Mapping[str, Fronts],
    runtime: str | None,
    selection: Selection,
    exports: Sequence[Path],
) -> dict[str, Callable[[], Sequence[Sheet]]]:
    """What makes each sweep's sheets, once, when they are wanted. Raises InputError for an export that cannot be."""
    makers: dict[str, Callable[[], Sequence[Sheet]]] = {
        sweep: cache(partial(_sheets, table.rows, sweep, runtime, selection, drawn[sweep]))
        for sweep, table in chosen.items()
    }
    for path in exports:
        check_files([(sweep, sheet) for sweep, make in makers.items() for sheet in make()], path)
    return makers


_NO_FIGURE = "no figure: no row has both an accuracy and a cost; add data and train to the sweep file, and run it again"
_NONE_OF_THESE = "no figure: no row that fits --where has both an accuracy and a cost"


def tables_of(results: Path, name: str | None = None) -> dict[str, Joined]:
    """The joined table of one sweep, or of each in a results folder. Raises InputError where there is none."""
    return _tables_of(records_folder(results), name, results)


def _tables_of(folder: Path, name: str | None, results: Path) -> dict[str, Joined]:
    sweeps = [name] if name else list(Store(folder).sweeps())
    if not sweeps:
        raise InputError(f"results folder {results} holds no sweep: run tradeoff sweep first, or name another")
    return {sweep: load_table(folder, sweep) for sweep in sweeps}


_COUNTED = ("curve_macs", "curve_gmacs", "curve_weights")


def selected(
    tables: Mapping[str, Joined],
    selection: Selection,
    where: str,
    count: Count | None = None,
    about: Sequence[str] = (),
) -> dict[str, Joined]:
    """The sweeps that have rows that fit, with these alone. Raises InputError where none has.

    `count` fills in multiply-adds as the paper counts them, where they are asked for: by the selection, or as one of
    the columns that the answer is `about`.
    """
    if count and selection.where and set(selection.where.columns) & set(_COUNTED):
        tables = _changed(tables, count)
    found = _changed(tables, selection.rows)
    if selection.where and all(table.rows.empty for table in found.values()):
        every = pd.concat([table.rows for table in tables.values()], ignore_index=True)
        raise InputError(selection.where.nothing(every, where))
    kept = {sweep: table for sweep, table in found.items() if not table.rows.empty or selection.where is None}
    wanted = selection.mentions(*_COUNTED) or bool(set(about) & set(_COUNTED))
    return _changed(kept, count) if count and wanted else kept


def _changed(tables: Mapping[str, Joined], change: Count) -> dict[str, Joined]:
    return {sweep: replace(table, rows=change(table.rows)) for sweep, table in tables.items()}


def _export(reports: Mapping[str, Report], path: Path, selection: Selection) -> None:
    """Write the sheets of all sweeps, and note the files with the sweep that each is of."""
    found = [(sweep, sheet) for sweep, report in reports.items() for sheet in report.sheets]
    files = export_sheets(found, path, selection.note)
    for (sweep, _), file in zip(found, files, strict=True):
        reports[sweep].paths.append(file)


def _timed_in(runtime: str, tables: Mapping[str, Joined], where: str) -> dict[str, Joined]:
    """The sweeps that have a runtime; any will do for the best."""
    found = {sweep: runtimes(table.rows) for sweep, table in tables.items()}
    known = sorted(
        {name for names in found.values() for name in names}, key=lambda name: (place_in(RUNTIMES, name), name)
    )
    require_runtime(known, runtime, where)
    return {sweep: tables[sweep] for sweep, names in found.items() if runtime in names or (runtime == BEST and names)}


def _sheets(rows: pd.DataFrame, name: str, runtime: str | None, selection: Selection, fronts: Fronts) -> list[Sheet]:
    return sheets(rows, name, runtime, selection, fronts)[0]


def _rows_of(
    rows: pd.DataFrame, runtime: str | None, name: str, selection: Selection, make: Callable[[], Sequence[Sheet]]
) -> pd.DataFrame:
    """What a report in JSON holds: all there is, unless a runtime or columns were asked for."""
    if not selection.is_plain:
        return pd.concat([sheet.numbers().assign(table=sheet.suffix) for sheet in make()], ignore_index=True)
    chosen = choose(rows, runtime, name).rows
    return selection.ordered(rows if runtime is None or chosen is None else chosen)


def sweep_tables(
    rows: pd.DataFrame,
    name: str,
    runtime: str | None = None,
    *,
    selection: Selection = EVERYTHING,
    fronts: Fronts | None = None,
) -> tuple[list[RenderableType], str]:
    """The tables of a sweep for the terminal, as its report has them, and a sentence on what they leave out and why
    there are several, or ""."""
    drawn = fronts or Fronts({})
    if not selection.is_plain:
        found, note = sheets(rows, name, runtime, selection, drawn)
        return [_printed(sheet, name) for sheet in found], _joined_notes(selection.note, note)
    chosen = choose(rows, runtime, name)
    tables: list[RenderableType] = [*deployments_tables(rows, name)] if chosen.deployments else []
    notes = [chosen.note]
    if chosen.rows is not None:
        title = f"{name}, {chosen.suffix}" if chosen.suffix else name
        ordered = selection.ordered(chosen.rows)
        tables += rich_tables(ordered, title, across=chosen.across, fronts=drawn.of)
        notes.append(split_note(split_protocols(ordered, across=chosen.across), chosen.across))
    return tables, _joined_notes(selection.note, *notes)


def _joined_notes(*notes: str) -> str:
    return "\n".join(note for note in notes if note)


def _printed(sheet: Sheet, name: str) -> RenderableType:
    """A table with its protocol under it, which is not wrapped to the width of a narrow table."""
    shown = sheet.shown()
    title = f"{name} ({sheet.suffix})" if sheet.suffix else name
    lines = [*sheet.notes(), *(reach_lines(sheet.fronts) if "Frontier" in shown else [])]
    return Group(rich_frame(shown, title=title, width=console().width), *(Text(line) for line in lines), Text())


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
