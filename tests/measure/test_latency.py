"""The protocol around the timer; how long anything takes is asserted nowhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

import tradeoff
from tradeoff.errors import InputError
from tradeoff.measure import latency as module
from tradeoff.measure.environment import machine, provenance, resolve_device, source_digest
from tradeoff.measure.latency import MAX_SAMPLES, MIN_SAMPLES, latencies, sample, wall_clock
from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.variants import Variant

QUICK = LatencyProtocol(seconds=0.01, processes=2, threads=1)


class Counting(nn.Module):
    """Counts its passes and checks that they are inference."""

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert torch.is_inference_mode_enabled()
        self.passes += 1
        return x


def scripted(samples: list[float]) -> Callable[[Callable[[], object]], float]:
    """A timer that runs the pass and says what the script says."""
    script = iter(samples)

    def timer(run: Callable[[], object]) -> float:
        run()
        return next(script)

    return timer


def test_warm_up_is_left_out_and_every_later_pass_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WARM_UP_SECONDS", 0.0)
    network = Counting()
    samples = sample(
        network, torch.zeros(1), scripted([100.0] * 3 + [float(i) for i in range(MIN_SAMPLES)]), seconds=0.0
    )
    assert samples.tolist() == [float(i) for i in range(MIN_SAMPLES)]
    assert network.passes == MIN_SAMPLES + 3


def test_sampling_stops_at_its_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WARM_UP_SECONDS", 0.0)
    assert len(sample(Counting(), torch.zeros(1), lambda run: 1.0, seconds=1e6)) == MAX_SAMPLES


def test_the_wall_clock_counts_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([1_000_000, 3_500_000])
    monkeypatch.setattr(module.time, "perf_counter_ns", lambda: next(ticks))
    assert wall_clock(lambda: None) == 2.5


def test_a_variant_is_timed_in_fresh_processes() -> None:
    variant = Variant.parse("S3D-G", width=0.0625, classes=3)
    once = tradeoff.latency(variant, (8, 32, 32), QUICK)
    assert len(once.samples_ms) >= MIN_SAMPLES
    assert once.median_ms == pytest.approx(float(np.median(once.samples_ms)), rel=1e-6)
    assert once.low_ms <= once.median_ms <= once.high_ms
    interval, passes = latencies(variant, tradeoff.ClipShape(8, 32, 32), QUICK)
    assert interval.low < interval.estimate < interval.high
    assert passes >= 2 * MIN_SAMPLES


def test_threads_are_part_of_the_protocol_once_resolved() -> None:
    assert module.resolve_threads(LatencyProtocol()).fields()["threads"] == torch.get_num_threads()
    assert module.resolve_threads(LatencyProtocol(threads=7)).fields() == {
        "batch": 1,
        "precision": "float32",
        "layout": "channels_last_3d",
        "runtime": "eager",
        "threads": 7,
    }


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:0", "cuda:99", ""])
def test_an_unknown_or_absent_device_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="device"):
        resolve_device(name)


def test_a_record_says_where_it_was_made() -> None:
    cpu = resolve_device("cpu")
    assert machine(cpu)["torch"] == torch.__version__
    assert provenance(cpu)["device"].startswith("cpu ")
    assert len(source_digest()) == 16
