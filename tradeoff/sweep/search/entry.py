"""The results folder of a search: its entry among the sweeps names the records of all batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tradeoff.records.store import Store


class SearchStore(Store):
    """A store in which each batch is a sweep of the same name, and none takes the place of those before it."""

    def __init__(self, root: Path, published: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(root)
        self._published = published
        self._keys: dict[str, dict[str, None]] = {}

    def write_sweep(
        self, name: str, keys: Mapping[str, list[str]], published: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Add the keys of a batch; the facts are those of the whole sweep."""
        for kind, found in keys.items():
            self._keys.setdefault(kind, {}).update(dict.fromkeys(found))
        super().write_sweep(name, {kind: list(found) for kind, found in self._keys.items()}, self._published)

    def recorded(self) -> int:
        """How many records the entry names that exist."""
        return sum((self.root / kind / f"{key}.json").exists() for kind, found in self._keys.items() for key in found)
