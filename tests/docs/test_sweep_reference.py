"""The reference of sweep files is what docs/sweep_files.py writes, and that is what a sweep file may say."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType
from typing import Annotated, Literal

import pytest
from documents import ROOT
from pydantic import BaseModel, Field

from tradeoff.sweep.file import Sweep, make_sweep
from tradeoff.training.recipe import RECIPES

PAGE = ROOT / "docs/sweep_files.md"
Rows = dict[str, dict[str, list[str]]]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sweep_files", PAGE.with_suffix(".py"))
    assert spec and spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def sections(text: str) -> Rows:
    """By section and key: value, default and meaning."""
    found: Rows = {}
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \| (.*) \|$", section, re.M)
        found[section.partition("\n")[0]] = {key: cells for key, *cells in rows}
    return found


@pytest.fixture(scope="module")
def written() -> Rows:
    return sections(PAGE.read_text())


def test_the_reference_is_up_to_date(script: ModuleType) -> None:
    assert script.page(PAGE.read_text()) == PAGE.read_text(), "run: python docs/sweep_files.py"


def test_every_key_is_there_with_what_it_may_be(written: Rows) -> None:
    assert set(written["The keys of a sweep file"]) == set(Sweep.model_fields)
    assert written["The keys of a sweep file"]["gpus"][:2] == ["a whole number from 1 to 4,096", ""]
    assert written["The keys of a sweep file"]["train"][:2] == ["keys of [train](#train); or `none`", "its defaults"]
    assert written["train"]["batch"] == [
        "a whole number from 2 to 65,536", "`16`", "clips a step, of all processes together.",
    ]  # fmt: skip
    assert written["train"]["schedule"][:2] == ["`cosine`, `one-cycle` or `steps`", "`cosine`"]
    assert written["train"]["milestones"][0] == "a list, each a number above 0 and below 1"
    assert written["latency"]["batch"][:2] == ["a whole number from 1 to 65,536; or a list", "`1`"]
    assert written["search.within"]["macs"][:2] == ["a number above 0", ""]
    assert written["data.videos"]["videos"][:2] == ["a path", "required"]


def test_what_the_reference_says_of_a_value_holds(written: Rows) -> None:
    """Of each number the least that is named is taken; recipes are taken by their names."""
    for key, (value, *_) in written["latency"].items():
        if least := re.fullmatch(r"a whole number from (\d+) to .*?(?:; or a list)?", value):
            make_sweep({"name": "x", "variants": ["I2D"], "latency": {key: int(least[1])}}, "x")
    for name in RECIPES:
        assert f"`{name}`" in written["train"]["recipe"][0]
        make_sweep({"name": "x", "variants": ["I2D"], "train": {"recipe": name}}, "x")


class Claim(BaseModel):
    """What is claimed.

    better, worse: names of networks.
    how     in which sense,
            exactly.
    """

    better: str
    worse: str
    how: Literal["equal", "less"] = "less"


class File(BaseModel):
    """A file."""

    claims: tuple[Claim, ...] = ()
    share: Annotated[float, Field(gt=0, lt=1)] = Field(0.5, description="of the whole.")


def test_a_new_section_is_picked_up(script: ModuleType) -> None:
    found = sections(script.reference(File))
    assert found["The keys of a sweep file"] == {
        "claims": ["a list, each keys of [claims](#claims)", "", "What is claimed."],
        "share": ["a number above 0 and below 1", "`0.5`", "of the whole."],
    }
    assert found["claims"]["worse"] == ["text", "required", "names of networks."]
    assert found["claims"]["how"] == ["`equal` or `less`", "`less`", "in which sense, exactly."]


class Silent(BaseModel):
    """Nobody says what its key is."""

    key: int = 1


def test_a_key_that_says_nothing_is_an_error(script: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"Silent\.key says nowhere what it means"):
        script.reference(Silent)
