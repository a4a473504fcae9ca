"""What a page shows of a sweep: its protocols, and in each one view for each setting that latencies were taken in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd

from tradeoff.report.cells import variant_names
from tradeoff.report.curves import joined
from tradeoff.report.figures import PANELS, Panel, point_names
from tradeoff.report.html.columns import packed
from tradeoff.report.html.families import families
from tradeoff.report.protocols import (
    INPUT,
    LATENCY,
    SETTING,
    protocol_lines,
    protocol_names,
    split_protocols,
    table_lines,
)
from tradeoff.report.settings import BEST, fastest, of_setting, place_in
from tradeoff.report.tables import MISSING, percent, three_digits
from tradeoff.setting_names import PRECISIONS, RUNTIMES

AXES = (
    *PANELS[:2],
    Panel("peak_memory_bytes", 1e6, "Peak memory (MB)", "Peak memory"),
    *PANELS[2:],
    Panel("activation_bytes", 1e6, "Activation memory (MB)", "Activations"),
)
"""The costs to choose from; the last is counted, the most that computed tensors occupy at once."""
_SHOWN = ("top1_low", "top1_high", "top5")  # percentages that need no more digits than are shown
_TOLD = ("data", "order", "view", "recipe", "folds", *INPUT, *LATENCY)
_BESIDE = ("width", "seeds", "test_clips", "interval", "processes", "latency_interval", "latency_outcome", "published")
_LATENCIES = ("latency_low_ms", "latency_high_ms")
_PLAIN = "Inception-"  # the name of a network that has none in the paper: this and its units

Probability = Callable[[pd.DataFrame], pd.DataFrame]
"""For rows that are compared with each other: columns `p_frontier_<cost>`, the cost as in `AXES`, from 0 to 1, with the
rows' index."""


def protocols(table: pd.DataFrame, probability: Probability | None = None) -> list[dict[str, Any]]:
    """The protocols of a sweep's table, each with a name ("" for the only one) and its views."""
    parts = split_protocols(table, across=SETTING)
    names = protocol_names(parts, across=SETTING)
    return [
        {"name": name, "views": [_view(*each, probability) for each in settings(part)]}
        for name, part in zip(names, parts, strict=True)
    ]


def settings(part: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of one protocol by runtime, precision and layout, the fastest of each variant first; all, if there is
    one setting at most."""
    timed = part[part["runtime"].notna()]
    found = [tuple(map(str, each)) for each in timed[list(SETTING)].drop_duplicates().to_numpy()]
    if len(found) < 2:
        yield " ".join(found[0][:2]) if found else "", part
        return
    yield BEST, fastest(part)
    several = len({each[:2] for each in found}) < len(found)
    for each in sorted(found, key=lambda one: (place_in(RUNTIMES, one[0]), place_in(PRECISIONS, one[1]), *one)):
        yield " ".join(each if several else each[:2]), of_setting(part, dict(zip(SETTING, each, strict=True)))


def _view(name: str, rows: pd.DataFrame, probability: Probability | None) -> dict[str, Any]:
    kinds = families(rows)
    columns = _columns(rows) | {"look": packed(kinds.look)}
    if probability is not None:
        found = probability(rows)
        columns |= {str(column): packed((100 * shares).round(1)) for column, shares in found.loc[rows.index].items()}
    return {
        "name": name,
        "count": len(rows),
        "columns": columns,
        "families": kinds.as_data(),
        "curves": _curves(rows.reset_index(drop=True)),
        "protocol": protocol_lines(rows),
        "notes": table_lines(rows),
    }


def _columns(rows: pd.DataFrame) -> dict[str, Any]:
    names, labels = variant_names(rows), point_names(rows)
    columns: dict[str, Sequence[Any]] = {
        "variant": [None if _is_plain(*each) else each[0] for each in zip(names, rows["units"], strict=True)],
        "label": [
            None if label.replace("\n", "") == name else label for label, name in zip(labels, names, strict=True)
        ],
        "units": rows["units"].tolist(),
    }
    columns |= {
        axis.column: (rows[axis.column].astype(float) / axis.unit).tolist() for axis in AXES if axis.column in rows
    }
    columns |= {"top1": (100 * rows["top1"].astype(float)).round(3).tolist()}
    columns |= {column: [_number(percent(value)) for value in rows[column]] for column in _SHOWN}
    columns |= {column: [_number(three_digits(value)) for value in rows[column]] for column in _LATENCIES}
    columns |= {column: rows[column].tolist() for column in (*_TOLD, *_BESIDE) if column in rows}
    return {column: packed(values) for column, values in columns.items()}


def _number(text: str) -> float | None:
    return None if text == MISSING else float(text)


def _is_plain(name: str, units: str) -> bool:
    return bool(units) and name == _PLAIN + units


def _curves(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The curves of the paper's Figure 4, each with the places of its rows."""
    return [
        {"name": curve.name, "kind": curve.kind, "dotted": curve.heavy == "Bottom", "rows": members.index.tolist()}
        for curve, members in joined(rows)
    ]
