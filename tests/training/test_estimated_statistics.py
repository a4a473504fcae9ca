"""Batch norm's statistics estimated again: the plain averages over batches, as worked out here without batch norm."""

from __future__ import annotations

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
from tradeoff.training.fit import Progress, fit, seed_everything
from tradeoff.training.recipe import Recipe
from tradeoff.training.resuming import ResumePoint
from tradeoff.weights.checkpoints import state_digest

pytestmark = pytest.mark.usefixtures("one_thread")
CLIP = ClipShape(8, 32, 32)
CPU = torch.device("cpu")
RECIPE = Recipe(epochs=2, batch=4, rate=0.05)


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Twenty-one clips to train on: five batches of four, and one clip that each epoch leaves out."""
    return brightness(24, trained=21)


def small() -> nn.Sequential:
    return nn.Sequential(
        nn.AvgPool3d((2, 4, 4)), nn.Conv3d(3, 8, 3), nn.BatchNorm3d(8, momentum=0.3), nn.ReLU(),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(8, 2),
    )  # fmt: skip


def train(network: nn.Module, data: Dataset, recipe: Recipe, **options: Any) -> list[Progress]:
    rows = data.split(0)[0]
    return fit_clips(network, data, rows, CLIP, recipe, precision="float32", seed=0, device=CPU, flips=True, **options)


def averages(network: nn.Sequential, batches: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Over batches, the mean of each one's means, and of its variances with n - 1 below."""
    with torch.no_grad():
        seen = [network[:2](pixels).double().transpose(0, 1).flatten(1) for pixels in batches]
    means, variances = [each.mean(dim=1) for each in seen], [each.var(dim=1) for each in seen]
    return torch.stack(means).mean(dim=0), torch.stack(variances).mean(dim=0)


def drawn(data: Dataset, skip: int, count: int) -> list[Tensor]:
    batches = EpochBatches(data, data.split(0)[0], CLIP, 4, 0, CPU, True)
    return [pixels for _ in range(4) for pixels, _ in batches.epoch()][skip : skip + count]


def check(network: nn.Sequential, expected: tuple[Tensor, Tensor]) -> None:
    torch.testing.assert_close(network[2].running_mean.double(), expected[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(network[2].running_var.double(), expected[1], rtol=1e-5, atol=1e-6)
    assert network[2].momentum == 0.3


@pytest.mark.parametrize(("clips", "batches"), [(1, 1), (8, 2), (9, 3), (30, 8)])
def test_after_the_last_step_of_all_weights(data: Dataset, clips: int, batches: int) -> None:
    seed_everything(0, CPU)
    network = small()
    train(network, data, RECIPE.model_copy(update={"statistics_clips": clips}))
    # The training took ten batches; the next ones are what is averaged, with the weights that it ended with.
    check(network, averages(network, drawn(data, 10, batches)))


def test_weights_are_those_of_a_training_without_it(data: Dataset) -> None:
    states = []
    for clips in (0, 12):
        seed_everything(0, CPU)
        network = small()
        train(network, data, RECIPE.model_copy(update={"statistics_clips": clips}))
        states.append({name: value for name, value in network.state_dict().items() if "running" not in name})
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0] if "tracked" not in name)


def test_before_the_first_step_of_a_probe(data: Dataset) -> None:
    seed_everything(0, CPU)
    network, seen = small(), []
    expected = averages(network, drawn(data, 0, 3))
    recipe = RECIPE.model_copy(update={"statistics_clips": 12, "trainable": "head"})
    train(network, data, recipe, report=lambda progress: seen.append(network[2].running_mean.clone()))
    check(network, expected)
    assert all(torch.equal(each, network[2].running_mean) for each in seen)


def test_the_epochs_of_a_probe_are_those_of_one_without(data: Dataset) -> None:
    """Estimating leaves the order of batches alone: each epoch of the training has every clip once."""

    class Noting(EpochBatches):
        taken: list[float]

        def epoch(self) -> Any:
            for pixels, labels in super().epoch():
                self.taken.append(pixels.sum().item())
                yield pixels, labels

    taken = []
    for clips in (0, 12):
        batches = Noting(data, data.split(0)[0], CLIP, 4, 0, CPU)
        batches.taken = []
        recipe = RECIPE.model_copy(update={"statistics_clips": clips, "trainable": "head"})
        fit(small(), batches, recipe, precision="float32", device=CPU)
        taken.append(batches.taken)
    assert taken[1] == taken[0][:3] + taken[0]


def test_a_network_without_batch_norm_has_nothing_to_estimate(data: Dataset) -> None:
    digests = []
    for clips in (0, 12):
        seed_everything(0, CPU)
        network = nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(3, 2))
        train(network, data, RECIPE.model_copy(update={"statistics_clips": clips}))
        digests.append(state_digest(network))
    assert digests[0] == digests[1]


def test_a_training_that_was_stopped_while_estimating_ends_the_same(data: Dataset, tmp_path: Path) -> None:
    class Stopped(Exception): ...

    class Breaking(nn.Conv3d):
        """Ends its process, as it were, at one of its calls."""

        calls, fatal = 0, 0

        def forward(self, pixels: Tensor) -> Tensor:
            self.calls += 1
            if self.calls == self.fatal:
                raise Stopped
            return super().forward(pixels)

    recipe = RECIPE.model_copy(update={"statistics_clips": 20})

    def trained(seed: int, fatal: int, resume: ResumePoint | None) -> str:
        seed_everything(seed, CPU)
        network = small()
        network[1] = Breaking(3, 8, 3)
        network[1].fatal = fatal
        train(network, data, recipe, resume=resume)
        return state_digest(network)

    undisturbed = trained(0, 0, None)
    for fatal in (11, 13, 15):  # ten steps, and then five batches to estimate from
        path = tmp_path / f"{fatal}.resume.pt"
        with ResumePoint(path, "mine", 0) as resume, pytest.raises(Stopped):
            trained(0, fatal, resume)
        with ResumePoint(path, "mine", 0) as resume:
            assert trained(7, 0, resume) == undisturbed
