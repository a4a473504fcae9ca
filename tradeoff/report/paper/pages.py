"""A table or figure of the paper beside ours as texts: for Markdown, the terminal, CSV and JSON."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

import pandas as pd
import rich.table

from tradeoff.report.paper.contrasts import Contrast
from tradeoff.report.paper.lines import HOURS, Line
from tradeoff.report.paper.stated import CONFIDENCES, DATA, MEASURES, NOT_RECOVERED, Page
from tradeoff.report.tables import MISSING, cell, markdown_table, rich_frame

SIGNS = (
    "Same sign: yes or no where the 95 % interval of our difference, paired over clips, is on one side of zero; else cannot tell. The "
    "published differences have no intervals."
)
_PUBLISHED, _CONFIDENCE = "Published", "Confidence"


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

    def markdown(self, picture: str = "") -> str:
        """The table, the differences, and what is to be said of both."""
        shown, notes = self.texts()
        compared = [markdown_table(contrasts_table(self.contrasts))] if self.contrasts else []
        below = "".join(f"- {_escaped(note)}\n" for note in notes)
        pictures = [f"![{self.page.heading}]({picture})\n"] if picture else []
        return "\n".join([f"## {self.page.heading}\n", *pictures, markdown_table(shown.map(_escaped)), *compared, below])

    def renderables(self) -> list[rich.table.Table]:
        """For the terminal."""
        shown, notes = self.texts()
        tables = [rich_frame(shown, title=self.page.heading, caption="\n".join(notes))]
        return tables + ([rich_frame(contrasts_table(self.contrasts), title="Differences")] if self.contrasts else [])

    def texts(self) -> tuple[pd.DataFrame, list[str]]:
        """The table as text, and the notes under it. What a line shares with the one above is not said again."""
        letters = _letters(self.lines)
        rows = []
        for number, group in itertools.groupby(self.lines, key=lambda line: line.number):
            published = {**number.words, "Number": MEASURES[number.measure], _PUBLISHED: number.shown}
            published[_CONFIDENCE] = number.confidence
            for place, line in enumerate(group):
                first = published if place == 0 else dict.fromkeys(published, "")
                rows.append(first | _ours_cells(line, letters, place == 0))
        return pd.DataFrame(rows), self._notes(letters)

    def _notes(self, letters: Mapping[str, str]) -> list[str]:
        used = dict.fromkeys(line.number.confidence for line in self.lines)
        said = [f"{name}: {words}" for name, words in CONFIDENCES.items() if name in used]
        said += ["not recovered: no number is known here, and none was put in its place"] if NOT_RECOVERED in used else []
        notes = [f"Confidence of a published number. {'; '.join(said)}."]
        notes += [f"({letter}) {text}." for text, letter in letters.items()]
        notes += [HOURS] if any("A100-h" in line.takes for line in self.lines) else []
        return notes + ([SIGNS] if any(each.interval for each in self.contrasts) else [])


def _letters(lines: Sequence[Line]) -> dict[str, str]:
    """A letter for each long form, in the order in which they are needed."""
    texts = dict.fromkeys(text for line in lines for text in (line.note, line.task) if text)
    names = itertools.chain(ascii_lowercase, map("".join, itertools.product(ascii_lowercase, repeat=2)))
    return dict(zip(texts, names, strict=False))


def _ours_cells(line: Line, letters: Mapping[str, str], first: bool) -> dict[str, str]:
    why = line.why or ("none" if line.is_count else MISSING)
    return {
        "Ours on": line.on,
        "Ours [95 %]": ours_text(line),
        "Seeds": cell(line.seeds),
        "Ours - published": _signed(line.difference, max(1, line.number.decimals)),
        "Why they differ": why + _mark(line.note, letters),
        "The published row takes": (line.takes or MISSING) + _mark(line.task, letters) if first else "",
    }


def _mark(text: str, letters: Mapping[str, str]) -> str:
    return f" ({letters[text]})" if text else ""


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
    words = {heading.lower().replace(" ", "_").replace("-", "_"): text for heading, text in number.words.items()}
    return words | {
        "data": DATA[number.data],
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
    """How many of the published numbers were counted, measured, or not run."""
    counted, real, stand_in, absent = 0, 0, 0, 0
    numbers: Iterator[list[Line]] = (
        list(group) for side in sides for _, group in itertools.groupby(side.lines, key=lambda line: line.number)
    )
    for group in numbers:
        if not group[0].number.text:
            continue
        measured = [line for line in group if not math.isnan(line.ours)]
        counted += group[0].is_count
        real += any(line.takes == "done" and not line.is_count for line in measured)
        stand_in += any(line.takes != "done" for line in measured)
        absent += not measured
    total = counted + real + stand_in + absent
    return (
        f"Of {total} published numbers {counted} are counts, which are made here; {real} were measured on the paper's data, {stand_in} on "
        f"other data that ask the same question, and {absent} not at all."
    )


def _escaped(text: str) -> str:
    """`~` once is an approximate number; between two of them Markdown would strike a text out."""
    return text.replace("~", r"\~").replace("*", r"\*").replace("<", r"\<")
