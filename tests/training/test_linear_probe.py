"""The last layer trained alone: everything else stays, and what comes out is a logistic regression on the features."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brightness import brightness
from fitting import fit_clips
from torch import Tensor, nn

from tradeoff import Variant, build
from tradeoff.clip_shape import ClipShape
from tradeoff.data import Dataset
from tradeoff.errors import InputError
from tradeoff.training.batches import EpochBatches
from tradeoff.training.fit import Progress, fit, seed_everything
from tradeoff.training.recipe import Recipe
from tradeoff.training.resuming import ResumePoint
from tradeoff.weights.checkpoints import state_digest

pytestmark = pytest.mark.usefixtures("one_thread")
CLIP = ClipShape(8, 32, 32)
CPU = torch.device("cpu")
PROBE = Recipe(epochs=2, batch=4, rate=0.1, warmup=0.0, weight_decay=0.0, trainable="head", dropout=0.5)


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Twenty clips to train on: five batches of four."""
    return brightness(24, trained=20)


def small() -> nn.Sequential:
    """Statistics and dropout in the trunk, where a probe could go wrong."""
    return nn.Sequential(
        nn.AvgPool3d((2, 4, 4)), nn.Conv3d(3, 6, 3), nn.BatchNorm3d(6), nn.ReLU(), nn.AdaptiveAvgPool3d(1),
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(6, 2),
    )  # fmt: skip


def probe(network: nn.Module, data: Dataset, recipe: Recipe = PROBE, **options: Any) -> list[Progress]:
    rows = data.split(0)[0]
    return fit_clips(network, data, rows, CLIP, recipe, precision="float32", seed=0, device=CPU, **options)


def parts(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("S3D-G", {"head.logits.weight", "head.logits.bias"}),
        ("torchvision.r3d_18", {"fc.weight", "fc.bias"}),
    ],
)
def test_only_the_last_layer_changes(data: Dataset, name: str, head: set[str]) -> None:
    seed_everything(0, CPU)
    width = {"width": 0.0625} if name == "S3D-G" else {}
    network = build(Variant.parse(name, classes=2, **width))
    before = parts(network)
    probe(network, data, PROBE.model_copy(update={"epochs": 1, "batch": 10}))
    assert changed(before, parts(network)) == head


def test_after_the_first_step_statistics_stay_too(data: Dataset) -> None:
    seed_everything(0, CPU)
    network, seen = small(), []
    before = parts(network)
    recipe = PROBE.model_copy(update={"statistics_clips": 8})
    probe(network, data, recipe, report=lambda progress: seen.append(parts(network)))
    statistics = {"2.running_mean", "2.running_var", "2.num_batches_tracked"}
    head = {"7.weight", "7.bias"}
    assert changed(before, seen[0]) == statistics | head
    for earlier, later in itertools.pairwise(seen):
        assert changed(earlier, later) == head


@pytest.mark.parametrize("clips", [0, 8])
def test_dropout_is_on_and_batch_norm_is_not_in_training(data: Dataset, clips: int) -> None:
    seed_everything(0, CPU)
    network, modes = small(), []
    recipe = PROBE.model_copy(update={"statistics_clips": clips})
    probe(network, data, recipe, report=lambda progress: modes.append((network[6].training, network[2].training)))
    assert set(modes) == {(True, False)}


@pytest.mark.parametrize("clips", [0, 12])
def test_it_is_a_logistic_regression_on_features_computed_before(data: Dataset, clips: int) -> None:
    recipe = Recipe(
        epochs=3, batch=4, rate=0.5, warmup=0.0, weight_decay=0.01, trainable="head", dropout=0.0,
        schedule="steps", milestones=(0.6,), statistics_clips=clips,
    )  # fmt: skip
    seed_everything(0, CPU)
    network = small()
    network[6].p = 0.0
    weight, bias = (each.detach().double().numpy() for each in network[7].parameters())
    losses = [each.loss for each in probe(network, data, recipe)]
    trunk = network[:7].eval()
    expected, slow = [], [np.zeros_like(weight), np.zeros_like(bias)]
    batches = EpochBatches(data, data.split(0)[0], CLIP, 4, 0, CPU)
    for step, (pixels, labels) in enumerate(each for _ in range(3) for each in batches.epoch()):
        with torch.no_grad():
            features = trunk(pixels).double().numpy()
        scores = np.exp(features @ weight.T + bias)
        likely = scores / scores.sum(axis=1, keepdims=True)
        expected.append(-np.log(likely[np.arange(4), labels.numpy()]).mean())
        error = (likely - np.eye(2)[labels.numpy()]) / 4
        slow[0] = 0.9 * slow[0] + error.T @ features + 0.01 * weight
        slow[1] = 0.9 * slow[1] + error.sum(axis=0) + 0.01 * bias
        rate = 0.5 if step < 9 else 0.05
        weight, bias = weight - rate * slow[0], bias - rate * slow[1]
    assert losses == pytest.approx(np.reshape(expected, (3, 5)).mean(axis=1), rel=1e-4)
    np.testing.assert_allclose(network[7].weight.detach(), weight, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(network[7].bias.detach(), bias, rtol=1e-3, atol=1e-5)


def test_stopped_at_any_step_it_ends_with_the_same_weights(data: Dataset, tmp_path: Path) -> None:
    class Stopped(Exception): ...

    recipe = PROBE.model_copy(update={"statistics_clips": 12, "steps": 8})
    path = tmp_path / "mine.resume.pt"

    def trained(seed: int = 0, **options: Any) -> tuple[str, list[float]]:
        seed_everything(seed, CPU)
        network = small()
        history = probe(network, data, recipe, **options)
        return state_digest(network), [each.loss for each in history]

    def stop(progress: Progress) -> None:
        raise Stopped

    undisturbed = trained()
    with ResumePoint(path, "mine", 0) as resume, pytest.raises(Stopped):
        trained(report=stop, resume=resume)
    assert not path.exists()  # stopped before the first save, it starts anew, statistics and all
    for last in range(2, 9):

        def later(progress: Progress, last: int = last) -> None:
            if progress.step + 5 * (progress.epoch - 1) == last:
                raise Stopped

        with ResumePoint(path, "mine", 0) as resume, pytest.raises(Stopped):
            trained(report=later, resume=resume)
        with ResumePoint(path, "mine", 0) as resume:
            assert trained(seed=7, resume=resume) == undisturbed
            resume.discard()


class EndingIn(nn.Module):
    """A linear layer, and another one after it."""

    def __init__(self, last: nn.Module) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 2), last

    def forward(self, clips: Tensor) -> Tensor:
        return self.last(self.first(clips.mean(dim=(2, 3, 4))))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("last", "kind"),
    [(nn.BatchNorm1d(2), "BatchNorm1d"), (nn.PReLU(2), "PReLU"), (nn.Linear(2, 3), "Linear")],
)
def test_a_network_without_a_linear_last_layer_is_refused(data: Dataset, last: nn.Module, kind: str) -> None:
    with pytest.raises(InputError, match=rf"train\.trainable is 'head'.* {kind} .* 2 outputs: use trainable: all"):
        probe(EndingIn(last), data)


def test_a_network_without_parameters_is_refused(data: Dataset) -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten())
    with pytest.raises(InputError, match=r"train\.trainable"):
        fit(network, EpochBatches(data, data.split(0)[0], CLIP, 4, 0, CPU), PROBE, precision="float32", device=CPU)
