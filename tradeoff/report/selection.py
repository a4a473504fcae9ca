"""Which rows and columns of the joined table are printed and exported, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from tradeoff.report.columns import require_known, value_of
from tradeoff.report.where import FILTERS, Condition


@dataclass(frozen=True)
class Selection:
    """`where`: rows that fit; `sort`: columns, the first one first, each with whether the largest come first;
    `columns`: of `tradeoff.report.columns.KNOWN`, none for the usual ones; `wide`: a column a device and setting of a
    latency."""

    where: Condition | None = None
    sort: Sequence[tuple[str, bool]] = ()
    columns: Sequence[str] = ()
    wide: bool = False

    @classmethod
    def of(cls, where: str | None, sort: str | None, columns: str | None, wide: bool = False) -> Selection:
        """From options: `latency_ms < 50`; `latency_ms,-top1`; `variant,gmacs,top1`.

        Raises InputError for what cannot be read, and for columns that there are not.
        """
        return cls(
            None if where is None else Condition(where),
            [_direction(each) for each in _names(sort)],
            [require_known(each, "--columns") for each in dict.fromkeys(_names(columns))],
            wide,
        )

    @property
    def is_plain(self) -> bool:
        """Whether the usual tables are wanted, if of some rows only and in an order of their own."""
        return not self.columns and not self.wide

    @property
    def note(self) -> str:
        """A sentence on which rows these are; nothing for all."""
        return f"Only rows where {self.where.text}; the frontier is among these." if self.where else ""

    def mentions(self, *names: str) -> bool:
        """Whether it is about any of these columns."""
        about = {*self.columns, *(name for name, _ in self.sort), *(self.where.columns if self.where else [])}
        return bool(about & set(names))

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Those that fit, in their own order and with their own index."""
        return table[self.where.fits(table)] if self.where else table

    def ordered(self, table: pd.DataFrame) -> pd.DataFrame:
        """Sorted, missing values last; rows that are equal stay as they were."""
        for name, falling in reversed(self.sort):
            keys = value_of(table, name).sort_values(ascending=not falling, na_position="last", kind="stable")
            table = table.loc[keys.index]
        return table


def _names(text: str | None) -> list[str]:
    return [name for each in (text or "").split(",") if (name := each.strip())]


def _direction(name: str) -> tuple[str, bool]:
    return require_known(name.removeprefix("-").strip(), "--sort", FILTERS), name.startswith("-")
