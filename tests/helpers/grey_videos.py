"""Videos whose every frame is told by its grey level, and whose every pixel by its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np

from tradeoff.clip_shape import ClipShape
from tradeoff.data import VideoData, open_videos
from tradeoff.data.decoding import Unreadable
from tradeoff.data.streams import Losses, VideoSet
from tradeoff.data.videos import check_share


def slopes(count: int, height: int = 40, width: int = 52, start: int = 0) -> np.ndarray:
    """uint8 (count, height, width, 3): red is the frame's number from `start`, green the row, blue the column."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    frames[..., 0] = (start + np.arange(count))[:, None, None]
    frames[..., 1] = np.arange(height)[:, None]
    frames[..., 2] = np.arange(width)
    return frames


def write_video(path: Path, frames: np.ndarray, rate: int = 10) -> Path:
    """FFV1, which keeps every value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "bgr0"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode())
    return path


def write_set(root: Path, trained: int = 6, tested: int = 3, lengths: Sequence[int] = (9, 14, 20)) -> Path:
    """A CSV of videos of two classes in turn, `trained` to train on and `tested` to test, of several lengths."""
    rows = ["path,label,split"]
    for number in range(trained + tested):
        frames = slopes(lengths[number % len(lengths)], start=10 * number)
        write_video(root / f"{number}.mkv", frames)
        rows.append(f"{number}.mkv,{'ab'[number % 2]},{'train' if number < trained else 'test'}")
    (root / "clips.csv").write_text("\n".join(rows) + "\n")
    return root / "clips.csv"


def opened(place: Path, clip: ClipShape, cache: Path, **spec: object) -> VideoSet:
    return open_videos(VideoData.model_validate({"videos": place, **spec}), clip, cache, lambda done, total: None)


def breaking(videos: VideoSet, *broken: int, share: float = 1.0) -> VideoSet:
    """The same videos, of which some cannot be opened, and which bear that so many cannot."""
    gone = {videos.clips[index].id for index in broken}

    def opener(clip: Any) -> Any:
        if clip.id in gone:
            raise Unreadable("broken on purpose")
        return videos.opener(clip)

    def borne(lost: Any) -> None:
        check_share(Path("videos"), lost, len(videos.ids), share)

    return replace(videos, opener=opener, losses=Losses((), borne))
