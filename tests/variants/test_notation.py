"""How a variant is written: NAME(key=value, ...)."""

from __future__ import annotations

import keyword
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.errors import InputError
from tradeoff.variants import notation

KEYS = st.text(string.ascii_letters + "_", min_size=1, max_size=8).filter(lambda key: not keyword.iskeyword(key))
# Words that Python keeps for itself, letters that it folds, and what looks like a number or a truth value.
AWKWARD = st.sampled_from(["class", "true", "None", "ﬁ", "1e5", "inf", "", "a b", "f(x)", "'", '"\\', "a=1, b=2", "\n"])
PLAIN = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(PLAIN | st.text() | AWKWARD, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_what_is_written_is_read_again(arguments: dict[str, Any]) -> None:
    text = notation.write("name", arguments)
    assert notation.read(text) == ("name", arguments)
    assert notation.inside(notation.read(text)[1]) == notation.inside(arguments)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("S3D", ("S3D", {})),
        ("  S3D ()", ("S3D", {})),
        ("S3D(stem_stride=first)", ("S3D", {"stem_stride": "first"})),
        ("f(a=1, b=-2.5, c=1e-3)", ("f", {"a": 1, "b": -2.5, "c": 0.001})),
        ("f(a=true, b=False, c=none, d=None)", ("f", {"a": True, "b": False, "c": None, "d": None})),
        ("f(a='true', b=\"(\")", ("f", {"a": "true", "b": "("})),
        ("f(a=[1, [two, 'three 3']], b=(4, 5))", ("f", {"a": [1, ["two", "three 3"]], "b": [4, 5]})),
    ],
)
def test_names_as_people_write_them(text: str, expected: tuple[str, dict[str, Any]]) -> None:
    assert notation.read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "f(",
        "f(a)",
        "f(1)",
        "f(a=)",
        "f(a=1",
        "f(a=1))",
        "f(a=1)(b=2)",  # a call of what a call returns: its arguments are not all the arguments
        "f(a=1).g(b=2)",
        "f(**options)",
        "f(a={})",
        "f(a=b'x')",
        "f(a=1j)",
        "f(a=1e999)",
        "f(a=g(1))",
        "f(a=__import__('os'))",
        "f(a=b.c)",
        "f(a=1+1)",
        "f(a=1) or f(b=2)",
        "f(a:=1)",
        "f(a=lambda: 1)",
        "f(a=class)",
        "f(class=1)",
        "f(a=" + "[" * 5000 + ")",
        "f(a=\0)",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="cannot be read: write it as NAME"):
        notation.read(text)


def test_an_argument_that_is_named_twice_is_refused() -> None:
    with pytest.raises(InputError, match="names 'b' twice: give it once"):
        notation.read("f(a=1, b=2, b=3)")


@pytest.mark.parametrize("value", [object(), {"a": 1}, float("nan"), float("inf"), [float("nan")], b"x", 1j])
def test_a_value_that_cannot_be_written_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="knob a is"):
        notation.write("f", {"a": value})


@pytest.mark.parametrize("key", ["two words", "class", "", "a=1, b", "ﬁ"])
def test_a_key_that_cannot_be_written_is_refused(key: str) -> None:
    with pytest.raises(InputError, match="cannot stand in a name"):
        notation.write("f", {key: 1})
