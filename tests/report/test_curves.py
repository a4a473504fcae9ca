from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from tradeoff.report.curves import Curve, curves_of, joined, kind_of
from tradeoff.variants import Variant

TWO_D, FULL, SEPARABLE = "2" * 11, "3" * 11, "s" * 11


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (TWO_D, {"Bottom-Heavy-I3D": 0, "Top-Heavy-I3D": 0, "Bottom-Heavy-S3D": 0, "Top-Heavy-S3D": 0}),
        (FULL, {"Bottom-Heavy-I3D": 11, "Top-Heavy-I3D": 11}),
        (SEPARABLE, {"Bottom-Heavy-S3D": 11, "Top-Heavy-S3D": 11}),
        ("33322222222", {"Bottom-Heavy-I3D": 3}),
        ("22sssssssss", {"Top-Heavy-S3D": 9}),
        ("3ssssssssss", {}),
        ("32222222223", {}),
    ],
)
def test_which_curves_units_are_on(units: str, expected: dict[str, int]) -> None:
    assert {curve.name: cut for curve, cut in curves_of(units).items()} == expected


@pytest.mark.parametrize("name", ["Bottom-Heavy-I3D", "Top-Heavy-I3D", "Bottom-Heavy-S3D", "Top-Heavy-S3D"])
@pytest.mark.parametrize("cut", range(12))
def test_every_name_of_a_cut_is_on_its_curve(name: str, cut: int) -> None:
    units = Variant.parse(f"{name}-{cut}").units  # type: ignore[attr-defined]
    assert {curve.name: k for curve, k in curves_of(units).items()}[name] == cut


def test_curves_join_in_cut_order_whatever_the_order_of_rows(figure4: pd.DataFrame) -> None:
    shuffled = figure4.sample(frac=1, random_state=0)
    lines = {curve.name: rows["variant"].tolist() for curve, rows in joined(shuffled)}
    assert lines["Top-Heavy-S3D"] == ["I2D", *(f"Top-Heavy-S3D-{k}" for k in (2, 4, 7)), "Fast-S3D", "S3D"]
    assert lines["Bottom-Heavy-I3D"] == ["I2D", *(f"Bottom-Heavy-I3D-{k}" for k in (2, 4, 7, 9)), "I3D"]
    assert len(lines) == 4


def test_ends_alone_make_no_curve_and_gated_rows_their_own(table: Callable[..., pd.DataFrame]) -> None:
    assert list(joined(table("I2D", "I3D", "S3D"))) == []
    gated = dict(joined(table("I2D", "S3D-G", "Fast-S3D-G", "S3D")))
    assert {curve: rows["variant"].tolist() for curve, rows in gated.items()} == {
        Curve("Top", "S3D", gated=True): ["Fast-S3D-G", "S3D-G"]
    }


def test_widths_are_not_joined(table: Callable[..., pd.DataFrame]) -> None:
    rows = pd.concat([table("I2D", "Fast-S3D", "S3D"), table("I2D", "Fast-S3D", "S3D", width=0.5)], ignore_index=True)
    assert [members["width"].unique().tolist() for _, members in joined(rows)] == [[0.25], [0.5]]


@pytest.mark.parametrize(
    ("units", "kind"), [(TWO_D, "flat"), ("32222222222", "full"), (SEPARABLE, "separable"), ("3ssssssssss", "mixed")]
)
def test_kind(units: str, kind: str) -> None:
    assert kind_of(units) == kind


def test_networks_of_other_families_are_on_no_curve(mixture: Callable[..., pd.DataFrame]) -> None:
    assert curves_of("") == {}
    assert kind_of("") == "other"
    rows = pd.concat([mixture("r3d_18"), mixture("mc3_18").iloc[2:]], ignore_index=True)
    assert list(joined(rows)) == []


def test_of_one_cut_with_several_knobs_the_first_is_on_the_curve(table: Callable[..., pd.DataFrame]) -> None:
    rows = table("I2D", "S3D", "S3D(temporal_branches=4)", "Fast-S3D")
    assert [each["variant"].tolist() for _, each in joined(rows)] == [["I2D", "Fast-S3D", "S3D"]]
