"""The best way to deploy each variant: every setting that it was timed in, and whether settings change their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import rich.table

from tradeoff.console import console
from tradeoff.report.protocols import (
    ACCURACY,
    INPUT,
    LATENCY,
    SETTING,
    condition_words,
    interval_words,
    process_words,
    protocol_names,
    split_protocols,
    values,
)
from tradeoff.report.settings import NETWORK, REFERENCE, by_speed, place_in, present
from tradeoff.report.tables import (
    LATENCY_HEADING,
    MISSING,
    fitted,
    latency_cells,
    markdown_lines,
    markdown_table,
    no_room,
    rich_frame,
    three_digits,
)
from tradeoff.setting_names import PRECISIONS, RUNTIMES

ACROSS = (*ACCURACY, *SETTING)
_HEADINGS = {"runtime": "Runtime", "precision": "Precision", "layout": "Layout"}
LAYOUTS = {"channels_last_3d": "channels last"}
"""In words that a narrow column can break."""


def places(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The deployments that may be compared (of one input, device, threads, batch, ...), each with a part of its files'
    names.

    A row a variant and setting, the variants in the table's order and the fastest setting of each first. Two columns
    more: `speedup` over the variant's own fastest row in eager float32, NaN without one, and `best`, of its variant.
    """
    timed = table[table["runtime"].notna()]
    timed = timed.drop_duplicates(present(timed, *NETWORK, *INPUT, *LATENCY, "latency_ms"))
    parts = split_protocols(timed, across=ACROSS)
    return list(zip(protocol_names(parts, across=ACROSS), (_ranked(part) for part in parts), strict=True))


def _ranked(part: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([_with_speedup(by_speed(rows)) for _, rows in networks(part)])


def networks(part: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each variant's rows and its name, with the width where there are several."""
    several = part["width"].nunique() > 1
    for _, rows in part.groupby(list(NETWORK), sort=False, dropna=False):
        width = float(rows["width"].iloc[0])
        name = str(rows["variant"].iloc[0])
        yield f"{name} x{width:g}" if several and pd.notna(width) else name, rows


def _with_speedup(rows: pd.DataFrame) -> pd.DataFrame:
    latencies = rows["latency_ms"].astype(float)
    runtime, precision = REFERENCE
    reference = latencies[(rows["runtime"] == runtime) & (rows["precision"] == precision)].min()
    best = np.arange(len(rows)) == 0
    return rows.assign(speedup=reference / latencies, best=best & latencies.notna())


def speed_table(part: pd.DataFrame) -> pd.DataFrame:
    """How fast, as text: the latency alone and from host memory to host memory, the speed-up, and the error."""
    columns = _named(part, part) | {
        LATENCY_HEADING: latency_cells(part),
        "With host ms": [three_digits(value) for value in _numbers(part, "host_ms")],
    }
    if (views := values(part, "views")) not in ("", "1x1"):
        columns[f"Video ms ({views} views)"] = [three_digits(value) for value in _numbers(part, "video_ms")]
    columns["Speed-up"] = [_shown(value, "{:.2f}") for value in part["speedup"]]
    columns["Output error"] = [_shown(value, "{:.1e}") if value else "0" for value in _numbers(part, "output_error")]
    return pd.DataFrame(columns)


def resources_table(part: pd.DataFrame) -> pd.DataFrame:
    """What else a deployment takes and gives, as text; without the rows that have no latency."""
    timed = part[part["latency_ms"].notna()]
    rates = zip(_numbers(timed, "clips_per_second"), _numbers(timed, "throughput_batch"), strict=True)
    bounds = timed["bound"] if "bound" in timed else [None] * len(timed)
    columns = _named(part, timed) | {
        "Clips/s (batch)": [
            f"{three_digits(rate)} ({batch:g})" if pd.notna(rate) else MISSING for rate, batch in rates
        ],
        "Peak MB": [_shown(value / 1e6, "{:.0f}") for value in _numbers(timed, "peak_memory_bytes")],
        "Matrix %": [_shown(100 * value, "{:.0f}") for value in _numbers(timed, "matrix_fraction")],
        "Bound": [MISSING if pd.isna(bound) else str(bound) for bound in bounds],
        "Prepare s": [three_digits(value) for value in _numbers(timed, "prepare_s")],
        "First pass ms": [three_digits(value) for value in _numbers(timed, "first_pass_ms")],
        "Steady": [_steady(*row) for row in zip(_numbers(timed, "steady_processes"), timed["processes"], strict=True)],
    }
    return pd.DataFrame(columns)


def _named(part: pd.DataFrame, rows: pd.DataFrame) -> dict[str, list[str]]:
    """The variants and settings of some of a place's rows; a layout that all have is said under the table."""
    names = {index: name for name, own in networks(part) for index in own.index}
    shown = [column for column in SETTING if column != "layout" or part["layout"].nunique() > 1]
    return {"Variant": [names[index] for index in rows.index]} | {
        _HEADINGS[column]: [LAYOUTS.get(value, str(value)) for value in rows[column]] for column in shown
    }


def _numbers(part: pd.DataFrame, column: str) -> list[float]:
    """A column that older tables may lack."""
    found: list[float] = part[column].astype(float).tolist() if column in part else [np.nan] * len(part)
    return found


def _shown(value: Any, style: str) -> str:
    return MISSING if pd.isna(value) else style.format(value)


def _steady(steady: float, processes: float) -> str:
    words = f"{steady:.0f} of {processes:.0f}" if pd.notna(steady) else f"of {processes:.0f}"
    return f"{words}, a quick look" if processes == 1 else words


def order_table(part: pd.DataFrame) -> pd.DataFrame:
    """The variants of each setting, the fastest first, as text, and which of them change places, beyond their
    intervals, against eager float32; empty for a single variant."""
    by_setting = settings_of(part)
    reference = reference_setting(by_setting)
    rows = []
    for setting, timed in by_setting.items():
        if len(timed) < 2:
            continue
        shown = dict(zip(_HEADINGS.values(), (*setting[:2], LAYOUTS.get(setting[2], setting[2])), strict=True))
        shown["Variants, the fastest first"] = ", ".join(
            f"{name} {three_digits(row.latency_ms)}" for name, row in timed
        )
        shown["Other than in eager float32"] = _changes(timed, by_setting.get(reference, []), setting == reference)
        rows.append(shown)
    return pd.DataFrame(rows)


Named = list[tuple[str, Any]]


def settings_of(part: pd.DataFrame) -> dict[tuple[str, ...], Named]:
    """Each setting, the plainest first, with the variants timed in it (name and row), the fastest first."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for name, rows in networks(part):
        for row in rows[rows["latency_ms"].notna()].itertuples():
            setting = tuple(str(getattr(row, column)) for column in SETTING)
            found.setdefault(setting, {}).setdefault(name, row)  # of several the fastest, which is the first
    order = sorted(found, key=lambda each: (place_in(RUNTIMES, each[0]), place_in(PRECISIONS, each[1]), *each))
    return {setting: sorted(found[setting].items(), key=lambda pair: float(pair[1].latency_ms)) for setting in order}


def reference_setting(by_setting: Mapping[tuple[str, ...], Named]) -> tuple[str, ...]:
    """Eager float32, in the layout that most variants were timed in; of several such the faster. Empty without one."""
    eager = [setting for setting in by_setting if setting[:2] == REFERENCE]

    def rank(setting: tuple[str, ...]) -> tuple[int, float]:
        timed = by_setting[setting]
        return -len(timed), sum(float(row.latency_ms) for _, row in timed)

    return min(eager, key=rank, default=())


def _changes(timed: Named, reference: Named, same: bool) -> str:
    if same or not reference:
        return MISSING
    before, now = dict(reference), dict(timed)
    pairs = combinations([name for name, _ in reference if name in now], 2)
    swapped = [f"{b} before {a}" for a, b in pairs if overtakes(before[a], before[b], now[a], now[b])]
    return ", ".join(swapped) or "none"


def overtakes(before_a: Any, before_b: Any, now_a: Any, now_b: Any) -> bool:
    """Was the row a faster than b and is now slower, their intervals apart both times?"""
    return _is_faster(before_a, before_b) and _is_faster(now_b, now_a)


def _is_faster(a: Any, b: Any) -> bool:
    """Of single processes it cannot be told: their intervals say nothing about the next process."""
    return bool(min(a.processes, b.processes) > 1 and a.latency_high_ms < b.latency_low_ms)


def deployment_lines(part: pd.DataFrame) -> list[str]:
    """How all that was measured, for under the tables and the figure."""
    timed = part[part["latency_ms"].notna()]
    width = values(part, "width")
    layout = values(part, "layout") if part["layout"].nunique() == 1 else ""
    clip = f"clips of {values(part, 'clip')}, {values(part, 'classes')} classes" + (f", width {width}" if width else "")
    words = [values(part, "device"), layout, *condition_words(part), process_words(timed), interval_words(timed)]
    return [
        f"Latency: {', '.join(word for word in words if word)}; {clip}.",
        "Timed: the forward pass, clips on the device already; with host: from float32 clips in host memory to float32 "
        "logits in host memory.",
    ]


def speed_lines(part: pd.DataFrame) -> list[str]:
    runtime, precision = REFERENCE
    layouts = part[(part["runtime"] == runtime) & (part["precision"] == precision)]["layout"].nunique()
    which = ", the faster of its layouts" if layouts > 1 else ""
    return [
        f"Speed-up: over {runtime} {precision} of the same variant{which}. Output error: of the logits against eager "
        "float32's, the norm of the difference over the norm. The fastest setting of a variant stands first, by its "
        "estimate: where intervals overlap another may be as fast."
    ]


def resources_lines() -> list[str]:
    return [
        "Clips/s: the most over batch sizes, with the batch that gave it. Matrix %: multiply-adds a second, of "
        "the rate at which this machine multiplies matrices in that precision. Bound: what most of the least time is "
        "due to. Prepare: compiling or exporting; that and the first pass are the longest of all processes. Steady: "
        "processes whose passes had settled, of all."
    ]


def order_lines() -> list[str]:
    return ["A change of places counts where both intervals are apart, in eager float32 and here."]


def deployments_markdown(part: pd.DataFrame, title: str, picture: list[str]) -> str:
    """The tables of one place, and how they were measured."""
    sections = [f"# {title}\n", *picture]
    for heading, shown, lines in _tables(part):
        sections += [f"## {heading}\n"] * bool(heading) + [markdown_table(shown), markdown_lines(lines)]
    return "\n".join(sections)


def _tables(part: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, list[str]]]:
    yield "", speed_table(part), [*deployment_lines(part), *speed_lines(part)]
    if part["latency_ms"].notna().any():
        yield "Throughput, memory and preparation", resources_table(part), resources_lines()
    if not (order := order_table(part)).empty:
        yield "Order of the variants", order, order_lines()


def deployments_csv(part: pd.DataFrame) -> str:
    """Every column of the joined table unrounded, `speedup`, and `best` 1 or 0."""
    return part.assign(best=part["best"].astype(int)).to_csv(index=False, lineterminator="\n")


_SPARE = ("With host ms", "Steady", "First pass ms", "Bound", "Prepare s")
"""What a narrow terminal goes without, the first one first."""


def deployments_tables(table: pd.DataFrame, title: str) -> list[rich.table.Table]:
    """The same for the terminal; a narrow one goes without some columns."""
    found, width = [], console().width
    for suffix, part in places(table):
        place = f"{title}, deployments" + (f" ({suffix})" if suffix else "")
        for heading, shown, lines in _tables(part):
            name = f"{place}: {heading.lower()}" if heading else place
            room, left_out = fitted(shown, width, _SPARE)
            caption = [*lines, *([f"{no_room(left_out)}."] if left_out else [])]
            found.append(rich_frame(room, title=name, caption="\n".join(caption), width=width))
    return found
