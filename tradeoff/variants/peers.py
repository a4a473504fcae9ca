"""Other families: networks of torchvision, one row each, with what is published about them.

The accuracies are those in the documentation of torchvision's own Kinetics-400 weights, under its protocol.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from tradeoff.errors import InputError
from tradeoff.variants import notation
from tradeoff.variants.base import Pixels, Published, Variant

Clip = tuple[int, int, int]


@dataclass(frozen=True)
class Peer:
    """A row: how pixels were scaled for the published weights, what is published, and what the constructor takes.

    knobs: the constructor's keywords beside the classes. smallest: the least clip that the network has an answer to.
    fixed: it takes one clip only, of `temporal_size` frames and `spatial_size` pixels, this one if they are not given.
    """

    pixels: Pixels
    published: Published
    knobs: tuple[str, ...]
    smallest: Clip = (1, 1, 1)
    fixed: Clip | None = None


def _published(top1: float, top5: float, clip: str, views: int, rate: float, level: str = "video") -> Published:
    several = f"{views} clips a video, centre crop" if views > 1 else "1 clip, centre crop"
    words = f"{several}, {level} level, {rate:g} frames a second"
    return Published(top1, top5, clip, words, "torchvision, Kinetics-400 V1 weights")


RESNET = ("zero_init_residual",)
SWIN = ("mlp_ratio", "dropout", "attention_dropout")
MVIT = ("temporal_size", "spatial_size", "dropout", "attention_dropout", "stochastic_depth_prob")
MVIT_PATCH = (2, 4, 4)  # frames, pixels, pixels: the positions of the patches are learnt, so clips are whole patches
MVIT_CLIP = (16, 224, 224)
# Its last pool is 2 x 7 x 7 at a stride of 8 frames and 32 pixels: halved rounding up three times (four in space) and
# then down, 13 frames are 7, 4, 2, and 209 pixels 105, 53, 27, 14, 7; one less leaves 1 and 6.
S3D_SMALLEST = (13, 209, 209)

PEERS: dict[str, Peer] = {
    "r3d_18": Peer("kinetics", _published(63.2, 83.479, "16x112x112", 5, 15), RESNET),
    "mc3_18": Peer("kinetics", _published(63.96, 84.13, "16x112x112", 5, 15), RESNET),
    "r2plus1d_18": Peer("kinetics", _published(67.463, 86.175, "16x112x112", 5, 15), RESNET),
    "s3d": Peer("kinetics", _published(68.368, 88.05, "128x224x224", 1, 15, "clip"), ("dropout",), S3D_SMALLEST),
    "mvit_v1_b": Peer("centred", _published(78.477, 93.582, "16x224x224", 5, 7.5), MVIT, fixed=MVIT_CLIP),
    "mvit_v2_s": Peer("centred", _published(80.757, 94.665, "16x224x224", 5, 7.5), MVIT, fixed=MVIT_CLIP),
    "swin3d_t": Peer("imagenet", _published(77.715, 93.519, "32x224x224", 12, 15), SWIN),
    "swin3d_s": Peer("imagenet", _published(79.521, 94.158, "32x224x224", 12, 15), SWIN),
    "swin3d_b": Peer("imagenet", _published(79.427, 94.386, "32x224x224", 12, 15), SWIN),
}


@dataclass(frozen=True)
class PeerVariant(Variant):
    """A network of torchvision's, by its name there.

    arguments: what its constructor is given beside the classes, as it stands in the name's parentheses.
    """

    family: ClassVar[str] = "torchvision"

    model: str = ""
    arguments: str = ""

    def __post_init__(self) -> None:
        if self.model not in PEERS:
            near = difflib.get_close_matches(self.model, PEERS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(PEERS)}"
            raise InputError(f"torchvision network {self.model!r} is unknown: {hint}")
        self._check_classes()
        self._check_arguments()

    def _check_arguments(self) -> None:
        given, taken = self.keywords, self.peer.knobs
        if unknown := sorted(set(given) - set(taken)):
            use = " or ".join(taken)
            raise InputError(f"variant {self.name!r} names {unknown[0]!r}, which it does not take: use {use}")
        frames, sides = given.get("temporal_size", 2), given.get("spatial_size", [4, 4])
        if not _multiples([frames], MVIT_PATCH[:1]):
            raise InputError(f"variant {self.name!r}: temporal_size {frames!r} is impossible: use an even whole number")
        if not _multiples(sides, MVIT_PATCH[1:]):
            raise InputError(
                f"variant {self.name!r}: spatial_size {sides!r} is impossible: use two multiples of 4, as in [224, 224]"
            )

    @property
    def peer(self) -> Peer:
        """The row of the table."""
        return PEERS[self.model]

    @property
    def name(self) -> str:
        # Beside the paper's S3D, which is written in capitals, a bare s3d would be mistaken.
        head = f"torchvision.{self.model}" if self.model == "s3d" else self.model
        return f"{head}({self.arguments})" if self.arguments else head

    @property
    def keywords(self) -> dict[str, Any]:
        """The arguments as the constructor takes them."""
        return notation.read(f"f({self.arguments})")[1]

    @cached_property
    def clip(self) -> Clip | None:
        """The one clip that the network takes, or None if it takes many."""
        if self.peer.fixed is None:
            return None
        frames, height, width = self.peer.fixed
        given = self.keywords
        height, width = given.get("spatial_size", (height, width))
        return given.get("temporal_size", frames), height, width

    @property
    def picky(self) -> bool:
        """Are there clips that it cannot take?"""
        return self.peer.fixed is not None or self.peer.smallest != (1, 1, 1)

    @property
    def scaling(self) -> Pixels:
        return self.peer.pixels

    @property
    def published(self) -> Published | None:
        """Only for the network as it is: 400 classes and no arguments of the user's."""
        return self.peer.published if self.classes == 400 and not self.arguments else None

    def check_clip(self, frames: int, height: int, width: int) -> None:
        given = (frames, height, width)
        if self.clip is not None and given != self.clip:
            raise InputError(
                f"variant {self.name} takes clips of {_written(self.clip)} and no others, not {_written(given)}: "
                + self._instead(given)
            )
        if any(size < least for size, least in zip(given, self.peer.smallest, strict=True)):
            raise InputError(
                f"variant {self.name} takes clips from {_written(self.peer.smallest)} up, not {_written(given)}"
            )

    def _instead(self, clip: Clip) -> str:
        if not _multiples(clip, MVIT_PATCH):
            return f"use a clip of whole patches of {_written(MVIT_PATCH)}"
        sizes = {"temporal_size": clip[0], "spatial_size": list(clip[1:])}
        return f"write {self.from_name(self.model, **self.keywords | sizes).name} for those"

    @classmethod
    def knows(cls, head: str) -> bool:
        if ":" in head:
            return False  # torchvision.models:resnet18 is a callable
        # In other letters s3d is the paper's; the rest are nobody else's.
        return head.lower().startswith("torchvision.") or head in PEERS or head.lower() in set(PEERS) - {"s3d"}

    @classmethod
    def names(cls) -> Sequence[str]:
        return tuple(PEERS)

    @classmethod
    def from_name(cls, head: str, /, **knobs: Any) -> PeerVariant:
        """`r3d_18`, `torchvision.s3d`; knobs other than classes go to torchvision's constructor."""
        model = head.lower().removeprefix("torchvision.")
        classes = {"classes": knobs.pop("classes")} if "classes" in knobs else {}
        if knobs.pop("width", 1.0) != 1.0:
            raise InputError(f"variant {head!r} has no width: leave it at 1, or write I3D(width=0.5) for others")
        if (peer := PEERS.get(model)) is not None:
            ordered = sorted(knobs, key=lambda knob: [*peer.knobs, knob].index(knob))
            written = {knob: notation.inside({knob: knobs[knob]}) for knob in ordered}
            usual = {knob: notation.inside({knob: size}) for knob, size in _usual_sizes(peer).items()}
            knobs = {knob: knobs[knob] for knob in ordered if written[knob] != usual.get(knob)}
        return cls(model=model, arguments=notation.inside(knobs), **classes)


def _usual_sizes(peer: Peer) -> dict[str, Any]:
    """The sizes that a network has anyway: named or not, it is one network and has one key."""
    if peer.fixed is None:
        return {}
    return {"temporal_size": peer.fixed[0], "spatial_size": list(peer.fixed[1:])}


def _multiples(sizes: Any, of: Sequence[int]) -> bool:
    """Are these as many whole numbers, each a positive multiple of its counterpart?"""
    if not isinstance(sizes, list | tuple) or len(sizes) != len(of):
        return False
    return all(type(size) is int and size > 0 and size % unit == 0 for size, unit in zip(sizes, of, strict=True))


def _written(clip: Clip) -> str:
    return "x".join(map(str, clip))
