"""The Inception trunk of I3D and S3D: rows of numbers, and the units they are built from.

Source: "Rethinking Spatiotemporal Feature Learning" (arXiv 1712.04851), sections 3 and 4, and the network of
"Quo Vadis, Action Recognition?" (arXiv 1705.07750) that it starts from. Tensors are N,C,T,H,W; kernels and
strides are (time, height, width). Every convolution has TensorFlow's SAME padding, no bias, batch norm, ReLU.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tradeoff.networks.padding import SameConv3d, SameMaxPool3d
from tradeoff.variants import UNITS, Convolution, InceptionVariant

BATCH_NORM_EPS = 1e-3  # the released TensorFlow networks
DROPOUT = 0.2  # the released training code

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Stem:
    """A convolution outside the blocks: kernel side (its time length too, where it is 3D), stride, channels."""

    unit: str
    kernel: int
    stride: Triple
    channels: int


@dataclass(frozen=True)
class Pool:
    unit: str
    kernel: Triple
    stride: Triple


@dataclass(frozen=True)
class Mixed:
    """An inception block: branch 0 | branch 1 reduce, out | branch 2 reduce, out | branch 3 after its pool."""

    unit: str
    branch0: int
    branch1: tuple[int, int]
    branch2: tuple[int, int]
    branch3: int

    @property
    def channels(self) -> int:
        return self.branch0 + self.branch1[1] + self.branch2[1] + self.branch3


TRUNK: tuple[Stem | Pool | Mixed, ...] = (
    Stem("1a", 7, (2, 2, 2), 64),
    Pool("2a", (1, 3, 3), (1, 2, 2)),
    Stem("2b", 1, (1, 1, 1), 64),
    Stem("2c", 3, (1, 1, 1), 192),
    Pool("3a", (1, 3, 3), (1, 2, 2)),
    Mixed("3b", 64, (96, 128), (16, 32), 32),
    Mixed("3c", 128, (128, 192), (32, 96), 64),
    Pool("4a", (3, 3, 3), (2, 2, 2)),
    Mixed("4b", 192, (96, 208), (16, 48), 64),
    Mixed("4c", 160, (112, 224), (24, 64), 64),
    Mixed("4d", 128, (128, 256), (24, 64), 64),
    Mixed("4e", 112, (144, 288), (32, 64), 64),
    Mixed("4f", 256, (160, 320), (32, 128), 128),
    Pool("5a", (2, 2, 2), (2, 2, 2)),
    Mixed("5b", 256, (160, 320), (32, 128), 128),
    Mixed("5c", 384, (192, 384), (48, 128), 128),
)


class ConvUnit(nn.Sequential):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: Triple, stride: Triple = (1, 1, 1)) -> None:
        super().__init__(
            OrderedDict(
                conv=SameConv3d(inputs, outputs, kernel, stride),
                norm=nn.BatchNorm3d(outputs, eps=BATCH_NORM_EPS),
                relu=nn.ReLU(inplace=True),
            )
        )


class Gate(nn.Module):
    """Feature gating: Y = sigmoid(W mean_THW(X) + b) * X, W is C x C (the paper's section 4.4)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.excite = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.sigmoid(self.excite(x.mean(dim=(2, 3, 4))))
        return x * weights[:, :, None, None, None]


def convolution(kind: Convolution, inputs: int, outputs: int, kernel: int, stride: Triple = (1, 1, 1)) -> nn.Module:
    """A k x k x k convolution as its unit's kind has it.

    A separable pair has the same width in between; its first half takes the spatial stride, its second the
    temporal one (the paper's section 4.3).
    """
    if kind == "full":
        return ConvUnit(inputs, outputs, (kernel, kernel, kernel), stride)
    if kind == "flat":
        return ConvUnit(inputs, outputs, (1, kernel, kernel), stride)
    return nn.Sequential(
        OrderedDict(
            spatial=ConvUnit(inputs, outputs, (1, kernel, kernel), (1, *stride[1:])),
            temporal=ConvUnit(outputs, outputs, (kernel, 1, 1), (stride[0], 1, 1)),
        )
    )


class MixedBlock(nn.Module):
    """An inception block: four branches on the same input, concatenated over channels."""

    def __init__(self, row: Mixed, inputs: int, kind: Convolution, gating: bool, scale: Callable[[int], int]) -> None:
        super().__init__()
        pool = (1, 3, 3) if kind == "flat" else (3, 3, 3)
        self.branch0 = ConvUnit(inputs, scale(row.branch0), (1, 1, 1))
        self.branch1 = self._reduced(inputs, scale(row.branch1[0]), scale(row.branch1[1]), kind, gating)
        self.branch2 = self._reduced(inputs, scale(row.branch2[0]), scale(row.branch2[1]), kind, gating)
        self.branch3 = nn.Sequential(
            OrderedDict(
                pool=SameMaxPool3d(pool, (1, 1, 1)),
                project=ConvUnit(inputs, scale(row.branch3), (1, 1, 1)),
            )
        )

    @staticmethod
    def _reduced(inputs: int, reduce: int, outputs: int, kind: Convolution, gating: bool) -> nn.Module:
        parts: OrderedDict[str, nn.Module] = OrderedDict(
            reduce=ConvUnit(inputs, reduce, (1, 1, 1)), conv=convolution(kind, reduce, outputs, 3)
        )
        if gating:
            parts["gate"] = Gate(outputs)
        return nn.Sequential(parts)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)], dim=1)


class Head(nn.Module):
    """Average pool of at most 2x7x7 at stride 1, dropout, logits, mean over what is left of T, H, W."""

    def __init__(self, channels: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Conv3d(channels, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        frames, height, width = x.shape[2:]
        window = (min(2, frames), min(7, height), min(7, width))
        # PyTorch has no bf16 average pool on CPUs.
        pooled = nn.functional.avg_pool3d(x.float(), window, stride=1).to(x.dtype)
        logits: Tensor = self.logits(self.dropout(pooled))
        return logits.mean(dim=(2, 3, 4))


class Inception(nn.Module):
    """The network of an `InceptionVariant`: N,3,T,H,W in [-1, 1] to N,classes logits; T >= 8, H and W >= 32."""

    def __init__(self, variant: InceptionVariant, dropout: float = DROPOUT) -> None:
        super().__init__()
        kinds = dict(zip(UNITS, variant.convolutions, strict=True))
        self.trunk = nn.Sequential()
        channels = 3
        for row in TRUNK:
            kind = kinds.get(row.unit, "flat")  # 2b is 1x1x1, whatever the variant
            for name, module, outputs in _modules(row, channels, kind, variant):
                self.trunk.add_module(name, module)
                channels = outputs
        self.head = Head(channels, variant.classes, dropout)
        self.apply(_initialise)

    def forward(self, clips: Tensor) -> Tensor:
        logits: Tensor = self.head(self.trunk(clips))
        return logits


def _modules(
    row: Stem | Pool | Mixed, inputs: int, kind: Convolution, variant: InceptionVariant
) -> list[tuple[str, nn.Module, int]]:
    """(name, module, channels after it) for one row of the trunk."""

    def scale(channels: int) -> int:
        return max(1, round(channels * variant.width))

    if isinstance(row, Pool):
        return [(f"pool_{row.unit}", SameMaxPool3d(row.kernel, row.stride), inputs)]
    if isinstance(row, Mixed):
        outputs = sum(map(scale, (row.branch0, row.branch1[1], row.branch2[1], row.branch3)))
        return [(f"mixed_{row.unit}", MixedBlock(row, inputs, kind, variant.gating, scale), outputs)]
    outputs = scale(row.channels)
    modules = [(f"conv_{row.unit}", convolution(kind, inputs, outputs, row.kernel, row.stride), outputs)]
    if variant.gating and row.unit in UNITS:
        modules.append((f"gate_{row.unit}", Gate(outputs), outputs))
    return modules


def _initialise(module: nn.Module) -> None:
    """He initialisation of convolutions; logits start near zero so that the first loss is log(classes)."""
    if isinstance(module, SameConv3d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, Head):
        nn.init.normal_(module.logits.weight, std=0.01)
        assert module.logits.bias is not None
        nn.init.zeros_(module.logits.bias)
