"""Any cut from one trained network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from random_networks import randomised
from torch import Tensor, nn

from tradeoff import Variant, build
from tradeoff.errors import InputError
from tradeoff.networks.inception import Inception
from tradeoff.variants import InceptionVariant
from tradeoff.weights.building import network_of
from tradeoff.weights.checkpoints import Weights, checkpoint_bytes, open_weights
from tradeoff.weights.derive import derive, distances, factors, smooth_clip
from tradeoff.weights.matching import match

SMALL = {"width": 0.125, "classes": 5}
CLIP = smooth_clip(seed=1)


def trained(name: str, seed: int = 0) -> Weights:
    """Random weights that stand in for trained ones."""
    variant = Variant.parse(name, **SMALL)
    return Weights("made", "tradeoff", variant, dict(randomised(build(variant), seed).state_dict()))


def derived(weights: Weights, name: str) -> Inception:
    target = match(weights, Variant.parse(name, **SMALL), {"classes", "width"}, derive=True)
    assert isinstance(target, InceptionVariant)
    return derive(weights, target).network


@torch.inference_mode()
def difference(weights: Weights, network: nn.Module, clip: Tensor = CLIP) -> float:
    own, other = weights.network()(clip), network(clip)
    return float((own - other).norm() / own.norm())


def test_full_to_flat_sums_over_time() -> None:
    weights = trained("I3D")
    flat = derived(weights, "I2D").state_dict()
    kernel = weights.state["trunk.mixed_4c.branch1.conv.conv.weight"]
    by_hand = kernel[:, :, 0] + kernel[:, :, 1] + kernel[:, :, 2]
    assert torch.allclose(flat["trunk.mixed_4c.branch1.conv.conv.weight"][:, :, 0], by_hand, atol=1e-6)
    assert torch.equal(flat["trunk.conv_2b.conv.weight"], weights.state["trunk.conv_2b.conv.weight"])


def test_flat_to_full_divides_by_the_length() -> None:
    weights = trained("I2D")
    full = derived(weights, "I3D").state_dict()["trunk.conv_1a.conv.weight"]
    assert full.shape[2] == 7
    for step in range(7):
        assert torch.allclose(full[:, :, step], weights.state["trunk.conv_1a.conv.weight"][:, :, 0] / 7)


def test_flat_to_full_and_back_is_where_it_started() -> None:
    weights = trained("I2D")
    inflated = derived(weights, "I3D")
    there = Weights("made", "tradeoff", Variant.parse("I3D", **SMALL), dict(inflated.state_dict()))
    assert difference(weights, derived(there, "I2D")) < 1e-6


def test_a_still_clip_is_the_same_to_a_flat_network_away_from_the_ends() -> None:
    """Summed over time, a kernel answers a still clip as the full one does where no zeros are in its reach."""
    weights = trained("Inception-32222222222")
    still = torch.randn(1, 3, 1, 48, 48).expand(-1, -1, 32, -1, -1)
    with torch.inference_mode():
        own = weights.network().trunk.conv_1a(still)  # type: ignore[operator, union-attr]
        other = derived(weights, "I2D").trunk.conv_1a(still)  # type: ignore[operator]
    assert torch.allclose(own[:, :, 2:-2], other[:, :, 2:-2], atol=1e-5)


@pytest.mark.parametrize("name", ["S3D", "S3D(temporal_norm=false)", "S3D(temporal_branches=4)"])
def test_flat_to_separable_is_exact(name: str) -> None:
    weights = trained("I2D(block_pool=full)")
    assert difference(weights, derived(weights, name)) < 1e-5


@pytest.mark.parametrize(
    "knobs", ["", "(gate_bias=false)", "(gate_place=branches)", "(gate_place=branches, gate_bias=false)"]
)
def test_new_gates_change_nothing(knobs: str) -> None:
    weights = trained("I3D")
    assert difference(weights, derived(weights, f"I3D-G{knobs}")) < 1e-5


def test_factors_of_a_product_are_exact() -> None:
    """A kernel that is a pair's product, of a rank below the width, comes back whole."""
    first, second = torch.randn(3, 4, 1, 3, 3), torch.randn(8, 3, 5, 1, 1)
    kernel = torch.einsum("omt,mihw->oithw", second[..., 0, 0], first[:, :, 0])
    spatial, temporal, kept = factors(kernel)
    again = torch.einsum("omt,mihw->oithw", temporal[..., 0, 0], spatial[:, :, 0])
    assert spatial.shape == (8, 4, 1, 3, 3)
    assert temporal.shape == (8, 8, 5, 1, 1)
    assert torch.allclose(again, kernel, atol=1e-5)
    assert kept == pytest.approx(1.0)


def test_factors_are_the_nearest_by_eckart_and_young() -> None:
    """The share that is lost is that of the singular values left out, and no other pair of that width loses less."""
    torch.manual_seed(0)
    kernel = torch.randn(4, 6, 3, 3, 3)
    spatial, temporal, kept = factors(kernel)
    values = torch.linalg.svdvals(kernel.transpose(1, 2).reshape(12, 54))
    assert kept == pytest.approx(float((values[:3] ** 2).sum() / (values**2).sum()), rel=1e-5)

    def loss(first: Tensor, second: Tensor) -> float:
        return float((torch.einsum("omt,mihw->oithw", second[..., 0, 0], first[:, :, 0]) - kernel).norm())

    best = loss(spatial, temporal)
    assert best == pytest.approx(float((1 - kept) ** 0.5 * kernel.norm()), rel=1e-4)
    used = torch.ones(4)
    used[-1] = 0  # the last middle channel is reserved
    for _ in range(50):
        moved = spatial + 0.05 * torch.randn_like(spatial) * used[:, None, None, None, None]
        assert loss(moved, temporal + 0.05 * torch.randn_like(temporal) * used[None, :, None, None, None]) > best


def test_a_factorised_network_is_the_full_one_where_nothing_is_lost() -> None:
    """Through batch norm and ReLU in the middle, at the clip's first and last steps too."""
    weights = trained("Inception-22333322222")
    state = dict(weights.state)
    for name, kernel in state.items():
        if kernel.ndim == 5 and kernel.shape[2] == 3 and kernel.shape[0] > 1:
            spatial, temporal, _ = factors(kernel)
            half = kernel.shape[0] // 2
            spatial[half:] = 0
            state[name] = torch.einsum("omt,mihw->oithw", temporal[..., 0, 0], spatial[:, :, 0])
    halved = Weights("made", "tradeoff", weights.variant, state)
    for knobs in ("", "(temporal_norm=false)"):
        assert difference(halved, derived(halved, f"Inception-22ssss22222{knobs}")) < 1e-4


def test_a_separable_network_is_nearer_than_a_flat_one() -> None:
    weights = trained("I3D")
    separable, flat = (distances(weights.network(), derived(weights, name), CLIP) for name in ("S3D", "I2D"))
    assert list(separable)[:3] == ["conv_1a", "conv_2b", "conv_2c"]
    assert list(separable)[-2:] == ["mixed_5c", "logits"]
    assert 0 < separable["mixed_5c"] < flat["mixed_5c"]


def test_distance_by_hand() -> None:
    weights = trained("I3D")
    assert set(distances(weights.network(), weights.network(), CLIP).values()) == {0.0}
    doubled = weights.network()
    doubled.head.logits.weight.data.mul_(3)  # type: ignore[operator, union-attr]
    doubled.head.logits.bias.data.mul_(3)  # type: ignore[operator, union-attr]
    assert distances(weights.network(), doubled, CLIP)["logits"] == pytest.approx(2.0, rel=1e-5)


def test_what_cannot_be_derived_is_refused() -> None:
    separable, gated, full = trained("S3D"), trained("I3D-G"), trained("I3D")
    with pytest.raises(InputError, match="separable in unit 1a"):
        derived(separable, "I3D")
    with pytest.raises(InputError, match="are gated"):
        derived(gated, "I3D")
    with pytest.raises(InputError, match="skips frames"):
        derived(full, "S3D(stem_stride=first)")


def test_another_variant_needs_the_word_derive() -> None:
    weights = trained("I3D")
    with pytest.raises(InputError, match=r"are of I3D .* derive it"):
        match(weights, Variant.parse("S3D", **SMALL), {"classes", "width"}, derive=False)
    with pytest.raises(InputError, match=r"width=0\.125, and width=0\.25 would be another network"):
        match(weights, Variant.parse("I3D", width=0.25), {"width"}, derive=True)


def test_knobs_that_nobody_named_come_from_the_weights() -> None:
    weights = trained("I3D(pool_padding=ceil, norm_eps=0.01, stem_frames=3)")
    target = match(weights, Variant.parse("Top-Heavy-S3D-4"), set(), derive=True)
    assert target.fields() | {"convolutions": 0} == {
        "family": "inception",
        "classes": 5,
        "convolutions": 0,
        "width": 0.125,
        "pool_padding": "ceil",
        "norm_eps": 0.01,
        "stem_frames": 3,
    }


def test_other_classes_get_a_new_head_that_the_seed_decides() -> None:
    weights = trained("I3D")
    target = match(weights, Variant.parse("I3D", width=0.125, classes=9), {"classes"}, derive=True)
    heads = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        network = network_of(weights, target)
        heads.append(network.state_dict()["head.logits.weight"])
        assert torch.equal(
            network.state_dict()["trunk.conv_1a.conv.weight"], weights.state["trunk.conv_1a.conv.weight"]
        )
    assert heads[0].shape[0] == 9
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_build_derives_from_a_file(tmp_path: Path) -> None:
    weights = trained("I3D")
    path = tmp_path / "i3d.pt"
    path.write_bytes(checkpoint_bytes(weights.state, weights.variant))
    network = build("I2D", weights=path, derive=True)
    assert difference(weights, derived(weights, "I2D")) == difference(weights, network)
    assert not network.training
    with pytest.raises(InputError, match="derive"):
        build("I2D", weights=path)


def test_another_family_keeps_all_but_its_last_layer(tmp_path: Path) -> None:
    """torchvision's weights for 400 classes start a network for 5."""
    trained_on_400 = randomised(build("r3d_18"))
    path = tmp_path / "r3d_18.pth"
    torch.save(trained_on_400.state_dict(), path)
    with pytest.raises(InputError, match="are of r3d_18"):
        build("r3d_18", weights=path, classes=5)
    state = build("r3d_18", weights=path, classes=5, derive=True).state_dict()
    assert state["fc.weight"].shape == (5, 512)
    before = trained_on_400.state_dict()
    assert all(torch.equal(state[name], before[name]) for name in before if not name.startswith("fc"))
    loaded = build("r3d_18", weights=path).state_dict()
    assert all(torch.equal(loaded[name], before[name]) for name in before)


def test_a_checkpoint_does_not_choose_which_code_runs(tmp_path: Path) -> None:
    (tmp_path / "trap.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    content = {"format": "tradeoff-checkpoint-1", "state": {"a": torch.zeros(1)}}
    for target in ("os:system", f"{tmp_path.name}.trap:make"):
        variant = {"family": "custom", "target": target, "arguments": "command='touch ran'", "source": ""}
        torch.save(content | {"variant": variant}, tmp_path / "w.pt")
        with pytest.raises(InputError, match="code of a user's: name that variant too"):
            open_weights(tmp_path / "w.pt")
    assert not (tmp_path / "ran").exists()


def test_knobs_count_however_the_network_is_named(tmp_path: Path) -> None:
    weights = trained("I3D(pool_padding=ceil)")
    path = tmp_path / "w.pt"
    path.write_bytes(checkpoint_bytes(weights.state, weights.variant))
    for wrong in ({"pool_padding": "same"}, {"width": 0.25}, {"classes": 9}, {"nonsense": 3}):
        with pytest.raises(InputError):
            build(weights=path, **wrong)
    with pytest.raises(InputError, match="beside a variant"):
        build(weights.variant, weights=path, classes=9)
    with pytest.warns(UserWarning, match="pool_padding=ceil"):
        network = build(weights=path)
    assert network.head.dropout.p == 0.2  # as without weights, for who trains on


def test_bare_weights_have_the_classes_that_their_head_has(tmp_path: Path) -> None:
    weights = trained("I2D")
    torch.save(weights.state, tmp_path / "bare.pt")
    assert open_weights(tmp_path / "bare.pt", Variant.parse("I2D", width=0.125)).variant == weights.variant
