"""How long one batch takes: fresh processes, each of which warms up until it is steady and times until it is sure.

What is timed, and how, is in `tradeoff.measure.timing`; what executes it in `tradeoff.measure.runtimes`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from tradeoff.clip_shape import PAPER_CLIP, ClipShape
from tradeoff.errors import InputError
from tradeoff.measure.environment import resolve_device
from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.measure.runtimes import RUNTIMES
from tradeoff.measure.runtimes.base import check
from tradeoff.measure.timing.fresh_process import TimingFailed, in_fresh_process
from tradeoff.measure.timing.process import (
    MEASURED,
    OUT_OF_MEMORY,
    Measured,
    is_out_of_memory,
    time_throughput,
    time_variant,
)
from tradeoff.variants import Variant


@dataclass(frozen=True)
class Latency:
    """What one process measured of one batch, milliseconds; with a 95 % interval of the median of its passes.

    values: everything that goes on the record; `outcome` is `measured` or `out of memory`, which has no figures (NaN).
    arrays: every pass, float32 (n,) a series, in the order they ran: `samples_ms` are those that count for the median.
    """

    values: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]

    @property
    def outcome(self) -> str:
        return str(self.values["outcome"])

    @property
    def median_ms(self) -> float:
        return float(self.values.get("median_ms", np.nan))

    @property
    def low_ms(self) -> float:
        return float(self.values.get("low_ms", np.nan))

    @property
    def high_ms(self) -> float:
        return float(self.values.get("high_ms", np.nan))

    def summary(self) -> str:
        """For people, while it is being measured."""
        if self.outcome != MEASURED:
            return self.outcome
        steady = "" if self.values["steady"] else ", never steady"
        return f"{self.median_ms:.3g} ms [{self.low_ms:.3g}, {self.high_ms:.3g}]{steady}"

    @property
    def samples_ms(self) -> np.ndarray:
        return self.arrays.get("samples_ms", np.empty(0, np.float32))


def latency(
    variant: Variant | str,
    clip: ClipShape | tuple[int, int, int] | str = PAPER_CLIP,
    protocol: LatencyProtocol | None = None,
    device: str = "cpu",
    *,
    beside: bool = True,
    **knobs: Any,
) -> Latency:
    """Time a variant with random weights in one fresh process, and wait for it; `tradeoff.latency("S3D").median_ms`.

    With `beside`, so is what does not change from one process to the next: which convolutions ran, replay as a CUDA
    graph, and throughput at the protocol's other batch sizes, in a process each.
    The process is spawned, so a script (not a notebook) must call this under `if __name__ == "__main__":`.
    Raises InputError for an unknown variant or device and for what the runtime does not have; TimingFailed for what
    goes wrong in the process, such as an answer that is not the network's.
    """
    chosen = Variant.parse(variant, **knobs) if isinstance(variant, str) else variant
    shape = ClipShape.of(clip)
    resolved = resolve_threads(protocol or LatencyProtocol())
    where = resolve_device(device)
    chosen.check_clip(shape.frames, shape.height, shape.width)
    check(RUNTIMES[resolved.runtime], resolved, where)
    if where.type == "cuda":
        torch.cuda.empty_cache()  # what a training here has left is not the process's to use
    try:
        measured: Measured = in_fresh_process(time_variant, chosen, shape, resolved, str(where), beside)
    except MemoryError as error:
        return Latency({"outcome": OUT_OF_MEMORY, "said": str(error)}, {})
    if measured.values["outcome"] != MEASURED or not beside:
        return Latency(measured.values, measured.arrays)
    own = {"clips_per_second": measured.values["clips_per_second"]}
    rates = [{"batch": resolved.batch, **own, "peak_bytes": measured.values["memory"]["peak_bytes"]}]
    rates += [_throughput(chosen, shape, resolved, batch, str(where)) for batch in resolved.throughput]
    return Latency({**measured.values, "throughput": rates}, measured.arrays)


@dataclass
class Timing:
    """A variant under one protocol: what each process measured, or why one could not (`failure`, in words)."""

    variant: Variant
    protocol: LatencyProtocol
    processes: list[Latency] = field(default_factory=list)
    failure: str | None = None


class Spacing:
    """Keeps the processes of one setting of one variant apart, by its protocol's `spacing`."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._begun: dict[tuple[LatencyProtocol, Variant], float] = {}

    def wait(self, protocol: LatencyProtocol, variant: Variant) -> None:
        """Until the setting's next process may begin; the first one may at once."""
        begun = self._begun.get((protocol, variant))
        if begun is not None and (rest := begun + protocol.spacing - self._clock()) > 0:
            self._sleep(rest)
        self._begun[protocol, variant] = self._clock()


def latencies(
    variants: Sequence[Variant],
    protocols: Sequence[LatencyProtocol],
    clip: ClipShape,
    device: str = "cpu",
    report: Callable[[str], None] = lambda line: None,
) -> list[Timing]:
    """Every variant under every protocol, each in its `processes` fresh processes.

    Round by round, so that the processes of one are spread over the whole time that it takes. What fails, or is out of
    memory, is not tried again. `report` hears a line a process.
    """
    timings = [Timing(variant, resolve_threads(protocol)) for protocol in protocols for variant in variants]
    spaced = Spacing()
    for replicate in range(max(protocol.processes for protocol in protocols)):
        for timing in timings:
            ended = timing.failure or (timing.processes and timing.processes[-1].outcome != MEASURED)
            if not ended and replicate < timing.protocol.processes:
                spaced.wait(timing.protocol, timing.variant)
                said = _time_once(timing, clip, device, beside=replicate == 0)
                report(f"{timing.variant.name} {timing.protocol}, process {replicate + 1}: {said}")
    return timings


def _time_once(timing: Timing, clip: ClipShape, device: str, beside: bool) -> str:
    try:
        timing.processes.append(latency(timing.variant, clip, timing.protocol, device, beside=beside))
    except InputError:
        raise
    except Exception as error:
        timing.failure = reason(error)
        return timing.failure
    return timing.processes[-1].summary()


def reason(error: Exception) -> str:
    """Why a timing failed, in one line."""
    name = "" if isinstance(error, TimingFailed) else f"{type(error).__name__}: "
    return f"{name}{error}".partition("\n")[0]


def resolve_threads(protocol: LatencyProtocol) -> LatencyProtocol:
    """The protocol with the number of threads that PyTorch would choose, where it leaves the choice."""
    return protocol.model_copy(update={"threads": protocol.threads or torch.get_num_threads()})


def _throughput(
    variant: Variant, clip: ClipShape, protocol: LatencyProtocol, batch: int, device: str
) -> dict[str, Any]:
    at = protocol.model_copy(update={"batch": batch})
    try:
        return dict(in_fresh_process(time_throughput, variant, clip, at, device))
    except Exception as error:  # a batch that cannot be measured does not undo the latency
        said = OUT_OF_MEMORY if is_out_of_memory(error) else f"failed: {str(error).partition(chr(10))[0]}"
        return {"batch": batch, "outcome": said}
