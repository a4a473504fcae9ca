"""results show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradeoff.cli.options import LOCAL_RESULTS, Json
from tradeoff.cli.results.common import Folder, print_table, results_app
from tradeoff.console import print_json

if TYPE_CHECKING:
    from tradeoff.records.listing import Description

LONGEST = 200


@results_app.command("show")
def results_show(
    key: Annotated[str, typer.Argument(help="A record's key, or the first digits of it.")],
    results: Folder = LOCAL_RESULTS,
    as_json: Json = False,
) -> None:
    """Show one record: what it depends on, what was measured, how it was made, and what belongs to it.

    Where a measurement failed and has no record, show what its last attempt says.

    Example: tradeoff results show 002dcc82
    """
    from tradeoff.records.listing import describe
    from tradeoff.records.naming import open_store

    found = describe(open_store(results), key)
    if as_json:
        print_json(found.as_record())
        return
    rows = [{"field": name, "value": _short(value)} for name, value in _fields(found)]
    lines = [each.sentence for each in found.attempts]
    lines += [f"{'log, its end' if found.record else 'log of the last attempt'}:", *found.log] if found.log else []
    print_table(rows, {"field": "Field", "value": "Value"}, lines, title=f"{found.name}, {found.key}")


def _fields(found: Description) -> list[tuple[str, Any]]:
    belongs: list[tuple[str, Any]] = [
        ("sweeps", ", ".join(found.sweeps)),
        ("accuracies of it", ", ".join(found.dependents)),
        *((f"array {name}", shape) for name, shape in found.arrays.items()),
        ("files", ", ".join(found.files)),
    ]
    rows: list[tuple[str, Any]] = []
    if found.record:
        for part in ("depends_on", "measured", "about", "made"):
            rows += _paths(getattr(found.record, part), part)
    return rows + [(name, value) for name, value in belongs if value]


def _paths(value: Any, path: str) -> list[tuple[str, Any]]:
    """Fields under their paths; lists stay as they are."""
    if isinstance(value, dict):
        return [row for name, each in value.items() for row in _paths(each, f"{path}.{name}")]
    return [(path, value)]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters; --json has all)"
