"""A variant's name as it is written: `S3D`, `S3D(stem_stride=first)`, `my_nets:make(depth=3, widths=[1, 2])`."""

from __future__ import annotations

import ast
import keyword
import math
from collections.abc import Mapping
from typing import Any

from tradeoff.errors import InputError

_WORDS = {"true": True, "false": False, "none": None}


def read(text: str) -> tuple[str, dict[str, Any]]:
    """The head of a name and its arguments; bare words are text, `true` and `false` truth values.

    Nothing is executed. Raises InputError where the part in parentheses is no list of `key=value`.
    """
    head, bracket, rest = text.strip().partition("(")
    if not bracket:
        return head, {}
    try:
        given = _keywords(f"f({rest}")
        arguments = {str(each.arg): _value(each.value) for each in given}
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(
            f"variant {text!r} cannot be read: write it as NAME(key=value, key=value), values being words, numbers, "
            "true, false, quoted text or lists of them"
        ) from error
    if len(arguments) < len(given):
        twice = next(key for key in arguments if sum(each.arg == key for each in given) > 1)
        raise InputError(f"variant {text!r} names {twice!r} twice: give it once")
    return head.strip(), arguments


def write(head: str, arguments: Mapping[str, Any]) -> str:
    """The inverse of `read`, arguments in the order given."""
    return f"{head}({inside(arguments)})" if arguments else head


def inside(arguments: Mapping[str, Any]) -> str:
    """What stands between the parentheses. Raises InputError for what cannot be written there."""
    for key in arguments:
        if not _is_word(key):
            raise InputError(f"variant knob {key!r} cannot stand in a name: use a word")
    return ", ".join(f"{key}={_text(key, value)}" for key, value in arguments.items())


def _keywords(call: str) -> list[ast.keyword]:
    """The arguments of one call and nothing beside it: `f(a=1)(b=2)` is a call too, of what `f(a=1)` returns."""
    node = ast.parse(call, mode="eval").body
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.args:
        raise ValueError
    if any(each.arg is None for each in node.keywords):
        raise ValueError  # **options
    return node.keywords


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Name):
        return _WORDS.get(node.id.lower(), node.id)
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(each) for each in node.elts]
    value = ast.literal_eval(node)
    if not isinstance(value, str | int | float | bool | None) or _endless(value):
        raise ValueError
    return value


def _text(key: str, value: Any) -> str:
    if isinstance(value, str):
        return str(value) if _is_word(value) and value.lower() not in _WORDS else repr(str(value))
    if isinstance(value, list | tuple):
        return f"[{', '.join(_text(key, each) for each in value)}]"
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int | float) and not _endless(value):
        return repr(float(value) if isinstance(value, float) else int(value))
    raise InputError(
        f"variant knob {key} is {value!r}, a {type(value).__name__}: use text, a finite number, true, false, none or "
        "a list of them"
    )


def _endless(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _is_word(text: str) -> bool:
    """Whether Python reads it as the same bare name: it folds letters that are not ASCII."""
    return text.isidentifier() and text.isascii() and not keyword.iskeyword(text)
