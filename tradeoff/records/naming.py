"""What a measurement is called, from what its record or its failed attempt says; and where the records are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tradeoff.errors import InputError
from tradeoff.records.store import Store, find_records
from tradeoff.variants import Variant

Fields = Mapping[str, Any]


def open_store(path: Path) -> Store:
    """The store in a folder, or in its `local/`. Raises InputError where there are no records."""
    if found := find_records(path):
        return Store(found)
    problem = "holds no records" if path.is_dir() else "does not exist"
    raise InputError(f"results folder {path} {problem}: run tradeoff sweep first, or name another with --results")


def variant_name(about: Fields, depends_on: Fields) -> str:
    """The variant's name; of what was noted before attempts said it, from its fields; empty where nothing tells."""
    if "name" in about:
        return str(about["name"])
    try:
        return Variant.from_fields(about.get("variant", depends_on.get("variant"))).name
    except (InputError, AttributeError, KeyError, TypeError):  # an accuracy's attempt; a family of another version
        return ""


def particulars(about: Fields, depends_on: Fields) -> str:
    """What tells measurements of one variant and kind apart: `seed 1 fold 2 reversed`, `eager float32, process 2`."""
    found = {**depends_on, **about}
    words = [f"seed {found['seed']}"] if found.get("seed") is not None else []
    words += [f"fold {found['fold']}"] if found.get("fold") else []
    words += [str(found["order"])] if found.get("order", "normal") != "normal" else []
    if "runtime" in depends_on:
        setting = " ".join(str(depends_on[name]) for name in ("runtime", "precision", "layout") if name in depends_on)
        words += [f"{setting} batch {depends_on.get('batch')}, process {depends_on.get('replicate', 0) + 1}"]
    return " ".join(words)


def in_words(kind: str, about: Fields, depends_on: Fields) -> str:
    """`I3D seed 1 training`."""
    words = (variant_name(about, depends_on), particulars(about, depends_on), kind)
    return " ".join(word for word in words if word)
