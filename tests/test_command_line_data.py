"""Data sets on the command line: list, check, and a public one in a sweep."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_trees import make_jester, make_ucf101, write_texts, write_video

Tool = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ucf101(tmp_path: Path) -> Path:
    return make_ucf101(tmp_path / "ucf")


def test_list_names_the_public_data_sets(tool: Tool) -> None:
    code, out, _ = tool("data", "list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert list(rows) == [
        "kinetics400",
        "kinetics600",
        "kinetics700",
        "mini-kinetics200",
        "something-v1",
        "something-v2",
        "ucf101",
        "hmdb51",
        "jester",
        "folder",
    ]
    assert (rows["ucf101"]["classes"], rows["ucf101"]["splits"], rows["ucf101"]["flips"]) == (101, 3, True)
    assert (rows["jester"]["classes"], rows["jester"]["flips"]) == (27, False)
    assert "trainlist0N.txt" in tool("data", "list")[1]


def test_check_of_a_whole_set(tool: Tool, ucf101: Path) -> None:
    code, out, err = tool("data", "check", "ucf101", str(ucf101))
    assert code == 0
    assert "12 of 12 listed clips are readable: whole" in out
    assert "ffv1 12" in out
    assert err == "12 clips checked\n"


def test_check_of_a_set_that_is_not_whole(tool: Tool, ucf101: Path, tmp_path: Path) -> None:
    (ucf101 / "Archery" / "v_Archery_g03_c01.avi").unlink()
    (ucf101 / "YoYo" / "v_YoYo_g05_c01.avi").write_bytes(b"")
    code, out, _ = tool("data", "check", "ucf101", str(ucf101), "--missing", "ids.txt", "--workers", "2")
    assert code == 1
    assert "10 of 12 listed clips are readable: NOT whole, 1 missing, 1 unreadable" in out
    assert "missing: Archery/v_Archery_g03_c01.avi" in out
    assert "unreadable YoYo/v_YoYo_g05_c01.avi: the file is empty" in out
    ids = (tmp_path / "ids.txt").read_text().splitlines()
    assert ids == ["Archery/v_Archery_g03_c01.avi", "YoYo/v_YoYo_g05_c01.avi"]
    code, out, _ = tool("data", "check", "ucf101", str(ucf101), "--json")
    record = json.loads(out)
    assert code == 1
    assert (record["listed"], record["readable"], record["missing"]) == (12, 10, ids[:1])


def test_check_decodes_everything_where_asked(tool: Tool, tmp_path: Path) -> None:
    root = make_jester(tmp_path / "jester")
    (root / "11" / "00004.jpg").write_bytes(b"no picture")
    assert tool("data", "check", "jester", str(root))[0] == 0
    code, out, _ = tool("data", "check", "jester", str(root), "--decode")
    assert code == 1
    assert "unreadable 11: 00004.jpg is no picture" in out


def test_check_of_folders_of_frames_and_of_the_users_own(tool: Tool, tmp_path: Path, video_folder: Path) -> None:
    assert tool("data", "check", "jester", str(make_jester(tmp_path / "jester")))[0] == 0
    code, out, _ = tool("data", "check", "folder", str(video_folder), "--json")
    record = json.loads(out)
    assert code == 1
    assert (record["listed"], record["readable"]) == (21, 20)
    assert [each["id"] for each in record["unreadable"]] == ["darker/broken.mkv"]


def test_check_names_short_clips_and_copies(tool: Tool, ucf101: Path) -> None:
    shutil.copy(ucf101 / "YoYo" / "v_YoYo_g01_c01.avi", ucf101 / "YoYo" / "v_YoYo_g03_c01.avi")
    code, out, _ = tool("data", "check", "ucf101", str(ucf101))
    assert code == 0
    assert "shorter than a clip" in out.splitlines()[1] + out.splitlines()[0]
    assert "shorter than a clip of 64 frames, so that some repeat: Archery/v_Archery_g03_c01.avi, " in out
    assert (
        "2 clips share pixels with one of another split, tested on what was trained on: YoYo/v_YoYo_g03_c01.avi ="
        in out
    )
    code, out, _ = tool("data", "check", "ucf101", str(ucf101), "--no-copies", "--clip", "8x32x32", "--json")
    record = json.loads(out)
    assert (record["frames"], len(record["short"]), record["copies"]) == (8, 12, None)
    assert "copies in another split: none" in tool("data", "check", "ucf101", str(make_ucf101(Path("other"))))[1]


def test_check_of_a_csv_with_parts(tool: Tool, tmp_path: Path) -> None:
    write_video(tmp_path / "a.mkv", range(30))
    write_video(tmp_path / "b.mkv", range(100, 130))
    rows = "path,label,split,start,end\na.mkv,up,train,,1\na.mkv,up,test,1,2\nb.mkv,down,train,,\nb.mkv,down,test,4,\n"
    write_texts(tmp_path, {"clips.csv": rows})
    code, out, _ = tool("data", "check", "folder", "clips.csv")
    assert code == 1
    assert "folder in clips.csv: 3 of 4 listed clips are readable: NOT whole, 0 missing, 1 unreadable" in out
    assert "unreadable b.mkv#t=4: no frame from 4 s to its end" in out
    write_texts(tmp_path, {"clips.csv": rows.replace("4,", "4,3")})
    code, out, err = tool("data", "check", "folder", "clips.csv")
    assert (code, out) == (2, "")
    assert "clips.csv line 5: end is '3'; it should be later than start, 4" in err


def test_long_reading_shows_on_standard_error(
    tool: Tool, ucf101: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradeoff.cli.options.HashingOnStderr.seconds", 0.0)
    for video in ucf101.glob("*/*.avi"):
        os.utime(video, (10**9, 10**9))
    first = tool("data", "check", "ucf101", str(ucf101), "--cache", "cache")[2]
    assert "reading videos for their digests, once: 12 of 12\n" in first
    assert "reading" not in tool("data", "check", "ucf101", str(ucf101), "--cache", "cache")[2]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["ucf101", "ucf", "--clip", "64"], ["clip '64' is not FRAMESxHEIGHTxWIDTH"]),
        (["ucf100", "ucf"], ["'ucf100'", "ucf101"]),
        (["ucf101", "gone"], ["root gone", "does not exist"]),
        (["ucf101", "ucf", "--split", "3"], ["trainlist03.txt", "ucf/annotations"]),
        (["ucf101", "ucf", "--split", "4"], ["split 4", "1, 2, 3"]),
        (["ucf101", "ucf", "--annotations", "gone"], ["annotations gone", "does not exist"]),
        (["hmdb51", "ucf"], ["CLASS_test_split1.txt"]),
        (["ucf101", "ucf", "--missing", "gone/ids.txt"], ["gone/ids.txt cannot be written"]),
    ],
)
def test_check_refuses_bad_input(tool: Tool, ucf101: Path, arguments: list[str], parts: list[str]) -> None:
    code, out, err = tool("data", "check", *arguments)
    assert (code, out) == (2, "")
    for part in parts:
        assert part in err.splitlines()[-1]


def test_a_sweep_trains_on_an_official_split(tool: Tool, ucf101: Path, tmp_path: Path, tiny: dict[str, Any]) -> None:
    (ucf101 / "YoYo" / "v_YoYo_g05_c01.avi").unlink()
    data = {"catalogue": "ucf101", "root": "ucf", "broken": 0.1}
    path = tmp_path / "mine.yaml"
    values = tiny | {"variants": ["I2D"], "data": data, "latency": "none"}
    path.write_text(yaml.safe_dump(values | {"train": tiny["train"] | {"batch": 4}}))
    code, _, err = tool("sweep", str(path))
    assert code == 0, err
    records = [json.loads(each.read_text()) for each in (tmp_path / "results").glob("**/accuracy/*.json")]
    measured = [each["measured"] for each in records]
    assert [(each["clips"], each["unreadable"], each["short"]) for each in measured] == [(4, 1, 4)]
    path.write_text(yaml.safe_dump(values | {"data": data | {"broken": 0.05}}))
    code, _, err = tool("sweep", str(path))
    assert code == 2
    assert "1 of 12 clips are missing or unreadable, 8.3%, and 'broken' allows 5.0%" in err


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ({"catalogue": "ucf100", "root": "ucf"}, ["data.catalogue", "'ucf100'", "ucf101"]),
        ({"catalogue": "ucf101", "root": "gone"}, ["gone", "does not exist"]),
        ({"catalogue": "ucf101", "root": "ucf", "split": 2}, ["trainlist02.txt"]),
        ({"catalogue": "jester", "root": "ucf", "flips": True}, ["left and right are labels in jester"]),
    ],
)
def test_a_sweep_refuses_bad_input(
    tool: Tool, ucf101: Path, tmp_path: Path, tiny: dict[str, Any], data: dict[str, Any], parts: list[str]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(tiny | {"data": data}))
    code, out, err = tool("sweep", str(path))
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    for part in parts:
        assert part in err
