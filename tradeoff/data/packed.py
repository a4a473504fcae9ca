"""Videos decoded once and kept frame by frame, so that any frame can be had at once: `<cache>/<name>-<digest>-packed/`.

A file a video, `<digest of its id>.frames`: the frames one after the other, what is known of them in JSON (`_Index`),
its length in 4 bytes, and the SHA-256 of all that. Each is written under another name and renamed when it is whole, so
that packing goes on where it was stopped. Of several processes one packs, and the others wait for it. A video that
cannot be decoded leaves `<digest>.unreadable` with the reason; without that file it is tried again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

from tradeoff.data.cache import naming as _naming
from tradeoff.data.clips import Frames, Integers, Progress
from tradeoff.data.decoding import Unreadable, stretch
from tradeoff.data.readers import VideoReader
from tradeoff.data.specs import PACKING_VERSION, Pack
from tradeoff.data.streams import VideoSet
from tradeoff.data.threads import in_order
from tradeoff.data.video_lists import VideoClip
from tradeoff.digest import digest
from tradeoff.errors import InputError

QUALITY = 95  # of JPEGs
READ_AT_ONCE = 128 * 2**20
"""Bytes of frames while packing, all that a thread holds in memory: each reading decodes from a key frame on, so that
few frames at once would decode most of a video many times."""
_DIGEST, _LENGTH = hashlib.sha256().digest_size, 4
_UNFINISHED = ".packing-"
_REMEDY = "delete the file to have the video packed again"


@dataclass(frozen=True)
class _Index:
    """`times` of the frames in seconds, their `height` and `width`, and where each ends in the bytes before this."""

    format: str
    version: int
    height: int
    width: int
    times: list[float]
    ends: list[int]

    def fits(self, frames: int) -> bool:
        """Whether it can be the index of so many bytes of frames."""
        if len(self.times) != len(self.ends) or not self.ends or self.version != PACKING_VERSION:
            return False
        picture = self.height * self.width * 3
        even = self.format == "jpeg" or self.ends == list(range(picture, frames + 1, picture))
        return min(self.height, self.width) > 0 and even and self.ends[-1] == frames


class PackedReader(VideoReader):
    """A reader of one packed video. Frames kept as `uint8` are mapped into memory: only what is looked at is read.

    Raises InputError for a file that is damaged: the video is as good as ever, and no other should take its place.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._bytes = np.memmap(path, np.uint8, "r")
        except OSError as error:
            remedy = "make the file readable or delete it, and start again to have the video packed"
            raise InputError(f"the packed frames {path} cannot be read ({error.strerror}): {remedy}") from error
        except ValueError as error:  # it is empty
            raise _cut_short(path) from error
        index = _read_index(path, self._bytes)
        super().__init__(np.array(index.times), (index.height, index.width))
        self._path, self._ends, self._format = path, index.ends, index.format

    def close(self) -> None:
        """Views of the frames stay good."""
        del self._bytes

    def _read(self, numbers: Integers, size: tuple[int, int]) -> Frames:
        frames = self._uint8(numbers) if self._format == "uint8" else self._jpegs(numbers)
        return frames if size == (self.height, self.width) else _scaled(frames, size)

    def _uint8(self, numbers: Integers) -> Frames:
        kept = self._bytes[: self._ends[-1]]
        frames = kept.reshape(self.count, self.height, self.width, 3)
        step = int(numbers[1] - numbers[0]) if len(numbers) > 1 else 1
        if (np.diff(numbers) == step).all():
            return frames[int(numbers[0]) : int(numbers[-1]) + 1 : step]  # a view
        return frames[numbers]

    def _jpegs(self, numbers: Integers) -> Frames:
        return np.stack([self._jpeg(int(number)) for number in numbers])

    def _jpeg(self, number: int) -> Frames:
        content = self._bytes[self._ends[number - 1] if number else 0 : self._ends[number]].tobytes()
        try:
            with Image.open(io.BytesIO(content)) as image:
                frame = np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(self._damaged(number)) from error
        if frame.shape != (self.height, self.width, 3):
            raise InputError(self._damaged(number))
        return frame

    def _damaged(self, number: int) -> str:
        return f"frame {number} of the packed frames {self._path} is damaged: {_REMEDY}"


def _read_index(path: Path, content: NDArray[np.uint8]) -> _Index:
    """Raises InputError for what no packing wrote, or another version's."""
    end = len(content) - _DIGEST - _LENGTH
    start = end - int.from_bytes(content[max(0, end) : end + _LENGTH].tobytes(), "little")
    try:
        index = _Index(**json.loads(content[max(0, start) : max(0, end)].tobytes()))
        if start < 0 or not index.fits(start):
            raise ValueError("another video's")
    except (ValueError, TypeError) as error:
        raise _cut_short(path) from error
    return index


def _cut_short(path: Path) -> InputError:
    return InputError(f"the packed frames {path} are cut short or damaged: {_REMEDY}")


def _scaled(frames: Frames, size: tuple[int, int]) -> Frames:
    scaler = VideoReformatter()
    pictures = (av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24") for frame in frames)
    return np.stack([stretch(picture, scaler, size) for picture in pictures])


def pack(
    videos: VideoSet, folder: Path, how: Pack, progress: Progress, workers: int
) -> Callable[[VideoClip], VideoReader]:
    """Packs what is not packed yet, and what was and is damaged, and gives what opens a packed video.

    One process at a time packs a set, with all its `workers`; one that waited finds it packed. Raises InputError where
    the folder cannot be written or is full, and where too many videos cannot be decoded.
    """
    with _naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _sweep_out(folder)

    def packed(index: int) -> int:
        frames, reason = _places(folder, videos.clips[index])
        if not (_sound(frames) or reason.exists()):
            _pack(videos, index, folder, how)
        return index

    whole_set = all(is_packed(folder, clip) for clip in videos.clips)  # and then the folder may be read-only
    with nullcontext() if whole_set else _locked(folder):
        for done, index in enumerate(in_order(packed, range(len(videos.clips)), workers), start=1):
            if reason := _reason(folder, videos.clips[index]):
                videos.lose(index, reason)
            progress(done, len(videos.clips))
    return packed_in(folder)


def packed_files(folder: Path) -> list[Path]:
    """One a video that could be decoded."""
    return sorted(folder.glob("*.frames"))


def is_packed(folder: Path, clip: VideoClip) -> bool:
    """Whether `pack` would pass over it: its frames are there, or the reason why it has none."""
    return any(place.exists() for place in _places(folder, clip))


def packed_in(folder: Path) -> Callable[[VideoClip], VideoReader]:
    """What opens a video that is packed in `folder`; it raises Unreadable for one that is not."""
    return partial(_open, folder)


def whole(path: Path) -> bool:
    """Whether a packed file is what was written, to the last bit: opening it looks at its index only."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return size > _DIGEST and _hashed(file, size - _DIGEST) == file.read()


def _hashed(file: BinaryIO, count: int) -> bytes:
    """SHA-256 of the first `count` bytes, after which the file stands."""
    file.seek(0)
    found, left = hashlib.sha256(), count
    while left and (piece := file.read(min(left, 2**20))):
        found.update(piece)
        left -= len(piece)
    return found.digest()


def _sound(frames: Path) -> bool:
    """Whether there is a packed file that can be opened; one that cannot be is removed."""
    try:
        PackedReader(frames).close()
    except InputError:
        with _naming(frames.parent):
            frames.unlink(missing_ok=True)
        return False
    return True


def _open(folder: Path, clip: VideoClip) -> VideoReader:
    if reason := _reason(folder, clip):
        raise reason
    return PackedReader(_places(folder, clip)[0])


def _places(folder: Path, clip: VideoClip) -> tuple[Path, Path]:
    """Where its frames are, or why there are none."""
    name = digest(clip.id)
    return folder / f"{name}.frames", folder / f"{name}.unreadable"


def _reason(folder: Path, clip: VideoClip) -> Unreadable | None:
    path = _places(folder, clip)[1]
    return Unreadable(path.read_bytes().decode(errors="replace")) if path.exists() else None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Waits for another process that packs the set; the lock of one that was killed is free."""
    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    with _naming(folder):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _sweep_out(folder: Path) -> None:
    """Removes what killed packings left, a day old so that no other process is still writing it."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > 86_400:
                path.unlink()


def _pack(videos: VideoSet, index: int, folder: Path, how: Pack) -> None:
    frames, unreadable = _places(folder, videos.clips[index])
    with _naming(folder):
        try:
            with videos.open(index) as reader, _written(frames) as file:
                _write(reader, file, how)
        except Unreadable as reason:
            with _written(unreadable) as file:
                file.write(str(reason).encode(errors="backslashreplace"))


@contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which is at `path` once it is whole, and nowhere where writing fails."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_UNFINISHED)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write(reader: VideoReader, file: BinaryIO, how: Pack) -> None:
    size, ends = _short_side(reader.height, reader.width, how.short_side), []
    several = max(1, READ_AT_ONCE // (size[0] * size[1] * 3))
    for start in range(0, reader.count, several):
        for frame in reader.read(np.arange(start, min(start + several, reader.count)), size):
            file.write(_coded(frame, how.format))
            ends.append(file.tell())
    index = json.dumps(asdict(_Index(how.format, PACKING_VERSION, *size, reader.times.tolist(), ends))).encode()
    file.write(index + len(index).to_bytes(_LENGTH, "little"))
    file.write(_hashed(file, file.tell()))


def _coded(frame: Frames, format: str) -> bytes:
    if format == "uint8":
        return frame.tobytes()
    kept = io.BytesIO()
    Image.fromarray(frame).save(kept, "JPEG", quality=QUALITY, subsampling=0)
    return kept.getvalue()


def _short_side(height: int, width: int, side: int) -> tuple[int, int]:
    """Scaled so that the shorter of both is `side`; a smaller one stays as it is."""
    scale = min(1.0, side / min(height, width))
    return round(height * scale), round(width * scale)
