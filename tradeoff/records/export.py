"""The joined table, or every record by itself, as one Parquet or CSV file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow.parquet  # type: ignore[import-untyped]

from tradeoff.errors import InputError
from tradeoff.records.keys import FOLDERS
from tradeoff.records.store import Record, Store, write_atomically
from tradeoff.records.table import COLUMNS

Format = Literal["parquet", "csv"]
FORMATS: tuple[Format, ...] = ("parquet", "csv")
_FIRST = ("kind", "key", "schema", "arrays")


def records_frame(store: Store, keys: Iterable[str] | None = None) -> pd.DataFrame:
    """One row a record, all or those of some keys: `kind`, `key`, `schema`, `arrays`, and every field under its path
    (`depends_on.variant.width`, `measured.top1`, `made.at`). Lists, and fields that are not of one type in all records,
    are JSON; what a record has not is missing."""
    wanted = None if keys is None else set(keys)
    found = (record for kind in FOLDERS for record in store.records(kind))
    rows = [flat(record) for record in found if wanted is None or record.key in wanted]
    others = sorted({name for row in rows for name in row} - set(_FIRST))
    frame = pd.DataFrame(rows, columns=[*_FIRST, *others])
    return frame.apply(_of_one_type) if rows else frame


def flat(record: Record) -> dict[str, Any]:
    """A record's fields by their paths, lists as JSON."""
    return dict(_paths(asdict(record), ""))


def _paths(values: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _paths(value, f"{prefix}{name}.")
        else:
            yield prefix + name, json.dumps(value) if isinstance(value, list | tuple) else value


def _of_one_type(column: pd.Series[Any]) -> pd.Series[Any]:
    """A file has one type a column: numbers, texts or truths, otherwise JSON."""
    given = [value for value in column if not _is_missing(value)]
    kinds = {bool if isinstance(each, bool) else str if isinstance(each, str) else float for each in given}
    if len(kinds) > 1:
        return column.map(lambda value: None if _is_missing(value) else json.dumps(value))
    return column


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def export(frame: pd.DataFrame, out: Path, form: Format | None = None) -> Path:
    """Write a table, whole or not at all; the format is that of the file's name where none is given.

    Raises InputError for an unknown format, a name that says another, or a file of another kind under that name.
    """
    chosen = _format(out, form)
    _refuse_other(out, chosen)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, content(frame, chosen))
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
    return out


def _format(out: Path, form: Format | None) -> Format:
    named = out.suffix.removeprefix(".").lower()
    if form is None:
        if named not in FORMATS:
            raise InputError(
                f"--out {out} does not say which format it is: end it in .parquet or .csv, or use --format"
            )
        return "parquet" if named == "parquet" else "csv"
    if named in FORMATS and named != form:
        raise InputError(f"--out {out} is named as {named} and --format is {form}: use one of the two")
    return form


def _refuse_other(out: Path, form: Format) -> None:
    """Only an earlier export is written over: no folder, and no file of another kind."""
    if out.is_dir():
        raise InputError(f"--out {out} is a folder: name a file in it")
    if not out.exists():
        return
    if _headings(out, form) not in (COLUMNS[:2], _FIRST[:2]):
        raise InputError(f"--out {out} is there and is no {form} file of tradeoff's: name another, or delete it first")


def _headings(path: Path, form: Format) -> tuple[str, ...]:
    """The first two columns of a table; empty for what is none."""
    try:
        if form == "parquet":
            return tuple(pyarrow.parquet.read_schema(path).names[:2])
        with path.open(encoding="utf-8", newline="") as file:
            return tuple(next(csv.reader(file), [])[:2])
    except (OSError, ValueError, csv.Error):  # pyarrow's errors are of these
        return ()


def content(frame: pd.DataFrame, form: Format) -> bytes:
    """A table as the bytes of a file."""
    if form == "csv":
        return frame.to_csv(index=False, lineterminator="\n").encode()
    buffer = io.BytesIO()
    frame.apply(_typed).to_parquet(buffer, index=False)
    return buffer.getvalue()


def _typed(column: pd.Series[Any]) -> pd.Series[Any]:
    """Texts and truths with gaps as such, so that they are read back as they were written."""
    if column.dtype.kind != "O":
        return column
    first = next((value for value in column if not _is_missing(value)), "")
    return column.astype("boolean" if isinstance(first, bool) else "string" if isinstance(first, str) else "float64")
