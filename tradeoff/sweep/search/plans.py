"""The plans that a search consists of: ordinary sweeps of a few candidates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch

from tradeoff.digest import digest
from tradeoff.sweep.file import Sweep
from tradeoff.sweep.plan import Plan
from tradeoff.sweep.search.space import space_of


def as_planned(sweep: Sweep) -> Sweep:
    """The sweep that is planned before anything is proposed: the file's variants, and the dearest of the space."""
    assert sweep.search is not None
    space = space_of(sweep.search)
    return sweep.model_copy(update={"variants": (*sweep.variants, space.name(space.dearest())), "search": None})


def batch_plan(plan: Plan, names: Iterable[str], epochs: int | None = None, *, timed: bool = True) -> Plan:
    """Candidates as the variants of an ordinary sweep; trained for so many epochs where they are given."""
    sweep = plan.sweep
    update: dict[str, Any] = {"variants": tuple(names), "search": None, "published": (), "claims": ()}
    update |= {} if timed else {"latency": None}
    if epochs is not None:
        assert sweep.train is not None
        update["train"] = sweep.train.model_copy(update={"epochs": epochs, "steps": None})
    return replace(plan, sweep=sweep.model_copy(update=update))


def screening_plan(plan: Plan, names: Iterable[str], *, timed: bool) -> Plan:
    """The same without data: what candidates cost, and nothing that needs a training."""
    bare = {"data": None, "sampling": None, "views": None, "classes": plan.classes}
    chosen = batch_plan(plan, names, timed=timed)
    return replace(chosen, sweep=chosen.sweep.model_copy(update=bare), description=None)


def protocol(plan: Plan) -> tuple[str, str]:
    """How the accuracies of whole trainings are measured, in words, and the digest of all that they have to share."""
    sweep, description = plan.sweep, plan.description
    assert sweep.train is not None and description is not None
    fields: dict[str, Any] = {"clip": sweep.clip, "classes": plan.classes, "recipe": plan.recipe_key, "view": plan.view}
    fields |= {"trained_on": plan.trained_on, "tested_on": plan.tested_on, "order": sweep.orders[0]}
    fields |= {"seeds": sweep.seeds, "folds": sweep.folds}
    seeds = "1 training seed" if len(sweep.seeds) == 1 else f"{len(sweep.seeds)} training seeds"
    recipe = sweep.train.summary(plan.precision)
    words = f"{description.name}, clips of {sweep.clip}; {seeds}; training: {recipe}"
    return f"{words}, CPU threads: {torch.get_num_threads()}", digest(fields)
