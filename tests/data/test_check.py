import json
import shutil
from pathlib import Path

import pytest
from odd_videos import spoilt
from small_trees import make_jester, make_ucf101, touch, write_texts, write_video

from tradeoff.data.catalogue import CATALOGUE
from tradeoff.data.check import Report, Spread, check
from tradeoff.data.decoding import Unreadable, decode
from tradeoff.data.probing import probe
from tradeoff.errors import InputError

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "samples"
HEAD = "label,youtube_id,time_start,time_end,split\n"


@pytest.fixture
def ucf101(tmp_path: Path) -> Path:
    return make_ucf101(tmp_path / "ucf")


def checked(name: str, root: Path) -> Report:
    return check(CATALOGUE[name], root)


def counts(report: Report) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    return {
        (each.split, each.label): (each.listed, each.missing, each.unreadable, each.readable) for each in report.balance
    }


def test_a_whole_set(ucf101: Path) -> None:
    """Six frames at 10 a second, 48x36, of each of 8 training and 4 test clips."""
    report = checked("ucf101", ucf101)
    assert report.whole
    assert (report.listed, report.readable) == (12, 12)
    assert counts(report) == {
        ("train", "Archery"): (4, 0, 0, 4),
        ("train", "YoYo"): (4, 0, 0, 4),
        ("test", "Archery"): (2, 0, 0, 2),
        ("test", "YoYo"): (2, 0, 0, 2),
    }
    assert report.seconds == Spread(0.6, 0.6, 0.6, 12)
    assert report.rate == Spread(10, 10, 10, 12)
    assert (report.width, report.height) == (Spread(48, 48, 48, 12), Spread(36, 36, 36, 12))
    assert report.codecs == {"ffv1": 12}
    assert (report.classes, report.classes_known) == (("Archery", "YoYo"), 101)
    assert [Path(name).name for name in report.files] == ["classInd.txt", "trainlist01.txt", "testlist01.txt"]


def test_what_is_missing_and_what_is_unreadable(ucf101: Path) -> None:
    (ucf101 / "Archery" / "v_Archery_g03_c01.avi").unlink()
    (ucf101 / "Archery" / "v_Archery_g01_c01.avi").write_bytes(b"")
    (ucf101 / "YoYo" / "v_YoYo_g05_c01.avi").write_bytes(b"this is no video" * 40)
    write_video(ucf101 / "YoYo" / "v_YoYo_g06_c01.avi", range(20), "mpeg4", "yuv420p", rate=25)
    report = checked("ucf101", ucf101)
    assert not report.whole
    assert report.missing == ("Archery/v_Archery_g03_c01.avi",)
    reasons = dict(report.unreadable)
    assert list(reasons) == ["YoYo/v_YoYo_g05_c01.avi", "Archery/v_Archery_g01_c01.avi"]
    assert reasons["Archery/v_Archery_g01_c01.avi"] == "the file is empty"
    assert "Invalid data" in reasons["YoYo/v_YoYo_g05_c01.avi"]
    assert counts(report)["train", "Archery"] == (4, 1, 0, 3)
    assert counts(report)["test", "Archery"] == (2, 0, 1, 1)
    assert report.rate == Spread(10, 10, 25, 9)
    assert report.seconds is not None
    assert report.seconds.maximum == pytest.approx(0.8)
    assert report.codecs == {"ffv1": 8, "mpeg4": 1}
    totals = {split: (each.listed, each.readable) for split, each in report.totals().items()}
    assert totals == {"train": (8, 6), "test": (4, 3)}


def test_an_empty_root_lists_every_clip(ucf101: Path, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    report = check(CATALOGUE["ucf101"], tmp_path / "bare", ucf101 / "annotations")
    assert (report.readable, len(report.missing)) == (0, 12)
    assert report.empty_classes == ("Archery", "YoYo")
    assert report.seconds is report.rate is report.width is None
    assert report.codecs == {}


def test_what_is_broken_behind_the_first_frame_is_found_by_decoding(ucf101: Path, tmp_path: Path) -> None:
    """The sixth frame of a video and the fourth of a folder are noise."""
    spoilt(write_video(ucf101 / "YoYo" / "v_YoYo_g06_c01.avi", range(0, 240, 8), "libx264", "yuv420p"), 5)
    assert checked("ucf101", ucf101).whole
    report = check(CATALOGUE["ucf101"], ucf101, whole=True)
    assert [name for name, _ in report.unreadable] == ["YoYo/v_YoYo_g06_c01.avi"]
    root = make_jester(tmp_path)
    (root / "11" / "00004.jpg").write_bytes(b"no picture")
    assert checked("jester", root).whole
    assert check(CATALOGUE["jester"], root, whole=True).unreadable == (("11", "00004.jpg is no picture"),)


def test_folders_of_frames(tmp_path: Path) -> None:
    """Nine frames, taken at 12 a second by the distributor."""
    root = make_jester(tmp_path)
    (root / "10" / "00004.jpg").unlink()
    (root / "11" / "00001.jpg").write_bytes(b"no picture")
    shutil.rmtree(root / "20")
    report = checked("jester", root)
    assert report.missing == ("20",)
    assert report.unreadable == (("10", "1 of 9 frames missing, the first is 4"), ("11", "00001.jpg is no picture"))
    assert report.seconds == Spread(0.75, 0.75, 0.75, 7)
    assert (report.rate, report.codecs) == (Spread(12, 12, 12, 7), {"jpeg": 7})
    assert report.empty_classes == ()
    assert counts(report)["val", "Swiping Right"] == (1, 1, 0, 0)


def test_ids_of_which_nothing_is_known_are_missing(tmp_path: Path) -> None:
    write_texts(tmp_path, {"val_ytid_list.txt": "-0123456789\nabcdefghijk\n"})
    write_video(tmp_path / "val" / "shot put" / "-0123456789_000007_000017.mkv", range(5))
    report = checked("mini-kinetics200", tmp_path)
    assert report.missing == ("abcdefghijk",)
    assert counts(report) == {("val", "shot put"): (1, 0, 0, 1), ("val", "(not known)"): (1, 1, 0, 0)}


def test_the_record_is_json(ucf101: Path) -> None:
    (ucf101 / "YoYo" / "v_YoYo_g05_c01.avi").write_bytes(b"")
    report = checked("ucf101", ucf101)
    record = json.loads(json.dumps(report.as_record(), allow_nan=False))
    assert (record["listed"], record["found"], record["readable"], record["whole"]) == (12, 12, 11, False)
    assert record["unreadable"] == [{"id": "YoYo/v_YoYo_g05_c01.avi", "reason": "the file is empty"}]
    assert record["balance"][1] == {
        "label": "YoYo",
        "split": "train",
        "listed": 4,
        "missing": 0,
        "unreadable": 1,
        "short": 3,
        "readable": 3,
    }
    assert record["seconds"] == {"minimum": 0.6, "median": 0.6, "maximum": 0.6, "count": 11}


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_any_number_of_workers_finds_the_same_and_tells_each_step(ucf101: Path, workers: int) -> None:
    (ucf101 / "YoYo" / "v_YoYo_g05_c01.avi").unlink()
    seen: list[tuple[int, int]] = []
    report = check(
        CATALOGUE["ucf101"], ucf101, workers=workers, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(done, 12) for done in range(1, 13)]
    assert report == checked("ucf101", ucf101)


def test_what_is_wrong_with_the_lists_stops_the_check(ucf101: Path) -> None:
    (ucf101 / "annotations" / "testlist01.txt").unlink()
    with pytest.raises(InputError, match=r"testlist01\.txt"):
        checked("ucf101", ucf101)


def test_a_file_of_an_unknown_codec_is_unreadable(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", range(5))
    assert b"V_FFV1" in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(b"V_FFV1", b"V_ABCD"))
    with pytest.raises(Unreadable, match="unknown codec"):
        probe(path)
    with pytest.raises(Unreadable, match="unknown codec"):
        decode(path, (8, 36, 36))


def test_an_empty_file_and_none(tmp_path: Path) -> None:
    touch(tmp_path, "a.avi")
    with pytest.raises(Unreadable, match="the file is empty"):
        probe(tmp_path / "a.avi")
    with pytest.raises(Unreadable, match="No such file"):
        probe(tmp_path / "gone.avi")


@pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"{SAMPLES} is not there")
def test_real_videos(tmp_path: Path) -> None:
    """A truncated file, H.265, ten bits, a turned one, MPEG-4 in AVI and a GIF, as if they were clips of Kinetics.

    `decord_corrupted.mp4` is broken behind its first frames only, which decoding finds.
    """
    names = {
        "mmaction2_demo.mp4": "00000000000",
        "torchcodec_h265_video.mp4": "00000000001",
        "torchcodec_h264_10bits.mp4": "00000000002",
        "decord_video_90.mov": "00000000003",
        "mmaction2_test.avi": "00000000004",
        "v_CricketShot_g04_c01_rgb.gif": "00000000005",
    }
    rows = "".join(f"class {key},{key},0,10,val\n" for key in names.values())
    write_texts(tmp_path, {"val.csv": HEAD + rows})
    for name, key in names.items():
        place = tmp_path / "val" / f"class {key}" / f"{key}_000000_000010{Path(name).suffix}"
        place.parent.mkdir(parents=True)
        place.symlink_to(SAMPLES / name)
    cut = next((tmp_path / "val" / "class 00000000000").iterdir())
    cut.unlink()
    cut.write_bytes((SAMPLES / "mmaction2_demo.mp4").read_bytes()[:5000])
    report = checked("kinetics400", tmp_path)
    assert report.missing == ()
    assert [name for name, _ in report.unreadable] == ["00000000000_000000_000010"]
    assert report.readable == 5
    assert set(report.codecs) >= {"hevc", "h264", "gif"}
    assert probe(SAMPLES / "decord_corrupted.mp4").codec == "h264"
    with pytest.raises(Unreadable):
        decode(SAMPLES / "decord_corrupted.mp4", (8, 32, 32))
    with pytest.raises(Unreadable):
        probe(SAMPLES / "decord_corrupted.mp4", whole=True)
    assert probe(SAMPLES / "decord_video_90.mov", whole=True).codec == "h264"


@pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"{SAMPLES} is not there")
def test_a_true_video_of_ucf101_is_found_by_the_true_lists(tmp_path: Path) -> None:
    """One clip of 13,320: in split 1 it is tested, in split 2 trained on."""
    place = tmp_path / "ApplyEyeMakeup" / "v_ApplyEyeMakeup_g01_c01.avi"
    place.parent.mkdir()
    place.symlink_to(SAMPLES / "mmaction2_test.avi")
    lists = SAMPLES.parent / "annotations" / "ucf101"
    reports = {split: check(CATALOGUE["ucf101"], tmp_path, lists, split) for split in (1, 2)}
    assert [(each.listed, each.readable, len(each.missing)) for each in reports.values()] == [(13_320, 1, 13_319)] * 2
    assert (reports[1].totals()["test"].readable, reports[2].totals()["train"].readable) == (1, 1)
    assert (reports[1].width, reports[1].height) == (Spread(320, 320, 320, 1), Spread(240, 240, 240, 1))
    assert len(reports[1].empty_classes) == 100
