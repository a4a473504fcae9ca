"""What a figure of `tradeoff report --figure` is asked for and hands back: the rows that it shows, and its files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from rich.console import RenderableType

from tradeoff.errors import InputError
from tradeoff.records.table import load_table, records_folder
from tradeoff.report import write_figure, write_file
from tradeoff.report.protocols import slug
from tradeoff.report.settings import BEST, of_runtime, require_runtime, runtimes
from tradeoff.report.tables import markdown_lines, markdown_table, rich_frame


@dataclass(frozen=True)
class Asked:
    """What a user asks of a figure: the folders to read and to write, and the options that it takes, else unset."""

    results: Path
    out: Path
    sweep: str | None = None
    runtime: str | None = None
    variants: Sequence[str] = ()
    clip: str | None = None
    weights: str | None = None

    @property
    def name(self) -> str:
        """Of what it is a figure: the sweep or, without one, the results folder."""
        return self.sweep or slug(records_folder(self.results).resolve().name) or "results"

    @property
    def where(self) -> str:
        """The same in words, for errors."""
        return f"sweep {self.sweep}" if self.sweep else f"results folder {records_folder(self.results)}"


@dataclass(frozen=True)
class Drawing:
    """One figure: its numbers unrounded, the same as a table of texts, how they were measured, and its files."""

    title: str
    rows: pd.DataFrame
    shown: pd.DataFrame
    notes: Sequence[str]
    paths: list[Path]

    def as_record(self) -> dict[str, Any]:
        rows = json.loads(self.rows.to_json(orient="records", double_precision=15))  # what is missing is null
        return {"rows": rows, "notes": list(self.notes), "paths": [str(path) for path in self.paths]}

    def renderables(self) -> list[RenderableType]:
        table = rich_frame(self.shown, title=self.title, caption="\n".join(self.notes))
        return [table, *(f"wrote {path}" for path in self.paths)]


def write_drawing(
    figure: Figure, out: Path, stem: str, title: str, rows: pd.DataFrame, shown: pd.DataFrame, notes: Sequence[str]
) -> Drawing:
    """Write `<stem>.png`, `.svg`, `.md` (of the texts `shown`) and `.csv` (of `rows`) into `out`."""
    paths = write_figure(figure, out, stem)
    said = markdown_lines(notes)
    text = "\n".join([f"# {title}\n", f"![{title}]({stem}.svg)\n", markdown_table(shown), said])
    contents = {"md": text, "csv": rows.to_csv(index=False, lineterminator="\n")}
    paths += [write_file(out / f"{stem}.{kind}", content.encode()) for kind, content in contents.items()]
    return Drawing(title, rows, shown, notes, paths)


def load_rows(asked: Asked) -> pd.DataFrame:
    """The joined table of what is asked about, with the latencies of `asked.runtime` alone if there is one.

    Raises InputError where there is nothing, and for a runtime that nothing was timed in.
    """
    rows = load_table(records_folder(asked.results), asked.sweep).rows
    if rows.empty:
        raise InputError(f"{asked.where} has no rows: run the sweep first, or name another results folder")
    if asked.runtime is None:
        return rows
    known = runtimes(rows)
    require_runtime(known, asked.runtime, asked.where)
    if asked.runtime == BEST:
        raise InputError(f"--runtime best is for tables: name one for a figure, of {', '.join(known)}")
    return of_runtime(rows, asked.runtime)


def with_suffix(stem: str, title: str, suffix: str) -> tuple[str, str]:
    """Of files and title, where what is asked about makes several figures."""
    return (f"{stem}_{suffix}", f"{title} ({suffix})") if suffix else (stem, title)
