"""What a clip is, without decoding more than its first frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError

from tradeoff.data.decoding import Unreadable, video_stream
from tradeoff.data.frame_folders import frame_files, read_frame


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


def probe(path: Path, rate: float | None = None) -> Probe:
    """Opens a video and decodes its first frame; of a folder of JPEGs counts the files and reads the first.

    `rate` is that at which the frames of a folder were taken. Raises Unreadable with the reason.
    """
    return _probe_folder(path, rate) if path.is_dir() else _probe_video(path)


def _probe_video(path: Path) -> Probe:
    try:
        if path.stat().st_size == 0:
            raise Unreadable("the file is empty")
        with av.open(path) as container:
            stream = video_stream(container)
            stream.codec_context.thread_count = 1  # the files are probed in parallel already
            frame = next(container.decode(stream), None)
            if frame is None:
                raise Unreadable("no frames")
            rate = float(stream.average_rate) if stream.average_rate else None
            return Probe(_seconds(container, stream), rate, frame.width, frame.height, stream.codec_context.name)
    except (FFmpegError, OSError, ValueError) as error:
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from error


def _seconds(container: InputContainer, stream: av.VideoStream) -> float | None:
    """The picture's duration, or the container's, which includes the sound."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration is not None else None


def _probe_folder(path: Path, rate: float | None) -> Probe:
    files = frame_files(path)
    first = read_frame(files[0])
    return Probe(len(files) / rate if rate else None, rate, first.width, first.height, "jpeg")
