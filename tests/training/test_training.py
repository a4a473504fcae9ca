"""Training and evaluation on data whose answer is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brightness import brightness
from fitting import fit_clips
from torch import nn

from tradeoff import Variant, build
from tradeoff.clip_shape import ClipShape
from tradeoff.data import Dataset
from tradeoff.errors import InputError
from tradeoff.precision import resolve_precision
from tradeoff.training.batches import EpochBatches, centre_crop, evaluation_batches, to_network
from tradeoff.training.evaluate import log_probabilities
from tradeoff.training.fit import DivergedError, Progress, seed_everything
from tradeoff.training.recipe import Recipe
from tradeoff.weights.checkpoints import state_digest

CLIP = ClipShape(8, 32, 32)
CPU = torch.device("cpu")
TINY = Variant.parse("S3D", width=0.0625, classes=2)


def dataset(clips: int = 32) -> Dataset:
    """Half of them to train on."""
    return brightness(clips, trained=clips // 2)


def train(recipe: Recipe, seed: int = 0, **options: Any) -> tuple[nn.Module, list[Progress]]:
    data = dataset()
    seed_everything(seed, CPU)
    network = build(TINY, dropout=recipe.dropout)
    history = fit_clips(
        network, data, data.split(0)[0], CLIP, recipe, precision="float32", seed=seed, device=CPU, **options
    )
    return network, history


@pytest.mark.parametrize("schedule", ["cosine", "one-cycle"])
def test_a_network_learns_dark_from_bright(schedule: Any) -> None:
    # Batches of the whole set: the running statistics of batch norm then fit what the network was trained with.
    recipe, data = Recipe(epochs=30, batch=32, rate=0.05, schedule=schedule, dropout=0.0), dataset(64)
    train_indices, indices = data.split(0)
    seed_everything(0, CPU)
    network = build("I2D", width=0.125, classes=2)
    history = fit_clips(network, data, train_indices, CLIP, recipe, precision="float32", seed=0, device=CPU)
    assert history[-1].loss < 0.1 < history[0].loss
    outputs = log_probabilities(network, data, indices, CLIP, order="normal", device=CPU)
    assert outputs.shape == (32, 2)
    assert np.allclose(np.exp(outputs).sum(axis=1), 1, atol=1e-5)
    assert (outputs.argmax(axis=1) == data.labels[indices]).mean() == 1.0


def test_a_cpu_run_is_repeatable_bit_for_bit_and_a_seed_changes_it() -> None:
    recipe = Recipe(epochs=2, batch=8)
    first, again, other = (state_digest(train(recipe, seed)[0]) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_every_step_is_reported() -> None:
    seen: list[Progress] = []
    _, history = train(Recipe(epochs=2, batch=8), report=seen.append)
    assert [(each.epoch, each.step) for each in seen] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert [each.epoch for each in history] == [1, 2]


def test_a_loss_that_is_not_finite_stops_the_training() -> None:
    data, network = dataset(), build(TINY)
    with torch.no_grad():
        network.head.logits.bias.fill_(float("nan"))  # type: ignore[union-attr, operator]
    with pytest.raises(DivergedError, match=r"nan at step 1 of epoch 1: a lower rate"):
        fit_clips(network, data, data.split(0)[0], CLIP, Recipe(), precision="float32", seed=0, device=CPU)


def rates(recipe: Recipe) -> list[float]:
    """The learning rate of each step, as the optimiser saw it."""
    seen: list[float] = []
    original = torch.optim.SGD.step

    def step(self: torch.optim.SGD, *arguments: Any) -> Any:
        seen.append(self.param_groups[0]["lr"])
        return original(self, *arguments)

    torch.optim.SGD.step = step  # type: ignore[method-assign]
    try:
        train(recipe)
    finally:
        torch.optim.SGD.step = original  # type: ignore[method-assign]
    return seen


def test_the_rate_rises_to_its_peak_and_falls_in_a_cosine() -> None:
    seen = rates(Recipe(epochs=10, batch=8, rate=0.1, warmup=0.2))  # 20 steps, 4 of them rising
    assert seen[:5] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1])
    assert seen[12] == pytest.approx(0.05)  # half way through the 16 falling steps
    assert seen[-1] == pytest.approx(0.1 * (1 + np.cos(np.pi * 15 / 16)) / 2)
    assert seen[4:] == sorted(seen[4:], reverse=True)


def test_one_cycle_works_for_any_number_of_steps_and_leaves_momentum_alone() -> None:
    for epochs in (1, 2, 3):
        for warmup in (0.0, 0.2, 0.9):
            seen = rates(Recipe(epochs=epochs, batch=16, rate=0.1, schedule="one-cycle", warmup=warmup))
            assert len(seen) == epochs
            assert all(0 <= rate <= 0.1 + 1e-9 for rate in seen)


def test_batches_cover_an_epoch_once_and_in_another_order_each_time() -> None:
    data = dataset(30)
    epochs, drawn = [], EpochBatches(data, np.arange(24), CLIP, 8, 0, CPU)
    for _ in range(2):
        batches = list(drawn.epoch())
        assert [tuple(clips.shape) for clips, _ in batches] == [(8, 3, 8, 32, 32)] * 3
        epochs.append(torch.cat([clips.mean(dim=(1, 2, 3, 4)) for clips, _ in batches]))
    assert not torch.equal(*epochs)


def test_reversed_shows_the_last_frame_first_of_the_same_crop() -> None:
    data = dataset(6)
    normal, reverse = (
        torch.cat(list(evaluation_batches(data, np.arange(6), CLIP, 4, order, CPU)))
        for order in ("normal", "reversed")  # type: ignore[arg-type]
    )
    assert torch.equal(normal.flip(2), reverse)
    assert torch.equal(normal[5], to_network(centre_crop(data.frames[5], CLIP)[None], CPU)[0])


def test_crops_lie_inside_and_the_centre_is_the_centre() -> None:
    frames = np.broadcast_to(np.arange(36 * 36).reshape(36, 36, 1), (8, 36, 36, 3))
    assert centre_crop(frames, CLIP)[0, 0, 0, 0] == 2 * 36 + 2
    small = np.broadcast_to((frames % 256).astype(np.uint8), (500, *frames.shape))
    data = Dataset(**{**vars(dataset(500)), "frames": small})
    drawn = next(EpochBatches(data, np.arange(500), CLIP, 500, 0, CPU).epoch())[0]
    corners = {round(127.5 * (1 + value)) for value in drawn[:, 0, 0, 0, 0].tolist()}
    assert corners == {top * 36 + left for top in range(5) for left in range(5)}


def test_mirroring_happens_only_where_it_is_allowed() -> None:
    ramp = np.broadcast_to(np.arange(36, dtype=np.uint8)[:, None], (16, 8, 36, 36, 3))
    base = dataset(16)
    data = Dataset(**{**vars(base), "frames": ramp})
    for flips, expected in ((False, {True}), (True, {True, False})):
        batches = EpochBatches(data, np.arange(16), CLIP, 16, 0, CPU, flips)
        clips = next(batches.epoch())[0]
        assert {bool(clip[0, 0, 0, 0] < clip[0, 0, 0, -1]) for clip in clips} == expected


def test_pixels_become_minus_one_to_one_in_channels_last_layout() -> None:
    frames = np.zeros((2, 8, 32, 32, 3), np.uint8)
    frames[..., 1] = 255
    clips = to_network(frames, CPU)
    assert clips.shape == (2, 3, 8, 32, 32)
    assert clips.is_contiguous(memory_format=torch.channels_last_3d)
    assert clips[0, :, 0, 0, 0].tolist() == [-1.0, 1.0, -1.0]


def test_precisions(monkeypatch: pytest.MonkeyPatch) -> None:
    for able, expected in (({"avx512_bf16": True}, "bf16"), ({"amx_bf16": True}, "bf16"), ({}, "float32")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able)
        assert resolve_precision("auto", CPU) == expected
    assert resolve_precision("bf16", CPU) == "bf16"
    with pytest.raises(InputError, match="fp16"):
        resolve_precision("fp16", CPU)


def test_evaluation_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    data = dataset(8)
    network = build(TINY)
    before = state_digest(network)
    log_probabilities(network, data, np.arange(8), CLIP, order="normal", device=CPU)
    assert state_digest(network) == before
