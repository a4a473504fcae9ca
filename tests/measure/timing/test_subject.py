"""The network that is timed, and the judgement of its output."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from tradeoff.clip_shape import ClipShape
from tradeoff.measure.runtimes.base import Deployed
from tradeoff.measure.timing.subject import TOLERANCE, Answers, WrongOutput, check_output, error_of, subject
from tradeoff.networks import build
from tradeoff.variants import Variant

VARIANT = Variant.parse("S3D", width=0.0625, classes=5)


def subject_of(variant: Variant) -> tuple[nn.Module, Answers]:
    return subject(partial(build, variant), ClipShape(8, 32, 32), 2, torch.device("cpu"))


def answering(*logits: torch.Tensor) -> Deployed:
    """Whatever it is asked, the next of these."""
    script = iter(logits)
    return Deployed(lambda clips: clips, lambda clips: next(script), lambda result: result)  # type: ignore[arg-type, return-value]


def test_the_same_network_and_clips_every_time_with_statistics_that_matter() -> None:
    network, answers = subject_of(VARIANT)
    _, again = subject_of(VARIANT)
    for clips, same in zip(answers.clips, again.clips, strict=True):
        assert clips.shape == (2, 3, 8, 32, 32) and torch.equal(clips, same)
        assert -1 <= clips.min() < clips.max() <= 1
    with torch.inference_mode():
        assert error_of(network(answers.clips[0]), answers.logits[0]) < 1e-5
        norm = next(module for module in network.modules() if isinstance(module, nn.BatchNorm3d))
        nn.init.zeros_(norm.running_mean)  # type: ignore[arg-type]
        assert error_of(network(answers.clips[0]), answers.logits[0]) > 1e-3


@pytest.mark.parametrize("name", ["I2D", "S3D", "I3D"])
def test_clips_differ_enough_for_a_blind_runtime_to_be_seen(name: str) -> None:
    _, answers = subject_of(Variant.parse(name, width=0.25))
    assert answers.contrast > 2 * TOLERANCE["bf16"]
    with pytest.raises(WrongOutput):
        check_output(answering(answers.logits[0], answers.logits[0]), answers, "bf16")
    assert check_output(answering(*answers.logits), answers, "float32") == 0


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
@pytest.mark.parametrize("place", [0, 1])
def test_a_wrong_answer_is_no_latency(answer: list[float], precision: str, right: bool, place: int) -> None:
    expected = torch.tensor([[3.0, 4.0]])
    answers = Answers((torch.zeros(1), torch.zeros(1)), (expected, expected))
    given = [expected, expected]
    given[place] = torch.tensor([answer])
    if right:
        assert 0 < check_output(answering(*given), answers, precision) < 0.1
    else:
        with pytest.raises(WrongOutput, match=f"eager float32.*{precision}"):
            check_output(answering(*given), answers, precision)
