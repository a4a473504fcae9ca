"""A table for LaTeX, with booktabs."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "–": "--",  # noqa: RUF001 - an en dash
    "≠": r"$\neq$",
    "×": r"$\times$",  # noqa: RUF001
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
}


def latex_table(shown: pd.DataFrame, right: Sequence[bool], caption: Sequence[str], label: str) -> str:
    r"""A `table` with a caption and a booktabs `tabular` of texts; `right`: which columns are set flush right.

    It needs \usepackage{booktabs}, and nothing else.
    """
    kinds = "".join("r" if flag else "l" for flag in right)
    rows = [_row(values) for values in shown.to_numpy().tolist()]
    lines = [
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{' '.join(map(escaped, caption))}}}",
        f"  \\label{{tab:{re.sub(r'[^A-Za-z0-9.:-]+', '-', label)}}}",
        f"  \\begin{{tabular}}{{{kinds}}}",
        r"    \toprule",
        f"    {_row(shown.columns)}",
        r"    \midrule",
        *(f"    {row}" for row in rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _row(values: Sequence[object] | pd.Index[str]) -> str:
    cells = [escaped(str(value)) for value in values]
    # A bracket after the end of the line before would be its argument.
    first = f"{{}}{cells[0]}" if cells[0].startswith(("[", "*")) else cells[0]
    return " & ".join([first, *cells[1:]]) + r" \\"


def escaped(text: str) -> str:
    """A text as LaTeX prints it, whatever is in it; ends of lines are spaces."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return "".join(_SPECIAL.get(letter, letter) for letter in plain)
