"""The command line as a user meets it: one sweep from file to figure, and everything that can be typed wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tradeoff.data.sampling import SAMPLINGS, VIEWS
from tradeoff.sweep import measuring
from tradeoff.training.fit import fit
from tradeoff.training.recipe import RECIPES

ROOT = Path(__file__).resolve().parents[1]
Tool = Callable[..., tuple[int, str, str]]


def write(path: Path, values: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump(values))
    return str(path)


def records(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_from_a_file_to_a_figure_and_again_for_nothing(tool: Tool, tmp_path: Path, tiny: dict[str, Any]) -> None:
    file = write(tmp_path / "mine.yaml", tiny | {"orders": ["normal", "reversed"]})
    code, out, err = tool("sweep", file)
    assert code == 0
    assert "I3D" in out
    assert "tradeoff report --pareto --sweep mine" in out
    assert "I3D seed 0 training" in err
    before = records(tmp_path / "results")

    code, out, err = tool("sweep", file)
    assert code == 0
    assert "measured nothing" in out
    assert records(tmp_path / "results") == before

    code, out, err = tool("sweep", file, "--json")
    document = json.loads(out)
    assert document["measured"] == 0
    assert [(row["variant"], row["order"]) for row in document["rows"]] == [
        ("I2D", "normal"),
        ("I2D", "reversed"),
        ("I3D", "normal"),
        ("I3D", "reversed"),
    ]

    code, out, err = tool("report", "--pareto", "--json")
    assert code == 0
    assert len(json.loads(out)["mine"]["rows"]) == 4
    written = {Path(path).name for path in json.loads(out)["mine"]["paths"]}
    assert {"mine_normal_pareto.png", "mine_normal_pareto.svg", "mine_normal.md", "mine_normal.csv"} <= written
    assert (tmp_path / "reports/local/mine_normal_pareto.png").read_bytes().startswith(b"\x89PNG")


def test_a_seed_more_trains_only_that_seed(tool: Tool, tmp_path: Path, tiny: dict[str, Any]) -> None:
    tool("sweep", write(tmp_path / "one.yaml", tiny))
    code, out, _ = tool("sweep", write(tmp_path / "two.yaml", tiny | {"seeds": [0, 1]}), "--json")
    assert code == 0
    # Two variants: a training and an accuracy each; costs, latencies and seed 0 were there.
    assert json.loads(out)["measured"] == 4
    assert {row["seeds"] for row in json.loads(out)["rows"]} == {2}


def test_only_some_kinds(tool: Tool, tmp_path: Path, tiny: dict[str, Any]) -> None:
    code, out, _ = tool("sweep", write(tmp_path / "mine.yaml", tiny), "--only", "cost", "--json")
    assert code == 0
    assert json.loads(out)["measured"] == 2
    assert all(row["top1"] is None and row["macs"] > 0 for row in json.loads(out)["rows"])


def test_keep_none_leaves_no_checkpoint_and_trains_again_for_another_view(
    tool: Tool, tmp_path: Path, tiny: dict[str, Any]
) -> None:
    values = tiny | {"variants": ["I2D"], "keep": "none", "latency": "none"}
    tool("sweep", write(tmp_path / "mine.yaml", values))
    assert list((tmp_path / "results/local/checkpoints").iterdir()) == []
    code, out, _ = tool("sweep", write(tmp_path / "mine.yaml", values | {"orders": ["normal", "reversed"]}), "--json")
    assert code == 0
    assert json.loads(out)["measured"] == 2  # the training again, bit for bit, and the view that was missing
    assert list((tmp_path / "results/local/checkpoints").iterdir()) == []


def test_a_failed_training_is_reported_stops_no_other_and_is_tried_again(
    tool: Tool, tmp_path: Path, tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_once(*arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(measuring, "fit", fit)
        raise KeyError("a layer")

    monkeypatch.setattr(measuring, "fit", fails_once)
    file = write(tmp_path / "mine.yaml", tiny)
    code, out, err = tool("sweep", file, "--json")
    document = json.loads(out)
    assert code == 1
    (failure,) = document["failures"]
    assert failure["measurement"] == "I2D seed 0 training"
    assert failure["reason"] == "KeyError: 'a layer'"
    assert "KeyError" in json.loads(Path(failure["attempt"]).read_text())["log"]
    assert document["skipped"] == ["I2D seed 0 accuracy"]
    assert document["measured"] == 6  # two costs, two latencies, I3D's training and accuracy
    assert "FAILED" in err
    code, out, _ = tool("sweep", file, "--json")
    assert code == 0
    assert json.loads(out)["measured"] == 2  # I2D's training and accuracy


def test_a_checkpoint_is_evaluated_as_it_is(tool: Tool, tmp_path: Path, tiny: dict[str, Any]) -> None:
    tool("sweep", write(tmp_path / "mine.yaml", tiny | {"variants": ["I3D"]}))
    checkpoint = next((tmp_path / "results/local/checkpoints").glob("*.pt"))
    values = tiny | {"variants": ["I3D"], "train": "none", "weights": str(checkpoint), "latency": "none"}
    code, out, _ = tool("sweep", write(tmp_path / "as_it_is.yaml", values), "--json")
    assert code == 0
    trained = json.loads(tool("sweep", write(tmp_path / "mine.yaml", tiny | {"variants": ["I3D"]}), "--json")[1])
    assert json.loads(out)["rows"][0]["top1"] == trained["rows"][0]["top1"]
    assert "checkpoint" in json.loads(out)["rows"][0]["recipe"]


def test_recipes_and_clips_of_whole_videos_by_name(tool: Tool, tmp_path: Path, video_folder: Path) -> None:
    (video_folder / "darker" / "broken.mkv").unlink()
    train = ("train", "I2D", "--data", "videos", "--clip", "8x32x32", "--width", "0.0625", "--json")
    drawn = ("--sampling", "segments", "--views", "centre")
    code, out, _ = tool(*train, "--recipe", "paper", "--epochs", "1", "--batch", "8", *drawn)
    assert code == 0
    (row,) = json.loads(out)["rows"]
    # The recipe's rate and schedule, the options' epochs and batch.
    assert row["recipe"].startswith("1 epoch, batch 8, SGD 0.1 momentum 0.9 steps x0.1 at 75%, 87.5%")
    assert "8 frames, one from each equal part, random crop of 32x32 from short side 256" in row["recipe"]
    assert row["view"] == "8 consecutive frames, centre crop of 32x32 from short side 256, 1 view, float32"

    (checkpoint,) = (tmp_path / "results/local/checkpoints").glob("*.pt")
    evaluate = ("evaluate", str(checkpoint), "--data", "videos", "--clip", "8x32x32", "--json")
    (again,) = json.loads(tool(*evaluate, "--views", "centre")[1])["rows"]
    assert (again["top1"], again["view"]) == (row["top1"], row["view"])
    (stored,) = json.loads(tool(*evaluate)[1])["rows"]
    assert stored["view"] == "centre crop, 1 view, float32"


def test_help_names_every_recipe_sampling_and_view_plan(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    train, evaluate = (tool(name, "--help")[1] for name in ("train", "evaluate"))
    assert all(name in train for name in (*RECIPES, *SAMPLINGS, *VIEWS))
    assert all(name in evaluate for name in VIEWS)


def test_costs_and_the_family(tool: Tool) -> None:
    code, out, _ = tool("cost", "I3D", "S3D", "--json")
    assert code == 0
    assert [(row["variant"], row["macs"]) for row in json.loads(out)] == [
        ("I3D", 111_153_143_808),
        ("S3D", 71_916_314_624),
    ]
    code, out, _ = tool("variants", "--clip", "8x32x32", "--json")
    assert code == 0
    assert {"I2D", "I3D", "S3D", "S3D-G", "Fast-S3D", "Top-Heavy-I3D-4"} <= {row["variant"] for row in json.loads(out)}


def test_cost_agrees_with_fvcore(tool: Tool) -> None:
    code, out, _ = tool("cost", "S3D-G", "--clip", "8x32x32", "--width", "0.25", "--check", "--json")
    assert code == 0
    (row,) = json.loads(out)
    assert row["fvcore_macs_g"] == row["macs_g"]
    assert "max_pool3d" in row["fvcore_unsupported"]


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"tain": {}}, ["'tain'", "'train'"]),
        ({"train": {"epohcs": 3}}, ["'train.epohcs'", "'epochs'"]),
        ({"data": {"synthetic": "motion", "tran": 3}}, ["'data.tran'", "'train'"]),
        ({"data": {"catalogue": "ucf101", "root": "x", "rot": 1}}, ["'data.rot'", "'root'"]),
        ({"latency": {"bath": 3}}, ["'latency.bath'", "'batch'"]),
        ({"variants": ["I4D"]}, ["'I4D'", "I3D"]),
        ({"variants": ["Top-Heavy-I3D-12"]}, ["cut 12", "0 to 11"]),
        ({"variants": [{"curve": "Top-Heavy-I3D", "cuts": [12]}]}, ["variants.0.cuts.0", "12", "11"]),
        ({"variants": []}, ["variants", "at least 1"]),
        ({"seeds": [-1]}, ["seeds.0", "-1", "0"]),
        ({"seeds": 3}, ["seeds", "list"]),
        ({"folds": [3]}, ["folds", "3", "0"]),
        ({"clip": "16x64"}, ["'16x64'", "16x64x64"]),
        ({"clip": "4x64x64"}, ["too small", "8x32x32"]),
        ({"width": 0}, ["width", "0.05"]),
        ({"data": {"synthetic": "sound"}}, ["data.synthetic", "'sound'", "'motion'"]),
        ({"data": {"videos": "nowhere"}}, ["nowhere"]),
        ({"train": {"precision": "fp16"}}, ["fp16", "CUDA"]),
        ({"train": "none", "weights": "nowhere.pt"}, ["nowhere.pt"]),
        ({"seeds": [0, 0]}, ["seeds", "twice"]),
        ({"folds": []}, ["folds", "at least 1"]),
        ({"train": {"epochs": True}}, ["train.epochs", "True"]),
        ({"train": {"epochs": "3"}}, ["train.epochs", "'3'"]),
        ({"width": True}, ["width", "True"]),
        ({"orders": ["backward"]}, ["orders.0", "'backward'", "'reversed'"]),
        ({"classes": 3}, ["classes", "data"]),
        ({"name": "../up"}, ["name", "'../up'"]),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    tool: Tool, tmp_path: Path, tiny: dict[str, Any], change: dict[str, Any], parts: list[str]
) -> None:
    code, out, err = tool("sweep", write(tmp_path / "mine.yaml", tiny | change))
    assert code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    for part in parts:
        assert part in err
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["sweep", "nowhere.yaml"], "nowhere.yaml cannot be read"),
        (["sweep", "."], "cannot be read"),
        (["cost", "I4D"], "did you mean"),
        (["cost", "I3D", "--clip", "big"], "16x64x64"),
        (["cost", "I3D", "--width", "nan"], "0.05"),
        (["latency", "I3D", "--precision", "int8"], "latency.precision"),
        (["latency", "I3D", "--device", "cuda"], "CUDA devices"),
        (["train", "I3D", "--device", "tpu"], "cpu, cuda or cuda:N"),
        (["train", "I3D", "--data", "nowhere"], "nowhere"),
        (["evaluate", "nowhere.pt"], "nowhere.pt"),
        (["train", "I3D", "--seed", "-1"], "seeds.0 is -1"),
        (["train", "I3D", "--rate", "-1"], "train.rate is -1"),
        (["train", "I3D", "--recipe", "papr"], "recipe is 'papr': it should be one of paper, fine-tune"),
        (["train", "I3D", "--sampling", "paper"], "sampling is given without videos"),
        (["train", "I3D", "--data", "x", "--sampling", "papr"], "sampling is 'papr': should be one of paper, segments"),
        (["train", "I3D", "--data", "x", "--views", "densest"], "views is 'densest': should be one of paper, dense"),
        (["train", "I3D", "--recipe", "paper", "--epochs", "0"], "train.epochs is 0"),
        (["latency", "I3D", "--seconds", "0"], "latency.seconds"),
        (["cost", "I3D", "--clip", "99999999x64x64"], "too large"),
        (["latency", "I3D", "--device", "cuda:²"], "cpu, cuda or cuda:N"),
        (["data", "show", "motion", "--clip", "8x32x32", "--out", "/proc/sheet"], "/proc/sheet cannot be written"),
        (["report"], "results/local"),
        (["report", "--results", "nowhere"], "nowhere"),
        (["data", "show", "nowhere"], "nowhere"),
    ],
)
def test_bad_options_are_one_sentence_and_exit_code_2(tool: Tool, arguments: list[str], part: str) -> None:
    code, _, err = tool(*arguments)
    assert code == 2
    # Clips that no test before has put into the cache are generated first.
    (line,) = (line for line in err.strip().splitlines() if not line.endswith("clips generated or decoded"))
    assert part in line


def test_a_file_that_is_not_yaml_is_refused(tool: Tool, tmp_path: Path) -> None:
    for content in ("variants: [", "- I3D\n", "", "\x00", "name: 2024-13-45", "[" * 5000, "clip: 1\nclip: 2\n"):
        (tmp_path / "mine.yaml").write_text(content)
        code, _, err = tool("sweep", "mine.yaml")
        assert code == 2
        assert "mine.yaml" in err


def test_a_results_folder_that_cannot_be_written(tool: Tool, tmp_path: Path, tiny: dict[str, Any]) -> None:
    code, _, err = tool("sweep", write(tmp_path / "mine.yaml", tiny), "--results", "/proc/results")
    assert code == 2
    assert "/proc/results cannot be written" in err


def test_a_contact_sheet_of_the_users_videos_says_what_is_broken(tool: Tool, video_folder: Path) -> None:
    code, out, _ = tool("data", "show", str(video_folder), "--clip", "8x32x32", "--json")
    facts = json.loads(out)
    assert code == 0
    assert Path(facts["path"]).read_bytes().startswith(b"\x89PNG")
    assert (facts["classes"], facts["clips"], facts["unreadable"]) == (2, 20, 1)
    assert "broken.mkv" in facts["unreadable_files"][0][0]


def test_folds_of_the_users_videos_are_pooled(
    tool: Tool, tmp_path: Path, video_folder: Path, tiny: dict[str, Any]
) -> None:
    values = tiny | {"variants": ["I2D"], "data": {"videos": "videos"}, "folds": "all", "latency": "none"}
    code, out, err = tool("sweep", write(tmp_path / "mine.yaml", values), "--json")
    assert code == 0
    (row,) = json.loads(out)["rows"]
    assert (row["folds"], row["test_clips"], row["unreadable"]) == (5, 20, 1)
    assert "broken.mkv" in err


def test_records_and_report_need_no_torch() -> None:
    script = "import sys, tradeoff.report.run\nfrom importlib import import_module\n"
    script += "from tradeoff.cli.figures import FIGURES\nfor each in FIGURES.values(): import_module(each.module)\n"
    script += "assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_help_needs_no_torch() -> None:
    script = (
        "import sys\n"
        "from tradeoff.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'numpy', 'av', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


@pytest.mark.parametrize(
    "words", [[], ["sweep"], ["report"], ["cost"], ["latency"], ["train"], ["evaluate"], ["variants"], ["data", "pack"]]
)
def test_every_command_explains_itself_with_an_example(tool: Tool, words: list[str]) -> None:
    code, out, _ = tool(*words, "--help")
    assert code == 0
    assert ("Example: tradeoff" in out) or not words
