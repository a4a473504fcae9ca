"""Which operators execute convolutions: for real on a CPU, from a scripted profile for CUDA."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from tradeoff.measure.timing import convolutions
from tradeoff.measure.timing.convolutions import KERNELS, convolution_backends, fallback
from tradeoff.networks import build
from tradeoff.variants import Variant

# From 16 clips on PyTorch leaves every convolution to oneDNN, however small and on however many threads.
BATCH = 16


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return build(Variant.parse("I2D", width=0.0625, classes=3)).eval()


def backends_of(network: nn.Module, batch: int) -> dict[str, int]:
    clips = torch.zeros(batch, 3, 8, 32, 32)
    with torch.inference_mode():
        return convolution_backends(lambda: network(clips), "cpu")


def count(network: nn.Module) -> int:
    return sum(isinstance(module, nn.Conv3d) for module in network.modules())


def test_every_convolution_of_a_network_is_counted_once(network: nn.Module) -> None:
    found = backends_of(network, BATCH)
    assert found == {"mkldnn_convolution": count(network)}
    assert fallback(found, "cpu") is None


def test_without_onednn_the_slow_ones_show(network: nn.Module) -> None:
    with torch.backends.mkldnn.flags(enabled=False):
        found = backends_of(network, BATCH)
    assert found == {"slow_conv3d_forward": count(network)}
    number = count(network)
    sentence = f"{number} of {number} convolutions ran outside of oneDNN: slow_conv3d_forward {number}"
    assert fallback(found, "cpu") == sentence


def test_small_convolutions_of_one_clip_are_pytorchs_own(network: nn.Module) -> None:
    found = backends_of(network, 1)
    assert sum(found.values()) == count(network)
    assert found["slow_conv3d_forward"] > 0
    assert "ran outside of oneDNN: slow_conv3d_forward" in str(fallback(found, "cpu"))


def test_a_pass_without_convolutions_has_none() -> None:
    assert convolution_backends(lambda: torch.ones(2) + 1, "cpu") == {}
    assert fallback({}, "cpu") is None


def event(name: str, *children: Any, kernels: tuple[str, ...] = (), device: str = "CPU") -> Any:
    return SimpleNamespace(
        name=name,
        device_type=SimpleNamespace(name=device),
        cpu_children=list(children),
        kernels=[SimpleNamespace(name=kernel) for kernel in kernels],
    )


def nested(inner: Any) -> list[Any]:
    """The operators around one that executes, as the profiler lists them: each on its own, with its children."""
    inside = event("aten::_convolution", inner, event("aten::add_", kernels=("vectorized_elementwise_kernel",)))
    middle = event("aten::convolution", inside)
    return [event("aten::conv3d", middle), middle, inside, inner]


def test_on_cuda_the_innermost_operators_and_their_kernels_count(monkeypatch: pytest.MonkeyPatch) -> None:
    gemm, layout = "sm90_xmma_fprop_implicit_gemm_f32", "void cudnn::ops::nchwToNhwcKernel"
    first = event("aten::cudnn_convolution", event("aten::empty"), kernels=(layout, gemm))
    second = event("aten::cudnn_convolution", kernels=(gemm, "Memset (Device)"))
    profiled = [
        *nested(first),
        *nested(second),
        *nested(event("aten::slow_conv_dilated3d", event("aten::addmm", kernels=("cutlass_80_simt",)))),
        event("void cudnn::cnn::conv3d", device="CUDA"),
        event("aten::_convert_indices_from_coo_to_csr"),
    ]
    monkeypatch.setattr(convolutions, "_profiled", lambda run, device_type: profiled)
    found = convolution_backends(lambda: None, "cuda")
    assert found == {"cudnn_convolution": 2, "slow_conv_dilated3d": 1, KERNELS: 2}
    assert fallback(found, "cuda") == "1 of 3 convolutions ran outside of cuDNN: slow_conv_dilated3d 1"


@pytest.mark.parametrize(
    ("found", "device_type"),
    [
        ({"cudnn_convolution": 5, "cudnn_convolution_relu": 1, KERNELS: 4}, "cuda"),
        ({"miopen_convolution": 5}, "cuda"),
        ({"mkldnn_convolution": 1, "mkldnn::_convolution_pointwise": 4}, "cpu"),
    ],
)
def test_the_expected_library_is_no_fallback(found: dict[str, int], device_type: str) -> None:
    assert fallback(found, device_type) is None
