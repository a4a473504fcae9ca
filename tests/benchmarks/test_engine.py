"""What the engine itself takes, beside what it measures: 10,000 measurements planned, read and reported, and one made.

`OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 taskset -c 0 make bench` holds it to one core. Writing 10,000 records takes
half a minute, once for each of two sweeps (see `many_records`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from many_records import SHAPES, fill, many
from pytest_benchmark.fixture import BenchmarkFixture

import tradeoff
from tradeoff.data import open_dataset
from tradeoff.records.store import Store
from tradeoff.records.table import load_table
from tradeoff.report.run import report_sweeps
from tradeoff.sweep.engine import Engine
from tradeoff.sweep.executors.here import Here
from tradeoff.sweep.executors.local import Local
from tradeoff.sweep.file import make_sweep, read_sweep
from tradeoff.sweep.plan import Plan, make_plan
from tradeoff.sweep.progress import silent

CPU = torch.device("cpu")
SMALL = Path(__file__).resolve().parents[2] / "sweeps" / "bottom_heavy.yaml"


def planned(values: dict[str, Any]) -> Plan:
    return make_plan(make_sweep(values, "benchmark"), CPU)


@pytest.fixture(scope="module", params=list(SHAPES))
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Store]]:
    """10,000 records of one sweep, and what the sweep is called."""
    store = Store(tmp_path_factory.mktemp(request.param))
    fill(store, planned(many(request.param)))
    yield request.param, store


def timed(benchmark: BenchmarkFixture, engine: dict[str, float], name: str, work: Any, rounds: int = 3) -> Any:
    """The result of the last of some rounds; for the summary, their median."""
    found = benchmark.pedantic(work, rounds=rounds, warmup_rounds=1)
    if benchmark.enabled:
        engine[name] = benchmark.stats.stats.median
    return found


@pytest.mark.benchmark(group="10,000 measurements")
@pytest.mark.parametrize("where", ["fresh", "on record"])
def test_plan(
    benchmark: BenchmarkFixture, engine: dict[str, float], filled: tuple[str, Store], tmp_path: Path, where: str
) -> None:
    shape, store = filled
    folder = store if where == "on record" else Store(tmp_path).prepare()

    def plan() -> tuple[int, int]:
        found = planned(many(shape))
        assert sum(map(len, found.keys().values())) == len(found.measurements)
        return len(found.measurements), len(found.missing(folder))

    every, missing = timed(benchmark, engine, f"plan, {shape}, {where}", plan)
    assert every >= 10_000
    assert missing == (0 if where == "on record" else every)


@pytest.mark.benchmark(group="10,000 records")
def test_read(benchmark: BenchmarkFixture, engine: dict[str, float], filled: tuple[str, Store]) -> None:
    shape, store = filled
    table = timed(benchmark, engine, f"read, {shape}", lambda: load_table(store.root))
    assert len(table.rows) == len(planned(many(shape)).variants) * len(SHAPES[shape].get("orders", ["normal"]))


@pytest.mark.benchmark(group="10,000 records")
def test_report(
    benchmark: BenchmarkFixture, engine: dict[str, float], filled: tuple[str, Store], tmp_path: Path
) -> None:
    """Read, drawn and written: PNG, SVG, Markdown and CSV."""
    shape, store = filled
    reports = timed(benchmark, engine, f"report, {shape}", lambda: report_sweeps(store.root, tmp_path), rounds=2)
    assert all(path.exists() for path in reports["many"].paths)


@pytest.mark.benchmark(group="what the engine adds")
def test_added_to_a_measurement(benchmark: BenchmarkFixture, engine: dict[str, float], tmp_path: Path) -> None:
    """Costs that take no time: planning, noting, flushing to the disk and reading back remain."""
    values = {"name": "none", "variants": [{"units": "2222[23s]{5}22"}], "latency": "none", "clip": "8x32x32"}
    known = tradeoff.cost("I2D", "8x32x32")
    plan = planned(values)
    folders = iter(range(100))

    def run() -> int:
        store = Store(tmp_path / str(next(folders)))
        with mock.patch("tradeoff.sweep.measuring.cost", lambda variant, shape: known):
            return Engine(plan, store, Here(store, tmp_path / "cache"), silent()).run(("cost",)).measured

    assert timed(benchmark, engine, "added", run) == len(plan.variants)
    if benchmark.enabled:
        engine["added"] /= len(plan.variants)


@pytest.mark.benchmark(group="what the engine adds")
def test_added_by_a_worker(benchmark: BenchmarkFixture, engine: dict[str, float], tmp_path: Path) -> None:
    """Costs made in a worker process that is there already: what the records do not account for."""
    values = {"name": "none", "variants": [{"units": "2222[23s]{5}22"}], "latency": "none", "clip": "8x32x32"}
    store = Store(tmp_path / "results").prepare()
    with Local(store, tmp_path / "cache", [CPU]) as executor:
        Engine(planned(values | {"variants": ["I3D"]}), store, executor, silent()).run()
        before = sum(record.made["seconds"] for record in store.records("cost"))
        began = time.perf_counter()
        run = Engine(planned(values), store, executor, silent()).run
        outcome = benchmark.pedantic(run, rounds=1)
        wall = time.perf_counter() - began
    measured = sum(record.made["seconds"] for record in store.records("cost")) - before
    engine["worker"] = (wall - measured) / outcome.measured


@pytest.mark.benchmark(group="what the engine adds")
def test_share_of_a_sweep(benchmark: BenchmarkFixture, engine: dict[str, float], tmp_path: Path) -> None:
    """Of one short sweep, what its records do not account for; with more epochs it is less."""
    sweep = read_sweep(SMALL).model_copy(update={"seeds": (0,), "variants": ("I2D", "Bottom-Heavy-I3D-4")})
    plan = make_plan(sweep, CPU)
    store = Store(tmp_path / "results")
    Engine(plan, store, Here(store, tmp_path / "cache"), silent()).run(("cost",))
    open_dataset(sweep.data, sweep.shape, tmp_path / "cache", lambda done, total: None)  # once, and not by the engine
    began = time.perf_counter()
    run = Engine(plan, store, Local(store, tmp_path / "cache", [CPU]), silent()).run
    benchmark.pedantic(run, rounds=1)
    wall = time.perf_counter() - began
    measured = sum(
        record.made["seconds"] for kind in ("training", "accuracy", "latency") for record in store.records(kind)
    )
    engine["share"] = 1 - measured / wall
    assert measured < wall
