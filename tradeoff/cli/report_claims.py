"""What `tradeoff report --claims` does: claims from a results folder, or from a sweep file held against one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tradeoff.errors import InputError

if TYPE_CHECKING:
    from tradeoff.records.stated import Stated
    from tradeoff.report.claims_table import Claims


def decide_claims(results: Path, named: Iterable[str], out: Path) -> dict[str, Claims]:
    """The claims of each sweep, named by itself or by its file, on what the folder has of the sweep; by sweep.

    Raises InputError for a sweep that the folder does not have, and for one that claims nothing.
    """
    from tradeoff.records.store import Store
    from tradeoff.records.table import load_table, records_folder
    from tradeoff.report.claims_table import report_claims

    folder = records_folder(results)
    found = {}
    for each in named:
        sweep, stated = _stated(each)
        claims = report_claims(Store(folder), sweep, load_table(folder, sweep), out, stated)
        if not claims.judged:
            where = f"sweep {sweep!r} in {folder}" if stated is None else f"sweep file {each}"
            raise InputError(f"{where} claims nothing: add claims to its file, and name the file here")
        found[sweep] = claims
    return found


def _stated(named: str) -> tuple[str, list[Stated] | None]:
    """A sweep's name with the claims of its file; None for those that its results folder has."""
    path = Path(named)
    if path.suffix not in (".yaml", ".yml") and not path.is_file():
        return named, None
    from tradeoff.sweep.claims import stated
    from tradeoff.sweep.file import read_sweep

    sweep = read_sweep(path)
    return sweep.name, stated(sweep)
