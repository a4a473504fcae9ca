"""Batches in a network's own scaling, against the scaling of single clips."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tradeoff.networks import pixels as networks
from tradeoff.networks.pixels import PIXELS
from tradeoff.training.scaling import to_network
from tradeoff.variants.base import Pixels

CPU = torch.device("cpu")


@pytest.mark.parametrize("pixels", PIXELS)
@pytest.mark.parametrize("shape", [(1, 8, 32, 32), (3, 5, 224, 224), (2, 1, 700, 900), (5, 64, 7, 9), (1, 1, 1, 1)])
def test_batches_of_any_size_are_scaled_as_clips_are_to_the_last_bit(shape: tuple[int, ...], pixels: Pixels) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    whole, clips = networks.to_network(frames, CPU, pixels), to_network(frames, CPU, pixels)
    assert torch.equal(clips, whole)
    assert clips.dtype == torch.float32
    assert clips.is_contiguous(memory_format=torch.channels_last_3d)
    assert clips.data_ptr() % 64 == 0  # as torch's own: a product of matrices may round otherwise where it is not


def test_inference_and_training_take_them() -> None:
    frames = np.full((2, 3, 4, 5, 3), 255, np.uint8)
    with torch.inference_mode():
        assert (to_network(frames, CPU) == 1).all()
    weight = torch.ones(3, requires_grad=True)
    (to_network(frames, CPU).mean(dim=(0, 2, 3, 4)) * weight).sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [1.0, 1.0, 1.0]
