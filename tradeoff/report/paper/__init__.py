"""The paper's Tables 1 to 6 and Figures 4 and 5 beside ours: every published number, ours, the difference and why.

Published numbers are in `facts/`; ours come from a results folder's joined table by the rules in `ours.RULES`, and
counts from whoever calls, since counting needs a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import RenderableType

from tradeoff.records.naming import open_store
from tradeoff.records.store import Record, find_records
from tradeoff.records.table import COLUMNS, Table, load_table
from tradeoff.report import write_figure, write_file
from tradeoff.report.paper.contrasts import contrasts
from tradeoff.report.paper.figure4 import figure4, panels, without_place
from tradeoff.report.paper.figure5 import HEADING as FIGURE5
from tradeoff.report.paper.figure5 import Weights, chosen
from tradeoff.report.paper.lines import Count as Count
from tradeoff.report.paper.lines import Counts, lines
from tradeoff.report.paper.lines import wanted_counts as wanted_counts
from tradeoff.report.paper.ours import RULES, Measured
from tradeoff.report.paper.pages import Side, note_lines, notes_of, summary
from tradeoff.report.paper.stated import PAGES
from tradeoff.report.tables import rich_frame
from tradeoff.report.temporal_weights import find_weights

__all__ = ["Count", "PaperReport", "Results", "read_results", "report_paper", "wanted_counts"]

TITLE = "The paper's tables and figures, side by side"
SOURCE = (
    '"Rethinking Spatiotemporal Feature Learning: Speed-Accuracy Trade-offs in Video Classification", Xie, Sun, Huang, '
    "Tu, Murphy, ECCV 2018 ([arXiv 1712.04851](https://arxiv.org/abs/1712.04851)), and what this results folder has "
    "beside it."
)


@dataclass(frozen=True)
class Results:
    """What a results folder has to hold against the paper: the joined table, and records of trained weights."""

    table: Table
    weights: Sequence[Record]


@dataclass(frozen=True)
class PaperReport:
    """The tables with their differences, the weights of Figure 5, and the files that were written."""

    sides: Sequence[Side]
    weights: Weights
    paths: Sequence[Path]

    def as_record(self) -> dict[str, Any]:
        tables: Mapping[str, Any] = {side.page.name: side.as_record() for side in self.sides}
        figure5 = {"figure5": self.weights.as_record()}
        return {"summary": summary(self.sides), **tables, **figure5, "paths": [str(path) for path in self.paths]}

    def renderables(self) -> list[RenderableType]:
        notes = notes_of(self.sides)
        tables = [each for side in self.sides for each in side.renderables(notes)]
        weights = rich_frame(self.weights.table(), title=FIGURE5, caption="\n".join(self.weights.notes()))
        return [
            *tables,
            weights,
            *note_lines(notes),
            "",
            summary(self.sides),
            *(f"wrote {path}" for path in self.paths),
        ]


def read_results(folder: Path) -> Results:
    """The records of a folder; an empty one has none.

    Raises InputError where the folder does not exist, or a record cannot be read.
    """
    if folder.is_dir() and find_records(folder) is None:
        return Results(Table(pd.DataFrame(columns=list(COLUMNS)), {}), ())
    store = open_store(folder)
    return Results(load_table(store.root), find_weights(store))


def report_paper(results: Results, counts: Counts, out: Path) -> PaperReport:
    """Write `paper.md`, a CSV a table or figure (`paper_table1.csv`), and both figures as PNG and SVG into `out`.

    `counts` has what `wanted_counts` lists. Figure 5 is drawn where weights are on record. Raises InputError for a
    folder that cannot be written.
    """
    measured, weights = Measured(results.table), chosen(results.weights)
    sides = [Side(page, lines(page, measured, counts), contrasts(page, measured)) for page in PAGES]
    pictures = {"figure4": write_figure(figure4(panels(measured), without_place()), out, "paper_figure4")}
    if (drawn := weights.figure()) is not None:
        pictures["figure5"] = write_figure(drawn, out, "paper_figure5")
    texts = {f"paper_{side.page.name}.csv": side.csv() for side in sides}
    texts["paper_figure5.csv"] = weights.table().to_csv(index=False, lineterminator="\n")
    texts["paper.md"] = _markdown(sides, weights, {name: paths[-1].name for name, paths in pictures.items()})
    written = [path for paths in pictures.values() for path in paths]
    written += [write_file(out / name, text.encode()) for name, text in texts.items()]
    return PaperReport(sides, weights, written)


def _markdown(sides: Sequence[Side], weights: Weights, pictures: Mapping[str, str]) -> str:
    notes = notes_of(sides)
    head = f"# {TITLE}\n\n{SOURCE}\n\n{summary(sides)}\n\nHow ours were chosen:\n\n{_listed(RULES)}"
    tables = [side.markdown(notes, pictures.get(side.page.name, "")) for side in sides]
    figure5 = weights.markdown(pictures.get("figure5", ""))
    return "\n".join([head, *tables, figure5, f"## Notes\n\n{_listed(note_lines(notes))}"])


def _listed(lines: Sequence[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)
