"""The easiest of all tasks: dark clips and bright clips."""

from __future__ import annotations

import numpy as np

from tradeoff.data import Dataset


def brightness(clips: int = 32, trained: int = 16) -> Dataset:
    """So many clips of 8x36x36, of which the first `trained` are always trained on and the others tested."""
    random, labels = np.random.default_rng(0), np.arange(clips) % 2
    frames = random.integers(0, 60, (clips, 8, 36, 36, 3)) + labels[:, None, None, None, None] * 150
    return Dataset(
        name="brightness",
        digest="0" * 16,
        classes=("dark", "bright"),
        frames=frames.astype(np.uint8),
        labels=labels.astype(np.int64),
        folds=np.where(np.arange(clips) < trained, -1, 0).astype(np.int64),
        ids=tuple(map(str, range(clips))),
        groups=np.arange(clips),
    )
