"""The results folder of a search: its entry among the sweeps names the records of all batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tradeoff.records.store import Store


class SearchStore(Store):
    """A store in which each batch is a sweep of the same name, and none takes the place of those before it."""

    def __init__(
        self, root: Path, published: Sequence[Mapping[str, Any]] = (), claims: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__(root)
        self._published, self._claims = published, claims
        self._keys: dict[str, dict[str, None]] = {}
        self._before: dict[str, dict[str, None]] = {}
        """What an earlier run noted, which stays until this one is complete."""

    def write_sweep(
        self,
        name: str,
        keys: Mapping[str, list[str]],
        published: Sequence[Mapping[str, Any]] = (),
        claims: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Add the keys of a batch; the facts and claims are those of the whole sweep."""
        if not self._keys and name in (known := self.sweeps()):
            self._before = {kind: dict.fromkeys(found) for kind, found in known[name]["keys"].items()}
        for kind, found in keys.items():
            self._keys.setdefault(kind, {}).update(dict.fromkeys(found))
        kinds = dict.fromkeys([*self._keys, *self._before])
        every = {kind: list(self._keys.get(kind, {}) | self._before.get(kind, {})) for kind in kinds}
        super().write_sweep(name, every, self._published, self._claims)

    def complete(self, name: str) -> None:
        """All batches were walked through: what an earlier run noted beside them, as of a larger search, goes."""
        self._before = {}
        self.write_sweep(name, {})

    def recorded(self) -> int:
        """How many records the entry names that exist."""
        return sum((self.root / kind / f"{key}.json").exists() for kind, found in self._keys.items() for key in found)
