"""What a record has to hold, kind by kind, as strictly as records of all ages allow. Fields that are not named here may
be there: what a measurement depends on grows, and its key tells whether it was changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tradeoff.errors import InputError
from tradeoff.records.keys import Kind
from tradeoff.variants import Variant

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
ClipText = Annotated[str, Field(pattern=r"^[1-9][0-9]*x[1-9][0-9]*x[1-9][0-9]*$")]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fields = dict[str, Any]


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _CostDependsOn(_Part):
    variant: Fields
    clip: ClipText
    counter: str


class _TrainingDependsOn(_Part):
    variant: Fields
    clip: ClipText
    data: str
    recipe: Fields
    threads: int = Field(ge=1)
    seed: int
    fold: int = 0


class _AccuracyDependsOn(_Part):
    data: str
    view: Fields
    training: Digest | None = None
    checkpoint: str | None = None
    variant: Fields | None = None
    order: Literal["normal", "reversed"] = "normal"

    @model_validator(mode="after")
    def _of_one_network(self) -> _AccuracyDependsOn:
        if (self.training is None) == (self.checkpoint is None or self.variant is None):
            raise ValueError("is of no network: it names either a training, or a checkpoint and its variant")
        return self


class _LatencyDependsOn(_Part):
    variant: Fields
    clip: ClipText
    batch: int = Field(ge=1)
    layout: str
    runtime: str
    precision: str
    threads: int = Field(ge=1)
    machine: Fields
    source: str
    replicate: Count


class _WeightsDependsOn(_Part):
    checkpoint: str
    method: str


class _CostMeasured(_Part):
    params: Count
    weights: Count
    macs: Count
    activation_bytes: Count


class _Epoch(_Part):
    epoch: int = Field(ge=1)
    loss: float = Field(allow_inf_nan=False)


class _TrainingMeasured(_Part):
    state: Digest
    epochs: list[_Epoch] = Field(min_length=1)


class _AccuracyMeasured(_Part):
    clips: int = Field(ge=1)
    top1: Share
    top5: Share
    unreadable: Count
    view_top1: Share | None = None


class _LatencyMeasured(_Part):
    median_ms: Milliseconds | None = None
    low_ms: Milliseconds | None = None
    high_ms: Milliseconds | None = None
    samples: Count | None = None
    outcome: str | None = None

    @model_validator(mode="after")
    def _time_or_why_not(self) -> _LatencyMeasured:
        if self.median_ms is None and not self.outcome:
            raise ValueError("has neither a time (median_ms) nor an outcome that says why")
        if None not in (interval := (self.low_ms, self.median_ms, self.high_ms)) and sorted(interval) != [*interval]:  # type: ignore[type-var]
            raise ValueError("has its median outside of its interval")
        return self


class _WeightsMeasured(_Part):
    layers: list[Fields] = Field(min_length=1)


class _Layer(_Part):
    unit: str
    macs: Count
    weights: Count
    peak_bytes: Count


class _LayersMeasured(_Part):
    layers: list[_Layer] = Field(min_length=1)


class _About(_Part):
    """Of weights alone, which have seen no clip."""

    name: str
    variant: Fields

    @field_validator("variant")
    @classmethod
    def _is_known(cls, fields: Fields) -> Fields:
        try:
            Variant.from_fields(fields)
        except (InputError, KeyError, TypeError) as error:
            raise ValueError(f"is none that this version knows ({error})") from error
        return fields


class _AboutClips(_About):
    clip: ClipText


class _AboutTraining(_AboutClips):
    data: str
    fold: int
    seed: int | None
    recipe: str
    recipe_key: str


class _AboutAccuracy(_AboutTraining):
    order: Literal["normal", "reversed"]
    view: Fields


class _Made(_Part):
    at: str
    seconds: float | None = Field(None, ge=0)
    code: Fields | None = None
    packages: Fields | None = None
    machine: Fields | None = None
    command: str | None = None

    @field_validator("at")
    @classmethod
    def _is_a_time(cls, at: str) -> str:
        if datetime.fromisoformat(at).tzinfo is None:
            raise ValueError("has no time zone")
        return at


class _Whole(BaseModel):
    """What all records have; the parts that differ by kind are looked at by themselves."""

    model_config = ConfigDict(extra="forbid", strict=True)

    schema_: int = Field(alias="schema")
    kind: Kind
    key: Digest
    depends_on: Fields
    measured: Fields
    about: Fields
    made: _Made
    arrays: str | None


_PARTS: Mapping[Kind, tuple[type[_Part], type[_Part], type[_About]]] = {
    "cost": (_CostDependsOn, _CostMeasured, _AboutClips),
    "training": (_TrainingDependsOn, _TrainingMeasured, _AboutTraining),
    "accuracy": (_AccuracyDependsOn, _AccuracyMeasured, _AboutAccuracy),
    "latency": (_LatencyDependsOn, _LatencyMeasured, _AboutClips),
    "weights": (_WeightsDependsOn, _WeightsMeasured, _About),
    "layers": (_CostDependsOn, _LayersMeasured, _AboutClips),
}


def invalid(kind: Kind, values: Mapping[str, Any]) -> list[str]:
    """What is wrong with a record's values, a sentence each: `measured.top1: Input should be less than or equal to 1
    (it is 39.8)`; none for a record as it should be."""
    found = _wrong(_Whole, values, "")
    for name, model in zip(("depends_on", "measured", "about"), _PARTS[kind], strict=True):
        found += _wrong(model, values.get(name), f"{name}.")
    return list(dict.fromkeys(found))


def _wrong(model: type[BaseModel], values: Any, prefix: str) -> list[str]:
    try:
        model.model_validate(values)
    except ValidationError as error:
        return [_sentence(each, prefix) for each in error.errors(include_url=False)]
    return []


def _sentence(error: Any, prefix: str) -> str:
    place = f"{prefix}{'.'.join(map(str, error['loc']))}".rstrip(".")
    given = error["input"]
    shown = "" if error["type"] in ("missing", "value_error") or isinstance(given, dict) else f" (it is {given!r})"
    return f"{place}: {error['msg'].removeprefix('Value error, ')}{shown}"[:200]
