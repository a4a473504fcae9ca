from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.errors import InputError
from tradeoff.variants import UNITS, InceptionVariant, Variant, curve_names, cut, family_names

KINDS = st.sampled_from(["full", "flat", "separable"])
VARIANTS = st.builds(
    InceptionVariant,
    classes=st.integers(1, 1000),
    convolutions=st.tuples(*[KINDS] * len(UNITS)),
    gating=st.booleans(),
    width=st.sampled_from([0.125, 0.25, 1.0, 2.0]),
)


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
    ],
)
def test_fields_of_no_known_network_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Variant.from_fields(fields)


def test_there_are_four_curves() -> None:
    assert set(curve_names()) == {"Bottom-Heavy-I3D", "Bottom-Heavy-S3D", "Top-Heavy-I3D", "Top-Heavy-S3D"}
