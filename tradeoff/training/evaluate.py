"""What a network says about clips it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, repeat

import numpy as np
import torch
from torch import Tensor, nn

from tradeoff.clip_shape import ClipShape
from tradeoff.data import Dataset
from tradeoff.data.sampling import Views
from tradeoff.data.streams import VideoSet
from tradeoff.networks.layout import channels_last_3d
from tradeoff.precision import allow_tf32
from tradeoff.training.batches import Indices, Order, evaluation_batches, to_network
from tradeoff.training.streams import video_views
from tradeoff.variants.base import Pixels

VIEW = {"crop": "centre", "views": 1, "precision": "float32"}
"""The view plan of stored clips: one centre crop, in float32 whatever the training's precision was."""

BATCH = 32


@dataclass(frozen=True)
class Tested:
    """What a network says about videos, each seen in several views.

    indices            int64 (videos,): those that could be read.
    log_probabilities  float32 (videos, classes): the log of the mean over a video's views of the softmax.
    views_right        float32 (videos,): the share of its views whose likeliest class is the label.
    unreadable         how many could not be read, those that are not there among them: of the tests, or of stored clips
                       of the whole set.
    missing            how many of the whole set are not there; None of stored clips.
    short              how many have fewer frames than a clip takes, so that some repeat; None where nobody counted.
    """

    indices: np.ndarray
    log_probabilities: np.ndarray
    views_right: np.ndarray
    unreadable: int
    missing: int | None = None
    short: int | None = None

    def counts(self) -> dict[str, int]:
        """What is known of how many clips are odd, as a record has it."""
        found = {"unreadable": self.unreadable, "missing": self.missing, "short": self.short}
        return {name: count for name, count in found.items() if count is not None}


@torch.inference_mode()
def log_probabilities(
    network: nn.Module,
    dataset: Dataset,
    indices: Indices,
    clip: ClipShape,
    *,
    order: Order,
    device: torch.device,
    pixels: Pixels = "unit",
    batch: int = BATCH,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """float32 (len(indices), classes): the log of the softmax for each clip, under the view plan `VIEW`.

    batch: clips at a time, which changes nothing but the memory that it takes.
    pixels: how they are scaled, which is the network's `Variant.scaling`. Raises RuntimeError for a network that gives
    anything but one row of logits a clip.
    """
    _make_ready(network, device)
    outputs = []
    for clips in evaluation_batches(dataset, indices, clip, batch, order, device, pixels):
        outputs.append(_logits(network, clips, len(dataset.classes)).log_softmax(dim=1).cpu())
        report(min(len(outputs) * batch, len(indices)), len(indices))
    return torch.cat(outputs).numpy()


@torch.inference_mode()
def see_videos(
    network: nn.Module,
    videos: VideoSet,
    indices: Indices,
    clip: ClipShape,
    views: Views,
    *,
    order: Order,
    device: torch.device,
    pixels: Pixels = "unit",
    workers: int,
    batch: int = BATCH,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Tested:
    """Every video at `indices` in every view of the plan, in float32; those that cannot be read are left out.

    Raises InputError where too many cannot be read, and RuntimeError for a network that gives anything but one row of
    logits a clip.
    """
    _make_ready(network, device)
    classes, shorts = len(videos.classes), 0

    def seen() -> Iterator[tuple[int, np.ndarray]]:
        nonlocal shorts
        for done, video in enumerate(video_views(videos, indices, clip, views, order, workers=workers), start=1):
            if video is not None:
                shorts += video.short
                yield from zip(repeat(video.index), video)
            report(done, len(indices))

    # One at a time where a view is a whole video: they differ in length, and a minute of frames is a large clip.
    batch = 1 if views.frames == "all" else batch
    owners: list[int] = []
    parts: list[tuple[Tensor, Tensor]] = []
    rest = torch.empty(0, classes)
    for some in _some(seen(), batch):
        clips = to_network(np.stack([view for _, view in some]), device, pixels)
        rest = torch.cat([rest, _logits(network, clips, classes).cpu()])
        owners += [index for index, _ in some]
        first, whole = len(owners) - len(rest), len(rest) // views.count * views.count
        labels = videos.labels[owners[first : first + whole : views.count]]
        parts.append(_averaged(rest[:whole].reshape(-1, views.count, classes), labels))
        rest = rest[whole:]
    if not parts:
        raise RuntimeError(f"none of {len(indices)} test videos could be read, {videos.last_lost}")
    outputs, right = (torch.cat(each).numpy() for each in zip(*parts, strict=True))
    kept, missing = np.array(owners[:: views.count], np.int64), videos.losses.missing
    return Tested(kept, outputs, right, missing + len(indices) - len(kept), missing, shorts)


def _some(views: Iterator[tuple[int, np.ndarray]], count: int) -> Iterator[list[tuple[int, np.ndarray]]]:
    """`count` at a time, the last time what is left."""
    while some := list(islice(views, count)):
        yield some


def _averaged(logits: Tensor, labels: np.ndarray) -> tuple[Tensor, Tensor]:
    """Of logits (videos, views, classes) the logs of their mean probabilities (videos, classes), and the shares of
    the views that are right (videos,)."""
    logs = logits.log_softmax(dim=2)
    right = logs.argmax(dim=2) == torch.from_numpy(labels)[:, None]
    return logs.logsumexp(dim=1) - math.log(logs.shape[1]), right.float().mean(dim=1)


def _make_ready(network: nn.Module, device: torch.device) -> None:
    allow_tf32(False)
    channels_last_3d(network.to(device)).eval()


def _logits(network: nn.Module, clips: Tensor, classes: int) -> Tensor:
    logits: Tensor = network(clips)
    if logits.shape != (expected := (len(clips), classes)):
        raise RuntimeError(f"the network gives logits of shape {tuple(logits.shape)} where {expected} is right")
    return logits.float()
