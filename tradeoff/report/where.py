"""Which rows of a table fit a condition: `latency_ms < 50 and frames == 16`.

The condition is read as Python would read it and evaluated here, node by node: comparisons of columns with numbers and
texts, `and`, `or`, `not`, `in` and parentheses. Nothing else is an expression, so nothing of a user's is ever run.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradeoff.errors import InputError
from tradeoff.report.cells import listed
from tradeoff.report.columns import FRONTIER, KNOWN, require_known, value_of

FILTERS = tuple(name for name in KNOWN if name != FRONTIER)
LONGEST = 1000
DEEPEST = 50
_MOST_VALUES = 8
_COMPARED: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ORDERED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


class Condition:
    """A condition on the columns of a table. Raises InputError for one that cannot be read, as `option` gave it."""

    def __init__(self, text: str, option: str = "--where") -> None:
        self.text, self.option = text.strip(), option
        self._body = self._parsed()
        for node in ast.walk(self._body):
            if isinstance(node, ast.Name):
                require_known(node.id, option, FILTERS)

    @property
    def columns(self) -> list[str]:
        """Those that it is about, each once."""
        return list(dict.fromkeys(node.id for node in ast.walk(self._body) if isinstance(node, ast.Name)))

    def fits(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        """bool (rows,). A row without a value fits no comparison with it, nor the contrary of one.

        Raises InputError where a text is compared with a number.
        """
        return np.asarray(self._truth(self._body, table).fillna(False), dtype=bool)

    def require(self, table: pd.DataFrame, where: str) -> pd.DataFrame:
        """The rows that fit, with their own index. Raises InputError where none does, with what there is."""
        chosen = table[self.fits(table)]
        if chosen.empty:
            raise InputError(self.nothing(table, where))
        return chosen

    def nothing(self, table: pd.DataFrame, where: str) -> str:
        """That no row fits, and what the columns that it names hold instead."""
        there = "; ".join(f"{name} {_held(name, value_of(table, name))}" for name in self.columns)
        return f"{self.option} {self.text!r} fits none of the {len(table)} rows of {where}: {there}"

    def _parsed(self) -> ast.expr:
        if len(self.text) > LONGEST:
            raise InputError(f"{self.option} is {len(self.text)} letters long: {LONGEST} at most")
        try:
            body = ast.parse(self.text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise self._refused(f"cannot be read ({getattr(error, 'msg', error)})") from error
        if (depth := _depth(body)) > DEEPEST:
            raise InputError(f"{self.option} is nested {depth} deep: {DEEPEST} at most")
        for node in _nodes(body):
            if not isinstance(node, _ALLOWED):
                raise self._refused(f"has {ast.unparse(node)!r}, which is no condition")
        return body

    def _refused(self, what: str) -> InputError:
        return InputError(
            f"{self.option} {self.text!r} {what}: compare columns with numbers or 'texts' by <, <=, ==, !=, >=, > or "
            "in, and join with and, or, not and parentheses, as in latency_ms < 50 and frames == 16"
        )

    def _truth(self, node: ast.expr, table: pd.DataFrame) -> pd.Series[Any]:
        """A nullable truth a row, missing where a value is."""
        if isinstance(node, ast.BoolOp):
            parts = [self._truth(each, table) for each in node.values]
            joined = parts[0]
            for part in parts[1:]:
                joined = joined & part if isinstance(node.op, ast.And) else joined | part
            return joined
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ~self._truth(node.operand, table)
        if isinstance(node, ast.Compare):
            return self._compared(node, table)
        if isinstance(node, ast.Name) and _is_truths(value_of(table, node.id)):
            return value_of(table, node.id).astype("boolean")
        raise self._refused(f"has {ast.unparse(node)!r}, which is neither true nor false")

    def _compared(self, node: ast.Compare, table: pd.DataFrame) -> pd.Series[Any]:
        sides = [node.left, *node.comparators]
        found = pd.Series(True, index=table.index, dtype="boolean")
        for left, how, right in zip(sides, node.ops, sides[1:], strict=False):
            found &= self._one(left, how, right, table)
        return found

    def _one(self, left: ast.expr, how: ast.cmpop, right: ast.expr, table: pd.DataFrame) -> pd.Series[Any]:
        if isinstance(how, ast.In | ast.NotIn):
            found = self._inside(left, right, table)
            return ~found if isinstance(how, ast.NotIn) else found
        if type(how) not in _COMPARED:
            raise self._refused("compares with 'is'")
        a, b = self._value(left, table), self._value(right, table)
        self._require_alike(left, a, right, b, isinstance(how, _ORDERED))
        return _told(_COMPARED[type(how)](a, b), table, a, b)

    def _inside(self, left: ast.expr, right: ast.expr, table: pd.DataFrame) -> pd.Series[Any]:
        """`variant in ('I2D', 'I3D')`, or `'Heavy' in variant`."""
        a = self._value(left, table)
        if isinstance(right, ast.Tuple | ast.List) and isinstance(a, pd.Series):
            for each in right.elts:
                if isinstance(each, ast.Name):
                    raise self._refused(f"has column {each.id!r} inside 'in (...)', which lists numbers or texts")
            several = [self._value(each, table) for each in right.elts]
            for each, value in zip(right.elts, several, strict=True):
                self._require_alike(left, a, each, value, False)
            return _told(a.isin(several), table, a)
        b = self._value(right, table) if isinstance(right, ast.Name) else None
        if isinstance(a, str) and isinstance(b, pd.Series) and _is_texts(b):
            return _told(b.map(lambda text: a in text if isinstance(text, str) else False), table, b)
        raise self._refused("has an 'in' that is neither COLUMN in (A, B) nor 'TEXT' in COLUMN")

    def _value(self, node: ast.expr, table: pd.DataFrame) -> Any:
        """A column, or a number or text."""
        if isinstance(node, ast.Name):
            column = value_of(table, node.id)
            return column.astype(object) if _is_texts(column) else column
        try:
            value = ast.literal_eval(node)
        except (ValueError, TypeError) as error:
            raise self._refused(f"has {ast.unparse(node)!r}, which is no column, number or text") from error
        if not isinstance(value, int | float | str):
            raise self._refused(f"has {ast.unparse(node)!r}, which is no number or text")
        if not isinstance(value, str) and not _is_finite(value):
            raise self._refused("has a number that is too large")
        return value

    def _require_alike(self, left: ast.expr, a: Any, right: ast.expr, b: Any, ordered: bool) -> None:
        kinds = _kind(a), _kind(b)
        if None not in kinds and kinds[0] != kinds[1]:
            said = " and ".join(
                f"{ast.unparse(node)} {_is(kind)}" for node, kind in zip((left, right), kinds, strict=True)
            )
            raise self._refused(f"compares two kinds of things ({said})")
        if ordered and "texts" in kinds:
            raise self._refused(
                f"orders texts ({ast.unparse(left)}, {ast.unparse(right)}), which are only equal or not"
            )


_ALLOWED = (ast.BoolOp, ast.UnaryOp, ast.Compare, ast.Name, ast.Constant, ast.Tuple, ast.List)


def _nodes(body: ast.expr) -> Iterator[ast.AST]:
    """The expressions in an expression, without operators and contexts."""
    return (node for node in ast.walk(body) if isinstance(node, ast.expr))


def _depth(body: ast.expr) -> int:
    """How many expressions deep it is; counted without a recursion, which a deep one would end."""
    depth, level = 0, [body]
    while level:
        depth += 1
        level = [each for node in level for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]
    return depth


def _is_finite(value: float) -> bool:
    """Is it one as a float, which the columns hold?"""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _told(found: Any, table: pd.DataFrame, *sides: Any) -> pd.Series[Any]:
    """Truths, missing where a side is."""
    truths = pd.Series(found, index=table.index).astype("boolean")
    for side in sides:
        if isinstance(side, pd.Series):
            truths = truths.mask(side.isna())
    return truths


def _is_truths(column: pd.Series[Any]) -> bool:
    return all(isinstance(value, bool | np.bool_) for value in column.dropna()) and bool(column.notna().any())


def _is_texts(column: pd.Series[Any]) -> bool:
    return any(isinstance(value, str) for value in column.dropna().head(1))


def _kind(value: Any) -> str | None:
    """`texts` or `numbers`; None for a column without any value."""
    if isinstance(value, pd.Series):
        return None if value.isna().all() else "texts" if _is_texts(value) else "numbers"
    return "texts" if isinstance(value, str) else "numbers"


def _is(kind: str | None) -> str:
    return "is a text" if kind == "texts" else "is a number"


def _held(name: str, column: pd.Series[Any]) -> str:
    """What a column holds: `is 8.39 to 18.2`, `is I2D, I3D, ... (19 in all)`, `is not on record`."""
    values = column.dropna().unique().tolist()
    if not values:
        return "is not on record"
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == len(values):
        low, high = min(numbers), max(numbers)
        unit = ", a fraction" if KNOWN[name].about.endswith("a fraction") else ""
        return (f"is {low:.4g}" if low == high else f"is {low:.4g} to {high:.4g}") + unit
    texts = [str(value) or "''" for value in values]
    if len(texts) > _MOST_VALUES:
        return f"is {', '.join(texts[:_MOST_VALUES])}, ... ({len(texts)} in all)"
    return f"is {listed(texts, 'or')}"
