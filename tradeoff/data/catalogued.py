"""A public data set of the catalogue as clips to train and test on: what its official lists name and its root holds."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from tradeoff.data.catalogue import Entry, Item, Listing, Locator, entry_of
from tradeoff.data.specs import CatalogueData
from tradeoff.data.video_lists import VideoClip, check_folds, few
from tradeoff.data.videos import MISSING, VideoSource, check_share
from tradeoff.errors import InputError


def find_catalogued(spec: CatalogueData, shape: tuple[int, int, int]) -> VideoSource:
    """Lists, finds and hashes the clips; the training list is always trained on, the validation or test list is fold 0.

    The classes are the official ones in their order. Clips that are not there are left out and counted. Raises
    InputError for whatever is wrong with root or annotations, where more than the share `spec.broken` is missing, and
    for a class or a split of which no clip is there. Times of the lists are not applied: files are taken as they are.
    """
    entry, root = entry_of(spec.catalogue), Path(os.path.normpath(spec.root.absolute()))
    listing = entry.listing(root, spec.annotations, spec.split)
    there, missing = _find(entry, root, listing)
    check_share(root, [(name, MISSING) for name in missing], len(listing.items), spec.broken)
    _check_classes(root, listing, there, missing)
    check_folds(root, there)
    name = entry.name if len(entry.splits) == 1 else f"{entry.name}-split{spec.split}"
    return VideoSource.of(
        root, name, tuple(there), shape, spec.flips, listing.classes, missing, spec.broken, spec.reading()
    )


def list_clips(spec: CatalogueData) -> list[VideoClip]:
    """The clips that are there, in the lists' order, nothing hashed and nothing checked."""
    entry, root = entry_of(spec.catalogue), Path(os.path.normpath(spec.root.absolute()))
    return _find(entry, root, entry.listing(root, spec.annotations, spec.split))[0]


def _find(entry: Entry, root: Path, listing: Listing) -> tuple[list[VideoClip], tuple[str, ...]]:
    """The clips that are there, and the ids of those that are not, both in the lists' order."""
    locator = Locator(root, entry.frames)
    paths = [(item, locator.find(item)) for item in listing.items]
    there = [_clip(item, path, listing.classes) for item, path in paths if path is not None]
    return there, tuple(item.id for item, path in paths if path is None)


def _clip(item: Item, path: Path, classes: tuple[str, ...]) -> VideoClip:
    assert item.label is not None  # only what the tree does not hold has no class
    return VideoClip(item.id, path, classes[item.label], item.fold)


def _check_classes(root: Path, listing: Listing, there: list[VideoClip], missing: tuple[str, ...]) -> None:
    held = Counter(clip.label for clip in there)
    if empty := [label for label in listing.classes if label not in held]:
        raise InputError(
            f"{root}: no clip of {len(empty)} of the {len(listing.classes)} classes is there ({few(empty)}); "
            f"{len(missing)} of {len(listing.items)} clips are missing"
        )
