"""One HTML file of a results folder, which opens offline: the plot to look into, the table to sort, the protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from tradeoff.errors import InputError
from tradeoff.report.figures import Panel
from tradeoff.report.frontier import COSTS
from tradeoff.report.html.page import page
from tradeoff.report.html.provenance import Facts
from tradeoff.report.html.views import AXES, Probability, protocols

__all__ = ["Probability", "html_report"]

MOST_BYTES = 6_000_000  # plotly's script has 4.8 of them; some 10,000 networks fit into the rest
_UNITS = {"macs": "G", "latency_ms": "ms", "params": "M", "peak_memory_bytes": "MB", "activation_bytes": "MB"}
_BRIEF = COSTS | {"peak_memory_bytes": "memory"}
"""The costs that the table names a row for when it is on their frontier, as other reports do."""


def html_report(
    tables: Mapping[str, pd.DataFrame],
    folder: str,
    command: str,
    *,
    provenance: Mapping[str, Facts] | None = None,
    failed: Mapping[str, Sequence[str]] | None = None,
    probabilities: Mapping[str, Probability] | None = None,
) -> bytes:
    """One page of the joined tables of sweeps, by their names. The same tables give the same bytes.

    folder, command: what the page says of where it comes from. By sweep, each of which may be left out: `provenance` of
    its records, lines on what `failed`, and a function for the `probabilities` of being on the frontier; it is given
    the rows of each picture. Sweeps without rows are left out. Raises InputError where none is left, and where the page
    would be too large.
    """
    known = {name: table for name, table in tables.items() if not table.empty}
    if not known:
        names = ", ".join(repr(name) for name in tables) or "folder"
        raise InputError(f"report {names} has no rows: run the sweep first, or name another results folder")
    sweeps = [
        {
            "name": name,
            "protocols": protocols(table, (probabilities or {}).get(name)),
            "failed": list((failed or {}).get(name, ())),
            "provenance": (provenance or {}).get(name, ()),
        }
        for name, table in known.items()
    ]
    content = page({"folder": folder, "command": command, "axes": [_axis(axis) for axis in AXES], "sweeps": sweeps})
    if len(content) > MOST_BYTES:
        less = "name one sweep with --sweep, or " if len(sweeps) > 1 else ""
        raise InputError(
            f"an HTML report of {sum(map(len, known.values()))} rows would have {len(content) / 1e6:.2f} MB, more than "
            f"{MOST_BYTES / 1e6:g}: {less}write pictures and tables with --pareto"
        )
    return content


def _axis(axis: Panel) -> dict[str, str]:
    named = {"brief": _BRIEF[axis.column]} if axis.column in _BRIEF else {}
    return {"column": axis.column, "title": axis.title, "short": axis.short, "unit": _UNITS[axis.column]} | named
