"""What a training tells of itself as it goes: progress, the CSV of its epochs, TensorBoard's event files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from brightness import brightness
from fitting import fit_clips
from torch import Tensor, nn

from tradeoff.clip_shape import ClipShape
from tradeoff.data import Dataset
from tradeoff.training.batches import EpochBatches
from tradeoff.training.epoch_log import EpochLog
from tradeoff.training.fit import Progress, seed_everything
from tradeoff.training.recipe import Recipe
from tradeoff.training.resuming import ResumePoint
from tradeoff.training.tensorboard_log import TensorBoardLog, run_name
from tradeoff.training.watch import Watched
from tradeoff.weights.checkpoints import state_digest

pytestmark = pytest.mark.usefixtures("one_thread")
CLIP = ClipShape(8, 32, 32)
CPU = torch.device("cpu")
# Five batches an epoch; the third epoch has three.
RECIPE = Recipe(steps=13, batch=4, rate=0.05, warmup=0.0, schedule="steps", milestones=(0.5,))
HEAD = "epoch,step,loss,accuracy,rate,clips_per_second,wait"


class Stopped(Exception):
    """What ends a training from outside."""


@pytest.fixture(scope="module")
def data() -> Dataset:
    return brightness(24, trained=21)


def small() -> nn.Sequential:
    return nn.Sequential(
        nn.AvgPool3d((2, 4, 4)), nn.Conv3d(3, 8, 3), nn.BatchNorm3d(8), nn.ReLU(), nn.Dropout(0.3),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(8, 2),
    )  # fmt: skip


def train(data: Dataset, seed: int = 0, **options: Any) -> tuple[nn.Module, list[Progress]]:
    seed_everything(seed, CPU)
    network, rows = small(), data.split(0)[0]
    return network, fit_clips(network, data, rows, CLIP, RECIPE, precision="float32", seed=seed, device=CPU, **options)


def trained_plainly(data: Dataset) -> tuple[nn.Module, list[float], list[float]]:
    """The same training, written down here with nothing but what trains: weights, losses, accuracies."""
    seed_everything(0, CPU)
    network = small().to(memory_format=torch.channels_last_3d)
    optimiser = torch.optim.SGD(network.parameters(), 0.05, momentum=0.9, weight_decay=1e-4)
    batches = EpochBatches(data, data.split(0)[0], CLIP, 4, 0, CPU)
    losses, accuracies = [], []
    for clips, labels in [each for _ in range(3) for each in batches.epoch()][:13]:
        optimiser.param_groups[0]["lr"] = 0.05 if len(losses) < 6 else 0.005
        logits = network(clips)
        loss = nn.functional.cross_entropy(logits, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        accuracies.append(sum(int(row.argmax() == label) for row, label in zip(logits, labels, strict=True)) / 4)
    return network, losses, accuracies


def test_what_is_told_changes_no_weight_and_is_what_happened(data: Dataset) -> None:
    seen: list[Progress] = []
    network, history = train(data, report=seen.append)
    plain, losses, accuracies = trained_plainly(data)
    assert state_digest(network) == state_digest(plain)
    assert [each.step_loss for each in seen] == losses
    assert [each.step_accuracy for each in seen] == accuracies
    assert len(set(accuracies)) > 2
    assert [each.rate for each in seen] == pytest.approx([0.05] * 6 + [0.005] * 7)
    for each, first, last in zip(history, (0, 5, 10), (5, 10, 13), strict=True):
        assert each.loss == pytest.approx(sum(losses[first:last]) / (last - first))
        assert each.accuracy == pytest.approx(sum(accuracies[first:last]) / (last - first))


def test_steps_cut_the_last_epoch_short(data: Dataset) -> None:
    seen: list[Progress] = []
    _, history = train(data, report=seen.append)
    assert [(each.epoch, each.step, each.steps) for each in seen] == [
        *((epoch, step, 5) for epoch in (1, 2) for step in (1, 2, 3, 4, 5)),
        *((3, step, 3) for step in (1, 2, 3)),
    ]
    assert [each.done for each in seen] == list(range(1, 14))
    assert {(each.epochs, each.total) for each in seen} == {(3, 13)}
    assert [(each.epoch, each.done) for each in history] == [(1, 5), (2, 10), (3, 13)]


def test_an_epochs_record_has_what_is_of_the_epoch(data: Dataset) -> None:
    record = train(data)[1][-1].as_record()
    assert set(record) == {
        "epoch", "epochs", "step", "steps", "loss", "accuracy", "rate", "clips_per_second", "wait"
    }  # fmt: skip


def test_the_share_of_time_that_was_waited_for_data() -> None:
    now = 0.0

    def slowly() -> Iterator[tuple[Tensor, Tensor]]:
        nonlocal now
        for _ in range(2):
            now += 3.0
            yield torch.zeros(4), torch.zeros(4)

    drawn = Watched(slowly(), clock=lambda: now)
    for _ in drawn:
        now += 1.0  # the step
        pace = drawn.pace()
        assert (pace.wait, pace.clips_per_second) == (0.75, 1.0)
    assert pace.clips == 8


def rows(log: EpochLog) -> list[list[str]]:
    head, *lines = log.path.read_text().splitlines()
    assert head == HEAD
    return [line.split(",") for line in lines]


def test_the_log_has_a_line_an_epoch_each_once(data: Dataset, tmp_path: Path) -> None:
    log = EpochLog(tmp_path / "logs" / "mine.csv")
    history = train(data, report=log.step)[1]
    expected = [("1", "5", "0.05"), ("2", "10", "0.005"), ("3", "13", "0.005")]
    for _ in range(2):
        assert [(row[0], row[1], row[4]) for row in rows(log)] == expected
        assert [float(row[2]) for row in rows(log)] == [each.loss for each in history]
        assert [float(row[3]) for row in rows(log)] == pytest.approx([each.accuracy for each in history], rel=1e-5)
        assert [float(row[6]) for row in rows(log)] == pytest.approx([each.wait for each in history], abs=1e-4)
        log.step(history[-1])  # as after a kill between the log and the state
    log.step(history[0])
    assert [row[0] for row in rows(log)] == ["1"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"epoch,step,loss,clips_per_second\n1,5,0.3,9\n", b"a\nb\n"])
def test_a_file_that_is_no_such_log_is_begun_anew(data: Dataset, tmp_path: Path, content: bytes) -> None:
    log = EpochLog(tmp_path / "mine.csv")
    log.path.write_bytes(content)
    train(data, report=log.step)
    assert [row[0] for row in rows(log)] == ["1", "2", "3"]


def test_logs_that_cannot_be_written_end_no_training(data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    said: list[str] = []
    csv = EpochLog(tmp_path / "logs" / "mine.csv")
    with TensorBoardLog(tmp_path / "logs" / "mine", said.append) as board:

        def report(progress: Progress) -> None:
            csv.step(progress)
            board.step(progress)

        network, _ = train(data, report=report)
    assert state_digest(network) == state_digest(train(data)[0])
    assert len(said) == 1
    assert str(tmp_path / "logs" / "mine") in said[0]


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """As TensorBoard reads a run: each curve's points."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {tag: [(each.step, each.value) for each in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_tensorboard_has_a_point_a_step(data: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    seen: list[Progress] = []
    with TensorBoardLog(tmp_path / "run") as board:
        train(data, report=lambda progress: (board.step(progress), seen.append(progress))[0])
    fields = {
        "loss": "step_loss",
        "accuracy": "step_accuracy",
        "learning_rate": "rate",
        "clips_per_second": "clips_per_second",
        "waiting_for_data": "wait",
    }
    found = curves(tmp_path / "run")
    assert set(found) == {f"training/{name}" for name in fields}
    for name, field in fields.items():
        steps, values = zip(*found[f"training/{name}"], strict=True)
        assert list(steps) == list(range(1, 14))
        assert values == pytest.approx([getattr(each, field) for each in seen], rel=1e-6)


def test_a_training_that_goes_on_has_each_point_once(data: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    with TensorBoardLog(tmp_path / "undisturbed") as board:
        train(data, report=board.step)
    expected = curves(tmp_path / "undisturbed")
    # Stopped after so many steps, with all but the last saved or with none: some are told of up to four times.
    for last, save_every in ((4, 0.0), (6, 3600.0), (6, 0.0), (9, 3600.0)):

        def stop(progress: Progress, last: int = last) -> None:
            again.step(progress)
            if progress.done == last:
                raise Stopped

        point = ResumePoint(tmp_path / "mine.pt", "mine", save_every)
        with pytest.raises(Stopped), point as resume, TensorBoardLog(tmp_path / "run") as again:
            train(data, report=stop, resume=resume)
    with ResumePoint(tmp_path / "mine.pt", "mine", 0) as resume, TensorBoardLog(tmp_path / "run") as again:
        train(data, seed=7, report=again.step, resume=resume)
    for name in ("loss", "accuracy", "learning_rate"):
        assert curves(tmp_path / "run")[f"training/{name}"] == expected[f"training/{name}"]
    # Done anew, from the first step, by another training of the same key.
    with TensorBoardLog(tmp_path / "run") as again:
        train(data, report=again.step)
    assert curves(tmp_path / "run")["training/loss"] == expected["training/loss"]


def progress(done: int, total: int) -> Progress:
    """A step whose loss is its number, and of which the fifth, tenth and so on are right."""
    return Progress(
        epoch=1, epochs=1, step=done, steps=total, done=done, total=total, loss=0.0, accuracy=0.0, step_loss=done,
        step_accuracy=float(done % 5 == 0), rate=0.1, clips_per_second=9.0, wait=0.0,
    )  # fmt: skip


def test_a_long_training_has_at_most_a_thousand_points_each_a_mean(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    with TensorBoardLog(tmp_path / "run") as board:
        for done in range(1, 4502):
            board.step(progress(done, 4501))
    found = curves(tmp_path / "run")
    # Every fifth step: 5, 10 ... 4500, and the last one. The mean of 1 to 5 is 3, of 6 to 10 it is 8.
    assert [step for step, _ in found["training/loss"]] == [*range(5, 4501, 5), 4501]
    assert [value for _, value in found["training/loss"]] == [*range(3, 4501, 5), 4501]
    assert [value for _, value in found["training/accuracy"]] == pytest.approx([*[0.2] * 900, 0.0])


def test_without_tensorboard_nothing_is_written(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    said: list[str] = []
    with TensorBoardLog(tmp_path / "run", said.append) as board:
        train(data, report=board.step)
    assert (said, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("Top-Heavy-I3D-4", "Top-Heavy-I3D-4_seed2_fold1_0123abcd"),
        ("S3D(stem_stride=first)", "S3D(stem_stride=first)_seed2_fold1_0123abcd"),
        ("my_nets:make(path='../x')", "my_nets-make(path=-..-x-)_seed2_fold1_0123abcd"),
    ],
)
def test_a_run_is_named_so_that_people_can_read_it(variant: str, expected: str) -> None:
    assert run_name(variant, 2, 1, "0123abcd4567ef00") == expected
