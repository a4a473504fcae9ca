"""Trained networks on the command line: list, inspect, convert, derive, classify, and what can be typed wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from random_networks import randomised

from tradeoff import Variant, build
from tradeoff.weights.checkpoints import checkpoint_bytes

Tool = Callable[..., tuple[int, str, str]]
SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "data" / "samples"


@pytest.fixture
def i3d(tmp_path: Path) -> str:
    """A small I3D of three classes that have names."""
    variant = Variant.parse("I3D", width=0.125, classes=3)
    path = tmp_path / "i3d.pt"
    path.write_bytes(checkpoint_bytes(randomised(build(variant)), variant, ("run", "jump", "sit")))
    return str(path)


def test_list_names_the_public_weights(tool: Tool) -> None:
    code, out, _ = tool("weights", "list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["s3d-kinetics400"]["published"].startswith("68.368 / 88.05, 128x224x224, 1 clip")
    assert rows["i3d-kinetics400"]["published"] is None
    assert tool("weights", "list")[1].count("kinetics400") >= 12


def test_inspect_says_what_a_file_is(tool: Tool, i3d: str) -> None:
    facts = json.loads(tool("weights", "inspect", i3d, "--json")[1])
    assert facts["fields"] == {"family": "inception", "classes": 3, "width": 0.125}
    assert (facts["layout"], facts["labels"]) == ("tradeoff", ["run", "jump", "sit"])
    assert "run, jump, sit" in tool("weights", "inspect", i3d)[1]


def test_convert_writes_a_public_layout_that_reads_back(tool: Tool, tmp_path: Path) -> None:
    variant = Variant.parse("S3D(stem_padding=symmetric, pool_padding=symmetric)")
    path = tmp_path / "s3d.pt"
    path.write_bytes(checkpoint_bytes(randomised(build(variant)), variant))
    assert tool("weights", "convert", str(path), "kylemin.pt", "--to", "kylemin-s3d")[0] == 0
    assert "base.0.conv_s.weight" in torch.load("kylemin.pt", weights_only=True)
    before, after = (json.loads(tool("weights", "inspect", file, "--json")[1]) for file in (str(path), "kylemin.pt"))
    assert after["layout"] == "kylemin-s3d"
    assert before["digest"] == after["digest"]


def test_derive_tells_the_distance_and_writes_the_network(tool: Tool, i3d: str, video_folder: Path) -> None:
    video = str(video_folder / "brighter" / "0.mkv")
    arguments = ("weights", "derive", i3d, "S3D", "--video", video, "--clip", "16x48x48", "--out", "s3d.pt")
    found = json.loads(tool(*arguments, "--json")[1])
    assert found["variant"] == "S3D"
    assert 0 < found["distances"]["mixed_5c"] < 1.5
    assert set(found["kept"]) == {"1a", "2c", "3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c"}
    assert json.loads(tool("weights", "inspect", "s3d.pt", "--json")[1])["variant"] == "S3D"
    code, _, err = tool(*arguments)
    assert code == 2 and "s3d.pt is there already" in err
    assert "kernel kept" in tool(*arguments, "--force")[1]


def test_classify_prints_the_best_classes(tool: Tool, i3d: str, video_folder: Path) -> None:
    video = str(video_folder / "brighter" / "0.mkv")
    code, out, _ = tool("classify", video, "--weights", i3d, "--variant", "I3D", "--clip", "8x32x32", "--json")
    best = json.loads(out)["best"]
    assert code == 0
    assert {row["class"] for row in best} == {"run", "jump", "sit"}
    assert sum(row["probability"] for row in best) == pytest.approx(1, abs=1e-5)
    assert best == sorted(best, key=lambda row: -row["probability"])
    shown = tool("classify", video, "--weights", i3d, "--clip", "8x32x32", "--top", "2")[1]
    assert "8x32x32, middle frames, centre crop, 1 view, float32" in shown


@pytest.mark.parametrize(
    ("file", "label", "least"),
    [
        ("flipping_a_pancake.mkv", "flipping pancake", 0.99),
        ("mmaction2_demo.mp4", "arm wrestling", 0.99),
        ("v_CricketShot_g04_c01_rgb.gif", "playing cricket", 0.98),
        ("mmaction2_test.avi", "filling eyebrows", 0.2),
    ],
)
def test_the_kinetics_i3d_names_the_right_action(tool: Tool, file: str, label: str, least: float) -> None:
    if not SAMPLES.is_dir():
        pytest.skip(f"{SAMPLES} is not here: the sample videos are not part of the product")
    code, out, err = tool("classify", str(SAMPLES / file), "--variant", "I3D", "--weights", "i3d-kinetics400", "--json")
    if code == 2 and "cannot be fetched" in err:
        pytest.skip(err)
    best = json.loads(out)["best"]
    assert len(best) == 5
    assert best[0]["class"] == label
    assert best[0]["probability"] > least


def test_the_labels_are_those_of_the_released_network() -> None:
    if not SAMPLES.is_dir():
        pytest.skip(f"{SAMPLES} is not here: the sample videos are not part of the product")
    from torchvision.models.video import S3D_Weights

    released = (SAMPLES / "kinetics400_label_map_i3d.txt").read_text().splitlines()
    assert list(S3D_Weights.KINETICS400_V1.meta["categories"]) == released


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("weights", "inspect", "nowhere.pt"), "there is no such file"),
        (("weights", "inspect", "i3d-kinetics40"), "did you mean i3d-kinetics400"),
        (("weights", "fetch", "swin"), "tradeoff weights list has the names"),
        (("weights", "fetch", "{i3d}"), "only known names are fetched"),
        (("weights", "convert", "{i3d}", "out.pt", "--to", "caffe"), "use one of tradeoff, torchvision-s3d"),
        (("weights", "convert", "{i3d}", "out.pt", "--to", "pytorch-i3d"), "holds I3D at width 1"),
        (("weights", "derive", "{i3d}", "I4D"), "did you mean"),
        (("weights", "derive", "{i3d}", "S3D", "--video", "{i3d}"), "cannot be decoded"),
        (("weights", "derive", "{i3d}", "r3d_18"), "are of I3D"),
        (("classify", "{i3d}", "--weights", "{i3d}"), "cannot be decoded"),
        (("classify", "{i3d}", "--weights", "{i3d}", "--variant", "S3D"), "derive it"),
        (("classify", "{i3d}", "--weights", "{i3d}", "--variant", "I3D(norm_eps=0.01)"), "norm_eps=0.001"),
        (("classify", "{i3d}", "--weights", "{i3d}", "--sampling", "all"), "use middle or even"),
        (("classify", "{i3d}", "--weights", "{i3d}", "--variant", "I3D(classes=4)", "--derive"), "leave classes out"),
        (("weights", "convert", "{i3d}", ".", "--force"), "is a folder"),
        (("weights", "convert", "{i3d}", "a" * 300), "cannot be written"),
        (("train", "I3D", "--weights", "{i3d}", "--width", "1"), "width=1.0 would be another network"),
        (("train", "I3D", "--derive"), "derive is given without weights"),
        (("train", "I3D", "--width", "0"), "width"),
    ],
)
def test_bad_input_is_one_sentence(tool: Tool, i3d: str, arguments: tuple[str, ...], part: str) -> None:
    code, out, err = tool(*(argument.format(i3d=i3d) for argument in arguments))
    assert code == 2
    assert out == ""
    assert part in err
    assert err.count("\n") == 1
    assert not Path("out.pt").exists()


def test_a_sweep_trains_what_it_derives_and_says_how_far_it_began(tool: Tool, i3d: str, tmp_path: Path) -> None:
    sweep = tmp_path / "from_i3d.yaml"
    sweep.write_text(
        "variants: [I2D, {units: '3333333333[3s]'}]\n"
        f"width: 0.125\nclip: 8x32x32\nweights: {i3d}\nderive: true\n"
        "data: {synthetic: motion, train: 32, test: 32}\n"
        "train: {epochs: 1, precision: float32}\nlatency: none\n"
    )
    code, _, err = tool("sweep", str(sweep))
    assert code == 0, err
    assert err.count("from the source's features") == 3
    trainings = [json.loads(path.read_text()) for path in Path("results/local/training").glob("*.json")]
    starts = {record["about"]["name"]: record["measured"]["start"]["distances"] for record in trainings}
    assert starts["I3D"]["mixed_5c"] == 0
    assert 0 < starts["Inception-3333333333s"]["mixed_5c"] < starts["I2D"]["mixed_5c"]
    assert "logits" not in starts["I2D"]  # sixteen classes instead of three
    sweep.write_text(sweep.read_text().replace("derive: true\n", ""))
    code, _, err = tool("sweep", str(sweep))
    assert code == 2 and "derive it" in err
    sweep.write_text(sweep.read_text().replace("train: {epochs: 1, precision: float32}", "train: none\nderive: true"))
    code, _, err = tool("sweep", str(sweep))
    assert code == 2 and "tell 3 classes apart and the data set has 16" in err


def test_weights_are_not_graded_on_other_classes(tool: Tool, tmp_path: Path) -> None:
    """As many classes as the data has, and not the same ones."""
    variant = Variant.parse("I2D", width=0.0625, classes=16)
    labels = tuple(f"label {number}" for number in range(16))
    (tmp_path / "w.pt").write_bytes(checkpoint_bytes(build(variant), variant, labels))
    code, _, err = tool("evaluate", "w.pt", "--clip", "8x32x32")
    assert code == 2
    assert "were trained to tell 'label 0'" in err
