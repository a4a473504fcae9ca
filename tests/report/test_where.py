"""Conditions on the rows of a table, held against what Python's own comparisons give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tradeoff.errors import InputError
from tradeoff.report.where import Condition

NAMES = ("I2D", "I3D", "S3D-G", "Top-Heavy-I3D-3", "Fast-S3D")


@pytest.fixture
def rows(table: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Latencies 10, 20, 30, 40 ms and none; the last one on clips of 32x112x112."""
    found = table(*NAMES).assign(latency_ms=[10.0, 20.0, 30.0, 40.0, np.nan])
    found.loc[4, "clip"] = "32x112x112"
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("latency_ms < 30", "I2D I3D"),
        ("latency_ms <= 30 and frames == 16", "I2D I3D S3D-G"),
        ("10 < latency_ms < 40", "I3D S3D-G"),
        ("frames == 32 or latency_ms > 30", "Top-Heavy-I3D-3 Fast-S3D"),
        ("not latency_ms < 30", "S3D-G Top-Heavy-I3D-3"),  # a latency that there is not is neither
        ("latency_ms != 10", "I3D S3D-G Top-Heavy-I3D-3"),
        ("variant in ('I2D', \"Fast-S3D\")", "I2D Fast-S3D"),
        ("variant not in ['I2D', 'I3D', 'S3D-G']", "Top-Heavy-I3D-3 Fast-S3D"),
        ("'Heavy' in variant", "Top-Heavy-I3D-3"),
        ("gating", "S3D-G"),
        ("not gating and kind == 'separable'", "Fast-S3D"),
        ("heavy == 'both'", "I2D I3D S3D-G"),
        ("heavy in ('top', 'both') and units_3d >= 9", "I3D S3D-G Fast-S3D"),
        ("height > 100", "Fast-S3D"),
        ("latency_low_ms < latency_ms and gating == True", "S3D-G"),
        ("(latency_ms > 15 and latency_ms < 25) or -1 > width", "I3D"),
        ("width == 2.5e-1 and latency_ms > 35", "Top-Heavy-I3D-3"),
    ],
)
def test_rows_that_fit(rows: pd.DataFrame, text: str, expected: str) -> None:
    assert rows["variant"][Condition(text).fits(rows)].tolist() == expected.split()


def test_units_of_derived_columns(rows: pd.DataFrame) -> None:
    macs = rows["macs"].tolist()
    assert Condition("gmacs > 2.3").fits(rows).tolist() == [each > 2.3e9 for each in macs]
    assert Condition("params_m < 0.5").fits(rows).tolist() == [each < 5e5 for each in rows["params"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("latency < 50", r"names column 'latency', which there is not: did you mean latency_ms"),
        ("quux == 1", r"column 'quux'.*tradeoff report --columns help"),
        ("frontier == 1", "column 'frontier', which cannot be filtered on: use any other of tradeoff report --columns"),
        ("latency_ms", "neither true nor false"),
        ("latency_ms < 'fast'", "two kinds of things.*latency_ms is a number and 'fast' is a text"),
        ("variant == 3", "two kinds of things"),
        ("variant in ('I2D', 3)", "two kinds of things"),
        ("variant < 'I3D'", "orders texts"),
        ("latency_ms = 50", "cannot be read"),
        ("latency_ms < ", "cannot be read"),
        ("", "cannot be read"),
        ("latency_ms < 50 & frames == 16", "is no condition"),
        ("top1 > 0.5 * 2", "is no condition"),
        ("__import__('os').system('true')", "is no condition"),
        ("variant.str.len() > 3", "is no condition"),
        ("latency_ms < f'{1}'", "is no condition"),
        ("variant == (lambda: 'I2D')()", "is no condition"),
        ("latency_ms < None", "no number or text"),
        ("latency_ms < -variant", "no column, number or text"),
        ("latency_ms is 3", "'is'"),
        ("3 in latency_ms", "'in'"),
        ("(" * 300 + "gating" + ")" * 300, "cannot be read"),
        ("not " * 48 + "gating", None),
        ("not " * 240 + "gating", "--where is nested 241 deep: 50 at most"),
        ("latency_ms < " + "-" * 900 + "1", "--where is nested 902 deep: 50 at most"),
        ("latency_ms < " + "9" * 900, "number that is too large"),
        ("latency_ms in (1, " + "9" * 900 + ")", "number that is too large"),
        ("latency_ms < 1e999", "number that is too large"),
        ("variant in (variant,)", r"has column 'variant' inside 'in \(...\)', which lists numbers or texts"),
        ("frames in (16, latency_ms)", "has column 'latency_ms' inside"),
        ("gating or " * 200 + "gating", "1000 at most"),
    ],
)
def test_what_is_no_condition_is_a_sentence(rows: pd.DataFrame, text: str, words: str | None) -> None:
    if words is None:
        assert Condition(text).fits(rows).tolist() == rows["gating"].tolist()
        return
    with pytest.raises(InputError, match=words):
        Condition(text).fits(rows)


def test_what_fits_nothing_says_what_there_is(rows: pd.DataFrame) -> None:
    with pytest.raises(
        InputError, match=r"fits none of the 5 rows of sweep x: top1 is 0\.\d+ to 0\.\d+, a fraction; runtime is eager"
    ):
        Condition("top1 > 80 and runtime == 'openvino'").require(rows, "sweep x")
    bare: Any = rows.assign(host_ms=np.nan)
    with pytest.raises(InputError, match="host_ms is not on record"):
        Condition("host_ms < 1").require(bare, "sweep x")
    with pytest.raises(InputError, match="variant is I2D, I3D, S3D-G, Top-Heavy-I3D-3 or Fast-S3D"):
        Condition("variant == 'R3D'").require(rows, "sweep x")
