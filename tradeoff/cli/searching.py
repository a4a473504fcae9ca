"""A sweep file with `search:` on the command line."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer

from tradeoff.cli.options import LOCAL_RESULTS, Place, cache_of, kept_when_interrupted, plan_of
from tradeoff.console import print_json, print_renderables
from tradeoff.errors import InputError

if TYPE_CHECKING:
    from tradeoff.sweep.file import Sweep
    from tradeoff.sweep.outcome import Outcome
    from tradeoff.sweep.plan import Plan


def search_sweep(
    chosen: Sweep,
    results: Path,
    device: str,
    threads: int,
    cache: Path | None,
    place: Place,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run the searches of a sweep and print its table, or say what they cost at most; leave with 1 if one failed."""
    from dataclasses import replace

    from tradeoff.sweep.search.plans import as_planned
    from tradeoff.training.processes import current

    plan = replace(plan_of(as_planned(chosen), device, threads, cache_of(cache), place.workers), sweep=chosen)
    if place.is_ray:
        raise InputError("a search is for one machine: use it without --executor ray")
    if current().num_processes > 1:
        raise InputError("a search is for one process: start it without a launcher, with processes in the sweep file")
    if dry_run:
        _say_most(plan, cache_of(cache), as_json)
        return
    _run(plan, results, cache_of(cache), device, place, as_json)


def _run(plan: Plan, results: Path, cache: Path, device: str, place: Place, as_json: bool) -> None:
    from tradeoff.records.table import load_table
    from tradeoff.sweep.claims import claim_records
    from tradeoff.sweep.engine import Engine
    from tradeoff.sweep.executors.choice import choose
    from tradeoff.sweep.progress import Reporter
    from tradeoff.sweep.search.entry import SearchStore
    from tradeoff.sweep.search.run import run_search

    store = SearchStore(results, plan.published(), claim_records(plan.sweep))
    executor = choose(place.executor, store, cache, device, place.workers, plan.processes, _say)

    def measure(batch: Plan) -> Outcome:
        with Reporter() as reporter:
            return Engine(batch, store, executor, reporter).run()

    with kept_when_interrupted(), executor:
        outcome, story = run_search(plan, store, measure, _say)
    rows = load_table(results, story.name).rows
    if as_json:
        print_json(
            {"sweep": story.name, **outcome.as_record(), "search": story.as_record(), "rows": rows.to_dict("records")}
        )
    else:
        from tradeoff.report.run import sweep_tables

        tables, note = sweep_tables(rows, story.name)
        print_renderables([*tables, *([note] if note else []), *outcome.lines()])
        print_renderables([f"{story.name}, {walk.summary()}" for walk in story.walks])
        where = "" if results == LOCAL_RESULTS else f" --results {shlex.quote(str(results))}"
        print_renderables([f"compare it: tradeoff report --search {story.name} --search ANOTHER{where}"])
    if outcome.failures:
        raise typer.Exit(1)


def _say_most(plan: Plan, cache: Path, as_json: bool) -> None:
    from tradeoff.sweep.search.most import most

    with TemporaryDirectory() as nothing:
        found = most(plan, Path(nothing), cache, _say)
    if as_json:
        print_json(found.as_record())
    else:
        print_renderables(found.lines())


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
