"""Videos decoded once and kept frame by frame, so that any frame can be had at once: `<cache>/<name>-<digest>-packed/`.

A file a video, `<digest of its id>.frames`: its head in JSON (`_Head`) after its length in 4 bytes, the frames one
after the other, and the SHA-256 of all that. Each is written whole or not at all, so that packing goes on where it was
stopped, and several processes may pack one set. A video that cannot be decoded leaves `<digest>.unreadable` with the
reason.
"""

from __future__ import annotations

import hashlib
import io
import json
import mmap
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from tradeoff.data.clips import Frames, Integers, Progress
from tradeoff.data.decoding import Unreadable, stretch
from tradeoff.data.readers import VideoReader
from tradeoff.data.specs import Pack
from tradeoff.data.streams import VideoSet
from tradeoff.data.threads import in_order
from tradeoff.data.video_lists import VideoClip
from tradeoff.digest import digest
from tradeoff.errors import InputError
from tradeoff.records.store import write_atomically

PACKING_VERSION = 1  # in the digest: to be raised when the same video would be kept otherwise
QUALITY = 95  # of JPEGs
READ_AT_ONCE = 32  # frames, while packing: what is held in memory beside what is kept
_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class _Head:
    """`times` of the frames in seconds, their `height` and `width`, and where each ends in the bytes that follow."""

    format: str
    version: int
    height: int
    width: int
    times: list[float]
    ends: list[int]


class PackedReader(VideoReader):
    """A reader of one packed video. Frames kept as `uint8` are mapped into memory: only what is looked at is read."""

    def __init__(self, path: Path) -> None:
        try:
            self._bytes = np.memmap(path, np.uint8, "r")
        except (OSError, ValueError) as error:
            raise Unreadable(f"the packed frames {path} cannot be read ({error})") from error
        self._start, head = _read_head(path, self._bytes)
        if self._start + head.ends[-1] + _DIGEST != len(self._bytes):
            raise Unreadable(f"the packed frames {path} are cut short: delete the file to have it packed again")
        super().__init__(np.array(head.times), (head.height, head.width))
        self._ends, self._format = head.ends, head.format

    def close(self) -> None:
        """Views of the frames stay good."""
        del self._bytes

    def _read(self, numbers: Integers, size: tuple[int, int]) -> Frames:
        frames = self._uint8(numbers) if self._format == "uint8" else self._jpegs(numbers)
        return frames if size == (self.height, self.width) else _scaled(frames, size)

    def _uint8(self, numbers: Integers) -> Frames:
        kept = self._bytes[self._start : self._start + self._ends[-1]]
        frames = kept.reshape(self.count, self.height, self.width, 3)
        step = int(numbers[1] - numbers[0]) if len(numbers) > 1 else 1
        if (np.diff(numbers) == step).all():
            return frames[int(numbers[0]) : int(numbers[-1]) + 1 : step]  # a view
        return frames[numbers]

    def _jpegs(self, numbers: Integers) -> Frames:
        return np.stack([self._jpeg(int(number)) for number in numbers])

    def _jpeg(self, number: int) -> Frames:
        begin = self._start + (self._ends[number - 1] if number else 0)
        content = self._bytes[begin : self._start + self._ends[number]].tobytes()
        try:
            with Image.open(io.BytesIO(content)) as image:
                return np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError) as error:
            raise Unreadable(f"packed frame {number} is damaged: delete the file to have it packed again") from error


def _read_head(path: Path, content: NDArray[np.uint8]) -> tuple[int, _Head]:
    """Where the frames begin, and the head. Raises Unreadable for what no packing wrote."""
    try:
        length = int.from_bytes(content[:4].tobytes(), "little")
        head = _Head(**json.loads(content[4 : 4 + length].tobytes()))
    except (ValueError, TypeError) as error:
        raise Unreadable(f"the packed frames {path} are damaged: delete the file to have it packed again") from error
    return 4 + length, head


def _scaled(frames: Frames, size: tuple[int, int]) -> Frames:
    scaler = VideoReformatter()
    pictures = (av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24") for frame in frames)
    return np.stack([stretch(picture, scaler, size) for picture in pictures])


def pack(
    videos: VideoSet, folder: Path, how: Pack, progress: Progress, workers: int
) -> Callable[[VideoClip], VideoReader]:
    """Packs what is not packed yet, and gives what opens a packed video.

    Raises InputError where the folder cannot be written or is full, and where too many videos cannot be decoded.
    """
    _make(folder)

    def packed(index: int) -> int:
        clip = videos.clips[index]
        if not (_path(folder, clip, "frames").exists() or _path(folder, clip, "unreadable").exists()):
            _pack(videos, index, _path(folder, clip, "frames"), how)
        return index

    for done, index in enumerate(in_order(packed, range(len(videos.clips)), workers), start=1):
        if (reason := _path(folder, videos.clips[index], "unreadable")).exists():
            videos.lose(index, Unreadable(reason.read_text()))
        progress(done, len(videos.clips))
    return lambda clip: _open(folder, clip)


def verify(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Each packed file, and whether it is what was written."""
    for path in sorted(folder.glob("*.frames")):
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield path, hashlib.sha256(memoryview(content)[:-_DIGEST]).digest() == content[-_DIGEST:]


def _open(folder: Path, clip: VideoClip) -> VideoReader:
    if (reason := _path(folder, clip, "unreadable")).exists():
        raise Unreadable(reason.read_text())
    return PackedReader(_path(folder, clip, "frames"))


def _path(folder: Path, clip: VideoClip, suffix: str) -> Path:
    return folder / f"{digest(clip.id)}.{suffix}"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cache folder {folder}: {error.strerror}; give a folder that can be written") from error


def _pack(videos: VideoSet, index: int, path: Path, how: Pack) -> None:
    try:
        content = _content(videos, index, how)
    except Unreadable as reason:
        path, content = path.with_suffix(".unreadable"), str(reason).encode()
    try:
        write_atomically(path, content)
    except OSError as error:
        raise InputError(f"cache folder {path.parent}: {error.strerror}; give a folder that has room") from error


def _content(videos: VideoSet, index: int, how: Pack) -> bytes:
    with videos.open(index) as reader:
        height, width = _short_side(reader.height, reader.width, how.short_side)
        kept, ends = io.BytesIO(), []
        for start in range(0, reader.count, READ_AT_ONCE):
            rows = np.arange(start, min(start + READ_AT_ONCE, reader.count))
            for frame in reader.read(rows, (height, width)):
                _append(kept, frame, how.format)
                ends.append(kept.tell())
        head = _Head(how.format, PACKING_VERSION, height, width, reader.times.tolist(), ends)
    line = json.dumps(asdict(head)).encode()
    content = len(line).to_bytes(4, "little") + line + kept.getvalue()
    return content + hashlib.sha256(content).digest()


def _append(kept: io.BytesIO, frame: Frames, format: str) -> None:
    if format == "uint8":
        kept.write(frame.tobytes())
    else:
        Image.fromarray(frame).save(kept, "JPEG", quality=QUALITY, subsampling=0)


def _short_side(height: int, width: int, side: int) -> tuple[int, int]:
    """Scaled so that the shorter of both is `side`; a smaller one stays as it is."""
    scale = min(1.0, side / min(height, width))
    return round(height * scale), round(width * scale)
