"""How a network is trained, as a sweep file says it. No torch here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Precision = Literal["auto", "float32", "bf16", "fp16"]
Share = Annotated[float, Field(gt=0, lt=1)]

RECIPES: dict[str, dict[str, Any]] = {
    # Sections 3 and 4 of the S3D paper, and its released code for what the text leaves out: 56 GPUs with 6 clips each.
    "paper": {
        "steps": 80_000, "batch": 336, "rate": 0.1, "schedule": "steps", "milestones": (0.75, 0.875), "warmup": 0.0,
        "weight_decay": 1e-7,
    },
    # From a checkpoint: a low rate, and statistics of the weights that it ends with.
    "fine-tune": {"epochs": 8, "rate": 0.01, "statistics_clips": 1024},
    # The last layer alone, on features whose batch norm fits the new data.
    "linear-probe": {
        "epochs": 20, "rate": 0.1, "weight_decay": 0.0, "trainable": "head", "statistics_clips": 1024, "dropout": 0.0,
    },
    # A thousand clips or fewer, from scratch: long, and regularised.
    "small-data": {
        "epochs": 60, "rate": 0.02, "weight_decay": 5e-4, "label_smoothing": 0.1, "dropout": 0.5,
        "statistics_clips": 1024,
    },
}  # fmt: skip
"""Recipes by name: `train: {recipe: fine-tune, epochs: 4}`. A training's key holds the values, never the name."""

_REPLACED = {"epochs": ("steps",), "steps": ("epochs",), "schedule": ("milestones", "decay")}
"""What a named recipe no longer says once a key is given another value, one that goes without it."""


class Recipe(BaseModel):
    """SGD with momentum. Only what differs from the defaults is part of a training's key, so a released default
    never changes.

    recipe            the name of a recipe, whose values apply where none is given.
    epochs            passes over the training clips; not used where `steps` is given.
    steps             how many steps, in place of `epochs`.
    batch             clips a step, of all processes together.
    accumulate        in how many micro-batches, one after the other, the clips of a step are computed; their losses are
                      averaged, and batch norm sees a micro-batch. It has to divide `batch`.
    rate              the peak learning rate, for the batch as given.
    momentum          of SGD.
    weight_decay      of SGD.
    schedule          how the rate falls after the warm-up: `cosine` and `one-cycle` to zero, `steps` at `milestones`.
    milestones        of the schedule `steps`, the shares of all steps after which the rate is multiplied by `decay`.
    decay             what the rate is multiplied by at each of `milestones`.
    warmup            share of all steps that the rate rises for.
    label_smoothing   share of a label that is spread over all classes.
    dropout           before the last layer of the paper's family; other families keep their own.
    trainable         `head` trains the last layer alone, on features that stay as they are (a linear probe).
    statistics_clips  training clips, at least so many in whole steps, over which batch norm's statistics are estimated
                      again: after the last step, or before the first one where the features stay as they are; 0 leaves
                      the running ones.
    precision         `auto` is bf16 where the device computes in it (CPUs with AVX512-BF16 or AMX, CUDA GPUs that
                      support it), fp16 on other CUDA GPUs, float32 elsewhere.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    epochs: int = Field(3, ge=1, le=10_000)
    steps: int | None = Field(None, ge=1, le=100_000_000)
    batch: int = Field(16, ge=2, le=65_536)
    accumulate: int = Field(1, ge=1, le=65_536)
    rate: float = Field(0.02, gt=0, le=100)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(1e-4, ge=0, lt=1)
    schedule: Literal["cosine", "one-cycle", "steps"] = "cosine"
    milestones: tuple[Share, ...] = ()
    decay: float = Field(0.1, gt=0, lt=1)
    warmup: float = Field(0.2, ge=0, le=0.9)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    dropout: float = Field(0.2, ge=0, lt=1)
    trainable: Literal["all", "head"] = "all"
    statistics_clips: int = Field(0, ge=0, le=10_000_000)
    precision: Precision = "auto"

    @model_validator(mode="before")
    @classmethod
    def _named(cls, values: Any) -> Any:
        """What the named recipe says where nothing else is said."""
        if not isinstance(values, dict) or "recipe" not in values:
            return values
        name, given = values["recipe"], {key: value for key, value in values.items() if key != "recipe"}
        if not isinstance(name, str) or name not in RECIPES:
            raise ValueError(f"recipe is {name!r}: it should be one of {', '.join(RECIPES)}")
        named = RECIPES[name]
        changed = [key for key in given if given[key] != named.get(key)]
        replaced = {each for key in changed for each in _REPLACED.get(key, ())}
        return {key: value for key, value in named.items() if key not in replaced} | given

    @field_validator("milestones", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if self.steps is not None and "epochs" in self.model_fields_set:
            raise ValueError("steps and epochs are both given: leave one out, either says how long")
        if self.batch % self.accumulate:
            raise ValueError(
                f"batch is {self.batch}: it should be a multiple of accumulate, which is {self.accumulate}"
            )
        if bool(self.milestones) != (self.schedule == "steps"):
            raise ValueError(
                f"schedule is {self.schedule!r} and milestones are {list(self.milestones)}: milestones go with the "
                "schedule 'steps' and with no other, as in schedule: steps, milestones: [0.75, 0.875]"
            )
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"milestones are {list(self.milestones)}: they should rise, as in [0.75, 0.875]")
        if self.milestones and self.milestones[0] <= self.warmup:
            raise ValueError(
                f"milestones begin at {self.milestones[0]:g}: they should come after the warm-up, whose share of the "
                f"steps is {self.warmup:g}"
            )
        if "decay" in self.model_fields_set and not self.milestones:
            raise ValueError("decay is given without milestones: it is what the rate is multiplied by at each of them")
        return self

    def length(self, count: int) -> int:
        """Steps in all, where an epoch has `count`."""
        return self.steps or self.epochs * count

    def fields(self, resolved_precision: str) -> dict[str, Any]:
        """What a key holds: what is not at its default, and the precision that `auto` stood for."""
        return self.model_dump(exclude_defaults=True) | {"precision": resolved_precision}

    def summary(self, resolved_precision: str) -> str:
        """One phrase for a table's protocol."""
        smoothing = f", label smoothing {self.label_smoothing:g}" if self.label_smoothing else ""
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        length = f"{self.steps} steps" if self.steps else epochs
        falls = (
            f" x{self.decay:g} at {', '.join(f'{100 * share:g}%' for share in self.milestones)}"
            if self.milestones
            else ""
        )
        probe = "last layer only, " if self.trainable == "head" else ""
        again = (
            f", batch norm estimated again over at least {self.statistics_clips} clips" if self.statistics_clips else ""
        )
        micro = f" as {self.accumulate} x {self.batch // self.accumulate}" if self.accumulate > 1 else ""
        return (
            f"{probe}{length}, batch {self.batch}{micro}, SGD {self.rate:g} momentum {self.momentum:g} "
            f"{self.schedule}{falls} after {self.warmup:.0%} warm-up, "
            f"weight decay {self.weight_decay:g}, dropout {self.dropout:g}{smoothing}{again}, {resolved_precision}"
        )
