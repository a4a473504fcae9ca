"""Which points of a speed-accuracy plot nothing else beats."""

from __future__ import annotations

import pandas as pd

from tradeoff.records.frontier import frontier as frontier

COSTS = {"macs": "MACs", "latency_ms": "latency", "params": "params"}
"""The costs that a frontier is drawn for: the column of the joined table, and its short name."""


def frontier_marks(table: pd.DataFrame) -> pd.DataFrame:
    """For each row of one protocol, is its top-1 on the frontier over each of `COSTS`? Columns as in `COSTS`, bool."""
    accuracy = table["top1"].to_numpy(dtype=float)
    marks = {column: frontier(table[column].to_numpy(dtype=float), accuracy) for column in COSTS}
    return pd.DataFrame(marks, index=table.index)
