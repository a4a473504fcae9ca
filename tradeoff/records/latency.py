"""Several processes' measurements of one latency as one row of figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from tradeoff.records.statistics import Component, Interval, geometric_mean, geometric_mean_interval
from tradeoff.records.store import Record

Measured = Mapping[str, Any]
SITTING = timedelta(minutes=30)
"""Without a record for as long, the next one is of another sitting."""


def machine_drift(records: Iterable[Record]) -> Component | None:
    """How much a machine's speed varies from sitting to sitting: the variance of the logarithm of its yardstick, the
    rate of a matrix product, over the sittings of each device, precision and number of threads. None with one."""
    rates: dict[Any, list[tuple[datetime, float]]] = defaultdict(list)
    for record in records:
        rate = record.measured.get("yardstick", {}).get("gflops")
        if rate is not None:
            fields = record.depends_on
            of = fields["machine"]["device"], fields["precision"], fields["threads"]
            rates[of].append((datetime.fromisoformat(record.made["at"]), float(np.log(rate))))
    found = [[float(np.mean(sitting)) for sitting in _sittings(each)] for each in rates.values()]
    several = [means for means in found if len(means) > 1]
    freedom = sum(len(means) - 1 for means in several)
    squares = sum(float(np.var(means)) * len(means) for means in several)
    return Component(squares / freedom, freedom) if freedom else None


def _sittings(rates: list[tuple[datetime, float]]) -> Iterator[list[float]]:
    """Values in the order of their times, cut where nothing was measured for a while."""
    sitting: list[float] = []
    before: datetime | None = None
    for at, value in sorted(rates):
        if before is not None and at - before > SITTING:
            yield sitting
            sitting = []
        sitting.append(value)
        before = at
    yield sitting


def timed_columns(timed: Sequence[Measured], drift: Component | None = None) -> dict[str, Any]:
    """Columns of the joined table (see `tradeoff.records.table.COLUMNS`) from what each process measured, at least one.

    Records that were made before there were all of these figures have those that they have. `drift` is that of the
    machine between sittings; without it the interval is about this sitting alone.
    """
    interval = _latency_interval(timed, drift)
    columns = {
        "latency_ms": interval.estimate,
        "latency_low_ms": interval.low,
        "latency_high_ms": interval.high,
        "latency_interval": interval.method,
        "load": max((load for each in timed if (load := _load(each)) is not None), default=np.nan),
    }
    full = [each for each in timed if "host" in each]
    return columns | (_full_columns(full, drift) if full else {})


def _full_columns(timed: Sequence[Measured], drift: Component | None) -> dict[str, Any]:
    host = _latency_interval([each["host"] for each in timed], drift)
    rates = [rate for each in timed for rate in each.get("throughput", []) if "clips_per_second" in rate]
    best: Measured = max(rates, key=lambda rate: rate["clips_per_second"], default={})
    standing = [each["roofline"] for each in timed if "fraction" in each["roofline"]]
    return {
        "steady_processes": sum(each["steady"] for each in timed),
        "host_ms": host.estimate,
        "host_low_ms": host.low,
        "host_high_ms": host.high,
        "graph_ms": next(
            (each["graph"]["median_ms"] for each in timed if "median_ms" in each.get("graph", {})), np.nan
        ),
        "video_ms": geometric_mean([each["video"]["ms"] for each in timed]),
        "first_pass_ms": max(each["first_pass_ms"] for each in timed),
        "prepare_s": max(each["prepare_s"] for each in timed),
        "clips_per_second": best.get("clips_per_second", np.nan),
        "throughput_batch": best.get("batch", np.nan),
        "peak_memory_bytes": max((peak for each in timed if (peak := each["memory"]["peak_bytes"])), default=np.nan),
        "output_error": max(each["error"] for each in timed),
        **_matrix_fraction([each["fraction"] for each in standing]),
        "bound": standing[0]["bound"] if standing else np.nan,
        **_roof(timed),
    }


_ROOF = {"intensity": "intensity", "bound_ms": "bound_ms", "matrix_gflops": "gflops", "copy_gb_s": "copy_gb_s"}


def _roof(timed: Sequence[Measured]) -> dict[str, float]:
    """What the machine allows, and what the network asks of it: the mean over the processes that know all of it."""
    parts = [{**each["roofline"], **each.get("yardstick", {})} for each in timed]
    known = [part for part in parts if part.keys() >= {*_ROOF.values()}]
    return {
        column: geometric_mean([part[name] for part in known]) if known else np.nan for column, name in _ROOF.items()
    }


def _matrix_fraction(fractions: Sequence[float]) -> dict[str, float]:
    """Each process's latency by the yardstick of the same minute: what the machine does at that hour is in both."""
    if not fractions:
        return dict.fromkeys(("matrix_fraction", "matrix_fraction_low", "matrix_fraction_high"), np.nan)
    found = geometric_mean_interval(fractions)
    return {
        "matrix_fraction": found.estimate,
        "matrix_fraction_low": found.low,
        "matrix_fraction_high": found.high,
    }


def _load(measured: Measured) -> float | None:
    """CPUs that others kept busy meanwhile; of older records, the load average before."""
    found: float | None = measured.get("load", {}).get("others_cpus", measured.get("load_before"))
    return found


def _latency_interval(timed: Sequence[Measured], drift: Component | None) -> Interval:
    """Over processes where there are several: iterations inside one share its luck."""
    if len(timed) == 1:
        one = timed[0]
        method = f"{one.get('method', 'median, order statistics')} of one process"
        return Interval(one["median_ms"], one["low_ms"], one["high_ms"], method)
    found = geometric_mean_interval([each["median_ms"] for each in timed], drift)
    alone = drift is None and any("steady" in each for each in timed)
    return replace(found, method=f"{found.method}; one sitting, nothing about another hour") if alone else found
