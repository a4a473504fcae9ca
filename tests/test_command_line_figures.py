"""`tradeoff report --figure` and `--runtime` as a user meets them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

import pytest
import torch

from tradeoff import Variant, build
from tradeoff.cli.figures import FIGURES
from tradeoff.measure import layer_costs
from tradeoff.records.keys import latency_key
from tradeoff.records.store import Store
from tradeoff.weights import checkpoints
from tradeoff.weights.checkpoints import checkpoint_bytes

Tool = Callable[..., tuple[int, str, str]]
SMALL = Variant.parse("I3D", width=0.0625, classes=3)
DRAW = ("report", "--figure", "temporal-weights")


def save(path: Path, name: str = "I3D", seed: int = 0) -> str:
    torch.manual_seed(seed)
    variant = Variant.parse(name, width=0.0625, classes=3)
    path.write_bytes(checkpoint_bytes(build(variant), variant))
    return path.name


def test_from_a_checkpoint_to_a_figure(tool: Tool, tmp_path: Path) -> None:
    code, out, _ = tool(*DRAW, "--weights", save(tmp_path / "mine.pt"))
    assert code == 0
    assert "I3D (mine.pt) shows half of what the paper says" in out  # weights at random are spread everywhere
    written = sorted(path.name for path in (tmp_path / "reports/local").iterdir())
    assert written == [f"mine_temporal_weights.{kind}" for kind in ("csv", "md", "png", "svg")]
    assert (tmp_path / "reports/local/mine_temporal_weights.png").read_bytes().startswith(b"\x89PNG")
    (record,) = (tmp_path / "results/local/weights").iterdir()

    before = record.read_bytes()
    code, out, err = tool(*DRAW, "--weights", "mine.pt", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)["mine"]
    assert (document["variant"], document["outcome"]) == ("I3D", "mixed")
    assert len(document["rows"]) == 7 + 19 * 3
    assert record.read_bytes() == before


def test_what_is_on_record_needs_no_weights_no_sweep_and_no_torch(tool: Tool, tmp_path: Path) -> None:
    for seed in (0, 1):
        tool(*DRAW, "--results", "all", "--weights", save(tmp_path / f"seed{seed}.pt", seed=seed))
        (tmp_path / f"seed{seed}.pt").unlink()
    (tmp_path / "only").mkdir()
    (tmp_path / "all/weights").rename(tmp_path / "only/weights")  # as a repository keeps it: without empty folders
    script = "import sys\nfrom tradeoff.cli import main\n"
    script += f"try: main({[*DRAW, '--results', 'only', '--json']!r})\n"
    script += "except SystemExit as left: assert not left.code\nassert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, cwd=tmp_path)
    assert set(json.loads(done.stdout)) == {"seed0", "seed1"}
    code, out, _ = tool(*DRAW, "--results", "only", "--weights", "seed1.pt", "--json")
    assert (code, set(json.loads(out))) == (0, {"seed1"})


def test_with_nothing_on_record_the_kinetics_i3d_is_measured(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = checkpoints.open_weights(tmp_path / save(tmp_path / "mine.pt"))
    asked = []

    def instead(weights: str, variant: Variant | None) -> checkpoints.Weights:
        asked.append((weights, variant))
        return opened

    monkeypatch.setattr(checkpoints, "open_weights", instead)
    code, _, err = tool(*DRAW)
    assert (code, asked) == (0, [("i3d-kinetics400", None)])
    assert err == "no weights are on record in results/local: measuring i3d-kinetics400\n"
    assert (tmp_path / "reports/local/i3d-kinetics400_temporal_weights.svg").exists()


def test_bare_weights_need_a_variant(tool: Tool, tmp_path: Path) -> None:
    torch.save(build(SMALL).state_dict(), tmp_path / "bare.pt")
    code, _, err = tool(*DRAW, "--weights", "bare.pt")
    assert code == 2 and "name the variant" in err
    assert tool(*DRAW, "--weights", "bare.pt", "--variant", "I3D(classes=3, width=0.0625)")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["report", "--figure", "figure5"], "figure 'figure5' is unknown: use temporal-weights, roofline, layers, "),
        ([*DRAW, "--clip", "8x32x32"], "--clip means nothing with --figure temporal-weights: leave it out; the figure"),
        ([*DRAW, "--weights", "mine.pt", "--variant", "I3D", "--variant", "S3D"], "--variant is given 2 times"),
        (["report", "--figure", "layers"], "no layers: name a network to count, as in --variant S3D"),
        (["report", "--figure", "layers", "--variant", "I4D"], "variant 'I4D' is unknown: did you mean"),
        (["report", "--figure", "layers", "--variant", "I3D", "--clip", "16"], "clip '16' is not FRAMESxHEIGHTxWIDTH"),
        (["report", "--figure", "roofline"], "results folder results/local does not exist: run tradeoff sweep first"),
        (["report", "--clip", "8x32x32"], "--clip means nothing without --figure"),
        ([*DRAW, "--weights", "nowhere.pt"], "nowhere.pt"),
        ([*DRAW, "--weights", "i3d-kinetics4000"], "i3d-kinetics400"),
        ([*DRAW, "--weights", "flat.pt"], "no kernel is longer than 1 in time"),
        ([*DRAW, "--weights", "mine.pt", "--variant", "S3D"], "mine.pt are of I3D"),
        ([*DRAW, "--weights", "broken.pt"], "broken.pt cannot be loaded"),
        ([*DRAW, "--variant", "I3D"], "--weights"),
        ([*DRAW, "--sweep", "mine"], "--sweep means nothing with --figure"),
        ([*DRAW, "--pareto"], "--pareto means nothing with --figure"),
        (["report", "--weights", "mine.pt"], "--weights means nothing without --figure"),
        ([*DRAW, "--weights", "mine.pt", "--results", "/proc/results"], "/proc/results cannot be written"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(tool: Tool, tmp_path: Path, arguments: list[str], part: str) -> None:
    save(tmp_path / "mine.pt")
    save(tmp_path / "flat.pt", "I2D")
    (tmp_path / "broken.pt").write_bytes(b"no weights at all")
    code, out, err = tool(*arguments)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert part in err
    assert not (tmp_path / "results").exists()


def test_a_report_of_sweeps_says_that_weights_are_none(tool: Tool, tmp_path: Path) -> None:
    tool(*DRAW, "--weights", save(tmp_path / "mine.pt"))
    code, _, err = tool("report")
    assert code == 2 and "holds no sweep" in err


def record_latencies(root: Path, latencies: Mapping[tuple[str, str], float]) -> None:
    """A sweep called `mine`: each variant and runtime in two processes of one latency, in float32."""
    store = Store(root).prepare()
    keys = []
    for (name, runtime), latency in latencies.items():
        variant = Variant.parse(name, width=0.25)
        layout = "channels_last_3d" if runtime == "eager" else "contiguous"
        protocol = {"batch": 1, "precision": "float32", "layout": layout, "runtime": runtime, "threads": 2}
        for replicate in range(2):
            key = latency_key(variant.fields(), "8x32x32", protocol, {"device": "cpu X"}, "digest", replicate)
            measured = {"median_ms": latency, "low_ms": latency, "high_ms": latency}
            store.write(key, measured, about={"variant": variant.fields(), "clip": "8x32x32"}, made={})
            keys.append(key.digest)
    store.write_sweep("mine", {"latency": keys})


def test_deployments_from_records_to_files(tool: Tool, tmp_path: Path) -> None:
    times = {("I2D", "eager"): 4.0, ("I2D", "openvino"): 2.0, ("I3D", "eager"): 9.0, ("I3D", "openvino"): 6.0}
    record_latencies(tmp_path / "results/local", times)
    code, out, _ = tool("report", "--pareto")
    assert code == 0
    written = sorted(path.name for path in (tmp_path / "reports/local").iterdir())
    assert written == [f"mine_deployments.{kind}" for kind in ("csv", "md", "png", "svg")]
    assert "mine has no accuracy: the frontier over the fastest deployments cannot be drawn; " in out
    assert "for one runtime by itself add --runtime NAME, of eager, openvino\n" in out
    text = (tmp_path / "reports/local/mine_deployments.md").read_text()
    assert "| I2D | openvino | float32 | contiguous | 2.00 [2.00, 2.00] | – | 2.00 | – |" in text  # noqa: RUF001

    code, out, _ = tool("report", "--runtime", "openvino", "--json")
    document = json.loads(out)["mine"]
    assert [(row["variant"], row["latency_ms"]) for row in document["rows"]] == [("I2D", 2.0), ("I3D", 6.0)]
    assert [Path(path).name for path in document["paths"]] == ["mine_openvino.md", "mine_openvino.csv"]


def test_of_several_sweeps_those_that_have_the_runtime_are_reported(tool: Tool, tmp_path: Path) -> None:
    record_latencies(tmp_path / "results/local", {("I2D", "eager"): 4.0, ("I2D", "openvino"): 2.0})
    Store(tmp_path / "results/local").write_sweep("other", {"latency": []})
    code, out, _ = tool("report", "--runtime", "openvino", "--json")
    assert (code, list(json.loads(out))) == (0, ["mine"])


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (
            ["--runtime", "tensorrt"],
            "'tensorrt' was not timed in results folder results/local: use eager, best",
        ),
        (["--runtime", "tensorrt", "--sweep", "mine"], "was not timed in sweep mine: use eager, best"),
        (["--figure", "roofline", "--runtime", "tensorrt"], "'tensorrt' was not timed in results folder results/local"),
        (
            ["--figure", "roofline", "--runtime", "best"],
            "--runtime best is for tables: name one for a figure, of eager",
        ),
        (["--figure", "temporal-weights", "--runtime", "eager"], "--runtime means nothing with --figure"),
    ],
)
def test_a_runtime_that_is_not_there(tool: Tool, tmp_path: Path, arguments: list[str], part: str) -> None:
    record_latencies(tmp_path / "results/local", {("I2D", "eager"): 4.0})
    code, out, err = tool("report", *arguments)
    assert (code, out) == (2, "")
    assert part in err
    assert not (tmp_path / "reports").exists()


def test_the_paper_beside_a_folder_that_has_nothing_yet(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "results/local").mkdir(parents=True)
    code, out, _ = tool("report", "--paper")
    assert code == 0
    assert "Table 6: action detection" in out and "of which 8 come out the same" in out
    assert {path.name for path in (tmp_path / "reports/local").iterdir()} >= {
        "paper.md",
        "paper_table5.csv",
        "paper_figure4.svg",
    }
    code, out, err = tool("report", "--paper", "--json")
    assert (code, err) == (0, "")
    counted = [row for row in json.loads(out)["paper"]["table2"]["rows"] if row["ours_on"] == "counted (table2)"]
    assert [(row["ours"], row["published"]) for row in counted][:1] == [(pytest.approx(12.063296), 12.06)]
    assert tool("report", "--paper", "--results", "absent")[0] == 2
    assert tool("report", "--paper", "--sweep", "any")[0] == 2


LAYERS = ("report", "--figure", "layers", "--clip", "8x32x32")


def test_layers_are_counted_once_and_then_drawn_from_records(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = tool(*LAYERS, "--variant", "I3D(width=0.25)", "--variant", "S3D(width=0.25)", "--pdf")
    assert (code, err) == (0, "")
    written = {path.name for path in (tmp_path / "reports/local").iterdir()}
    stem = "i3d-x0.25_s3d-x0.25_layers_8x32x32"
    assert written == {f"{stem}.{kind}" for kind in ("png", "svg", "pdf", "md", "csv")}
    assert "Mixed_5c" in out and f"{stem}.svg" in out
    records = {path: path.read_bytes() for path in (tmp_path / "results/local/layers").iterdir()}
    assert len(records) == 2
    monkeypatch.setattr(layer_costs, "record_layers", None)  # what is on record is not counted again
    code, out, _ = tool(*LAYERS, "--json")
    ((name, document),) = json.loads(out).items()
    assert sorted(name.removesuffix("_layers_8x32x32").split("_")) == ["i3d-x0.25", "s3d-x0.25"]
    assert sum(row["macs"] for row in document["rows"] if row["network"] == "I3D x0.25") > 0
    assert {path: path.read_bytes() for path in (tmp_path / "results/local/layers").iterdir()} == records
    code, _, err = tool("report", "--figure", "layers")
    assert code == 2 and "no layers on clips of 64x224x224, but on 8x32x32 (--clip): name a network" in err


def test_a_figure_that_has_no_data_says_what_to_run(tool: Tool, tmp_path: Path) -> None:
    record_latencies(tmp_path / "results/local", {("I2D", "eager"): 4.0})
    for figure, part in {
        "roofline": "none of the latencies in results folder results/local has a roofline",
        "training": "results folder results/local has no training: run a sweep whose file has train",
        "clip-length": "was measured at several lengths under one protocol (its clips have 8 frames): run sweeps",
    }.items():
        code, out, err = tool("report", "--figure", figure)
        assert (code, out) == (2, "") and part in err and len(err.strip().splitlines()) == 1
    assert not (tmp_path / "reports").exists()


def test_every_figure_of_the_table_can_be_drawn_by_its_module() -> None:
    for figure in FIGURES.values():
        assert callable(import_module(figure.module).draw)
        assert set(figure.options) <= {"--sweep", "--runtime", "--weights", "--variant", "--clip"}
