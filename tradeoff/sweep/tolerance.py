"""What a sweep file puts up with: how often a measurement may fail, and how long it may take."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Retries(BaseModel):
    """How often a measurement is tried again, in one run, after it failed in that way; another run tries what failed
    anew.

    out_of_memory  each time on fewer clips at once: a training in twice as many micro-batches (which makes it another
                   record: its batch norm sees fewer clips), a test on half of the clips.
    died           its process ended, killed perhaps.
    error          anything else that went wrong.
    diverged       the loss of a training was no longer finite.
    timeout        it took longer than `timeout` allows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    out_of_memory: int = Field(3, ge=0, le=16)
    died: int = Field(1, ge=0, le=100)
    error: int = Field(0, ge=0, le=100)
    diverged: int = Field(0, ge=0, le=100)
    timeout: int = Field(0, ge=0, le=100)

    def of(self, how: str) -> int:
        """`how`: as `tradeoff.sweep.failures.How` names it."""
        return int(getattr(self, how.replace(" ", "_")))


Seconds = Annotated[float, Field(gt=0, le=1e8, allow_inf_nan=False)]


class Timeout(BaseModel):
    """Seconds that one measurement of a kind may take before it is ended and counts as failed; without, no limit.

    cost      counting what a network costs.
    training  one training, of one seed and fold.
    accuracy  one test of one training.
    latency   one process.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    cost: Seconds | None = None
    training: Seconds | None = None
    accuracy: Seconds | None = None
    latency: Seconds | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_all(cls, value: Any) -> Any:
        """One number is of every kind."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return dict.fromkeys(cls.model_fields, value) if is_number else value

    def of(self, kind: str) -> float | None:
        seconds: float | None = getattr(self, kind, None)
        return seconds
