"""Clips that are distributed as folders of numbered JPEGs: 00001.jpg, 00002.jpg and so on."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from PIL import Image, ImageOps, UnidentifiedImageError

from tradeoff.data.clips import Frames
from tradeoff.data.decoding import Sampling, Unreadable, fit, sampled_indices

JPEG_SUFFIXES = (".jpg", ".jpeg")


def frame_files(folder: Path) -> tuple[Path, ...]:
    """The frames of a folder in order.

    Raises Unreadable where there are none, or where a number is missing between the first and the last: what
    follows would not be evenly spread.
    """
    try:
        files = [path for path in folder.iterdir() if path.suffix.lower() in JPEG_SUFFIXES and is_number(path.stem)]
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error
    if not files:
        raise Unreadable("no frames")
    numbered = {int(path.stem): path for path in sorted(files)}
    first, last = min(numbered), max(numbered)
    if len(numbered) != last - first + 1:
        gap = next(number for number in range(first, last) if number not in numbered)
        lost = last - first + 1 - len(numbered)
        raise Unreadable(f"{lost} of {last - first + 1} frames missing, the first is {gap}")
    return tuple(numbered[number] for number in range(first, last + 1))


def is_number(stem: str) -> bool:
    """Ten digits at most, so that a hash is no number."""
    return stem.isascii() and stem.isdecimal() and len(stem) <= 10


def decode_folder(folder: Path, shape: tuple[int, int, int], sampling: Sampling = sampled_indices) -> Frames:
    """The clip of a folder of frames, uint8 (T, H', W', 3) RGB for (T, H', W') = `shape`, as `decode` makes it.

    Only the frames that are sampled are read, each once. Raises Unreadable, with the reason, for a folder with a gap
    and for a frame that is broken.
    """
    files = frame_files(folder)
    wanted = sampling(len(files), shape[0])
    clip = np.zeros((*shape, 3), np.uint8)
    scaler = VideoReformatter()
    for index in np.unique(wanted):
        clip[wanted == index] = fit(read_frame(files[index]), scaler, 1.0, shape[1:])
    return clip


def read_frame(path: Path) -> av.VideoFrame:
    """One JPEG, upright, in RGB; raises Unreadable, with the reason, for a file that is broken anywhere."""
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except UnidentifiedImageError as error:
        raise Unreadable(f"{path.name} is no picture") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Unreadable(f"{path.name}: {getattr(error, 'strerror', None) or error}") from error
    return av.VideoFrame.from_ndarray(np.asarray(upright), "rgb24")
