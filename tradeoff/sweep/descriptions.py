"""What a reader wants to know of a measurement and its key does not say in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tradeoff.records.views import sampling_words
from tradeoff.sweep.plan import Measurement, Plan


def about(plan: Plan, measurement: Measurement) -> dict[str, Any]:
    """For its record, or for the note that it failed."""
    sweep, description = plan.sweep, plan.description
    said: dict[str, Any] = {"name": measurement.variant.name, "variant": measurement.variant.fields()}
    said["clip"] = sweep.clip
    if measurement.key.kind in ("training", "accuracy") and description is not None:
        said |= {"data": description.name, "fold": measurement.fold, "seed": measurement.seed}
        said |= _origin(plan)
        if measurement.accumulate:
            said["accumulate"] = measurement.accumulate
    if measurement.key.kind == "accuracy":
        said |= {"order": measurement.order, "view": plan.view}
    return said


def _origin(plan: Plan) -> dict[str, Any]:
    """Where the weights come from: a recipe, or a checkpoint as it is."""
    weights, recipe = plan.weights, plan.sweep.train
    if recipe is None:
        assert weights is not None
        return {"recipe": f"none, checkpoint {weights.digest}", "recipe_key": weights.digest}
    start = f", from {Path(weights.origin).name} (checkpoint {weights.digest})" if weights else ""
    together = f", {plan.processes} processes" if plan.processes > 1 else ""
    threads = f", CPU threads: {torch.get_num_threads()}" if plan.device.type == "cpu" else ""
    flips = ", mirrored at random" if plan.description and plan.description.flips else ""
    sampling = dict(plan.recipe.get("sampling", {}))
    drawn = f", {sampling_words(sampling | {'clip': plan.sweep.clip})}" if sampling else ""
    summary = recipe.summary(plan.precision) + drawn + together + threads + flips + start
    return {"recipe": summary, "recipe_key": plan.recipe_key}
