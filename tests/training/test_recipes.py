"""What a sweep file says of a training: recipes by name, how long, the rate of each step; what of it is in a key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from tradeoff.errors import InputError
from tradeoff.sweep.file import make_sweep
from tradeoff.sweep.plan import make_plan
from tradeoff.training.optimisation import make_optimiser, make_schedule
from tradeoff.training.recipe import RECIPES, Recipe

Tool = Callable[..., tuple[int, str, str]]


def recipe(values: Any) -> Recipe:
    made = make_sweep({"name": "mine", "variants": ["I2D"], "train": values}, "mine.yaml").train
    assert made is not None
    return made


def training_digests(tiny: dict[str, Any], train: dict[str, Any]) -> list[str]:
    plan = make_plan(make_sweep({"name": "mine", **tiny, "train": train}, "mine.yaml"), torch.device("cpu"))
    return [each.key.digest for each in plan.measurements if each.key.kind == "training"]


@pytest.mark.parametrize("name", RECIPES)
def test_a_name_and_its_values_spelled_out_are_one_training(tiny: dict[str, Any], name: str) -> None:
    spelled = {key: list(value) if isinstance(value, tuple) else value for key, value in RECIPES[name].items()}
    assert training_digests(tiny, {"recipe": name}) == training_digests(tiny, spelled)
    assert name not in str(recipe({"recipe": name}).fields("bf16"))


def test_a_recipe_is_worded_as_its_values_say() -> None:
    assert recipe({"recipe": "paper"}).summary("fp16") == (
        "80000 steps, batch 336, SGD 0.1 momentum 0.9 steps x0.1 at 75%, 87.5% after 0% warm-up, "
        "weight decay 1e-07, dropout 0.2, fp16"
    )
    assert recipe({"recipe": "linear-probe", "epochs": 1}).summary("bf16") == (
        "last layer only, 1 epoch, batch 16, SGD 0.1 momentum 0.9 cosine after 20% warm-up, "
        "weight decay 0, dropout 0, batch norm estimated again over at least 1024 clips, bf16"
    )


def test_what_is_given_goes_before_what_the_name_says() -> None:
    chosen = recipe({"recipe": "fine-tune", "epochs": 4, "rate": 1})
    assert (chosen.epochs, chosen.rate, chosen.statistics_clips) == (4, 1.0, 1024)
    # Epochs instead of the paper's steps, steps instead of the probe's epochs.
    assert recipe({"recipe": "paper", "epochs": 4}).length(10) == 40
    assert recipe({"recipe": "linear-probe", "steps": 7}).length(10) == 7
    # Another schedule has no use for the milestones; the same one keeps them.
    assert recipe({"recipe": "paper", "schedule": "cosine"}).milestones == ()
    assert recipe({"recipe": "paper", "schedule": "steps"}).milestones == (0.75, 0.875)
    assert recipe({"recipe": "paper", "milestones": [0.5]}).milestones == (0.5,)


@pytest.mark.parametrize(
    ("train", "parts"),
    [
        ({"recipe": "nope"}, ["train", "'nope'", "paper, fine-tune, linear-probe, small-data"]),
        ({"recipe": ["paper"]}, ["train", "['paper']", "fine-tune"]),
        ("fine-tune", ["train is 'fine-tune'", "{recipe: fine-tune}"]),
        ({"reciep": "paper"}, ["'train.reciep'", "'recipe'"]),
        ({"recipe": "paper", "stpes": 3}, ["'train.stpes'", "'steps'"]),
        ({"steps": 5, "epochs": 3}, ["train", "steps and epochs"]),
        ({"recipe": "fine-tune", "steps": 5, "epochs": 3}, ["train", "steps and epochs"]),
        ({"steps": 0}, ["train.steps", "0"]),
        ({"milestones": [0.5]}, ["train", "[0.5]", "'cosine'", "'steps'"]),
        ({"schedule": "steps"}, ["train", "'steps'", "milestones are []", "[0.75, 0.875]"]),
        ({"schedule": "steps", "milestones": [0.9, 0.8]}, ["[0.9, 0.8]", "rise", "[0.75, 0.875]"]),
        ({"schedule": "steps", "milestones": [0.8, 0.8]}, ["[0.8, 0.8]", "rise"]),
        ({"schedule": "steps", "milestones": [0.1, 0.8]}, ["0.1", "warm-up", "0.2"]),
        ({"schedule": "steps", "milestones": [0.75, 1]}, ["train.milestones.1", "less than 1"]),
        ({"milestones": [0.75, "x"]}, ["train.milestones.1", "'x'", "number"]),
        ({"milestones": 0.75}, ["train.milestones", "0.75", "[0.75, 0.875]"]),
        ({"decay": 0.5}, ["train", "decay", "milestones"]),
        ({"schedule": "step"}, ["train.schedule", "'step'", "'steps'"]),
        ({"trainable": "haed"}, ["train.trainable", "'haed'", "'head'"]),
        ({"statistics_clips": -1}, ["train.statistics_clips", "-1"]),
    ],
)
def test_a_wrong_recipe_is_one_sentence_and_exit_code_2(
    tool: Tool, tmp_path: Path, tiny: dict[str, Any], train: Any, parts: list[str]
) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tiny | {"train": train}))
    code, out, err = tool("sweep", "mine.yaml")
    assert (code, out, len(err.strip().splitlines())) == (2, "", 1)
    for part in ("mine.yaml", *parts):
        assert part in err
    assert not (tmp_path / "results").exists()


def rates(made: Recipe, steps: int) -> list[float]:
    """The rate of each step."""
    optimiser = make_optimiser(nn.Linear(1, 1).parameters(), made)
    schedule, seen = make_schedule(optimiser, made, steps), []
    for _ in range(steps):
        seen.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return seen


def test_the_rate_falls_at_each_milestone() -> None:
    made = Recipe(schedule="steps", milestones=(0.5, 0.75), warmup=0.0, rate=0.8, decay=0.25)
    assert rates(made, 8) == pytest.approx([0.8] * 4 + [0.2] * 2 + [0.05] * 2)


def test_the_rate_rises_before_it_falls() -> None:
    made = Recipe(schedule="steps", milestones=(0.5, 0.8), warmup=0.3, rate=0.8, decay=0.1)
    # Three steps of ten rise by quarters; then the peak, from step 5 a tenth of it, from step 8 a hundredth.
    assert rates(made, 10) == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.08, 0.08, 0.08, 0.008, 0.008])


def test_milestones_that_fall_together_in_a_short_training_count_each() -> None:
    made = Recipe(schedule="steps", milestones=(0.5, 0.6), warmup=0.0, rate=1.0)
    assert rates(made, 2) == pytest.approx([1.0, 0.01])  # both after the first of two steps
    made = made.model_copy(update={"milestones": (0.6, 0.7), "warmup": 0.5})
    assert rates(made, 2) == pytest.approx([0.5, 0.01])  # and the warm-up ends there too


def test_a_recipe_in_python_says_the_same() -> None:
    with pytest.raises(ValueError, match="steps and epochs"):
        Recipe(steps=3, epochs=2)
    with pytest.raises(InputError, match=r"mine\.yaml"):
        recipe({"recipe": "nope"})
