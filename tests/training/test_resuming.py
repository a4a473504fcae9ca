"""A training that is stopped and goes on ends as one that was not; a state that is not its own is never taken."""

from __future__ import annotations

import hashlib
import io
import itertools
import pickle
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from brightness import brightness
from fitting import fit_clips
from torch import nn

from tradeoff import Variant, build
from tradeoff.clip_shape import ClipShape
from tradeoff.data import Dataset
from tradeoff.precision import resolve_precision
from tradeoff.training.fit import Progress, seed_everything
from tradeoff.training.recipe import Recipe
from tradeoff.training.resuming import ResumePoint
from tradeoff.weights.checkpoints import state_digest

pytestmark = pytest.mark.usefixtures("one_thread")
CLIP = ClipShape(8, 32, 32)
CPU = torch.device("cpu")
STEPS = 5
RECIPE = Recipe(epochs=2, batch=4, rate=0.05)


class Stopped(Exception):
    """What ends a training from outside."""


@pytest.fixture(autouse=True)
def hearing_ctrl_c() -> Iterator[None]:
    """Whoever starts the tests in the background of a shell has them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Twenty-one clips to train on: five batches of four, and one clip that each epoch leaves out."""
    return brightness(24, trained=21)


def small() -> nn.Module:
    """Everything whose state is easily forgotten: running statistics, dropout, momentum of weights in channels-last."""
    return nn.Sequential(
        nn.AvgPool3d((2, 4, 4)), nn.Conv3d(3, 8, 3), nn.BatchNorm3d(8), nn.ReLU(), nn.Dropout(0.3),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(8, 2),
    )  # fmt: skip


def train(
    data: Dataset,
    recipe: Recipe = RECIPE,
    *,
    seed: int = 0,
    make: Callable[[], nn.Module] = small,
    precision: str = "float32",
    **options: Any,
) -> tuple[str, list[float]]:
    """The digest of every weight and buffer, and the loss of each epoch."""
    seed_everything(seed, CPU)
    network, indices = make(), data.split(0)[0]
    history = fit_clips(
        network, data, indices, CLIP, recipe, precision=precision, seed=seed, device=CPU, flips=True, **options
    )
    return state_digest(network), [each.loss for each in history]


def stop_after(count: int) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        if (progress.epoch - 1) * STEPS + progress.step == count:
            raise Stopped

    return report


def point(tmp_path: Path, **options: Any) -> ResumePoint:
    return ResumePoint(tmp_path / "mine.resume.pt", "mine", **{"seconds": 0, **options})


def stopped(data: Dataset, where: ResumePoint, step: int, *arguments: Any, **options: Any) -> None:
    with where, pytest.raises(Stopped):
        train(data, *arguments, report=stop_after(step), resume=where, **options)


@pytest.mark.parametrize(
    "change",
    [
        {"schedule": "cosine"},
        {"schedule": "one-cycle"},
        {"schedule": "steps", "milestones": (0.5, 0.8), "warmup": 0.3},
        {"schedule": "steps", "milestones": (0.5, 0.8), "warmup": 0.0},
        {"steps": 2 * STEPS + 3},
        {"steps": 2, "statistics_clips": 8},
    ],
)
def test_stopped_at_any_step_it_ends_with_the_same_weights_and_losses(
    data: Dataset, tmp_path: Path, change: dict[str, Any]
) -> None:
    recipe = RECIPE.model_copy(update=change)
    undisturbed = train(data, recipe)
    for step in range(2, recipe.length(STEPS) + 1):
        stopped(data, point(tmp_path), step, recipe)
        # Another seed: all that is random has to come out of the file, the network's first weights too.
        said: list[str] = []
        with point(tmp_path, say=said.append) as resume:
            assert train(data, recipe, seed=7, resume=resume) == undisturbed, step
        assert said == [f"goes on from {resume.path}"]
        resume.discard()
        assert list(tmp_path.iterdir()) == []


def test_stopped_again_and_again_it_takes_one_step_each_time(data: Dataset, tmp_path: Path) -> None:
    undisturbed = train(data)
    for step in range(2, 2 * STEPS + 1):
        stopped(data, point(tmp_path), step)
    seen: list[Progress] = []
    with point(tmp_path) as resume:
        assert train(data, seed=7, report=seen.append, resume=resume) == undisturbed
    assert [(each.epoch, each.step) for each in seen] == [(2, STEPS)]


def test_a_whole_network_in_the_precision_of_the_machine(data: Dataset, tmp_path: Path) -> None:
    def tiny() -> nn.Module:
        return build(Variant.parse("S3D-G", width=0.0625, classes=2), dropout=0.2)

    options: dict[str, Any] = {"make": tiny, "precision": resolve_precision("auto", CPU)}
    recipe = RECIPE.model_copy(update={"epochs": 1})
    undisturbed = train(data, recipe, **options)
    stopped(data, point(tmp_path), 4, recipe, **options)
    with point(tmp_path) as resume:
        assert train(data, recipe, seed=7, resume=resume, **options) == undisturbed


def test_saving_changes_nothing(data: Dataset, tmp_path: Path) -> None:
    with point(tmp_path) as resume:
        assert train(data, resume=resume) == train(data)


def test_a_training_that_was_over_is_not_trained_further(data: Dataset, tmp_path: Path) -> None:
    with point(tmp_path) as resume:
        undisturbed = train(data, resume=resume)
    with point(tmp_path) as resume:
        assert train(data, seed=7, report=stop_after(1), resume=resume) == undisturbed


def sealed(content: bytes) -> bytes:
    return hashlib.sha256(content).digest() + content


def saved(values: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(values, buffer)
    return buffer.getvalue()


class Code:
    """A pickle that leaves a file where it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_a_state_that_cannot_be_used_is_ignored_with_one_line(data: Dataset, tmp_path: Path) -> None:
    undisturbed = train(data)
    stopped(data, ResumePoint(tmp_path / "other.resume.pt", "other", 0), 3)
    good = (tmp_path / "other.resume.pt").read_bytes()
    turned = bytearray(good)
    turned[len(good) // 2] ^= 1
    code = Code(tmp_path / "was_run")
    bad = {
        "another training": good,
        "is damaged": good[:-100],
        "damaged, or no state": bytes(turned),
        "no state of a training": saved({"weight": torch.zeros(3)}),
        "or tradeoff: the training starts anew": sealed(saved([1, 2])),
        "is damaged, or": b"",
        "more than tensors and plain values": sealed(saved({"format": code})),
        "plain values (": sealed(pickle.dumps(code, protocol=2)),
    }
    for part, content in bad.items():
        said: list[str] = []
        resume = point(tmp_path, seconds=3600, say=said.append)
        resume.path.write_bytes(content)
        assert train(data, resume=resume) == undisturbed
        assert len(said) == 1
        assert part in said[0]
        assert "mine.resume.pt" in said[0]
    assert not code.path.exists()


def test_a_folder_that_cannot_be_written_costs_the_state_and_not_the_training(data: Dataset, tmp_path: Path) -> None:
    said: list[str] = []
    resume = ResumePoint(tmp_path / "missing" / "mine.resume.pt", "mine", 0, said.append)
    assert train(data, resume=resume) == train(data)
    assert "cannot be saved" in said[0]


def test_saving_that_takes_long_is_done_less_often(tmp_path: Path) -> None:
    class Slow:
        seconds, saves = 0.0, 0

        def state_dict(self) -> dict[str, Any]:
            self.saves += 1
            self.seconds += 9.0
            return {}

        def load_state_dict(self, state: dict[str, Any], /) -> None: ...

    part = Slow()
    resume = point(tmp_path, seconds=60.0, clock=lambda: part.seconds)
    resume.restore({"slow": part})
    saves = []
    for _ in range(1000):
        part.seconds += 1.0
        before = part.saves
        resume.passed()
        saves += [part.seconds] if part.saves > before else []
    gaps = [later - earlier for earlier, later in itertools.pairwise(saves)]
    # Nine seconds are more than a tenth of 60 and less than a tenth of 120: doubled once, and nine seconds of saving.
    assert set(gaps) == {129.0}


def test_ctrl_c_waits_for_the_step_saves_it_and_leaves(data: Dataset, tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if (progress.epoch, progress.step) == (2, 2):
            signal.raise_signal(signal.SIGINT)

    undisturbed, seen = train(data), []
    with pytest.raises(KeyboardInterrupt), point(tmp_path, seconds=3600) as resume:
        train(data, report=interrupt, resume=resume)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with point(tmp_path, seconds=3600) as resume:
        assert train(data, seed=7, report=seen.append, resume=resume) == undisturbed
    assert [(each.epoch, each.step) for each in seen] == [(2, 3), (2, 4), (2, 5)]


def test_a_second_ctrl_c_leaves_at_once(tmp_path: Path) -> None:
    reached = False
    with pytest.raises(KeyboardInterrupt), point(tmp_path):
        signal.raise_signal(signal.SIGINT)
        reached = True
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it went on")
    assert reached


@pytest.mark.parametrize("error", [None, RuntimeError("the loss became nan")])
def test_ctrl_c_is_not_lost_where_no_step_follows(tmp_path: Path, error: Exception | None) -> None:
    with pytest.raises(KeyboardInterrupt), point(tmp_path):
        signal.raise_signal(signal.SIGINT)
        if error:
            raise error
