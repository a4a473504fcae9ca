"""What one fresh process measures: a variant in one runtime, precision, layout and batch."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from tradeoff.clip_shape import ClipShape
from tradeoff.errors import InputError
from tradeoff.measure.cost import cost
from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.measure.runtimes.base import Deployed
from tradeoff.measure.timing.clocks import Clock, WallClock, cache_bytes, flush
from tradeoff.measure.timing.convolutions import convolution_backends, fallback
from tradeoff.measure.timing.cuda import cuda_facts, graph_replay_ms
from tradeoff.measure.timing.deployment import clock_of, deploy, own_stream, settle
from tradeoff.measure.timing.gpu import GpuWatch, other_processes
from tradeoff.measure.timing.load import LoadWatch, PeakMemory
from tradeoff.measure.timing.roofline import roofline
from tradeoff.measure.timing.sampling import Series, sample
from tradeoff.measure.timing.yardstick import Yardstick, yardstick
from tradeoff.networks import build
from tradeoff.records.statistics import Interval, median_interval, percentiles
from tradeoff.variants import Variant

MEASURED, OUT_OF_MEMORY = "measured", "out of memory"
IN_TIMED_REGION = {
    "device": "the forward pass; clips are on the device in the runtime's precision and layout already",
    "host": "float32 clips in host memory to float32 logits in host memory, the forward pass between",
}
_TORCH_RUNTIMES = ("eager", "compile", "compile-frozen")  # whose operators PyTorch's profiler sees
_NO_MEMORY = ("outofmemory", "cantallocatememory", "badalloc", "failedtoallocate", "allocfailed", "memoryallocation")
_THROUGHPUT_SECONDS, _THROUGHPUT_PASSES = 1.0, 3
_GRAPH_REPLAYS = 50


@dataclass(frozen=True)
class Measured:
    """What a process found: plain values for the record, and every pass, milliseconds, float32 (n,) a series."""

    values: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


def time_variant(
    variant: Variant, clip: ClipShape, protocol: LatencyProtocol, device_name: str, beside: bool = True
) -> Measured:
    """Build a variant, deploy it, check its output and time it, all in this process; see `latency` for `beside`.

    Running out of memory is a finding; anything else that goes wrong is raised (WrongOutput, InputError).
    """
    device = torch.device(device_name)
    try:
        with own_stream(device):
            return _time(variant, clip, protocol, device, beside)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return Measured({"outcome": OUT_OF_MEMORY, "said": str(error).partition("\n")[0][:300]}, {})


def time_throughput(variant: Variant, clip: ClipShape, protocol: LatencyProtocol, device_name: str) -> dict[str, Any]:
    """Clips a second and peak memory at the protocol's batch size, from a few passes after one."""
    device = torch.device(device_name)
    try:
        with own_stream(device), torch.inference_mode():
            settle(protocol, device)
            deployed, clips, _ = deploy(partial(build, variant), clip, protocol, device)
            placed, clock = deployed.place(clips), clock_of(protocol, device)
            memory = _reset_memory(device)
            taken: list[float] = []
            end = time.perf_counter() + _THROUGHPUT_SECONDS
            clock.passes(lambda: deployed.run(placed), 1)
            while len(taken) < _THROUGHPUT_PASSES or time.perf_counter() < end:
                taken += clock.passes(lambda: deployed.run(placed), 1)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return {"batch": protocol.batch, "outcome": OUT_OF_MEMORY}
    rate = 1e3 * protocol.batch / float(np.median(taken))
    return {
        "batch": protocol.batch,
        "clips_per_second": rate,
        "passes": len(taken),
        "peak_bytes": _peak(memory, protocol, device),
    }


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, by whichever library's name for it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = re.sub(r"[^a-z]", "", str(error).lower())
    return any(words in said for words in _NO_MEMORY)


def _time(variant: Variant, clip: ClipShape, protocol: LatencyProtocol, device: torch.device, beside: bool) -> Measured:
    cores = settle(protocol, device)
    base = _reset_memory(device).bytes()
    deployed, clips, known = deploy(partial(build, variant), clip, protocol, device)
    clock = clock_of(protocol, device)
    with torch.inference_mode():
        placed = deployed.place(clips)
        memory = _reset_memory(device)
        with LoadWatch() as load, _gpu_watch(device) as gpu:
            passes = sample(_passes(clock, lambda: deployed.run(placed)), protocol.target, protocol.seconds)
            whole = sample(  # the same passes and some copying: half the effort
                _passes(_host_clock(protocol, device), lambda: deployed.fetch(deployed.run(deployed.place(clips)))),
                2 * protocol.target,
                protocol.seconds / 2,
            )
        peak = _peak(memory, protocol, device)
        machine = _yardstick(protocol, device)
        looked_at = _beside(deployed, placed, protocol, device) if beside else {}
    values = _figures(passes, whole, protocol) | known | {"load": load.as_record()} | gpu | looked_at
    values |= {"cores": cores, "timed": IN_TIMED_REGION}
    values |= {"memory": {"peak_bytes": peak, "base_bytes": base, "of": memory.method}}
    values |= _standing(variant, clip, protocol, values["median_ms"], machine)
    arrays = {"samples_ms": passes.samples, "warm_up_ms": passes.warm_up}
    arrays |= {"host_samples_ms": whole.samples, "host_warm_up_ms": whole.warm_up}
    return Measured(values, {name: series.astype(np.float32) for name, series in arrays.items()})


def _host_clock(protocol: LatencyProtocol, device: torch.device) -> Clock:
    if protocol.cache == "warm":
        return WallClock()
    overwrite = flush(device)

    def before() -> None:
        overwrite()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return WallClock(before)


def _peak(memory: PeakMemory, protocol: LatencyProtocol, device: torch.device) -> int | None:
    """Without the buffers that overwrite caches; None on a GPU where PyTorch did not allocate what the runtime took."""
    if device.type == "cuda" and protocol.runtime not in _TORCH_RUNTIMES:
        return None
    return memory.bytes() - (2 * 2 * cache_bytes(device) if protocol.cache == "cold" else 0)


def _yardstick(protocol: LatencyProtocol, device: torch.device) -> Yardstick | None:
    """None where there is no memory left for it, which is no reason to lose the latency."""
    try:
        return yardstick(protocol.precision, device, clock_of(protocol, device))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return None


def _passes(clock: Clock, run: Callable[[], object]) -> Callable[[int], list[float]]:
    return lambda count: clock.passes(run, count)


def _reset_memory(device: torch.device) -> PeakMemory:
    memory = PeakMemory(device)
    memory.reset()
    return memory


@contextmanager
def _gpu_watch(device: torch.device) -> Iterator[dict[str, Any]]:
    """What NVML saw during the passes, once they are over; nothing on a CPU."""
    found: dict[str, Any] = {}
    if device.type != "cuda":
        yield found
        return
    with GpuWatch(device) as watch:
        yield found
    found["gpu"] = watch.as_record() | {"other_processes": other_processes(device, {os.getpid(), os.getppid()})}


def _beside(deployed: Deployed, placed: Any, protocol: LatencyProtocol, device: torch.device) -> dict[str, Any]:
    """What is looked at after the timing, since looking would disturb it."""
    found: dict[str, Any] = {}
    if protocol.runtime in _TORCH_RUNTIMES:
        backends = convolution_backends(lambda: deployed.run(placed), device.type)
        found["convolutions"] = backends
        if note := fallback(backends, device.type):
            found["note"] = note
    if device.type == "cuda":
        found["cuda"] = cuda_facts(device)
        if protocol.runtime in _TORCH_RUNTIMES:
            found["graph"] = _graph(deployed, placed, device)
    return found


def _graph(deployed: Deployed, placed: Any, device: torch.device) -> dict[str, Any]:
    """A captured pass has no launches on the host: where it is much faster, launches are what took the time."""
    try:
        return {"median_ms": float(np.median(graph_replay_ms(lambda: deployed.run(placed), device, _GRAPH_REPLAYS)))}
    except RuntimeError as error:
        return {"failed": str(error).splitlines()[0]}


def _figures(passes: Series, whole: Series, protocol: LatencyProtocol) -> dict[str, Any]:
    device, host = median_interval(passes.samples), median_interval(whole.samples)
    return {
        "outcome": MEASURED,
        **_interval(device, passes),
        "method": device.method,
        "percentiles_ms": {str(p): value for p, value in percentiles(passes.samples).items()},
        "host": _interval(host, whole),
        "video": {"views": protocol.views, "ms": host.estimate * protocol.views_per_video / protocol.batch},
        "clips_per_second": 1e3 * protocol.batch / device.estimate,
        "cache": protocol.cache,
    }


def _interval(interval: Interval, series: Series) -> dict[str, Any]:
    return {
        "median_ms": interval.estimate,
        "low_ms": interval.low,
        "high_ms": interval.high,
        "samples": len(series.samples),
        "warm_up": len(series.warm_up),
        "steady": series.steady,
    }


def _standing(
    variant: Variant, clip: ClipShape, protocol: LatencyProtocol, latency_ms: float, machine: Yardstick | None
) -> dict[str, Any]:
    """The yardstick, and the latency measured by it; without the latter where an operator has no count."""
    if machine is None:
        return {"yardstick": {"unknown": OUT_OF_MEMORY}, "roofline": {"unknown": OUT_OF_MEMORY}}
    values: dict[str, Any] = {"yardstick": machine.as_record()}
    try:
        layers = cost(variant, clip).layers
    except InputError as error:
        return values | {"roofline": {"unknown": str(error)}}
    return values | {"roofline": roofline(layers, protocol.batch, latency_ms, machine).as_record()}
