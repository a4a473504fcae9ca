"""What is published of a sweep's variants: facts that its file states, to hold measurements against. Never measured
here, in no key, and no part of a frontier."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

Percent = Annotated[float, Field(ge=0, le=100)]
FIGURES = ("top1", "top5", "gmacs")
Facts = Mapping[tuple[str, str], Mapping[str, Any]]
"""By a variant's fields as JSON and the order of the frames: the columns of a row."""


class Fact(BaseModel):
    """One published row: `{variant: S3D-G, top1: 74.7, top5: 93.4, confidence: confirmed, source: Table 2}`.

    variant     one of the sweep's.
    order       of the frames when it was tested, one of the sweep's.
    data        what it was measured on, in words, where that is not just the sweep's data set.
    top1, top5  percent.
    gmacs       1e9 multiply-adds of one clip, as whoever published them counts; finite, as JSON has no infinity.
    confidence  `confirmed`: stands in another publication too; `digest`: read in a digest of the publication only;
                `figure`: read off a plot, approximate.
    source      the table or figure.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    variant: str
    order: Literal["normal", "reversed"] = "normal"
    data: str | None = None
    top1: Percent | None = None
    top5: Percent | None = None
    gmacs: float | None = Field(None, gt=0, le=1e9)
    confidence: Literal["confirmed", "digest", "figure"]
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _says_something(self) -> Fact:
        if all(getattr(self, figure) is None for figure in FIGURES):
            raise ValueError(f"{self.variant} has none of {', '.join(FIGURES)}: give what is published of it")
        return self

    def as_record(self, variant: Mapping[str, Any]) -> dict[str, Any]:
        """What a sweep's entry in a results folder holds; `variant` are the fields of the one that is planned."""
        return self.model_dump(exclude_none=True) | {"variant": variant}


def facts_of(records: Sequence[Mapping[str, Any]]) -> Facts:
    """The columns of the joined table that a sweep's entry gives: fractions and counts, as measured ones are."""
    return {(json.dumps(each["variant"], sort_keys=True), each["order"]): _columns(each) for each in records}


def _columns(fact: Mapping[str, Any]) -> dict[str, Any]:
    where = f", {fact['data']}" if "data" in fact else ""
    return {
        "published_top1": fact.get("top1", np.nan) / 100,
        "published_top5": fact.get("top5", np.nan) / 100,
        "published_macs": fact.get("gmacs", np.nan) * 1e9,
        "published_confidence": fact["confidence"],
        "published_source": f"{fact['source']}{where}",
    }
