"""The machine's drift between sittings, from the yardsticks of a folder's records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

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


def test_the_roof_of_several_processes_is_their_geometric_mean() -> None:
    def measured(gflops: float, copied: float, bound_ms: float) -> dict[str, Any]:
        part = {"median_ms": 2.0, "low_ms": 1.0, "high_ms": 3.0, "steady": True}
        standing = {"fraction": 0.5, "bound": "memory", "intensity": 8.0, "bound_ms": bound_ms}
        return part | {"host": part, "video": {"ms": 2.0}, "first_pass_ms": 5.0, "prepare_s": 1.0, "error": 0.0} | {
            "memory": {"peak_bytes": 100},
            "roofline": standing,
            "yardstick": {"gflops": gflops, "copy_gb_s": copied},
        }  # fmt: skip

    found = timed_columns([measured(100.0, 20.0, 1.0), measured(400.0, 45.0, 4.0)])
    names = ("matrix_gflops", "copy_gb_s", "bound_ms", "intensity")
    assert [found[name] for name in names] == pytest.approx([200, 30, 2, 8])
    lost = measured(1.0, 1.0, 1.0) | {"roofline": {"unknown": "out of memory"}, "yardstick": {"unknown": "x"}}
    assert [timed_columns([measured(100.0, 20.0, 1.0), lost])[name] for name in names] == pytest.approx([100, 20, 1, 8])
    assert all(np.isnan(timed_columns([lost])[name]) for name in names)
