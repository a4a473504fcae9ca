"""The frames of one video file, or of a part of one, decoded from the first to the last.

A clip is T frames spread evenly over the whole video, upright, scaled to cover H'xW' and cropped at the centre.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.sidedata.sidedata import SideData
from av.video.reformatter import Interpolation, VideoReformatter

from tradeoff.data.clips import Frames, Integers
from tradeoff.data.parts import Part

SAMPLING_VERSION = 1  # in the digest: to be raised when the same files would give other pixels

# The filter widens with the reduction, so fine patterns do not alias; colour is interpolated as brightness is;
# and the result is the same on any processor.
SCALING = (
    Interpolation.BILINEAR
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)


PASSING = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE}


class Unreadable(Exception):
    """A video, or a frame of one, that cannot be shown; the message is the reason."""


@contextmanager
def unreadable_where_broken() -> Iterator[None]:
    """Turns what FFmpeg and the file system raise into Unreadable, with their reason and without the path; not what
    says nothing about the video, such as too many open files."""
    try:
        yield
    except (FFmpegError, OSError, ValueError) as error:
        if getattr(error, "errno", None) in PASSING:
            raise
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from error


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, av.VideoStream]]:
    """A video and its picture stream, to be decoded by one thread: the clips run in parallel already.

    Raises Unreadable, for what goes wrong inside the block too.
    """
    with unreadable_where_broken():
        if path.stat().st_size == 0:
            raise Unreadable("the file is empty")
        with av.open(path) as container:
            stream = video_stream(container)
            stream.codec_context.thread_count = 1
            yield container, stream


def sampled_indices(total: int, frames: int) -> Integers:
    """Which of `total` frames a clip takes: the centres of `frames` equal segments; some repeat if total is less."""
    return (2 * np.arange(frames, dtype=np.int64) + 1) * total // (2 * frames)


def middle_indices(total: int, frames: int) -> Integers:
    """`frames` consecutive frames from the middle of `total`; a shorter video starts again from its first."""
    return (max(0, (total - frames) // 2) + np.arange(frames, dtype=np.int64)) % max(1, total)


Sampling = Callable[[int, int], Integers]
"""From a video's frames and a clip's to which frames the clip takes."""


def decode(path: Path, shape: tuple[int, int, int], sampling: Sampling = sampled_indices) -> Frames:
    """The clip of a video, uint8 (T, H', W', 3) RGB for (T, H', W') = `shape`.

    Raises Unreadable, with the reason, for a file that is broken anywhere: what follows would not be evenly spread.
    """
    return decode_counted(path, shape, sampling)[0]


def decode_counted(
    path: Path, shape: tuple[int, int, int], sampling: Sampling = sampled_indices, part: Part | None = None
) -> tuple[Frames, int]:
    """As `decode`, from the frames of a part alone where one is given, and how many frames there were to take from.

    Of a part, what lies behind its end is not decoded. Raises Unreadable where no frame is shown in it, too.
    """
    expected = _count_packets(path) if part is None else _count_within(path, part)
    clip, found = _pick(path, expected, shape, sampling, part)
    if found != expected:  # a packet may hold no frame, or more than one
        clip, found = _pick(path, found, shape, sampling, part)
    if found == 0:
        raise Unreadable("no frames" if part is None else f"no frame from {part}")
    return clip, found


def _count_packets(path: Path) -> int:
    """Frames as far as the packets tell: files' own counts are often missing and sometimes wrong."""
    return sum(1 for _ in packet_times(path))


def _count_within(path: Path, part: Part) -> int:
    times = [time for time in packet_times(path) if time is not None]
    return sum(part.holds(time - min(times)) for time in times)


def packet_times(path: Path) -> Iterator[Fraction | None]:
    """When each packet of the pictures is shown, in seconds, in the file's order; None where it does not say."""
    with opened(path) as (container, stream):
        for packet in container.demux(stream):
            if packet.size:
                time = packet.dts if packet.pts is None else packet.pts
                yield None if time is None or stream.time_base is None else time * stream.time_base


def _pick(
    path: Path, total: int, shape: tuple[int, int, int], sampling: Sampling, part: Part | None
) -> tuple[Frames, int]:
    """The clip, if the part has `total` frames, and how many it has; holds no more frames than the clip's."""
    wanted = sampling(total, shape[0])
    clip = np.zeros((*shape, 3), np.uint8)
    found = 0
    with opened(path) as (container, stream):
        scaler, pixel = VideoReformatter(), float(stream.sample_aspect_ratio or 1)
        frames = container.decode(stream)
        for frame in frames if part is None else _within(frames, part):
            rows = np.flatnonzero(wanted == found)
            if rows.size:
                clip[rows] = fit(frame, scaler, pixel, shape[1:])
            found += 1
    return clip, found


def _within(frames: Iterator[av.VideoFrame], part: Part) -> Iterator[av.VideoFrame]:
    """The frames of a part, of frames in the order of showing.

    One that is said to be shown before its predecessor, as those of packed B-frames in AVI are, is shown with it.
    """
    first = last = None
    for frame in frames:
        time = shown_at(frame)
        if time is None:
            raise Unreadable("its frames have no times, so that no part of it can be found")
        first, last = time if first is None else first, time if last is None else max(last, time)
        if last - first >= part.end:
            return
        if part.holds(last - first):
            yield frame


def shown_at(frame: av.VideoFrame) -> Fraction | None:
    """When a frame is shown, in seconds; None where the file does not say."""
    return None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base


def video_stream(container: InputContainer) -> av.VideoStream:
    """The likeliest picture stream of a file; raises Unreadable where there is none, or none that can be decoded."""
    stream = container.streams.best("video")
    if not isinstance(stream, av.VideoStream):
        raise Unreadable("no video stream")
    # PyAV's types say that there always is one; of a codec that FFmpeg does not know there is none.
    if getattr(stream, "codec_context", None) is None:
        raise Unreadable("unknown codec")
    return stream


def fit(frame: av.VideoFrame, scaler: VideoReformatter, pixel: float, size: tuple[int, int]) -> Frames:
    """The frame upright, uint8 (height, width, 3), scaled to cover (height, width) = `size` and cropped at the centre.

    `pixel` is the width of a pixel over its height.
    """
    stand = Orientation.of(frame)
    height, width = stand.swapped(size)
    scale = max(width / (frame.width * pixel), height / frame.height)
    cover = max(height, round(frame.height * scale)), max(width, round(frame.width * pixel * scale))
    image = _scaled(frame, scaler, cover)
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return stand.upright(image[top : top + height, left : left + width])


def stretch(frame: av.VideoFrame, scaler: VideoReformatter, size: tuple[int, int]) -> Frames:
    """The whole frame upright, uint8 (height, width, 3) for (height, width) = `size`, whatever its shape was."""
    stand = Orientation.of(frame)
    return stand.upright(_scaled(frame, scaler, stand.swapped(size)))


def _scaled(frame: av.VideoFrame, scaler: VideoReformatter, size: tuple[int, int]) -> Frames:
    """The frame as it is stored, in RGB, scaled to (height, width) = `size`."""
    scaled = scaler.reformat(frame, size[1], size[0], format="rgb24", interpolation=SCALING, threads=1)
    image: Frames = np.asarray(scaled.to_ndarray(), np.uint8)
    return image


@dataclass(frozen=True)
class Orientation:
    """How to stand a frame upright: swap its axes, then mirror left to right, then flip top to bottom."""

    turned: bool = False
    mirrored: bool = False
    flipped: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """From the display matrix that cameras write: x' = a x + c y, y' = b x + d y, stored as rows (a, b, u),
        (c, d, v), (x, y, w).

        It says mirrored as well as rotated, which PyAV's `rotation` does not (it makes a mirror image a half turn);
        an angle between right ones is rounded.
        """
        matrix = frame.side_data.get("DISPLAYMATRIX")
        if not isinstance(matrix, SideData):
            return cls()
        a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
        turned = abs(b) > abs(a)
        return cls(turned, (c if turned else a) < 0, (b if turned else d) < 0)

    def swapped(self, size: tuple[int, int]) -> tuple[int, int]:
        """(Height, width) of an upright frame as it is stored, or the other way round."""
        return size[::-1] if self.turned else size

    def upright(self, image: Frames) -> Frames:
        """The stored (height, width, 3) stood upright, without a copy."""
        image = image.swapaxes(0, 1) if self.turned else image
        return image[:: -1 if self.flipped else 1, :: -1 if self.mirrored else 1]
