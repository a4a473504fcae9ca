from pathlib import Path

import pytest
from small_trees import touch, write_texts

from tradeoff.data.catalogue import CATALOGUE, Locator, entry_of
from tradeoff.errors import InputError

PUBLIC = [name for name in CATALOGUE if name != "folder"]


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'ucf100' is not in the catalogue; use one of kinetics400, .* folder$"):
        entry_of("ucf100")


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_root_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"gone of .* does not exist; give the folder that holds its videos"):
        CATALOGUE[name].listing(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file of .* is no folder"):
        CATALOGUE[name].listing(tmp_path / "file")


@pytest.mark.parametrize("name", PUBLIC)
def test_annotations_that_are_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"^annotations of {name}: found n.* in {tmp_path} or {tmp_path}/annotations"):
        CATALOGUE[name].listing(tmp_path)
    with pytest.raises(InputError, match=f"annotations {tmp_path}/gone of {name} does not exist"):
        CATALOGUE[name].listing(tmp_path, tmp_path / "gone")


@pytest.mark.parametrize("name", [name for name in CATALOGUE if CATALOGUE[name].splits == (1,)])
def test_one_split_is_all_there_is(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"split 2 of {name} does not exist; its official splits are 1"):
        CATALOGUE[name].listing(tmp_path, split=2)


def test_class_folders_and_a_csv(tmp_path: Path) -> None:
    entry = CATALOGUE["folder"]
    touch(tmp_path, *(f"{label}/{i}.mp4" for label in ("up", "down") for i in range(5)))
    folds = entry.listing(tmp_path)
    assert folds.classes == ("down", "up")
    assert [(item.split, item.fold) for item in folds.items[:5]] == [(f"fold {k}", k) for k in range(5)]
    table = "path,label,split\nup/0.mp4,up,train\nup/1.mp4,up,val\ndown/0.mp4,down,train\ndown/1.mp4,down,val\n"
    path = write_texts(tmp_path, {"clips.csv": table}) / "clips.csv"
    split = entry.listing(path)
    assert [(item.id, item.split) for item in split.items[:2]] == [("up/0.mp4", "train"), ("up/1.mp4", "test")]
    assert all(Locator(path, entry.frames).find(item) == tmp_path / item.id for item in split.items)


def test_the_same_name_with_two_suffixes(tmp_path: Path) -> None:
    touch(tmp_path, *(f"up/{i}{end}" for i in range(5) for end in (".mkv", ".mp4")), *(f"b/{i}.mp4" for i in range(5)))
    locator = Locator(tmp_path, frames=False)
    found = [locator.find(item) for item in CATALOGUE["folder"].listing(tmp_path).items]
    assert len(set(found)) == 15
