"""The versions of the files in a results folder, and how an older one is read.

A file is never rewritten: it stays as the tradeoff that wrote it left it, and is brought up to date when it is read.

    schema  what changed
    1
    2       `made`: `code` was `tradeoff`, a bare version; `packages` stood in `machine`, which is hardware alone
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tradeoff.errors import InputError

SCHEMA = 2
"""What this version writes, and the newest that it reads."""

Values = dict[str, Any]


def _sort_what_made_it(values: Values) -> Values:
    """From schema 1; a sweep's entry has no `made`, and stays as it is, as does what is none at all."""
    if not isinstance(values.get("made"), dict):
        return values
    made = dict(values["made"])
    if "tradeoff" in made:
        made["code"] = {"version": made.pop("tradeoff")}
    if isinstance(made.get("machine"), dict):
        old = dict(made["machine"])
        kind, _, name = str(old.pop("device", "")).partition(" ")
        cores = {"cores": old.pop("cores")} if "cores" in old else {}
        made |= {"machine": {"gpu" if kind == "cuda" else "cpu": name} | cores, "packages": old}
    return values | {"made": made}


MIGRATIONS: Mapping[int, Callable[[Values], Values]] = {1: _sort_what_made_it}
"""From each older schema to the next one."""


def read_json(path: Path) -> Values:
    """A file of a results folder, brought up to date. Raises InputError for one that cannot be."""
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}): restore it or delete it") from error
    return up_to_date(values, path)


def names_keys(keys: Any) -> bool:
    """Whether a sweep's entry says which records it has: a list of keys by kind."""
    lists = [*keys.values()] if isinstance(keys, dict) else [None]
    return all(isinstance(each, list) and all(isinstance(key, str) for key in each) for each in lists)


def up_to_date(values: Any, path: Path) -> Values:
    """What a file holds, as this version would have written it; `path` is for the error.

    Raises InputError for what has no schema, or that of a newer version.
    """
    schema = values.get("schema") if isinstance(values, dict) else None
    if type(schema) is not int or schema < 1:
        raise InputError(f"{path} does not say which schema it has, so it is none of tradeoff's: restore or delete it")
    if schema > SCHEMA:
        raise InputError(
            f"{path} was written by a newer tradeoff (schema {schema}; this one reads up to {SCHEMA}): upgrade tradeoff"
        )
    for step in range(schema, SCHEMA):
        values = MIGRATIONS[step](values) | {"schema": step + 1}
    return dict(values)
