"""The joined table as a researcher reads it: Markdown, CSV and the terminal; and differences to a base variant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import rich.box
import rich.table
import rich.text

from tradeoff.console import console
from tradeoff.errors import InputError
from tradeoff.records.statistics import Interval, paired_differences
from tradeoff.report.cells import MISSING as MISSING
from tradeoff.report.cells import latency_cells as latency_cells
from tradeoff.report.cells import listed, points, variant_names
from tradeoff.report.cells import percent as percent
from tradeoff.report.cells import three_digits as three_digits
from tradeoff.report.cells import units_in_words as units_in_words
from tradeoff.report.columns import FRONTIER, PUBLISHED, STATED, cells_of, default_columns, heading_of
from tradeoff.report.columns import LATENCY_HEADING as LATENCY_HEADING
from tradeoff.report.frontier import Accuracies as Accuracies
from tradeoff.report.frontier import frontier_marks
from tradeoff.report.fronts import Front, front_lines, frontier_cells, meaning_line, probabilities
from tradeoff.report.labels import wrapped
from tradeoff.report.protocols import protocol_lines, protocol_names, split_protocols, table_lines

DIFFERENCE_NOTE = (
    "Each interval is 95 % by itself, over the same clips; with many variants, expect one in twenty to miss. "
    '"Cannot tell" is not "equal": the interval says how large a difference is still possible.'
)
_WORDS = ("Variant", "3D units", PUBLISHED)  # columns of texts, whatever they begin with
_WHOLE = ("Variant", "Runtime", "Precision")  # columns that a narrow terminal does not break


def display_table(
    table: pd.DataFrame, fronts: Sequence[Front] = (), columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """The rows of one protocol as text, in the columns of a paper; what varies between rows is a column too. Or in
    these `columns` (of `tradeoff.report.columns.KNOWN`). `fronts` say how probably a row is on a frontier."""
    shown = {}
    for name in columns or default_columns(table):
        is_last = name == FRONTIER
        shown[heading_of(name)] = (
            frontier_cells(table, fronts, frontier_marks(table)) if is_last else cells_of(table, name)
        )
    return pd.DataFrame(shown, index=table.index)


def markdown_table(shown: pd.DataFrame) -> str:
    """A GitHub table of texts; numbers are right-aligned, and what would break the table or pass for HTML escaped."""
    right = [numeric(shown[column]) for column in shown]
    headings, *rows = [[markdown_text(str(cell)) for cell in row] for row in [list(shown), *shown.to_numpy().tolist()]]
    ruled = [headings, ["---:" if flag else "---" for flag in right], *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in ruled) + "\n"


def markdown_text(text: str) -> str:
    """A text as a line of Markdown shows it: no line ends in it, and no HTML begins. What has a meaning in a paragraph
    only is left as it is, and so is `<1 %`."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return _TAG.sub(r"\1&lt;", _ENTITY.sub("&amp;", line.replace("|", r"\|")))


_TAG = re.compile(r"(?<!\\)((?:\\\\)*)<(?=[A-Za-z/!?])")  # one behind a backslash is a letter already
_ENTITY = re.compile(r"&(?=#?\w+;)")


def markdown_lines(lines: Sequence[str]) -> str:
    """Notes as a list."""
    return "".join(f"- {markdown_text(line)}\n" for line in lines)


def numeric(column: pd.Series[Any]) -> bool:
    texts = [str(text) for text in column]
    return column.name in (LATENCY_HEADING, STATED) or (
        all(text[:1] in f"0123456789+-{MISSING}" for text in texts) and column.name not in _WORDS
    )


def markdown(table: pd.DataFrame, fronts: Sequence[Front] = (), columns: Sequence[str] | None = None) -> str:
    """The table of one protocol, and the protocol under it."""
    shown = display_table(table, fronts, columns)
    return f"{markdown_table(shown)}\n{markdown_lines(notes_of(table, shown, fronts))}"


def notes_of(table: pd.DataFrame, shown: pd.DataFrame, fronts: Sequence[Front] = ()) -> list[str]:
    """For under a table: how its rows were measured, and what some of its columns mean."""
    lines = [*protocol_lines(table), *table_lines(table, list(shown.columns))]
    return [*lines, *(meaning_line(fronts) if heading_of(FRONTIER) in shown else [])]


def csv(table: pd.DataFrame, fronts: Sequence[Front] = ()) -> str:
    """Every column of the joined table unrounded (fractions, counts, ms), `on_frontier_<cost>` 1 or 0, and, where the
    clips are known, `frontier_probability_<cost>`."""
    marks = frontier_marks(table).astype(int).add_prefix("on_frontier_")
    shares = [probabilities(table, fronts).add_prefix("frontier_probability_")] if fronts else []
    return pd.concat([table, marks, *shares], axis=1).to_csv(index=False, lineterminator="\n")


def rich_table(
    table: pd.DataFrame,
    title: str | None = None,
    fronts: Sequence[Front] = (),
    width: int | None = None,
) -> rich.table.Table:
    """The table of one protocol for a terminal, by default the one there is, with the protocol as its caption."""
    shown = display_table(table, fronts, _narrow_columns(table))
    room = width or console().width
    shown, left_out = fitted(shown, room)
    caption = [*notes_of(table, shown), *front_lines(fronts)]
    if PUBLISHED in shown:
        told = shown[PUBLISHED].str.rstrip(")").str.split(" (", n=1, regex=False, expand=True)
        shown[PUBLISHED] = told[0]
        for protocol, names in table["variant"].groupby(told[1], sort=False):
            caption.append(f"Published for {', '.join(names.unique())}: {protocol}.")
    if left_out:
        caption.append(f"{no_room(left_out)}, or choose --columns.")
    return rich_frame(shown, title=title, caption="\n".join(caption), width=room)


def no_room(left_out: Sequence[str]) -> str:
    return f"No room for {listed(left_out)}: see the files"


def fitted(shown: pd.DataFrame, width: int, spare: Sequence[str] = ()) -> tuple[pd.DataFrame, list[str]]:
    """A table that a terminal has room for without breaking words, and the columns that it goes without: of `spare`, or
    else of the usual ones, the first one first."""
    left_out: list[str] = []
    for heading in spare or _SPARE:
        if sum(_narrowest(shown[column]) for column in shown) <= _room(shown, width):
            break
        if heading in shown:
            left_out.append(heading)
            shown = shown.drop(columns=heading)
    return shown, left_out


def _narrowest(column: pd.Series[Any]) -> int:
    """Letters in the longest word of a column; a variant's name is not broken."""
    lines = [line for text in (column.name, *column) for line in _lines(column.name, text)]
    words = [[line] if column.name == "Variant" else line.split() for line in lines]
    return max((len(word) for each in words for word in each), default=0)


def _room(shown: pd.DataFrame, width: int) -> int:
    """What of a table's width is for letters, between the gaps that `rich_frame` leaves."""
    return width - 2 * shown.shape[1] - 1


def _widths(shown: pd.DataFrame, width: int) -> list[int] | None:
    """How wide the columns are so that no word is broken; None where all have the room they want, or none would do."""
    room, widths = _room(shown, width), [_narrowest(shown[column]) for column in shown]
    cells = [max((len(line) for text in shown[column] for line in _lines(column, text)), default=0) for column in shown]
    whole = sum(max(size, len(str(column))) for size, column in zip(cells, shown, strict=True))
    spare = room - sum(widths)
    if spare < 0 or whole <= room:
        return None
    for place in sorted(range(len(widths)), key=lambda place: cells[place] - widths[place]):
        given = max(0, min(spare, cells[place] - widths[place]))  # those that want least first; headings may break
        widths[place] += given
        spare -= given
    return widths


def _lines(column: Any, text: Any) -> list[str]:
    return wrapped(str(text), lines=None).split("\n") if column == "Variant" else [str(text)]


_SPARE = tuple(heading_of(name) for name in ("clips_per_second", "peak_memory_mb", "curve_gmacs", "top5", "params_m"))
"""What a narrow terminal goes without, the first one first."""


def _narrow_columns(table: pd.DataFrame) -> list[str]:
    """For a terminal, without what the names say, which units are 3D, and without seeds where the caption has them."""
    left_out = {"units"} | ({"seeds"} if table["seeds"].nunique() == 1 else set())
    return [name for name in default_columns(table) if name not in left_out]


def rich_tables(
    table: pd.DataFrame,
    title: str,
    *,
    across: Sequence[str] = (),
    fronts: Callable[[pd.DataFrame], Sequence[Front]] = lambda table: (),
) -> list[rich.table.Table]:
    """One table for the terminal for each protocol; columns in `across` may differ inside one."""
    parts = split_protocols(table, across=across)
    names = protocol_names(parts, across=across)
    titles = [f"{title} ({name})" if name else title for name in names]
    return [rich_table(part, heading, fronts(part)) for part, heading in zip(parts, titles, strict=True)]


def rich_frame(
    shown: pd.DataFrame, title: str | None = None, caption: str | None = None, width: int | None = None
) -> rich.table.Table:
    """A frame of texts as a rich Table, numbers right-aligned; for a terminal of some width, no word broken if it has
    room for that."""
    widths: Sequence[int | None] | None = _widths(shown, width) if width else None
    result = rich.table.Table(
        title=plain_text(title, "table.title"),
        caption=plain_text(caption, "table.caption"),
        title_justify="left",
        caption_justify="left",
        box=rich.box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for column, own in zip(shown, widths or [None] * shown.shape[1], strict=True):
        justify: Literal["left", "right"] = "right" if numeric(shown[column]) else "left"
        result.add_column(rich.text.Text(str(column)), justify=justify, no_wrap=column in _WHOLE, width=own)
    for row in shown.to_dict("records"):
        texts = (wrapped(text, lines=None) if column == "Variant" else str(text) for column, text in row.items())
        result.add_row(*map(rich.text.Text, texts))  # as Text, since brackets in a name are no markup
    return result


def plain_text(text: str | None, style: str) -> rich.text.Text | None:
    """A text that is printed letter by letter: brackets in a name are no markup."""
    return None if text is None else rich.text.Text(text, style)


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
    if not known:
        return []
    names = dict(zip(known, variant_names(table.loc[known]), strict=True))
    chosen = _base_row({index: str(table.at[index, "variant"]) for index in known}, base)
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
            "Top-1 difference, points [95 %]": points(each.interval),
            "Top-1 is": each.verdict,
        }
        for each in found
    ]
    return pd.DataFrame(rows, columns=["Variant", "Against", "Top-1 difference, points [95 %]", "Top-1 is"])
