"""A process made ready for timing: threads, cores, stream and clock; the network in its runtime, its output checked."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from tradeoff.clip_shape import ClipShape
from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.measure.runtimes import RUNTIMES
from tradeoff.measure.runtimes.base import Deployed, check
from tradeoff.measure.timing.clocks import Clock, EventClock, WallClock, flush
from tradeoff.measure.timing.gpu import require_alone
from tradeoff.measure.timing.load import pin
from tradeoff.measure.timing.subject import TOLERANCE, check_output, subject


def settle(protocol: LatencyProtocol, device: torch.device, ours: Set[int] = frozenset()) -> list[int]:
    """Threads, cores and libraries as the protocol has them; the cores that this process may now use.

    `ours` are processes beside this one and its parent that may use the GPU. Raises InputError where others do.
    """
    cores = pin(protocol.threads)
    torch.set_num_threads(protocol.threads)
    torch.set_num_interop_threads(1)
    if device.type == "cuda":
        require_alone(device, {os.getpid(), os.getppid(), *ours})
        torch.backends.cudnn.benchmark = True
    return cores


@contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """On a GPU everything runs in one stream that is not the default one, which all others wait for."""
    if device.type != "cuda":
        yield
        return
    torch.cuda.set_device(device)  # events are recorded in the current device's stream
    with torch.cuda.stream(torch.cuda.Stream(device)):  # type: ignore[no-untyped-call]
        yield


def clock_of(protocol: LatencyProtocol, device: torch.device) -> Clock:
    before = flush(device) if protocol.cache == "cold" else None
    return EventClock(device, before) if device.type == "cuda" else WallClock(before)


def deploy(
    make: Callable[[], nn.Module], clip: ClipShape, protocol: LatencyProtocol, device: torch.device
) -> tuple[Deployed, Tensor, dict[str, Any]]:
    """What `make` returns in its runtime, its clips on the host, and what deploying and the first pass showed.

    Raises InputError for what the runtime does not have, WrongOutput where its answers are not the network's.
    """
    runtime = RUNTIMES[protocol.runtime]
    check(runtime, protocol, device)
    network, answers = subject(make, clip, protocol.batch, device)
    clips = answers.clips[0]
    started = time.perf_counter()
    deployed = runtime.deploy(network, clips, protocol, device)
    prepared = time.perf_counter() - started
    with torch.inference_mode():
        first = _first_pass_ms(deployed, clips)
        error = check_output(deployed, answers, protocol.precision)
    return (
        deployed,
        clips,
        {
            "prepare_s": prepared,
            "first_pass_ms": first,
            "error": error,
            "tolerance": TOLERANCE[protocol.precision],
            "contrast": answers.contrast,
            "facts": dict(deployed.facts),
        },
    )


def _first_pass_ms(deployed: Deployed, clips: Tensor) -> float:
    """From clips on the host to logits on the host."""
    started = time.perf_counter_ns()
    deployed.fetch(deployed.run(deployed.place(clips)))
    return (time.perf_counter_ns() - started) / 1e6
