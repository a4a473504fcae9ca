import gzip
from pathlib import Path

import pytest
from small_trees import touch, write_texts

from tradeoff.data.catalogue import CATALOGUE, Locator
from tradeoff.errors import InputError

ENTRY = CATALOGUE["kinetics400"]
HEAD = "label,youtube_id,time_start,time_end,split,is_cc\n"
ROWS = HEAD + '"shot put",-0123456789,7,17,train,0\nabseiling,abcdefghijk,100,110,train,1\n'


def test_the_true_validation_list(shared: Path) -> None:
    """Counted with wc and uniq: 19,906 rows of 400 labels, in the order of the released network's logits."""
    listing = ENTRY.listing(shared, shared / "annotations" / "kinetics")
    assert len(listing.items) == 19_906
    assert listing.classes == tuple((shared / "samples" / "kinetics400_label_map_i3d.txt").read_text().splitlines())
    assert {item.split for item in listing.items} == {"val"}
    first = listing.items[0]
    assert (first.id, first.label, first.start, first.end) == ("0wR5jVB-WPk_000417_000427", 0, 417.0, 427.0)
    assert [path.name for path in listing.files] == ["kinetics-400_val.csv"]


def test_rows_become_items(tmp_path: Path) -> None:
    listing = ENTRY.listing(write_texts(tmp_path, {"train.csv": ROWS}))
    assert listing.classes == ("abseiling", "shot put")
    shot, abseiling = listing.items
    assert (shot.id, shot.label, shot.split, shot.fold) == ("-0123456789_000007_000017", 1, "train", -1)
    assert (abseiling.id, abseiling.label) == ("abcdefghijk_000100_000110", 0)


@pytest.mark.parametrize(
    "place",
    [
        "train/shot put/-0123456789_000007_000017.mp4",
        "train/shot_put/-0123456789_000007_000017.mkv",
        "shot put/-0123456789_000007_000017.webm",
        "shot_put/-0123456789_000007_000017.MP4",
        "train/-0123456789_000007_000017.mp4",
    ],
)
def test_clips_are_found_in_every_usual_tree(tmp_path: Path, place: str) -> None:
    listing = ENTRY.listing(write_texts(tmp_path, {"annotations/kinetics-400_train.csv": ROWS}))
    touch(tmp_path, place, "train/shot put/-0123456789_000007_000017.txt", "val/shot put/-0123456789_000007_000017.mp4")
    locator = Locator(tmp_path, ENTRY.frames)
    assert [locator.find(item) for item in listing.items] == [tmp_path / place, None]


@pytest.mark.parametrize("name", ["validate.csv", "val.csv", "kinetics-400_val.csv", "kinetics400/validate.csv"])
def test_the_names_that_the_list_is_distributed_under(tmp_path: Path, name: str) -> None:
    listing = ENTRY.listing(write_texts(tmp_path, {name: HEAD + "zumba,-0123456789,7,17,validate,0\n"}))
    assert [(item.split, item.fold) for item in listing.items] == [("val", 0)]


def test_the_list_may_be_gzipped_and_short_of_columns(tmp_path: Path) -> None:
    text = "youtube_id,label,time_end,time_start\n-0123456789,zumba,17,7\n"
    (tmp_path / "train.csv.gz").write_bytes(gzip.compress(text.encode()))
    (item,) = ENTRY.listing(tmp_path).items
    assert (item.id, item.split) == ("-0123456789_000007_000017", "train")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["train.csv line 1", "no column 'label'", "label,youtube_id"]),
        ("label,youtube_id,time_start\n", ["no column 'time_end'"]),
        (HEAD, ["no clip is listed"]),
        (HEAD + ",-0123456789,7,17,train,0\n", ["line 2", "'label' is empty"]),
        (HEAD + "zumba,,7,17,train,0\n", ["line 2", "'youtube_id' is empty"]),
        (HEAD + "zumba,-0123456789,soon,17,train,0\n", ["line 2", "time_start is 'soon'", "seconds"]),
        (HEAD + "zumba,-0123456789,7\n", ["line 2", "time_end is ''"]),
        (HEAD + "zumba,-0123456789,nan,17,train,0\n", ["line 2", "time_start is 'nan'"]),
        (HEAD + "zumba,-0123456789,17,7,train,0\n", ["line 2", "time_end is '7'", "later", "'17'"]),
        (HEAD + "zumba,-0123456789,7,17,val,0\n", ["line 2", "split is 'val'", "train"]),
        (ROWS + "zumba,abcdefghijk,100,110,train,1\n", ["line 4", "'abcdefghijk_000100_000110'", "twice", "line 3"]),
    ],
)
def test_rows_that_are_wrong(tmp_path: Path, text: str, parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        ENTRY.listing(write_texts(tmp_path, {"train.csv": text}))
    for part in ["train.csv", *parts]:
        assert part in str(caught.value)


def test_a_clip_in_both_lists(tmp_path: Path) -> None:
    lists = {"train.csv": ROWS, "val.csv": HEAD + "abseiling,abcdefghijk,100,110,val,1\n"}
    with pytest.raises(InputError, match=r"val\.csv line 2: id .* is in the val split, and in train by .*line 3"):
        ENTRY.listing(write_texts(tmp_path, lists))


def test_the_list_of_a_larger_kinetics_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"class {n},{n:011},7,17,train,0\n" for n in range(401))
    with pytest.raises(InputError, match=r"train\.csv: 401 classes, but kinetics400 has 400"):
        ENTRY.listing(write_texts(tmp_path, {"train.csv": HEAD + rows}))
    assert len(CATALOGUE["kinetics600"].listing(tmp_path).classes) == 401


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    for name, content in (("train.csv", b"\xff\xfe"), ("train.csv", b"label\0"), ("train.csv.gz", b"no gzip")):
        (tmp_path / "train.csv").unlink(missing_ok=True)
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=r"train\.csv"):
            ENTRY.listing(tmp_path)
