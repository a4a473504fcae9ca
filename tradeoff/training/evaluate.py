"""What a network says about clips it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

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
from tradeoff.training.streams import VideoViews, video_views
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
    unreadable         how many could not be read, those that are not there among them.
    short              how many have fewer frames than a clip takes, so that some repeat; None where nobody counted.
    """

    indices: np.ndarray
    log_probabilities: np.ndarray
    views_right: np.ndarray
    unreadable: int
    short: int | None


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
    report: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """float32 (len(indices), classes): the log of the softmax for each clip, under the view plan `VIEW`.

    pixels: how they are scaled, which is the network's `Variant.scaling`. Raises RuntimeError for a network that gives
    anything but one row of logits a clip.
    """
    _make_ready(network, device)
    outputs = []
    for clips in evaluation_batches(dataset, indices, clip, BATCH, order, device, pixels):
        outputs.append(_logits(network, clips, len(dataset.classes)).log_softmax(dim=1).cpu())
        report(min(len(outputs) * BATCH, len(indices)), len(indices))
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
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Tested:
    """Every video at `indices` in every view of the plan, in float32; those that cannot be read are left out.

    Raises InputError where too many cannot be read, and RuntimeError for a network that gives anything but one row of
    logits a clip.
    """
    _make_ready(network, device)
    classes, batch = len(videos.classes), 1 if views.frames == "all" else BATCH
    kept: list[int] = []
    short = 0
    parts: list[tuple[Tensor, Tensor]] = []
    waiting: list[VideoViews] = []
    for done, video in enumerate(video_views(videos, indices, clip, views, order, workers=workers), start=1):
        if video is not None:
            waiting.append(video)
            short += video.short
        # One at a time where a view is a whole video: a minute of frames is a large clip.
        full = views.frames == "all" or sum(len(each.pixels) for each in waiting) >= BATCH
        if waiting and (full or done == len(indices)):
            labels = videos.labels[[each.index for each in waiting]]
            parts.append(_seen(network, waiting, labels, batch, device, pixels, classes))
            kept, waiting = kept + [each.index for each in waiting], []
        report(done, len(indices))
    if not kept:
        raise RuntimeError(f"none of {len(indices)} test videos could be read: {videos.unreadable[-1]}")
    outputs, right = (torch.cat(each).numpy() for each in zip(*parts, strict=True))
    unreadable = videos.losses.missing + len(indices) - len(kept)
    return Tested(np.array(kept, np.int64), outputs, right, unreadable, short)


def _seen(
    network: nn.Module,
    seen: list[VideoViews],
    labels: np.ndarray,
    batch: int,
    device: torch.device,
    pixels: Pixels,
    classes: int,
) -> tuple[Tensor, Tensor]:
    """Of videos with equally many views: the logs of their mean probabilities (videos, classes), and the shares of
    their views that are right (videos,)."""
    clips = np.concatenate([each.pixels for each in seen])
    logits = [
        _logits(network, to_network(clips[at : at + batch], device, pixels), classes).cpu()
        for at in range(0, len(clips), batch)
    ]
    logs = torch.cat(logits).log_softmax(dim=1).reshape(len(seen), -1, classes)
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
