"""How pixels are scaled before they reach a network. Weights answer well only to the scaling they were trained with."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tradeoff.variants.base import Pixels

Channels = tuple[float, ...]

PIXELS: dict[Pixels, tuple[Channels, Channels]] = {
    "unit": ((0.5,), (0.5,)),
    "kinetics": ((0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "centred": ((0.45,), (0.225,)),
}
"""Mean and standard deviation of pixels in 0..1 by channel, red first, or one number for all three: a network is given
(pixel - mean) / deviation. `unit` is -1 to 1, as the paper's networks have it; `kinetics`, `imagenet` and `centred`
are in torchvision's video presets (`torchvision/models/video/{resnet,swin_transformer,mvit}.py`)."""


def to_network(frames: np.ndarray, device: torch.device, pixels: Pixels = "unit") -> Tensor:
    """uint8 (N, T, H, W, 3) in 0..255 to float32 (N, 3, T, H, W), by default in [-1, 1]; channels-last-3d, since that
    is how the pixels lie already."""
    clips = torch.from_numpy(frames).to(device, non_blocking=True).permute(0, 4, 1, 2, 3).float()
    mean, deviation = PIXELS[pixels]
    # One division and one subtraction, so that `unit` is x / 127.5 - 1 to the last bit.
    divisor = [255 * d for d in deviation]
    shift = [m / d for m, d in zip(mean, deviation, strict=True)]
    return clips.div_(_by_channel(divisor, device)).sub_(_by_channel(shift, device))


def _by_channel(values: list[float], device: torch.device) -> Tensor | float:
    # A number stays a number: a GPU's division by one and by a tensor round differently.
    return values[0] if len(values) == 1 else torch.tensor(values, device=device)[:, None, None, None]
