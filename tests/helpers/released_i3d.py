"""I3D written down from its release, layer by layer, with SAME padding done by padding: what a direct port is."""

from __future__ import annotations

import torch
from torch import Tensor, nn

POOLS = {
    "2a": ((1, 3, 3), (1, 2, 2)),
    "3a": ((1, 3, 3), (1, 2, 2)),
    "4a": ((3, 3, 3), (2, 2, 2)),
    "5a": ((2, 2, 2),) * 2,
}
BLOCKS = {
    "3b": (64, 96, 128, 16, 32, 32),
    "3c": (128, 128, 192, 32, 96, 64),
    "4b": (192, 96, 208, 16, 48, 64),
    "4c": (160, 112, 224, 24, 64, 64),
    "4d": (128, 128, 256, 24, 64, 64),
    "4e": (112, 144, 288, 32, 64, 64),
    "4f": (256, 160, 320, 32, 128, 128),
    "5b": (256, 160, 320, 32, 128, 128),
    "5c": (384, 192, 384, 48, 128, 128),
}


def pad_same(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """Zeros around (N,C,T,H,W), one more behind than before where the amount is odd."""
    pads: list[int] = []
    for size, k, s in zip(reversed(x.shape[2:]), reversed(kernel), reversed(stride), strict=True):
        amount = max(k - s if size % s == 0 else k - size % s, 0)
        pads += [amount // 2, amount - amount // 2]
    return nn.functional.pad(x, pads)


class Unit3D(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = (kernel,) * 3, (stride,) * 3
        self.conv = nn.Conv3d(inputs, outputs, kernel, stride, bias=False)
        self.norm = nn.BatchNorm3d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(pad_same(x, self.kernel, self.stride))))


class SamePool(nn.Module):
    def __init__(self, kernel: tuple[int, ...], stride: tuple[int, ...]) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.max_pool3d(pad_same(x, self.kernel, self.stride), self.kernel, self.stride)


class Block(nn.Module):
    def __init__(self, inputs: int, row: tuple[int, ...]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [
                Unit3D(inputs, row[0]),
                nn.Sequential(Unit3D(inputs, row[1]), Unit3D(row[1], row[2], 3)),
                nn.Sequential(Unit3D(inputs, row[3]), Unit3D(row[3], row[4], 3)),
                nn.Sequential(SamePool((3, 3, 3), (1, 1, 1)), Unit3D(inputs, row[5])),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class ReleasedI3D(nn.Module):
    """N,3,T,H,W to N,classes logits, with random weights."""

    def __init__(self, classes: int = 400) -> None:
        super().__init__()
        layers: list[nn.Module] = [Unit3D(3, 64, 7, 2), SamePool(*POOLS["2a"]), Unit3D(64, 64), Unit3D(64, 192, 3)]
        channels = 192
        layers.append(SamePool(*POOLS["3a"]))
        for name, row in BLOCKS.items():
            if name in ("4b", "5b"):
                layers.append(SamePool(*POOLS[f"{name[0]}a"]))
            layers.append(Block(channels, row))
            channels = row[0] + row[2] + row[4] + row[5]
        self.trunk = nn.Sequential(*layers)
        self.logits = nn.Conv3d(channels, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = nn.functional.avg_pool3d(self.trunk(x), (2, 7, 7), stride=1)
        return self.logits(pooled).mean(dim=(2, 3, 4))
