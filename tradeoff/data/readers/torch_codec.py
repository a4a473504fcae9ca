"""Frames of a video by torchcodec."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from tradeoff.data.clips import Frames, Integers
from tradeoff.data.decoding import Orientation, Unreadable
from tradeoff.data.readers.base import Reader
from tradeoff.data.readers.frame_index import FrameIndex, index_video
from tradeoff.errors import InputError


class TorchCodecReader(Reader):
    """Which frames there are is what PyAV says (`FrameIndex`); torchcodec and its FFmpeg decode and scale them.

    The frames are the same, their pixels not quite: plain areas differ from PyAV's by at most 3 of 255, filmed frames
    by less than 2 on average and saturated drawings by less than 4. Edges of colour differ by more, up to the whole
    range: colours are mostly stored at half the size, and torchcodec enlarges them by repeating pixels.
    """

    def __init__(self, path: Path) -> None:
        """Raises Unreadable, with the reason, and InputError where torchcodec cannot be loaded."""
        self._torchcodec = _load()
        self._path = path
        self.index: FrameIndex = index_video(path)
        super().__init__(self.index.times, self.index.size)
        self._mapping = _mapping(self.index)

    def _read(self, numbers: Integers, size: tuple[int, int]) -> Frames:
        try:
            images, seconds = self._decoded(numbers, size)
        except (RuntimeError, IndexError, ValueError) as error:
            raise Unreadable(str(error).splitlines()[0]) from error
        wrong = np.flatnonzero(np.abs(seconds - self.times[numbers]) > 1e-6)
        if self.index.pts is not None and wrong.size:
            raise Unreadable(self.name_of(int(numbers[wrong[0]])))
        return images

    def _decoded(self, numbers: Integers, size: tuple[int, int]) -> tuple[Frames, np.ndarray]:
        """The frames and when torchcodec says that they are shown, in seconds."""
        decoder, turns = self._open(size)
        if self.index.pts is not None:
            batch = decoder.get_frames_at(numbers.tolist())
            return self._upright(batch.data.numpy(), turns), batch.pts_seconds.numpy()
        wanted, images = set(numbers.tolist()), []
        for number in range(int(numbers[-1]) + 1):  # one after the other, torchcodec seeks nowhere
            frame = decoder.get_frame_at(number)
            if number in wanted:
                images.append(frame.data.numpy())
        return self._upright(np.stack(images), turns), self.times[numbers]

    def _open(self, size: tuple[int, int]) -> tuple[Any, int]:
        """A decoder that scales to (height, width) = `size` upright, and how many quarters it turns anticlockwise."""
        stored = self.index.orientation.swapped(size)
        decoder = self._scaling_to(stored)
        turns = round((decoder.metadata.rotation or 0) / 90) % 4
        return (self._scaling_to(stored[::-1]) if turns % 2 else decoder), turns

    def _scaling_to(self, size: tuple[int, int]) -> Any:
        return self._torchcodec.decoders.VideoDecoder(
            self._path,
            custom_frame_mappings=self._mapping,
            transforms=[self._torchcodec.transforms.Resize(size)],
            dimension_order="NHWC",
            num_ffmpeg_threads=1,
            device="cpu",
        )

    def _upright(self, images: Frames, turns: int) -> Frames:
        """torchcodec turns, but knows no mirror images: its turn is undone and the whole orientation applied."""
        if self.index.orientation == Orientation() and not turns:
            return images
        stored = np.rot90(images, -turns, axes=(1, 2))
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
