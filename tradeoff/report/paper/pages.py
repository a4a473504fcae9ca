"""A table or figure of the paper beside ours as texts: for Markdown, the terminal, CSV and JSON."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import rich.table

from tradeoff.report.cells import MISSING, cell
from tradeoff.report.paper.contrasts import Contrast
from tradeoff.report.paper.lines import DONE, HOURS, SAME, Line
from tradeoff.report.paper.stated import CONFIDENCES, DATA, MEASURES, Page
from tradeoff.report.tables import markdown_table, rich_frame

SIGNS = (
    "Same sign: yes or no where the 95 % interval of our difference, paired over clips, is on one side of zero; else "
    "cannot tell. The published differences have no intervals. On other data, or after a shorter training, neither "
    "confirms nor refutes the paper's."
)
_WHY = "Why they differ"


@dataclass(frozen=True)
class Side:
    """A table or figure with what stands beside it."""

    page: Page
    lines: Sequence[Line]
    contrasts: Sequence[Contrast]

    def as_record(self) -> dict[str, Any]:
        return {
            "title": self.page.heading,
            "rows": [_row(line) for line in self.lines],
            "differences": [_contrast_row(each) for each in self.contrasts],
        }

    def csv(self) -> str:
        """A row a number and data set of ours, unrounded; accuracies in percent."""
        return pd.DataFrame([_row(line) for line in self.lines]).to_csv(index=False, lineterminator="\n")

    def markdown(self, notes: Notes, picture: str = "") -> str:
        """The table, the differences, and what is to be said of both."""
        shown, said = self.texts(notes)
        compared = [markdown_table(contrasts_table(self.contrasts).map(_escaped))] if self.contrasts else []
        below = "".join(f"- {_escaped(note)}\n" for note in said)
        pictures = [f"![{self.page.heading}]({picture})\n"] if picture else []
        return "\n".join(
            [f"## {self.page.heading}\n", *pictures, markdown_table(shown.map(_escaped)), *compared, below]
        )

    def renderables(self, notes: Notes) -> list[rich.table.Table]:
        """For the terminal, which is narrow: why two numbers differ is said in the notes only."""
        shown, said = self.texts(notes)
        marks = shown[_WHY].str.extract(r"(\(\d+\))$", expand=False).fillna("")
        shown = shown.drop(columns="Seeds").assign(**{_WHY: marks}).rename(columns={_WHY: "Why"})
        tables = [rich_frame(shown, title=self.page.heading, caption="\n".join(said))]
        tables += [rich_frame(contrasts_table(self.contrasts), title="Differences")] if self.contrasts else []
        for column in (column for table in tables for column in table.columns):
            column.overflow = "fold"  # no name is cut off
        return tables

    def texts(self, notes: Notes) -> tuple[pd.DataFrame, list[str]]:
        """The table as text, and what stands under it. What a line shares with the one above is not said again."""
        rows = []
        for number, group in itertools.groupby(self.lines, key=lambda line: line.number):
            published = {**number.words, "Number": MEASURES[number.measure], "Published": number.shown}
            published["Confidence"] = number.confidence
            for place, line in enumerate(group):
                first = published if place == 0 else dict.fromkeys(published, "")
                rows.append(first | _ours_cells(line, notes, place == 0))
        return pd.DataFrame(rows), self._below()

    def _below(self) -> list[str]:
        used = dict.fromkeys(line.number.confidence for line in self.lines)
        said = [f"{name}: {words}" for name, words in CONFIDENCES.items() if name in used]
        below = [f"Confidence of a published number. {'; '.join(said)}."]
        below += [HOURS] if any("A100-h" in line.takes for line in self.lines) else []
        return below + ([SIGNS] if any(each.interval for each in self.contrasts) else [])


Notes = Mapping[str, int]
"""The number of each long form, which stands once for all tables."""


def notes_of(sides: Sequence[Side]) -> Notes:
    """Numbers for the long forms, in the order in which they are needed."""
    texts = dict.fromkeys(text for side in sides for line in side.lines for text in (line.note, line.task) if text)
    return {text: number for number, text in enumerate(texts, start=1)}


def note_lines(notes: Notes) -> list[str]:
    return [f"({number}) {text}." for text, number in notes.items()]


def _ours_cells(line: Line, notes: Notes, first: bool) -> dict[str, str]:
    return {
        "Ours on": line.on,
        "Ours [95 %]": ours_text(line),
        "Seeds": cell(line.seeds),
        "Ours - published": _signed(line.difference, max(1, line.number.decimals)),
        _WHY: (line.why or MISSING) + _mark(line.note, notes),
        "The published row takes": (line.takes or MISSING) + _mark(line.task, notes) if first else "",
    }


def _mark(text: str, notes: Notes) -> str:
    return f" ({notes[text]})" if text else ""


def ours_text(line: Line) -> str:
    """`83.2 [79.7, 86.4]` in percent; a count with two decimals; a dash where there is none."""
    if math.isnan(line.ours):
        return MISSING
    if line.is_count:
        return f"{line.ours:.2f}"
    return f"{line.ours:.1f}" + ("" if math.isnan(line.low) else f" [{line.low:.1f}, {line.high:.1f}]")


def _signed(value: float, decimals: int) -> str:
    return MISSING if math.isnan(value) else f"{value:+.{decimals}f}"


def contrasts_table(contrasts: Sequence[Contrast]) -> pd.DataFrame:
    """Differences as text, in percentage points."""
    return pd.DataFrame([_contrast_cells(each) for each in contrasts])


def _contrast_cells(each: Contrast) -> dict[str, str]:
    about = "~" if each.confidence == "figure" else ""
    found = each.interval
    points = [f"{100 * value:+.1f}" for value in (found.estimate, found.low, found.high)] if found else []
    return {
        "Data set": DATA[each.a.data],
        "Difference": each.what,
        "Published, points": f"{about}{each.published:+.1f}" if each.published else f"{about}0.0",
        "Confidence of both": each.confidence,
        "Ours on": each.on,
        "Ours, points [95 %]": f"{points[0]} [{points[1]}, {points[2]}]" if points else MISSING,
        "Same sign": each.same_sign or MISSING,
    }


def _row(line: Line) -> dict[str, Any]:
    number = line.number
    described = ("Inputs", "Backbone", "Pre-trained on")
    return {
        "data": DATA[number.data],
        "model": number.model,
        **{heading.lower().replace(" ", "_"): text for heading, text in number.words.items() if heading in described},
        "network": number.variant,
        "order": number.order,
        "number": MEASURES[number.measure],
        "published": number.value,
        "confidence": number.confidence,
        "ours_on": line.on,
        "ours": line.ours,
        "ours_low": line.low,
        "ours_high": line.high,
        "seeds": line.seeds,
        "difference": line.difference,
        "why": line.why,
        "note": line.note,
        "takes": line.takes,
        "task": line.task,
    }


def _contrast_row(each: Contrast) -> dict[str, Any]:
    found = each.interval
    ours = [100 * value for value in (found.estimate, found.low, found.high)] if found else [math.nan] * 3
    return {
        "data": DATA[each.a.data],
        "difference": each.what,
        "published": each.published,
        "confidence": each.confidence,
        "ours_on": each.on,
        **dict(zip(("ours", "ours_low", "ours_high"), ours, strict=True)),
        "same_sign": each.same_sign,
    }


def summary(sides: Sequence[Side]) -> str:
    """How many of the published numbers were counted, measured, or not."""
    lines = [line for side in sides for line in side.lines if line.number.text]
    groups = [list(group) for _, group in itertools.groupby(lines, key=lambda line: line.number)]
    printed = [group[0] for group in groups if group[0].is_count and not group[0].number.read_off]
    same = sum(line.why == SAME for line in printed)
    tested = [[line for line in group if not math.isnan(line.ours)] for group in groups if not group[0].is_count]
    real = sum(any(line.takes == DONE for line in group) for group in tested)
    others, absent = sum(map(bool, tested)) - real, sum(not group for group in tested)
    counted = len(groups) - len(tested)
    return (
        f"Of {len(groups)} published numbers {counted} are counts, which are made here: {len(printed)} are printed, of "
        f"which {same} come out the same, and {counted - len(printed)} were read off a plot. The other {len(tested)} "
        f"are top-1, top-5 or frame-mAP: {real} were measured on the paper's data, {others} on other data that ask the "
        f"same question, and {absent} not at all."
    )


def _escaped(text: str) -> str:
    """`~` once is an approximate number; between two of them Markdown would strike a text out."""
    return text.replace("~", r"\~").replace("*", r"\*").replace("<", r"\<")
