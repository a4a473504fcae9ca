from collections import Counter
from pathlib import Path

import pytest
from small_trees import touch, write_texts

from tradeoff.data.catalogue import CATALOGUE, Locator
from tradeoff.errors import InputError

ENTRY = CATALOGUE["mini-kinetics200"]
HEAD = "label,youtube_id,time_start,time_end,split,is_cc\n"
LISTS = {"train_ytid_list.txt": "-0123456789\nabcdefghijk\n", "val_ytid_list.txt": "ABCDEFGHIJK\n"}
KINETICS = {
    "kinetics-400_train.csv": HEAD
    + "shot put,-0123456789,7,17,train,0\nyoga,notlistedno,1,11,train,0\nzumba,abcdefghijk,100,110,train,1\n",
    "kinetics-400_val.csv": HEAD + "zumba,ABCDEFGHIJK,3,13,val,0\n",
}


def test_the_true_tables(shared: Path) -> None:
    """As counted in the files: 80,000 and 5,000 rows; 25 validation clips of each of 200 classes."""
    listing = ENTRY.listing(shared, shared / "annotations" / "mini-kinetics-200")
    assert Counter(item.split for item in listing.items) == {"train": 80_000, "val": 5_000}
    assert len(listing.classes) == 200
    assert set(Counter(item.label for item in listing.items if item.split == "val").values()) == {25}


def test_the_true_id_lists_are_the_tables(shared: Path, tmp_path: Path) -> None:
    """The authors' ids, joined with the rows as if these were Kinetics' own, give the same clips and labels."""
    folder = shared / "annotations" / "mini-kinetics-200"
    for name in ("train_ytid_list.txt", "val_ytid_list.txt"):
        (tmp_path / name).symlink_to(folder / name)
    (tmp_path / "kinetics-400_train.csv.gz").symlink_to(folder / "train_k200.csv.gz")
    (tmp_path / "kinetics-400_val.csv").symlink_to(folder / "val_k200.csv")
    tables, lists = ENTRY.listing(shared, folder), ENTRY.listing(tmp_path)
    assert lists.classes == tables.classes
    assert set(lists.items) == set(tables.items)


def test_ids_take_labels_and_times_from_kinetics(tmp_path: Path) -> None:
    listing = ENTRY.listing(write_texts(tmp_path, LISTS | KINETICS))
    assert listing.classes == ("shot put", "zumba")
    assert [(item.id, item.label, item.split) for item in listing.items] == [
        ("-0123456789_000007_000017", 0, "train"),
        ("abcdefghijk_000100_000110", 1, "train"),
        ("ABCDEFGHIJK_000003_000013", 1, "val"),
    ]


def test_ids_without_a_table_take_labels_from_the_tree(tmp_path: Path) -> None:
    write_texts(tmp_path / "annotations", LISTS)
    touch(tmp_path, "train/shot_put/-0123456789_000007_000017.mp4", "train/yoga/notlistedno_000001_000011.mp4")
    touch(tmp_path, "val/zumba/ABCDEFGHIJK_000003_000013.mp4")
    listing = ENTRY.listing(tmp_path)
    assert listing.classes == ("shot put", "zumba")
    assert [(item.id, item.label, item.start) for item in listing.items] == [
        ("-0123456789", 0, 7.0),
        ("abcdefghijk", None, None),
        ("ABCDEFGHIJK", 1, 3.0),
    ]
    locator = Locator(tmp_path, ENTRY.frames)
    assert [locator.find(item) is not None for item in listing.items] == [True, False, True]


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"train_ytid_list.txt": "-0123456789\nno id\n"}, ["train_ytid_list.txt line 2", "'no id'", "11"]),
        ({"train_ytid_list.txt": "-0123456789\n-0123456789\n"}, ["line 2", "twice", "line 1"]),
        ({"train_ytid_list.txt": "unknown_id_\n"}, ["line 1", "'unknown_id_'", "kinetics-400_train.csv"]),
        ({"val_ytid_list.txt": "abcdefghijk\n"}, ["val_ytid_list.txt line 1", "val list", "line 4", "train"]),
    ],
)
def test_lists_that_are_wrong(tmp_path: Path, change: dict[str, str], parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        ENTRY.listing(write_texts(tmp_path, LISTS | KINETICS | change))
    for part in parts:
        assert part in str(caught.value)


def test_an_id_in_both_lists_over_a_tree(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"val_ytid_list\.txt line 1: id 'abcdefghijk' is in the val split"):
        ENTRY.listing(write_texts(tmp_path, LISTS | {"val_ytid_list.txt": "abcdefghijk\n"}))
