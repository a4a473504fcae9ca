"""The joined table as a researcher reads it: Markdown, CSV and the terminal; and differences to a base variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np
import pandas as pd
import rich.box
import rich.table
import rich.text
from numpy.typing import NDArray

from tradeoff.errors import InputError
from tradeoff.records.statistics import Interval, paired_differences
from tradeoff.report.frontier import COSTS, frontier_marks
from tradeoff.report.labels import wrapped
from tradeoff.report.protocols import (
    INPUT,
    LATENCY,
    SETTING,
    SETTINGS,
    protocol_lines,
    protocol_names,
    published_parts,
    split_protocols,
    table_lines,
)
from tradeoff.variants import UNITS

Accuracies = Mapping[Any, tuple[NDArray[np.bool_], NDArray[np.int64]]]
"""For a row's index in the table: which clips were right, bool (seeds, clips), and the clips' groups (clips,)."""

MISSING = "–"  # noqa: RUF001 - an en dash is how a table says that a cell is empty on purpose
DIFFERENCE_NOTE = (
    "Each interval is 95 % by itself, over the same clips; with many variants, expect one in twenty to miss. "
    '"Cannot tell" is not "equal": the interval says how large a difference is still possible.'
)
PUBLISHED = "Published K400 top-1 / top-5"
UNEVEN = 2.0  # times as many test clips in the largest class as in the smallest
STATED = "Published top-1"
LATENCY_HEADING = "Latency ms [95 %]"
_KINDS = {"3": "full", "s": "separable"}
_WORDS = ("Variant", "3D units", PUBLISHED)  # columns of texts, whatever they begin with
_WHOLE = ("Variant", "Runtime", "Precision")  # columns that a narrow terminal does not break
_VARYING = {"data": "data", "order": "frames", "recipe": "training", "width": "width", "processes": "processes"}


def units_in_words(units: str) -> str:
    """Which units are 3D and how: `1a-3b full`, `4e-5c separable`, `all separable`, `none`; a dash if it has none."""
    if not units:
        return MISSING
    runs, start = [], 0
    for letter, run in groupby(units):
        count = len(list(run))
        names = UNITS[start : start + count]
        start += count
        if letter in _KINDS:
            where = "all" if count == len(UNITS) else names[0] if count == 1 else f"{names[0]}-{names[-1]}"
            runs.append(f"{where} {_KINDS[letter]}")
    return ", ".join(runs) or "none"


def display_table(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of one protocol as text, in the columns of a paper; what varies between rows is a column too."""
    marks = frontier_marks(table)
    columns: dict[str, list[str]] = {
        "Variant": [str(name) for name in table["variant"]],
        "3D units": [units_in_words(units) for units in table["units"]],
        "Params (M)": [_scaled(value, 1e6) for value in table["params"]],
        "MACs (G)": [_scaled(value, 1e9) for value in table["macs"]],
        "Top-1 % [95 %]": [percent(*row) for row in _rows(table, "top1", "top1_low", "top1_high")],
        "Top-5 %": [percent(value) for value in table["top5"]],
        **_balanced_column(table),
        **_stated_column(table),
        **_view_column(table),
        LATENCY_HEADING: latency_cells(table),
        "Seeds": [_scaled(value, 1) for value in table["seeds"]],
    }
    told = table.assign(processes=table["processes"].where(table["latency_ms"].notna()))  # none ended: no count either
    for column in (*_VARYING, *(name for name in (*INPUT, *LATENCY) if name not in _VARYING)):
        chosen = column in SETTING and SETTINGS in told  # each variant's own
        if column in told and (told[column].dropna().nunique() > 1 or chosen):
            columns[_VARYING.get(column, column).capitalize()] = [cell(value) for value in told[column]]
    if "start_distance" in table and table["start_distance"].notna().any():
        columns["Began at"] = [MISSING if pd.isna(value) else f"{value:.2f}" for value in table["start_distance"]]
    columns["Frontier"] = [_marked(row) for row in marks.to_dict("records")]
    if "published" in table and table["published"].notna().any():
        parts = [(MISSING, "") if pd.isna(text) else published_parts(text)[:2] for text in table["published"]]
        columns[PUBLISHED] = [f"{numbers} ({protocol})" if protocol else numbers for numbers, protocol in parts]
    return pd.DataFrame(columns, index=table.index)


def _balanced_column(table: pd.DataFrame) -> dict[str, list[str]]:
    """Accuracy with all classes counting alike, where one is so much larger that answering it alone would pay."""
    if "class_ratio" not in table or not (table["class_ratio"] >= UNEVEN).any():
        return {}
    return {"Balanced %": [percent(value) for value in table["balanced_top1"]]}


def _stated_column(table: pd.DataFrame) -> dict[str, list[str]]:
    """What the sweep's file says is published, in percent: `71.1`; `~46.6 (figure)` if it was read off a plot."""
    if "published_top1" not in table or table["published_top1"].isna().all():
        return {}
    rows = _rows(table, "published_top1", "published_confidence")
    return {STATED: [f"~{percent(top1)} (figure)" if how == "figure" else percent(top1) for top1, how in rows]}


def _view_column(table: pd.DataFrame) -> dict[str, list[str]]:
    """Accuracy by single views, where a video has several."""
    if "view_top1" not in table or table["view_top1"].isna().all():
        return {}
    return {"Top-1 % by view": [percent(value) for value in table["view_top1"]]}


def _rows(table: pd.DataFrame, *columns: str) -> list[list[Any]]:
    rows: list[list[Any]] = table[list(columns)].to_numpy(dtype=object).tolist()
    return rows


def _marked(marks: Mapping[Any, bool]) -> str:
    return ", ".join(short for column, short in COSTS.items() if marks[column])


def _scaled(value: Any, unit: float) -> str:
    """Four significant digits of a count in its unit; whole numbers as they are."""
    if pd.isna(value):
        return MISSING
    number = float(value) / unit
    return f"{number:g}" if number.is_integer() else f"{number:#.4g}" if number < 1000 else f"{number:.0f}"


def percent(value: Any, low: Any = np.nan, high: Any = np.nan) -> str:
    """`87.5 [84.1, 90.2]` from fractions; without an interval only the estimate."""
    if pd.isna(value):
        return MISSING
    interval = "" if pd.isna(low) else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{100 * value:.1f}{interval}"


def latency_cells(table: pd.DataFrame) -> list[str]:
    """`8.39 [4.77, 14.7]`; where there is no latency, why, or a dash."""
    outcomes = table["latency_outcome"] if "latency_outcome" in table else [""] * len(table)
    rows = _rows(table, "latency_ms", "latency_low_ms", "latency_high_ms")
    return [_latency(*row, outcome=outcome) for row, outcome in zip(rows, outcomes, strict=True)]


def _latency(value: Any, low: Any, high: Any, *, outcome: Any) -> str:
    if pd.isna(value):
        return MISSING if pd.isna(outcome) else str(outcome) or MISSING
    interval = "" if pd.isna(low) else f" [{three_digits(low)}, {three_digits(high)}]"
    return f"{three_digits(value)}{interval}"


def three_digits(value: float) -> str:
    """Three significant digits, and no exponent; a dash for what is missing."""
    return MISSING if pd.isna(value) else f"{value:.0f}" if value >= 99.95 else f"{value:#.3g}"


def cell(value: Any) -> str:
    return MISSING if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value)


def markdown_table(shown: pd.DataFrame) -> str:
    """A GitHub table of texts; numbers are right-aligned, bars escaped."""
    right = [_numeric(shown[column]) for column in shown]
    rows = [list(shown.columns), ["---:" if flag else "---" for flag in right]]
    rows += [[str(cell).replace("|", r"\|") for cell in row] for row in shown.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _numeric(column: pd.Series[Any]) -> bool:
    texts = [str(text) for text in column]
    return column.name in (LATENCY_HEADING, STATED) or (
        all(text[:1] in f"0123456789+-{MISSING}" for text in texts) and column.name not in _WORDS
    )


def markdown(table: pd.DataFrame) -> str:
    """The table of one protocol, and the protocol under it."""
    notes = "".join(f"- {line}\n" for line in [*protocol_lines(table), *table_lines(table)])
    return f"{markdown_table(display_table(table))}\n{notes}"


def csv(table: pd.DataFrame) -> str:
    """Every column of the joined table unrounded (fractions, counts, ms), and `on_frontier_<cost>` 1 or 0."""
    marks = frontier_marks(table).astype(int).add_prefix("on_frontier_")
    return pd.concat([table, marks], axis=1).to_csv(index=False, lineterminator="\n")


def rich_table(table: pd.DataFrame, title: str | None = None) -> rich.table.Table:
    """The table of one protocol for the terminal, with the protocol as its caption."""
    shown = display_table(table).drop(columns="3D units")  # the name says it, and a terminal is narrow
    caption = [*protocol_lines(table), *table_lines(table)]
    if PUBLISHED in shown:
        told = shown[PUBLISHED].str.rstrip(")").str.split(" (", n=1, regex=False, expand=True)
        shown[PUBLISHED] = told[0]
        for protocol, names in shown["Variant"].groupby(told[1], sort=False):
            caption.append(f"Published for {', '.join(names.unique())}: {protocol}.")
    return rich_frame(shown, title=title, caption="\n".join(caption))


def rich_tables(table: pd.DataFrame, title: str, *, across: Sequence[str] = ()) -> list[rich.table.Table]:
    """One table for the terminal for each protocol; columns in `across` may differ inside one."""
    parts = split_protocols(table, across=across)
    names = protocol_names(parts, across=across)
    titles = [f"{title} ({name})" if name else title for name in names]
    return [rich_table(part, heading) for part, heading in zip(parts, titles, strict=True)]


def rich_frame(shown: pd.DataFrame, title: str | None = None, caption: str | None = None) -> rich.table.Table:
    """A frame of texts as a rich Table, numbers right-aligned."""
    result = rich.table.Table(
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
        box=rich.box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for column in shown:
        justify: Literal["left", "right"] = "right" if _numeric(shown[column]) else "left"
        result.add_column(str(column), justify=justify, no_wrap=column in _WHOLE)
    for row in shown.to_dict("records"):
        texts = (wrapped(text, lines=None) if column == "Variant" else str(text) for column, text in row.items())
        result.add_row(*map(rich.text.Text, texts))  # as Text, since brackets in a name are no markup
    return result


@dataclass(frozen=True)
class Difference:
    """Top-1 of `variant` minus that of `base`, as fractions, and what that allows to say of the variant."""

    variant: str
    base: str
    interval: Interval
    verdict: str


def verdict(interval: Interval) -> str:
    """`higher` or `lower` if the whole interval is on one side of zero, else `cannot tell`."""
    if interval.low > 0:
        return "higher"
    return "lower" if interval.high < 0 else "cannot tell"


def differences(table: pd.DataFrame, accuracies: Accuracies, base: str | None = None) -> list[Difference]:
    """Each row of one protocol against the row of variant `base` (I2D, else I3D, else the first with clips kept).

    Rows whose clips are not in `accuracies` are left out. Raises InputError if `base` has none, or the clips differ.
    """
    known = [index for index in table.index if index in accuracies]
    names = {index: str(table.at[index, "variant"]) for index in known}
    if not known:
        return []
    chosen = _base_row(names, base)
    right, groups = accuracies[chosen]
    others = [index for index in known if index != chosen]
    for index in others:
        if not np.array_equal(groups, accuracies[index][1]):
            raise InputError(f"{names[index]} and {names[chosen]} were tested on different clips; no paired difference")
    found = paired_differences((accuracies[index][0], right, groups) for index in others)
    return [
        Difference(names[index], names[chosen], interval, verdict(interval))
        for index, interval in zip(others, found, strict=True)
    ]


def _base_row(names: Mapping[Any, str], base: str | None) -> Any:
    for wanted in [base] if base else ["I2D", "I3D", *names.values()]:
        for index, name in names.items():
            if name == wanted:
                return index
    raise InputError(f"base variant {base!r} has no accuracy here; use one of {', '.join(names.values())}")


def order_differences(table: pd.DataFrame, accuracies: Accuracies) -> list[Difference]:
    """For each variant that has both orders, top-1 on reversed frames minus normal, from the same trainings."""
    picked: dict[tuple[str, float], dict[str, Any]] = {}
    columns = table[["variant", "width", "order"]].fillna({"width": 0.0})
    for index, variant, width, order in columns.itertuples(name=None):
        of = picked.setdefault((variant, width), {})
        if index in accuracies:
            of.setdefault(order, index)
    pairs = {key: (of["normal"], of["reversed"]) for key, of in picked.items() if {"normal", "reversed"} <= of.keys()}
    found: dict[tuple[str, float], Interval] = {}
    for paired in (True, False):
        tested = {
            key: (accuracies[reverse][0], *accuracies[normal])
            for key, (normal, reverse) in pairs.items()
            if (accuracies[normal][0].shape == accuracies[reverse][0].shape) == paired
        }
        found |= zip(tested, paired_differences(tested.values(), same_trainings=paired), strict=True)
    return [Difference(f"{key[0]}, reversed", f"{key[0]}, normal", found[key], verdict(found[key])) for key in pairs]


def differences_table(found: Sequence[Difference]) -> pd.DataFrame:
    """Differences as text, in percentage points."""
    rows = [
        {
            "Variant": each.variant,
            "Against": each.base,
            "Top-1 difference, points [95 %]": _points(each.interval),
            "Top-1 is": each.verdict,
        }
        for each in found
    ]
    return pd.DataFrame(rows, columns=["Variant", "Against", "Top-1 difference, points [95 %]", "Top-1 is"])


def _points(interval: Interval) -> str:
    return f"{100 * interval.estimate:+.1f} [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"
