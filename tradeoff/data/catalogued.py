"""A public data set of the catalogue as clips to train and test on: what its official lists name and its root holds."""

from __future__ import annotations

import os
from pathlib import Path

from tradeoff.data.catalogue import Entry, Item, Listing, Locator, entry_of
from tradeoff.data.clips import Progress, quiet
from tradeoff.data.specs import CatalogueData
from tradeoff.data.video_lists import VideoClip, check_folds
from tradeoff.data.videos import MISSING, VideoSource, check_share, name_of, warn_of_empty_classes
from tradeoff.errors import InputError


def find_catalogued(
    spec: CatalogueData, shape: tuple[int, int, int], cache: Path | None = None, hashing: Progress = quiet
) -> VideoSource:
    """Lists, finds and hashes the clips; the training list is always trained on, the validation or test list is fold 0.

    The classes are the official ones in their order. Clips that are not there are left out and counted, and a class of
    which none is there is warned of. Raises InputError for whatever is wrong with root or annotations, where more than
    the share `spec.broken` is missing, and for a split of which no clip is there. `cache` and `hashing` are as
    `contents_of` takes them.
    """
    entry, root = entry_of(spec.catalogue), Path(os.path.normpath(spec.root.absolute()))
    listing = entry.listing(root, spec.annotations, spec.split)
    there, missing = _find(entry, root, listing)
    check_share(root, [(name, MISSING) for name in missing], len(listing.items), spec.broken)
    if not there:
        raise InputError(
            f"{root}: none of the {len(listing.items)} listed clips is there; give the folder that has them"
        )
    check_folds(root, there)
    if empty := sorted(set(listing.classes) - {clip.label for clip in there}, key=listing.classes.index):
        warn_of_empty_classes(root, empty, "there", len(listing.classes))
    return VideoSource.of(
        root,
        _name(entry, root, spec.split),
        tuple(there),
        shape,
        spec.flips,
        listing.classes,
        missing,
        spec.broken,
        cache,
        hashing,
        spec.reading(),
    )


def _name(entry: Entry, root: Path, split: int) -> str:
    if entry.classes is None:
        return name_of(root)
    return entry.name if len(entry.splits) == 1 else f"{entry.name}-split{split}"


def list_clips(spec: CatalogueData) -> list[VideoClip]:
    """The clips that are there, in the lists' order, nothing hashed and nothing checked."""
    entry, root = entry_of(spec.catalogue), Path(os.path.normpath(spec.root.absolute()))
    return _find(entry, root, entry.listing(root, spec.annotations, spec.split))[0]


def _find(entry: Entry, root: Path, listing: Listing) -> tuple[list[VideoClip], tuple[str, ...]]:
    """The clips that are there, and the ids of those that are not, both in the lists' order."""
    locator = Locator(root, entry.frames)
    paths = [(item, locator.find(item)) for item in listing.items]
    there = [_clip(entry, item, path, listing.classes) for item, path in paths if path is not None]
    return there, tuple(item.id for item, path in paths if path is None)


def _clip(entry: Entry, item: Item, path: Path, classes: tuple[str, ...]) -> VideoClip:
    assert item.label is not None  # only what the tree does not hold has no class
    times = (item.start, item.end) if entry.parts else (None, None)
    return VideoClip(item.id, path, classes[item.label], item.fold, *times)
