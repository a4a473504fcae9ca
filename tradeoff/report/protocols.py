"""Keeping numbers apart that were not measured the same way, and saying how they were measured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

INPUT = ("clip", "classes")
ACCURACY = ("data", "data_digest", "order", "view", "recipe", "recipe_key", "folds")
SETTING = ("runtime", "precision", "layout")
"""How a network is deployed: what a sweep may try several of for each variant."""
LATENCY = ("device", *SETTING, "threads", "batch", "cache", "views")
PLACE = tuple(column for column in LATENCY if column not in SETTING)
"""What latencies share that may be compared, whatever they were deployed with."""
SETTINGS = "settings"
"""The column of a table that has the fastest setting of each variant: of how many."""
_READABLE = ("data", "order", "clip", "classes", *LATENCY)
_LAST_RESORT = ("view", "folds", "recipe", "data_digest", "recipe_key")
_NAMED = {"threads": "{}-threads", "batch": "batch-{}", "cache": "{}-cache", "views": "{}-views"}


def split_protocols(table: pd.DataFrame, *, across: Sequence[str] = ()) -> list[pd.DataFrame]:
    """Sub-tables whose rows were measured alike, in order of first appearance, with the rows' own index.

    Columns in `across` may differ inside a sub-table. A row whose accuracy (or latency) was not measured is in every
    sub-table that it contradicts nothing in, unless its variant is there already.
    """
    parts = _by(table, INPUT, across, known="clip")
    parts = [deeper for part in parts for deeper in _by(part, ACCURACY, across, known="data")]
    return [deeper for part in parts for deeper in _by(part, LATENCY, across, known="device")]


def _by(table: pd.DataFrame, columns: Sequence[str], across: Sequence[str], known: str) -> list[pd.DataFrame]:
    keys = [column for column in columns if column not in across and column in table]  # older tables lack some
    measured = table[table[known].notna()]
    rest = table[table[known].isna()]
    if measured.empty or not keys:
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


def protocol_names(tables: Sequence[pd.DataFrame], *, across: Sequence[str] = ()) -> list[str]:
    """A distinct part of a file name for each sub-table, from the values that tell them apart; "" for a single one.

    Columns in `across` differ inside a sub-table, and tell none apart.
    """
    names = [""] * len(tables)
    for column in (*_READABLE, *_LAST_RESORT):
        if len(set(names)) == len(tables):
            break
        if column in across:
            continue
        texts = [slug(_named(column, values(table, column))) for table in tables]
        longer = [f"{name}-{text}" if name and text else name or text for name, text in zip(names, texts, strict=True)]
        names = longer if len(set(longer)) > len(set(names)) else names
    if len(set(names)) < len(tables):
        names = [f"{name}-{number}".strip("-") for number, name in enumerate(names, start=1)]
    return names


def _named(column: str, value: str) -> str:
    """A number says nothing in a file's name without what it counts."""
    return _NAMED.get(column, "{}").format(value) if value else ""


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
    lines = [_data_line(table), _interval_line(table), latency_line(table) if latency else ""]
    return [line for line in [*lines, _best_line(table) if latency else ""] if line]


def _best_line(table: pd.DataFrame) -> str:
    """Under a table of the fastest settings: what its accuracies are of, and what choosing does to a latency."""
    if SETTINGS not in table or table["latency_ms"].isna().all():
        return ""
    accuracy = "accuracy was measured in eager float32 whatever the runtime; " if table["top1"].notna().any() else ""
    return (
        f"Best deployment: {accuracy}the fastest was chosen by its estimate, so where intervals overlap another may be "
        "as fast, and the least of several estimates errs on the low side."
    )


def _data_line(table: pd.DataFrame) -> str:
    if not table["top1"].notna().any():
        return "Accuracy was not measured."
    mixed = (table["units"] == "").any()
    width, recipe, left_out = (values(table, name) for name in ("width", "recipe", "unreadable"))
    parts = [
        f"Accuracy: {values(table, 'data')}, clips of {values(table, 'clip')}, {values(table, 'classes')} classes",
        f"{values(table, 'test_clips')} test clips",
        f"{left_out} missing or unreadable videos left out" if left_out not in ("", "0") else "",
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


def latency_line(table: pd.DataFrame) -> str:
    """How the latencies of rows were measured, or why there are none."""
    timed = table[table["latency_ms"].notna()]
    if timed.empty:
        failed = sorted({each for each in table.get("latency_outcome", pd.Series(dtype=object)).dropna() if each})
        return f"Latency: {', '.join(failed)}." if failed else "Latency was not measured."
    words = [values(timed, "device"), *_setting_words(timed), *condition_words(timed), process_words(timed)]
    words += [interval_words(timed), "timed: the forward pass, clips on the device already"]
    return "Latency: " + ", ".join(word for word in words if word) + "."


def _setting_words(timed: pd.DataFrame) -> list[str]:
    if SETTINGS not in timed:
        return [values(timed, column) for column in SETTING]
    count = values(timed, SETTINGS)
    if count == "1":
        return ["the only setting (runtime, precision, layout) measured for each variant"]
    return [f"the fastest of {count} settings (runtime, precision, layout) measured for each variant"]


def condition_words(timed: pd.DataFrame) -> list[str]:
    """Threads, batch, and what is unusual: caches that are cold, several views a video."""
    cache, views = values(timed, "cache"), values(timed, "views")
    return [
        _count(values(timed, "threads"), "thread"),
        f"batch {values(timed, 'batch')}",
        f"{cache} caches" if cache not in ("", "warm") else "",
        f"{views} views a video (clips x crops)" if views not in ("", "1x1") else "",
    ]


def process_words(timed: pd.DataFrame) -> str:
    """`8 processes, never steady in 2 of 8 processes`; one is a quick look, and older records know no steadiness."""
    words = _count(values(timed, "processes"), "process", "processes")
    if (timed["processes"] == 1).any():
        words += ": a quick look" if words.startswith("1 process") else " (1: a quick look)"
    known = timed[timed["steady_processes"].notna()] if "steady_processes" in timed else timed.iloc[:0]
    every = int(known["processes"].sum())
    restless = every - int(known["steady_processes"].sum()) if every else 0
    return words + (f", never steady in {restless} of {_count(str(every), 'process', 'processes')}" if restless else "")


def interval_words(timed: pd.DataFrame) -> str:
    interval = values(timed, "latency_interval")
    return f"interval: {interval}" if interval else ""


def table_lines(table: pd.DataFrame, headings: Sequence[str] = ()) -> list[str]:
    """For under a table with these headings, after its protocol: what some of its columns and rows mean."""
    explained = [line for heading, line in _EXPLAINED.items() if any(heading in each for each in headings)]
    return [*explained, *start_lines(table), *memory_lines(table), *graph_lines(table), *published_lines(table)]


_EXPLAINED = {
    "MACs (G), paper": "MACs, paper: multiply-adds as Figure 4 of arXiv 1712.04851 counts them; MACs: as executed.",
    "Clips/s (batch)": "Clips/s: the most over batch sizes, with the batch that gave it.",
    "Peak MB": "Peak MB: the most memory while it was timed: of the process on a CPU, PyTorch's allocations on a GPU.",
}


def start_lines(table: pd.DataFrame) -> list[str]:
    """For under a table with derived networks: what `Began at` means."""
    if "start_distance" not in table or table["start_distance"].isna().all():
        return []
    return [
        "Began at: how far a derived network's features were from its source's before training, at the trunk's end: "
        "the norm of the difference over the norm of the source's."
    ]


def memory_lines(table: pd.DataFrame) -> list[str]:
    """For under a table: which networks were trained on fewer clips at once than the recipe has."""
    if "micro_batches" not in table:
        return []
    return [
        f"{row.variant} took a step in {row.micro_batches:.0f} micro-batches, since it did not fit into memory: its "
        "batch norm saw as many times fewer clips at once."
        for row in table[table["micro_batches"].notna()].drop_duplicates("variant").itertuples()
    ]


def graph_lines(table: pd.DataFrame) -> list[str]:
    """For under a table of latencies on a GPU: what they would be if Python did not have to launch each kernel."""
    if "graph_ms" not in table or table["graph_ms"].isna().all():
        return []
    rows = table[table["graph_ms"].notna()].drop_duplicates(["variant", "width", *SETTING])
    times = ", ".join(f"{row.variant} {row.graph_ms:.3g}" for row in rows.itertuples())
    return [f"Without launches from Python, a pass captured as a CUDA graph, one process each, ms: {times}."]


def published_lines(table: pd.DataFrame) -> list[str]:
    """For under a table: whose the accuracies are that were not measured here. None where there are none."""
    return [*_stated_line(table), *_others_lines(table)]


def _stated_line(table: pd.DataFrame) -> list[str]:
    """Where the facts of a sweep's file stand, and how sure they are."""
    if "published_top1" not in table or table["published_top1"].isna().all():
        return []
    stated = table[table["published_top1"].notna()]
    pairs = dict.fromkeys(stated[["published_source", "published_confidence"]].itertuples(index=False, name=None))
    where = "; ".join(f"{source} ({_CONFIDENCE[how]})" for source, how in pairs)
    return [f"Published top-1: {where}; in percent, never measured here, and no part of a frontier."]


_CONFIDENCE = {
    "confirmed": "confirmed by another publication",
    "digest": "from a digest of the publication",
    "figure": "read off a plot, approximate",
}


def _others_lines(table: pd.DataFrame) -> list[str]:
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
