import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from small_trees import JESTER, SOMETHING_V2, touch, write_texts

from tradeoff.data.catalogue import CATALOGUE, Locator
from tradeoff.errors import InputError

V1 = {
    "something-something-v1-labels.csv": "Holding something\nPutting something, then something else\n",
    "something-something-v1-train.csv": "100218;Putting something, then something else\n24413;Holding something\n",
    "something-something-v1-validation.csv": "5;Holding [something]\n",
}


def test_the_true_jester(shared: Path) -> None:
    """As counted with wc: 118,562 rows and 14,787, 27 labels in the order of their file."""
    listing = CATALOGUE["jester"].listing(shared, shared / "annotations" / "jester")
    assert Counter(item.split for item in listing.items) == {"train": 118_562, "val": 14_787}
    assert len(listing.classes) == 27
    assert (listing.classes[0], listing.classes[-1]) == ("Swiping Left", "Doing other things")
    first = next(item for item in listing.items if item.split == "val")
    assert (first.id, listing.classes[first.label or 0]) == ("9223", "Thumb Up")


def test_the_true_records_of_something_v2(shared: Path, tmp_path: Path) -> None:
    """A sample of 6,560 records in the official format, with 164 templates (sort -u), and the label map of 174."""
    folder = shared / "annotations" / "something-something"
    shutil.copy(folder / "something-something-v2-labels.json", tmp_path)
    shutil.copy(folder / "something-something-v2-train-sample.json", tmp_path / "something-something-v2-train.json")
    listing = CATALOGUE["something-v2"].listing(tmp_path)
    assert len(listing.items) == 6_560
    assert len(listing.classes) == 174
    labels = json.loads((tmp_path / "something-something-v2-labels.json").read_text())
    assert all(labels[name] == place for place, name in enumerate(listing.classes))
    assert len({item.label for item in listing.items}) == 164
    assert (listing.items[0].id, listing.classes[listing.items[0].label or 0]) == (
        "203403",
        "Moving something and something closer to each other",
    )


def test_something_v1(tmp_path: Path) -> None:
    entry = CATALOGUE["something-v1"]
    listing = entry.listing(write_texts(tmp_path, V1))
    assert listing.classes == ("Holding something", "Putting something, then something else")
    assert [(item.id, item.label, item.fold) for item in listing.items] == [
        ("100218", 1, -1),
        ("24413", 0, -1),
        ("5", 0, 0),
    ]
    touch(tmp_path, "100218/00001.jpg", "20bn-something-something-v1/5/00001.jpg", "24413.webm")
    locator = Locator(tmp_path, entry.frames)
    found = [locator.find(item) for item in listing.items]
    assert found == [tmp_path / "100218", None, tmp_path / "20bn-something-something-v1" / "5"]


def test_something_v2(tmp_path: Path) -> None:
    entry = CATALOGUE["something-v2"]
    listing = entry.listing(write_texts(tmp_path, SOMETHING_V2))
    assert listing.classes == ("Closing something", "Opening something")
    assert [(item.id, item.label, item.split) for item in listing.items] == [
        ("7", 1, "train"),
        ("8", 0, "train"),
        ("9", 0, "val"),
    ]
    touch(tmp_path, "7.webm", "20bn-something-something-v2/9.webm")
    (tmp_path / "8").mkdir()
    locator = Locator(tmp_path, entry.frames)
    found = [locator.find(item) for item in listing.items]
    assert found == [tmp_path / "7.webm", None, tmp_path / "20bn-something-something-v2" / "9.webm"]


def test_left_and_right_are_labels() -> None:
    assert [name for name, entry in CATALOGUE.items() if not entry.flips_allowed] == [
        "something-v1",
        "something-v2",
        "jester",
    ]


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (
            {"jester-v1-train.csv": "10;Swiping Left\nSwiping Right\n"},
            ["train.csv line 2", "'Swiping Right'", "number"],
        ),
        ({"jester-v1-train.csv": "x;Swiping Left\n"}, ["train.csv line 1", "'x;Swiping Left'"]),
        ({"jester-v1-train.csv": "10;\n"}, ["train.csv line 1", "'10;'"]),
        ({"jester-v1-train.csv": "10;Swiping Up\n"}, ["train.csv line 1", "'Swiping Up'", "2 classes", "labels.csv"]),
        ({"jester-v1-train.csv": "10;Swiping Left\n10;Swiping Left\n"}, ["line 2", "'10'", "twice", "line 1"]),
        (
            {"jester-v1-validation.csv": "12;Swiping Left\n"},
            ["validation.csv line 1", "'12'", "val", "train.csv line 3"],
        ),
        ({"jester-v1-labels.csv": "Swiping Left\nSwiping Left\n"}, ["labels.csv", "'Swiping Left'", "twice"]),
        ({"jester-v1-labels.csv": "\n"}, ["labels.csv", "no class"]),
    ],
)
def test_jester_lists_that_are_wrong(tmp_path: Path, change: dict[str, str], parts: list[str]) -> None:
    refused("jester", write_texts(tmp_path, JESTER | change), parts)


LABELS, TRAIN = "something-something-v2-labels.json", "something-something-v2-train.json"


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({TRAIN: "[{"}, [TRAIN, "not JSON"]),
        ({TRAIN: "{}"}, [TRAIN, "list of records"]),
        ({TRAIN: '[{"id": "7"}]'}, [TRAIN, "record 1", '{"id": "7"}', "template"]),
        ({TRAIN: '[{"id": "../7", "template": "Opening [something]"}]'}, ["record 1", "digits"]),
        ({TRAIN: '[{"id": "7", "template": "Eating [something]"}]'}, ["record 1", "'Eating something'", "2 classes"]),
        ({LABELS: "[]"}, [LABELS, "label to index"]),
        ({LABELS: '{"Opening something": "two"}'}, [LABELS, "'Opening something'", "'two'"]),
        ({LABELS: '{"Opening something": 1, "Closing something": 2}'}, [LABELS, "0 to 1"]),
    ],
)
def test_something_lists_that_are_wrong(tmp_path: Path, change: dict[str, str], parts: list[str]) -> None:
    refused("something-v2", write_texts(tmp_path, SOMETHING_V2 | change), parts)


def refused(name: str, root: Path, parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        CATALOGUE[name].listing(root)
    for part in parts:
        assert part in str(caught.value)
