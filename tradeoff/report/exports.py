"""The joined table as a file of its own: Markdown and LaTeX for people, CSV and Parquet for programs."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow.parquet  # type: ignore[import-untyped]

from tradeoff.errors import InputError
from tradeoff.records.export import content
from tradeoff.report import write_file
from tradeoff.report.columns import KNOWN
from tradeoff.report.joined import Sheet
from tradeoff.report.latex import latex_table
from tradeoff.report.protocols import slug
from tradeoff.report.tables import markdown_lines, markdown_table, numeric

_MARK = "made by tradeoff report"
_FRONTIER = ("on_frontier_", "frontier_probability_")


def check_export(path: Path) -> Path:
    """The path itself. Raises InputError for a format that there is not, and for a folder."""
    if path.suffix.lower() not in _WRITERS:
        raise InputError(f"--export {path} does not say which format it is: end it in {', '.join(_WRITERS)}")
    if path.is_dir():
        raise InputError(f"--export {path} is a folder: name a file in it")
    return path


def check_files(found: Sequence[tuple[str, Sheet]], path: Path) -> list[Path]:
    """The files that `export_sheets` writes, one a sheet.

    Raises InputError as `check_export` does, for a file that no export wrote: it is the user's, and for a folder that
    cannot be written.
    """
    files = [_file(check_export(path), suffix) for suffix in _suffixes(found)]
    for file in files:
        _refuse_foreign(file)
    _refuse_closed(path)
    return files


def export_sheets(found: Sequence[tuple[str, Sheet]], path: Path, note: str = "") -> list[Path]:
    """Write each sheet, with its title, into `path`; of several, each into a file of its own, told apart by a suffix.

    A file is replaced whole or not at all. Raises InputError as `check_files` does, before anything is written.
    """
    suffixes, files = _suffixes(found), check_files(found, path)
    write = _WRITERS[path.suffix.lower()]
    return [
        write_file(file, write(sheet, title, f"{path.stem}-{suffix}" if suffix else path.stem, note))
        for file, suffix, (title, sheet) in zip(files, suffixes, found, strict=True)
    ]


def _file(path: Path, suffix: str) -> Path:
    return path.with_stem(f"{path.stem}_{suffix}") if suffix else path


def _suffixes(found: Sequence[tuple[str, Sheet]]) -> list[str]:
    """What tells the files of sheets apart: no two are alike. Slugs are cut, so long names are numbered where they
    begin alike."""
    if len(found) < 2:
        return [""] * len(found)
    several = len({title for title, _ in found}) > 1
    parts = [(slug(title) if several else "", slug(sheet.suffix)) for title, sheet in found]
    names = ["_".join(filter(None, part)) for part in parts]
    if len(set(names)) < len(names):
        names = [f"{name}-{number}".strip("-") for number, name in enumerate(names, start=1)]
    return names


def _notes(sheet: Sheet, note: str) -> list[str]:
    return [*sheet.notes(), *([note] if note else [])]


def _markdown(sheet: Sheet, title: str, label: str, note: str) -> bytes:
    lines = markdown_lines(_notes(sheet, note))
    return f"<!-- {_MARK} -->\n\n{markdown_table(sheet.shown())}\n{lines}".encode()


def _latex(sheet: Sheet, title: str, label: str, note: str) -> bytes:
    shown = sheet.shown()
    right = [numeric(shown[column]) for column in shown]
    heading = f"{title} ({sheet.suffix})." if sheet.suffix else f"{title}."
    table = latex_table(shown, right, [heading, *_notes(sheet, note)], label)
    return f"% {_MARK}; it needs \\usepackage{{booktabs}}\n{table}".encode()


def _csv(sheet: Sheet, title: str, label: str, note: str) -> bytes:
    return content(sheet.numbers(), "csv")


def _parquet(sheet: Sheet, title: str, label: str, note: str) -> bytes:
    return content(sheet.numbers(), "parquet")


_WRITERS: Mapping[str, Callable[[Sheet, str, str, str], bytes]] = {
    ".md": _markdown,
    ".tex": _latex,
    ".csv": _csv,
    ".parquet": _parquet,
}


def _refuse_foreign(path: Path) -> None:
    """Only an earlier export is written over."""
    if path.exists() and not _is_ours(path):
        raise InputError(
            f"--export {path} is there and was not made by tradeoff report: name another, or delete it first"
        )


def _refuse_closed(path: Path) -> None:
    """A file's folder can be made, or be written into."""
    folder = next(each for each in path.absolute().parents if each.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"--export {path} cannot be written into {folder}: name a file in another folder")


def _is_ours(path: Path) -> bool:
    try:
        if path.suffix.lower() == ".parquet":
            return _are_known(pyarrow.parquet.read_schema(path).names)
        with path.open(encoding="utf-8", newline="") as file:
            return _are_known(next(csv.reader(file), [])) if path.suffix.lower() == ".csv" else _MARK in file.readline()
    except (OSError, ValueError, csv.Error):  # pyarrow's errors are of these
        return False


def _are_known(headings: Sequence[str]) -> bool:
    """Are these columns of an export?"""
    names = [heading.partition(": ")[0] for heading in headings]
    return bool(names) and all(name in KNOWN or name.startswith(_FRONTIER) for name in names)
