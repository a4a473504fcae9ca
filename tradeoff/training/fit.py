"""Train one network."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tradeoff.networks.layout import channels_last_3d
from tradeoff.precision import autocast
from tradeoff.training.batches import TrainingBatches
from tradeoff.training.frozen import freeze_trunk
from tradeoff.training.optimisation import make_optimiser, make_schedule
from tradeoff.training.processes import make_accelerator, own_random_numbers
from tradeoff.training.recipe import Recipe
from tradeoff.training.resuming import ResumePoint, Stateful, TorchRandom
from tradeoff.training.statistics import estimate_statistics
from tradeoff.training.watch import Pace, Watched, loss_and_accuracy


class DivergedError(RuntimeError):
    """The loss became NaN or infinite."""


@dataclass(frozen=True)
class Progress:
    """Where a training stands after a step.

    epoch, step: counted from 1, of `epochs` and of `steps` in this epoch; the last epoch may have fewer than others.
    done, total: steps since the start of the training, of how many.
    loss, accuracy: means of the epoch so far, of batches as trained on: cropped, mirrored, with dropout, and by
    weights that change from one to the next. step_loss, step_accuracy: of this step alone.
    rate: the learning rate of this step. clips_per_second, wait: of the epoch since it began or was resumed, and the
    share of that time in which the training waited for a batch.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    done: int
    total: int
    loss: float
    accuracy: float
    step_loss: float
    step_accuracy: float
    rate: float
    clips_per_second: float
    wait: float

    def as_record(self) -> dict[str, Any]:
        """What is worth keeping of an epoch."""
        return {key: value for key, value in asdict(self).items() if key not in _OF_THE_STEP}


_OF_THE_STEP = ("done", "total", "step_loss", "step_accuracy")


@dataclass
class Course:
    """How far a training of `total` steps, `count` an epoch, has come: which epoch is under way, how many of its steps
    are done, the sums of their losses and accuracies, and the last `Progress` of each epoch before it."""

    total: int
    count: int
    epoch: int = 1
    step: int = 0
    losses: float = 0.0
    accuracies: float = 0.0
    history: list[Progress] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """The last one may be cut short."""
        return math.ceil(self.total / self.count)

    def is_over(self) -> bool:
        return self.epoch > self.epochs

    def advance(self, loss: float, accuracy: float, rate: float, pace: Pace) -> Progress:
        """One step more: its loss, its accuracy, its learning rate, and the pace of its epoch.

        Raises DivergedError when its loss is not finite.
        """
        self.step += 1
        self.losses += _finite(loss, self.epoch, self.step)
        self.accuracies += accuracy
        before = (self.epoch - 1) * self.count
        progress = Progress(
            epoch=self.epoch,
            epochs=self.epochs,
            step=self.step,
            steps=min(self.count, self.total - before),
            done=before + self.step,
            total=self.total,
            loss=self.losses / self.step,
            accuracy=self.accuracies / self.step,
            step_loss=loss,
            step_accuracy=accuracy,
            rate=rate,
            clips_per_second=pace.clips_per_second,
            wait=pace.wait,
        )
        if progress.step == progress.steps:
            self.history.append(progress)
            self.epoch, self.step, self.losses, self.accuracies = self.epoch + 1, 0, 0.0, 0.0
        return progress

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _KEPT} | {"history": [asdict(each) for each in self.history]}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        for name in _KEPT:
            setattr(self, name, state[name])
        self.history = [Progress(**each) for each in state["history"]]


_KEPT = ("epoch", "step", "losses", "accuracies")


def seed_everything(seed: int, device: torch.device) -> None:
    """Make what follows repeatable: bit for bit on a CPU at the same thread count.

    CUDA has no deterministic 3D max-pool backward, so there only the random numbers repeat.
    """
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(device.type == "cpu")
    # Filling fresh memory is for debugging; it costs a fifth of a training step here.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def fit(
    network: nn.Module,
    batches: TrainingBatches,
    recipe: Recipe,
    *,
    precision: str,
    device: torch.device,
    report: Callable[[Progress], None] = lambda progress: None,
    resume: ResumePoint | None = None,
) -> list[Progress]:
    """Train `network` in place; one `Progress` an epoch.

    Where a launcher started several processes, all call this with the same network and their own share of the batches,
    and all end with the same weights. Gradients and losses are averaged over them, dropout differs from one to the
    other, and batch norm sees each one's share on a CPU and the whole micro-batch on CUDA, where it becomes
    `nn.SyncBatchNorm`; on a CPU the running statistics are those of the main one's share.

    resume: where the training's state is kept between steps, and found if it was stopped before. Call
    `seed_everything` before building the network. Raises DivergedError when the loss stops being finite, and
    InputError for a network that the recipe cannot train.
    """
    channels_last_3d(network.to(device)).train()
    if recipe.trainable == "head":
        freeze_trunk(network, batches.classes)
    total = recipe.length(batches.count)
    course = Course(total, batches.count)
    accelerator = make_accelerator(device, precision, recipe.accumulate)
    if accelerator.num_processes > 1 and device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    model = accelerator.prepare_model(network)
    own_random_numbers()
    optimiser = make_optimiser(network.parameters(), recipe)
    schedule = make_schedule(optimiser, recipe, total)
    optimiser = accelerator.prepare_optimizer(optimiser)
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    parts: dict[str, Stateful] = {"network": network, "optimiser": optimiser, "schedule": schedule}
    parts |= {"scaler": accelerator.scaler, "batches": batches, "course": course, "random": TorchRandom(device)}
    went_on = resume is not None and resume.restore(parts)
    if recipe.trainable == "head" and not went_on:
        _estimate_statistics(network, batches, recipe, precision, device)
    while not course.is_over():
        values: list[Tensor] = []
        with Watched(batches.epoch(), accelerator.num_processes) as drawn:
            for clips, labels in drawn:
                with accelerator.accumulate(model):
                    with autocast(device, precision):
                        logits = model(clips)
                        loss = loss_of(logits, labels)
                    rate = float(optimiser.param_groups[0]["lr"])
                    accelerator.backward(loss)
                    optimiser.step()
                    optimiser.zero_grad()
                values.append(loss_and_accuracy(loss, logits, labels))
                if not accelerator.sync_gradients:
                    continue
                schedule.step()
                value, accuracy = accelerator.reduce(torch.stack(values).mean(dim=0), "mean").tolist()
                values.clear()
                report(course.advance(value, accuracy, rate, drawn.pace()))
                if resume is not None:
                    resume.passed()
                if course.is_over():
                    break
    if recipe.trainable == "all":
        _estimate_statistics(network, batches, recipe, precision, device)
    return course.history


def _estimate_statistics(
    network: nn.Module, batches: TrainingBatches, recipe: Recipe, precision: str, device: torch.device
) -> None:
    if recipe.statistics_clips:
        with autocast(device, precision):
            estimate_statistics(network, batches, recipe.statistics_clips, recipe.accumulate)


def _finite(loss: float, epoch: int, step: int) -> float:
    if not math.isfinite(loss):
        raise DivergedError(f"the loss became {loss} at step {step} of epoch {epoch}: a lower rate may help")
    return loss
