"""What a clip is, and whether it can be decoded."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer

from tradeoff.data.decoding import Unreadable, opened, packet_times, shown_at
from tradeoff.data.frame_folders import frame_files, read_frame
from tradeoff.data.parts import Part
from tradeoff.data.readers import open_video

LEAST = (8, 8)  # height and width of frames that nobody looks at


@dataclass(frozen=True)
class Probe:
    """Facts of one readable clip; None where the file does not say.

    seconds       how long it lasts; of a part, how much of it there is.
    rate          frames a second: the average where the rate varies.
    width, height of the frames as stored, in pixels.
    frames        how many, as far as they were counted.
    """

    seconds: float | None
    rate: float | None
    width: int
    height: int
    codec: str
    frames: int = 0


def probe(
    path: Path, rate: float | None = None, part: Part | None = None, enough: int = 0, whole: bool = False
) -> Probe:
    """Opens a video and decodes its first frame; of a folder of JPEGs counts the files and reads the first.

    `whole` decodes every frame. `rate` is that at which the frames of a folder were taken. Frames are counted up to
    `enough`, without decoding them. Raises Unreadable with the reason; of a part, also where the packets say that no
    frame is shown in it.
    """
    found = _probe_folder(path, rate, enough) if path.is_dir() else _probe_video(path, part, enough)
    if whole:
        with open_video(path) as reader:
            reader.read(np.arange(reader.count), LEAST)
    return found


def _probe_video(path: Path, part: Part | None, enough: int) -> Probe:
    with opened(path) as (container, stream):
        frame = next(container.decode(stream), None)
        if frame is None:
            raise Unreadable("no frames")
        rate = float(stream.average_rate) if stream.average_rate else None
        name, seconds = stream.codec_context.name, _seconds(container, stream)
    if part is None:
        count = sum(1 for _ in itertools.islice(packet_times(path), enough))
    else:
        count, seconds = _count_within(path, part, shown_at(frame), enough), _seconds_within(seconds, part)
    return Probe(seconds, rate, frame.width, frame.height, name, count)


def _count_within(path: Path, part: Part, first: Fraction | None, enough: int) -> int:
    """Frames of a part, counted up to `enough`; `first` is the time of the video's first."""
    if first is None:
        raise Unreadable("its frames have no times, so that no part of it can be found")
    inside = (None for time in packet_times(path) if time is not None and part.holds(time - first))
    count = sum(1 for _ in itertools.islice(inside, max(1, enough)))
    if not count:
        raise Unreadable(f"no frame from {part}")
    return count


def _seconds_within(seconds: float | None, part: Part) -> float | None:
    return None if seconds is None else float(min(part.end, seconds) - part.start)


def _seconds(container: InputContainer, stream: av.VideoStream) -> float | None:
    """The picture's duration, or the container's, which includes the sound."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration is not None else None


def _probe_folder(path: Path, rate: float | None, enough: int) -> Probe:
    files = frame_files(path)
    first = read_frame(files[0])
    seconds = len(files) / rate if rate else None
    return Probe(seconds, rate, first.width, first.height, "jpeg", min(len(files), enough))
