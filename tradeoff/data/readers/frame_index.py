"""Which frames a video shows, when, and from which key frame each can be decoded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from tradeoff.data.clips import Integers
from tradeoff.data.decoding import Orientation, Unreadable, opened, unreadable_where_broken
from tradeoff.data.readers.remembered import Remembered

CONTAINERS = frozenset(["mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "flv"])
"""Each packet carries its own timestamp. AVI has none, MPEG transport and program streams have one now and then, and
what FFmpeg guesses between them may differ after a seek."""

CODECS = frozenset(
    [
        "av1",
        "dnxhd",
        "ffv1",
        "h264",
        "hevc",
        "huffyuv",
        "mjpeg",
        "mpeg1video",
        "mpeg2video",
        "prores",
        "rawvideo",
        "vp9",
    ]
)
"""A packet is a frame, and a key frame starts afresh. Not so: VP8 has packets that show nothing, MPEG-4 packs two
frames into one, GIF calls every frame a key frame."""

REMEMBERED = 2_000_000
"""Frames of all indices that are kept: about 250 MB, of 6,666 videos of 300 frames, or of 22 hours at 25 a second."""
COMPARED = 3
"""So many frames are decoded on opening, to see that they are those the packets promise: two fields in two packets are
noticed, and frames at the start whose references were cut off."""

RATE_OF_UNTIMED = 25.0
"""Frames a second where a file tells neither times nor rate."""


class Key(NamedTuple):
    """A key frame: when it is shown, the least time by which files index it, and its packet's place in the file."""

    pts: int
    least: int
    place: int


@dataclass(frozen=True)
class FrameIndex:
    """The `count` frames of a video in the order of showing.

    times      (count,) seconds, rising.
    pts        (count,) the same in the stream's unit, unique; None where timestamps are not to be trusted, and
               only decoding from the first frame on tells one frame from another.
    keys       (count,) the key frame from which each is decoded; empty where `pts` is None.
    starts     (count,) the first frame in order of showing that this key frame gives.
    places     packet's place in the file by its timestamp.
    size       (height, width) upright, with square pixels.
    stream     which of the file's streams the pictures are.
    """

    times: NDArray[np.float64]
    size: tuple[int, int]
    orientation: Orientation
    stream: int
    pts: Integers | None = None
    keys: tuple[Key, ...] = ()
    starts: Integers | None = None
    places: dict[int, int] | None = None

    @property
    def count(self) -> int:
        return len(self.times)


_INDICES = Remembered[FrameIndex](REMEMBERED, lambda index: index.count)
"""By path, size and time of change: of files that have not changed since."""


class _Packet(NamedTuple):
    pts: int
    dts: int
    key: bool
    hidden: bool  # needed for decoding, not shown: an edit list starts behind it


def index_video(path: Path) -> FrameIndex:
    """Reads all packets and decodes the first few frames; decodes all where timestamps are not to be trusted.

    Indices of up to 2 million frames are remembered, so that a set that is no larger is indexed once, not in every
    epoch; one of more than a tenth of that is not. Raises Unreadable, with the reason.
    """
    with unreadable_where_broken():
        found = path.stat()
    return _INDICES.get((path, found.st_size, found.st_mtime_ns), lambda: _index_video(path))


def _index_video(path: Path) -> FrameIndex:
    with opened(path) as (container, stream):
        known = container.format.name in CONTAINERS and stream.codec_context.codec.canonical_name in CODECS
        packets, first = (
            _packets(container, stream) if known else ([], list(islice(container.decode(stream), COMPARED)))
        )
        if not first:
            raise Unreadable("no frames")
        pixel, orientation = float(stream.sample_aspect_ratio or 1), Orientation.of(first[0])
        size = orientation.swapped((first[0].height, max(1, round(first[0].width * pixel))))
        number, unit = stream.index, stream.time_base or Fraction(1)
        rate = float(stream.average_rate or stream.guessed_rate or RATE_OF_UNTIMED)
    pts = _shown(packets, [frame.pts for frame in first])
    if pts is None:
        return FrameIndex(_times(_decoded(path), unit, rate), size, orientation, number)
    places = {packet.pts: place for place, packet in enumerate(packets)}
    keys = _keys(pts, packets, places)
    starts = np.searchsorted(pts, [key.pts for key in keys])
    return FrameIndex(_seconds(pts, unit), size, orientation, number, pts, keys, starts, places)


def _packets(container: InputContainer, stream: av.VideoStream) -> tuple[list[_Packet], list[av.VideoFrame]]:
    """Of the picture stream, in the file's order, none where one of them has no timestamp; and the first frames."""
    packets, first, whole = [], list[av.VideoFrame](), True
    for packet in container.demux(stream):
        if len(first) < COMPARED:
            first += packet.decode()
        if packet.size and packet.pts is not None:
            dts = packet.pts if packet.dts is None else packet.dts
            packets.append(_Packet(packet.pts, dts, packet.is_keyframe, packet.is_discard))
        whole &= packet.pts is not None or not packet.size
    return packets if whole else [], first[:COMPARED]


def _shown(packets: Sequence[_Packet], first: Sequence[int | None]) -> Integers | None:
    """The timestamps of the frames shown, rising, where those of packets are to be trusted: `first` must be theirs.

    Frames that precede the first key frame in showing but follow it in the file may be missing: what they refer to
    was cut off.
    """
    if not packets or not packets[0].key or len({packet.pts for packet in packets}) < len(packets):
        return None
    keys = [packet.pts for packet in packets if packet.key]
    promised = np.array(sorted(packet.pts for packet in packets if not packet.hidden), np.int64)
    start = int(np.searchsorted(promised, first[0])) if first[0] is not None else 0
    lost_too_much = start > 0 and promised[start - 1] >= keys[0]
    seen = promised[start : start + COMPARED].tolist()
    return None if lost_too_much or seen != list(first) or keys != sorted(keys) else promised[start:]


def _keys(pts: Integers, packets: Sequence[_Packet], places: dict[int, int]) -> tuple[Key, ...]:
    """For each frame the last key frame that precedes it both in showing and in the file, or the very first.

    A frame that follows a key frame in the file and precedes it in showing (an open group) refers to frames before it.
    """
    keys = [Key(packet.pts, min(packet.pts, packet.dts), place) for place, packet in enumerate(packets) if packet.key]
    in_file = np.searchsorted([key.place for key in keys], [places[int(t)] for t in pts], "right") - 1
    in_showing = np.searchsorted([key.pts for key in keys], pts, "right") - 1
    return tuple(keys[k] for k in np.maximum(np.minimum(in_file, in_showing), 0))


def _decoded(path: Path) -> list[int | None]:
    """The timestamps of all frames in the order in which they are decoded."""
    with opened(path) as (container, stream):
        return [frame.pts for frame in container.decode(stream)]


def _times(stamps: Iterable[int | None], unit: Fraction, rate: float) -> NDArray[np.float64]:
    """The frames' own times where all have one and they rise; else evenly spaced from the first."""
    own = list(stamps)
    known = np.array([t for t in own if t is not None], np.int64)
    if len(known) == len(own) and (np.diff(known) > 0).all():
        return _seconds(known, unit)
    start = (own[0] or 0) * float(unit)
    return np.asarray(start + np.arange(len(own)) / rate, np.float64)


def _seconds(stamps: Integers, unit: Fraction) -> NDArray[np.float64]:
    return np.asarray(stamps * float(unit), np.float64)
