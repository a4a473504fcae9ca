"""torchvision's networks as variants: their names, and what is on record of them against torchvision's own metadata."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torchvision.models import get_model_weights, list_models
from torchvision.models import video as torchvision_video

from tradeoff.errors import InputError
from tradeoff.networks.pixels import PIXELS
from tradeoff.variants import PEERS, CustomVariant, PeerVariant, Variant

MVIT = ("mvit_v1_b", "mvit_v2_s")


def weights_of(name: str) -> Any:
    return get_model_weights(name).KINETICS400_V1


def test_all_video_networks_of_torchvision_are_there() -> None:
    assert set(PEERS) == set(list_models(torchvision_video))


@pytest.mark.parametrize("name", PEERS)
def test_what_is_published_is_what_torchvision_says(name: str) -> None:
    published, meta = Variant.parse(name).published, weights_of(name).meta
    assert published is not None
    assert (published.top1, published.top5) == tuple(
        meta["_metrics"]["Kinetics-400"][key] for key in ("acc@1", "acc@5")
    )
    crop = weights_of(name).transforms().crop_size
    said = {key: re.search(rf"`{key}=([\d.]+)`", meta["_docs"])[1].rstrip(".") for key in ("frame_rate", "clip_len")}  # type: ignore[index]
    clips = re.search(r"`clips_per_video=(\d+)`", meta["_docs"])[1]  # type: ignore[index]
    assert published.clip == f"{said['clip_len']}x{crop[0]}x{crop[1]}"
    assert published.views.startswith("1 clip, " if clips == "1" else f"{clips} clips a video, ")
    assert ("clip level" if "clip-level" in meta["_docs"] else "video level") in published.views
    assert f"{said['frame_rate']} frames a second" in published.views
    assert str(published).startswith(f"{published.top1:g} / {published.top5:g}, {published.clip}, ")


@pytest.mark.parametrize("name", PEERS)
def test_pixels_are_scaled_as_for_the_published_weights(name: str) -> None:
    transforms = weights_of(name).transforms()
    mean, deviation = (list(part) * (3 // len(part)) for part in PIXELS[Variant.parse(name).scaling])
    assert (mean, deviation) == (transforms.mean, transforms.std)


@pytest.mark.parametrize("name", PEERS)
def test_the_published_clip_is_one_that_the_network_takes(name: str) -> None:
    variant = Variant.parse(name)
    assert variant.published is not None
    variant.check_clip(*map(int, variant.published.clip.split("x")))


def test_nothing_is_published_of_a_network_that_somebody_changed() -> None:
    assert Variant.parse("r3d_18", classes=16).published is None
    assert Variant.parse("s3d(dropout=0.5)").published is None
    assert Variant.parse("mvit_v2_s(temporal_size=8)").published is None
    assert Variant.parse("I3D").published is None


@given(
    st.sampled_from(MVIT),
    st.fixed_dictionaries(
        {},
        optional={
            "temporal_size": st.integers(1, 64).map(lambda n: 2 * n),
            "spatial_size": st.lists(st.integers(1, 64).map(lambda n: 4 * n), min_size=2, max_size=2),
            "dropout": st.floats(0, 1),
            "attention_dropout": st.floats(0, 1),
        },
    ),
    st.integers(1, 1000),
)
def test_a_name_and_fields_lead_back_to_the_variant(name: str, arguments: dict[str, Any], classes: int) -> None:
    variant = Variant.parse(name, **arguments, classes=classes)
    assert Variant.parse(variant.name, classes=classes) == variant
    assert Variant.from_fields(json.loads(json.dumps(variant.fields()))) == variant
    assert Variant.parse(name, **dict(reversed(arguments.items())), classes=classes) == variant


def test_fields_hold_only_what_was_named() -> None:
    assert Variant.parse("r3d_18").fields() == {"family": "torchvision", "model": "r3d_18"}
    assert {each.name for each in fields(PeerVariant)} == {"classes", "model", "arguments"}


def test_sizes_that_a_network_has_anyway_make_no_other_network() -> None:
    named = Variant.parse("mvit_v2_s(temporal_size=16, spatial_size=[224, 224])")
    assert named == Variant.parse("mvit_v2_s")
    assert named == Variant.parse("mvit_v2_s", spatial_size=(224, 224))
    assert named.published is not None


def test_a_sweeps_width_is_nothing_to_a_network_without_one() -> None:
    assert Variant.parse("r3d_18", {"width": 0.25}, classes=16) == Variant.parse("r3d_18", classes=16)
    with pytest.raises(InputError, match="has no width"):
        Variant.parse("r3d_18", width=0.25)


@pytest.mark.parametrize("name", ["R3D_18", "torchvision.r3d_18", "Torchvision.R3D_18"])
def test_names_in_any_case(name: str) -> None:
    assert Variant.parse(name).name == "r3d_18"


def test_a_callable_of_torchvisions_own_is_no_name_of_ours() -> None:
    assert isinstance(Variant.parse("torchvision.models:resnet18"), CustomVariant)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("r3d18", ["'r3d18' is unknown", "did you mean r3d_18"]),
        ("swin3d", ["did you mean swin3d_"]),
        ("torchvision.mvit_v1", ["did you mean mvit_v1_b"]),
        ("torchvision.resnet18", ["use one of r3d_18, mc3_18"]),
        ("r3d_18(depth=3)", ["'depth'", "use zero_init_residual"]),
        ("r3d_18(num_classes=3)", ["'num_classes'", "does not take"]),
        ("r3d_18(weights=DEFAULT)", ["'weights'", "does not take"]),  # nothing is ever downloaded
        ("r3d_18(pretrained=true)", ["'pretrained'", "does not take"]),
        ("swin3d_t(window_size=[4, 4, 4])", ["'window_size'", "use mlp_ratio or dropout or attention_dropout"]),
        ("mvit_v2_s(temporal_size=3)", ["temporal_size 3", "even"]),
        ("mvit_v2_s(temporal_size=8.0)", ["temporal_size 8.0"]),
        ("mvit_v2_s(spatial_size=224)", ["spatial_size 224", "[224, 224]"]),
        ("mvit_v2_s(spatial_size=[224, 222])", ["multiples of 4"]),
        ("mvit_v2_s(spatial_size=[224, 224, 224])", ["two multiples of 4"]),
        ("mvit_v2_s(spatial_size=[0, 0])", ["two multiples of 4"]),
    ],
)
def test_a_wrong_name_or_argument_is_refused_before_torch_is_needed(name: str, parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        Variant.parse(name)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("name", "clip", "parts"),
    [
        (
            "mvit_v2_s",
            (8, 64, 64),
            ["mvit_v2_s takes clips of 16x224x224", "not 8x64x64", "mvit_v2_s(temporal_size=8, spatial_size=[64, 64])"],
        ),
        ("mvit_v1_b", (9, 64, 64), ["not 9x64x64", "whole patches of 2x4x4"]),
        ("mvit_v1_b(temporal_size=8)", (16, 224, 224), ["takes clips of 8x224x224", "write mvit_v1_b for those"]),
        ("mvit_v1_b(dropout=0.1)", (8, 224, 224), ["write mvit_v1_b(temporal_size=8, dropout=0.1) for those"]),
        ("s3d", (12, 224, 224), ["torchvision.s3d takes clips from 13x209x209 up, not 12x224x224"]),
    ],
)
def test_a_clip_that_a_network_cannot_take_is_refused_with_what_it_takes(
    name: str, clip: tuple[int, int, int], parts: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        Variant.parse(name).check_clip(*clip)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "resnet"},
        {"model": ["r3d_18"]},
        {"model": "r3d_18", "arguments": 3},
        {"model": "r3d_18", "arguments": "depth=3"},
        {"model": "s3d", "arguments": "dropout=1)(a=2"},
        {"model": "r3d_18", "width": 2},
        {"model": "r3d_18", "classes": 0},
    ],
)
def test_fields_of_no_network_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Variant.from_fields({"family": "torchvision", **fields})
