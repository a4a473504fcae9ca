"""Which rows of the joined table a claim is about: of the networks that it names, and measured alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tradeoff.records.claims import COSTS, SETTING, Costs, Frontier, Part, Timed
from tradeoff.records.stated import Network
from tradeoff.report.families import members
from tradeoff.report.settings import NETWORK
from tradeoff.variants import notation

_RUN_AGAIN = "run the sweep again, it measures what is missing"


class NotMeasured(Exception):
    """Why there is no effect to speak of, and what would give one."""


def rows_of(rows: pd.DataFrame, network: Network) -> pd.DataFrame:
    """The rows of a network; where there are none of this name, of the one that has its weights' knobs beside."""
    fits = rows if network.width is None else rows[np.isclose(rows["width"].astype(float), network.width)]
    if (fits["variant"] == network.name).any():
        return fits[fits["variant"] == network.name]
    head, knobs = notation.read(network.name)
    extra: dict[str, int] = {}
    for name in fits["variant"].unique():
        own, others = notation.read(name)
        if own == head and knobs.items() <= others.items():
            extra[name] = len(others)
    return fits[fits["variant"] == min(extra, key=lambda name: extra[name])] if extra else fits.iloc[:0]


def both_sides(rows: pd.DataFrame, part: Costs, networks: Mapping[str, Network]) -> list[pd.DataFrame]:
    """The rows of either side that have the cost. Raises NotMeasured where there are none."""
    how = " ".join(["", *map(str, part.setting.values())])
    problem = f"has no {COSTS[part.cost]}{how} on record"
    return [some(rows_of(rows, networks[name]), f"{name} {problem}") for name in part.names]


def some(rows: pd.DataFrame, problem: str) -> pd.DataFrame:
    """Raises NotMeasured where there are none."""
    if rows.empty:
        raise NotMeasured(f"{problem}: {_RUN_AGAIN}")
    return rows


def timed_rows(rows: pd.DataFrame, part: Timed) -> pd.DataFrame:
    """Those with a latency, in the setting that the claim names."""
    timed = rows[rows["latency_ms"].notna()]
    for name, value in part.setting.items():
        timed = timed[timed[name] == value]
    return timed


def require_processes(rows: pd.DataFrame) -> None:
    """One process knows nothing of how much another would differ. Raises NotMeasured where there is one."""
    once = rows[(rows["processes"] < 2) | rows["latency_low_ms"].isna()]
    if len(once):
        names = ", ".join(once["variant"])
        raise NotMeasured(f"the latency of {names} is of one process, a quick look: time it with processes: 3 or more")


def alike(sides: Sequence[pd.DataFrame], columns: Sequence[str], part: Part) -> list[Any]:
    """The index of the one row of each side that was measured as the other was. Raises NotMeasured."""
    a, b = (_by_protocol(rows, columns) for rows in sides)
    shared = [key for key in a if key in b]
    if not shared:
        first, second = next(iter(a)), next(iter(b))
        apart = [
            f"{column} is {mine} against {others}"
            for column, mine, others in zip(columns, first, second, strict=True)
            if mine != others
        ]
        raise NotMeasured(f"{part.subject} and {part.base} were not measured alike: {'; '.join(apart)}")
    _require_one(shared, columns)
    return [a[shared[0]], b[shared[0]]]


def one_protocol(rows: pd.DataFrame, columns: Sequence[str], part: Frontier) -> pd.DataFrame:
    """The rows of the one protocol that both families have networks in, each network once. Raises NotMeasured."""
    keys = _texts(rows, columns)
    groups = {key: rows[keys == key] for key in dict.fromkeys(keys)}
    both = [
        key for key, group in groups.items() if members(group, part.frontier).any() and members(group, part.above).any()
    ]
    if not both:
        raise NotMeasured(f"no network of {part.frontier} was measured as one of {part.above} was")
    _require_one(both, columns)
    chosen: pd.DataFrame = groups[both[0]].drop_duplicates(list(NETWORK))
    return chosen


def _require_one(keys: Sequence[tuple[str, ...]], columns: Sequence[str]) -> None:
    if len(keys) == 1:
        return
    values = {column: sorted(set(found)) for column, found in zip(columns, zip(*keys, strict=True), strict=True)}
    varying = {column: found for column, found in values.items() if len(found) > 1}
    told = ", ".join(f"{column} ({' / '.join(found)})" for column, found in varying.items())
    named = [column for column in varying if column in SETTING]
    remedy = f"name {' and '.join(named)} in the claim" if named else "a claim is about one, so keep them in two sweeps"
    raise NotMeasured(f"measured in {len(keys)} ways, which differ in {told}: {remedy}")


def _by_protocol(rows: pd.DataFrame, columns: Sequence[str]) -> dict[tuple[str, ...], Any]:
    return {key: index for index, key in reversed(list(_texts(rows, columns).items()))}


def _texts(rows: pd.DataFrame, columns: Sequence[str]) -> pd.Series[Any]:
    """The protocol of each row, as a tuple of texts; what is missing is equal to what is missing."""
    known = rows[list(columns)].astype(object).fillna("").astype(str)
    return pd.Series(list(known.itertuples(index=False, name=None)), index=rows.index, dtype=object)
