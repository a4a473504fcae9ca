"""Sweeps whose clips are drawn from whole videos: keys, mistakes, and the whole way on the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from grey_videos import slopes, write_set, write_video

from tradeoff import load_results
from tradeoff.errors import InputError
from tradeoff.sweep.file import make_sweep, read_sweep
from tradeoff.sweep.plan import Plan, make_plan
from tradeoff.training.evaluate import VIEW

Tool = Callable[..., tuple[int, str, str]]
SMALL: dict[str, Any] = {
    "variants": ["I2D"],
    "width": 0.0625,
    "clip": "8x32x32",
    "train": {"epochs": 2, "batch": 4, "rate": 0.01, "precision": "float32"},
    "latency": "none",
}
RESIZE = [36, 48]
SIX = {"resize": RESIZE, "clips": 2, "crops": 3}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return write_set(tmp_path / "videos", trained=8, tested=5)


def plan(place: Path, data: dict[str, Any] | None = None, **change: Any) -> Plan:
    values = {"name": "mine", **SMALL, "data": {"videos": str(place), **(data or {})}, **change}
    return make_plan(make_sweep(values, "test"), torch.device("cpu"))


def keys(chosen: Plan) -> tuple[str, str]:
    """Of the training and of the accuracy."""
    found = chosen.keys()
    return found["training"][0], found["accuracy"][0]


# --- keys ---


def test_what_each_knob_changes(place: Path) -> None:
    packed = {"pack": {"short_side": 36}}
    stored = keys(plan(place))
    tested = keys(plan(place, views=SIX))
    assert (tested[0] == stored[0], tested[1] == stored[1]) == (True, False)  # views alone leave trainings alone
    assert keys(plan(place, packed, views=SIX))[0] == stored[0]  # stored clips are trained on, whatever is packed
    distinct = [
        plan(place, views=SIX),
        plan(place, views=SIX | {"clips": 3}),
        plan(place, views=SIX | {"crops": 1}),
        plan(place, views=SIX | {"resize": [40, 48]}),
        plan(place, views=SIX | {"rate": 5.0}),
        plan(place, packed, views=SIX),
        plan(place, {"pack": {"short_side": 40}}, views=SIX),
        plan(place, {"pack": {"short_side": 36, "format": "jpeg"}}, views=SIX),
        plan(place, {"decoder": "torchcodec"}, views=SIX),
    ]
    assert {keys(each)[0] for each in distinct} == {stored[0]}
    assert len({keys(each)[1] for each in distinct} | {stored[1]}) == 1 + len(distinct)


def test_sampling_changes_trainings_and_what_is_tested_of_them(place: Path) -> None:
    drawn = [
        plan(place),
        plan(place, sampling={}),
        plan(place, sampling={"resize": RESIZE}),
        plan(place, sampling={"resize": 36}),
        plan(place, sampling={"stride": 2}),
        plan(place, sampling={"rate": 5.0}),
        plan(place, sampling="spread"),
        plan(place, {"pack": {}}, sampling={}),
        plan(place, {"decoder": "torchcodec"}, sampling={}),
    ]
    found = [keys(each) for each in drawn]
    assert len({training for training, _ in found}) == len({accuracy for _, accuracy in found}) == len(drawn)
    # How they are tested is part of no training.
    views = [plan(place, sampling={}), plan(place, sampling={}, views=SIX), plan(place, sampling={}, views="spread")]
    assert len({keys(each)[0] for each in views}) == 1
    assert len({keys(each)[1] for each in views}) == 3


def test_what_is_said_in_two_ways_is_one(place: Path) -> None:
    assert keys(plan(place, sampling="segments", clip="8x64x64")) == keys(
        plan(place, sampling={"frames": "segments", "resize": 256}, clip="8x64x64")
    )
    assert keys(plan(place, sampling={"stride": 2})) == keys(plan(place, sampling={"stride": 2}, views={"stride": 2}))
    assert keys(plan(place, sampling={})) == keys(plan(place, {"decoder": "pyav"}, sampling={"frames": "consecutive"}))
    assert keys(plan(place, {"pack": {}}, sampling={})) == keys(
        plan(place, {"pack": {"short_side": 256, "format": "uint8"}}, sampling={})
    )


def test_stored_clips_have_the_view_that_they_always_had(place: Path) -> None:
    chosen = plan(place)
    assert chosen.view == VIEW == {"crop": "centre", "views": 1, "precision": "float32"}
    assert set(chosen.recipe) <= {*SMALL["train"], "flips"}
    accuracy = next(each.key for each in chosen.measurements if each.key.kind == "accuracy")
    assert chosen.description is not None
    assert accuracy.depends_on["data"] == chosen.description.digest


# --- mistakes ---


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sampling": "papr"}, "sampling is 'papr': should be one of paper, segments, spread, or keys of its own"),
        ({"sampling": 3}, "sampling is 3: should be one of paper"),
        ({"views": ["paper"]}, "views is ['paper']: should be one of paper, dense"),
        ({"sampling": {"strde": 2}}, "key 'sampling.strde' is unknown: use 'stride'"),
        ({"views": {"clip": 2}}, "key 'views.clip' is unknown: use 'clips'"),
        ({"sampling": {"resize": 20}}, "sampling.resize is 20: should be greater than or equal to 32"),
        ({"sampling": {"resize": "big"}}, "sampling.resize is 'big': should be a side in pixels, as in 256, or"),
        (
            {"sampling": {"resize": [32]}},
            r"sampling.resize is [32]: should be a side in pixels, as in 256, or [height, w",
        ),
        ({"sampling": {"resize": [256, "x"]}}, "sampling.resize.1 is 'x'"),
        ({"sampling": {"resize": [40, 33]}, "clip": "8x40x40"}, "sampling.resize is [40, 33]: clips of 8x40x40 need"),
        ({"views": {"resize": 32}, "clip": "8x64x64"}, "views.resize is 32: clips of 8x64x64 need sides of 64 and 64"),
        ({"views": {"crops": 2}}, "views.crops is 2: should be 1 or 3"),
        ({"views": {"frames": "all", "clips": 2}}, "views: clips is 2; with frames: all there is one"),
        ({"sampling": {"frames": "all"}}, "sampling.frames is 'all'"),
        ({"data": {"synthetic": "motion"}, "sampling": {}}, "sampling is given without videos"),
        ({"data": {"synthetic": "motion"}, "views": "spread"}, "views is given without videos"),
        ({"data": {"videos": "videos/clips.csv", "decoder": "torchcodec"}}, "data.decoder is for clips drawn from who"),
        ({"data": {"videos": "videos/clips.csv", "pack": {}}}, "data.pack is for clips drawn from whole videos"),
        ({"data": {"videos": "videos/clips.csv", "decoder": "cv2"}}, "data.decoder is 'cv2': should be 'pyav' or 'tor"),
        ({"data": {"videos": "v", "pack": {"short_sid": 36}}}, "key 'data.pack.short_sid' is unknown: use 'short_s"),
        ({"data": {"videos": "v", "pack": {"short_side": 3}}}, "data.pack.short_side is 3: should be greater"),
        ({"data": {"videos": "v", "pack": {"format": "png"}}}, "data.pack.format is 'png': should be 'uint8' or 'j"),
        ({"data": {"videos": "v", "pack": True}}, "data.pack is True: should be keys and values"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    tool: Tool, tmp_path: Path, place: Path, change: dict[str, Any], said: str
) -> None:
    code, out, err = sweep(tool, tmp_path, {"data": {"videos": str(place)}, **change})
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert "mine.yaml" in err
    assert said in err
    assert not (tmp_path / "results").exists()


def test_an_empty_sampling_is_one_at_its_defaults() -> None:
    values = SMALL | {"name": "mine", "data": {"videos": "videos"}}
    assert make_sweep(values | {"sampling": {}}, "x") == make_sweep(
        values | {"sampling": {"frames": "consecutive"}}, "x"
    )
    with pytest.raises(InputError, match=r"stride is 2; only consecutive frames have one, and frames is segments"):
        make_sweep(values | {"sampling": {"frames": "segments", "stride": 2}}, "x")


# --- the whole way ---


def sweep(tool: Tool, tmp_path: Path, values: dict[str, Any], *arguments: str) -> tuple[int, str, str]:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(SMALL | values))
    return tool("sweep", str(tmp_path / "mine.yaml"), "--threads", "1", *arguments)


def record(results: Path, kind: str) -> dict[str, Any]:
    (path,) = (results / kind).glob("*.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_from_videos_to_a_table(tool: Tool, tmp_path: Path, place: Path) -> None:
    data = {"videos": str(place), "pack": {"short_side": 36}, "flips": True}
    code, _, err = sweep(tool, tmp_path, {"data": data, "sampling": {"resize": RESIZE}, "views": SIX})
    assert (code, "unreadable" in err) == (0, False)
    results = tmp_path / "results/local"
    accuracy = record(results, "accuracy")
    with np.load(results / "accuracy" / accuracy["arrays"]) as file:
        arrays = dict(file)
    assert arrays["ids"].tolist() == [f"{i}.mkv" for i in range(8, 13)]
    assert arrays["labels"].tolist() == [0, 1, 0, 1, 0]
    assert arrays["log_probabilities"].shape == (5, 2)
    assert set(np.round(arrays["views_right"] * 6)) <= set(range(7))
    right = arrays["log_probabilities"].argmax(axis=1) == arrays["labels"]
    (row,) = load_results(results).to_dict("records")
    assert row["top1"] == pytest.approx(right.mean())
    assert row["view_top1"] == pytest.approx(arrays["views_right"].mean())
    assert (row["test_clips"], row["unreadable"]) == (5, 0)
    packed = " of frames kept as uint8, short side 36"
    assert row["view"] == (
        f"2 clips of 8 consecutive frames, 3 crops of 32x32 from 36x48{packed}, 6 views averaged, float32"
    )
    assert f"8 consecutive frames, random crop of 32x32 from 36x48{packed}, " in row["recipe"]
    assert "mirrored at random" in row["recipe"]
    assert tool("report", "--pareto", "--out", str(tmp_path / "drawn"))[0] == 0
    text = next((tmp_path / "drawn").glob("*.md")).read_text()
    assert "Top-1 % by view" in text
    assert "3 crops of 32x32 from 36x48 of frames kept as uint8, short side 36, 6 views averaged" in text
    before = sorted(results.rglob("*.json"))
    sweep(tool, tmp_path, {"data": data, "sampling": {"resize": RESIZE}, "views": SIX})
    assert sorted(results.rglob("*.json")) == before


def test_other_views_of_a_training_that_is_on_record(tool: Tool, tmp_path: Path, place: Path) -> None:
    data = {"videos": str(place)}
    for views in ({}, {"views": SIX}, {"views": {"frames": "all", "resize": RESIZE}}):
        assert sweep(tool, tmp_path, {"data": data, "sampling": {"resize": RESIZE}, **views})[0] == 0
    table = load_results(tmp_path / "results/local")
    assert len(list((tmp_path / "results/local/training").glob("*.json"))) == 1
    assert sorted(table["view"]) == [
        "2 clips of 8 consecutive frames, 3 crops of 32x32 from 36x48, 6 views averaged, float32",
        "8 consecutive frames, centre crop of 32x32 from 36x48, 1 view, float32",
        "all frames, centre crop of 32x32 from 36x48, 1 view, float32",
    ]
    assert table.set_index("view")["view_top1"].isna().tolist().count(False) == 1


def test_broken_videos_are_counted_and_named(tool: Tool, tmp_path: Path, place: Path) -> None:
    for name in ("1.mkv", "9.mkv", "12.mkv"):
        (place.parent / name).write_bytes(b"broken " + name.encode())
    data = {"videos": str(place)}
    code, _, err = sweep(tool, tmp_path, {"data": data, "sampling": {"resize": RESIZE}})
    assert code == 0
    for name in ("1.mkv", "9.mkv", "12.mkv"):
        assert err.count(f"left out {name}: ") == 1
    assert "3 of 13 videos are missing or unreadable" in err
    accuracy = record(tmp_path / "results/local", "accuracy")
    assert (accuracy["measured"]["clips"], accuracy["measured"]["unreadable"]) == (3, 2)
    assert load_results(tmp_path / "results/local")["unreadable"].tolist() == [3]  # and one that it was trained without
    assert record(tmp_path / "results/local", "training")["measured"]["unreadable"] == 1


def test_a_class_that_is_gone_stops_a_sweep_whose_file_states_no_share(tool: Tool, tmp_path: Path, place: Path) -> None:
    rows = [row.split(",") for row in place.read_text().splitlines()[1:]]
    label = rows[0][1]
    for name, own, part in rows:
        if (own, part) == (label, "train"):
            (place.parent / name).write_bytes(b"broken " + name.encode())
    code, _, err = sweep(tool, tmp_path, {"data": {"videos": str(place)}, "sampling": {"resize": RESIZE}})
    assert code == 2
    assert f"class '{label}' has no training clip when fold 0 is tested" in err


def test_folds_of_different_sizes_are_pooled_by_their_videos(tool: Tool, tmp_path: Path) -> None:
    """Seven videos in two folds, one of three (one broken) and one of four: shares of views are weighed by videos."""
    rows = ["path,label,fold"]
    for number, fold in enumerate((0, 0, 0, 1, 1, 1, 1)):
        write_video(tmp_path / "videos" / f"{number}.mkv", slopes(10, start=20 * number))
        rows.append(f"{number}.mkv,{'ab'[number % 2]},{fold}")
    (tmp_path / "videos" / "clips.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "videos" / "0.mkv").write_bytes(b"broken")
    values = {"data": {"videos": str(tmp_path / "videos/clips.csv")}, "sampling": {"resize": RESIZE}, "folds": "all"}
    train = SMALL["train"] | {"batch": 2, "epochs": 1}
    assert sweep(tool, tmp_path, values | {"train": train, "views": {"resize": RESIZE, "clips": 3}})[0] == 0
    results = tmp_path / "results/local"
    shares = []
    for path in (results / "accuracy").glob("*.npz"):
        with np.load(path) as arrays:
            shares += arrays["views_right"].tolist()
    (row,) = load_results(results).to_dict("records")
    assert len(shares) == row["test_clips"] == 6
    assert row["view_top1"] == pytest.approx(np.mean(shares))
    assert row["unreadable"] == 1


KILLED = """
import os, signal
from tradeoff.sweep.measuring import Measurer
from tradeoff.sweep.progress import Stage
Measurer.save_every = 0.0
heard = Stage.epoch
def epoch(self, training):
    heard(self, training)
    if (training.epoch, training.step) == (2, 2):
        os.kill(os.getpid(), signal.SIGKILL)
Stage.epoch = epoch
from tradeoff.cli import main; main()
"""
# Killed while videos are packed: the second file is half written.
KILLED_PACKING = """
import os, signal
from tradeoff.data import packed
coded, seen = packed._coded, []
def dying(frame, format):
    seen.append(1)
    if len(seen) == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    return coded(frame, format)
packed._coded = dying
from tradeoff.cli import main; main()
"""
UNDISTURBED = "from tradeoff.cli import main; main()"


def run(script: str, tmp_path: Path, name: str) -> tuple[int, str]:
    """The sweep in a process of its own, with results and a cache by that name."""
    process = subprocess.run(
        [sys.executable, "-c", script, "sweep", "mine.yaml", "--threads", "1", "--results", name],
        env=os.environ | {"TRADEOFF_CACHE": str(tmp_path / f"{name}-cache")},
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=False,
    )
    return process.returncode, process.stderr


def test_killed_while_packing_and_while_training_it_ends_as_an_undisturbed_one(tmp_path: Path, place: Path) -> None:
    values = {"data": {"videos": str(place), "pack": {"short_side": 36}, "flips": True}, "views": SIX}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(SMALL | values | {"sampling": {"resize": RESIZE}}))
    assert run(KILLED_PACKING, tmp_path, "killed")[0] == -signal.SIGKILL
    assert run(KILLED, tmp_path, "killed")[0] == -signal.SIGKILL
    code, err = run(UNDISTURBED, tmp_path, "killed")
    assert code == 0, err
    assert "I2D seed 0 training: goes on from" in err
    assert run(UNDISTURBED, tmp_path, "whole")[0] == 0
    trainings, accuracies = (
        [record(tmp_path / name, kind)["measured"] for name in ("killed", "whole")] for kind in ("training", "accuracy")
    )
    assert trainings[0]["state"] == trainings[1]["state"]
    assert [each["loss"] for each in trainings[0]["epochs"]] == [each["loss"] for each in trainings[1]["epochs"]]
    assert accuracies[0] == accuracies[1]
    one, other = (
        {path.name: path.read_bytes() for path in (tmp_path / f"{name}-cache").glob("*-packed/*.frames")}
        for name in ("killed", "whole")
    )
    assert one == other
    assert len(one) == 13


def test_ctrl_c_ends_the_process_at_once_whatever_is_to_be_decoded(tmp_path: Path, place: Path) -> None:
    """A hundred videos wait to be decoded, a second each: none of them is after the press."""
    script = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from tradeoff.data import readers, streams
from tradeoff.sweep.progress import Stage
from tradeoff.training import streams as training
pressed, late = [], []
crop = training.VideoBatches._crop
def slow(self, *arguments):
    if pressed:
        late.append(1)
        time.sleep(1)
    return crop(self, *arguments)
training.VideoBatches._crop = slow
def epoch(self, progress):
    pressed.append(1)
    signal.raise_signal(signal.SIGINT)
Stage.epoch = epoch
from tradeoff.cli import main
try:
    main()
finally:
    print(len(late))
"""
    values = SMALL | {"data": {"videos": str(place)}, "sampling": {"resize": RESIZE}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(values))
    process = subprocess.run(
        [sys.executable, "-c", script, "sweep", "mine.yaml"], cwd=tmp_path, text=True, capture_output=True, check=False
    )
    assert process.returncode not in (0, 1, 2)
    assert int(process.stdout.splitlines()[-1]) <= 2 * (os.cpu_count() or 1)


# --- tradeoff data pack ---


@pytest.mark.parametrize("from_file", [True, False])
def test_data_pack_makes_what_the_sweep_takes(tool: Tool, tmp_path: Path, place: Path, from_file: bool) -> None:
    pack = {"short_side": 36, "format": "jpeg"}
    values = SMALL | {"data": {"videos": str(place), "pack": pack}, "sampling": {"resize": RESIZE}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(values))
    words = ["mine.yaml"] if from_file else [str(place), "--short-side", "36", "--format", "jpeg"]
    code, out, err = tool("data", "pack", *words, "--cache", "kept", "--json")
    found = json.loads(out)
    assert (code, err) == (0, "13 clips packed\n")
    assert (found["videos"], found["unreadable"], found["damaged"]) == (13, [], [])
    folder = tmp_path / found["folder"]
    assert found["bytes"] == sum(path.stat().st_size for path in folder.iterdir())
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(before) == 13
    assert tool("sweep", "mine.yaml", "--threads", "1", "--cache", "kept")[0] == 0
    assert [path.name for path in (tmp_path / "kept").iterdir() if path.is_dir()] == [folder.name]
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert read_sweep(tmp_path / "mine.yaml").data is not None


def test_data_pack_finds_damage_and_says_what_is_unreadable(tool: Tool, tmp_path: Path, place: Path) -> None:
    (place.parent / "3.mkv").write_bytes(b"")
    code, out, _ = tool("data", "pack", str(place), "--cache", "kept", "--verify")
    assert code == 0
    assert "left out 3.mkv: the file is empty" in out
    assert "videos 12, bytes " in out
    assert "unreadable 1, 0 damaged" in out
    damaged = sorted((tmp_path / "kept").glob("*-packed/*.frames"))[4]
    content = bytearray(damaged.read_bytes())
    content[1000] ^= 4
    damaged.write_bytes(content)
    assert tool("data", "pack", str(place), "--cache", "kept")[0] == 0  # not looked at
    code, out, _ = tool("data", "pack", str(place), "--cache", "kept", "--verify")
    assert code == 1
    assert f"damaged kept/{damaged.parent.name}/{damaged.name}: delete it and pack again" in out
    code, out, _ = tool("data", "pack", str(place), "--cache", "kept", "--verify", "--json")
    assert (code, [Path(path).name for path in json.loads(out)["damaged"]]) == (1, [damaged.name])
    damaged.unlink()
    assert tool("data", "pack", str(place), "--cache", "kept", "--verify")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere"),
        (["motion"], "data 'motion' is generated: give a folder"),
        (["{place}", "--short-side", "3"], "data.pack.short_side is 3"),
        (["{place}", "--format", "png"], "data.pack.format is 'png': should be 'uint8' or 'jpeg'"),
        (["stored.yaml"], "stored.yaml: data has no pack; add one"),
        (["packed.yaml", "--short-side", "36"], "packed.yaml says how its data is packed: leave --short-side out"),
        (["nowhere.yaml"], "nowhere.yaml cannot be read"),
        (["{place}", "--cache", "file"], "cache folder file"),
    ],
)
def test_data_pack_s_mistakes(tool: Tool, tmp_path: Path, place: Path, arguments: list[str], said: str) -> None:
    for name, pack in (("stored", {}), ("packed", {"pack": {}})):
        data = {"videos": str(place)} | pack
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(SMALL | {"data": data} | ({"views": {}} if pack else {})))
    (tmp_path / "file").write_text("")
    code, _, err = tool("data", "pack", *(each.format(place=place) for each in arguments))
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert said in err
