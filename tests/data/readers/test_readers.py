"""Whatever is asked for, in whatever order, the frames are those of decoding the file from first to last."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_videos import COUNTED, FRAMES, SOUGHT, UNEVEN, cut, encode, images, spoilt
from small_trees import touch, write_frames, write_video

from tradeoff.data.decoding import SCALING, Unreadable
from tradeoff.data.readers import Decoder, VideoReader, open_video
from tradeoff.data.readers.py_av import PyAVReader
from tradeoff.errors import InputError

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "samples"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"{SAMPLES} is not there")
KINDS = {**SOUGHT, **COUNTED}
X264 = {"x264-params": "keyint=12:min-keyint=12:scenecut=0:bframes=3"}


@cache
def why_no_torchcodec() -> str | None:
    try:
        import torchcodec
    except (ImportError, OSError, RuntimeError) as error:
        return f"torchcodec cannot be imported: {error}"
    return None if torchcodec.ffmpeg_major_version else "torchcodec finds no FFmpeg"


needs_torchcodec = pytest.mark.skipif(why_no_torchcodec() is not None, reason=str(why_no_torchcodec()))
BOTH = [pytest.param("pyav"), pytest.param("torchcodec", marks=needs_torchcodec)]


def decoded(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """All frames one after the other, as they are stored."""
    found = []
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for frame in container.decode(stream):
            height, width = size or (frame.height, frame.width)
            found.append(frame.reformat(width, height, "rgb24", interpolation=SCALING).to_ndarray())
    return np.stack(found)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, np.ndarray]]:
    """A video of a kind and all its frames."""

    @cache
    def make(kind: str) -> tuple[Path, np.ndarray]:
        path = KINDS[kind](tmp_path_factory.mktemp("video"))
        return path, decoded(path)

    return make


Made = Callable[[str], tuple[Path, np.ndarray]]


def everything(reader: VideoReader, size: tuple[int, int] | None = None) -> np.ndarray:
    return reader.read(np.arange(reader.count), size or (reader.height, reader.width))


def distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The mean difference of two lists of frames, frame by frame."""
    return np.abs(one.astype(int) - other.astype(int)).mean(axis=(-3, -2, -1))


# --- the same frames ---


@pytest.mark.parametrize("kind", KINDS)
def test_all_frames_are_those_of_decoding_in_order(made: Made, kind: str) -> None:
    path, frames = made(kind)
    with open_video(path) as reader:
        assert reader.count == len(frames)
        assert (reader.height, reader.width) == frames.shape[1:3]
        assert (np.diff(reader.times) > 0).all()
        assert (everything(reader) == frames).all()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_frames_in_any_order_are_those_of_decoding_in_order(made: Made, kind: str, data: st.DataObject) -> None:
    path, frames = made(kind)
    with open_video(path) as reader:
        for _ in range(3):
            wanted = data.draw(st.lists(st.integers(0, len(frames) - 1), max_size=8))
            assert (reader.read(np.array(wanted, np.int64), frames.shape[1:3]) == frames[wanted]).all()


@needs_torchcodec
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "bare H.264"])
def test_torchcodec_gives_the_same_frames(made: Made, kind: str) -> None:
    """Each is nearer to its own than to any other, and at most 8 of 255 away on average: few videos are as colourful.
    Sparse and in disorder they are what they are in order."""
    path, frames = made(kind)
    with open_video(path, "torchcodec") as reader, open_video(path) as ours:
        assert reader.times.tolist() == ours.times.tolist()
        found = everything(reader)
        away = np.stack([distance(frames, frame[None]) for frame in found])
        assert away.argmin(axis=1).tolist() == list(range(len(frames)))
        assert away.diagonal().max() < 8
        wanted = np.random.default_rng(0).integers(0, reader.count, 7)
        assert (reader.read(wanted, frames.shape[1:3]) == found[wanted]).all()


@needs_torchcodec
def test_plain_areas_are_within_three_levels_in_torchcodec(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", range(20, 236, 5), "libx264", "yuv420p")
    with open_video(path) as ours, open_video(path, "torchcodec") as theirs:
        assert np.abs(everything(ours).astype(int) - everything(theirs).astype(int)).max() <= 3


@needs_torchcodec
def test_a_stream_without_a_container_is_unreadable_to_torchcodec(tmp_path: Path) -> None:
    with (
        pytest.raises(Unreadable, match=r"^torchcodec: "),
        open_video(KINDS["bare H.264"](tmp_path), "torchcodec") as r,
    ):
        everything(r)


def test_the_program_ffmpeg_finds_as_many_frames(made: Made) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("the program ffmpeg is not installed")
    for kind in ("open groups", "an edit list", "VP8", "AVI with B-frames", "no references at the start"):
        path, frames = made(kind)
        command = ["ffmpeg", "-v", "error", "-i", str(path), "-vsync", "passthrough", "-f", "framemd5", "-"]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        assert sum(not line.startswith("#") for line in lines) == len(frames), kind


# --- when ---


def test_times_are_the_files_own(made: Made) -> None:
    for kind, start in (("uneven times", 0), ("uneven times in Matroska", 0), ("a late start", 7)):
        with open_video(made(kind)[0]) as reader:
            assert reader.times == pytest.approx(np.array(UNEVEN) / 100 + start, abs=1e-3)


def test_an_edit_list_hides_frames(made: Made) -> None:
    """17 of 40 frames are needed for decoding only: the first that is shown is the eighteenth."""
    with open_video(made("an edit list")[0]) as reader:
        assert reader.count == FRAMES - 17
        near = distance(np.stack(images(FRAMES)), everything(reader)[:1])
    assert near.argmin() == 17


def test_where_there_are_no_times_frames_are_evenly_spaced(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", range(12), "mpeg4", "yuv420p", rate=8)
    with open_video(path) as reader:
        assert np.diff(reader.times) == pytest.approx([1 / 8] * 11)


# --- only what is needed ---


def count_decoded(path: Path, wanted: list[int]) -> int:
    with open_video(path) as reader:
        assert isinstance(reader, PyAVReader)
        reader.read(np.array(wanted), (16, 16))
        return reader.decoded


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_only_what_is_needed_is_decoded(tmp_path: Path, suffix: str) -> None:
    """A key frame every 12 frames: frame 5 takes 6 frames, and frame 100 the 5 from key frame 96 on."""
    path = encode(tmp_path / f"a.{suffix}", count=120, **X264)
    assert count_decoded(path, [5]) == 6
    assert count_decoded(path, [100, 5, 100]) == 6 + 5
    assert count_decoded(path, [96]) == 1
    assert count_decoded(path, [98, 99, 107, 108]) == 13, "it goes on into the next group"
    assert count_decoded(path, list(range(120))) == 120


def test_of_key_frames_only_the_wanted_are_decoded(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mkv", "mjpeg", "yuvj420p", count=60)
    assert count_decoded(path, [10, 30, 59]) == 3


# --- upright ---


def with_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # ISO/IEC 14496-12, 8.3.2, version 0
    one = 1 << 16
    struct.pack_into(">9i", data, matrix, a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


UPRIGHT: dict[str, tuple[tuple[int, int, int, int], Callable[[np.ndarray], np.ndarray]]] = {
    "upright": ((1, 0, 0, 1), lambda x: x),
    "quarter turn clockwise": ((0, 1, -1, 0), lambda x: np.rot90(x, -1, (1, 2))),
    "half turn": ((-1, 0, 0, -1), lambda x: np.rot90(x, 2, (1, 2))),
    "quarter turn anticlockwise": ((0, -1, 1, 0), lambda x: np.rot90(x, 1, (1, 2))),
    "mirrored": ((-1, 0, 0, 1), lambda x: x[:, :, ::-1]),
    "upside down": ((1, 0, 0, -1), lambda x: x[:, ::-1]),
    "axes swapped": ((0, 1, 1, 0), lambda x: x.swapaxes(1, 2)),
    "axes swapped the other way": ((0, -1, -1, 0), lambda x: x.swapaxes(1, 2)[:, ::-1, ::-1]),
}


@pytest.mark.parametrize("decoder", BOTH)
@pytest.mark.parametrize("name", UPRIGHT)
def test_frames_stand_upright(tmp_path: Path, name: str, decoder: Decoder) -> None:
    matrix, turn = UPRIGHT[name]
    path = with_matrix(encode(tmp_path / "a.mp4", count=5), *matrix)
    frames = turn(decoded(path))
    with open_video(path, decoder) as reader:
        assert (reader.height, reader.width) == frames.shape[1:3]
        found = everything(reader)
    assert distance(found, frames).max() < 8
    if decoder == "pyav":
        assert (found == frames).all()


@pytest.mark.parametrize("decoder", BOTH)
def test_frames_are_scaled_to_exactly_what_is_asked_for(tmp_path: Path, decoder: Decoder) -> None:
    path = encode(tmp_path / "a.mp4", count=5, size=(96, 128))
    with open_video(path, decoder) as reader:
        for size in [(33, 40), (96, 20), (200, 100)]:
            found = everything(reader, size)
            assert found.shape == (5, *size, 3)
            assert distance(found, decoded(path, size)).max() < 8


@pytest.mark.parametrize("decoder", BOTH)
def test_the_size_is_that_of_square_pixels(tmp_path: Path, decoder: Decoder) -> None:
    path = tmp_path / "a.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = 2
        container.mux(stream.encode(av.VideoFrame.from_ndarray(images(1)[0], "rgb24")))
        container.mux(stream.encode())
    with open_video(path, decoder) as reader:
        assert (reader.height, reader.width) == (48, 128)
        assert everything(reader).shape == (1, 48, 128, 3)


# --- what cannot be read ---


@pytest.mark.parametrize("decoder", BOTH)
def test_what_cannot_be_opened_says_why(tmp_path: Path, decoder: Decoder) -> None:
    touch(tmp_path, "empty.mp4", "folder/notes.txt")
    (tmp_path / "text.mp4").write_text("this is no video\n" * 20)
    cut(encode(tmp_path / "cut.mp4"), 0.5)
    with av.open(tmp_path / "sound.wav", "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
    reasons = {
        "empty.mp4": "the file is empty",
        "text.mp4": "Invalid data",
        "cut.mp4": "Invalid data",
        "sound.wav": "no video stream",
        "missing.mp4": "No such file",
        "folder": "no frames",
    }
    for name, reason in reasons.items():
        with pytest.raises(Unreadable, match=reason) as caught:
            open_video(tmp_path / name, decoder)
        assert str(tmp_path) not in str(caught.value)


def test_numbers_that_there_are_not(tmp_path: Path) -> None:
    with open_video(write_video(tmp_path / "a.mkv", range(5))) as reader:
        assert reader.read(np.array([], np.int64), (8, 9)).shape == (0, 8, 9, 3)
        for wanted in ([5], [-1], [0, 99]):
            with pytest.raises(IndexError, match="of a video of 5"):
                reader.read(np.array(wanted), (8, 8))


@pytest.mark.parametrize("decoder", BOTH)
def test_a_frame_that_is_broken_is_unreadable_and_others_are_not(tmp_path: Path, decoder: Decoder) -> None:
    """Frame 12, a key frame, is noise."""
    path = encode(tmp_path / "a.mp4", count=24, **{"x264-params": "keyint=12:min-keyint=12:scenecut=0:bframes=0"})
    whole = decoded(path)
    spoilt(path, 12)
    with open_video(path, decoder) as reader:
        assert reader.count == 24
        assert distance(reader.read(np.arange(12), (48, 64)), whole[:12]).max() < 8
        for wanted in (12, 20):
            with pytest.raises(Unreadable):
                reader.read(np.array([3, wanted]), (48, 64))
        assert distance(reader.read(np.array([7]), (48, 64)), whole[7:8]).max() < 8, "it reads on after a failure"


def test_a_file_without_its_end_has_the_frames_that_are_left(tmp_path: Path) -> None:
    path = cut(encode(tmp_path / "a.mkv", "mjpeg", "yuvj420p"), 0.6)
    with open_video(path) as reader:
        assert 15 < reader.count < 30
        frames = decoded(path)
        assert (everything(reader) == frames).all()


# --- folders ---


@pytest.mark.parametrize("decoder", ["pyav", "torchcodec"])
def test_a_folder_of_frames_needs_no_decoder(tmp_path: Path, decoder: Decoder) -> None:
    folder = write_frames(tmp_path / "7", [3 * i for i in range(30)])
    (folder / "00001.jpg").write_bytes((folder / "00002.jpg").read_bytes())
    (folder / "00020.jpg").write_bytes(b"broken")
    with open_video(folder, decoder, rate=12) as reader:
        assert (reader.count, reader.height, reader.width) == (30, 36, 48)
        assert reader.times.tolist() == [i / 12 for i in range(30)]
        assert reader.read(np.array([9, 5, 9, 0]), (18, 20))[:, 4, 4, 0].tolist() == [27, 15, 27, 3]
        with pytest.raises(Unreadable, match=r"00020\.jpg is no picture"):
            reader.read(np.array([19]), (18, 20))
    with open_video(folder) as reader:
        assert reader.times[1] == pytest.approx(1 / 30)


# --- torchcodec that is not there ---


@pytest.mark.parametrize("module", [None, SimpleNamespace(ffmpeg_major_version=None)])
def test_no_other_decoder_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: object) -> None:
    monkeypatch.setitem(sys.modules, "torchcodec", module)
    with pytest.raises(InputError, match=r"decoder is 'torchcodec'.*pip install 'tradeoff\[torchcodec\]'.*FFmpeg"):
        open_video(write_video(tmp_path / "a.mkv", range(3)), "torchcodec")


# --- real files ---

REAL = [
    "mmaction2_demo.mp4",
    "torchcodec_h265_video.mp4",
    "torchcodec_h264_10bits.mp4",
    "decord_video_90.mov",
    "mmaction2_test.avi",
    "v_CricketShot_g04_c01_rgb.gif",
    "flipping_a_pancake.mkv",
]


@needs_samples
@pytest.mark.parametrize("decoder", BOTH)
@pytest.mark.parametrize("name", REAL)
def test_real_videos(name: str, decoder: Decoder) -> None:
    path, turned = SAMPLES / name, name == "decord_video_90.mov"
    frames = decoded(path, (64, 64))
    frames = np.rot90(frames, -1, (1, 2)) if turned else frames
    with open_video(path, decoder) as reader:
        assert reader.count == len(frames)
        assert (np.diff(reader.times) > 0).all()
        wanted = np.random.default_rng(1).integers(0, reader.count, 9)
        found = reader.read(wanted, (64, 64))
    assert distance(found, frames[wanted]).max() < (4 if decoder == "torchcodec" else 1e-9)


@needs_samples
def test_a_real_broken_video_is_readable_up_to_where_it_breaks() -> None:
    with open_video(SAMPLES / "decord_corrupted.mp4") as reader:
        assert reader.read(np.array([0, 3]), (36, 64)).std() > 10
        with pytest.raises(Unreadable, match="Invalid data"):
            everything(reader, (36, 64))
