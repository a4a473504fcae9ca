"""From the joined table to files: a figure as PNG and SVG, the table as Markdown and CSV, one set a protocol."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from tradeoff.errors import InputError
from tradeoff.records.store import write_atomically
from tradeoff.report.deployments import deployment_lines, deployments_csv, deployments_markdown, places
from tradeoff.report.deployments_figure import deployments_figure
from tradeoff.report.figures import PANELS, pareto_figure
from tradeoff.report.fronts import Front, Fronts, front_section, reach_lines
from tradeoff.report.orders import order_figure
from tradeoff.report.protocols import ACCURACY, INPUT, protocol_lines, protocol_names, slug, split_protocols
from tradeoff.report.settings import BEST, choose
from tradeoff.report.tables import (
    DIFFERENCE_NOTE,
    Accuracies,
    Difference,
    differences,
    differences_table,
    markdown,
    markdown_lines,
    markdown_table,
    order_differences,
)
from tradeoff.report.tables import csv as csv_table

__all__ = ["write_report"]

# Text stays text, and the same picture the same bytes.
_VECTOR: Any = {"svg.fonttype": "none", "svg.hashsalt": "tradeoff", "pdf.fonttype": 42}
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def write_report(
    table: pd.DataFrame,
    accuracies: Accuracies,
    out: Path,
    name: str,
    *,
    title: str | None = None,
    figures: bool = True,
    against: str | None = None,
    runtime: str | None = None,
    failed: Sequence[str] = (),
    fronts: Fronts | None = None,
    note: str = "",
) -> list[Path]:
    """Writes `<name>_pareto.png` and `.svg`, `<name>.md` and `<name>.csv` into `out`, and returns the paths.

    Rows measured in different ways are never mixed: each protocol gets its own files, told apart by a suffix. Where
    the same networks were tested in normal and reversed frame order, `<name>_order.png`, `.svg` and `.md` compare them.
    Where variants were deployed in several settings (runtime, precision, layout), there is `<name>_deployments` with
    all of them and `<name>_best` with the fastest of each variant instead. `runtime` names one, or `best` for the
    latter alone: `<name>_<runtime>`.
    Differences are to variant `against` (else I2D, I3D or the first); `figures=False` leaves the pictures out.
    `failed` are lines on what could not be measured, to stand under the tables, and `note` one on which rows these are.
    `fronts` are those of the accuracies, where they are drawn for other uses too.
    A file is replaced whole or not at all. Raises InputError for an empty table, an `against` that a protocol
    with accuracies lacks, a runtime that nothing was timed in, or a folder that cannot be written.
    """
    if table.empty:
        raise InputError(f"report {name!r} has no rows: run the sweep first, or name another results folder")
    heading = title or name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise InputError(f"report name {name!r} cannot name files: use letters, digits, dots, dashes and underscores")
    write = _Writer(
        accuracies, out, against, figures, [*failed, *([note] if note else [])], fronts or Fronts(accuracies)
    )
    chosen = choose(table, runtime, name)
    written = write.deployments(table, f"{name}_deployments", f"{heading}: deployments") if chosen.deployments else []
    if chosen.rows is not None:
        of = f": {_IN_WORDS.get(chosen.suffix, chosen.suffix)}" if chosen.suffix else ""
        stem = f"{name}_{slug(chosen.suffix)}" if chosen.suffix else name
        written += write.protocols(chosen.rows, stem, heading + of, chosen.across)
    return written if runtime else written + _write_orders(table, accuracies, out, name, heading, figures)


_IN_WORDS = {BEST: "the fastest setting of each variant"}


@dataclass(frozen=True)
class _Writer:
    """Writes the files of tables into one folder."""

    accuracies: Accuracies
    out: Path
    against: str | None
    figures: bool
    notes: Sequence[str]
    fronts: Fronts

    def protocols(self, table: pd.DataFrame, stem: str, heading: str, across: Sequence[str]) -> list[Path]:
        """A set of files a protocol."""
        parts = split_protocols(table, across=across)
        written: list[Path] = []
        for part, suffix in zip(parts, protocol_names(parts, across=across), strict=True):
            file, label = _with_suffix(stem, heading, suffix)
            pictures = _write_pareto(part, self.out, file, label) if self.figures else []
            written += [*pictures, *self._texts(part, file, label, pictures)]
        return written

    def _texts(self, part: pd.DataFrame, stem: str, title: str, pictures: list[Path]) -> list[Path]:
        found, fronts = differences(part, self.accuracies, self.against), self.fronts.of(part)
        sections = [f"# {title}\n", *_picture(title, pictures), markdown(part, fronts) + markdown_lines(self.notes)]
        sections += [*_differences_section("Differences in top-1", found), *_front_section(fronts)]
        texts = {"md": "\n".join(sections), "csv": csv_table(part, fronts)}
        return [write_file(self.out / f"{stem}.{kind}", text.encode()) for kind, text in texts.items()]

    def deployments(self, table: pd.DataFrame, stem: str, heading: str) -> list[Path]:
        """A set of files a place: a device with its threads, a batch size."""
        written: list[Path] = []
        for suffix, part in places(table):
            file, label = _with_suffix(stem, heading, suffix)
            pictures: list[Path] = []
            if self.figures and part["latency_ms"].notna().any():
                pictures = write_figure(deployments_figure(part, label, deployment_lines(part)), self.out, file)
            text = deployments_markdown(part, label, _picture(label, pictures)) + markdown_lines(self.notes)
            texts = {"md": text, "csv": deployments_csv(part)}
            written += pictures
            written += [write_file(self.out / f"{file}.{kind}", text.encode()) for kind, text in texts.items()]
        return written


def _with_suffix(stem: str, heading: str, suffix: str) -> tuple[str, str]:
    return (f"{stem}_{suffix}", f"{heading} ({suffix})") if suffix else (stem, heading)


def _write_pareto(table: pd.DataFrame, out: Path, stem: str, title: str) -> list[Path]:
    """The figure, if any row has an accuracy and a cost to draw it at."""
    shown = table[table["top1"].notna()]
    if not any(shown[panel.column].notna().any() for panel in PANELS):
        return []
    return write_figure(pareto_figure(table, title, protocol_lines(table)), out, f"{stem}_pareto")


def _write_orders(
    table: pd.DataFrame, accuracies: Accuracies, out: Path, stem: str, title: str, figures: bool
) -> list[Path]:
    """The comparison of frame orders: of accuracies, so rows that differ only in how latency was timed count once."""
    tested = table[table["top1"].notna()]
    once = tested.loc[~tested.duplicated(["variant", "width", *INPUT, *ACCURACY])].assign(device=None)
    parts = [part for part in split_protocols(once, across=("order",)) if part["order"].nunique() > 1]
    written: list[Path] = []
    for part, suffix in zip(parts, protocol_names(parts), strict=True):
        file = f"{stem}_{suffix}_order" if suffix else f"{stem}_order"
        heading = f"{title}: normal and reversed frames" + (f" ({suffix})" if suffix else "")
        notes = protocol_lines(part, latency=False)
        pictures = write_figure(order_figure(part, heading, notes), out, file) if figures else []
        found = _differences_section("Reversed minus normal", order_differences(part, accuracies))
        text = [f"# {heading}\n", *_picture(heading, pictures), markdown_lines(notes), *found]
        written += [*pictures, write_file(out / f"{file}.md", "\n".join(text).encode())]
    return written


def _picture(title: str, paths: list[Path]) -> list[str]:
    return [f"![{title}]({path.name})\n" for path in paths if path.suffix == ".svg"]


def _differences_section(heading: str, found: list[Difference]) -> list[str]:
    if not found:
        return []
    return [f"## {heading}\n", markdown_table(differences_table(found)), f"{DIFFERENCE_NOTE}\n"]


def _front_section(fronts: Sequence[Front]) -> list[str]:
    if not fronts:
        return []
    shown, lines = front_section(fronts)
    notes = markdown_lines([*reach_lines(fronts), *lines])
    return ["## The frontier\n", markdown_table(shown), notes]


_PDF: ContextVar[bool] = ContextVar("pdf", default=False)


@contextmanager
def also_pdf() -> Iterator[None]:
    """Every figure that is written meanwhile is there as PDF too, which LaTeX takes as it is."""
    before = _PDF.set(True)
    try:
        yield
    finally:
        _PDF.reset(before)


def write_figure(figure: Figure, out: Path, stem: str) -> list[Path]:
    """PNG and SVG without a date or a version in them, so that the same table writes the same bytes."""
    paths = []
    metadata = {kind: fields for kind, fields in _METADATA.items() if kind != "pdf" or _PDF.get()}
    for kind, fields in metadata.items():
        buffer = io.BytesIO()
        with mpl.rc_context(_VECTOR):
            figure.savefig(buffer, format=kind, dpi="figure", metadata=fields)
        paths.append(write_file(out / f"{stem}.{kind}", buffer.getvalue()))
    return paths


def write_file(path: Path, content: bytes) -> Path:
    """Replaces `path` whole; a reader sees the old file or the new one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise InputError(f"report folder {path.parent} cannot be written: {error.strerror}") from error
    return path
