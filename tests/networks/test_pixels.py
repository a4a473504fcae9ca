"""How pixels are scaled, against the formula and against torchvision's own transforms."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot
from torchvision.models import get_model_weights
from torchvision.transforms.functional import convert_image_dtype, normalize

from tradeoff.networks.pixels import PIXELS, to_network
from tradeoff.variants import PEERS, Variant
from tradeoff.variants.base import Pixels

CPU = torch.device("cpu")
EVERY_LEVEL = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 8, 4, 8, 3)


def test_every_scaling_that_a_variant_can_name_is_in_the_table() -> None:
    assert set(PIXELS) == set(get_args(Pixels))


def test_unit_is_what_trained_networks_were_given_so_far_to_the_last_bit() -> None:
    expected = torch.from_numpy(EVERY_LEVEL).permute(0, 4, 1, 2, 3).float() / 127.5 - 1
    assert torch.equal(to_network(EVERY_LEVEL, CPU), expected)
    assert torch.equal(to_network(EVERY_LEVEL, CPU, "unit"), expected)


@pytest.mark.parametrize("pixels", PIXELS)
def test_mean_and_deviation_by_channel(pixels: Pixels) -> None:
    mean, deviation = (np.broadcast_to(part, 3) for part in PIXELS[pixels])
    expected = ((EVERY_LEVEL.astype(np.float64) / 255 - mean) / deviation).transpose(0, 4, 1, 2, 3)
    clips = to_network(EVERY_LEVEL, CPU, pixels)
    assert clips.dtype == torch.float32
    assert clips.is_contiguous(memory_format=torch.channels_last_3d)
    np.testing.assert_allclose(clips.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["r3d_18", "mvit_v2_s", "swin3d_t"])
def test_torchvisions_transforms_scale_alike(name: str) -> None:
    transforms: Any = get_model_weights(name).KINETICS400_V1.transforms()
    images = torch.from_numpy(EVERY_LEVEL[0]).permute(0, 3, 1, 2)
    theirs = normalize(convert_image_dtype(images, torch.float), transforms.mean, transforms.std)
    ours = to_network(EVERY_LEVEL, CPU, Variant.parse(name).scaling)
    torch.testing.assert_close(ours[0].transpose(0, 1), theirs, atol=1e-6, rtol=1e-6)


def test_red_is_the_first_channel() -> None:
    colours = one_hot(torch.arange(3)).to(torch.uint8)[:, None, None, None].numpy() * 255  # a red clip, a green, a blue
    clips = to_network(colours, CPU, "imagenet")
    assert clips.mean(dim=(2, 3, 4)).argmax(dim=1).tolist() == [0, 1, 2]
    assert clips[0, 0].item() == pytest.approx((1 - 0.485) / 0.229)


def test_peers_name_scalings_of_the_table() -> None:
    assert {peer.pixels for peer in PEERS.values()} <= set(PIXELS)
