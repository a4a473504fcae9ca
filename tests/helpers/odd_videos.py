"""Videos of every kind that seeking goes wrong in, made by PyAV's own encoders."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

FRAMES = 40


def images(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """Smooth coloured pictures, none like another."""
    random, y, x = np.random.default_rng(count), np.arange(height)[:, None], np.arange(width)[None]
    found = []
    for _ in range(count):
        across, down, start = random.uniform(0.02, 0.15, 3), random.uniform(0.02, 0.15, 3), random.uniform(0, 6, 3)
        waves = np.sin(x[..., None] * across + y[..., None] * down + start)
        found.append((127.5 + 120 * waves).astype(np.uint8))
    return found


def encode(
    path: Path,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    count: int = FRAMES,
    size: tuple[int, int] = (48, 64),
    times: Sequence[int] | None = None,
    **options: str,
) -> Path:
    """`count` pictures of (height, width) = `size` at 20 a second, or at `times` in hundredths of a second."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=20, options=options)
        stream.height, stream.width, stream.pix_fmt = *size, pixels
        stream.codec_context.time_base = Fraction(1, 100)
        for number, image in enumerate(images(count, *size)):
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts, frame.time_base = times[number] if times is not None else 5 * number, Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def remux(source: Path, path: Path, first_key: int, skip: int = 0) -> Path:
    """The packets of `source` from its key frame of this number on, the next `skip` after that one left out."""
    with av.open(source) as old, av.open(path, "w") as new:
        stream, keys, since = old.streams.video[0], -1, 0
        copy = new.add_stream_from_template(stream)
        for packet in old.demux(stream):
            keys += packet.is_keyframe
            since = 0 if packet.is_keyframe else since + 1
            if packet.size and keys >= first_key and not (keys == first_key and 0 < since <= skip):
                packet.stream = copy
                new.mux(packet)
    return path


def start_later(path: Path, frames: int) -> Path:
    """An mp4 whose edit list begins so many frames later: the earlier ones are decoded and not shown."""
    with av.open(path) as container:
        unit = container.streams.video[0].time_base
    data = bytearray(path.read_bytes())
    entry = data.index(b"elst") + 12  # ISO/IEC 14496-12, 8.6.6, version 0: duration, media time, rate
    (start,) = struct.unpack_from(">i", data, entry + 4)
    struct.pack_into(">i", data, entry + 4, start + round(frames * Fraction(1, 20) / unit))
    path.write_bytes(data)
    return path


def cut(path: Path, share: float) -> Path:
    """The file without its end."""
    data = path.read_bytes()
    path.write_bytes(data[: round(share * len(data))])
    return path


def spoilt(path: Path, number: int) -> Path:
    """A video whose packet of this number is noise."""
    with av.open(path) as container:
        packet = [p for p in container.demux(container.streams.video[0]) if p.size][number]
        place, size = packet.pos, packet.size
    data = bytearray(path.read_bytes())
    data[place : place + size] = np.random.default_rng(0).bytes(size)
    path.write_bytes(data)
    return path


UNEVEN = [0, 1, 3, 20, 21, 22, 60, 61, 100, *range(105, 105 + 31 * 7, 7)]
X264 = "keyint=12:min-keyint=12:scenecut=0:bframes=3"

SOUGHT: dict[str, Callable[[Path], Path]] = {
    "B-frames": lambda d: encode(d / "a.mp4", **{"x264-params": X264}),
    "B-frames in Matroska": lambda d: encode(d / "a.mkv", **{"x264-params": X264}),
    "open groups": lambda d: encode(d / "a.mp4", **{"x264-params": f"{X264}:open-gop=1"}),
    "open groups of H.265": lambda d: encode(
        d / "a.mp4", "libx265", **{"x265-params": "keyint=10:min-keyint=10:open-gop=1:bframes=3:log-level=error"}
    ),
    "a picture refreshed bit by bit": lambda d: encode(d / "a.mkv", **{"x264-params": f"{X264}:intra-refresh=1"}),
    "one key frame": lambda d: encode(d / "a.mp4", g="1000", **{"x264-params": "scenecut=0"}),
    "a single frame": lambda d: encode(d / "a.mp4", count=1),
    "two frames": lambda d: encode(d / "a.mp4", count=2),
    "uneven times": lambda d: encode(d / "a.mp4", times=UNEVEN, **{"x264-params": X264}),
    "uneven times in Matroska": lambda d: encode(d / "a.mkv", times=UNEVEN, **{"x264-params": X264}),
    "a late start": lambda d: encode(d / "a.mkv", times=[700 + t for t in UNEVEN], **{"x264-params": X264}),
    "an edit list": lambda d: start_later(encode(d / "a.mp4", **{"x264-params": X264}), 17),
    "Flash video": lambda d: encode(d / "a.flv", **{"x264-params": X264}),
    "VP9": lambda d: encode(d / "a.webm", "libvpx-vp9", g="12", **{"auto-alt-ref": "1", "lag-in-frames": "16"}),
    "AV1": lambda d: encode(d / "a.mp4", "libsvtav1", size=(64, 64), g="12", preset="10"),
    "every frame a key frame": lambda d: encode(d / "a.mkv", "mjpeg", "yuvj420p"),
    "odd sizes": lambda d: encode(d / "a.mkv", "ffv1", "yuv444p", size=(37, 51), g="7"),
    "MPEG-2 in Matroska": lambda d: encode(d / "a.mkv", "mpeg2video", g="12", bf="2"),
    "no references at the start": lambda d: remux(
        encode(d / "b.mkv", **{"x264-params": f"{X264}:open-gop=1"}), d / "a.mkv", 1
    ),
    "no references at the start, H.265": lambda d: remux(
        encode(d / "b.mkv", "libx265", **{"x265-params": "keyint=10:min-keyint=10:open-gop=1:log-level=error"}),
        d / "a.mkv",
        1,
    ),
}
"""Videos whose timestamps tell every frame, each made in a folder."""

COUNTED: dict[str, Callable[[Path], Path]] = {
    "MPEG transport stream": lambda d: encode(d / "a.ts", **{"x264-params": X264}),
    "MPEG-2 transport stream": lambda d: encode(d / "a.ts", "mpeg2video", g="12", bf="2", times=range(0, 160, 4)),
    "MPEG program stream": lambda d: encode(d / "a.mpg", "mpeg2video", g="12", bf="2", times=range(0, 160, 4)),
    "AVI with B-frames": lambda d: encode(d / "a.avi", "mpeg4", bf="2", g="12"),
    "AVI of H.264": lambda d: encode(d / "a.avi", **{"x264-params": X264}),
    "AVI without B-frames": lambda d: encode(d / "a.avi", "mpeg4", g="12"),
    "bare H.264": lambda d: encode(d / "a.h264", **{"x264-params": X264}),
    "VP8": lambda d: encode(d / "a.webm", "libvpx", g="12", **{"auto-alt-ref": "1", "lag-in-frames": "16"}),
    "GIF": lambda d: encode(d / "a.gif", "gif", "rgb8"),
    "a transport stream that begins between key frames": lambda d: remux(
        encode(d / "b.mp4", **{"x264-params": X264}), d / "a.ts", 1, skip=4
    ),
    "a transport stream cut off": lambda d: cut(encode(d / "a.ts", **{"x264-params": X264}), 0.6),
}
"""Videos in which only counting from the first frame tells one frame from another."""
