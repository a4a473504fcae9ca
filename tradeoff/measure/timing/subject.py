"""What is timed: a network with random weights, its clips, and what it should answer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tradeoff.clip_shape import ClipShape
from tradeoff.measure.runtimes.base import Deployed
from tradeoff.networks import build
from tradeoff.precision import allow_tf32
from tradeoff.variants import Variant

TOLERANCE = {"float32": 1e-3, "tf32": 1e-2, "bf16": 1e-1, "fp16": 1e-2}
"""The largest error (see `error_of`) that rounding explains, over some sixty layers: three digits for float32, whose
fast algorithms (Winograd) lose some; two for 10 bits; one for bf16's 7."""


class WrongOutput(RuntimeError):
    """A runtime's answer is not the network's: however fast, it is no latency of it."""


def subject(variant: Variant, clip: ClipShape, batch: int, seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A variant's network in eval mode, and float32 clips N,3,T,H,W in [-1, 1], both on the host.

    Batch norm's statistics are random too: while they are the identity, a runtime that loses them would go unnoticed.
    """
    torch.manual_seed(seed)
    network = build(variant).eval()
    for module in network.modules():
        if isinstance(module, _BatchNorm) and module.affine and module.track_running_stats:
            for tensor in (module.running_mean, module.bias.data):
                nn.init.normal_(tensor, std=0.1)  # type: ignore[arg-type]
            for tensor in (module.running_var, module.weight.data):
                nn.init.uniform_(tensor, 0.8, 1.25)  # type: ignore[arg-type]
    return network, torch.rand(batch, 3, clip.frames, clip.height, clip.width) * 2 - 1


@torch.inference_mode()
def reference(network: nn.Module, clips: Tensor, device: torch.device) -> Tensor:
    """The network's logits in eager float32, N,classes on the host, where the network is left."""
    allow_tf32(False)
    logits: Tensor = network.to(device)(clips.to(device)).cpu()
    network.cpu()
    return logits


def check_output(deployed: Deployed, result: object, expected: Tensor, precision: str) -> float:
    """The error of a pass's result. Raises WrongOutput where it is beyond the precision's tolerance."""
    error = error_of(deployed.fetch(result), expected)
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
