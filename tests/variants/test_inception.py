"""The paper's family: names, cuts, mixes of units, and the knobs that public implementations differ in."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.errors import InputError
from tradeoff.variants import (
    UNITS,
    InceptionVariant,
    PeerVariant,
    Variant,
    curve_names,
    cut,
    expand_units,
    family_names,
)
from tradeoff.variants.inception import CHOICES, KNOBS

KINDS = st.sampled_from(["full", "flat", "separable"])
VARIANTS = st.builds(
    InceptionVariant,
    classes=st.integers(1, 1000),
    convolutions=st.tuples(*[KINDS] * len(UNITS)),
    width=st.sampled_from([0.125, 0.25, 1.0, 2.0]),
    norm_eps=st.floats(1e-9, 0.1),
    **{knob: st.sampled_from(values) for knob, values in CHOICES.items()},  # gating is among them
)
OTHERWISE: dict[str, Any] = {  # each knob away from its default, as it is written in a name
    "stem_frames": (3, "3"),
    "stem_padding": ("symmetric", "symmetric"),
    "pool_padding": ("ceil", "ceil"),
    "time_padding": ("replicate", "replicate"),
    "stem_stride": ("first", "first"),
    "temporal_branches": (4, "4"),
    "temporal_norm": (False, "false"),
    "gate_bias": (False, "false"),
    "gate_place": ("branches", "branches"),
    "block_pool": ("full", "full"),
    "norm_eps": (1e-5, "1e-05"),
    "pixels": ("kinetics", "kinetics"),
}


@pytest.mark.parametrize(
    ("name", "units"),
    [
        ("I2D", "22222222222"),
        ("I3D", "33333333333"),
        ("S3D", "sssssssssss"),
        ("Fast-S3D", "22sssssssss"),
        ("Bottom-Heavy-I3D-2", "33222222222"),
        ("Top-Heavy-I3D-2", "22222222233"),
        ("Bottom-Heavy-S3D-1", "s2222222222"),
        ("Top-Heavy-S3D-10", "2ssssssssss"),
    ],
)
def test_a_name_says_which_units_are_3d(name: str, units: str) -> None:
    variant = InceptionVariant.from_name(name)
    assert variant.units == units
    assert variant.name == name
    assert not variant.gating


@pytest.mark.parametrize(
    ("alias", "canonical"),
    [
        ("Top-Heavy-S3D-9", "Fast-S3D"),
        ("Top-Heavy-I3D-0", "I2D"),
        ("Bottom-Heavy-S3D-0", "I2D"),
        ("Top-Heavy-I3D-11", "I3D"),
        ("Bottom-Heavy-S3D-11", "S3D"),
        ("s3d-g", "S3D-G"),
    ],
)
def test_where_two_names_fit_the_canonical_one_wins(alias: str, canonical: str) -> None:
    assert Variant.parse(alias).name == canonical


def test_the_family_has_each_cut_of_each_curve_once() -> None:
    # Four curves of twelve cuts; I2D is on four of them, I3D and S3D on two each.
    assert len(family_names()) == 4 * 12 - 3 - 1 - 1
    assert len({Variant.parse(name) for name in family_names()}) == len(family_names())


@given(VARIANTS)
def test_a_name_and_fields_lead_back_to_the_variant(variant: InceptionVariant) -> None:
    again = Variant.parse(variant.name, width=variant.width, classes=variant.classes)
    assert again == variant
    assert Variant.from_fields(json.loads(json.dumps(variant.fields()))) == variant


def test_every_knob_stands_in_the_name() -> None:
    assert set(OTHERWISE) == set(KNOBS)
    for knob, (value, text) in OTHERWISE.items():
        variant = Variant.parse(f"S3D({knob}={text})")
        assert getattr(variant, knob) == value
        assert variant == replace(InceptionVariant.from_name("S3D"), **{knob: value})
        assert variant == Variant.parse("S3D", **{knob: value})
        assert variant.name == f"S3D({knob}={text})"
        assert variant.fields()[knob] == value


def test_knobs_stand_in_one_order_whatever_order_they_are_named_in() -> None:
    one, other = (
        Variant.parse(f"S3D-G({knobs})")
        for knobs in ("pixels=kinetics, stem_frames=3", "stem_frames=3, pixels=kinetics")
    )
    assert one == other
    assert one.name == "S3D-G(stem_frames=3, pixels=kinetics)"


def test_gating_width_and_classes_can_be_named_too_and_are_no_part_of_the_name() -> None:
    variant = Variant.parse("S3D(gating=true, width=0.25, classes=7)")
    assert variant == Variant.parse("S3D-G", width=0.25, classes=7)
    assert variant.name == "S3D-G"


def test_a_knob_at_its_default_is_no_part_of_a_name_or_a_key() -> None:
    named = Variant.parse("I3D(stem_frames=7, temporal_norm=true, norm_eps=0.001)")
    assert named == Variant.parse("I3D")
    assert named.name == "I3D"
    assert named.fields() == {"family": "inception"}


def test_a_whole_number_and_a_fraction_are_one_width() -> None:
    whole, fraction = Variant.parse("I3D(width=2)"), Variant.parse("I3D", width=2.0)
    assert json.dumps(whole.fields()) == json.dumps(fraction.fields())


@pytest.mark.parametrize(
    ("knobs", "part"),
    [
        ("stem_frames=4", "stem_frames 4 is unknown: use 7 or 5 or 3 or 1"),
        ("stem_frames=7.0", "stem_frames 7.0"),
        ("stem_padding=ceil", "use same or symmetric"),
        ("pool_padding=none", "use same or symmetric or ceil"),
        ("temporal_branches=3", "use 2 or 4"),
        ("temporal_norm=1", "use true or false"),
        ("gate_bias=no", "use true or false"),
        ("gate_place=everywhere", "use temporal or branches"),
        ("block_pool=[unit]", "block_pool"),
        ("norm_eps=0", "norm_eps 0 is impossible"),
        ("norm_eps=small", "norm_eps small is impossible"),
        ("width=true", "width True is impossible"),
        ("pixels=rgb", "use unit or kinetics or imagenet or centred"),
        ("classes=many", "classes many is impossible"),
        ("depth=3", "knob 'depth' is unknown: use classes, width"),
        ("head=3", "knob 'head' is unknown"),
        ("convolutions=[full]", "knob 'convolutions' is unknown"),
    ],
)
def test_wrong_knobs_are_refused(knobs: str, part: str) -> None:
    with pytest.raises(InputError) as caught:
        Variant.parse(f"S3D({knobs})")
    assert part in str(caught.value)


def test_a_knob_in_the_name_and_beside_it_is_refused() -> None:
    with pytest.raises(InputError, match="names 'width', which is given beside it too: give it once"):
        Variant.parse("S3D(width=0.5)", width=0.25)


def test_a_default_for_many_names_gives_way_to_a_name() -> None:
    assert Variant.parse("S3D", {"width": 0.25}) == Variant.parse("S3D", width=0.25)
    assert Variant.parse("S3D(width=0.5)", {"width": 0.25}) == Variant.parse("S3D", width=0.5)
    assert Variant.parse("S3D", {"width": 0.25}, width=0.5) == Variant.parse("S3D", width=0.5)
    with pytest.raises(InputError, match="width 99"):
        Variant.parse("S3D", {"width": 99})


@pytest.mark.parametrize(
    ("name", "family", "canonical"),
    [
        ("s3d", PeerVariant, "torchvision.s3d"),
        ("s3d(dropout=0.5)", PeerVariant, "torchvision.s3d(dropout=0.5)"),
        ("torchvision.s3d", PeerVariant, "torchvision.s3d"),
        ("Torchvision.S3D", PeerVariant, "torchvision.s3d"),
        ("S3D", InceptionVariant, "S3D"),
        ("s3D", InceptionVariant, "S3D"),
        ("s3d-g", InceptionVariant, "S3D-G"),
        ("i3d", InceptionVariant, "I3D"),
    ],
)
def test_s3d_in_small_letters_is_torchvisions_and_everything_else_the_papers(
    name: str, family: type[Variant], canonical: str
) -> None:
    variant = Variant.parse(name)
    assert type(variant) is family
    assert variant.name == canonical
    assert Variant.parse(variant.name) == variant


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("22222222222", ["I2D"]),
        ("3" * 11, ["I3D"]),
        ("SSSSSSSSSSS", ["S3D"]),
        ("3{2}2{9}", ["Bottom-Heavy-I3D-2"]),
        ("22s{9}", ["Fast-S3D"]),
        ("[2s]2{10}", ["I2D", "Bottom-Heavy-S3D-1"]),
        ("2{10}[3s]", ["Top-Heavy-I3D-1", "Top-Heavy-S3D-1"]),
        ("3[2]s{9}", ["Inception-32sssssssss"]),
    ],
)
def test_a_pattern_stands_for_its_mixes(pattern: str, names: list[str]) -> None:
    assert expand_units(pattern) == names


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("22[3s]{9}", 2**9),
        ("[23]{2}[3s]{2}2222222", 2**4),
        ("[23s]{7}2222", 3**7),
        ("22[3s]{2}222[2s]{4}", 2**6),
        ("[33s]2{10}", 2),
    ],
)
def test_how_many_networks_a_pattern_stands_for(pattern: str, count: int) -> None:
    names = expand_units(pattern)
    assert len(names) == len(set(names)) == count
    assert len({Variant.parse(name) for name in names}) == count


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        ("2222222222", "names 10 units: name 11"),
        ("2{12}", "names 12 units"),
        ("22222222224", "name 11, a letter each"),
        ("[]2222222222", "name 11"),
        ("2{x}222222222", "name 11"),
        ("", "names 0 units"),
        ("[23s]{8}222", "stands for 6561 networks: 2187 at most"),
        ("2{99}", "names 99 units"),
    ],
)
def test_a_pattern_that_stands_for_nothing_is_refused(pattern: str, part: str) -> None:
    with pytest.raises(InputError) as caught:
        expand_units(pattern)
    assert part in str(caught.value)


def test_a_field_at_its_default_stays_out() -> None:
    assert Variant.parse("I3D").fields() == {"family": "inception"}
    assert Variant.parse("I3D", width=0.25, classes=16).fields() == {
        "family": "inception",
        "classes": 16,
        "width": 0.25,
    }
    assert Variant.parse("S3D-G").fields().keys() == {"family", "convolutions", "gating"}


@given(st.sampled_from(["Bottom", "Top"]), st.sampled_from(["I3D", "S3D"]), st.integers(0, 11))
def test_a_cut_has_k_units_in_3d_at_its_end(heavy: str, model: str, k: int) -> None:
    units = cut(heavy, model, k)  # type: ignore[arg-type]
    three_d = units[:k] if heavy == "Bottom" else units[len(units) - k :]
    assert len(units) == 11
    assert set(three_d) <= {"3" if model == "I3D" else "s"}
    assert units.count("2") == 11 - k


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("Top-Heavy-I3D-12", "K from 0 to 11"),
        ("Bottom-Heavy-S3D--1", "K from 0 to 11"),
        ("I4D", "did you mean I3D or I2D"),
        ("S3DD", "did you mean S3D"),  # not torchvision's s3d
        ("resnet", "use I2D"),
        ("", "is unknown"),
        ("Inception-333", "is unknown"),
    ],
)
def test_an_unknown_name_is_refused_with_what_would_be_right(name: str, part: str) -> None:
    with pytest.raises(InputError, match=part):
        Variant.parse(name)


@pytest.mark.parametrize("knobs", [{"width": 0.0}, {"width": float("nan")}, {"classes": 0}, {"colour": 1}])
def test_impossible_knobs_are_refused(knobs: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Variant.parse("I3D", **knobs)


@pytest.mark.parametrize(
    "fields",
    [
        {"family": "resnet"},
        {},
        {"family": "inception", "depth": 3},
        {"family": "inception", "convolutions": ["full"]},
        {"family": "inception", "convolutions": ["cubic"] * 11},
        {"family": "inception", "convolutions": [["full"]] * 11},
        {"family": "inception", "convolutions": 11},
        {"family": "inception", "stem_frames": [7]},
        {"family": ["inception"]},
    ],
)
def test_fields_of_no_known_network_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Variant.from_fields(fields)


def test_there_are_four_curves() -> None:
    assert set(curve_names()) == {"Bottom-Heavy-I3D", "Bottom-Heavy-S3D", "Top-Heavy-I3D", "Top-Heavy-S3D"}


def test_a_gated_name_is_gated() -> None:
    assert Variant.parse("S3D-G(gating=true)") == Variant.parse("S3D-G") == Variant.parse("S3D(gating=true)")
    with pytest.raises(InputError, match="contradicts"):
        Variant.parse("S3D-G(gating=false)")
