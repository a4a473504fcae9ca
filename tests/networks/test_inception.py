from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from tradeoff import build
from tradeoff.errors import InputError
from tradeoff.networks.inception import Gate, Inception, MixedBlock
from tradeoff.variants import Variant

META = torch.device("meta")


def meta(name: str, **knobs: object) -> nn.Module:
    with META:
        return build(name, **knobs)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_weights_are_those_of_the_released_networks() -> None:
    weights = {name: sum(p.numel() for p in meta(name).parameters() if p.ndim == 5) for name in ("I3D", "I2D", "S3D")}
    assert weights == {"I3D": 12_682_304, "I2D": 5_994_944, "S3D": 8_298_432}


def test_separable_has_the_parameters_of_torchvisions_s3d() -> None:
    with META:
        reference = torchvision.models.video.s3d()
    assert parameters(meta("S3D")) == parameters(reference) == 8_320_048


@pytest.mark.parametrize("name", ["I2D", "I3D", "S3D-G", "Top-Heavy-S3D-4"])
def test_every_stage_has_the_size_of_the_papers_table(name: str) -> None:
    sizes: dict[str, tuple[int, ...]] = {}
    network = meta(name)
    for stage, module in network.trunk.named_children():  # type: ignore[union-attr]
        module.register_forward_hook(lambda _, __, out, stage=stage: sizes.update({stage: tuple(out.shape[1:])}))
    assert network(torch.empty(1, 3, 64, 224, 224, device=META)).shape == (1, 400)
    expected = {
        "conv_1a": (64, 32, 112, 112),
        "pool_2a": (64, 32, 56, 56),
        "conv_2b": (64, 32, 56, 56),
        "conv_2c": (192, 32, 56, 56),
        "pool_3a": (192, 32, 28, 28),
        "mixed_3b": (256, 32, 28, 28),
        "mixed_3c": (480, 32, 28, 28),
        "pool_4a": (480, 16, 14, 14),
        "mixed_4b": (512, 16, 14, 14),
        "mixed_4c": (512, 16, 14, 14),
        "mixed_4d": (512, 16, 14, 14),
        "mixed_4e": (528, 16, 14, 14),
        "mixed_4f": (832, 16, 14, 14),
        "pool_5a": (832, 8, 7, 7),
        "mixed_5b": (832, 8, 7, 7),
        "mixed_5c": (1024, 8, 7, 7),
    }
    assert {stage: size for stage, size in sizes.items() if not stage.startswith("gate")} == expected


@pytest.mark.parametrize("clip", [(8, 32, 32), (9, 33, 35), (13, 47, 64), (16, 64, 64), (17, 65, 63)])
@pytest.mark.parametrize("name", ["I2D", "I3D", "S3D-G"])
def test_any_clip_from_8x32x32_up_works(name: str, clip: tuple[int, int, int]) -> None:
    network = build(name, classes=5, width=0.125).eval()
    logits = network(torch.rand(2, 3, *clip))
    assert logits.shape == (2, 5)
    assert logits.isfinite().all()


def test_a_flat_network_sees_each_frame_alone() -> None:
    """With neither temporal stride nor pooling in the way, a flat block's output at a frame depends on that frame."""
    block = build("I2D", width=0.125, classes=3).eval().trunk.mixed_3b  # type: ignore[union-attr]
    x = torch.rand(1, 24, 6, 8, 8)
    changed = x.clone()
    changed[:, :, 3] = torch.rand(1, 24, 8, 8)
    differs = (block(x) != block(changed)).flatten(3).any(dim=3).any(dim=1)[0]
    assert differs.tolist() == [False, False, False, True, False, False]


@pytest.mark.parametrize("name", ["I3D", "S3D"])
def test_a_3d_block_sees_a_frame_on_either_side(name: str) -> None:
    block = build(name, width=0.125, classes=3).eval().trunk.mixed_3b  # type: ignore[union-attr]
    x = torch.rand(1, 24, 7, 8, 8)
    changed = x.clone()
    changed[:, :, 3] = torch.rand(1, 24, 8, 8)
    differs = (block(x) != block(changed)).flatten(3).any(dim=3).any(dim=1)[0]
    assert differs.tolist() == [False, False, True, True, True, False, False]


def test_a_separable_pair_splits_kernel_and_stride() -> None:
    pair = meta("S3D").trunk.conv_1a  # type: ignore[union-attr]
    spatial, temporal = pair.spatial.conv, pair.temporal.conv  # type: ignore[union-attr]
    assert spatial.kernel_size == (1, 7, 7)
    assert spatial.stride == (1, 2, 2)
    assert temporal.kernel_size == (7, 1, 1)
    assert temporal.stride == (2, 1, 1)
    assert [type(module) for module in pair.spatial] == [type(module) for module in pair.temporal]  # type: ignore


def test_gates_stand_after_1a_2c_and_branches_1_and_2_whatever_their_kind() -> None:
    for name in ("S3D-G", "I3D-G", "I2D-G"):
        network = meta(name)
        gates = [place for place, module in network.named_modules() if isinstance(module, Gate)]
        blocks = [place for place, module in network.named_modules() if isinstance(module, MixedBlock)]
        expected = ["trunk.gate_1a", "trunk.gate_2c"]
        expected += [f"{block}.{branch}.gate" for block in blocks for branch in ("branch1", "branch2")]
        assert sorted(gates) == sorted(expected)
        assert len(gates) == 20


def test_gate_by_hand() -> None:
    """Two channels with means 1 and 2: Y = sigmoid(W mean + b) X."""
    gate = Gate(2)
    with torch.no_grad():
        gate.excite.weight.copy_(torch.tensor([[1.0, 0.0], [1.0, -1.0]]))
        gate.excite.bias.copy_(torch.tensor([0.0, 1.0]))
    x = torch.tensor([0.0, 2.0, 1.0, 3.0]).reshape(1, 2, 2, 1, 1)
    factors = torch.sigmoid(torch.tensor([1.0, 0.0]))  # 1*1, then 1 - 2 + 1
    expected = torch.stack([x[0, 0] * factors[0], x[0, 1] * factors[1]])[None]
    assert torch.allclose(gate(x), expected)


def test_the_head_averages_logits_over_what_the_pool_leaves() -> None:
    """Pooling at stride 1, then logits, then the mean: linear, so the mean of window means decides."""
    network = build("I3D", classes=4, width=0.0625).eval()
    assert isinstance(network, Inception)
    x = torch.rand(1, 64, 4, 9, 8)
    windows = [
        x[:, :, t : t + 2, h : h + 7, w : w + 7].mean(dim=(2, 3, 4)) for t in range(3) for h in range(3) for w in (0, 1)
    ]
    pooled = torch.stack(windows).mean(dim=0)
    expected = pooled @ network.head.logits.weight[:, :, 0, 0, 0].T + network.head.logits.bias
    assert torch.allclose(network.head(x), expected, atol=1e-5)


def test_build_takes_a_variant_or_a_name_with_knobs() -> None:
    torch.manual_seed(0)
    named = build("S3D", classes=7, width=0.125).state_dict()
    torch.manual_seed(0)
    described = build(Variant.parse("S3D", classes=7, width=0.125)).state_dict()
    assert all(torch.equal(named[key], described[key]) for key in named)
    with pytest.raises(InputError, match="knob 'depth'"):
        build("S3D", depth=3)
