"""The Inception trunk of I3D and S3D: rows of numbers, and the units they are built from.

Source: "Rethinking Spatiotemporal Feature Learning" (arXiv 1712.04851), sections 3 and 4, and the network of
"Quo Vadis, Action Recognition?" (arXiv 1705.07750) that it starts from. Tensors are N,C,T,H,W; kernels and
strides are (time, height, width). By default every convolution has TensorFlow's SAME padding, no bias, batch norm and
ReLU; what public implementations do otherwise are knobs of `InceptionVariant`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tradeoff.networks.padding import PaddedConv3d, PaddedMaxPool3d
from tradeoff.variants import UNITS, Convolution, InceptionVariant

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
    """Convolution, batch norm, ReLU; or, where `norm` is off, a convolution with a bias and ReLU."""

    conv: PaddedConv3d
    norm: nn.BatchNorm3d

    def __init__(
        self,
        variant: InceptionVariant,
        inputs: int,
        outputs: int,
        kernel: Triple,
        stride: Triple = (1, 1, 1),
        *,
        norm: bool = True,
    ) -> None:
        conv = PaddedConv3d(
            inputs,
            outputs,
            kernel,
            stride,
            same=variant.stem_padding == "same",  # at stride 1, where both are one, it makes no difference
            replicate=variant.time_padding == "replicate",
            bias=not norm,
        )
        modules: OrderedDict[str, nn.Module] = OrderedDict(conv=conv)
        if norm:
            modules["norm"] = nn.BatchNorm3d(outputs, eps=variant.norm_eps)
        modules["relu"] = nn.ReLU(inplace=True)
        super().__init__(modules)


class Gate(nn.Module):
    """Feature gating: Y = sigmoid(W mean_THW(X) + b) * X, W is C x C (the paper's section 4.4)."""

    def __init__(self, channels: int, bias: bool = True) -> None:
        super().__init__()
        self.excite = nn.Linear(channels, channels, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.sigmoid(self.excite(x.mean(dim=(2, 3, 4))))
        return x * weights[:, :, None, None, None]


class SeparablePair(nn.Sequential):
    """1 x k x k, then k x 1 x 1 of the same width.

    The first half takes the spatial stride, the second the temporal one (the paper's section 4.3), unless
    `stem_stride` says that the first takes both.
    """

    spatial: ConvUnit
    temporal: ConvUnit

    def __init__(
        self, variant: InceptionVariant, inputs: int, outputs: int, kernel: Triple, stride: Triple = (1, 1, 1)
    ) -> None:
        first = stride[0] if variant.stem_stride == "first" else 1
        spatial = ConvUnit(variant, inputs, outputs, (1, *kernel[1:]), (first, *stride[1:]))
        temporal = ConvUnit(
            variant, outputs, outputs, (kernel[0], 1, 1), (stride[0] // first, 1, 1), norm=variant.temporal_norm
        )
        super().__init__(OrderedDict(spatial=spatial, temporal=temporal))


def convolution(
    variant: InceptionVariant,
    kind: Convolution,
    inputs: int,
    outputs: int,
    kernel: Triple,
    stride: Triple = (1, 1, 1),
) -> nn.Module:
    """A convolution as its unit's kind has it; `kernel` is the full one."""
    if kind == "separable":
        return SeparablePair(variant, inputs, outputs, kernel, stride)
    return ConvUnit(variant, inputs, outputs, kernel if kind == "full" else (1, *kernel[1:]), stride)


class MixedBlock(nn.Module):
    """An inception block: four branches on the same input, concatenated over channels."""

    def __init__(self, variant: InceptionVariant, row: Mixed, inputs: int, kind: Convolution) -> None:
        super().__init__()
        self.variant, self.kind = variant, kind
        pool = (1, 3, 3) if kind == "flat" and variant.block_pool == "unit" else (3, 3, 3)
        scale = scaling(variant)
        self.branch0 = self._pointwise(inputs, scale(row.branch0))
        self.branch1 = self._reduced(inputs, scale(row.branch1[0]), scale(row.branch1[1]))
        self.branch2 = self._reduced(inputs, scale(row.branch2[0]), scale(row.branch2[1]))
        self.branch3 = self._pointwise(inputs, scale(row.branch3), PaddedMaxPool3d(pool, (1, 1, 1)))

    def _reduced(self, inputs: int, reduce: int, outputs: int) -> nn.Module:
        """Branches 1 and 2: 1x1x1, then the convolution that the variant is about."""
        parts: OrderedDict[str, nn.Module] = OrderedDict(
            reduce=ConvUnit(self.variant, inputs, reduce, (1, 1, 1)),
            conv=convolution(self.variant, self.kind, reduce, outputs, (3, 3, 3)),
        )
        if self.variant.gating:
            parts["gate"] = Gate(outputs, self.variant.gate_bias)
        return nn.Sequential(parts)

    def _pointwise(self, inputs: int, outputs: int, pool: nn.Module | None = None) -> nn.Module:
        """Branches 0 and 3: 1x1x1, in branch 3 after a pool; and what `temporal_branches` and `gate_place` add."""
        variant = self.variant
        parts: OrderedDict[str, nn.Module] = OrderedDict(pool=pool) if pool else OrderedDict()
        parts["project"] = ConvUnit(variant, inputs, outputs, (1, 1, 1))
        if self.kind == "separable" and variant.temporal_branches == 4:
            parts["temporal"] = ConvUnit(variant, outputs, outputs, (3, 1, 1), norm=variant.temporal_norm)
        if variant.gating and variant.gate_place == "branches":
            parts["gate"] = Gate(outputs, variant.gate_bias)
        return nn.Sequential(parts) if len(parts) > 1 else parts["project"]

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
    """The network of an `InceptionVariant`: N,3,T,H,W to N,classes logits; T >= 8, H and W >= 32.

    Pixels are scaled as `variant.pixels` says, by default to [-1, 1].
    """

    def __init__(self, variant: InceptionVariant, dropout: float = DROPOUT) -> None:
        super().__init__()
        kinds = dict(zip(UNITS, variant.convolutions, strict=True))
        self.trunk = nn.Sequential()
        channels = 3
        for row in TRUNK:
            kind = kinds.get(row.unit, "flat")  # 2b is 1x1x1, whatever the variant
            for name, module, outputs in _modules(variant, row, channels, kind):
                self.trunk.add_module(name, module)
                channels = outputs
        self.head = Head(channels, variant.classes, dropout)
        self.apply(_initialise)

    def forward(self, clips: Tensor) -> Tensor:
        logits: Tensor = self.head(self.trunk(clips))
        return logits


def scaling(variant: InceptionVariant) -> Callable[[int], int]:
    """From a channel count of the paper's to the variant's."""
    return lambda channels: max(1, round(channels * variant.width))


def _modules(
    variant: InceptionVariant, row: Stem | Pool | Mixed, inputs: int, kind: Convolution
) -> list[tuple[str, nn.Module, int]]:
    """(name, module, channels after it) for one row of the trunk."""
    scale = scaling(variant)
    if isinstance(row, Pool):
        return [(f"pool_{row.unit}", PaddedMaxPool3d(row.kernel, row.stride, variant.pool_padding), inputs)]
    if isinstance(row, Mixed):
        outputs = sum(map(scale, (row.branch0, row.branch1[1], row.branch2[1], row.branch3)))
        return [(f"mixed_{row.unit}", MixedBlock(variant, row, inputs, kind), outputs)]
    outputs = scale(row.channels)
    kernel = (variant.stem_frames if row.unit == "1a" else row.kernel, row.kernel, row.kernel)
    modules = [(f"conv_{row.unit}", convolution(variant, kind, inputs, outputs, kernel, row.stride), outputs)]
    gated = ("2c",) if variant.gate_place == "branches" else ("1a", "2c")
    if variant.gating and row.unit in gated:
        modules.append((f"gate_{row.unit}", Gate(outputs, variant.gate_bias), outputs))
    return modules


def _initialise(module: nn.Module) -> None:
    """He initialisation of convolutions; logits start near zero so that the first loss is log(classes); a temporal
    half without batch norm starts as the identity, as in the released S3D-G."""
    if isinstance(module, PaddedConv3d) and module.bias is not None:
        nn.init.dirac_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, PaddedConv3d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, Head):
        nn.init.normal_(module.logits.weight, std=0.01)
        assert module.logits.bias is not None
        nn.init.zeros_(module.logits.bias)
