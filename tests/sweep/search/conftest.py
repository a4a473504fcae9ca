"""A stand-in for the engine: it writes records at once, of accuracies and costs that a test can work out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tradeoff.records.searches import Story
from tradeoff.records.store import Store
from tradeoff.sweep.file import make_sweep
from tradeoff.sweep.outcome import Failure, Outcome
from tradeoff.sweep.plan import Measurement, Plan, make_plan
from tradeoff.sweep.search.entry import SearchStore
from tradeoff.sweep.search.plans import as_planned
from tradeoff.sweep.search.run import run_search

SECONDS = 10.0
"""Of an epoch."""


def macs(units: str) -> int:
    """100, and 10 for each separable unit, 30 for each full one."""
    return 100 + 10 * units.count("s") + 30 * units.count("3")


def top1(units: str) -> float:
    """Of a whole training: separable units help, full ones harm; the more the lower they are."""
    gain = sum((12 - place) * (1 if letter == "s" else -1) for place, letter in enumerate(units, 1) if letter != "2")
    return 0.5 + gain / 200


@dataclass
class Fake:
    """`broken`: units of networks that do not train. `stops_after`: trainings after which it is killed."""

    store: Store
    broken: str = ""
    stops_after: int = 10_000
    trained: list[tuple[str, int]] = field(default_factory=list)
    timed: list[str] = field(default_factory=list)

    def __call__(self, plan: Plan) -> Outcome:
        self.store.prepare()
        self.store.write_sweep(plan.sweep.name, plan.keys())
        missing = [each for each in plan.measurements if not self.store.has(each.key)]
        outcome = Outcome(present=len(plan.measurements) - len(missing))
        for each in missing:
            if each.key.kind in ("training", "accuracy") and each.variant.units == self.broken:
                outcome.failures.append(Failure(each, "it broke", Path("attempt.json")))
                continue
            self._write(plan, each)
            outcome.measured += 1
        return outcome

    def _write(self, plan: Plan, each: Measurement) -> None:
        epochs = plan.sweep.train.epochs if plan.sweep.train else 0
        units, whole = each.variant.units, epochs == 4
        if each.key.kind == "training":
            if len(self.trained) == self.stops_after:
                raise KeyboardInterrupt
            self.trained.append((units, epochs))
        if each.key.kind == "latency":
            self.timed.append(units)
        ms = macs(units) / 10
        measured = {
            "cost": {"macs": macs(units), "params": 5 * macs(units)},
            "training": {"state": "s"},
            "accuracy": {"top1": top1(units) - (0 if whole else 0.1), "clips": 32},
            "latency": {"median_ms": ms, "low_ms": ms, "high_ms": ms},
        }[each.key.kind]
        about = {"variant": each.variant.fields(), "clip": plan.sweep.clip}
        self.store.write(each.key, measured, about=about, made={"seconds": SECONDS * epochs})


Searched = Callable[..., tuple[Story, Fake, Outcome]]


@pytest.fixture
def searched(tmp_path: Path, tiny: dict[str, Any]) -> Searched:
    """Runs a search with a recipe of 4 epochs, in a folder of its own unless one is named."""

    def run(folder: str = "results", *, broken: str = "", stops_after: int = 10_000, **search: Any) -> Any:
        sweep = {key: search.pop(key) for key in ("variants", "latency") if key in search}
        sweep |= {"seeds": search.pop("training_seeds", [0])}
        values = {key: value for key, value in tiny.items() if key not in ("variants", "latency")}
        values |= {"train": tiny["train"] | {"epochs": 4}, "latency": "none", "search": search} | sweep
        chosen = make_sweep({"name": "mine", **values}, "mine.yaml")
        plan = replace(make_plan(as_planned(chosen), torch.device("cpu")), sweep=chosen)
        store = SearchStore(tmp_path / folder)
        fake = Fake(store, broken, stops_after)
        outcome, story = run_search(plan, store, fake)
        return story, fake, outcome

    return run
