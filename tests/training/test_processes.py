"""Several processes end as one does that computes their shares one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from brightness import brightness
from pairs import CLIP, CPU, RECIPES, STEPS, in_two, train
from pydantic import ValidationError
from torch import Tensor, nn

from tradeoff import build
from tradeoff.errors import InputError
from tradeoff.training import processes
from tradeoff.training.batches import EpochBatches, Shares
from tradeoff.training.recipe import Recipe

pytestmark = pytest.mark.usefixtures("one_thread")
Found = list[dict[str, Any]]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return in_two(tmp_path_factory.mktemp("pair"))


def apart(one: Tensor, other: Tensor) -> float:
    """How far two tensors are from each other, as a share of their length."""
    return float((one.double() - other.double()).norm() / other.double().norm().clamp_min(1e-12))


@pytest.mark.parametrize("name", RECIPES)
def test_two_processes_end_with_the_weights_of_one_that_accumulates_twice_as_often(pair: Found, name: str) -> None:
    recipe = RECIPES[name]
    alone = train(recipe.model_copy(update={"accumulate": 2 * recipe.accumulate}))
    # Ten steps of float32 sums in another order; what bf16 rounds is the same in both.
    tolerance = 3e-6
    for found in pair:
        assert found[name]["losses"] == pytest.approx(alone["losses"], rel=1e-6)
        for key, tensor in alone["state"].items():
            # Running statistics are one process's share's, unless they were estimated again at the end.
            if "tracked" not in key and ("running" not in key or recipe.statistics_clips):
                assert apart(found[name]["state"][key], tensor) < tolerance, key


@pytest.mark.parametrize("norm", [False, True])
def test_accumulating_changes_what_batch_norm_sees_and_nothing_else(norm: bool) -> None:
    whole, halves = (train(RECIPES["plain"].model_copy(update={"accumulate": count}), norm=norm) for count in (1, 2))
    distances = [apart(halves["state"][key], tensor) for key, tensor in whole["state"].items() if "weight" in key]
    assert max(distances) > 0.01 if norm else max(distances) < 1e-6


def test_both_processes_have_the_same_weights_and_dropout_of_their_own(pair: Found) -> None:
    one, other = (found["dropout"] for found in pair)
    assert one["losses"] == other["losses"]
    for key, tensor in one["state"].items():
        if "running" not in key:
            assert torch.equal(other["state"][key], tensor), key
    # One process that drops the same in both halves would be a coincidence; without dropout the two would agree.
    assert one["losses"] != pytest.approx(pair[0]["plain"]["losses"], rel=1e-3)


@pytest.mark.parametrize(("name", "how"), [("stopped", "Stopped "), ("interrupted", "KeyboardInterrupt ")])
def test_stopped_together_they_go_on_together(pair: Found, name: str, how: str) -> None:
    """Ctrl-C that one of two hears stops both after the same step; the main one saves for both."""
    kept = 1 if name == "stopped" else 2  # the step that was reported when all stopped was not saved yet
    for found in pair:
        assert found[name]["how"] == how
        assert found[name]["seen"] == [(2, step) for step in range(kept + 1, STEPS + 1)]
        assert found[name]["losses"] == found["dropout"]["losses"]
        for key, tensor in found["dropout"]["state"].items():
            if "running" not in key or found is pair[0]:
                assert torch.equal(found[name]["state"][key], tensor), key
    assert [len(found[name]["said"]) for found in pair] == [1, 0]


def test_a_loss_that_is_not_finite_in_one_process_ends_both_alike(pair: Found) -> None:
    assert pair[0]["diverged"] == pair[1]["diverged"]
    assert pair[0]["diverged"].startswith("DivergedError the loss became nan at step 1 of epoch 1")


def test_a_step_that_cannot_be_divided_is_bad_input(pair: Found) -> None:
    for found in pair:
        assert found["uneven"].startswith(
            "InputError train.batch gives a step of 5 clips: it should be a multiple of 2,"
        )
    with pytest.raises(ValidationError, match=r"batch is 16: it should be a multiple of accumulate, which is 3"):
        Recipe(accumulate=3)


def test_accumulating_is_in_the_key_and_the_protocol_only_where_it_is_done() -> None:
    assert Recipe(accumulate=1).fields("bf16") == Recipe().fields("bf16")
    assert Recipe(accumulate=4).fields("bf16") == {"accumulate": 4, "precision": "bf16"}
    assert "batch 16, SGD" in Recipe().summary("bf16")
    assert "batch 16 as 4 x 4, SGD" in Recipe(accumulate=4).summary("bf16")


def test_shares_are_contiguous_cover_a_step_once_and_look_the_same_however_it_is_divided() -> None:
    data = brightness(24)
    rows = [Shares(2, 3, index).of(12) for index in range(3)]
    assert [(part.start, part.stop) for parts in zip(*rows, strict=True) for part in parts] == [
        (0, 2), (2, 4), (4, 6), (6, 8), (8, 10), (10, 12),
    ]  # fmt: skip
    steps = []
    for count in (1, 3):
        own = [
            list(EpochBatches(data, np.arange(24), CLIP, 12, 0, CPU, True, shares=Shares(1, count, index)).epoch())
            for index in range(count)
        ]
        steps.append([torch.cat([clips for clips, _ in parts]) for parts in zip(*own, strict=True)])
    assert all(torch.equal(*pixels) for pixels in zip(*steps, strict=True))


def test_synchronous_batch_norm_keeps_names_and_shapes() -> None:
    """What CUDA with several processes trains is checkpointed as the plain network; nothing is computed here."""
    plain = build("S3D-G", width=0.0625, classes=2)
    shapes = {name: tensor.shape for name, tensor in plain.state_dict().items()}
    norms = sum(isinstance(module, nn.BatchNorm3d) for module in plain.modules())
    nn.SyncBatchNorm.convert_sync_batchnorm(plain)
    assert sum(isinstance(module, nn.SyncBatchNorm) for module in plain.modules()) == norms > 0
    assert {name: tensor.shape for name, tensor in plain.state_dict().items()} == shapes
    assert {module.eps for module in plain.modules() if isinstance(module, nn.SyncBatchNorm)} == {1e-3}
    build("S3D-G", width=0.0625, classes=2).load_state_dict(plain.state_dict())


def test_more_processes_than_gpus_are_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(InputError, match="8 processes need a GPU each and this machine has 2 CUDA devices"):
        processes.check_devices(torch.device("cuda"), 8)
    with pytest.raises(InputError, match="cuda:1 for 2 processes: use cuda"):
        processes.check_devices(torch.device("cuda", 1), 2)
    processes.check_devices(torch.device("cuda", 0), 2)
    processes.check_devices(torch.device("cuda", 1), 1)
    processes.check_devices(CPU, 8)


def test_a_launcher_that_starts_one_process_where_several_were_meant_is_bad_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As `accelerate launch --cpu --num_processes 2` does without MPI."""
    for name, value in {"ACCELERATE_USE_CPU": "True", "MASTER_PORT": "29500"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="--multi_gpu --num_processes N"):
        processes.join(CPU)
