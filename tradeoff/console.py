"""Printing for people or for programs: a rich table, or one JSON document. Standard output carries only that."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

Rows = Sequence[Mapping[str, Any]]
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
PIPE_WIDTH = 200  # a pipe has no width of its own; tables must not wrap in a log file


def console() -> Console:
    """Standard output as it is now: its terminal's width, or room for a whole table in a pipe."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(width=width, highlight=False)


def print_json(value: Any) -> None:
    """One JSON document; what is not a number is null."""
    sys.stdout.write(json_text(value))


def json_text(value: Any) -> str:
    """What `print_json` prints."""
    return json.dumps(_plain(value), indent=1, allow_nan=False) + "\n"


def print_rows(rows: Rows, headings: Mapping[str, str], caption: str, as_json: bool) -> None:
    """Rows as a table with `headings` (key to heading, in order) and the protocol under it; all keys as JSON."""
    if as_json:
        print_json(list(rows))
        return
    table = Table()
    for heading in headings.values():
        table.add_column(heading, justify="left" if heading == next(iter(headings.values())) else "right")
    for row in rows:
        table.add_row(*(_cell(row[key]) for key in headings))
    print_renderables([table, *([Text(caption)] if caption else [])])  # not wrapped to the width of a narrow table


def print_renderables(renderables: Iterable[RenderableType]) -> None:
    """Tables and lines for people."""
    out = console()
    for each in renderables:
        if isinstance(each, str):  # with what a file holds in it, which must not command the terminal
            out.print(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", each), markup=False, soft_wrap=True)
        else:
            out.print(each)


def duration(seconds: float) -> str:
    """For people, two digits: `40 s`, `34 min`, `5.2 h`, `3.1 days`."""
    if math.isnan(seconds):
        return "unknown"
    if seconds < 1:
        return "under 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    units = ((5400, 60, "min"), (48 * 3600, 3600, "h"), (math.inf, 86400, "days"))
    unit, name = next((unit, name) for limit, unit, name in units if seconds < limit)
    return f"{seconds / unit:.{0 if seconds >= 10 * unit else 1}f} {name}"


def size(count: float) -> str:
    """Bytes for people: `3.4 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):  # a numpy scalar
        return _plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value
