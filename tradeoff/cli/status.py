"""The command that watches sweeps: status."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tradeoff.cli.app import app
from tradeoff.cli.options import LOCAL_RESULTS, Json
from tradeoff.cli.results.common import Folder
from tradeoff.console import console, duration, print_json
from tradeoff.errors import InputError

if TYPE_CHECKING:
    from tradeoff.records.status import Status

HEADINGS = ("Kind", "Total", "Done", "Running", "Failed", "Left", "Time")
SHOWN = 10  # of what failed; --json has all


@app.command()
def status(
    sweep: Annotated[str | None, typer.Option("--sweep", help="Only this sweep; default: all of the folder.")] = None,
    results: Folder = LOCAL_RESULTS,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option("--every", min=0.1, max=86400, help="Seconds between, with --watch.")] = 2.0,
    as_json: Json = False,
) -> None:
    """Say how far the sweeps of a results folder are: what is done, running, failed and left, and the time to go.

    Reads the folder only, so it works beside a run, or on another machine that sees the folder. The time to go is that
    of what is running and left, from what was measured of the same kind; trying again what failed is not in it.

    Example: tradeoff status

    Example: tradeoff status --sweep figure4 --watch --every 10
    """
    from tradeoff.records.naming import open_store
    from tradeoff.records.status import Watch

    if watch and as_json:
        raise InputError("--watch and --json are both given: one of them can be shown")
    looking = Watch(open_store(results))
    if as_json:
        print_json([each.as_record() for each in looking.look(sweep)])
    elif watch:
        _watch(lambda: _shown(looking.look(sweep)), every)
    else:
        console().print(_shown(looking.look(sweep)))


def _watch(look: Callable[[], RenderableType], every: float) -> None:
    """In a terminal in place, elsewhere one block after the other."""
    out = console()
    try:
        if not out.is_terminal:
            while True:
                out.print(look())
                out.file.flush()
                time.sleep(every)
        with Live(look(), console=out, auto_refresh=False, vertical_overflow="ellipsis") as live:
            while True:
                time.sleep(every)
                live.update(look(), refresh=True)
    except KeyboardInterrupt:
        return


def _shown(found: Sequence[Status]) -> RenderableType:
    if not found:
        return Text("the folder names no sweep: run tradeoff sweep first")
    return Group(*(part for each in found for part in _sweep(each)))


def _sweep(found: Status) -> list[RenderableType]:
    table = Table(title=found.sweep, title_justify="left")
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "Kind" else "right")
    for kind, share in found.shares.items():
        counts = share.total, share.done, share.running, share.failed, share.left
        time_ = duration(share.seconds) if share.left or share.running else ""
        table.add_row(kind, *map(str, counts), time_)
    lines = [
        f"running: {each.name} on {each.host}, {each.share:.0%}, {each.note}".rstrip(", ") for each in found.running
    ]
    lines += [f"stale, not counted as running: {each.name} on {each.host}, {each.stale}" for each in found.stale]
    lines += [each.sentence for each in found.failed[:SHOWN]]
    lines += [f"{len(found.failed) - SHOWN} more failed: --json has all"] if len(found.failed) > SHOWN else []
    return [table, *map(Text, [*lines, _to_go(found)]), Text()]


def _to_go(found: Status) -> str:
    if not any(share.left or share.running for share in found.shares.values()):
        failed = sum(share.failed for share in found.shares.values())
        return f"nothing is left but what failed ({failed}): run the sweep again to try it" if failed else "done"
    but = f", without {', '.join(found.unknown)}, of which none was measured yet" if found.unknown else ""
    together = f", {len(found.running)} at a time" if len(found.running) > 1 else ""
    known = duration(found.seconds)
    return f"time to go: {known}" if known == "unknown" else f"time to go: about {known}{together}{but}"
