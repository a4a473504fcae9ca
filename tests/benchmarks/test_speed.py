"""How fast the parts are that a sweep spends its time in. `make bench`, on a machine at rest.

pytest-benchmark prints, inside each group, every row's ratio to the fastest of the same run.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from tradeoff import build, cost
from tradeoff.clip_shape import ClipShape
from tradeoff.data import SyntheticData, describe
from tradeoff.data.synthetic import CLASSES, generate
from tradeoff.precision import autocast
from tradeoff.records.table import load_results

CPU = torch.device("cpu")
REFERENCE = Path(__file__).resolve().parents[2] / "results" / "reference"


@pytest.mark.benchmark(group="training step, 16 clips of 16x64x64, width 0.25")
@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("layout", ["contiguous_format", "channels_last_3d"])
@pytest.mark.parametrize("name", ["I2D", "S3D", "I3D"])
def test_training_step(benchmark: BenchmarkFixture, name: str, layout: str, precision: str) -> None:
    network = build(name, width=0.25, classes=16).to(memory_format=getattr(torch, layout)).train()
    optimiser = torch.optim.SGD(network.parameters(), 0.02, momentum=0.9, foreach=True)
    clips = torch.rand(16, 3, 16, 64, 64).to(memory_format=getattr(torch, layout))
    labels = torch.arange(16)

    def step() -> None:
        with autocast(CPU, precision):
            loss = torch.nn.functional.cross_entropy(network(clips), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    benchmark.extra_info["clips"] = 16
    benchmark.pedantic(step, rounds=8, warmup_rounds=2)


@pytest.mark.benchmark(group="generate 64 clips of 16x72x72")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("task", list(CLASSES))
def test_generate(benchmark: BenchmarkFixture, task: str, workers: int) -> None:
    out = np.empty((64, 16, 72, 72, 3), np.uint8)
    benchmark.pedantic(
        lambda: generate(task, 32, 32, 0, (16, 72, 72), out, lambda done, total: None, workers), rounds=5
    )


@pytest.mark.benchmark(group="count a network on the meta device, 64x224x224")
@pytest.mark.parametrize("name", ["I3D", "S3D-G"])
def test_cost(benchmark: BenchmarkFixture, name: str) -> None:
    benchmark(cost, name)


@pytest.mark.benchmark(group="describe generated data")
def test_describe(benchmark: BenchmarkFixture) -> None:
    benchmark(describe, SyntheticData(synthetic="motion"), ClipShape(16, 64, 64))


@pytest.mark.benchmark(group="join the committed records")
def test_join(benchmark: BenchmarkFixture) -> None:
    benchmark(load_results, REFERENCE)
