import tarfile
from collections import Counter
from pathlib import Path

import pytest
from small_trees import touch, write_texts

from tradeoff.data.catalogue import CATALOGUE, Locator
from tradeoff.errors import InputError

ENTRY = CATALOGUE["hmdb51"]
SPLITS = {
    "wave_test_split1.txt": "a_wave_0.avi 1 \nb#(1)_wave_1.avi 2 \nc_wave_2.avi 0 \n",
    "brush_hair_test_split1.txt": "a_brush_hair_0.avi 2 \n",
    "wave_test_split2.txt": "a_wave_0.avi 2 \n",
}


@pytest.mark.parametrize("split", [1, 2, 3])
def test_the_true_splits(shared: Path, split: int) -> None:
    """The authors' counts: 70 training and 30 test clips of each of 51 classes; 1,666 of 6,766 are not used."""
    listing = ENTRY.listing(shared, shared / "annotations" / "hmdb51", split)
    assert Counter(item.split for item in listing.items) == {"train": 3_570, "test": 1_530}
    assert len(listing.classes) == 51
    assert (listing.classes[0], listing.classes[-1]) == ("brush_hair", "wave")
    assert set(Counter((item.label, item.split) for item in listing.items).values()) == {70, 30}


def test_an_unpacked_archive_reads_the_same(shared: Path, tmp_path: Path) -> None:
    folder = shared / "annotations" / "hmdb51"
    with tarfile.open(folder / "test_train_splits.tar.gz") as tar:
        tar.extractall(tmp_path, filter="data")
    packed, unpacked = ENTRY.listing(shared, folder), ENTRY.listing(tmp_path)
    assert (packed.classes, packed.items) == (unpacked.classes, unpacked.items)
    assert unpacked.files == (tmp_path / "hmdb51_splits",)


def test_the_codes_of_a_split(tmp_path: Path) -> None:
    listing = ENTRY.listing(write_texts(tmp_path, SPLITS))
    assert listing.classes == ("brush_hair", "wave")
    assert [(item.id, item.label, item.split) for item in listing.items] == [
        ("brush_hair/a_brush_hair_0.avi", 0, "test"),
        ("wave/a_wave_0.avi", 1, "train"),
        ("wave/b#(1)_wave_1.avi", 1, "test"),
    ]
    touch(tmp_path, "wave/b#(1)_wave_1.avi", "hmdb51_org/brush_hair/a_brush_hair_0.mp4")
    locator = Locator(tmp_path, ENTRY.frames)
    assert [locator.find(item) is not None for item in listing.items] == [True, False, True]
    assert [item.split for item in ENTRY.listing(tmp_path, split=2).items] == ["test"]


@pytest.mark.parametrize("line", ["a_wave_0.avi 3", "a_wave_0.avi", "a_wave_0.avi 1 2", "../a_wave_0.avi 1"])
def test_lines_that_do_not_parse(tmp_path: Path, line: str) -> None:
    write_texts(tmp_path, {"wave_test_split1.txt": f"b_wave_0.avi 1\n{line}\n"})
    with pytest.raises(InputError, match=r"wave_test_split1\.txt line 2: .*does not parse; .* 0, 1 or 2") as caught:
        ENTRY.listing(tmp_path)
    assert repr(line) in str(caught.value)


def test_a_video_that_is_trained_on_and_tested(tmp_path: Path) -> None:
    write_texts(tmp_path, {"wave_test_split1.txt": "b_wave_0.avi 1\nb_wave_0.avi 2\n"})
    with pytest.raises(
        InputError, match=r"line 2: id 'wave/b_wave_0\.avi' is in the test split, and in train by .*line 1"
    ):
        ENTRY.listing(tmp_path)


def test_no_split_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no CLASS_test_split1\.txt in .*nor in test_train_splits\.tar\.gz"):
        ENTRY.listing(tmp_path)
    (tmp_path / "test_train_splits.tar.gz").write_bytes(b"no tar")
    with pytest.raises(InputError, match=r"test_train_splits\.tar\.gz cannot be read"):
        ENTRY.listing(tmp_path)
