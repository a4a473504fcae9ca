"""Items as they are read, refusing what would make a data set wrong without anybody noticing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tradeoff.data.catalogue.entry import Item
from tradeoff.errors import InputError


class Rows:
    """Collects items in the lists' order; an id that is there already is an InputError."""

    def __init__(self) -> None:
        self._items: dict[str, tuple[Item, str]] = {}

    def add(self, item: Item, where: str) -> None:
        """`where` is the item's file and line. Raises InputError for an id listed twice, or in two splits."""
        if item.id in self._items:
            other, first = self._items[item.id]
            if other.split == item.split:
                raise InputError(f"{where}: id {item.id!r} is listed twice, first in {first}; list each clip once")
            raise InputError(
                f"{where}: id {item.id!r} is in the {item.split} split, and in {other.split} by {first}; "
                f"a clip should be in one of them"
            )
        self._items[item.id] = item, where

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(item for item, _ in self._items.values())


def positions(classes: Sequence[str]) -> dict[str, int]:
    """Each class's place in the official order."""
    return {name: place for place, name in enumerate(classes)}


def label_of(name: str, classes: Mapping[str, int], where: str, origin: object) -> int:
    """The index of a class; raises InputError for one that is not in the class list of `origin`."""
    if name not in classes:
        raise InputError(f"{where}: label {name!r} is not one of the {len(classes)} classes of {origin}")
    return classes[name]


def check_classes(classes: Sequence[str], origin: object) -> tuple[str, ...]:
    """The class list, each class once and at least one; raises InputError otherwise."""
    if not classes:
        raise InputError(f"{origin} names no class; it should have one a line")
    repeated = [name for name in classes if classes.count(name) > 1]
    if repeated:
        raise InputError(f"{origin}: class {repeated[0]!r} is listed twice; list each class once")
    return tuple(classes)
