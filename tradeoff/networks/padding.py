"""TensorFlow's SAME padding: the output is ceil(input / stride), and of an odd amount one more goes after."""

from __future__ import annotations

from torch import Tensor, nn

Triple = tuple[int, int, int]


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """(before, after) along one axis of `size`, as TensorFlow's SAME pads it.

    On an even size a stride-2 layer with an odd kernel pads one more after than before; on an odd size both alike.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SameConv3d(nn.Conv3d):
    """A convolution without bias under SAME padding, on any size of input (N,C,T,H,W)."""

    def __init__(self, inputs: int, outputs: int, kernel: Triple, stride: Triple = (1, 1, 1)) -> None:
        super().__init__(inputs, outputs, kernel, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        pads = [same_padding(n, k, s) for n, k, s in zip(x.shape[2:], self.kernel_size, self.stride, strict=True)]
        before = tuple(pad[0] for pad in pads)
        # Padding ahead of the convolution copies the tensor, so only where it must be: for an odd amount, and where
        # the clip is shorter than the kernel, since oneDNN 3.12 (torch 2.14) leaves part of a bf16 weight gradient
        # unwritten at T = 2 with a kernel of 3 and padding of its own.
        if any(pad[0] != pad[1] for pad in pads) or x.shape[2] < self.kernel_size[0]:
            x = nn.functional.pad(x, [amount for pad in reversed(pads) for amount in pad])  # last axis first
            before = (0, 0, 0)
        return nn.functional.conv3d(x, self.weight, None, self.stride, before)


class SameMaxPool3d(nn.Module):
    """A max-pool under SAME padding, which never wins the maximum, on any size of input (N,C,T,H,W).

    An even kernel needs a stride above 1, as the trunk's have: at stride 1 `ceil_mode` keeps no hanging window.
    """

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        if any(k % 2 == 0 and s == 1 for k, s in zip(kernel, stride, strict=True)):
            raise ValueError(f"max-pool {kernel} at stride {stride}: an even kernel needs a stride above 1")
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        before = [same_padding(n, k, s)[0] for n, k, s in zip(x.shape[2:], self.kernel, self.stride, strict=True)]
        # `before` on both sides and ceil_mode: a last window that hangs over by the one element that SAME pads
        # more after than before is kept, and nothing is copied.
        return nn.functional.max_pool3d(x, self.kernel, self.stride, before, ceil_mode=True)

    def extra_repr(self) -> str:
        return f"kernel={self.kernel}, stride={self.stride}"
