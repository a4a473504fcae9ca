"""`tradeoff report --paper`: counts what the paper counted, and hands it on with a results folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradeoff.report.paper import PaperReport


def report_beside_the_paper(results: Path, out: Path) -> dict[str, PaperReport]:
    """The paper's tables and figures with ours, written into `out`."""
    from tradeoff.report.paper import Count, read_results, report_paper, wanted_counts

    found = read_results(results)  # before torch, which takes a second or two
    from tradeoff.measure.cost import cost

    counted = {(convention, name): cost(name, convention=convention) for convention, name in wanted_counts()}
    counts = {of: Count(each.params_m, each.gmacs, each.note) for of, each in counted.items()}
    return {"paper": report_paper(found, counts, out)}
