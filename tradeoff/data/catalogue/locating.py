"""Which of the places of an item holds it; each folder is read once, however many clips it holds."""

from __future__ import annotations

import os
from pathlib import Path

from tradeoff.data.catalogue.entry import Item
from tradeoff.data.suffixes import SUFFIXES


class Locator:
    """Finds clips under a root: video files of any suffix, or folders of frames."""

    def __init__(self, root: Path, frames: bool) -> None:
        self._root = root if root.is_dir() else root.parent  # of a CSV, its folder
        self._frames = frames
        self._folders: dict[str, dict[str, str]] = {}

    def find(self, item: Item) -> Path | None:
        """The first place of the item at which something lies; None for a missing clip."""
        for place in item.places:
            folder, _, name = place.rpartition("/")
            names = self._names(folder)
            found = names.get(name) or names.get(_stem(name))
            if found is not None:
                return self._root / folder / found
            if self._is_other(name) and (self._root / place).is_file():
                return self._root / place
        return None

    def _is_other(self, name: str) -> bool:
        """Whether a user's list names a file by a suffix that is not taken for a video's."""
        return not self._frames and "." in name and _stem(name) == name

    def _names(self, folder: str) -> dict[str, str]:
        """What a folder holds, by name and by name without suffix."""
        if folder not in self._folders:
            self._folders[folder] = self._read(self._root / folder)
        return self._folders[folder]

    def _read(self, folder: Path) -> dict[str, str]:
        try:
            with os.scandir(folder) as entries:
                found = sorted(each.name for each in entries if self._wanted(each))
        except OSError:
            return {}
        names = {} if self._frames else {_stem(name): name for name in reversed(found)}
        return names | {name: name for name in found}

    def _wanted(self, entry: os.DirEntry[str]) -> bool:
        if self._frames:
            return entry.is_dir()
        return _stem(entry.name) != entry.name and entry.is_file()


def _stem(name: str) -> str:
    """The name without a video's suffix; names may hold other dots."""
    stem, dot, suffix = name.rpartition(".")
    return stem if f"{dot}{suffix.lower()}" in SUFFIXES else name
