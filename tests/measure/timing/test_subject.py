"""The network that is timed, and the judgement of its output."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tradeoff.clip_shape import ClipShape
from tradeoff.measure.runtimes.base import Deployed
from tradeoff.measure.timing.subject import WrongOutput, check_output, error_of, reference, subject
from tradeoff.variants import Variant

VARIANT = Variant.parse("S3D", width=0.0625, classes=5)


def answering(logits: torch.Tensor) -> Deployed:
    return Deployed(lambda clips: clips, lambda clips: logits, lambda result: result)  # type: ignore[arg-type, return-value]


def test_the_same_network_and_clips_every_time_with_statistics_that_matter() -> None:
    network, clips = subject(VARIANT, ClipShape(8, 32, 32), 2)
    again, same = subject(VARIANT, ClipShape(8, 32, 32), 2)
    assert clips.shape == (2, 3, 8, 32, 32) and torch.equal(clips, same)
    assert -1 <= clips.min() < -0.9 and 0.9 < clips.max() <= 1
    expected = reference(network, clips, torch.device("cpu"))
    assert torch.equal(expected, reference(again, clips, torch.device("cpu")))
    norm = next(module for module in network.modules() if isinstance(module, nn.BatchNorm3d))
    nn.init.zeros_(norm.running_mean)  # type: ignore[arg-type]
    assert error_of(reference(network, clips, torch.device("cpu")), expected) > 1e-3


def test_the_error_is_relative_to_the_size_of_the_answer() -> None:
    expected = torch.tensor([[3.0, 4.0]])
    assert error_of(torch.tensor([[3.0, 4.5]]), expected) == pytest.approx(0.1)
    assert error_of(torch.tensor([[3.0, 4.0, 0.0]]), expected) == float("inf")


@pytest.mark.parametrize(
    ("answer", "precision", "right"),
    [
        ([3.0, 4.004], "float32", True),
        ([3.0, 4.01], "float32", False),
        ([3.0, 4.2], "bf16", True),
        ([4.0, 3.0], "bf16", False),
        ([float("nan"), 4.0], "bf16", False),
        ([float("inf"), 4.0], "fp16", False),
    ],
)
def test_a_wrong_answer_is_no_latency(answer: list[float], precision: str, right: bool) -> None:
    expected = torch.tensor([[3.0, 4.0]])
    logits = torch.tensor([answer])
    if right:
        assert check_output(answering(logits), logits, expected, precision) < 0.1
    else:
        with pytest.raises(WrongOutput, match=f"eager float32.*{precision}"):
            check_output(answering(logits), logits, expected, precision)
