"""From the joined table to files: a figure as PNG and SVG, the table as Markdown and CSV, one set a protocol."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from tradeoff.errors import InputError
from tradeoff.records.store import write_atomically
from tradeoff.report.figures import PANELS, pareto_figure
from tradeoff.report.orders import order_figure
from tradeoff.report.protocols import ACCURACY, INPUT, protocol_lines, protocol_names, split_protocols
from tradeoff.report.tables import (
    DIFFERENCE_NOTE,
    Accuracies,
    Difference,
    differences,
    differences_table,
    markdown,
    markdown_table,
    order_differences,
)
from tradeoff.report.tables import csv as csv_table

__all__ = ["write_report"]

_SVG: Any = {"svg.fonttype": "none", "svg.hashsalt": "tradeoff"}  # text stays text, and the same picture the same bytes


def write_report(
    table: pd.DataFrame,
    accuracies: Accuracies,
    out: Path,
    name: str,
    *,
    title: str | None = None,
    figures: bool = True,
    against: str | None = None,
) -> list[Path]:
    """Writes `<name>_pareto.png` and `.svg`, `<name>.md` and `<name>.csv` into `out`, and returns the paths.

    Rows measured in different ways are never mixed: each protocol gets its own files, told apart by a suffix. Where
    the same networks were tested in normal and reversed frame order, `<name>_order.png`, `.svg` and `.md` compare them.
    Differences are to variant `against` (else I2D, I3D or the first); `figures=False` leaves the pictures out.
    A file is replaced whole or not at all. Raises InputError for an empty table, an `against` that a protocol
    with accuracies lacks, or a folder that cannot be written.
    """
    if table.empty:
        raise InputError(f"report {name!r} has no rows: run the sweep first, or name another results folder")
    stem, heading = name, title or name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise InputError(f"report name {name!r} cannot name files: use letters, digits, dots, dashes and underscores")
    parts = split_protocols(table)
    written: list[Path] = []
    for part, suffix in zip(parts, protocol_names(parts), strict=True):
        label = f"{heading} ({suffix})" if suffix else heading
        file = f"{stem}_{suffix}" if suffix else stem
        pictures = _write_pareto(part, out, file, label) if figures else []
        written += [*pictures, *_write_texts(part, differences(part, accuracies, against), out, file, label, pictures)]
    return written + _write_orders(table, accuracies, out, stem, heading, figures)


def _write_pareto(table: pd.DataFrame, out: Path, stem: str, title: str) -> list[Path]:
    """The figure, if any row has an accuracy and a cost to draw it at."""
    shown = table[table["top1"].notna()]
    if not any(shown[panel.column].notna().any() for panel in PANELS):
        return []
    return write_figure(pareto_figure(table, title, protocol_lines(table)), out, f"{stem}_pareto")


def _write_texts(
    table: pd.DataFrame, found: list[Difference], out: Path, stem: str, title: str, pictures: list[Path]
) -> list[Path]:
    sections = [f"# {title}\n", *_picture(title, pictures), markdown(table)]
    text = "\n".join([*sections, *_differences_section("Differences in top-1", found)])
    return [write_file(out / f"{stem}.md", text.encode()), write_file(out / f"{stem}.csv", csv_table(table).encode())]


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
        text = [f"# {heading}\n", *_picture(heading, pictures), "".join(f"- {note}\n" for note in notes), *found]
        written += [*pictures, write_file(out / f"{file}.md", "\n".join(text).encode())]
    return written


def _picture(title: str, paths: list[Path]) -> list[str]:
    return [f"![{title}]({path.name})\n" for path in paths if path.suffix == ".svg"]


def _differences_section(heading: str, found: list[Difference]) -> list[str]:
    if not found:
        return []
    return [f"## {heading}\n", markdown_table(differences_table(found)), f"{DIFFERENCE_NOTE}\n"]


def write_figure(figure: Figure, out: Path, stem: str) -> list[Path]:
    """PNG and SVG without a date or a version in them, so that the same table writes the same bytes."""
    paths = []
    metadata: dict[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    for kind, fields in metadata.items():
        buffer = io.BytesIO()
        with mpl.rc_context(_SVG):
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
