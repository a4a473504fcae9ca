"""Of the settings (runtime, precision, layout) that variants were timed in: one runtime's, or the fastest of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tradeoff.errors import InputError
from tradeoff.records.table import COLUMNS
from tradeoff.report.protocols import ACCURACY, INPUT, PLACE, SETTING, SETTINGS
from tradeoff.setting_names import PRECISIONS, RUNTIMES

BEST = "best"
REFERENCE = ("eager", "float32")
"""The runtime and precision that others are compared with, and that accuracy is measured in."""
NETWORK = ("variant", "width")
_OF_LATENCY = COLUMNS[COLUMNS.index("device") :]


@dataclass(frozen=True)
class Choice:
    """What a report shows of a table: all deployments or not, and the rows of its tables by protocol, if any.

    suffix: of those rows' files; across: columns that may differ inside one of their tables; note: a sentence on what
    is left out and how to get it, or nothing.
    """

    deployments: bool
    rows: pd.DataFrame | None
    suffix: str = ""
    across: Sequence[str] = ()
    note: str = ""


def choose(table: pd.DataFrame, runtime: str | None, name: str) -> Choice:
    """Of a sweep called `name`: one runtime's rows, each variant's fastest (`best`), or what there is to see.

    Raises InputError for a runtime that nothing was timed in.
    """
    known = runtimes(table)
    if runtime is None and not is_deployed_variously(table):
        return Choice(False, table)
    if runtime is not None:
        require_runtime(known, runtime, f"sweep {name}")
    if runtime not in (None, BEST):
        return Choice(False, of_runtime(table, str(runtime)), str(runtime))
    one = f"for one runtime by itself add --runtime NAME, of {', '.join(known)}"
    if table["top1"].isna().all():
        note = f"{name} has no accuracy: the frontier over the fastest deployments cannot be drawn"
        return Choice(True, None, note=f"{note}; {one}")
    return Choice(runtime is None, fastest(table), BEST, SETTING, one)


def runtimes(table: pd.DataFrame) -> list[str]:
    """Those that anything was timed in, in the order of `RUNTIMES`."""
    found = table["runtime"].dropna().unique().tolist()
    return sorted(found, key=lambda name: (place_in(RUNTIMES, name), name))


def place_in(known: tuple[str, ...], name: Any) -> int:
    """A name's place in an order, unknown ones last."""
    return known.index(name) if name in known else len(known)


def is_deployed_variously(table: pd.DataFrame) -> bool:
    """Whether latencies that may be compared were measured in several settings."""
    timed = table[table["runtime"].notna()]
    places = timed.groupby(present(timed, *INPUT, *PLACE), dropna=False)
    return any(len(rows.drop_duplicates(list(SETTING))) > 1 for _, rows in places)


def present(table: pd.DataFrame, *columns: str) -> list[str]:
    """Of these columns those that the table has: older ones lack some."""
    return [column for column in columns if column in table]


def require_runtime(known: list[str], runtime: str, where: str) -> None:
    """Raises InputError where nothing was timed in a runtime, or, for `best`, in none at all."""
    if not known:
        raise InputError(f"{where} holds no latency: --runtime has nothing to choose from")
    if runtime not in (BEST, *known):
        raise InputError(f"runtime {runtime!r} was not timed in {where}: use {', '.join([*known, BEST])}")


def of_runtime(table: pd.DataFrame, runtime: str) -> pd.DataFrame:
    """The rows of one runtime, with their own index; a network that was not timed in it stays, without a latency."""
    return of_setting(table, {"runtime": runtime})


def of_setting(table: pd.DataFrame, setting: Mapping[str, str]) -> pd.DataFrame:
    """The same for a runtime, precision and layout, or for some of the three, by their columns."""
    wanted = pd.concat([table[column] == value for column, value in setting.items()], axis=1).all(axis=1)
    own = table[wanted | table["runtime"].isna()]
    keys = present(table, *NETWORK, *INPUT, *ACCURACY)
    others = table.drop(own.index).drop_duplicates(keys)
    known = set(own[keys].astype(object).fillna("").itertuples(index=False, name=None))
    left = [row not in known for row in others[keys].astype(object).fillna("").itertuples(index=False, name=None)]
    if not any(left):
        return own
    shown = table.loc[own.index.union(others.index[left])]
    return shown.assign(
        **{column: shown[column].where(shown.index.isin(own.index)) for column in present(table, *_OF_LATENCY)}
    )


def fastest(table: pd.DataFrame) -> pd.DataFrame:
    """For each variant, input, accuracy protocol and place (device, threads, batch, ...) the row of least latency.

    Equal ones: float32 before less, then the plainer runtime. A row without a latency stays only where there is no
    other. The rows keep their index and order; `settings` says of how many settings each was chosen.
    """
    timed = table[table["runtime"].notna()]
    keys = present(timed, *NETWORK, *INPUT, *ACCURACY, *PLACE)
    named = timed[list(SETTING)].astype(str).agg(" ".join, axis=1).where(timed["latency_ms"].notna())
    counts = named.groupby([timed[key] for key in keys], dropna=False).transform("nunique")
    ranked = by_speed(timed.assign(**{SETTINGS: counts.where(counts > 0)}))
    chosen = ranked.drop_duplicates(keys)
    return pd.concat([chosen, table[table["runtime"].isna()]]).sort_index()


def by_speed(timed: pd.DataFrame) -> pd.DataFrame:
    """Sorted by latency, without one last; equal ones by the plainness of their setting."""
    ranks = pd.DataFrame(
        {
            "latency": timed["latency_ms"].astype(float),
            "precision": [place_in(PRECISIONS, name) for name in timed["precision"]],
            "runtime": [place_in(RUNTIMES, name) for name in timed["runtime"]],
        },
        index=timed.index,
    )
    return timed.loc[ranks.sort_values(["latency", "precision", "runtime"], kind="stable").index]
