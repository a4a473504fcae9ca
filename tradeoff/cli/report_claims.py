"""What `tradeoff report --claims` does: claims from a results folder, or from a sweep file held against one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tradeoff.console import print_json, print_renderables
from tradeoff.errors import InputError

if TYPE_CHECKING:
    from tradeoff.records.stated import Stated
    from tradeoff.report.claims_table import Claims


def decide_claims(results: Path, named: Sequence[str], out: Path, *, check: bool, as_json: bool) -> None:
    """Print, and write into `out`, what holds of the claims of each sweep, named by itself or by its file, on what the
    folder has of the sweep. With `check`, leaves with exit code 1 if one is refuted.

    Raises InputError for a sweep that the folder does not have, and for one that claims nothing.
    """
    if not named:
        raise InputError("--check means nothing without --claims: name a sweep or a sweep file there")
    found = [_decided(results, each, out) for each in named]
    if as_json:
        print_json({each.sweep: each.as_record() for each in found})
    else:
        print_renderables(line for each in found for line in each.renderables())
    if check and any(each.refuted for each in found):
        raise typer.Exit(1)


def _decided(results: Path, named: str, out: Path) -> Claims:
    from tradeoff.records.store import Store
    from tradeoff.records.table import load_table, records_folder
    from tradeoff.report.claims_table import report_claims

    folder = records_folder(results)
    sweep, stated = _stated(named)
    claims = report_claims(Store(folder), sweep, load_table(folder, sweep), out, stated)
    if not claims.judged:
        where = f"sweep {sweep!r} in {folder}" if stated is None else f"sweep file {named}"
        raise InputError(f"{where} claims nothing: add claims to its file, and name the file here")
    return claims


def _stated(named: str) -> tuple[str, list[Stated] | None]:
    """A sweep's name with the claims of its file; None for those that its results folder has."""
    path = Path(named)
    if path.suffix not in (".yaml", ".yml") and not path.is_file():
        return named, None
    from tradeoff.sweep.claims import stated
    from tradeoff.sweep.file import read_sweep

    sweep = read_sweep(path)
    return sweep.name, stated(sweep)
