"""The user's own videos: class folders, or a CSV of path, label and split or fold."""

from __future__ import annotations

from tradeoff.data.catalogue.entry import FOLD, Item, Listing
from tradeoff.data.catalogue.rows import positions
from tradeoff.data.catalogue.sources import Sources
from tradeoff.data.clips import ALWAYS_TRAIN
from tradeoff.data.video_lists import list_videos, relative


def read_folder(sources: Sources, split: int) -> Listing:
    """What `list_videos` lists; its folds are splits named "fold 0" and so on."""
    root = sources.root if sources.root.is_dir() else sources.root.parent
    clips = list_videos(sources.root)
    classes = tuple(sorted({clip.label for clip in clips}))
    places, folds = positions(classes), {clip.fold for clip in clips}
    one = folds == {ALWAYS_TRAIN, 0}  # a split, not folds
    names = {fold: "test" if one else f"{FOLD}{fold}" for fold in folds} | {ALWAYS_TRAIN: "train"}
    items = tuple(
        Item(clip.id, places[clip.label], names[clip.fold], (relative(root, clip.path),), clip.start, clip.end)
        for clip in clips
    )
    return Listing(classes, items, () if sources.root.is_dir() else (sources.root,))
