"""Videos frame by frame: what is sampled is sought and decoded, nothing else. One file a reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tradeoff.data.readers.base import VideoReader
from tradeoff.data.readers.folder import FolderReader
from tradeoff.data.readers.py_av import PyAVReader
from tradeoff.data.readers.torch_codec import TorchCodecReader
from tradeoff.setting_names import Decoder

_READERS: Mapping[Decoder, Callable[[Path], VideoReader]] = {"pyav": PyAVReader, "torchcodec": TorchCodecReader}

__all__ = ["Decoder", "VideoReader", "open_video"]


def open_video(path: Path, decoder: Decoder = "pyav", rate: float | None = None) -> VideoReader:
    """The frames of a video file, or of a folder of numbered JPEGs, which no decoder is needed for.

    `rate` is that at which the frames of a folder were taken, a second; 30 where nobody says. Raises Unreadable, with
    the reason, for a video that is broken, and InputError for a decoder that cannot be loaded: no other stands in.
    """
    return FolderReader(path, rate) if path.is_dir() else _READERS[decoder](path)
