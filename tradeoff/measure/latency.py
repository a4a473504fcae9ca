"""How long one batch takes: the median over repeated passes of one fresh process, on a CPU or a CUDA device.

What is timed: the forward pass in eval mode under inference_mode, the clips already on the device in the layout and
precision of the protocol. On CUDA the time is the device's, between two events; on a CPU it is the wall clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tradeoff.clip_shape import PAPER_CLIP, ClipShape
from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.networks import build
from tradeoff.networks.layout import channels_last_3d
from tradeoff.precision import DTYPES, forbid_tf32
from tradeoff.records.statistics import Interval, geometric_mean_interval, median_interval
from tradeoff.variants import Variant

WARM_UP_SECONDS = 1.0
MIN_SAMPLES, MAX_SAMPLES = 20, 2000


@dataclass(frozen=True)
class Latency:
    """Median latency of one batch in one process, milliseconds, with a 95 % interval of that median.

    samples_ms: every timed pass, float32 (n,), in the order they ran.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    method: str
    samples_ms: np.ndarray

    def as_record(self) -> dict[str, Any]:
        return {"median_ms": self.median_ms, "low_ms": self.low_ms, "high_ms": self.high_ms} | {
            "method": self.method,
            "samples": len(self.samples_ms),
        }


def latency(
    variant: Variant | str,
    clip: ClipShape | tuple[int, int, int] | str = PAPER_CLIP,
    protocol: LatencyProtocol | None = None,
    device: str = "cpu",
    **knobs: Any,
) -> Latency:
    """Time a variant with random weights in a fresh process, and wait for it.

    The process is spawned, so a script (not a notebook) must call this under `if __name__ == "__main__":`.
    Raises InputError for an unknown variant; what goes wrong in the process (out of memory) is raised here.
    """
    chosen = Variant.parse(variant, **knobs) if isinstance(variant, str) else variant
    shape = ClipShape.of(clip)
    resolved = resolve_threads(protocol or LatencyProtocol())
    # spawn: a forked process would inherit warm caches and thread pools, and CUDA does not survive a fork.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(time_variant, chosen, shape, resolved, device).result()


def latencies(
    variant: Variant, clip: ClipShape, protocol: LatencyProtocol, device: str = "cpu"
) -> tuple[Interval, int]:
    """`protocol.processes` fresh processes, one after the other: the latency with its interval over processes (of one:
    over its passes), and how many passes were timed in all."""
    timed = [latency(variant, clip, protocol, device) for _ in range(protocol.processes)]
    medians = [each.median_ms for each in timed]
    interval = geometric_mean_interval(medians) if len(medians) > 1 else median_interval(timed[0].samples_ms)
    return interval, sum(len(each.samples_ms) for each in timed)


def resolve_threads(protocol: LatencyProtocol) -> LatencyProtocol:
    """The protocol with the number of threads that PyTorch would choose, where it leaves the choice."""
    return protocol.model_copy(update={"threads": protocol.threads or torch.get_num_threads()})


def time_variant(variant: Variant, clip: ClipShape, protocol: LatencyProtocol, device_name: str) -> Latency:
    """Build a variant and time it in this process."""
    torch.set_num_threads(protocol.threads)
    torch.manual_seed(0)
    forbid_tf32()
    device, dtype = torch.device(device_name), DTYPES[protocol.precision]
    if device.type == "cuda":
        torch.cuda.set_device(device)  # events are recorded in the current device's stream
    layout = getattr(torch, {"contiguous": "contiguous_format"}.get(protocol.layout, protocol.layout))
    network = build(variant).eval().to(device, dtype)  # contiguous, as it is built
    if layout is torch.channels_last_3d:
        channels_last_3d(network)
    clips = torch.rand(protocol.batch, 3, clip.frames, clip.height, clip.width) * 2 - 1
    timer = cuda_events if device.type == "cuda" else wall_clock
    samples = sample(network, clips.to(device, dtype, memory_format=layout), timer, protocol.seconds)
    interval = median_interval(samples)
    return Latency(interval.estimate, interval.low, interval.high, interval.method, samples.astype(np.float32))


Timer = Callable[[Callable[[], object]], float]


def wall_clock(run: Callable[[], object]) -> float:
    """Milliseconds of one call on the CPU."""
    start = time.perf_counter_ns()
    run()
    return (time.perf_counter_ns() - start) / 1e6


def cuda_events(run: Callable[[], object]) -> float:
    """Milliseconds of one call on the current CUDA stream, between two events recorded in it."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    start.record()
    run()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end))


@torch.inference_mode()
def sample(network: nn.Module, clips: Tensor, timer: Timer, seconds: float) -> np.ndarray:
    """float64 (n,) milliseconds of passes timed one by one after warm-up: as many as fit into `seconds`, within
    `MIN_SAMPLES` and `MAX_SAMPLES`."""
    list(_until(lambda: timer(lambda: network(clips)), WARM_UP_SECONDS, 3, MAX_SAMPLES))
    return np.array(list(_until(lambda: timer(lambda: network(clips)), seconds, MIN_SAMPLES, MAX_SAMPLES)))


def _until(once: Callable[[], float], seconds: float, least: int, most: int) -> Iterator[float]:
    end = time.perf_counter() + seconds
    count = 0
    while count < least or (count < most and time.perf_counter() < end):
        yield once()
        count += 1
