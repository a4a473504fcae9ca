"""What is timed: a network with random weights, its clips, and what it should answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tradeoff.clip_shape import ClipShape
from tradeoff.measure.runtimes.base import Deployed
from tradeoff.precision import allow_tf32

TOLERANCE = {"float32": 1e-3, "tf32": 1e-2, "bf16": 5e-2, "fp16": 1e-2}
"""The largest error (see `error_of`) that rounding explains, over some sixty layers: three digits for float32, whose
fast algorithms (Winograd) lose some; two for 10 bits; more than one for bf16's 7."""


class WrongOutput(RuntimeError):
    """A runtime's answer is not the network's: however fast, it is no latency of it."""


@dataclass(frozen=True)
class Answers:
    """Two batches of clips, N,3,T,H,W float32, and the logits, N,classes float32, that eager float32 gives for each.

    Two, since a runtime that always gives one answer is right once.
    """

    clips: tuple[Tensor, Tensor]
    logits: tuple[Tensor, Tensor]

    @property
    def contrast(self) -> float:
        """How far apart the two answers are, relative to their size: a runtime that is blind to its clips has at least
        half of it as its error."""
        return error_of(*self.logits)


def subject(
    make: Callable[[], nn.Module], clip: ClipShape, batch: int, device: torch.device
) -> tuple[nn.Module, Answers]:
    """The network that `make` returns in eval mode on the host, always the same, and what it should answer.

    Clips are noise over colours, in [-1, 1]: over noise alone a network's answers hardly differ. Batch norm's
    statistics are random too: while they are the identity, a runtime that loses them would go unnoticed.
    """
    torch.manual_seed(0)
    network = make().eval()
    for module in network.modules():
        if isinstance(module, _BatchNorm) and module.affine and module.track_running_stats:
            for tensor in (module.running_mean, module.bias.data):
                nn.init.normal_(tensor, std=0.1)  # type: ignore[arg-type]
            for tensor in (module.running_var, module.weight.data):
                nn.init.uniform_(tensor, 0.8, 1.25)  # type: ignore[arg-type]
    clips = (_clips(clip, batch), _clips(clip, batch))
    first, second = (_reference(network, each, device) for each in clips)
    return network, Answers(clips, (first, second))


def _clips(clip: ClipShape, batch: int) -> Tensor:
    colours = torch.rand(batch, 3, 1, 1, 1) * 1.6 - 0.8
    return colours + 0.4 * torch.rand(batch, 3, clip.frames, clip.height, clip.width) - 0.2


@torch.inference_mode()
def _reference(network: nn.Module, clips: Tensor, device: torch.device) -> Tensor:
    """Clip by clip: memory that runs out here would be blamed on the runtime."""
    allow_tf32(False)
    network.to(device)
    logits = torch.cat([network(clip[None].to(device)).float().cpu() for clip in clips])
    network.cpu()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return logits


@torch.inference_mode()
def check_output(deployed: Deployed, answers: Answers, precision: str) -> float:
    """The larger error of the two batches' answers. Raises WrongOutput where it is beyond the precision's tolerance."""
    pairs = zip(answers.clips, answers.logits, strict=True)
    errors = [error_of(deployed.fetch(deployed.run(deployed.place(clips))), logits) for clips, logits in pairs]
    error = max(errors, key=lambda each: (math.isnan(each), each))
    if not error <= TOLERANCE[precision]:
        raise WrongOutput(
            f"its output is {error:.2g} away from that of eager float32, relative to its size; "
            f"{precision} may be {TOLERANCE[precision]:g} away"
        )
    return error


def error_of(logits: Tensor, expected: Tensor) -> float:
    """||logits - expected|| over ||expected||; infinite for another shape, NaN where an output is."""
    if logits.shape != expected.shape:
        return float("inf")
    return float((logits.double() - expected.double()).norm() / expected.double().norm())
