"""SAME padding against its definition, written out as TensorFlow documents it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from tradeoff.networks.padding import PaddedConv3d, PaddedMaxPool3d, same_padding

SIZES = st.integers(1, 9)
KERNELS = st.sampled_from([1, 2, 3, 7])
STRIDES = st.sampled_from([1, 2])
AXES = st.tuples(
    st.tuples(SIZES, KERNELS, STRIDES), st.tuples(SIZES, KERNELS, STRIDES), st.tuples(SIZES, KERNELS, STRIDES)
)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "before", "after"),
    [
        (224, 7, 2, 2, 3),  # the stem on an even size: one more after
        (225, 7, 2, 3, 3),  # on an odd size both alike
        (112, 3, 2, 0, 1),
        (113, 3, 2, 1, 1),
        (16, 2, 2, 0, 0),
        (15, 2, 2, 0, 1),
        (10, 3, 1, 1, 1),
        (10, 1, 2, 0, 0),
    ],
)
def test_padding_by_hand(size: int, kernel: int, stride: int, before: int, after: int) -> None:
    assert same_padding(size, kernel, stride) == (before, after)


def padded(x: torch.Tensor, kernel: list[int], stride: list[int], value: float) -> torch.Tensor:
    amounts = []
    for n, k, s in reversed(list(zip(x.shape[2:], kernel, stride, strict=True))):
        total = max((-(-n // s) - 1) * s + k - n, 0)
        amounts += [total // 2, total - total // 2]
    return nn.functional.pad(x, amounts, value=value)


@settings(deadline=None, max_examples=60)
@given(AXES)
def test_a_pool_is_a_pool_over_an_explicitly_padded_clip(axes: tuple[tuple[int, int, int], ...]) -> None:
    assume(all(kernel % 2 or stride > 1 for _, kernel, stride in axes))
    sizes, kernel, stride = ([axis[i] for axis in axes] for i in range(3))
    x = torch.randn(1, 2, *sizes)
    expected = nn.functional.max_pool3d(padded(x, kernel, stride, float("-inf")), tuple(kernel), tuple(stride))
    pooled = PaddedMaxPool3d(tuple(kernel), tuple(stride))(x)  # type: ignore[arg-type]
    assert pooled.shape[2:] == tuple(-(-n // s) for n, s in zip(sizes, stride, strict=True))
    assert torch.equal(pooled, expected)


def test_an_even_pool_at_stride_1_is_refused() -> None:
    with pytest.raises(ValueError, match="stride above 1"):
        PaddedMaxPool3d((2, 3, 3), (1, 1, 1))


@settings(deadline=None, max_examples=60)
@given(AXES)
def test_a_convolution_is_one_over_an_explicitly_padded_clip(axes: tuple[tuple[int, int, int], ...]) -> None:
    sizes, kernel, stride = ([axis[i] for axis in axes] for i in range(3))
    x = torch.randn(1, 2, *sizes)
    convolution = PaddedConv3d(2, 3, tuple(kernel), tuple(stride))  # type: ignore[arg-type]
    expected = nn.functional.conv3d(padded(x, kernel, stride, 0.0), convolution.weight, stride=tuple(stride))
    assert torch.allclose(convolution(x), expected, atol=1e-5)


@pytest.mark.parametrize("kernel", [(3, 1, 1), (3, 3, 3)])
@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_bf16_gradients_of_short_clips_are_those_of_float32(frames: int, kernel: tuple[int, int, int]) -> None:
    """oneDNN 3.12 leaves bf16 weight gradients partly unwritten at T = 2 when it pads by itself."""
    torch.manual_seed(0)
    convolution = PaddedConv3d(16, 16, kernel)
    x = torch.randn(8, 16, frames, 4, 4).contiguous(memory_format=torch.channels_last_3d)
    gradients = {}
    for enabled in (False, True):
        convolution.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            convolution(x).float().square().sum().backward()
        assert convolution.weight.grad is not None
        gradients[enabled] = convolution.weight.grad.clone()
    error = (gradients[True] - gradients[False]).norm() / gradients[False].norm()
    assert error < 0.02
