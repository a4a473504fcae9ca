"""Writes the reference in docs/sweep_files.md, from the classes that read a sweep file: `python docs/sweep_files.py`.

What stands above the marker is written by hand. A key's meaning comes from its field's description, or from the list
of keys in the docstring of its class, or, of a key with keys of its own, from what their class says first. A key
without one is an error.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import yaml
from pydantic import BaseModel, Tag, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from tradeoff.data.sampling import SAMPLINGS, VIEWS, Sampling, Views
from tradeoff.sweep.file import Sweep
from tradeoff.training.recipe import RECIPES, Recipe

PAGE = Path(__file__).with_suffix(".md")
MARKER = "<!-- From here on written by docs/sweep_files.py: change the docstrings of the classes instead. -->\n"

Model = type[BaseModel]
NAMED: dict[Model, Mapping[str, Mapping[str, Any]]] = {Recipe: RECIPES, Sampling: SAMPLINGS, Views: VIEWS}
"""What stands for keys and values by its name."""
ALSO = {Recipe: "recipe"}
"""A key that a file has beside those of its class."""
LEFT_OUT = {(Sweep, "name"): "the file's name", (Sweep, "variants"): "required without `search`"}
"""What a key is where it is left out, if not what its class says."""
_KEYS = re.compile(r"(\w+(?:, \w+)*)(?::| {2,}) *(.*)")
_PLAIN = {int: "a whole number", float: "a number", str: "text", Path: "a path", bool: "`true` or `false`"}


def page(text: str) -> str:
    """The page with its reference written anew."""
    return f"{text.partition(MARKER)[0]}{MARKER}\n{reference(Sweep)}"


def reference(root: Model) -> str:
    """A section for `root` and for each class of keys that it leads to."""
    places: dict[Model, list[str]] = {}
    for place, model in _places(root, ""):
        if place not in (known := places.setdefault(model, [])):
            known.append(place)
    return "\n".join(_section(model, places) for model in places)


def _places(model: Model, at: str) -> Iterator[tuple[str, Model]]:
    """Every class of keys and where in the file it stands, in the order of the file."""
    yield at, model
    for key, field in model.model_fields.items():
        for name, inner in _models(_kind(field)):
            yield from _places(inner, ".".join(part for part in (at, key, name) if part))


def _kind(field: FieldInfo) -> Any:
    """The annotation of a field, with what pydantic took out of it."""
    return Annotated[field.annotation, None, *field.metadata]


def _models(kind: Any, tag: str = "") -> Iterator[tuple[str, Model]]:
    """The classes of keys that a value may be of; the name tells those of one key apart."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield tag.lower(), kind
        return
    if get_origin(kind) is Annotated:
        tag = next((each.tag for each in get_args(kind)[1:] if isinstance(each, Tag)), tag)
        yield from _models(get_args(kind)[0], tag)
    elif get_origin(kind) is not Literal:
        for each in get_args(kind):
            yield from _models(each, tag)


def _section(model: Model, places: Mapping[Model, Sequence[str]]) -> str:
    prose, meanings = _documented(model)
    first, *others = places[model]
    also = [f"Also in {' and '.join(f'`{each}`' for each in others)}.\n"] if others else []
    own_first = sorted(model.model_fields.items(), key=lambda each: each[0] not in inspect.get_annotations(model))
    rows = [_row(model, key, field, meanings, places) for key, field in own_first]
    named = [(f"`{name}`", f"`{_yaml(values)}`") for name, values in NAMED.get(model, {}).items()]
    if model in ALSO:
        rows.insert(0, (f"`{ALSO[model]}`", _either(list(NAMED[model])), "", meanings[ALSO[model]]))
    tables = [_table(("key", "value", "default", "meaning"), rows)]
    tables += [_table(("name", "stands for"), named)] if named else []
    return "\n".join([f"## {first or 'The keys of a sweep file'}\n", *prose, *also, *tables])


def _row(
    model: Model, key: str, field: FieldInfo, meanings: Mapping[str, str], places: Mapping[Model, Sequence[str]]
) -> tuple[str, str, str, str]:
    meaning = field.description or meanings.get(key) or _summary(field)
    if not meaning:
        raise ValueError(f"{model.__name__}.{key} says nowhere what it means: add it to the docstring's list of keys")
    return f"`{key}`", _value(field, places), LEFT_OUT.get((model, key), _default(field)), meaning


def _summary(field: FieldInfo) -> str:
    """The first sentence on the class of keys that a field leads to, if there is one."""
    docs = [inspect.cleandoc(model.__doc__ or "").partition("\n\n")[0] for _, model in _models(_kind(field))]
    return " ".join(docs[0].split()) if docs else ""


def _documented(model: Model) -> tuple[list[str], dict[str, str]]:
    """The paragraphs of a docstring, and the meaning of each key that it lists; a base class has what is not in it."""
    prose: list[str] = []
    meanings: dict[str, str] = {}
    for each in (base for base in reversed(model.__mro__) if issubclass(base, BaseModel) and base is not BaseModel):
        own = inspect.cleandoc(each.__doc__ or "") if each.__dict__.get("__doc__") else ""
        paragraphs, listed = _split(own, {*model.model_fields, ALSO.get(model, "")})
        prose, meanings = paragraphs if each is model else prose, meanings | listed
    return prose, meanings


def _split(text: str, known: set[str]) -> tuple[list[str], dict[str, str]]:
    """Paragraphs, and the keys that one or more lines begin with: `key  meaning`, `key, key: meaning`."""
    prose: list[str] = []
    meanings: dict[str, str] = {}
    for paragraph in text.split("\n\n"):
        keys: list[str] = []
        for line in paragraph.splitlines():
            found = _KEYS.fullmatch(line)
            if found and known.issuperset(found[1].split(", ")):
                keys, line = found[1].split(", "), found[2]
            meanings |= {key: f"{meanings.get(key, '')} {line.strip()}".strip() for key in keys}
        if not keys:
            prose.append(fill(" ".join(paragraph.split()), 150, break_on_hyphens=False) + "\n")
    return prose, meanings


def _value(field: FieldInfo, places: Mapping[Model, Sequence[str]]) -> str:
    """What a key takes, in words."""
    kind = _kind(field)
    text = _words(kind, [], places)
    if isinstance(field.default, tuple) and field.default and _takes(kind, field.default[0]):
        text = f"{text.removeprefix('a list, each ')}; or a list"
    return text + ("; or `none`" if not _is_left_out(field.default) and _takes(kind, "none", gives=None) else "")


def _words(kind: Any, limits: list[Any], places: Mapping[Model, Sequence[str]]) -> str:
    arguments = get_args(kind)
    match get_origin(kind):
        case origin if origin is Annotated:
            found = [
                part for each in arguments[1:] for part in (each.metadata if isinstance(each, FieldInfo) else [each])
            ]
            return _words(arguments[0], [*found, *limits], places)
        case origin if origin is Literal:
            return _either(arguments)
        case origin if origin is tuple:
            each = list(dict.fromkeys(_words(part, [], places) for part in arguments if part is not Ellipsis))
            count = "" if Ellipsis in arguments else f" of {len(arguments)}"
            return f"a list{count}, each {each[0]}" if len(each) == 1 else f"a list{count}: {'; '.join(each)}"
        case origin if origin in (Union, UnionType):
            kinds = [part for part in arguments if part is not type(None)]
            return ", or ".join(dict.fromkeys(_words(part, limits, places) for part in kinds))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        place = places[kind][0]
        shorter = "a name or " if _takes(kind, next(iter(NAMED.get(kind, {"": None})))) else ""
        shorter = "a number or " if _takes(kind, 1.0) else shorter
        return f"{shorter}keys of [{place}](#{place.replace('.', '')})"
    return f"{_PLAIN[kind]}{_range(kind, limits)}"


def _range(kind: Any, limits: Sequence[Any]) -> str:
    """The least and the most that a number may be."""
    low = high = ""
    for each in limits:
        match each:
            case annotated_types.Ge(least):
                low = f" from {least:,.10g}"
            case annotated_types.Gt(least):
                low = f" above {least:,.10g}"
            case annotated_types.Le(most):
                high = f" to {most:,.10g}"
            case annotated_types.Lt(most):
                high = f" to {most - 1:,.10g}" if kind is int else f" and below {most:,.10g}"
    return low + high


def _takes(kind: Any, value: Any, **gives: Any) -> bool:
    try:
        found = TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return not gives or found == gives["gives"]


def _is_left_out(default: Any) -> bool:
    return default is None or default == ()


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.default
    if _is_left_out(default):
        return ""
    if isinstance(default, BaseModel):
        return "its defaults"
    kind = _kind(field)
    one = isinstance(default, tuple) and len(default) == 1 and _takes(kind, default[0])
    return f"`{_yaml(default[0] if one else default)}`"


def _yaml(value: Any) -> str:
    """As a sweep file has it, on one line."""
    plain = json.loads(json.dumps(value))  # tuples become lists
    text = yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, width=10_000)
    return text.removesuffix("...\n").strip()


def _either(values: Sequence[Any]) -> str:
    shown = [f"`{_yaml(each)}`" for each in values]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    safe = [[each.replace("|", r"\|") for each in row] for row in (head, ["---"] * len(head), *rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in safe)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
