"""The trainings of a sweep: what they leave, what is shown of them, and those that go wrong."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from tradeoff.records.keys import cost_key
from tradeoff.sweep import progress
from tradeoff.sweep.plan import Measurement
from tradeoff.training.fit import Progress
from tradeoff.variants import Variant

Tool = Callable[..., tuple[int, str, str]]
NETS = """
import torch
from torch import nn

class Tiny(nn.Module):
    def __init__(self, num_classes, breaks_at=0):
        super().__init__()
        self.conv, self.logits, self.breaks_at, self.calls = nn.Conv3d(3, 4, 3), nn.Linear(4, num_classes), breaks_at, 0

    def forward(self, clips):
        self.calls += 1
        logits = self.logits(self.conv(clips).relu().mean(dim=(2, 3, 4)))
        return logits * float("inf") if self.calls == self.breaks_at else logits

class Odd(Tiny):
    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.scale = nn.Parameter(torch.ones(num_classes))
        self.scaled = nn.BatchNorm1d(num_classes)

    def forward(self, clips):
        return self.scaled(super().forward(clips)) * self.scale

def failing(num_classes):
    raise KeyError("of their own")
"""


@pytest.fixture
def nets(tmp_path: Path) -> None:
    (tmp_path / "trained_nets.py").write_text(NETS)


def write(tmp_path: Path, values: dict[str, Any]) -> str:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(values | {"latency": "none"}))
    return str(tmp_path / "mine.yaml")


def test_a_training_leaves_its_epochs_and_its_curves(tool: Tool, tmp_path: Path, tiny: dict[str, Any]) -> None:
    recipe = tiny["train"] | {"epochs": 2}
    code, _, err = tool("sweep", write(tmp_path, tiny | {"variants": ["I2D"], "train": recipe}))
    assert code == 0
    assert "I2D seed 0 training: loss " in err
    (path,) = (tmp_path / "results/local/training").glob("*.json")
    record = json.loads(path.read_text())
    epochs = record["measured"]["epochs"]
    with (tmp_path / f"results/local/logs/{path.stem}.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["step"]) for row in rows] == [("1", "2"), ("2", "4")]
    for row, epoch in zip(rows, epochs, strict=True):
        assert float(row["loss"]) == epoch["loss"]
        assert float(row["accuracy"]) == pytest.approx(epoch["accuracy"], rel=1e-5)
        assert float(row["rate"]) == pytest.approx(epoch["rate"], rel=1e-5)
        assert 0 <= epoch["wait"] <= 1
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    (run,) = [each for each in (tmp_path / "results/local/logs").iterdir() if each.is_dir()]
    assert run.name == f"I2D_seed0_fold0_{path.stem[:8]}"
    found = accumulator.EventAccumulator(str(run)).Reload()
    assert [each.step for each in found.Scalars("training/loss")] == [1, 2, 3, 4]


def test_a_training_that_diverges_is_noted_with_its_step_and_stops_no_other(
    tool: Tool, tmp_path: Path, tiny: dict[str, Any], nets: None
) -> None:
    recipe = tiny["train"] | {"epochs": 3}
    variants = ["trained_nets:Tiny(breaks_at=4)", "I2D"]
    code, out, err = tool("sweep", write(tmp_path, tiny | {"variants": variants, "train": recipe}), "--json")
    document = json.loads(out)
    assert code == 1
    (failure,) = document["failures"]
    assert failure["measurement"] == "trained_nets:Tiny(breaks_at=4) seed 0 training"
    assert "nan at step 2 of epoch 2: a lower rate may help" in failure["reason"]
    attempt = json.loads(Path(failure["attempt"]).read_text())
    assert Path(failure["attempt"]).parent == Path("results/local/attempts")
    assert (attempt["kind"], attempt["reason"]) == ("training", failure["reason"])
    assert "DivergedError" in attempt["log"]
    assert document["skipped"] == ["trained_nets:Tiny(breaks_at=4) seed 0 accuracy"]
    assert document["measured"] == 4  # two costs, I2D's training and accuracy
    assert "FAILED" in err
    assert list((tmp_path / "results/local/checkpoints").glob("*.resume.pt")) == []


def test_a_probe_of_a_network_that_has_no_linear_last_layer_is_refused_before_anything_is_measured(
    tool: Tool, tmp_path: Path, tiny: dict[str, Any], nets: None
) -> None:
    recipe = {"recipe": "linear-probe", "steps": 2, "statistics_clips": 16}
    values = tiny | {"variants": ["I2D", "trained_nets:Odd"], "train": recipe}
    code, out, err = tool("sweep", write(tmp_path, values))
    assert (code, out, len(err.strip().splitlines())) == (2, "", 1)
    for part in ("trained_nets:Odd", "train.trainable", "'head'", "BatchNorm1d", "16 outputs", "trainable: all"):
        assert part in err
    assert not (tmp_path / "results").exists()


def test_probes_of_several_families(tool: Tool, tmp_path: Path, tiny: dict[str, Any], nets: None) -> None:
    recipe = {"recipe": "linear-probe", "steps": 3, "statistics_clips": 16, "precision": "float32"}
    variants = ["I2D", "trained_nets:Tiny", "trained_nets:failing"]
    code, out, _ = tool("sweep", write(tmp_path, tiny | {"variants": variants, "train": recipe}), "--json")
    document = json.loads(out)
    assert code == 1
    assert {each["measurement"].partition(" ")[0] for each in document["failures"]} == {"trained_nets:failing"}
    assert document["measured"] == 6
    assert {row["recipe"].partition(",")[0] for row in document["rows"] if row["recipe"]} == {"last layer only"}


def test_steps_that_cut_an_epoch_short_are_on_record(tool: Tool, tmp_path: Path, tiny: dict[str, Any]) -> None:
    recipe = {"steps": 3, "batch": 16, "rate": 0.01, "precision": "float32"}  # two steps an epoch
    file = write(tmp_path, tiny | {"variants": ["I2D"], "train": recipe})
    code, out, _ = tool("sweep", file, "--dry-run", "--json")
    assert (code, json.loads(out)["training_steps"]) == (0, 3)
    assert tool("sweep", file)[0] == 0
    (path,) = (tmp_path / "results/local/training").glob("*.json")
    record = json.loads(path.read_text())
    epochs = record["measured"]["epochs"]
    assert [(each["epoch"], each["step"], each["steps"]) for each in epochs] == [(1, 2, 2), (2, 1, 1)]
    assert record["depends_on"]["recipe"]["steps"] == 3
    assert record["about"]["recipe"].startswith("3 steps, batch 16")


def shown(monkeypatch: pytest.MonkeyPatch, **change: Any) -> tuple[str, float]:
    """The line for a step, by default for step 15 of 20 where an epoch has 10; and how far the bar is then."""
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    values: dict[str, Any] = {
        "epoch": 2, "epochs": 2, "step": 5, "steps": 10, "done": 15, "total": 20, "loss": 1.25, "accuracy": 0.625,
        "step_loss": 1.0, "step_accuracy": 0.5, "rate": 0.1, "clips_per_second": 131.6, "wait": 0.05,
    }  # fmt: skip
    heard = io.StringIO()
    measured = Measurement(cost_key({}, "8x32x32", "none"), Variant.parse("I2D"))
    with progress.Reporter(Console(file=heard)) as reporter:
        stage = reporter.begin(measured)
        stage.epoch(Progress(**values | change))
        return heard.getvalue().strip(), stage.share


def test_what_is_shown_of_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    line, share = shown(monkeypatch)
    assert line.endswith("epoch 2/2, loss 1.250, accuracy 62%, 132 clips/s")
    assert share == 0.75
    line, _ = shown(monkeypatch, wait=0.31)
    assert line.endswith("accuracy 62%, 132 clips/s, 31% of the time waiting for data")
    _, share = shown(monkeypatch, step=2, steps=6, done=12, total=16)  # a last epoch of six steps
    assert share == 0.75
