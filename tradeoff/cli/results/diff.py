"""results diff."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradeoff.cli.options import LOCAL_RESULTS, Json
from tradeoff.cli.results.common import Folder, SweepName, counted, print_table, results_app
from tradeoff.cli.results.ls import HEADINGS
from tradeoff.console import print_json, print_renderables
from tradeoff.errors import InputError

if TYPE_CHECKING:
    from tradeoff.records.compare import Change, Comparison
    from tradeoff.records.listing import Listed

SHOWN = 20
LISTED = {name: HEADINGS[name] for name in ("key", "kind", "variant", "clip", "particulars", "result")}
CHANGES = {
    "kind": "Kind",
    "what": "Measured of",
    "a": "A",
    "b": "B",
    "difference": "B against A [95 %]",
    "verdict": "B is",
}
NOTE = (
    'Each interval is 95 % by itself; "cannot tell" is not "equal": the interval says how large a difference is still '
    "possible. Accuracies: B minus A in points; all else: B over A."
)


@results_app.command("diff")
def results_diff(
    a: Annotated[str, typer.Argument(help="A results folder, a record's key, or a variant.")],
    b: Annotated[str, typer.Argument(help="Another of the same.")],
    sweep: SweepName = None,
    results: Folder = LOCAL_RESULTS,
    as_json: Json = False,
) -> None:
    """Compare two results folders, or two records or two variants of one folder: B against A.

    Accuracies are compared clip by clip, latencies over processes, counts exactly.

    Example: tradeoff results diff results/local results/other --sweep bottom_heavy

    Example: tradeoff results diff I2D I3D --sweep bottom_heavy
    """
    found = _compare(a, b, sweep, results)
    if as_json:
        print_json(found.as_record())
        return
    for name, only in (("A", found.only_a), ("B", found.only_b)):
        _print_only(name, only)
    if found.fields:
        rows = [{"field": name, "of_a": str(x), "of_b": str(y)} for name, (x, y) in found.fields.items()]
        print_table(rows, {"field": "Field", "of_a": "A", "of_b": "B"})
    print_table([_row(each) for each in found.changes], CHANGES, [NOTE] if found.changes else [])
    same = ", ".join(f"{number} {kind}" for kind, number in found.same.items() if number)
    print_renderables([f"A is {a}, B is {b}", *([f"the same on both sides: {same}"] if same else [])])


def _compare(a: str, b: str, sweep: str | None, results: Path) -> Comparison:
    """Two folders, else two keys, else two variants."""
    from tradeoff.records.compare import compare_folders, compare_keys, compare_variants
    from tradeoff.records.naming import open_store

    folders = [Path(each).is_dir() for each in (a, b)]
    if all(folders):
        return compare_folders(open_store(Path(a)), open_store(Path(b)), sweep)
    if any(folders):
        other, folder = (a, b) if folders[1] else (b, a)
        raise InputError(f"{folder} is a folder and {other} is none: compare two folders, two keys or two variants")
    store = open_store(results)
    if all(re.fullmatch(r"[0-9a-f]{4,16}", each) for each in (a, b)):
        return compare_keys(store, a, b)
    return compare_variants(store, a, b, sweep)


def _print_only(side: str, only: Sequence[Listed]) -> None:
    if not only:
        return
    kinds = ", ".join(f"{number} {kind}" for kind, number in Counter(each.kind for each in only).items())
    more = [f"{len(only) - SHOWN} more: --json has all"] if len(only) > SHOWN else []
    title = f"Only in {side}: {counted(len(only), 'record')} ({kinds})"
    print_table([each.as_record() for each in only[:SHOWN]], LISTED, more, title=title)


def _row(change: Change) -> dict[str, Any]:
    show = _points if change.unit == "share" else _factor
    interval = "" if math.isnan(change.low) else f" [{show(change.low)}, {show(change.high)}]"
    sides = {"a": _side(change, change.a), "b": _side(change, change.b)}
    return vars(change) | sides | {"difference": f"{show(change.difference)}{interval}"}


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"


def _factor(value: float) -> str:
    return f"{value:.3f}"


def _side(change: Change, value: float) -> str:
    if change.unit == "share":
        return f"{100 * value:.1f} %"
    return f"{value:,.0f}" if change.kind == "cost" else f"{value:,.4g}{' ms' if change.kind == 'latency' else ''}"
