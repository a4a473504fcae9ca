"""How fast our networks are beside others' implementations of them, and what the best runtime makes of them.

16x224x224, batch 1. `make bench`, on a machine at rest; the ratios are printed at the end.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from released_i3d import ReleasedI3D
from torch import Tensor, nn
from torchvision.models.video import s3d

from tradeoff import build, cost
from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.measure.runtimes import RUNTIMES
from tradeoff.measure.runtimes.base import Deployed, refusal
from tradeoff.measure.timing.subject import TOLERANCE, error_of
from tradeoff.networks.layout import channels_last_3d
from tradeoff.precision import DTYPES

CPU = torch.device("cpu")
CLIP = (16, 224, 224)
ROUNDS, WARM_UP = 12, 4
FAST = [("openvino", "bf16"), ("openvino", "float32"), ("onnxruntime", "float32"), ("compile-frozen", "bf16")]
Times = dict[str, float]


def as_it_comes(network: nn.Module) -> Deployed:
    return Deployed(lambda clips: clips, network, lambda logits: logits)


def channels_last(network: nn.Module) -> Deployed:
    channels_last_3d(network)
    return Deployed(lambda clips: clips.to(memory_format=torch.channels_last_3d), network, lambda logits: logits)


def in_runtime(name: str, precision: str = "float32") -> Callable[[nn.Module], Deployed]:
    runtime = RUNTIMES[name]
    protocol = LatencyProtocol(
        runtime=name,  # type: ignore[arg-type]
        precision=precision,
        layout=runtime.layouts[0],  # type: ignore[arg-type]
        threads=torch.get_num_threads(),
    )
    if reason := refusal(runtime, precision, protocol.layout, CPU):
        pytest.skip(reason)
    return lambda network: runtime.deploy(network, clips(), protocol, CPU)


def clips() -> Tensor:
    torch.manual_seed(0)
    return torch.rand(1, 3, *CLIP) * 2 - 1


def record(
    benchmark: BenchmarkFixture,
    times: Times,
    name: str,
    network: nn.Module,
    deploy: Callable[[nn.Module], Deployed],
    precision: str = "float32",
) -> None:
    with torch.inference_mode():
        expected = network(clips())
    deployed = deploy(network)
    with torch.inference_mode():
        placed = deployed.place(clips())
        assert error_of(deployed.fetch(deployed.run(placed)), expected) < TOLERANCE[precision]
        benchmark.pedantic(lambda: deployed.run(placed), rounds=ROUNDS, warmup_rounds=WARM_UP)
    if benchmark.enabled:
        times[name] = benchmark.stats.stats.median


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[nn.Module], Deployed]]] = {
    "torchvision s3d": (s3d, as_it_comes),
    "torchvision s3d, folded": (s3d, lambda network: in_runtime("eager")(network)),
    "S3D": (lambda: build("S3D"), lambda network: in_runtime("eager")(network)),
    "released I3D": (ReleasedI3D, as_it_comes),
    "released I3D, channels-last": (ReleasedI3D, channels_last),
    "I3D": (lambda: build("I3D"), lambda network: in_runtime("eager")(network)),
}


@pytest.mark.benchmark(group="eager float32, 16x224x224")
@pytest.mark.parametrize("name", NETWORKS)
def test_eager(benchmark: BenchmarkFixture, times: Times, name: str) -> None:
    make, deploy = NETWORKS[name]
    record(benchmark, times, name, make().eval(), deploy)


@pytest.mark.benchmark(group="deployed, 16x224x224")
@pytest.mark.parametrize(("runtime", "precision"), FAST)
@pytest.mark.parametrize("name", ["S3D", "I3D"])
def test_deployed(benchmark: BenchmarkFixture, times: Times, name: str, runtime: str, precision: str) -> None:
    deploy = in_runtime(runtime, precision)
    record(benchmark, times, f"{name} in {runtime} {precision}", build(name).eval(), deploy, precision)


@pytest.mark.benchmark(group="a matrix product with as many multiply-adds as I3D, 16x224x224")
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_matrix_product(benchmark: BenchmarkFixture, times: Times, precision: str) -> None:
    a, b = (torch.rand(2048, 2048).to(DTYPES[precision]) for _ in range(2))
    with torch.inference_mode():
        benchmark.pedantic(lambda: torch.mm(a, b), rounds=3 * ROUNDS, warmup_rounds=WARM_UP)
    if benchmark.enabled:
        times[f"product, {precision}"] = benchmark.stats.stats.median * cost("I3D", CLIP).macs / 2048**3
