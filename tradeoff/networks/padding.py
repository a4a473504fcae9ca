"""The paddings that the public networks were trained with: TensorFlow's SAME, symmetric, and rounding up.

The same weights under another padding see an image shifted by a pixel at each stride.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

Triple = tuple[int, int, int]
Padding = Literal["same", "symmetric", "ceil"]
Pair = tuple[int, int]


def same_padding(size: int, kernel: int, stride: int) -> Pair:
    """(before, after) along one axis of `size`, as TensorFlow's SAME pads it: the output is ceil(input / stride).

    On an even size a stride-2 layer with an odd kernel pads one more after than before; on an odd size both alike.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class PaddedConv3d(nn.Conv3d):
    """A convolution under SAME or symmetric (kernel // 2 on both sides) padding, on any size of input (N,C,T,H,W).

    replicate: pad in time with the outer steps again, not with zeros.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: Triple,
        stride: Triple = (1, 1, 1),
        *,
        same: bool = True,
        replicate: bool = False,
        bias: bool = False,
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, bias=bias)
        self.same, self.replicate = same, replicate

    def forward(self, x: Tensor) -> Tensor:
        pads = [self.pads(axis, size) for axis, size in enumerate(x.shape[2:])]
        if self.replicate and any(pads[0]):
            x = nn.functional.pad(x, (0, 0, 0, 0, *pads[0]), mode="replicate")
            pads[0] = (0, 0)
        before = tuple(pad[0] for pad in pads)
        # Padding ahead of the convolution copies the tensor, so only where it must be: for an odd amount, and where
        # the clip is shorter than the kernel, since oneDNN 3.12 (torch 2.14) leaves part of a bf16 weight gradient
        # unwritten at T = 2 with a kernel of 3 and padding of its own.
        if any(pad[0] != pad[1] for pad in pads) or x.shape[2] < self.kernel_size[0]:
            x = nn.functional.pad(x, [amount for pad in reversed(pads) for amount in pad])  # last axis first
            before = (0, 0, 0)
        return nn.functional.conv3d(x, self.weight, self.bias, self.stride, before)

    def pads(self, axis: int, size: int) -> Pair:
        """(before, after) along an axis (0 time, 1 height, 2 width) of `size`."""
        kernel = self.kernel_size[axis]
        return same_padding(size, kernel, self.stride[axis]) if self.same else (kernel // 2, kernel // 2)


class PaddedMaxPool3d(nn.Module):
    """A max-pool on any size of input (N,C,T,H,W), under padding that never wins the maximum.

    `same`, or `symmetric`: kernel // 2 on both sides of an odd kernel, none around an even one, or `ceil`: none, but a
    last window that hangs over is kept. An even kernel needs a stride above 1, as the trunk's have: at stride 1
    `ceil_mode` keeps no hanging window. At stride 1 all three are one.
    """

    def __init__(self, kernel: Triple, stride: Triple, padding: Padding = "same") -> None:
        super().__init__()
        if any(k % 2 == 0 and s == 1 for k, s in zip(kernel, stride, strict=True)):
            raise ValueError(f"max-pool {kernel} at stride {stride}: an even kernel needs a stride above 1")
        self.kernel, self.stride, self.padding = kernel, stride, padding

    def forward(self, x: Tensor) -> Tensor:
        before = [self._before(axis, size) for axis, size in enumerate(x.shape[2:])]
        # For SAME too, `before` on both sides and ceil_mode: a last window that hangs over by the one element that
        # SAME pads more after than before is kept, and nothing is copied.
        rounding_up = self.padding != "symmetric"
        return nn.functional.max_pool3d(x, self.kernel, self.stride, before, ceil_mode=rounding_up)

    def _before(self, axis: int, size: int) -> int:
        kernel, stride = self.kernel[axis], self.stride[axis]
        if self.padding == "same":
            return same_padding(size, kernel, stride)[0]
        if self.padding == "ceil" and stride > 1:
            return 0
        return kernel // 2 if kernel % 2 else 0

    def extra_repr(self) -> str:
        return f"kernel={self.kernel}, stride={self.stride}, padding={self.padding}"
