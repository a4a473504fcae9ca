import csv
import shutil
import struct
import warnings
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_trees import write_table

from tradeoff.clip_shape import ClipShape
from tradeoff.data import Dataset, Description, VideoData, describe, open_dataset
from tradeoff.data.decoding import Unreadable, decode, sampled_indices
from tradeoff.errors import InputError

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not there")
CLIP = ClipShape(8, 32, 32)
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def write(path: Path, images: list[np.ndarray], codec: str = "ffv1", pixels: str = "bgr0", **options: object) -> Path:
    """A video of RGB images; FFV1 keeps every value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixels
        for name, value in options.items():
            setattr(stream.codec_context, name, value)
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())
    return path


def greys(count: int, height: int = 36, width: int = 36, start: int = 0) -> list[np.ndarray]:
    """Frame i has the grey level start + i."""
    return [np.full((height, width, 3), start + i, np.uint8) for i in range(count)]


def levels(clip: np.ndarray) -> list[int]:
    """The grey level of each frame, which must be the same all over it."""
    assert (clip == clip[:, :1, :1, :1]).all()
    return clip[:, 0, 0, 0].tolist()


# --- frames ---


def test_the_centres_of_equal_segments_are_sampled() -> None:
    assert sampled_indices(16, 8).tolist() == [1, 3, 5, 7, 9, 11, 13, 15]
    assert sampled_indices(10, 4).tolist() == [1, 3, 6, 8]  # 1.25, 3.75, 6.25, 8.75
    assert sampled_indices(3, 8).tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
    assert sampled_indices(1, 8).tolist() == [0] * 8


@given(st.integers(1, 10_000), st.integers(1, 128))
def test_sampling_is_even_and_runs_the_same_backwards(total: int, frames: int) -> None:
    taken = sampled_indices(total, frames)
    assert taken.min() >= 0
    assert taken.max() < total
    assert set(np.diff(taken)) <= {total // frames, -(-total // frames)}
    if total % frames == 0 and (total // frames) % 2:  # the segments have a middle frame
        assert (total - 1 - taken[::-1] == taken).all()


@pytest.mark.parametrize("count", [1, 5, 8, 20, 43])
def test_the_frames_of_a_video_are_those_sampled(tmp_path: Path, count: int) -> None:
    clip = decode(write(tmp_path / "a.mkv", greys(count, start=100)), (8, 36, 36))
    assert clip.shape == (8, 36, 36, 3)
    assert clip.dtype == np.uint8
    assert levels(clip) == (100 + sampled_indices(count, 8)).tolist()


def test_b_frames_come_in_the_order_of_showing(tmp_path: Path) -> None:
    images = [np.full((64, 64, 3), 20 + 8 * i, np.uint8) for i in range(24)]
    clip = decode(write(tmp_path / "a.mp4", images, "mpeg4", "yuv420p", max_b_frames=2, bit_rate=10**7), (24, 64, 64))
    assert np.abs(clip.mean(axis=(1, 2, 3)) - (20 + 8 * np.arange(24))).max() < 3


@pytest.mark.parametrize("packets", [0, 7, 19, 21, 300])
def test_packets_that_are_not_frames_do_not_mislead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packets: int
) -> None:
    """Packets may hold no frame (before the first key frame, padding) or two (packed B-frames)."""
    monkeypatch.setattr("tradeoff.data.decoding._count_packets", lambda path: packets)
    clip = decode(write(tmp_path / "a.mkv", greys(20)), (8, 36, 36))
    assert levels(clip) == sampled_indices(20, 8).tolist()


def test_a_video_without_frames_says_so(tmp_path: Path) -> None:
    with av.open(tmp_path / "a.avi", "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width = stream.height = 36
        stream.pix_fmt = "bgr0"
        container.start_encoding()
    with pytest.raises(Unreadable, match=r"^no frames$"):
        decode(tmp_path / "a.avi", (8, 36, 36))


def quadrants(height: int, width: int) -> np.ndarray:
    """Red top left, green top right, blue bottom left, white bottom right."""
    image = np.zeros((height, width, 3), np.uint8)
    rows, columns = height // 2, width // 2
    image[:rows, :columns], image[:rows, columns:] = RED, GREEN
    image[rows:, :columns], image[rows:, columns:] = BLUE, WHITE
    return image


def corners(image: np.ndarray) -> list[tuple[int, ...]]:
    """Top left, top right, bottom left, bottom right, to the nearest pure colour."""
    return [tuple(255 if v > 127 else 0 for v in image[y, x]) for y in (2, -3) for x in (2, -3)]


def test_colours_keep_their_channels_and_places(tmp_path: Path) -> None:
    image = quadrants(36, 36)
    assert (decode(write(tmp_path / "a.mkv", [image]), (8, 36, 36)) == image).all()


@pytest.mark.parametrize(("pixels", "codec"), [("yuv420p", "mpeg4"), ("yuvj420p", "mjpeg"), ("yuv420p10le", "ffv1")])
def test_black_and_white_reach_the_ends_of_the_range(tmp_path: Path, pixels: str, codec: str) -> None:
    """Video levels (16 to 235) and full range (0 to 255) both become 0 to 255."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, 32:] = 255
    path = write(tmp_path / "a.mkv", [image], codec, pixels, color_range=2 if codec == "mjpeg" else 1)
    clip = decode(path, (8, 64, 64))
    assert clip[:, :, :16].max() <= 3
    assert clip[:, :, 48:].min() >= 252


@pytest.mark.parametrize(("height", "width"), [(37, 131), (131, 37), (36, 200), (20, 21), (301, 299)])
def test_frames_are_cropped_at_the_centre_and_not_stretched(tmp_path: Path, height: int, width: int) -> None:
    """A centred white square, half as wide as the short side, stays one, half as wide as the stored frame."""
    image = np.zeros((height, width, 3), np.uint8)
    y, x = np.mgrid[:height, :width]
    half = min(height, width) / 4
    image[(abs(y - (height - 1) / 2) <= half) & (abs(x - (width - 1) / 2) <= half)] = 255
    clip = decode(write(tmp_path / "a.mkv", [image]), (8, 36, 36))
    share = clip[0, :, :, 0] / 255
    scale = 36 / min(height, width)
    square = image[..., 0] / 255
    assert share[18].sum() == pytest.approx(square[height // 2].sum() * scale, abs=0.5)
    assert share[:, 18].sum() == pytest.approx(square[:, width // 2].sum() * scale, abs=0.5)
    assert (share * np.arange(36)).sum() / share.sum() == pytest.approx(17.5, abs=0.6)
    assert (share.T * np.arange(36)).sum() / share.sum() == pytest.approx(17.5, abs=0.6)


def test_fine_patterns_do_not_alias(tmp_path: Path) -> None:
    """Stripes of one pixel, reduced fourfold, are grey: the nearest pixel would be black or white."""
    image = np.zeros((144, 144, 3), np.uint8)
    image[:, ::2] = 255
    clip = decode(write(tmp_path / "a.mkv", [image]), (8, 36, 36))
    assert np.abs(clip[:, :, 1:-1].astype(int) - 127).max() < 20


def test_pixels_that_are_not_square_are_shown_at_their_width(tmp_path: Path) -> None:
    """A disc stored at half its width, its pixels two wide and one high, is round again."""
    y, x = np.mgrid[:72, :36]
    disc = np.where((y - 35.5) ** 2 + (2 * (x - 17.5)) ** 2 < 20**2, 255, 0).astype(np.uint8)
    images = [np.repeat(disc[..., None], 3, 2)]
    path = write(tmp_path / "a.avi", images, "mpeg4", "yuv420p", sample_aspect_ratio=Fraction(2))
    share = decode(path, (8, 72, 72))[0, :, :, 0] / 255
    assert share[36].sum() == pytest.approx(40, abs=2)
    assert share[:, 36].sum() == pytest.approx(40, abs=2)


# (a, b, c, d) of x' = a x + c y, y' = b x + d y with y downwards; then where each stored corner is seen.
MATRICES = {
    "upright": ((1, 0, 0, 1), [RED, GREEN, BLUE, WHITE]),
    "quarter turn clockwise": ((0, 1, -1, 0), [BLUE, RED, WHITE, GREEN]),
    "half turn": ((-1, 0, 0, -1), [WHITE, BLUE, GREEN, RED]),
    "quarter turn anticlockwise": ((0, -1, 1, 0), [GREEN, WHITE, RED, BLUE]),
    "mirrored": ((-1, 0, 0, 1), [GREEN, RED, WHITE, BLUE]),
    "upside down": ((1, 0, 0, -1), [BLUE, WHITE, RED, GREEN]),
    "axes swapped": ((0, 1, 1, 0), [RED, BLUE, GREEN, WHITE]),
}


@pytest.mark.parametrize("name", MATRICES)
def test_the_display_matrix_stands_frames_upright(tmp_path: Path, name: str) -> None:
    (a, b, c, d), seen = MATRICES[name]
    path = write(tmp_path / "a.mp4", [quadrants(64, 96)], "mpeg4", "yuv420p")
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # ISO/IEC 14496-12, 8.3.2, version 0
    one = 1 << 16
    struct.pack_into(">9i", data, matrix, a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    turned = b != 0
    clip = decode(path, (8, 96, 64) if turned else (8, 64, 96))
    assert corners(clip[0]) == seen


def test_what_cannot_be_decoded_says_why(tmp_path: Path) -> None:
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    text = tmp_path / "text.mp4"
    text.write_text("this is no video\n" * 20)
    cut = write(tmp_path / "cut.mp4", greys(20, 64, 64), "mpeg4", "yuv420p")
    cut.write_bytes(cut.read_bytes()[:1000])  # the index of an mp4 is at its end
    sound = tmp_path / "sound.wav"
    with av.open(sound, "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
    reasons = {}
    for path in (empty, text, cut, sound, tmp_path / "missing.mp4"):
        with pytest.raises(Unreadable) as caught:
            decode(path, (8, 36, 36))
        reasons[path.name] = str(caught.value)
    assert reasons["empty.mp4"] == "the file is empty"
    assert "Invalid data" in reasons["text.mp4"]
    assert "Invalid data" in reasons["cut.mp4"]
    assert reasons["sound.wav"] == "no video stream"
    assert "No such file" in reasons["missing.mp4"]
    assert not any(str(tmp_path) in reason for reason in reasons.values())


# --- the digest ---


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of five videos, clip i of class c being grey from 20 i + 100 c."""
    root = tmp_path / "gestures"
    for c, label in enumerate("ab"):
        for i in range(5):
            write(root / label / f"{i}.mkv", greys(10, 40, 50, start=20 * i + 100 * c))
    return root


def described(place: Path, clip: ClipShape = CLIP, flips: bool = False) -> Description:
    return describe(VideoData(videos=place, flips=flips), clip)


def test_the_description_of_a_folder(folder: Path) -> None:
    found = described(folder, flips=True)
    assert (found.name, found.classes, found.folds, found.flips) == ("gestures", ("a", "b"), (0, 1, 2, 3, 4), True)
    assert len(found.digest) == 16


def test_the_digest_is_the_same_wherever_the_folder_lies(folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "renamed"
    shutil.copytree(folder, moved)
    assert described(moved).digest == described(folder).digest == described(folder, flips=True).digest
    assert described(moved).name == "renamed"


def test_the_digest_changes_with_all_that_pixels_and_labels_depend_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = [described(folder).digest]
    digests += [described(folder, ClipShape(*shape)).digest for shape in [(9, 32, 32), (8, 40, 32), (8, 32, 40)]]
    (folder / "a" / "4.mkv").rename(folder / "b" / "5.mkv")  # a label
    digests.append(described(folder).digest)
    data = bytearray((folder / "a" / "3.mkv").read_bytes())
    data[-1] ^= 1  # a bit of the content
    (folder / "a" / "3.mkv").write_bytes(data)
    digests.append(described(folder).digest)
    (folder / "a" / "3.mkv").rename(folder / "a" / "3b.mkv")  # a name
    digests.append(described(folder).digest)
    monkeypatch.setattr("tradeoff.data.videos.SAMPLING_VERSION", 10**6)
    digests.append(described(folder).digest)
    assert len(set(digests)) == len(digests)


def test_the_digest_changes_with_a_fold(tmp_path: Path) -> None:
    rows = [("1.mp4", "a", 0), ("2.mp4", "b", 0), ("3.mp4", "a", 1), ("4.mp4", "b", 1)]
    digests = []
    for folds in [(0, 0, 1, 1), (0, 1, 1, 0), (0, 0, 1, 1)]:
        text = "path,label,fold\n" + "".join(
            f"{path},{label},{k}\n" for (path, label, _), k in zip(rows, folds, strict=True)
        )
        digests.append(described(write_table(tmp_path, text)).digest)
    assert digests[0] == digests[2] != digests[1]


def test_a_csv_is_named_for_its_folder(tmp_path: Path) -> None:
    (tmp_path / "wagons").mkdir()
    text = "path,label,fold\n" + "1.mp4,a,0\n2.mp4,b,0\n3.mp4,a,1\n4.mp4,b,1\n"
    assert described(write_table(tmp_path / "wagons", text)).name == "wagons"


# --- the whole way ---


def opened(place: Path, cache: Path) -> Dataset:
    return open_dataset(VideoData(videos=place), CLIP, cache, lambda done, total: None)


def test_a_folder_becomes_a_data_set(folder: Path, tmp_path: Path) -> None:
    dataset = opened(folder, tmp_path / "cache")
    assert dataset.frames.shape == (10, 8, 36, 36, 3)
    assert dataset.labels.tolist() == [0] * 5 + [1] * 5
    assert dataset.folds.tolist() == [0, 1, 2, 3, 4] * 2
    assert dataset.ids == tuple(f"{label}/{i}.mkv" for label in "ab" for i in range(5))
    assert dataset.groups.tolist() == list(range(10))
    for row, start in enumerate([0, 20, 40, 60, 80, 100, 120, 140, 160, 180]):
        assert levels(dataset.frames[row]) == (start + sampled_indices(10, 8)).tolist()
    assert [len(part) for part in dataset.split(3)] == [8, 2]


def test_unreadable_videos_are_left_out_and_listed(folder: Path, tmp_path: Path) -> None:
    (folder / "a" / "1.mkv").write_bytes(b"")
    (folder / "b" / "2.mkv").write_bytes(b"nothing" * 100)
    seen = []
    dataset = open_dataset(
        VideoData(videos=folder), CLIP, tmp_path / "cache", lambda done, total: seen.append((done, total))
    )
    assert [path for path, _ in dataset.unreadable] == ["a/1.mkv", "b/2.mkv"]
    assert dataset.unreadable[0][1] == "the file is empty"
    assert seen == [(i, 10) for i in range(1, 11)]
    kept = {"a/0.mkv": 0, "a/2.mkv": 40, "b/0.mkv": 100, "b/1.mkv": 120, "b/3.mkv": 160}
    for name, start in kept.items():
        assert dataset.frames[dataset.ids.index(name), 0, 0, 0, 0] == start
    assert opened(folder, tmp_path / "cache").unreadable == dataset.unreadable


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (
            [f"a/{i}.mkv" for i in range(5)],
            r"no video of class 'a' is readable; 5 of 10 .* a/0\.mkv \(the file is empty\)",
        ),
        (["a/2.mkv", "b/2.mkv"], "no video of fold 2 is readable; 2 of 10"),
        ([f"a/{i}.mkv" for i in range(4)], "class 'a' has no training clip when fold 4 is tested; .*; 4 of 10"),
    ],
)
def test_too_little_that_is_readable(folder: Path, tmp_path: Path, broken: list[str], message: str) -> None:
    for name in broken:
        (folder / name).write_bytes(b"")
    with warnings.catch_warnings(), pytest.raises(InputError, match=message):
        warnings.simplefilter("ignore")  # empty files are copies of each other
        opened(folder, tmp_path / "cache")
    assert {path.suffix for path in (tmp_path / "cache").iterdir()} == {".lock"}


def test_copies_share_a_group_and_a_copy_across_folds_is_warned_of(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "a" / "0.mkv", folder / "a" / "4.mkv")
    with pytest.warns(UserWarning, match=r"2 videos have a copy in another split or fold.*: a/0\.mkv, a/4\.mkv$"):
        dataset = opened(folder, tmp_path / "cache")
    assert dataset.groups[0] == dataset.groups[4]
    assert len(set(dataset.groups.tolist())) == 9


# --- real files ---


@needs_shared
@pytest.mark.filterwarnings("ignore:.*have a copy")
def test_real_videos_become_a_data_set(tmp_path: Path) -> None:
    source = SHARED / "tank-wagons"
    with (source / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[::25]
    with (tmp_path / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "label", "split"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row, "path": str(source / row["path"])} for row in rows)
    dataset = opened(tmp_path / "clips.csv", tmp_path / "cache")
    assert len(dataset.frames) == len(rows)
    assert dataset.unreadable == ()
    assert (dataset.frames.std(axis=(1, 2, 3, 4)) > 10).all()


@needs_shared
def test_real_oddities() -> None:
    samples = SHARED / "samples"
    with pytest.raises(Unreadable, match="Invalid data"):
        decode(samples / "decord_corrupted.mp4", (8, 64, 64))
    for name in ("torchcodec_h265_video.mp4", "torchcodec_h264_10bits.mp4", "mmaction2_test.avi"):
        assert decode(samples / name, (8, 64, 64)).std() > 10
    blue = decode(samples / "torchcodec_h265_video.mp4", (8, 64, 64))[:, 4, 4].mean(axis=0)
    assert blue == pytest.approx([0, 0, 255], abs=6)
    grass = decode(samples / "v_CricketShot_g04_c01_rgb.gif", (8, 64, 64)).mean(axis=(0, 1, 2))
    assert grass.argmax() == 1
