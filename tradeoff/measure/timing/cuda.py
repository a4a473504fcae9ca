"""What only CUDA has: a pass replayed as one CUDA graph, and the settings that a latency there depends on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tradeoff.measure.timing.clocks import EventClock

WARM_UP_PASSES = 3  # cuDNN, cuBLAS and the allocator settle before a capture, which forbids what they do at first


def graph_replay_ms(run: Callable[[], object], device: torch.device, count: int) -> list[float]:
    """Milliseconds of each of `count` replays of one pass that was captured into a CUDA graph: the device without
    the launches from Python. `run` has to read the same memory in each pass.

    Raises RuntimeError where a pass cannot be captured; the current stream can be used on.
    """
    with torch.cuda.device(device):
        graph = _capture(run, device)
        graph.replay()  # the first one also brings the graph to the device
        return EventClock(device).passes(graph.replay, count)


def _capture(run: Callable[[], object], device: torch.device) -> torch.cuda.CUDAGraph:
    """Warm up in a side stream, as PyTorch's notes on CUDA graphs ask for, and capture in the same."""
    current = torch.cuda.current_stream(device)
    side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    graph = torch.cuda.CUDAGraph()
    try:
        side.wait_stream(current)
        with torch.cuda.stream(side):
            for _ in range(WARM_UP_PASSES):
                run()
        current.wait_stream(side)
        # Named, since the stream that `graph` takes by default stays on the device of the first capture.
        with torch.cuda.graph(graph, stream=side):
            run()
    except Exception as error:  # whatever a network does that a capture forbids
        torch.cuda.set_stream(current)  # a capture that cannot be ended leaves its own
        said = str(error).strip().splitlines() or [""]
        raise RuntimeError(f"not captured into a CUDA graph: {type(error).__name__}: {said[0]}") from error
    return graph


def cuda_facts(device: torch.device) -> dict[str, Any]:
    """What a record says of a CUDA device's settings as they are now; the driver's version is with `GpuWatch`."""
    major, minor = torch.cuda.get_device_capability(device)
    return {
        "compute_capability": f"{major}.{minor}",
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        "cudnn_enabled": torch.backends.cudnn.enabled,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "cudnn_deterministic": torch.backends.cudnn.deterministic,
        "cudnn_allow_tf32": torch.backends.cudnn.allow_tf32,
        "matmul_allow_tf32": torch.backends.cuda.matmul.allow_tf32,
    }
