"""The user's own networks as variants: found, digested, and never run by being named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tradeoff.errors import InputError
from tradeoff.variants import CustomVariant, Variant

TRAP = "raise RuntimeError('this module was run')\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, with Python's path as it was afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def test_a_module_in_the_working_folder_is_found_and_not_run(folder: Path) -> None:
    (folder / "naming_trap.py").write_text(TRAP)
    variant = Variant.parse("naming_trap:tiny(width=8, kinds=[full, flat], depth=3)", classes=5)
    assert isinstance(variant, CustomVariant)
    assert variant.name == "naming_trap:tiny(depth=3, kinds=[full, flat], width=8)"
    assert variant.keywords == {"width": 8, "kinds": ["full", "flat"], "depth": 3}
    assert (variant.classes, variant.units, variant.scaling, variant.published) == (5, "", "unit", None)
    assert Variant.parse(variant.name, classes=5) == variant
    assert "naming_trap" not in sys.modules


def test_fields_lead_back_without_looking_for_the_module(folder: Path) -> None:
    (folder / "fields_trap.py").write_text(TRAP)
    variant = Variant.parse("fields_trap:tiny(width=8)")
    assert variant.fields().keys() == {"family", "target", "arguments", "source"}
    (folder / "fields_trap.py").unlink()
    again = Variant.from_fields(json.loads(json.dumps(variant.fields())))
    assert again == variant
    assert again.name == "fields_trap:tiny(width=8)"


def test_reading_fields_imports_nothing(tmp_path: Path) -> None:
    """In a process of its own: even a package around the module, which looking for it would import."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text(TRAP)
    (tmp_path / "package" / "nets.py").write_text(TRAP)
    script = (
        "import sys\n"
        "from tradeoff.variants import Variant\n"
        "before = set(sys.modules)\n"
        "fields = {'family': 'custom', 'target': 'package.nets:tiny', 'arguments': 'width=8', 'source': 'ab'}\n"
        "variant = Variant.from_fields(fields)\n"
        "variant.name, variant.keywords, variant.fields(), hash(variant), variant.check_clip(8, 32, 32)\n"
        "assert set(sys.modules) == before, set(sys.modules) - before\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)


def test_an_edited_network_is_another_network(folder: Path) -> None:
    digests = set()
    for text in ("def tiny(num_classes): ...", "def tiny(num_classes):  ..."):
        (folder / "edited_nets.py").write_text(text)
        digests.add(json.dumps(Variant.parse("edited_nets:tiny").fields()))
    assert len(digests) == 2


def test_the_order_of_arguments_makes_no_other_network(folder: Path) -> None:
    (folder / "ordered_nets.py").write_text("")
    assert Variant.parse("ordered_nets:f(a=1, b=2)") == Variant.parse("ordered_nets:f", b=2, a=1)


@pytest.mark.parametrize("argument", ["width", "head", "cls", "name", "target", "defaults", "family"])
def test_any_argument_is_the_callables_own(folder: Path, argument: str) -> None:
    (folder / "arguing_nets.py").write_text("")
    for value in (1.0, 8):
        variant = Variant.parse(f"arguing_nets:f({argument}={value})", {"width": 0.25})
        assert isinstance(variant, CustomVariant)
        assert variant.keywords == {argument: value}


def test_a_sweeps_width_is_not_passed_on(folder: Path) -> None:
    (folder / "widthless_nets.py").write_text("")
    variant = Variant.parse("widthless_nets:f", {"width": 0.25}, classes=3)
    assert isinstance(variant, CustomVariant)
    assert (variant.keywords, variant.classes) == ({}, 3)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("nowhere_nets:f", ["module 'nowhere_nets'", "is not there", "Python's path"]),
        ("nowhere.nets:f", ["module 'nowhere.nets'", "cannot be imported", "No module named 'nowhere'"]),
        (".nets:f", ["module '.nets'", "cannot be imported"]),
        ("a b:f", ["is not there"]),
        (":f", ["module:callable"]),
        ("nets:", ["module:callable"]),
        ("nets:f.g", ["module:callable"]),
        ("nets:f:g", ["module:callable"]),
        ("C:\\nets.py:f", ["module:callable"]),
        ("sys:f(num_classes=3)", ["'num_classes'", "always given"]),
        ("__main__x:f", ["is not there"]),
    ],
)
def test_what_cannot_be_found_is_refused(folder: Path, name: str, parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        Variant.parse(name)
    for part in parts:
        assert part in str(caught.value)


def test_a_package_that_fails_is_refused_with_its_own_words(folder: Path) -> None:
    (folder / "broken_package").mkdir()
    (folder / "broken_package" / "__init__.py").write_text("1 / 0")
    (folder / "broken_package" / "nets.py").write_text("")
    with pytest.raises(InputError, match=r"broken_package.nets.*ZeroDivisionError: division by zero"):
        Variant.parse("broken_package.nets:f")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"target": "nets"},
        {"target": 3},
        {"target": "nets:f", "arguments": 3},
        {"target": "nets:f", "arguments": "a=1)(b=2"},
        {"target": "nets:f", "arguments": "a=__import__('os')"},
        {"target": "nets:f", "code": "x"},
    ],
)
def test_fields_of_no_network_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Variant.from_fields({"family": "custom", **fields})
