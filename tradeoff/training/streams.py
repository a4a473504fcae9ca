"""From videos to batches, decoded in threads ahead of the network that takes them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tradeoff.clip_shape import ClipShape
from tradeoff.data.clips import Frames, Integers
from tradeoff.data.decoding import Unreadable
from tradeoff.data.sampling import Corner, Sampling, Views
from tradeoff.data.streams import VideoSet
from tradeoff.data.threads import in_order
from tradeoff.networks.pixels import to_network
from tradeoff.training.batches import UNDIVIDED, Indices, Order, Shares
from tradeoff.variants.base import Pixels

TRIES = 100
"""Videos that are tried in the place of one that cannot be read: far more than a share of broken ones allows."""


@dataclass(frozen=True)
class _Slot:
    """Row `row` of a batch, uint8 (N, T, H, W, 3), for the clip at `place` of an epoch's order; `index` is the video
    that it was drawn from in the end."""

    place: int
    batch: Frames
    row: int
    index: int = -1


class VideoBatches:
    """Epochs of clips drawn from videos at random, in random order.

    What is random of a clip depends on the seed, the epoch and the clip's place in it, and on nothing else: neither the
    number of threads nor where a training was stopped changes it. A video that cannot be read is counted, and another
    one takes its place.
    """

    def __init__(
        self,
        videos: VideoSet,
        indices: Indices,
        clip: ClipShape,
        sampling: Sampling,
        batch: int,
        seed: int,
        device: torch.device,
        flips: bool = False,
        pixels: Pixels = "unit",
        shares: Shares = UNDIVIDED,
        *,
        workers: int,
    ) -> None:
        self.videos, self.indices, self.clip, self.sampling = videos, indices, clip, sampling
        self.batch, self.seed, self.device = min(batch, len(indices)), seed, device
        self.flips, self.pixels, self.shares = flips, pixels, shares
        self.workers, self.classes = workers, len(videos.classes)
        self.count = len(indices) // self.batch
        """How many batches an epoch has: the last incomplete one is dropped unless it is the only one."""
        self.lost: set[int] = set()
        """The videos that could not be read so far."""
        self.number = 0
        """Which epoch is under way, from 1."""
        self.position = self.count
        """How many of its batches were taken; at first, and after an epoch, all of them."""

    def epoch(self) -> Generator[tuple[Tensor, Tensor]]:
        """What is left of the epoch under way, or all of a new one: (clips, labels)."""
        with closing(self.loaded()) as loaded:
            for clips, labels in loaded:
                scaled = to_network(clips, self.device, self.pixels)
                yield scaled, torch.from_numpy(labels).to(self.device)

    def loaded(self) -> Generator[tuple[Frames, Integers]]:
        """The same as it comes from the videos: uint8 (N, T, H, W, 3), and the labels (N,)."""
        if self.position == self.count:
            self.number, self.position = self.number + 1, 0
        parts = self.shares.of(self.batch)
        # A step is ready when the one that is under way ends, and the next begun; more would only take memory.
        depth = sum(part.stop - part.start for part in parts) + 2 * self.workers
        drawn = in_order(partial(self._draw, self._order()), self._slots(parts, self.position), self.workers, depth)
        while self.position < self.count:
            self.position += 1
            for part in parts:
                taken = [next(drawn) for _ in range(part.start, part.stop)]
                yield taken[-1].batch, self.videos.labels[[slot.index for slot in taken]]

    def _slots(self, parts: list[slice], first: int) -> Iterator[_Slot]:
        """Where each clip of the epoch's steps from `first` on belongs."""
        for step in range(first, self.count):
            for part in parts:
                rows = range(step * self.batch + part.start, step * self.batch + part.stop)
                batch = np.empty((len(rows), self.clip.frames, self.clip.height, self.clip.width, 3), np.uint8)
                yield from (_Slot(place, batch, row) for row, place in enumerate(rows))

    def _order(self) -> Indices:
        return np.random.default_rng((self.seed, self.number)).permutation(self.indices)

    def _draw(self, order: Indices, slot: _Slot) -> _Slot:
        random, index = np.random.default_rng((self.seed, self.number, 1 + slot.place)), int(order[slot.place])
        for _ in range(TRIES):
            try:
                self._crop(index, random, slot.batch[slot.row])
                return replace(slot, index=index)
            except Unreadable as reason:
                self.lost.add(index)
                self.videos.lose(index, reason)
                index = int(random.choice(self.indices))
        raise RuntimeError(f"none of {TRIES} videos that were tried could be read, {self.videos.last_lost}")

    def _crop(self, index: int, random: np.random.Generator, out: Frames) -> None:
        """Draw a clip of one video into `out`, (T, H, W, 3)."""
        with self.videos.open(index) as reader:
            rows = self.sampling.training_frames(reader.times, self.clip.frames, random)
            size = self.sampling.size(reader.height, reader.width, self.clip)
            top = int(random.integers(size[0] - self.clip.height + 1))
            left = int(random.integers(size[1] - self.clip.width + 1))
            frames: Frames = reader.read(rows, size)
            crop = frames[:, top : top + self.clip.height, left : left + self.clip.width]
            out[:] = crop[:, :, ::-1] if self.flips and random.random() < 0.5 else crop

    def state_dict(self) -> dict[str, Any]:
        """Where the epoch stands; all that is random follows from it."""
        return {"number": self.number, "position": self.position, "lost": sorted(self.lost)}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on where `state_dict` was taken."""
        self.number, self.position = state["number"], state["position"]
        self.lost.update(state["lost"])


@dataclass(frozen=True)
class VideoViews:
    """The views of one video: `index` is the video's in its set, `frames` are those that any view takes, uint8
    (n, H', W', 3), `places` (clips, T) says which of them each clip takes, `corners` are the crops' top left ones, and
    `short` says that it has so few frames that some repeat.

    Views are cut out as they are looked at: thirty of them are several times as large as the frames that they share.
    """

    index: int
    frames: Frames
    places: Integers
    corners: tuple[Corner, ...]
    clip: ClipShape
    short: bool

    def __iter__(self) -> Iterator[Frames]:
        """Each view, uint8 (T, H, W, 3): the crops of the first clip, those of the second and so on."""
        for rows in self.places:
            for top, left in self.corners:
                yield self.frames[rows, top : top + self.clip.height, left : left + self.clip.width]


def video_views(
    videos: VideoSet, indices: Indices, clip: ClipShape, views: Views, order: Order, *, workers: int
) -> Iterator[VideoViews | None]:
    """The views of each video in the order of `indices`; None where one cannot be read, which is counted.

    `reversed` shows each clip's last frame first. Raises InputError where too many cannot be read.
    """

    def seen(index: int) -> VideoViews | None:
        try:
            return _views(videos, index, clip, views, order)
        except Unreadable as reason:
            videos.lose(index, reason)
            return None

    return in_order(seen, (int(index) for index in indices), workers, depth=workers)  # whole videos take memory


def _views(videos: VideoSet, index: int, clip: ClipShape, views: Views, order: Order) -> VideoViews:
    with videos.open(index) as reader:
        rows, short = views.clip_frames(reader.times, clip.frames), views.is_short(reader.times, clip.frames)
        size = views.size(reader.height, reader.width, clip)
        wanted, places = np.unique(rows, return_inverse=True)
        frames = reader.read(wanted, size)
    places = places.reshape(rows.shape)
    places = places[:, ::-1] if order == "reversed" else places
    return VideoViews(index, frames, places, tuple(views.corners(size, clip)), clip, short)
