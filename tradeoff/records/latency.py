"""Several processes' measurements of one latency as one row of figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tradeoff.records.statistics import Interval, geometric_mean_interval

Measured = Mapping[str, Any]


def timed_columns(timed: Sequence[Measured]) -> dict[str, Any]:
    """Columns of the joined table (see `tradeoff.records.table.COLUMNS`) from what each process measured, at least one.

    Records that were made before there were all of these figures have those that they have.
    """
    interval = _latency_interval(timed)
    columns = {
        "latency_ms": interval.estimate,
        "latency_low_ms": interval.low,
        "latency_high_ms": interval.high,
        "latency_interval": interval.method,
        "load": max((load for each in timed if (load := _load(each)) is not None), default=np.nan),
    }
    full = [each for each in timed if "host" in each]
    return columns | (_full_columns(full) if full else {})


def _full_columns(timed: Sequence[Measured]) -> dict[str, Any]:
    host = _latency_interval([each["host"] for each in timed])
    rates = [rate for each in timed for rate in each.get("throughput", []) if "clips_per_second" in rate]
    best: Measured = max(rates, key=lambda rate: rate["clips_per_second"], default={})
    standing = [each["roofline"] for each in timed if "fraction" in each["roofline"]]
    return {
        "steady_processes": sum(each["steady"] for each in timed),
        "host_ms": host.estimate,
        "host_low_ms": host.low,
        "host_high_ms": host.high,
        "video_ms": float(geometric_mean_interval([each["video"]["ms"] for each in timed]).estimate),
        "first_pass_ms": max(each["first_pass_ms"] for each in timed),
        "prepare_s": max(each["prepare_s"] for each in timed),
        "clips_per_second": best.get("clips_per_second", np.nan),
        "throughput_batch": best.get("batch", np.nan),
        "peak_memory_bytes": max((peak for each in timed if (peak := each["memory"]["peak_bytes"])), default=np.nan),
        "output_error": max(each["error"] for each in timed),
        "matrix_fraction": float(np.mean([each["fraction"] for each in standing])) if standing else np.nan,
        "bound": standing[0]["bound"] if standing else np.nan,
    }


def _load(measured: Measured) -> float | None:
    """CPUs that others kept busy meanwhile; of older records, the load average before."""
    found: float | None = measured.get("load", {}).get("others_cpus", measured.get("load_before"))
    return found


def _latency_interval(timed: Sequence[Measured]) -> Interval:
    """Over processes where there are several: iterations inside one share its luck."""
    if len(timed) == 1:
        one = timed[0]
        method = f"{one.get('method', 'median, order statistics')} of one process"
        return Interval(one["median_ms"], one["low_ms"], one["high_ms"], method)
    return geometric_mean_interval([each["median_ms"] for each in timed])
