"""Frames that are decoded once and kept: what is kept, what is left of a packing that was stopped, what is damaged."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from grey_videos import slopes, write_set, write_video
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradeoff.clip_shape import ClipShape
from tradeoff.data import VideoData, describe, open_videos, packed, packed_folder, specs
from tradeoff.data.decoding import Unreadable
from tradeoff.data.packed import PackedReader, packed_files, whole
from tradeoff.data.readers import open_video
from tradeoff.data.streams import VideoSet
from tradeoff.errors import InputError

CLIP = ClipShape(8, 32, 32)
SMALL = {"short_side": 36}


def write_h264(path: Path, count: int = 40, height: int = 96, width: int = 130) -> Path:
    """A smooth pattern that moves."""
    path.parent.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[:height, :width]
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.options = {"g": "12"}
        for t in range(count):
            waves = [
                127 + 100 * np.sin(x / 9 + t / 3),
                127 + 100 * np.cos(y / 7 - t / 4),
                127 + 100 * np.sin((x + y) / 11),
            ]
            image = np.stack(waves, axis=2).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Six videos of 40 x 52, of 9, 14 or 20 frames."""
    return write_set(tmp_path / "videos", trained=4, tested=2)


def pack(place: Path, cache: Path, heard: list[tuple[int, int]] | None = None, **how: Any) -> VideoSet:
    spec = VideoData.model_validate({"videos": place, "pack": SMALL | how})
    return open_videos(spec, CLIP, cache, lambda *each: (heard if heard is not None else []).append(each))


def folder_of(cache: Path) -> Path:
    (folder,) = (path for path in cache.iterdir() if path.is_dir())
    return folder


# --- what is kept ---


@pytest.mark.parametrize("side", [64, 96, 200])
def test_uint8_is_exactly_what_the_reader_gives_at_that_size(tmp_path: Path, side: int) -> None:
    for label in "ab":
        for number in range(2):
            write_h264(tmp_path / "videos" / label / f"{number}.mp4", 30 + 5 * number)
    videos = pack(tmp_path / "videos", tmp_path / "cache", short_side=side)
    size = (min(side, 96), round(130 * min(side, 96) / 96))  # a smaller video keeps its size
    for index, clip in enumerate(videos.clips):
        with videos.open(index) as kept, open_video(clip.path) as reader:
            assert (kept.height, kept.width) == size
            assert kept.count == reader.count
            assert (kept.times == reader.times).all()
            assert (kept.read(np.arange(kept.count), size) == reader.read(np.arange(reader.count), size)).all()


def test_a_jpeg_is_nearly_that_and_much_smaller(tmp_path: Path) -> None:
    for label in "ab":
        for number in range(2):
            write_h264(tmp_path / "videos" / label / f"{number}.mp4", 40 + number + 2 * (label == "b"))
    raw, small = (pack(tmp_path / "videos", tmp_path / form, short_side=96, format=form) for form in ("uint8", "jpeg"))
    with raw.open(1) as exact, small.open(1) as near:
        assert (near.count, near.height, near.width) == (exact.count, exact.height, exact.width)
        assert (near.times == exact.times).all()
        apart = near.read(np.arange(40), (96, 130)).astype(int) - exact.read(np.arange(40), (96, 130))
    assert np.abs(apart).mean() < 1.5
    assert np.abs(apart).max() < 25
    sizes = [sum(path.stat().st_size for path in folder_of(tmp_path / form).iterdir()) for form in ("uint8", "jpeg")]
    assert sizes[1] < sizes[0] / 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(numbers=st.lists(st.integers(0, 19), max_size=12))
def test_frames_come_in_any_order_and_as_often_as_asked_for(one: PackedReader, numbers: list[int]) -> None:
    wanted = slopes(20, start=20)[numbers]
    assert (one.read(np.array(numbers, np.int64), (40, 52)) == wanted).all()


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackedReader]:
    root = tmp_path_factory.mktemp("one")
    videos = pack(write_set(root / "videos", trained=4, tested=2), root / "cache", short_side=256)
    with videos.open(2) as reader:
        assert isinstance(reader, PackedReader)
        yield reader


def test_numbers_that_are_not_there_are_refused(one: PackedReader) -> None:
    for numbers in ([20], [-1], [3, 25]):
        with pytest.raises(IndexError, match="of a video of 20"):
            one.read(np.array(numbers), (40, 52))


def test_another_size_is_scaled_as_a_reader_scales(one: PackedReader, tmp_path: Path) -> None:
    with open_video(write_video(tmp_path / "a.mkv", slopes(20, start=20))) as reader:
        apart = one.read(np.arange(5), (36, 47)).astype(int) - reader.read(np.arange(5), (36, 47))
    assert np.abs(apart).max() <= 1


def test_frames_stay_good_after_closing(place: Path, tmp_path: Path) -> None:
    with pack(place, tmp_path / "cache", short_side=256).open(0) as reader:
        frames = reader.read(np.arange(3), (40, 52))
    assert (frames == slopes(3)).all()


def test_a_long_video_is_read_and_kept_piece_by_piece(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    read = packed.PackedReader.__mro__[1].read

    def counted(self: Any, indices: Any, size: Any) -> Any:
        asked.append(len(indices))
        return read(self, indices, size)

    monkeypatch.setattr(packed, "READ_AT_ONCE", 5 * 36 * 47 * 3)
    monkeypatch.setattr(packed.PackedReader.__mro__[1], "read", counted)
    pieces = pack(place, tmp_path / "pieces")
    assert (max(asked), sum(asked)) == (5, 2 * (9 + 14 + 20))
    monkeypatch.undo()
    pack(place, tmp_path / "at once")
    one, other = (sorted(folder_of(tmp_path / name).iterdir()) for name in ("pieces", "at once"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    assert pieces.unreadable == ()


def test_each_way_of_packing_has_a_folder_of_its_own(place: Path, tmp_path: Path, monkeypatch: Any) -> None:
    ways = [{}, {"short_side": 40}, {"format": "jpeg"}]
    digests = [describe(VideoData.model_validate({"videos": place, "pack": SMALL | way}), CLIP).videos for way in ways]
    digests.append(describe(VideoData(videos=place), CLIP).videos)
    digests.append(describe(VideoData(videos=place, decoder="torchcodec"), CLIP).videos)
    monkeypatch.setattr(specs, "PACKING_VERSION", 10**6)
    digests.append(describe(VideoData.model_validate({"videos": place, "pack": SMALL}), CLIP).videos)
    assert len(set(digests)) == len(digests)
    stored = {describe(VideoData.model_validate({"videos": place, "pack": SMALL | way}), CLIP).digest for way in ways}
    assert stored == {describe(VideoData(videos=place), CLIP).digest}  # stored clips know nothing of it


# --- stopped, and gone on with ---


class Killed(BaseException):
    """What ends a process in the middle of a file."""


@pytest.mark.parametrize("death", [Killed(), KeyboardInterrupt(), MemoryError()])
def test_a_packing_that_was_stopped_goes_on_with_what_is_left(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, death: BaseException
) -> None:
    written: list[int] = []
    coded = packed._coded

    def dying(frame: Any, format: str) -> bytes:
        written.append(1)
        if len(written) >= 9 + 14 + 7:  # in the third video
            raise death
        return coded(frame, format)

    monkeypatch.setattr("tradeoff.data.processors", lambda: 1)
    with monkeypatch.context() as patched, pytest.raises(type(death)):
        patched.setattr(packed, "_coded", dying)
        pack(place, tmp_path / "cache")
    folder = folder_of(tmp_path / "cache")
    assert [path.suffix for path in folder.iterdir()] == [".frames"] * 2
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    heard: list[tuple[int, int]] = []
    videos = pack(place, tmp_path / "cache", heard)
    assert heard == [(done, 6) for done in range(1, 7)]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(packed_files(folder)) == len(list(folder.iterdir())) == 6
    assert all(whole(path) for path in packed_files(folder))
    with videos.open(5) as reader:
        assert reader.count == 20


def test_what_a_killed_process_left_is_never_taken_and_goes_when_it_is_a_day_old(place: Path, tmp_path: Path) -> None:
    pack(place, tmp_path / "cache")
    folder = folder_of(tmp_path / "cache")
    old, new = folder / ".packing-old", folder / ".packing-new"
    for path in (old, new):
        path.write_bytes(b"half a video")
    os.utime(old, (0, 0))
    pack(place, tmp_path / "cache")
    assert (old.exists(), new.exists()) == (False, True)
    assert len(packed_files(folder)) == 6


def pack_and_tell(place: str, cache: str, barrier: Any, queue: Any) -> None:
    """Tells of one video, and how many this process has packed."""
    own, pack_one = [], packed._pack

    def counted(*arguments: Any) -> None:
        own.append(arguments)
        pack_one(*arguments)

    packed._pack = counted  # in a process of its own
    barrier.wait()
    videos = pack(Path(place), Path(cache))
    with videos.open(3) as reader:
        queue.put((reader.count, int(reader.read(np.array([0]), (36, 47))[0, 0, 0, 0]), len(own)))


def test_of_several_processes_one_packs_a_set_and_the_others_find_it_packed(place: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    arguments = (str(place), str(tmp_path / "cache"), context.Barrier(2), queue)
    processes = [context.Process(target=pack_and_tell, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    told = [queue.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert sorted(told) == [(9, 30, 0), (9, 30, 6)]
    files = sorted(folder_of(tmp_path / "cache").iterdir())
    assert [path.suffix for path in files] == [".frames"] * 6
    assert all(whole(path) for path in files)


# --- what cannot be packed, or read ---


def test_unreadable_videos_are_remembered_with_the_reason(place: Path, tmp_path: Path) -> None:
    (place.parent / "1.mkv").write_bytes(b"no video at all")
    (place.parent / "2.mkv").write_bytes(b"")
    videos = pack(place, tmp_path / "cache")
    first = dict(videos.unreadable)
    assert set(first) == {"1.mkv", "2.mkv"}
    assert first["2.mkv"] == "the file is empty"
    assert dict(pack(place, tmp_path / "cache").unreadable) == first
    with pytest.raises(Unreadable, match=r"^the file is empty$"):
        videos.open(2)
    reasons = sorted(path for path in folder_of(tmp_path / "cache").iterdir() if path.suffix == ".unreadable")
    assert len(reasons) == 2
    for path in reasons:
        path.unlink()
    assert dict(pack(place, tmp_path / "cache").unreadable) == first  # tried again, and broken still


def test_a_full_disk_is_a_sentence_and_leaves_nothing_half_written(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(packed.os, "fsync", full)
    with pytest.raises(InputError, match=r"^cache folder .*-packed: No space left on device; give a folder that can"):
        pack(place, tmp_path / "cache")
    assert list(folder_of(tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("what", ["mkstemp", "mkdir"])
def test_a_folder_that_cannot_be_written_is_a_sentence(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(packed.tempfile if what == "mkstemp" else Path, what, refused)
    with pytest.raises(InputError, match=r"^cache folder .*-packed: Read-only file system; give a folder that can be"):
        pack(place, tmp_path / "cache")


def test_a_cache_that_is_a_file_is_a_sentence(place: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"^cache folder .*: Not a directory; give a folder"):
        pack(place, tmp_path / "file")


def test_what_is_packed_can_be_read_where_nothing_can_be_written(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(place, tmp_path / "cache")
    monkeypatch.setattr(packed.tempfile, "mkstemp", None)
    with pack(place, tmp_path / "cache").open(0) as reader:
        assert reader.count == 9


def index_of(path: Path) -> tuple[bytes, dict[str, Any]]:
    """The frames of a packed file, and what it says of them."""
    content = path.read_bytes()[:-32]
    length = int.from_bytes(content[-4:], "little")
    return content[: -4 - length], json.loads(content[-4 - length : -4])


def with_index(path: Path, **change: Any) -> bytes:
    frames, index = index_of(path)
    line = json.dumps(index | change).encode()
    return frames + line + len(line).to_bytes(4, "little") + bytes(32)


DAMAGES: dict[str, Any] = {
    "empty": lambda path: b"",
    "cut short": lambda path: path.read_bytes()[:-1],
    "almost nothing": lambda path: path.read_bytes()[:20],
    "half": lambda path: path.read_bytes()[: path.stat().st_size // 2],
    "text": lambda path: b"something else\n" * 100,
    "longer": lambda path: path.read_bytes() + b"\0",
    "without its beginning": lambda path: path.read_bytes()[36 * 47 * 3 :],
    "another size": lambda path: with_index(path, height=35),
    "no frames": lambda path: with_index(path, times=[], ends=[]),
    "fewer times": lambda path: with_index(path, times=[0.0]),
    "another version": lambda path: with_index(path, version=10**6),
    "another key": lambda path: with_index(path, colour="grey"),
    "a list": lambda path: b"[]" + (2).to_bytes(4, "little") + bytes(32),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("format", ["uint8", "jpeg"])
def test_a_damaged_file_says_what_to_do_and_is_packed_again(
    place: Path, tmp_path: Path, format: str, damage: str
) -> None:
    if (format, damage) == ("jpeg", "another size"):
        pytest.skip("its frames say that it is another")
    videos = pack(place, tmp_path / "cache", format=format)
    path = packed_path(folder_of(tmp_path / "cache"), 9, 0)
    path.write_bytes(DAMAGES[damage](path))
    with pytest.raises(InputError, match=rf"the packed frames .*{path.name} .*delete the file to have .* packed again"):
        videos.open(0)
    assert not whole(path)
    with pack(place, tmp_path / "cache", format=format).open(0) as reader:
        assert reader.count == 9


def packed_path(folder: Path, count: int, red: int) -> Path:
    """The packed video of so many frames, the first of which is nearly so red."""
    for path in packed_files(folder):
        with PackedReader(path) as reader:
            first = reader.read(np.array([0]), (36, 47))[0, :, :, 0].mean()
            if reader.count == count and abs(first - red) < 5:
                return path
    raise AssertionError("no such video")


def test_too_many_open_files_say_nothing_about_a_video(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*arguments: object, **options: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patched:
        patched.setattr("tradeoff.data.decoding.av.open", refused)
        with pytest.raises(InputError, match=r"Too many open files"):
            pack(place, tmp_path / "cache")
    assert not list(folder_of(tmp_path / "cache").glob("*.unreadable"))
    assert pack(place, tmp_path / "cache").unreadable == ()


def test_a_file_that_is_gone_says_what_to_do(place: Path, tmp_path: Path) -> None:
    videos = pack(place, tmp_path / "cache")
    packed_path(folder_of(tmp_path / "cache"), 9, 0).unlink()
    with pytest.raises(InputError, match=r"\.frames cannot be read \(No such file.*start again"):
        videos.open(0)


@pytest.mark.parametrize("format", ["uint8", "jpeg"])
def test_any_flipped_bit_is_found(place: Path, tmp_path: Path, format: str) -> None:
    pack(place, tmp_path / "cache", format=format)
    path = packed_files(folder_of(tmp_path / "cache"))[0]
    good, random = path.read_bytes(), np.random.default_rng(0)
    assert whole(path)
    for place_of in [0, len(good) - 1, len(good) - 33, *random.integers(0, len(good), 40)]:
        bad = bytearray(good)
        bad[place_of] ^= 1 << int(random.integers(8))
        path.write_bytes(bad)
        assert not whole(path), place_of


def test_a_jpeg_that_is_damaged_or_of_another_size_says_what_to_do(place: Path, tmp_path: Path) -> None:
    videos = pack(place, tmp_path / "cache", format="jpeg")
    path = packed_path(folder_of(tmp_path / "cache"), 9, 0)
    frames, index = index_of(path)
    good = path.read_bytes()
    nonsense = bytes(index["ends"][0]) + frames[index["ends"][0] :]
    path.write_bytes(nonsense + good[len(frames) :])
    with videos.open(0) as reader:
        assert len(reader.read(np.array([1, 8]), (36, 47))) == 2  # the others are good
        with pytest.raises(InputError, match=r"frame 0 of the packed frames .* is damaged: delete the file"):
            reader.read(np.array([0, 1]), (36, 47))
    path.write_bytes(with_index(path, height=35))
    with videos.open(0) as reader, pytest.raises(InputError, match=r"frame 2 of .* is damaged: delete the file"):
        reader.read(np.array([2]), (35, 47))


def test_the_folder_is_where_it_is_said_to_be(place: Path, tmp_path: Path) -> None:
    videos = pack(place, tmp_path / "cache")
    assert packed_folder(videos, tmp_path / "cache") == folder_of(tmp_path / "cache")
