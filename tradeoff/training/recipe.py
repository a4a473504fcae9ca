"""How a network is trained, as a sweep file says it. No torch here."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["auto", "float32", "bf16", "fp16"]


class Recipe(BaseModel):
    """SGD with momentum. Only what differs from the defaults is part of a training's key, so a released default
    never changes.

    rate: the peak learning rate, for the batch as given. warmup: share of all steps that the rate rises for.
    precision: `auto` is bf16 where the device computes in it (CPUs with AVX512-BF16 or AMX, CUDA GPUs that support
    it), fp16 on other CUDA GPUs, float32 elsewhere.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    epochs: int = Field(3, ge=1, le=10_000)
    batch: int = Field(16, ge=2, le=65_536)
    rate: float = Field(0.02, gt=0, le=100)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(1e-4, ge=0, lt=1)
    schedule: Literal["cosine", "one-cycle"] = "cosine"
    warmup: float = Field(0.2, ge=0, le=0.9)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    dropout: float = Field(0.2, ge=0, lt=1)
    precision: Precision = "auto"

    def fields(self, resolved_precision: str) -> dict[str, Any]:
        """What a key holds: what is not at its default, and the precision that `auto` stood for."""
        return self.model_dump(exclude_defaults=True) | {"precision": resolved_precision}

    def summary(self, resolved_precision: str) -> str:
        """One phrase for a table's protocol."""
        smoothing = f", label smoothing {self.label_smoothing:g}" if self.label_smoothing else ""
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        return (
            f"{epochs}, batch {self.batch}, SGD {self.rate:g} momentum {self.momentum:g} "
            f"{self.schedule} after {self.warmup:.0%} warm-up, "
            f"weight decay {self.weight_decay:g}, dropout {self.dropout:g}{smoothing}, {resolved_precision}"
        )
