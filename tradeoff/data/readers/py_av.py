"""Frames of a video by PyAV."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.reformatter import VideoReformatter

from tradeoff.data.clips import Frames, Integers
from tradeoff.data.decoding import stretch, unreadable_where_broken, video_stream
from tradeoff.data.readers.base import VideoReader
from tradeoff.data.readers.frame_index import FrameIndex, Key, index_video

NEAR = 8
"""A key frame at most so many frames ahead is decoded up to, not sought: a seek throws away what is in the decoder."""

Packets = Iterator["Packet[av.VideoStream]"]


class PyAVReader(VideoReader):
    """The frames are exactly those of decoding the whole file in order, in one thread, scaled by swscale as stored
    clips are (`tradeoff.data.decoding.SCALING`).

    Sought is by the packets' timestamps. Where they are not to be trusted (`FrameIndex.pts` is None) every read decodes
    from the first frame on. `decoded` counts the frames that reading decoded.
    """

    def __init__(self, path: Path) -> None:
        """Raises Unreadable, with the reason."""
        self._path = path
        self.index: FrameIndex = index_video(path)
        super().__init__(self.index.times, self.index.size)
        self.decoded = 0
        self._scaler = VideoReformatter()
        self._container: InputContainer | None = None

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None

    def _read(self, numbers: Integers, size: tuple[int, int]) -> Frames:
        frames = np.empty((len(numbers), *size, 3), np.uint8)
        place = {int(number): place for place, number in enumerate(numbers)}
        with unreadable_where_broken():
            found = self._counted(numbers) if self.index.pts is None else self._sought(numbers)
            for number, frame in found:
                frames[place.pop(number)] = stretch(frame, self._scaler, size)
        if place:
            raise self._lost(min(place))
        return frames

    def _counted(self, numbers: Integers) -> Iterator[tuple[int, av.VideoFrame]]:
        """The frames of these rising numbers, counted from the first."""
        wanted = set(numbers.tolist())
        for number, frame in enumerate(self._frames(self._all_packets())):
            if number in wanted:
                yield number, frame
            if number == numbers[-1]:
                return

    def _sought(self, numbers: Integers) -> Iterator[tuple[int, av.VideoFrame]]:
        """The frames of these rising numbers, each stretch of them decoded from the key frame before it."""
        starts = self.index.starts
        assert starts is not None
        apart = np.flatnonzero((np.diff(starts[numbers]) > 0) & (starts[numbers[1:]] - numbers[:-1] > NEAR)) + 1
        for run in np.split(numbers, apart):
            yield from self._run(run)

    def _run(self, numbers: Integers) -> Iterator[tuple[int, av.VideoFrame]]:
        """Looks for the frames after their key frame, for those that it does not give from the first packet on.

        Decoders hold back what they could not decode well after a seek (a picture that is refreshed bit by bit).
        """
        assert self.index.pts is not None
        missing = {int(self.index.pts[number]): int(number) for number in numbers}
        last, problem = max(missing), None
        for sought, packets in ((True, self._after(self.index.keys[numbers[0]])), (False, self._all_packets())):
            try:
                for frame in self._frames(packets):
                    if frame.pts in missing and not (sought and frame.is_corrupt):
                        yield missing.pop(frame.pts), frame
                    if not missing:
                        return
                    if frame.pts is not None and frame.pts > last:
                        break
            except FFmpegError as error:
                problem = error
        if problem is not None:
            raise problem

    def _frames(self, packets: Packets) -> Iterator[av.VideoFrame]:
        for packet in packets:
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame)
                self.decoded += 1
                yield frame

    def _after(self, key: Key) -> Packets:
        """The packets from a key frame's on. Where seeking does not find it, it is looked for from the first packet."""
        ways: tuple[Callable[[], Packets], ...] = (
            lambda: self._seek(key.pts),
            lambda: self._seek(key.least),
            self._all_packets,
        )
        for way in ways:
            packets = way()
            for packet in packets:
                if packet.is_keyframe and packet.pts == key.pts:
                    yield packet
                    yield from packets
                    return
                if self._place(packet) > key.place:
                    break

    def _place(self, packet: Packet[av.VideoStream]) -> int:
        assert self.index.places is not None
        return -1 if packet.pts is None else self.index.places.get(packet.pts, -1)

    def _seek(self, time: int) -> Packets:
        """The packets from the last key frame on that the file's own index puts at `time` or before."""
        container = self._container or self._open()
        stream = video_stream(container)
        try:
            container.seek(time, stream=stream)
        except FFmpegError:
            return iter(())
        return container.demux(stream)

    def _all_packets(self) -> Packets:
        self.close()
        container = self._open()
        yield from container.demux(video_stream(container))

    def _open(self) -> InputContainer:
        self._container = av.open(self._path)
        video_stream(self._container).codec_context.thread_count = 1
        return self._container
