"""What a network says about one video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from tradeoff.clip_shape import ClipShape
from tradeoff.data.decoding import Unreadable, decode, middle_indices, sampled_indices
from tradeoff.errors import InputError
from tradeoff.networks.pixels import to_network
from tradeoff.precision import allow_tf32
from tradeoff.training.batches import centre_crop
from tradeoff.variants.base import Pixels

Sampling = Literal["middle", "even"]
SHORT_SIDE = 256 / 224
"""How much larger than the crop the video is scaled: the paper's 256 for a crop of 224."""


def classify(
    network: nn.Module,
    video: Path,
    clip: ClipShape,
    *,
    pixels: Pixels = "unit",
    sampling: Sampling = "middle",
    device: torch.device | None = None,
) -> list[float]:
    """The probability of each class for one clip of a video: consecutive frames from its middle, or frames spread
    evenly over it; short side 256/224 of the crop, centre crop, float32.

    Raises InputError for a video that cannot be decoded.
    """
    device = device or torch.device("cpu")
    allow_tf32(False)
    size = (clip.frames, round(clip.height * SHORT_SIDE), round(clip.width * SHORT_SIDE))
    try:
        frames = decode(video, size, middle_indices if sampling == "middle" else sampled_indices)
    except Unreadable as error:
        raise InputError(f"video {video} cannot be decoded: {error}") from error
    crop = centre_crop(frames, clip)[None].copy()
    with torch.inference_mode():
        logits = network.to(device).eval()(to_network(crop, device, pixels))
    probabilities: list[float] = logits[0].float().softmax(0).tolist()
    return probabilities


def best(probabilities: Sequence[float], labels: Sequence[str], count: int) -> list[tuple[str, float]]:
    """The `count` most probable classes, the best first; a class without a name is `class 7`."""
    order = sorted(range(len(probabilities)), key=lambda index: -probabilities[index])[:count]
    return [(labels[i] if i < len(labels) else f"class {i}", probabilities[i]) for i in order]
