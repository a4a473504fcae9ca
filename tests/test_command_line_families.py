"""Networks of other families through the command line: torchvision's, and the user's own from a file of theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tradeoff.sweep import clips, measuring
from tradeoff.training.evaluate import log_probabilities
from tradeoff.training.fit import fit

Tool = Callable[..., tuple[int, str, str]]
NETS = """
from torch import nn

class Tiny(nn.Module):
    def __init__(self, num_classes, width=4):
        super().__init__()
        self.conv, self.logits = nn.Conv3d(3, width, 3), nn.Linear(width, num_classes)

    def forward(self, clips):
        return self.logits(self.conv(clips).relu().mean(dim=(2, 3, 4)))

def failing(num_classes):
    raise KeyError("of their own")
"""
TIMED = ("--processes", "1", "--seconds", "0.01", "--json")


def write(path: Path, values: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump(values))
    return str(path)


def test_three_families_from_one_file_to_one_figure(tool: Tool, tmp_path: Path, tiny: dict[str, Any]) -> None:
    (tmp_path / "sweeping_nets.py").write_text(NETS)
    variants = ["I3D", "r3d_18", "sweeping_nets:Tiny(width=8)"]
    file = write(tmp_path / "families.yaml", tiny | {"variants": variants, "keep": "none"})  # width is I3D's alone
    code, out, err = tool("sweep", file, "--json")
    document = json.loads(out)
    assert (code, document["failures"]) == (0, []), err
    assert document["measured"] == 3 * 4
    rows = pd.DataFrame(document["rows"])
    assert rows.variant.tolist() == variants
    assert rows.units.tolist() == ["3" * 11, "", ""]
    assert rows.width.fillna(0).tolist() == [0.0625, 0, 0]
    assert rows[["top1", "macs", "params", "latency_ms"]].notna().all(axis=None)
    assert rows.params.tolist()[2] == 3 * 27 * 8 + 8 + 8 * 16 + 16  # of the width in its name
    assert rows.published.isna().all()  # nobody measured it with 16 classes

    code, out, _ = tool("sweep", file, "--json")
    assert (code, json.loads(out)["measured"]) == (0, 0)

    code, out, _ = tool("report", "--pareto")
    assert code == 0
    assert "sweeping_nets:Tiny(" in out
    text = (tmp_path / "reports/local/families.md").read_text()
    assert "| sweeping_nets:Tiny(width=8) | – |" in text  # noqa: RUF001
    assert (tmp_path / "reports/local/families_pareto.svg").exists()


def test_what_is_published_stands_beside_what_is_measured(tool: Tool, tmp_path: Path) -> None:
    file = write(tmp_path / "peers.yaml", {"variants": ["I3D", "r3d_18", "swin3d_t"], "latency": "none"})
    code, out, _ = tool("sweep", file)
    assert code == 0
    assert "63.2 / 83.479" in out and "Published for swin3d_t: 32x224x224, 12 clips a video" in out
    code, out, _ = tool("report", "--json")
    rows = {row["variant"]: row for row in json.loads(out)["peers"]["rows"]}
    assert rows["I3D"]["published"] is None
    assert rows["swin3d_t"]["published"].startswith("77.715 / 93.519, 32x224x224")
    assert {row["top1"] for row in rows.values()} == {None}
    assert "Published K400 top-1 / top-5" in (tmp_path / "reports/local/peers.md").read_text()
    back = pd.read_csv(tmp_path / "reports/local/peers.csv")
    assert back.published.notna().tolist() == [False, True, True]
    assert back.filter(like="on_frontier").to_numpy().sum() == 0


def test_each_network_is_given_pixels_in_its_own_scaling(
    tool: Tool, tmp_path: Path, tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def trained(network: Any, batches: Any, *arguments: Any, **options: Any) -> Any:
        asked.append(("fit", batches.pixels))
        return fit(network, batches, *arguments, **options)

    def tested(*arguments: Any, pixels: Any, **options: Any) -> Any:
        asked.append(("log_probabilities", pixels))
        return log_probabilities(*arguments, pixels=pixels, **options)

    monkeypatch.setattr(measuring, "fit", trained)
    monkeypatch.setattr(clips, "log_probabilities", tested)
    (tmp_path / "scaled_nets.py").write_text(NETS)
    names = ["I2D", "I2D(pixels=imagenet)", "scaled_nets:Tiny"]
    code, _, _ = tool("sweep", write(tmp_path / "mine.yaml", tiny | {"variants": names, "latency": "none"}))
    assert code == 0
    scalings = ("unit", "imagenet", "unit")
    assert asked == [(stage, pixels) for pixels in scalings for stage in ("fit", "log_probabilities")]


def test_latency_of_other_families(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "timing_nets.py").write_text(NETS)
    for name in ("mc3_18", "timing_nets:Tiny(width=2)"):
        code, out, err = tool("latency", name, "--clip", "8x32x32", *TIMED)
        assert code == 0, err
        (row,) = json.loads(out)
        assert (row["variant"], row["units"]) == (name, "")
        assert 0 < row["latency_low_ms"] <= row["latency_ms"] <= row["latency_high_ms"]


def test_costs_of_torchvisions_networks(tool: Tool) -> None:
    code, out, err = tool("cost", "r3d_18", "mvit_v2_s", "--clip", "16x224x224", "--json")
    assert code == 0, err
    assert [row["variant"] for row in json.loads(out)] == ["r3d_18", "mvit_v2_s"]
    assert [row["params"] for row in json.loads(out)] == [33_371_472, 34_537_744]  # as torchvision documents them


def test_training_a_network_without_a_width(tool: Tool, tmp_path: Path) -> None:
    """The command's own width is small, for the paper's family."""
    (tmp_path / "training_nets.py").write_text(NETS)
    code, out, err = tool("train", "training_nets:Tiny(width=8)", "--clip", "8x32x32", "--epochs", "1", "--json")
    assert code == 0, err
    (row,) = json.loads(out)["rows"]
    assert row["variant"] == "training_nets:Tiny(width=8)"
    assert row["top1"] is not None and row["width"] is None


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["cost", "s3d", "--clip", "8x64x64"], ["torchvision.s3d takes clips from 13x209x209 up, not 8x64x64"]),
        (["cost", "mvit_v2_s", "--clip", "8x64x64"], ["mvit_v2_s takes clips of 16x224x224", "temporal_size=8"]),
        (["latency", "mvit_v2_s", "--clip", "8x64x64", *TIMED], ["mvit_v2_s takes clips of 16x224x224"]),
        (["train", "mvit_v2_s", "--clip", "8x32x32"], ["mvit_v2_s takes clips of 16x224x224", "not 8x32x32"]),
        (["cost", "r3d_18(depth=3)"], ["'depth'", "zero_init_residual"]),
        (["cost", "r3d18"], ["did you mean r3d_18"]),
        (["latency", "missing_nets:f", *TIMED], ["'missing_nets'", "is not there"]),
        (["latency", "wrong_nets:nothing", "--clip", "8x32x32", *TIMED], ["'nothing' is not there"]),
        (["latency", "wrong_nets:Tiny(depth=3)", "--clip", "8x32x32", *TIMED], ["'depth'", "wrong_nets:Tiny"]),
    ],
)
def test_what_cannot_be_is_one_sentence_and_exit_code_2(
    tool: Tool, tmp_path: Path, arguments: list[str], parts: list[str]
) -> None:
    (tmp_path / "wrong_nets.py").write_text(NETS)
    code, out, err = tool(*arguments)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    for part in parts:
        assert part in err


def test_what_the_users_code_raises_fails_that_network_alone(tool: Tool, tmp_path: Path, tiny: dict[str, Any]) -> None:
    (tmp_path / "raising_too.py").write_text(NETS)
    values = tiny | {"variants": ["raising_too:failing", "raising_too:Tiny"], "latency": "none"}
    code, out, _ = tool("sweep", write(tmp_path / "mine.yaml", values), "--json")
    document = json.loads(out)
    assert code == 1
    assert {each["reason"] for each in document["failures"]} == {"KeyError: 'of their own'"}
    assert document["measured"] == 3  # the other network's
