"""What the catalogue says of a data set: its classes and its items, and where each may lie under the root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tradeoff.data.catalogue.sources import Sources
from tradeoff.data.clips import ALWAYS_TRAIN
from tradeoff.errors import InputError

FOLD = "fold "  # before the number of a fold, in `split` of an item that every training but one trains on


@dataclass(frozen=True)
class Item:
    """One labelled clip of an official list.

    id      as the lists have it, unique in its data set.
    label   index into the listing's classes; None where neither lists nor tree say (an id list of a clip not there).
    split   train, val or test; in a folder without a split "fold 0" and so on.
    places  paths from the root, with forward slashes, the likeliest first; any video suffix will do.
    start, end  seconds of the source video, where the lists have them. They are applied where the entry has `parts`
            only: the files of Kinetics as it is distributed are cut already, and named for the times.
    """

    id: str
    label: int | None
    split: str
    places: tuple[str, ...]
    start: float | None = None
    end: float | None = None

    @property
    def fold(self) -> int:
        """The fold that tests the clip, ALWAYS_TRAIN for the training list; validation and test lists are fold 0."""
        if self.split == "train":
            return ALWAYS_TRAIN
        return int(self.split.removeprefix(FOLD)) if self.split.startswith(FOLD) else 0


@dataclass(frozen=True)
class Listing:
    """Classes in their official order, the items in the lists' order, and the annotation files that were read."""

    classes: tuple[str, ...]
    items: tuple[Item, ...]
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Entry:
    """One data set of the catalogue.

    classes  how many the official lists have; None where that is the user's affair.
    reads    which annotation files, for people.
    flips_allowed  False where left and right are labels ("Swiping Left"), so that no training may mirror clips.
    frames   the clips are folders of numbered JPEGs, not video files.
    rate     frames a second at which the distributor extracted such folders.
    splits   numbers of the official splits; (1,) where there is one.
    parts    a clip is what its video shows between the list's times, not the whole file.
    """

    name: str
    classes: int | None
    reads: str
    read: Callable[[Sources, int], Listing]
    flips_allowed: bool = True
    frames: bool = False
    rate: float | None = None
    splits: tuple[int, ...] = (1,)
    parts: bool = False

    def listing(self, root: Path, annotations: Path | None = None, split: int = 1) -> Listing:
        """What the official annotation files in `annotations` (default: `root`, then `root`/annotations) list.

        Nothing is said about which videos are there. Raises InputError for a missing root or annotation file, a
        row that does not parse, a label outside the class list, an id that is listed twice or in two splits, an empty
        list, and more classes than the data set has.
        """
        if split not in self.splits:
            wanted = ", ".join(str(number) for number in self.splits)
            raise InputError(f"split {split} of {self.name} does not exist; its official splits are {wanted}")
        found = self.read(Sources.of(self.name, root, annotations), split)
        files = ", ".join(str(path) for path in found.files)
        if not found.items:
            raise InputError(f"{files}: no clip is listed for {self.name}; fetch the official files again")
        if self.classes is not None and len(found.classes) > self.classes:
            raise InputError(
                f"{files}: {len(found.classes)} classes, but {self.name} has {self.classes}; "
                f"give the annotation files of {self.name}, or name the data set that they are of"
            )
        return found
