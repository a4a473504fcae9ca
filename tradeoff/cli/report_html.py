"""`tradeoff report --html`: one file that opens offline, and --open, which opens it."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from tradeoff.console import print_json, print_renderables, size


def report_html(results: Path, out: Path, name: str | None, opens: bool, as_json: bool) -> None:
    """Write the page of one sweep or of all, and say where it is; open it where that is asked for."""
    from tradeoff.report.html.folder import write_html

    path = write_html(results, out, name)
    count = path.stat().st_size
    opened = opens and webbrowser.open(path.resolve().as_uri())
    if as_json:
        print_json({"path": str(path), "bytes": count, "opened": opened})
        return
    print_renderables([f"wrote {path} ({size(count)})"])
    if opens and not opened:
        print_renderables([f"no browser could be opened here: open {path} in one yourself"])
