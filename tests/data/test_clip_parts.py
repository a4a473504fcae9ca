"""Clips that are parts of videos: columns start and end of a CSV."""

import warnings
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_trees import write_table, write_texts, write_video

from tradeoff.clip_shape import ClipShape
from tradeoff.data import CatalogueData, Dataset, VideoData, describe, open_dataset
from tradeoff.data.catalogue import CATALOGUE
from tradeoff.data.check import Spread, check
from tradeoff.data.contents import contents_of
from tradeoff.data.decoding import SAMPLING_VERSION, Unreadable, decode_counted, sampled_indices
from tradeoff.data.parts import Part
from tradeoff.data.video_lists import list_csv, list_videos
from tradeoff.digest import digest
from tradeoff.errors import InputError

CLIP = ClipShape(8, 32, 32)
SHAPE = (8, 36, 36)
HEAD = "path,label,split,start,end\n"
SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "samples"


def opened(place: Path, cache: Path) -> Dataset:
    return open_dataset(VideoData(videos=place), CLIP, cache, lambda done, total: None)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two videos of 30 frames at 10 a second, frame i of grey level i and 100 + i, in three parts each."""
    write_video(tmp_path / "set" / "a.mkv", range(30))
    write_video(tmp_path / "set" / "b.mkv", range(100, 130))
    rows = "a.mkv,up,train,,1\na.mkv,down,train,1,1.8\na.mkv,up,test,2,\n"
    rows += "b.mkv,down,train,0,1.5\nb.mkv,up,train,1.4,2.5\nb.mkv,down,test,2.5,3\n"
    return write_texts(tmp_path / "set", {"clips.csv": HEAD + rows}) / "clips.csv"


# --- listing ---


def test_ids_have_the_times(table: Path) -> None:
    clips = list_csv(table)
    assert [clip.id for clip in clips[:4]] == ["a.mkv#t=,1", "a.mkv#t=1,1.8", "a.mkv#t=2", "b.mkv#t=0,1.5"]
    assert [(clip.start, clip.end) for clip in clips[:3]] == [(None, 1.0), (1.0, 1.8), (2.0, None)]
    assert {clip.path for clip in clips} == {table.parent / "a.mkv", table.parent / "b.mkv"}


def test_either_column_may_be_alone_and_rows_without_times_are_whole_videos(tmp_path: Path) -> None:
    rows = "path,label,fold,end\n1.mp4,a,0,\n2.mp4,b,0, 2.50 \n3.mp4,a,1,.5\n4.mp4,b,1,7.\n"
    clips = list_csv(write_table(tmp_path, rows))
    assert [clip.id for clip in clips] == ["1.mp4", "2.mp4#t=,2.5", "3.mp4#t=,0.5", "4.mp4#t=,7"]
    assert clips[0].part is None


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ("x,", "line 3: start is 'x'; it should be seconds from the video's first frame, such as 12.5, or empty"),
        ("-1,2", "line 3: start is '-1'"),
        (",-0.5", "line 3: end is '-0.5'"),
        ("nan,", "line 3: start is 'nan'"),
        (",inf", "line 3: end is 'inf'"),
        ("1_0,", "line 3: start is '1_0'"),
        ("1:30,", "line 3: start is '1:30'"),
        ("²,", "line 3: start is '²'"),
        (f"{'9' * 400},", "line 3: start is '999"),
        ("2,2", "line 3: end is '2'; it should be later than start, 2"),
        ("2,1.5", "line 3: end is '1.5'; it should be later than start, 2"),
        (",0", "line 3: end is '0'; it should be later than start, 0"),
        ("1.0,2", r"line 3: 1\.mp4#t=1,2 is listed twice, first in line 2"),
    ],
)
def test_times_that_are_none(tmp_path: Path, times: str, message: str) -> None:
    path = write_table(tmp_path, f"{HEAD}1.mp4,a,train,1,2\n1.mp4,b,train,{times}\n")
    with pytest.raises(InputError, match=message) as caught:
        list_videos(path)
    assert "clips.csv" in str(caught.value)


def test_one_part_in_two_splits(tmp_path: Path) -> None:
    path = write_table(tmp_path, f"{HEAD}1.mp4,a,train,1,2\n1.mp4,a,val,1,2.0\n")
    with pytest.raises(InputError, match=r"line 3: 1\.mp4#t=1,2 is in fold 0, and in the training split by line 2"):
        list_videos(path)


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 99)), min_size=1, unique=True))
def test_other_times_give_other_ids(tmp_path_factory: pytest.TempPathFactory, times: list[tuple[int, int]]) -> None:
    rows = "".join(f"1.mp4,a,train,{first / 8},{(first + length) / 8}\n" for first, length in times)
    clips = list_csv(write_table(tmp_path_factory.mktemp("set"), HEAD + rows))
    assert len({clip.id for clip in clips}) == len(times)
    assert [(clip.start, clip.end) for clip in clips] == [(a / 8, (a + b) / 8) for a, b in times]


# --- frames ---


def levels(path: Path, part: Part) -> tuple[list[int], int]:
    clip, count = decode_counted(path, SHAPE, part=part)
    return clip[:, 0, 0, 0].tolist(), count


@pytest.mark.parametrize(
    ("start", "end", "first", "count"),
    [
        (None, 1, 0, 10),
        (0.1, 0.3, 1, 2),  # the frames at 1/10 and 2/10 s
        (0.11, 0.31, 2, 2),
        (2.9, None, 29, 1),
        (2.85, 99, 29, 1),
        (0, None, 0, 30),
        (1, 2.5, 10, 15),
    ],
)
def test_frames_shown_within_the_times_are_taken(
    tmp_path: Path, start: float | None, end: float | None, first: int, count: int
) -> None:
    path = write_video(tmp_path / "a.mkv", range(30))
    taken = (first + sampled_indices(count, 8)).tolist()
    assert levels(path, Part.of(start, end)) == (taken, count)


def test_times_count_from_the_first_frame(tmp_path: Path) -> None:
    """A stream whose clock begins at 5 s, as recordings of broadcasts do."""
    with av.open(tmp_path / "a.mkv", "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width = stream.height = 36
        stream.pix_fmt = "bgr0"
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((36, 36, 3), number, np.uint8), "rgb24")
            frame.pts = 50 + number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert levels(tmp_path / "a.mkv", Part.of(1, 1.4)) == ([10, 10, 11, 11, 12, 12, 13, 13], 4)


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv"])
def test_b_frames_are_taken_by_when_they_are_shown(tmp_path: Path, name: str) -> None:
    with av.open(tmp_path / name, "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        stream.codec_context.max_b_frames, stream.codec_context.bit_rate = 2, 10**7
        for number in range(24):
            image = np.full((64, 64, 3), 20 + 8 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())
    clip, count = decode_counted(tmp_path / name, (8, 64, 64), part=Part.of(0.5, 1.3))
    assert count == 8
    assert np.abs(clip.mean(axis=(1, 2, 3)) - (20 + 8 * np.arange(5, 13))).max() < 3


def test_a_part_behind_the_end_is_unreadable(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", range(30))
    for part, message in ((Part.of(3, None), "no frame from 3 s to its end"), (Part.of(7, 8.5), "from 7 s to 8.5 s")):
        with pytest.raises(Unreadable, match=message):
            decode_counted(path, SHAPE, part=part)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"{SAMPLES} is not there")
@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("mmaction2_demo.mp4", 0.7),
        ("mmaction2_test.avi", 0.68),
        ("mmaction2_test.avi", 0.7),
        ("decord_video_90.mov", 0.05),
    ],
)
def test_two_parts_of_a_true_video_are_all_of_it(name: str, cut: float) -> None:
    """The AVI has packed B-frames: the third frame says that it is shown after the fourth, and so on."""
    whole = decode_counted(SAMPLES / name, SHAPE)[1]
    parts = [decode_counted(SAMPLES / name, SHAPE, part=part)[1] for part in (Part.of(None, cut), Part.of(cut, None))]
    assert min(parts) > 0
    assert sum(parts) == whole


# --- data sets ---


def test_parts_become_a_data_set(table: Path, tmp_path: Path) -> None:
    """a.mkv's parts touch and share nothing; b.mkv's first two overlap."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = opened(table, tmp_path / "cache")
    assert dataset.frames[1, :, 0, 0, 0].tolist() == (10 + sampled_indices(8, 8)).tolist()
    assert dataset.frames[2, :, 0, 0, 0].tolist() == (20 + sampled_indices(10, 8)).tolist()
    assert dataset.frames[5, :, 0, 0, 0].tolist() == (125 + sampled_indices(5, 8)).tolist()
    assert dataset.groups.tolist() == [0, 1, 2, 3, 3, 4]
    assert dataset.short == ("b.mkv#t=2.5,3",)
    assert opened(table, tmp_path / "cache").short == dataset.short


def test_a_part_behind_the_end_is_left_out_and_counted(table: Path, tmp_path: Path) -> None:
    table.write_text(table.read_text() + "a.mkv,up,test,3,4\n")
    dataset = opened(table, tmp_path / "cache")
    assert dataset.unreadable == (("a.mkv#t=3,4", "no frame from 3 s to 4 s"),)
    assert len(dataset.ids) == 6


def test_parts_that_overlap_across_splits_are_warned_of(table: Path) -> None:
    table.write_text(table.read_text().replace("b.mkv,down,test,2.5", "b.mkv,down,test,2.4"))
    with pytest.warns(UserWarning, match=r"2 videos .*or overlap one there.*: b\.mkv#t=1\.4,2\.5, b\.mkv#t=2\.4,3$"):
        describe(VideoData(videos=table), CLIP)


def test_the_digest_covers_times_where_they_are_given(tmp_path: Path) -> None:
    rows = "1.mp4,a,train{}\n2.mp4,b,train{}\n3.mp4,a,test{}\n4.mp4,b,test{}\n"
    texts = ["path,label,split\n" + rows.format(*[""] * 4), HEAD + rows.format(*[",,"] * 4)]
    texts += [HEAD + rows.format(time, *[",,"] * 3) for time in (",1,", ",1.5,", ",,1.5", ",1,1.5")]
    found = [describe(VideoData(videos=write_table(tmp_path, text)), CLIP).digest for text in texts]
    assert found[0] == found[1]
    assert len(set(found)) == 5


def test_the_digest_of_a_part_is_its_facts_and_its_times(tmp_path: Path) -> None:
    path = write_table(tmp_path, f"{HEAD}1.mp4,a,train,1,1.5\n2.mp4,b,train,,\n3.mp4,a,test,,2\n4.mp4,b,test,,\n")
    contents = contents_of([clip.path for clip in list_csv(path)], 1)
    clips = [
        ["1.mp4#t=1,1.5", "a", -1, contents[0], 1.0, 1.5],
        ["2.mp4", "b", -1, contents[1]],
        ["3.mp4#t=,2", "a", 0, contents[2], None, 2.0],
        ["4.mp4", "b", 0, contents[3]],
    ]
    facts = {"sampling": SAMPLING_VERSION, "shape": SHAPE, "clips": clips}
    assert describe(VideoData(videos=path), CLIP).digest == digest(facts)


# --- the catalogue's folder ---


def test_the_catalogues_folder_takes_parts_too(table: Path, tmp_path: Path) -> None:
    ours = opened(table, tmp_path / "cache")
    theirs = open_dataset(CatalogueData(catalogue="folder", root=table), CLIP, tmp_path / "cache", lambda *_: None)
    assert (theirs.name, theirs.ids, theirs.classes) == ("set", ours.ids, ours.classes)
    assert (theirs.frames == ours.frames).all()
    assert theirs.groups.tolist() == ours.groups.tolist()


def test_check_looks_at_parts(table: Path, tmp_path: Path) -> None:
    text = table.read_text().replace("b.mkv,down,test,2.5", "b.mkv,down,test,2.4")
    table.write_text(text + "a.mkv,up,train,3,4\nb.mkv,up,train,2.8,9\n")
    report = check(CATALOGUE["folder"], table, frames=8, copies=True, cache=tmp_path / "cache")
    assert report.unreadable == (("a.mkv#t=3,4", "no frame from 3 s to 4 s"),)
    assert report.missing == ()
    assert report.short == ("b.mkv#t=2.4,3", "b.mkv#t=2.8,9")
    assert report.copies == (("b.mkv#t=1.4,2.5", "b.mkv#t=2.4,3", "b.mkv#t=2.8,9"),)
    assert report.seconds is not None
    assert report.seconds == Spread(pytest.approx(0.2), pytest.approx(1.0), pytest.approx(1.5), 7)


def test_a_file_of_an_unusual_suffix_is_found(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mkv", range(10)).rename(tmp_path / "a.video")
    write_video(tmp_path / "b.mkv", range(10))
    rows = "a.video,up,train,,0.5\nb.mkv,down,train,,\na.video,up,test,0.5,\n"
    path = write_texts(tmp_path, {"clips.csv": HEAD + rows}) / "clips.csv"
    assert check(CATALOGUE["folder"], path).whole
