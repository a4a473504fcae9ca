"""The machine's drift between sittings, from the yardsticks of a folder's records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tradeoff.records.latency import machine_drift, timed_columns
from tradeoff.records.store import Record


def record(minute: int, gflops: float | None, precision: str = "float32") -> Record:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    measured = {} if gflops is None else {"yardstick": {"gflops": gflops}}
    fields = {"machine": {"device": "cpu x"}, "precision": precision, "threads": 1}
    return Record("latency", f"k{minute}", fields, measured, made={"at": at.isoformat(timespec="seconds")})


def test_sittings_are_apart_in_time_and_each_counts_once() -> None:
    first, second = [record(0, 90.0), record(20, 110.0), record(40, 100.0)], [record(75, 50.0)]
    found = machine_drift([*second, *first, record(3, None)])
    means = [np.log([90.0, 110.0, 100.0]).mean(), np.log(50.0)]
    assert found is not None
    assert (found.variance, found.freedom) == (pytest.approx(np.var(means, ddof=1)), 1)


def test_precisions_are_pooled_and_not_mixed() -> None:
    slow = [record(minute, 100.0 + minute) for minute in (0, 60, 120)]
    fast = [record(minute, 500.0, "bf16") for minute in (0, 60)]
    found = machine_drift([*slow, *fast])
    assert found is not None and found.freedom == 3
    assert found.variance == pytest.approx(2 * np.var(np.log([100.0, 160.0, 220.0]), ddof=1) / 3)


def test_one_sitting_says_nothing_of_another() -> None:
    assert machine_drift([record(0, 90.0), record(25, 80.0)]) is None
    assert machine_drift([record(0, None), record(60, None)]) is None


def test_a_replayed_graph_is_that_of_the_process_that_looked() -> None:
    time = {"median_ms": 4.0, "low_ms": 3.9, "high_ms": 4.1}
    full = time | {"host": time, "video": {"ms": 4.0}, "steady": True, "first_pass_ms": 9.0, "prepare_s": 1.0}
    full |= {"memory": {"peak_bytes": None}, "error": 0.0, "roofline": {}}
    looked = full | {"graph": {"median_ms": 2.5}}
    assert timed_columns([full, looked])["graph_ms"] == 2.5
    assert np.isnan(timed_columns([full, full | {"graph": {"failed": "a capture forbids it"}}])["graph_ms"])
