"""Training and evaluating networks of other families: their scaling of pixels, their layers, their mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from brightness import brightness
from fitting import fit_clips
from torch import Tensor, nn

from tradeoff.clip_shape import ClipShape
from tradeoff.data import Dataset
from tradeoff.networks.pixels import to_network
from tradeoff.training.batches import EpochBatches, centre_crop, evaluation_batches
from tradeoff.training.evaluate import log_probabilities
from tradeoff.training.fit import seed_everything
from tradeoff.training.recipe import Recipe

CLIP = ClipShape(8, 32, 32)
CPU = torch.device("cpu")


class FrameByFrame(nn.Module):
    """A 2D network on each frame, averaged: what a user may well bring."""

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.conv, self.logits = nn.Conv2d(3, 4, 3, stride=2), nn.Linear(4, classes)
        self.seen: list[float] = []

    def forward(self, clips: Tensor) -> Tensor:
        self.seen.append(clips.mean().item())
        frames = clips.transpose(1, 2).flatten(0, 1)
        features = self.conv(frames).relu().mean(dim=(2, 3))
        return self.logits(features.unflatten(0, (len(clips), -1)).mean(dim=1))  # type: ignore[no-any-return]


@pytest.fixture
def data() -> Dataset:
    """Dark clips and bright clips."""
    return brightness()


def train(network: nn.Module, data: Dataset, **options: Any) -> nn.Module:
    recipe = Recipe(epochs=12, batch=16, rate=0.2, warmup=0.0)
    fit_clips(network, data, data.split(0)[0], CLIP, recipe, precision="float32", seed=0, device=CPU, **options)
    return network


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_network_with_2d_convolutions_learns(data: Dataset, precision: str) -> None:
    seed_everything(0, CPU)
    network, recipe = FrameByFrame(), Recipe(epochs=30, batch=16, rate=0.3, warmup=0.0)
    fit_clips(network, data, data.split(0)[0], CLIP, recipe, precision=precision, seed=0, device=CPU)
    indices = data.split(0)[1]
    outputs = log_probabilities(network, data, indices, CLIP, order="normal", device=CPU)
    assert (outputs.argmax(axis=1) == data.labels[indices]).all()


def test_pixels_reach_the_network_in_its_own_scaling(data: Dataset) -> None:
    means = {}
    for pixels in ("unit", "kinetics"):
        network = FrameByFrame()
        train(network, data, pixels=pixels)
        means[pixels] = np.mean(network.seen)
        network.seen.clear()
        log_probabilities(network, data, data.split(0)[1], CLIP, order="normal", device=CPU, pixels=pixels)  # type: ignore[arg-type]
        assert network.seen == pytest.approx([means[pixels]], abs=0.1)
    mean = np.mean(data.frames) / 255
    assert means["unit"] == pytest.approx((mean - 0.5) / 0.5, abs=0.02)
    assert means["kinetics"] == pytest.approx((mean - 0.401) / 0.222, abs=0.05)


def test_batches_are_scaled_as_they_are_asked_for(data: Dataset) -> None:
    (clips,) = evaluation_batches(data, np.arange(4), CLIP, 4, "normal", CPU, "imagenet")
    crops = np.stack([centre_crop(data.frames[i], CLIP) for i in range(4)])
    assert torch.equal(clips, to_network(crops, CPU, "imagenet"))
    first, second = (
        next(EpochBatches(data, np.arange(32), CLIP, 32, 0, CPU, False, pixels).epoch())[0]
        for pixels in ("unit", "centred")  # type: ignore[arg-type]
    )
    torch.testing.assert_close((first * 0.5 + 0.5 - 0.45) / 0.225, second, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("classes", [1, 3])
def test_logits_for_other_classes_are_no_accuracy(data: Dataset, classes: int) -> None:
    with pytest.raises(RuntimeError, match=rf"logits of shape \(16, {classes}\) where \(16, 2\) is right"):
        log_probabilities(FrameByFrame(classes), data, data.split(0)[1], CLIP, order="normal", device=CPU)


def test_logits_at_every_step_are_no_accuracy(data: Dataset) -> None:
    network = nn.Sequential(nn.Flatten(3), nn.AdaptiveAvgPool2d((None, 1)), nn.Flatten(2))  # N, 3, T
    with pytest.raises(RuntimeError, match=r"logits of shape \(16, 3, 8\) where \(16, 2\) is right"):
        log_probabilities(network, data, data.split(0)[1], CLIP, order="normal", device=CPU)
