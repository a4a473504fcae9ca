"""A network derived from weights, and how far its features are from those of its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tradeoff.clip_shape import ClipShape
from tradeoff.data.decoding import Unreadable, decode
from tradeoff.errors import InputError
from tradeoff.networks.pixels import to_network
from tradeoff.variants import InceptionVariant, Variant
from tradeoff.weights.building import say_knobs
from tradeoff.weights.checkpoints import Weights, checkpoint_bytes
from tradeoff.weights.derive import Derived, derive, distances, smooth_clip
from tradeoff.weights.labels import labels_of
from tradeoff.weights.matching import match, named_by


@dataclass(frozen=True)
class Derivation:
    """A derived network, and for each stage the distance of its features from the source's, relative to their norm."""

    source: str
    target: InceptionVariant
    derived: Derived
    distances: dict[str, float]
    compared_on: str

    def as_record(self) -> dict[str, Any]:
        about = {"weights": self.source, "variant": self.target.name, "compared_on": self.compared_on}
        return about | {"distances": self.distances, "kept": self.derived.kept, "fresh_head": self.derived.fresh_head}

    def rows(self) -> list[dict[str, str]]:
        """A line a stage, for people."""
        kept = self.derived.kept
        return [
            {
                "stage": stage,
                "distance": f"{distance:.3f}",
                "kept": f"{kept[unit]:.1%}" if (unit := stage.rpartition("_")[2]) in kept else "",
            }
            for stage, distance in self.distances.items()
        ]

    def caption(self) -> str:
        return (
            f"{self.target.name} from {self.source}, on {self.compared_on}; distance: norm of the difference of the "
            "features over the norm of the source's; kernel kept: the share of a factorised kernel's sum of squares"
        )


def derivation(weights: Weights, name: str, videos: Sequence[Path], clip: str) -> Derivation:
    """Derive the variant called `name` and compare it with its source on videos, or on smooth random blobs.

    Raises InputError for a variant that cannot be derived, and a video that cannot be decoded.
    """
    target = match(weights, Variant.parse(name), named_by(name, {}), derive=True)
    if not isinstance(target, InceptionVariant):
        raise InputError(f"variant {name} is of another family than the weights: only the paper's family is derived")
    say_knobs(weights, target, named_by(name, {}))
    derived = derive(weights, target)
    shape = ClipShape.parse(clip)
    clips = _clips(videos, shape, target) if videos else smooth_clip()
    words = f"{', '.join(video.name for video in videos)}, {shape}" if videos else "smooth random blobs, 16x112x112"
    found = distances(weights.network(), derived.network, clips)
    return Derivation(weights.origin, target, derived, found, words)


def derived_bytes(weights: Weights, derivation: Derivation) -> bytes:
    """The content of a checkpoint file with the derived network."""
    labels = () if derivation.derived.fresh_head else labels_of(weights)
    return checkpoint_bytes(derivation.derived.network, derivation.target, labels)


def _clips(videos: Sequence[Path], shape: ClipShape, target: Variant) -> Tensor:
    try:
        frames = np.stack([decode(video, (shape.frames, shape.height, shape.width)) for video in videos])
    except Unreadable as error:
        raise InputError(f"video {', '.join(map(str, videos))} cannot be decoded: {error}") from error
    return to_network(frames, torch.device("cpu"), target.scaling)
