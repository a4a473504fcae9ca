"""The yardstick and the roofline, on a clock that says what the test says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from tradeoff.measure.layers import Layer
from tradeoff.measure.timing import yardstick as module
from tradeoff.measure.timing.roofline import roofline
from tradeoff.measure.timing.yardstick import Yardstick, yardstick


class Clock:
    """Each pass takes 2 ms, whatever it does."""

    def passes(self, run: Callable[[], object], count: int) -> list[float]:
        run()
        return [2.0] * count


def layer(macs: int, moved: int) -> Layer:
    return Layer("a", {"convolution": macs}, (1, 1), None, 0, 0, moved)


def test_rates_are_work_over_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.SIDE, "cpu", 64)
    monkeypatch.setitem(module.COPIED, "cpu", 10_000)
    monkeypatch.setattr(module, "SECONDS", 0.0)
    found = yardstick("bf16", torch.device("cpu"), Clock())
    assert found.gflops == pytest.approx(2 * 64**3 / 0.002 / 1e9)
    assert found.copy_gb_s == pytest.approx(2 * 10_000 / 0.002 / 1e9)
    assert (found.matrix, found.precision) == (64, "bf16")


def test_a_network_on_the_roofline_by_hand() -> None:
    """At 100 Gflop/s and 10 GB/s: 1 G multiply-adds take 20 ms, 50 MB 5 ms; 1 M multiply-adds 0.02 ms, 400 MB 40 ms."""
    layers = [layer(10**9, 50_000_000), layer(10**6, 400_000_000)]
    found = roofline(layers, 1, 100.0, Yardstick(100.0, 10.0, 2048, "float32"))
    assert found.arithmetic_ms == pytest.approx(20.02)
    assert found.fraction == pytest.approx(0.2002)
    assert found.bound_ms == pytest.approx(60.0)
    assert found.bound == "memory"
    assert found.intensity == pytest.approx(2 * 1_001_000_000 / 450_000_000)
    assert found.ridge == pytest.approx(10.0)


def test_half_the_bytes_a_number_and_a_batch() -> None:
    whole = roofline([layer(10**9, 400_000_000)], 1, 10.0, Yardstick(100.0, 10.0, 2048, "float32"))
    half = roofline([layer(10**9, 400_000_000)], 2, 10.0, Yardstick(100.0, 10.0, 2048, "bf16"))
    assert (whole.bound_ms, whole.bound) == (pytest.approx(40.0), "memory")
    assert (half.bound_ms, half.bound) == (pytest.approx(40.0), "compute")
    assert half.intensity == pytest.approx(2 * whole.intensity)
