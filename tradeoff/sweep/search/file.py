"""What a sweep file's `search:` may say."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from tradeoff.training.recipe import Recipe
from tradeoff.variants import Variant, unit_choices

Cost = Literal["macs", "params", "latency_ms"]
Sampler = Literal["grid", "random", "nsga2", "tpe"]
Objectives = tuple[Literal["top1"], Cost]
Epochs = Annotated[int, Field(strict=True, ge=1, le=10_000)]


def _number(value: Any) -> Any:
    """YAML takes `2e8`, which has no point, for text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


_Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
Limit = Annotated[_Positive | None, BeforeValidator(_number)]


class Limits(BaseModel):
    """The most that a candidate may cost.

    macs        multiply-adds of a clip, a count.
    params      parameters, a count.
    latency_ms  milliseconds a batch.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    macs: Limit = None
    params: Limit = None
    latency_ms: Limit = None

    def given(self) -> dict[Cost, float]:
        return self.model_dump(exclude_none=True)  # type: ignore[return-value]


class Halving(BaseModel):
    """Short trainings before the sweep's own: `{epochs: [1, 3], keep: 0.34}`.

    All candidates of a batch that are within the limits train for the first number of epochs, the best share of them
    for the next, and the best share of those by the sweep's own recipe. Each training is whole, with a schedule of its
    own. Best are those that no other beats in both objectives, then those that only these beat, and so on; within
    such a set, those that have the most room around them.

    epochs  of the short trainings, rising.
    keep    the share of the candidates that goes on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: tuple[Epochs, ...] = Field(min_length=1)
    keep: float = Field(strict=True, gt=0, lt=1)

    @field_validator("epochs")
    @classmethod
    def _rising(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if list(value) != sorted(set(value)):
            raise ValueError("should rise, as in [1, 3]")
        return value


class Search(BaseModel):
    """Which candidates are proposed, and which of them train.

    units       the pattern of an entry of `variants`, here over all 3^11 networks if need be.
    width       widths to choose from, instead of the sweep's.
    gating      `[false, true]` to choose it too.
    sampler     `grid`: neighbouring units choose together, the finest grid of at most `trials` points, in random
                order. The others are Optuna's: `random`, `nsga2` (its population is a batch), `tpe`.
    objectives  top-1 and one of macs, params and latency_ms.
    within      limits; a candidate over one of them is rejected before it trains.
    trials      candidates proposed by each search, rejected ones among them; one that is proposed again counts once.
    batch       how many are proposed before the sampler hears of any: they may be measured in any order, at once.
    seeds       of the sampler: a search each. Trainings have the sweep's `seeds`.
    halving     short trainings first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    units: str
    width: tuple[Annotated[float, Field(strict=True)], ...] = ()
    gating: tuple[Annotated[bool, Field(strict=True)], ...] = Field((False,), min_length=1)
    sampler: Sampler = "nsga2"
    objectives: tuple[Literal["top1"], Cost] = ("top1", "macs")
    within: Limits = Limits()
    trials: int = Field(40, strict=True, ge=1, le=100_000)
    batch: int = Field(8, strict=True, ge=2, le=10_000)
    seeds: tuple[Annotated[int, Field(strict=True, ge=0, lt=2**32)], ...] = Field((0,), min_length=1)
    halving: Halving | None = None

    @field_validator("units")
    @classmethod
    def _known(cls, value: str) -> str:
        unit_choices(value)
        return value

    @field_validator("objectives", mode="before")
    @classmethod
    def _two(cls, value: Any) -> Any:
        known = ("macs", "params", "latency_ms")
        if not (isinstance(value, list | tuple) and len(value) == 2 and value[0] == "top1" and value[1] in known):
            raise ValueError("should be top1 and one of macs, params and latency_ms, as in [top1, macs]")
        return value

    @field_validator("width", "gating", "seeds")
    @classmethod
    def _each_once(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if twice := [each for each in value if value.count(each) > 1]:
            raise ValueError(f"{twice[0]!r} is named twice: name each once")
        return value

    @model_validator(mode="after")
    def _possible(self) -> Search:
        for width in self.width:
            Variant.parse("I3D", width=width)
        return self

    @property
    def cost(self) -> Cost:
        """The objective beside top-1."""
        return self.objectives[1]

    @property
    def timed(self) -> bool:
        """Whether a candidate's latency decides on anything."""
        return self.cost == "latency_ms" or self.within.latency_ms is not None

    def check(self, given: Collection[str], train: Recipe | None, latency: Any) -> None:
        """Raises ValueError where the rest of the sweep does not go with it; `given` are the keys that the file has."""
        if "data" not in given or train is None:
            raise ValueError("search is given without trainings: name data and a recipe (train: ...)")
        if "weights" in given and "variants" not in given:
            raise ValueError("search is given with weights and without variants: name the network that they are of")
        if self.timed and latency is None:
            raise ValueError("search names latency_ms and latency is none: say how it is measured (latency: ...)")
        if self.halving and train.steps is None and self.halving.epochs[-1] >= train.epochs:
            raise ValueError(
                f"search.halving.epochs ends at {self.halving.epochs[-1]}: the rungs before the whole training should "
                f"be shorter than train.epochs, which is {train.epochs}"
            )
