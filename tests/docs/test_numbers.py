"""The figures on the page of findings are those of the committed tables.

A comment behind a figure says where it stands: `83.2 [79.7, 86.4]<!-- figure4.csv: I3D: top1 -->`, a file of
reports/reference, the row and the column. Of a CSV a row is told by cells, or by `column=cell`, and two rows with a
slash are a ratio; of a Markdown table the cell has the same words. `results/reference SWEEP` computes a paired
difference of two variants, which no committed table has.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path

import pytest
from documents import DOCS, ROOT

from tradeoff.records.table import load_table
from tradeoff.report.tables import differences

REPORTS = ROOT / "reports/reference"
_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_INTERVAL = rf"{_NUMBER} \[{_NUMBER}, {_NUMBER}\]"
_QUOTED = re.compile(
    rf"(?P<quoted>{_INTERVAL}|{_NUMBER})<!-- (?P<file>[^:>]+): (?P<row>[^:>]+): (?P<column>[^:>]+) -->"
)
_PERCENT = ("top1", "top5", "balanced_top1", "energy", "energy_off_centre", "energy_off_heaviest")
_SCALES = dict.fromkeys(_PERCENT, 100.0) | {"macs": 1e-9, "params": 1e-6}

Row = dict[str, str]


@cache
def rows_of(file: str) -> list[Row]:
    """The rows of a CSV, or of all tables of a Markdown file."""
    text = (REPORTS / file).read_text()
    if file.endswith(".csv"):
        return list(csv.DictReader(text.splitlines()))
    found: list[Row] = []
    for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
        head, _, *lines = [[plain(cell) for cell in line.strip("|").split("|")] for line in table.splitlines()]
        found += [dict(zip(head, line, strict=True)) for line in lines]
    return found


def plain(cell: str) -> str:
    """Without the marks of a bold row, or of one that is a part of the row above."""
    return cell.strip().strip("*").removeprefix("– ")  # noqa: RUF001


def cell(file: str, selectors: str, column: str) -> str:
    wanted = [each.strip() for each in selectors.split(";")]
    rows = [row for row in rows_of(file) if all(has(row, each) for each in wanted)]
    found = {
        value
        for row in rows
        for key, value in row.items()
        if key.startswith(column) and (key == column or file.endswith(".md"))
    }
    assert len(found) == 1, f"{file}: {selectors}: {column} is {found or 'nowhere'}"
    return found.pop()


def has(row: Row, selector: str) -> bool:
    column, equals, value = selector.partition("=")
    return row.get(column) == value if equals else selector in row.values()


def values(file: str, row: str, column: str) -> list[float]:
    """The figure, and the ends of its interval where it has one."""
    if file.startswith("results/reference "):
        return difference(file.removeprefix("results/reference "), *row.split(" - "))
    if file.endswith(".md"):
        return [float(each) for each in re.findall(_NUMBER, cell(file, row, column))]
    if " / " in row:
        above, below = (float(cell(file, each, column)) for each in row.split(" / "))
        return [above / below]
    name, unit = re.fullmatch(r"(.*?)(_ms)?", column).groups()  # type: ignore[union-attr]
    ends = [f"{name}_{end}{unit or ''}" for end in ("low", "high")]
    columns = [column, *(end for end in ends if end in rows_of(file)[0])]
    return [_SCALES.get(column, 1.0) * float(cell(file, row, each)) for each in columns]


@cache
def difference(sweep: str, variant: str, base: str) -> list[float]:
    """Points of top-1 on frames in order, paired over clips, with the interval."""
    table = load_table(ROOT / "results/reference", sweep)
    rows = table.rows[(table.rows["order"] == "normal") & table.rows["top1"].notna()]
    (found,) = [each.interval for each in differences(rows, table.correct, base) if each.variant == variant]
    return [100 * found.estimate, 100 * found.low, 100 * found.high]


def differs(quoted: str, found: list[float]) -> bool:
    """Whether figures, rounded as they are quoted, are others."""
    numbers = re.findall(_NUMBER, quoted)
    return len(numbers) > len(found) or any(
        abs(float(number) - value) > 0.5000001 * 10.0 ** -len(number.partition(".")[2])
        for number, value in zip(numbers, found, strict=False)
    )


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_figures_are_those_of_the_committed_tables(page: Path) -> None:
    for quote in _QUOTED.finditer(page.read_text()):
        found = values(quote["file"], quote["row"], quote["column"])
        assert not differs(quote["quoted"], found), f"{quote[0]} is {found}"


def test_every_interval_of_the_findings_says_where_it_is_from() -> None:
    text = (ROOT / "docs/findings.md").read_text()
    assert re.findall(rf"{_INTERVAL}(?!<!--)", text) == []
    assert len(_QUOTED.findall(text)) == text.count("<!--") > 60


def test_a_figure_that_is_another_is_noticed() -> None:
    found = values("figure4.csv", "I3D", "top1")
    assert not differs("83.2 [79.7, 86.4]", found)
    assert differs("83.3", found) and differs("83.2 [79.7, 86.5]", found)
    assert differs("3.35", values("figure4.csv", "Bottom-Heavy-I3D-2 / I2D", "macs"))
