"""What a clip is, and whether it can be decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer

from tradeoff.data.decoding import Unreadable, opened
from tradeoff.data.frame_folders import frame_files, read_frame
from tradeoff.data.readers import open_video

LEAST = (8, 8)  # height and width of frames that nobody looks at


@dataclass(frozen=True)
class Probe:
    """Facts of one readable clip; None where the file does not say.

    seconds       how long it lasts.
    rate          frames a second: the average where the rate varies.
    width, height of the frames as stored, in pixels.
    """

    seconds: float | None
    rate: float | None
    width: int
    height: int
    codec: str


def probe(path: Path, rate: float | None = None, whole: bool = False) -> Probe:
    """Opens a video and decodes its first frame; of a folder of JPEGs counts the files and reads the first.

    `whole` decodes every frame. `rate` is that at which the frames of a folder were taken. Raises Unreadable with the
    reason.
    """
    found = _probe_folder(path, rate) if path.is_dir() else _probe_video(path)
    if whole:
        with open_video(path) as reader:
            reader.read(np.arange(reader.count), LEAST)
    return found


def _probe_video(path: Path) -> Probe:
    with opened(path) as (container, stream):
        frame = next(container.decode(stream), None)
        if frame is None:
            raise Unreadable("no frames")
        rate = float(stream.average_rate) if stream.average_rate else None
        return Probe(_seconds(container, stream), rate, frame.width, frame.height, stream.codec_context.name)


def _seconds(container: InputContainer, stream: av.VideoStream) -> float | None:
    """The picture's duration, or the container's, which includes the sound."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration is not None else None


def _probe_folder(path: Path, rate: float | None) -> Probe:
    files = frame_files(path)
    first = read_frame(files[0])
    return Probe(len(files) / rate if rate else None, rate, first.width, first.height, "jpeg")
