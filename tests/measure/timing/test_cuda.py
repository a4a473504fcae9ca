"""How a pass is captured, with CUDA scripted: no test here needs a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from tradeoff.measure.timing import cuda
from tradeoff.measure.timing.cuda import WARM_UP_PASSES, cuda_facts, graph_replay_ms

GPU = torch.device("cuda", 1)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything that is asked of CUDA, in order."""
    entries: list[str] = []

    class Stream:
        def __init__(self, name: object) -> None:
            self.name = "side" if isinstance(name, torch.device) else name

        def wait_stream(self, other: Stream) -> None:
            entries.append(f"{self.name} waits for {other.name}")

    class Graph:
        def replay(self) -> None:
            entries.append("replay")

    class Clock:
        def __init__(self, device: torch.device) -> None:
            assert device == GPU

        def passes(self, run: object, count: int) -> list[float]:
            for _ in range(count):
                run()  # type: ignore[operator]
            return [float(i) for i in range(count)]

    @contextmanager
    def within(name: str) -> Iterator[None]:
        entries.append(f"enter {name}")
        yield
        entries.append(f"leave {name}")

    monkeypatch.setattr(torch.cuda, "device", lambda device: within(str(device)))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream("current"))
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: within(stream.name))
    monkeypatch.setattr(torch.cuda, "set_stream", lambda stream: None)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph, stream: within(f"capture in {stream.name}"))
    monkeypatch.setattr(cuda, "EventClock", Clock)
    return entries


def test_a_pass_is_warmed_up_in_a_side_stream_captured_once_and_replayed(log: list[str]) -> None:
    assert graph_replay_ms(lambda: log.append("run"), GPU, 3) == [0.0, 1.0, 2.0]
    assert log == [
        "enter cuda:1",
        "side waits for current",
        "enter side",
        *["run"] * WARM_UP_PASSES,
        "leave side",
        "current waits for side",
        "enter capture in side",
        "run",
        "leave capture in side",
        "replay",
        *["replay"] * 3,
        "leave cuda:1",
    ]


def test_what_cannot_be_captured_is_said_in_one_line(log: list[str]) -> None:
    def run() -> None:
        log.append("run")
        if log.count("run") > WARM_UP_PASSES:
            raise ValueError("operation not permitted when stream is capturing\nCUDA kernel errors might be ...")

    with pytest.raises(RuntimeError, match=r"not captured into a CUDA graph: ValueError: operation not .* capturing$"):
        graph_replay_ms(run, GPU, 3)
    assert "replay" not in log


def test_the_settings_are_those_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91002)
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=False):
        facts = cuda_facts(GPU)
    assert facts == {
        "compute_capability": "9.0",
        "cudnn": 91002,
        "cudnn_enabled": True,
        "cudnn_benchmark": True,
        "cudnn_deterministic": False,
        "cudnn_allow_tf32": False,
        "matmul_allow_tf32": torch.backends.cuda.matmul.allow_tf32,
    }
