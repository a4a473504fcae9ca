"""Batch norm folded into convolutions: the same answers, and nothing touched whose surroundings are not known."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from random_networks import randomised
from torch import Tensor, nn

from tradeoff.networks import build
from tradeoff.networks.folding import fold_batch_norm

# Hand-derived. S3D: of the ten units that have one, 1a and 2c are separable (2 each), 2b is 1x1x1 (1) and each of the
# nine blocks has 1x1x1 in four branches and a separable pair in two of them (4 + 2 x 2 = 8): 2 + 1 + 2 + 9 x 8.
S3D = 77
# The stem, two convolutions in each of eight blocks, and the 1x1x1 of three shortcuts.
R3D = 1 + 8 * 2 + 3


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm3d) for module in network.modules())


@pytest.mark.parametrize(
    ("name", "knobs", "clip", "count"),
    [
        ("S3D", {"width": 0.0625}, (8, 32, 32), S3D),
        ("r3d_18", {}, (4, 32, 32), R3D),
        ("torchvision.s3d", {}, (13, 209, 209), S3D),
    ],
)
def test_a_folded_network_answers_as_before(
    name: str, knobs: dict[str, float], clip: tuple[int, int, int], count: int
) -> None:
    network = randomised(build(name, classes=3, **knobs))
    clips = torch.rand(1, 3, *clip, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        expected = network(clips)
        assert norms(network) == count
        assert fold_batch_norm(network) == count
        assert norms(network) == 0
        torch.testing.assert_close(network(clips), expected, rtol=1e-4, atol=1e-4)


class Reversed(nn.Sequential):
    """Batch norm stands after the convolution and runs before it."""

    def forward(self, input: Tensor) -> Tensor:
        for module in reversed(list(self)):
            input = module(input)
        return input


def conv() -> nn.Conv3d:
    return nn.Conv3d(3, 3, 1)


def shared_convolution() -> nn.Module:
    shared = conv()
    return nn.Sequential(nn.Sequential(shared, nn.BatchNorm3d(3)), nn.Sequential(shared, nn.ReLU()))


def shared_norm() -> nn.Module:
    shared = nn.BatchNorm3d(3)
    return nn.Sequential(nn.Sequential(conv(), shared), nn.Sequential(conv(), shared))


@pytest.mark.parametrize(
    "network",
    [
        shared_convolution(),
        shared_norm(),
        Reversed(conv(), nn.BatchNorm3d(3)),
        nn.Sequential(conv(), nn.ReLU(), nn.BatchNorm3d(3)),
        nn.Sequential(nn.BatchNorm3d(3), conv()),
        nn.Sequential(conv(), nn.BatchNorm3d(3, track_running_stats=False)),
    ],
    ids=["shared convolution", "shared norm", "other order", "ReLU between", "norm first", "no statistics"],
)
def test_what_cannot_be_known_is_left_alone(network: nn.Module) -> None:
    before = [type(module) for module in network.eval().modules()]
    assert fold_batch_norm(network) == 0
    assert [type(module) for module in network.modules()] == before


def test_a_network_in_training_is_left_alone() -> None:
    assert fold_batch_norm(nn.Sequential(conv(), nn.BatchNorm3d(3)).train()) == 0


def test_an_identity_between_the_two_does_not_matter() -> None:
    network = randomised(
        nn.Sequential(OrderedDict(conv=conv(), nothing=nn.Identity(), norm=nn.BatchNorm3d(3), relu=nn.ReLU()))
    )
    clips = torch.rand(1, 3, 2, 4, 4)
    with torch.inference_mode():
        expected = network(clips)
        assert fold_batch_norm(network) == 1
        torch.testing.assert_close(network(clips), expected)
