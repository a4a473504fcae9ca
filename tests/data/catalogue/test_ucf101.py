from collections import Counter
from pathlib import Path

import pytest
from small_trees import UCF101, touch, write_texts

from tradeoff.data.catalogue import CATALOGUE, Locator
from tradeoff.errors import InputError

ENTRY = CATALOGUE["ucf101"]


@pytest.mark.parametrize(("split", "train", "test"), [(1, 9_537, 3_783), (2, 9_586, 3_734), (3, 9_624, 3_696)])
def test_the_true_splits(shared: Path, split: int, train: int, test: int) -> None:
    """The counts are the authors', and those of wc."""
    listing = ENTRY.listing(shared, shared / "annotations" / "ucf101", split)
    assert Counter(item.split for item in listing.items) == {"train": train, "test": test}
    assert train + test == 13_320
    assert len(listing.classes) == 101
    assert (listing.classes[0], listing.classes[100]) == ("ApplyEyeMakeup", "YoYo")
    assert {item.label for item in listing.items} == set(range(101))


def test_rows_become_items(tmp_path: Path) -> None:
    listing = ENTRY.listing(write_texts(tmp_path, UCF101))
    assert listing.classes == ("Archery", "YoYo")
    first, last = listing.items[0], listing.items[-1]
    assert (first.id, first.label, first.fold) == ("Archery/v_Archery_g03_c01.avi", 0, -1)
    assert (last.id, last.label, last.fold) == ("YoYo/v_YoYo_g02_c01.avi", 1, 0)
    touch(tmp_path, "Archery/v_Archery_g03_c01.avi", "UCF-101/YoYo/v_YoYo_g02_c01.mp4")
    locator = Locator(tmp_path, ENTRY.frames)
    assert locator.find(first) == tmp_path / "Archery/v_Archery_g03_c01.avi"
    assert locator.find(last) == tmp_path / "UCF-101/YoYo/v_YoYo_g02_c01.mp4"


def test_the_archive_as_it_unpacks(tmp_path: Path) -> None:
    listing = ENTRY.listing(tmp_path, write_texts(tmp_path / "lists" / "ucfTrainTestlist", UCF101).parent)
    assert len(listing.items) == 12


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"classInd.txt": "1 Archery\n3 YoYo\n"}, ["classInd.txt line 2", "'3 YoYo'", "2, a space"]),
        ({"classInd.txt": "1 Archery\n2\n"}, ["classInd.txt line 2", "'2'"]),
        ({"trainlist01.txt": "v_Archery_g03_c01.avi 1\n"}, ["trainlist01.txt line 1", "CLASS/VIDEO"]),
        ({"trainlist01.txt": "Archery/../a.avi 1\n"}, ["trainlist01.txt line 1", "CLASS/VIDEO"]),
        ({"trainlist01.txt": "Archery/a.avi 1 2\n"}, ["trainlist01.txt line 1", "CLASS/VIDEO"]),
        ({"trainlist01.txt": "Archery/a.avi 2\n"}, ["trainlist01.txt line 1", "'2'", "classInd.txt", "1"]),
        (
            {"trainlist01.txt": "Bowling/a.avi 3\n"},
            ["trainlist01.txt line 1", "'Bowling'", "2 classes", "classInd.txt"],
        ),
        ({"trainlist01.txt": "YoYo/a.avi 2\n\nYoYo/a.avi 2\n"}, ["trainlist01.txt line 3", "twice", "line 1"]),
        (
            {"testlist01.txt": "YoYo/v_YoYo_g03_c01.avi\n"},
            ["testlist01.txt line 1", "'YoYo/v_YoYo_g03_c01.avi'", "test split", "train by", "trainlist01.txt line 5"],
        ),
    ],
)
def test_lists_that_are_wrong(tmp_path: Path, change: dict[str, str], parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        ENTRY.listing(write_texts(tmp_path, UCF101 | change))
    for part in parts:
        assert part in str(caught.value)


def test_each_list_is_needed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"found none of trainlist02\.txt, ucfTrainTestlist/trainlist02\.txt .* in "):
        ENTRY.listing(write_texts(tmp_path, UCF101), split=2)
    with pytest.raises(InputError, match=r"split 4 of ucf101 does not exist; its official splits are 1, 2, 3"):
        ENTRY.listing(tmp_path, split=4)
