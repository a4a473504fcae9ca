"""What is timed, and for how long. No torch here."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class LatencyProtocol(BaseModel):
    """How a latency is measured. `fields()` is part of its key; `seconds` and `processes` say only how often.

    threads: 0 stands for PyTorch's own choice and is resolved before it becomes part of a key.
    seconds: sampling time a process, after warm-up. processes: how many fresh processes, each one record.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    batch: int = Field(1, ge=1, le=65_536)
    precision: Literal["float32", "bf16", "fp16"] = "float32"
    layout: Literal["contiguous", "channels_last_3d"] = "channels_last_3d"
    runtime: Literal["eager"] = "eager"
    threads: int = Field(0, ge=0, le=4096)
    seconds: float = Field(2.0, gt=0, le=3600)
    processes: int = Field(3, ge=1, le=1000)

    def fields(self) -> dict[str, Any]:
        return self.model_dump(exclude={"seconds", "processes"})
