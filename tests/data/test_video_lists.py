from pathlib import Path

import pytest
from small_trees import touch, write_table

from tradeoff.data.video_lists import VideoClip, list_csv, list_folder, list_videos
from tradeoff.errors import InputError

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not there")


def folds_of(clips: list[VideoClip]) -> dict[str, int]:
    return {clip.id: clip.fold for clip in clips}


def test_class_folders_are_cut_into_five_folds_of_neighbours(tmp_path: Path) -> None:
    touch(tmp_path, *[f"wave/{i:02}.mp4" for i in range(11)], *[f"bow/{i}.AVI" for i in range(5)])
    touch(tmp_path, "README.md", "wave/notes.txt", ".git/config", "wave/._00.mp4")
    clips = list_folder(tmp_path)
    assert [clip.id for clip in clips][:6] == [f"bow/{i}.AVI" for i in range(5)] + ["wave/00.mp4"]
    assert [clip.fold for clip in clips if clip.label == "bow"] == [0, 1, 2, 3, 4]
    assert [clip.fold for clip in clips if clip.label == "wave"] == [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Train", "val"), ("train", "validation")])
def test_folders_named_for_the_split_are_the_split(tmp_path: Path, train: str, test: str) -> None:
    touch(tmp_path, f"{train}/a/1.mp4", f"{train}/b/1.mp4", f"{test}/a/2.mp4")
    assert folds_of(list_folder(tmp_path)) == {f"{train}/a/1.mp4": -1, f"{train}/b/1.mp4": -1, f"{test}/a/2.mp4": 0}


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    touch(tmp_path, *[f"{label}/{i}.mp4" for label in ("train", "test", "bus") for i in range(5)])
    assert {clip.label for clip in list_folder(tmp_path)} == {"train", "test", "bus"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "holds no class folders"),
        (("1.mp4",), "holds no class folders"),
        (("a/1.mp4", "b/1.txt"), r"class folder .*b holds no video; .*\.mp4"),
        (("a/1.mp4", "a/2.mp4"), "only one class, 'a'"),
        (("a/1.mp4", "b/1.mp4", "b/2.mp4"), "class 'a' has no training clip when fold 0 is tested"),
        (("train/a/1.mp4", "train/b/1.mp4", "test/a/2.mp4", "val/a/3.mp4"), "holds both test and val"),
        (("train/a/1.mp4", "test/a/2.mp4", "test/b/2.mp4"), "class 'b' has no training clip"),
    ],
)
def test_folders_that_make_no_data_set(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    touch(tmp_path, *names)
    with pytest.raises(InputError, match=message):
        list_videos(tmp_path)


def test_a_place_that_is_neither_folder_nor_csv(tmp_path: Path) -> None:
    touch(tmp_path, "clips.txt")
    with pytest.raises(InputError, match=r"clips\.txt is neither a folder nor a \.csv"):
        list_videos(tmp_path / "clips.txt")
    with pytest.raises(InputError, match=r"gone does not exist; give a folder of class folders, or a CSV"):
        list_videos(tmp_path / "gone")


def test_a_csv_with_a_split(tmp_path: Path) -> None:
    rows = "\ufeffcamera, path ,split,label\n7,1.mp4,train,a\n8,./2.mp4,Train,b\n\n9,sub/../3.mp4,val,a\n"
    clips = list_csv(write_table(tmp_path, rows))
    assert folds_of(clips) == {"1.mp4": -1, "2.mp4": -1, "3.mp4": 0}
    assert [clip.label for clip in clips] == ["a", "b", "a"]


def test_a_csv_with_folds_and_paths_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    touch(tmp_path, "v/1.mp4", "v/2.mp4")
    path = tmp_path / "lists" / "clips.csv"
    path.write_text(f'path,label,fold\n../v/1.mp4,"a, or b",0\n{tmp_path}/v/2.mp4,c,12\n')
    clips = list_csv(path)
    assert folds_of(clips) == {"../v/1.mp4": 0, "../v/2.mp4": 12}
    assert clips[0].label == "a, or b"


HEAD = "path,label,fold\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'path'"),
        ("1.mp4,a,train\n", "no column 'path'"),
        ("path,class,fold\n1.mp4,a,0\n", r"no column 'label'; its header should be path,label,split or"),
        ("path,label\n1.mp4,a\n", "neither a column 'split' nor 'fold'"),
        ("path,label,fold,split\n1.mp4,a,0,train\n", "both columns 'split' and 'fold'"),
        (HEAD, "lists no clips"),
        (HEAD + "1.mp4,a,0\n2.mp4, ,1\n", "line 3: column 'label' is ''; every clip needs a label"),
        (HEAD + ",a,0\n", "line 2: column 'path' is ''"),
        (HEAD + "1.mp4,a\n", "line 2: column 'fold' is ''"),
        (HEAD + "1.mp4,a,-1\n", "line 2: fold is '-1'; it should be a whole number from 0"),
        (HEAD + "1.mp4,a,1.0\n", "line 2: fold is '1.0'"),
        (HEAD + "1.mp4,a,²\n", "line 2: fold is '²'"),
        ("path,label,split\n1.mp4,a,training\n", "line 2: split is 'training'; it should be train, test, val or"),
        ("path,label,split\n1.mp4,a,val\n2.mp4,a,test\n", "both 'test' and 'val'"),
        ("path,label,split\n1.mp4,a,train\n2.mp4,b,train\n", "has no test clips"),
        ("path,label,split\n1.mp4,a,test\n2.mp4,b,test\n", "no training clips: all have fold 0"),
        (HEAD + "1.mp4,a,0\n2.mp4,a,1\n", "only one class, 'a'"),
        (
            HEAD + "1.mp4,a,0\n./1.mp4,a,0\n",
            "line 3: 1.mp4 is listed twice, first in line 2; each clip should have one row",
        ),
        (
            HEAD + "1.mp4,a,0\n2.mp4,b,0\n./1.mp4,a,1\n",
            r"line 4: 1\.mp4 is in fold 1, and in fold 0 by line 2; a clip should be in one of them",
        ),
        (
            "path,label,split\n1.mp4,a,train\n1.mp4,a,test\n",
            r"line 3: 1\.mp4 is in fold 0, and in the training split by line 2",
        ),
        (HEAD + "1.mp4,a,0,b\n", "line 2: 'b' is beyond the last column; a value that holds a comma should be quoted"),
        (HEAD + "1.mp4,a,0\n8.mp4,b,0\n9.mp4,b,0\n", r"2 of 3 videos are missing: 8\.mp4, 9\.mp4; paths should lead"),
    ],
)
def test_csvs_that_make_no_data_set(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        list_videos(write_table(tmp_path, text))
    assert "clips.csv" in str(caught.value)


def test_a_long_list_of_missing_files_is_cut(tmp_path: Path) -> None:
    rows = "".join(f"gone{i}.mp4,a,0\n" for i in range(50))
    with pytest.raises(InputError, match=r"50 of 50 .*: gone0\.mp4, gone1\.mp4, gone2\.mp4, \.\.\.;"):
        list_videos(write_table(tmp_path, HEAD + rows))


def test_a_csv_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_bytes(b"path,label,fold\n\xff\xfe,a,0\n")
    with pytest.raises(InputError, match="cannot be read as CSV in UTF-8"):
        list_videos(tmp_path / "clips.csv")


@needs_shared
@pytest.mark.parametrize(
    ("name", "clips", "classes", "folds"), [("hand-gestures", 886, 17, 5), ("tank-wagons", 496, 4, 1)]
)
def test_real_sets_are_listed(name: str, clips: int, classes: int, folds: int) -> None:
    listing = list_videos(SHARED / name / "clips.csv")
    assert len(listing) == clips
    assert len({clip.label for clip in listing}) == classes
    assert len({clip.fold for clip in listing} - {-1}) == folds
