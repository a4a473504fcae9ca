"""Options of `tradeoff report` that choose from the joined table, or ask it something."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradeoff.console import print_json, print_renderables
from tradeoff.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from tradeoff.report.run import Report
    from tradeoff.report.selection import Selection

Where = Annotated[
    str | None,
    typer.Option(
        metavar="CONDITION",
        help="Only rows that fit, as in \"latency_ms < 50 and variant != 'I3D'\"; accuracies are fractions. Files are "
        "<sweep>_selected.",
    ),
]
Sort = Annotated[
    str | None,
    typer.Option(metavar="COLUMNS", help="Sort what is printed and exported: latency_ms, or latency_ms,-top1."),
]
Columns = Annotated[
    str | None,
    typer.Option(metavar="COLUMNS", help="Print and export these: variant,gmacs,top1. `help` lists what there are."),
]
Wide = Annotated[
    bool, typer.Option("--wide", help="One row a variant, and a column of latency for each device and setting.")
]
Export = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Write the table as FILE.md, .tex, .csv or .parquet too; may be repeated."),
]
Budget = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LIMIT",
        help="Instead of tables: the best variant with, say, latency_ms<=30 or gmacs<=2, and how sure that is. May be "
        "repeated: all have to hold. Exit code 1 where nothing fits.",
    ),
]
Compare = Annotated[
    tuple[str, str] | None,
    typer.Option(
        metavar="A B",
        help="Instead of tables: what A gains in accuracy on B at equal cost. Families (top-heavy, bottom-heavy-s3d, "
        "separable, full, gated, ...), or conditions.",
    ),
]
Cost = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="With --compare: the cost. [default: macs; latency_ms, params, ...]"),
]


@dataclass(frozen=True)
class Asked:
    """What these options say."""

    where: str | None = None
    sort: str | None = None
    columns: str | None = None
    wide: bool = False
    export: Sequence[Path] = ()
    budget: Sequence[str] = ()
    compare: tuple[str, str] | None = None
    cost: str | None = None

    def selection(self) -> Selection:
        from tradeoff.report.selection import Selection

        return Selection.of(self.where, self.sort, self.columns, self.wide)


def print_columns(as_json: bool) -> None:
    """What --columns, --sort and --where can name."""
    from tradeoff.report.columns import KNOWN, help_lines

    if as_json:
        print_json({name: column.about for name, column in KNOWN.items()})
        return
    print_renderables(help_lines())


def answer(asked: Asked, results: Path, name: str | None, as_json: bool) -> None:
    """Print what --budget or --compare asks for. Exits with 1 where nothing fits a budget."""
    from tradeoff.report.budget import Limit, answers
    from tradeoff.report.frontier import drawn_over
    from tradeoff.report.run import selected, tables_of
    from tradeoff.report.versus import MEANING, compare_families

    limits = [Limit.parse(each) for each in asked.budget]
    costs = [limit.column for limit in limits] or [asked.cost or "macs"]
    where = f"sweep {name}" if name else f"results folder {results}"
    tables = selected(tables_of(results, name), asked.selection(), where, count_as_the_paper, costs)
    if asked.compare:
        compared = compare_families(tables, *asked.compare, *costs)
        _print(compared, MEANING, as_json)
        return
    found = answers(tables, limits)
    over = drawn_over(drawn for each in found for drawn in each.drawn)
    meaning = f"Probabilities are shares of joint draws of {over}."
    _print(found, meaning, as_json)
    if all(each.choice is None for each in found):
        raise typer.Exit(1)


def _print(found: Sequence[Any], meaning: str, as_json: bool) -> None:
    """A sentence each, how it was measured, and what it means."""
    if as_json:
        print_json([each.as_record() for each in found])
        return
    lines = [line for each in found for line in (each.sentence, *(f"    {words}" for words in each.lines()), "")]
    print_renderables([*lines, meaning])


def report_tables(
    asked: Asked, results: Path, out: Path, name: str | None, *, pareto: bool, against: str | None, runtime: str | None
) -> dict[str, Report]:
    """Write the reports of sweeps, of the rows and with the columns that are asked for."""
    from tradeoff.report.run import report_sweeps

    return report_sweeps(
        results,
        out,
        name,
        pareto=pareto,
        against=against,
        runtime=runtime,
        selection=asked.selection(),
        exports=asked.export,
        count=count_as_the_paper,
    )


def count_as_the_paper(table: pd.DataFrame) -> pd.DataFrame:
    """The table with `curve_macs` and `curve_weights` of the paper's family, counted here where records lack them."""
    lacking = table[table["curve_macs"].isna() & (table["units"] != "")]
    if lacking.empty:
        return table
    of = list(lacking[["variant", "width", "classes", "clip"]].itertuples(index=False, name=None))
    sys.stderr.write(f"counting {len(set(of))} networks as the paper does, which their records do not have\n")
    counts = {network: _count(*network) for network in dict.fromkeys(of)}
    filled = table.astype({"curve_macs": float, "curve_weights": float})
    filled.loc[lacking.index, ["curve_macs", "curve_weights"]] = [counts[network] for network in of]
    return filled


def _count(variant: str, width: float, classes: int, clip: str) -> tuple[float, float]:
    from tradeoff.measure.conventions import CURVE
    from tradeoff.measure.cost import cost

    try:
        counted = cost(variant, clip, CURVE, width=width, classes=classes)
    except InputError:  # not defined for it
        return float("nan"), float("nan")
    return float(counted.macs), float(counted.weights)
