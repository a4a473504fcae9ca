"""What the commands about a results folder share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from tradeoff.cli.app import app
from tradeoff.console import print_renderables

results_app = typer.Typer(
    help="Look into a results folder: what it holds, and whether it is whole.", no_args_is_help=True
)
app.add_typer(results_app, name="results")

Folder = Annotated[Path, typer.Option("--results", help="The results folder.")]
SweepName = Annotated[str | None, typer.Option("--sweep", help="Only what this sweep names.")]
RIGHT = ("seconds", "bytes", "a", "b", "difference")


def print_table(
    rows: Sequence[Mapping[str, Any]], headings: Mapping[str, str], after: Sequence[str] = (), title: str | None = None
) -> None:
    """Rows under their headings (key to heading), texts to the left and numbers to the right, and lines below."""
    table = Table(title=title, title_justify="left")
    for key, heading in headings.items():
        table.add_column(heading, justify="right" if key in RIGHT else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(row[key])) for key in headings))  # as Text, since brackets in a name are no markup
    print_renderables([*([table] if rows else []), *after])


def counted(number: int, word: str) -> str:
    """`1 record`, `2 records`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
