"""Frames of a video by torchcodec."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from tradeoff.data.clips import Frames, Integers
from tradeoff.data.decoding import Orientation, Unreadable
from tradeoff.data.readers.base import VideoReader
from tradeoff.data.readers.frame_index import FrameIndex, index_video
from tradeoff.errors import InputError

SAME = 1e-6  # seconds that rounding may make of a time


class TorchCodecReader(VideoReader):
    """Which frames there are is what PyAV says (`FrameIndex`); torchcodec and its FFmpeg decode and scale them.

    It seeks, and where it does not find what was asked for it decodes from the first frame on. Raw streams without a
    container are Unreadable to it.

    The frames are the same, their pixels not quite: plain areas differ from PyAV's by at most 3 of 255, filmed frames
    by less than 2 on average, the most colourful drawings by less than 8. Edges of colour differ more, up to the whole
    range: colours are mostly stored at half the size, and torchcodec enlarges them by repeating pixels.
    """

    def __init__(self, path: Path) -> None:
        """Raises Unreadable, with the reason, and InputError where torchcodec cannot be loaded."""
        self._torchcodec = _load()
        self._path = path
        self.index: FrameIndex = index_video(path)
        super().__init__(self.index.times, self.index.size)
        self._mapping = _mapping(self.index)
        self._turns = round((self._open().metadata.rotation or 0) / 90) % 4  # quarters, anticlockwise

    def _read(self, numbers: Integers, size: tuple[int, int]) -> Frames:
        images = None if self.index.pts is None else self._sought(self._scaling(size), numbers)
        if images is None:
            images = self._counted(self._scaling(size), numbers)
        return self._upright(images)

    def _sought(self, decoder: Any, numbers: Integers) -> Frames | None:
        """The frames of these rising numbers, or None where torchcodec gives others or none: of a frame that is held
        back after a seek it gives the next."""
        try:
            batch = decoder.get_frames_at(numbers.tolist())
        except (RuntimeError, IndexError):
            return None
        images: Frames = batch.data.numpy()
        return images if np.allclose(batch.pts_seconds.numpy(), self.times[numbers], rtol=0, atol=SAME) else None

    def _counted(self, decoder: Any, numbers: Integers) -> Frames:
        """The frames of these rising numbers, looked for from the first on; the public methods would seek even that."""
        images, last = [], -1
        try:
            for wanted in numbers.tolist():
                while last < wanted:
                    image, seconds, _ = self._torchcodec._core.get_next_frame(decoder._decoder)
                    last = last + 1 if self.index.pts is None else self._number(float(seconds))
                if last > wanted:
                    raise self._lost(wanted)
                images.append(image.numpy())
        except (RuntimeError, IndexError) as error:
            raise Unreadable(f"torchcodec: {str(error).splitlines()[0]}") from error
        return np.stack(images)

    def _number(self, seconds: float) -> int:
        """Of the frame that is shown then, or the one before that time."""
        return int(np.searchsorted(self.times, seconds + SAME, "right")) - 1

    def _open(self, **options: Any) -> Any:
        try:
            return self._torchcodec.decoders.VideoDecoder(
                self._path,
                stream_index=self.index.stream,
                custom_frame_mappings=self._mapping,
                dimension_order="NHWC",
                num_ffmpeg_threads=1,
                device="cpu",
                **options,
            )
        except (RuntimeError, ValueError) as error:
            raise Unreadable(f"torchcodec: {str(error).splitlines()[0]}") from error

    def _scaling(self, size: tuple[int, int]) -> Any:
        """A decoder that gives frames of (height, width) = `size` once they are upright."""
        stored = self.index.orientation.swapped(size)
        return self._open(transforms=[self._torchcodec.transforms.Resize(stored[::-1] if self._turns % 2 else stored)])

    def _upright(self, images: Frames) -> Frames:
        """torchcodec turns, but knows no mirror images: its turn is undone and the whole orientation applied."""
        if self.index.orientation == Orientation() and not self._turns:
            return images
        stored = np.rot90(images, -self._turns, axes=(1, 2))
        return np.stack([self.index.orientation.upright(image) for image in stored])


def _mapping(index: FrameIndex) -> str:
    """The frames as torchcodec wants to be told; where timestamps are not to be trusted, their numbers."""
    if index.pts is None:
        frames = [{"pts": number, "duration": 1, "key_frame": int(number == 0)} for number in range(index.count)]
    else:
        pairs = zip(index.pts.tolist(), index.keys, strict=True)
        frames = [{"pts": time, "duration": 1, "key_frame": int(key.pts == time)} for time, key in pairs]
    return json.dumps({"frames": frames})


def _load() -> Any:
    """torchcodec; raises InputError, which says what to install, without it or without FFmpeg for it."""
    try:
        torchcodec = importlib.import_module("torchcodec")
    except (ImportError, OSError, RuntimeError) as error:
        raise _cannot_be_loaded(str(error).strip().partition("\n")[0]) from error
    if torchcodec.ffmpeg_major_version is None:
        raise _cannot_be_loaded("it finds none of FFmpeg's shared libraries, versions 4 to 9")
    return torchcodec


def _cannot_be_loaded(reason: str) -> InputError:
    return InputError(
        f"decoder is 'torchcodec', which cannot be loaded: {reason}; pip install 'tradeoff[torchcodec]' and install "
        "FFmpeg (Debian, Ubuntu: apt-get install ffmpeg), or take decoder pyav"
    )
