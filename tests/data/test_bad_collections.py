"""Collections with something wrong: lost folders, short videos, copies across splits; and that digests are kept."""

import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
from small_trees import make_jester, make_ucf101, write_frames, write_texts, write_video

from tradeoff.clip_shape import ClipShape
from tradeoff.data import CatalogueData, Dataset, VideoData, describe, open_dataset
from tradeoff.data.catalogue import CATALOGUE
from tradeoff.data.check import check
from tradeoff.errors import InputError

CLIP = ClipShape(8, 32, 32)
THREE = {
    "classInd.txt": "1 Archery\n2 YoYo\n3 Bowling\n",
    "trainlist01.txt": "".join(f"{name}/v_{name}_g03_c01.avi\n" for name in ("Archery", "YoYo", "Bowling")),
    "testlist01.txt": "".join(f"{name}/v_{name}_g01_c01.avi\n" for name in ("Archery", "YoYo", "Bowling")),
}


@pytest.fixture
def ucf101(tmp_path: Path) -> Path:
    return make_ucf101(tmp_path / "ucf")


@pytest.fixture
def lacking(ucf101: Path) -> Path:
    """The lists name three classes, of one of which nothing is there: a third of the clips."""
    write_texts(ucf101 / "annotations", THREE)
    return ucf101


def age(path: Path) -> None:
    os.utime(path, (10**9, 10**9))


def opened(name: str, root: Path, cache: Path, **more: Any) -> Dataset:
    return open_dataset(CatalogueData(catalogue=name, root=root, **more), CLIP, cache, lambda done, total: None)


# --- classes without clips ---


def test_a_class_of_which_nothing_is_there_is_warned_of_and_counted(lacking: Path, tmp_path: Path) -> None:
    message = r"no clip of 1 of the 3 classes is there \(Bowling\), so they are neither trained on nor tested; 'broken'"
    with pytest.warns(UserWarning, match=message):
        dataset = opened("ucf101", lacking, tmp_path / "cache", broken=0.4)
    assert dataset.classes == ("Archery", "YoYo", "Bowling")
    assert sorted(set(dataset.labels.tolist())) == [0, 1]
    assert [name for name, _ in dataset.unreadable] == [
        "Bowling/v_Bowling_g03_c01.avi",
        "Bowling/v_Bowling_g01_c01.avi",
    ]


def test_a_class_of_which_nothing_is_there_stops_where_broken_is_less(lacking: Path) -> None:
    with pytest.raises(InputError, match=r"2 of 6 clips are missing or unreadable, 33\.3%, and 'broken' allows 30\.0%"):
        describe(CatalogueData(catalogue="ucf101", root=lacking, broken=0.3), CLIP)


def test_a_class_of_which_nothing_can_be_read_is_warned_of(lacking: Path, tmp_path: Path) -> None:
    for clip in ("g01", "g03"):
        write_texts(lacking / "Bowling", {f"v_Bowling_{clip}_c01.avi": f"no video {clip}"})
    with pytest.warns(UserWarning, match=r"no clip of 1 of the 3 classes is readable \(Bowling\)"):
        dataset = opened("ucf101", lacking, tmp_path / "cache", broken=0.4)
    assert len(dataset.unreadable) == 2
    with pytest.raises(InputError, match="2 of 6 clips are missing or unreadable"):
        opened("ucf101", lacking, tmp_path / "other", broken=0.3)


def test_a_root_without_a_clip_is_an_error(ucf101: Path, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    bare = CatalogueData(catalogue="ucf101", root=tmp_path / "bare", annotations=ucf101 / "annotations", broken=1)
    with pytest.raises(InputError, match="none of the 12 listed clips is there; give the folder that has them"):
        describe(bare, CLIP)


# --- short videos ---


def test_videos_shorter_than_a_clip_are_counted(ucf101: Path, tmp_path: Path) -> None:
    for first, name in enumerate(("v_YoYo_g01_c01.avi", "v_YoYo_g03_c01.avi")):
        write_video(ucf101 / "YoYo" / name, range(first, first + 8))  # as many as a clip has; the others have six
    dataset = opened("ucf101", ucf101, tmp_path / "cache")
    assert dataset.short is not None
    assert set(dataset.ids) - set(dataset.short) == {"YoYo/v_YoYo_g01_c01.avi", "YoYo/v_YoYo_g03_c01.avi"}
    report = check(CATALOGUE["ucf101"], ucf101, frames=8)
    assert set(report.short) == set(dataset.short)
    assert {split: each.short for split, each in report.totals().items()} == {"train": 7, "test": 3}
    assert check(CATALOGUE["ucf101"], ucf101, frames=6).short == ()
    assert len(check(CATALOGUE["ucf101"], ucf101).short) == 12  # of 64 frames
    assert report.whole


def test_folders_of_frames_shorter_than_a_clip_are_counted(tmp_path: Path) -> None:
    root = make_jester(tmp_path / "jester")
    shutil.rmtree(root / "13")
    write_frames(root / "13", [1] * 7)
    assert opened("jester", root, tmp_path / "cache").short == ("13",)
    assert check(CATALOGUE["jester"], root, frames=8).short == ("13",)


# --- copies across splits ---


def test_copies_across_splits_are_reported(ucf101: Path, tmp_path: Path) -> None:
    test, train, elsewhere = (ucf101 / "YoYo" / f"v_YoYo_g0{g}_c01.avi" for g in (1, 3, 4))
    shutil.copy(test, train)
    shutil.copy(ucf101 / "Archery" / "v_Archery_g03_c01.avi", elsewhere)  # both are trained on
    for video in ucf101.glob("*/*.avi"):
        age(video)
    seen: list[int] = []
    for _ in range(2):
        cache = tmp_path / "cache"
        report = check(CATALOGUE["ucf101"], ucf101, copies=True, cache=cache, hashing=lambda done, _: seen.append(done))
        assert report.copies == (("YoYo/v_YoYo_g03_c01.avi", "YoYo/v_YoYo_g01_c01.avi"),)
        assert report.whole
    assert report.as_record()["copies"] == [["YoYo/v_YoYo_g03_c01.avi", "YoYo/v_YoYo_g01_c01.avi"]]
    assert seen == list(range(1, 13))
    assert check(CATALOGUE["ucf101"], ucf101).copies is None


def test_what_cannot_be_read_is_no_copy(tmp_path: Path) -> None:
    """Empty files are all alike, and so are folders without a frame."""
    root = make_jester(tmp_path / "jester")
    for number in (10, 20):
        shutil.rmtree(root / str(number))
        (root / str(number)).mkdir()
    report = check(CATALOGUE["jester"], root, copies=True)
    assert (report.copies, len(report.unreadable)) == ((), 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        describe(CatalogueData(catalogue="jester", root=root, broken=0.3), CLIP)


def test_of_videos_of_one_s_own_a_share_may_be_broken_too(ucf101: Path, tmp_path: Path) -> None:
    shutil.rmtree(ucf101 / "annotations")
    next(iter(sorted(ucf101.glob("*/*.avi")))).write_bytes(b"")  # one of twelve
    for broken in (None, 0.1):
        opened = open_dataset(VideoData(videos=ucf101, broken=broken), CLIP, tmp_path, lambda done, total: None)
        assert len(opened.unreadable) == 1
    for cache in (tmp_path, tmp_path / "new"):  # a set that is cached holds to it too
        with pytest.raises(InputError, match=r"1 of 12 clips are .* 8.3%, and 'broken' allows 5.0%"):
            open_dataset(VideoData(videos=ucf101, broken=0.05), CLIP, cache, lambda done, total: None)


# --- digests that are kept ---


@pytest.mark.parametrize("catalogued", [False, True])
def test_describing_a_set_again_reads_nothing(ucf101: Path, tmp_path: Path, catalogued: bool) -> None:
    shutil.move(ucf101 / "annotations", tmp_path / "lists")
    for video in ucf101.glob("*/*.avi"):
        age(video)
    catalogue = CatalogueData(catalogue="ucf101", root=ucf101, annotations=tmp_path / "lists")
    spec = catalogue if catalogued else VideoData(videos=ucf101)
    seen: list[tuple[int, int]] = []

    def watch(done: int, total: int) -> None:
        seen.append((done, total))

    first = describe(spec, CLIP, tmp_path / "cache", watch)
    assert len(seen) == 12
    assert describe(spec, CLIP, tmp_path / "cache", watch) == first == describe(spec, CLIP)
    open_dataset(spec, CLIP, tmp_path / "cache", lambda done, total: None, watch)
    assert len(seen) == 12
    write_video(ucf101 / "YoYo" / "v_YoYo_g01_c01.avi", [9] * 6)
    assert describe(spec, CLIP, tmp_path / "cache", watch).digest == describe(spec, CLIP).digest != first.digest
    assert len(seen) == 13
