"""What is timed, under which conditions, and for how long. No torch here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from tradeoff.setting_names import Layout, Precision, Runtime

ALL = "all"

_SHORT = BeforeValidator(lambda value: "float32" if value == "fp32" else value)
Batch = Annotated[int, Field(ge=1, le=65_536)]


class Conditions(BaseModel):
    """What a sweep's latencies have in common, whatever runtime, precision, layout and batch they are of.

    threads     of the CPU, pinned to as many cores; 0 stands for PyTorch's own choice and is resolved before it
                becomes part of a key.
    cache       `warm`, as in a loop that does nothing else; `cold`, with the processor's caches overwritten before
                each pass.
    views       of a video, clips x crops, `10x3`: time per video is that many views.
    target      sampling ends when the interval of a process's median is within this fraction of it.
    seconds     sampling ends when this much time is spent; warm-up may take as much again.
    processes   how many fresh processes, each one record. One is a quick look.
    spacing     seconds at least from one process of a setting to its next. A machine is slower for minutes at a time,
                and processes in a row share that: their interval would say nothing about a quarter of an hour later.
    throughput  other batch sizes whose throughput and memory are on the record of the first process too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    threads: int = Field(0, ge=0, le=4096)
    cache: Literal["warm", "cold"] = "warm"
    views: str = Field("1x1", pattern=r"^[1-9][0-9]{0,3}x[1-9][0-9]{0,3}$")
    target: float = Field(0.01, gt=0, lt=1)
    seconds: float = Field(10.0, gt=0, le=3600)
    processes: int = Field(8, ge=1, le=1000)
    spacing: float = Field(60.0, ge=0, le=3600)
    throughput: Annotated[tuple[Batch, ...], Field(strict=False)] = (4,)

    @property
    def views_per_video(self) -> int:
        clips, crops = self.views.split("x")
        return int(clips) * int(crops)


class LatencyProtocol(Conditions):
    """How one latency is measured: a point on each of the axes. `fields()` is part of its key; `processes` and
    `spacing` say only how often, and `throughput` is part of the key of the first process alone."""

    runtime: Runtime = "eager"
    precision: Annotated[Precision, _SHORT] = "float32"
    layout: Layout = "channels_last_3d"
    batch: Batch = 1

    def fields(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in ("batch", "precision", "layout", "runtime", "threads")}
        unusual = {name: getattr(self, name) for name in ("cache", "views", "target", "seconds")}
        defaults = type(self).model_fields
        return values | {name: value for name, value in unusual.items() if value != defaults[name].default}

    def __str__(self) -> str:
        batch = f" batch {self.batch}" if self.batch > 1 else ""
        return f"{self.runtime} {self.precision} {self.layout}{batch}"


def _listed(value: Any) -> Any:
    """One value is a list of one."""
    return value if isinstance(value, list | tuple) else (value,)


class LatencyAxes(Conditions):
    """The `latency` section of a sweep: each axis is one value, a list, or `all`; every combination is measured that
    its runtime has.

    runtime    what executes the network.
    precision  of weights and pixels; `fp32` is `float32`.
    layout     how a clip lies in memory; `auto` is the one that each runtime is at its best with.
    batch      clips a pass.
    """

    runtime: Annotated[
        tuple[Literal[Runtime, "all"], ...], BeforeValidator(_listed), Field(strict=False, min_length=1)
    ] = ("eager",)
    precision: Annotated[
        tuple[Annotated[Literal[Precision, "all"], _SHORT], ...],
        BeforeValidator(_listed),
        Field(strict=False, min_length=1),
    ] = ("float32",)
    layout: Annotated[
        tuple[Literal[Layout, "all", "auto"], ...], BeforeValidator(_listed), Field(strict=False, min_length=1)
    ] = ("auto",)
    batch: Annotated[tuple[Batch, ...], BeforeValidator(_listed), Field(strict=False, min_length=1)] = (1,)

    @field_validator("runtime", "precision", "layout", "batch")
    @classmethod
    def _each_once(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        twice = [entry for entry in value if value.count(entry) > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} is named twice: name each once")
        if len(value) > 1 and {ALL, "auto"} & set(value):
            raise ValueError(f"{'all' if ALL in value else 'auto'!r} is named beside other values: leave those out")
        return value

    def at(self, runtime: str, precision: str, layout: str, batch: int) -> LatencyProtocol:
        """One point on the axes, under the same conditions."""
        shared = {name: getattr(self, name) for name in Conditions.model_fields}
        return LatencyProtocol(runtime=runtime, precision=precision, layout=layout, batch=batch, **shared)  # type: ignore[arg-type]
