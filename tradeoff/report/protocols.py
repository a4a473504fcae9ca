"""Keeping numbers apart that were not measured the same way, and saying how they were measured."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

INPUT = ("clip", "classes")
ACCURACY = ("data", "data_digest", "order", "view", "recipe", "recipe_key", "folds")
LATENCY = ("device", "runtime", "precision", "layout", "threads", "batch")
_READABLE = ("data", "order", "clip", "classes", *LATENCY)
_LAST_RESORT = ("view", "folds", "recipe", "data_digest", "recipe_key")


def split_protocols(table: pd.DataFrame, *, across: Sequence[str] = ()) -> list[pd.DataFrame]:
    """Sub-tables whose rows were measured alike, in order of first appearance, with the rows' own index.

    Columns in `across` may differ inside a sub-table. A row whose accuracy (or latency) was not measured is in every
    sub-table that it contradicts nothing in, unless its variant is there already.
    """
    parts = _by(table, INPUT, across, known="clip")
    parts = [deeper for part in parts for deeper in _by(part, ACCURACY, across, known="data")]
    return [deeper for part in parts for deeper in _by(part, LATENCY, across, known="device")]


def _by(table: pd.DataFrame, columns: Sequence[str], across: Sequence[str], known: str) -> list[pd.DataFrame]:
    keys = [column for column in columns if column not in across]
    measured = table[table[known].notna()]
    rest = table[table[known].isna()]
    if measured.empty:
        return [table] if len(table) else []
    groups = [group for _, group in measured.groupby(keys, dropna=False, sort=False)]
    return [table[table.index.isin([*group.index, *_absent(rest, group)])] for group in groups]


def _absent(rest: pd.DataFrame, group: pd.DataFrame) -> list[Any]:
    """The rows of `rest` whose variant, in their frame order if they have one, is not in the group."""
    rest, group = (rows.fillna({"width": 0.0}) for rows in (rest, group))  # NaN, of other families, equals nothing
    present = set(group[["variant", "width", "order"]].itertuples(index=False, name=None))
    anyhow = {(variant, width) for variant, width, _ in present}
    return [
        index
        for index, row in rest.iterrows()
        if (row.variant, row.width, row.order) not in present
        and (pd.notna(row.order) or (row.variant, row.width) not in anyhow)
    ]


def protocol_names(tables: Sequence[pd.DataFrame]) -> list[str]:
    """A distinct part of a file name for each sub-table, from the values that tell them apart; "" for a single one."""
    names = [""] * len(tables)
    for column in (*_READABLE, *_LAST_RESORT):
        if len(set(names)) == len(tables):
            break
        texts = [slug(values(table, column)) for table in tables]
        longer = [f"{name}-{text}" if name and text else name or text for name, text in zip(names, texts, strict=True)]
        names = longer if len(set(longer)) > len(set(names)) else names
    if len(set(names)) < len(tables):
        names = [f"{name}-{number}".strip("-") for number, name in enumerate(names, start=1)]
    return names


def slug(text: str) -> str:
    """`text` as a safe part of a file name: lower-case letters, digits, dots and dashes, at most 60 of them."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:60].rstrip("-.")


def values(table: pd.DataFrame, column: str) -> str:
    """What a column holds, in words: one value, `1 to 3` for numbers that vary, `a / b` for texts; "" for none."""
    if column not in table:
        return ""
    found = table[column].dropna().unique().tolist()
    if len(found) > 1 and all(isinstance(value, int | float) for value in found):
        return f"{min(found):g} to {max(found):g}"
    return " / ".join(_text(value) for value in found)


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def protocol_lines(table: pd.DataFrame, *, latency: bool = True) -> list[str]:
    """How the rows were measured, for under a figure or a table: accuracy's line, its interval's, latency's."""
    lines = [_data_line(table), _interval_line(table), _latency_line(table) if latency else ""]
    return [line for line in lines if line]


def _data_line(table: pd.DataFrame) -> str:
    if not table["top1"].notna().any():
        return "Accuracy was not measured."
    mixed = (table["units"] == "").any()
    width, recipe = values(table, "width"), values(table, "recipe")
    parts = [
        f"Accuracy: {values(table, 'data')}, clips of {values(table, 'clip')}, {values(table, 'classes')} classes",
        f"{values(table, 'test_clips')} test clips",
        f"{left_out} unreadable videos left out" if (left_out := values(table, "unreadable")) not in ("", "0") else "",
        values(table, "view"),
        f"{values(table, 'order')} frame order",
        f"width {width}{' of the Inception family' if mixed else ''}" if width else "",
        f"training: {recipe}{', other families with dropouts of their own' if mixed else ''}" if recipe else "",
    ]
    return "; ".join(part for part in parts if part) + "."


def _interval_line(table: pd.DataFrame) -> str:
    if not table["top1"].notna().any():
        return ""
    seeds, folds = values(table, "seeds"), values(table, "folds")
    trained = _count(seeds, "seed") + (f", {folds} folds" if folds not in ("", "1") else "")
    return f"{trained}; 95 % intervals: {values(table, 'interval')}."


def _latency_line(table: pd.DataFrame) -> str:
    if not table["latency_ms"].notna().any():
        return "Latency was not measured."
    parts: Iterator[str] = (values(table, column) for column in ("device", "runtime", "precision", "layout"))
    counts = [_count(values(table, "threads"), "thread"), f"batch {values(table, 'batch')}"]
    counts.append(_count(values(table, "processes"), "process", "processes"))
    interval = values(table, "latency_interval")
    words = [part for part in (*parts, *counts, f"interval: {interval}" if interval else "") if part]
    return "Latency: " + ", ".join(words) + "."


def start_lines(table: pd.DataFrame) -> list[str]:
    """For under a table with derived networks: what `Began at` means."""
    if "start_distance" not in table or table["start_distance"].isna().all():
        return []
    return [
        "Began at: how far a derived network's features were from its source's before training, at the trunk's end: "
        "the norm of the difference over the norm of the source's."
    ]


def published_lines(table: pd.DataFrame) -> list[str]:
    """For under a table: whose the accuracies are that were not measured here. None where there are none."""
    sources = sorted({published_parts(text)[2] for text in table.get("published", pd.Series(dtype=object)).dropna()})
    return [
        f"Published: by {source}, under its own protocol (clip and views are given with it); never measured here, and "
        "no part of a frontier."
        for source in sources
    ]


def published_parts(text: str) -> tuple[str, str, str]:
    """Of what is published: `63.2 / 83.479`, its protocol (`16x112x112, 5 clips a video, ...`), and who says so."""
    what, _, source = text.partition(", published: ")
    numbers, _, protocol = what.partition(", ")
    return numbers, protocol, source


def _count(number: str, one: str, many: str | None = None) -> str:
    return number and f"{number} {one if number == '1' else many or one + 's'}"
