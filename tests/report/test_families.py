from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from tradeoff.errors import InputError
from tradeoff.report.families import heavy_of, members

NAMES = ("I2D", "I3D", "S3D", "S3D-G", "Top-Heavy-I3D-3", "Bottom-Heavy-S3D-3", "Fast-S3D-G", "Inception-33s2222ssss")


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("top-heavy", "I2D I3D S3D S3D-G Top-Heavy-I3D-3 Fast-S3D-G"),
        ("Bottom-Heavy", "I2D I3D S3D S3D-G Bottom-Heavy-S3D-3"),
        ("top-heavy-i3d", "I2D I3D Top-Heavy-I3D-3"),
        ("top-heavy-s3d-g", "S3D-G Fast-S3D-G"),
        ("separable", "S3D S3D-G Bottom-Heavy-S3D-3 Fast-S3D-G"),
        ("full", "I3D Top-Heavy-I3D-3"),
        ("flat", "I2D"),
        ("mixed", "Inception-33s2222ssss"),
        ("gated", "S3D-G Fast-S3D-G"),
        ("ungated", "I2D I3D S3D Top-Heavy-I3D-3 Bottom-Heavy-S3D-3 Inception-33s2222ssss"),
    ],
)
def test_members_of_a_family(table: Callable[..., pd.DataFrame], family: str, expected: str) -> None:
    rows = table(*NAMES)
    assert rows["variant"][members(rows, family)].tolist() == expected.split()


def test_other_networks_are_in_no_family_of_the_paper(table: Callable[..., pd.DataFrame]) -> None:
    rows = table("I3D", "I2D")
    rows.loc[1, ["units", "gating"]] = "", False
    assert members(rows, "other").tolist() == [False, True]
    assert not members(rows, "ungated")[1] and not members(rows, "flat")[1]


def test_an_unknown_family_is_answered_with_the_nearest(table: Callable[..., pd.DataFrame]) -> None:
    with pytest.raises(InputError, match="'topheavy' is unknown: did you mean top-heavy"):
        members(table("I3D"), "topheavy")
    with pytest.raises(InputError, match="use one of top-heavy, bottom-heavy"):
        members(table("I3D"), "xyz")


def test_which_end_is_heavy() -> None:
    assert [heavy_of(units) for units in ("22222222222", "33322222222", "2222222222s", "3s222222222", "")] == [
        "both", "bottom", "top", "", "",
    ]  # fmt: skip
