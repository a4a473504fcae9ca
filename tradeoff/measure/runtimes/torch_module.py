"""What the runtimes that execute PyTorch modules share: device, precision and layout of a network and its clips."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.networks.layout import channels_last_3d
from tradeoff.precision import DTYPES, allow_tf32

Place = Callable[[Tensor], Tensor]

FORMATS = {"contiguous": torch.contiguous_format, "channels_last_3d": torch.channels_last_3d}


def precisions(device: torch.device) -> tuple[str, ...]:
    """What PyTorch's convolutions execute: fp16 on a CPU would be converted at each operator."""
    if device.type != "cuda":
        return ("float32", "bf16")
    return on_gpu(device)


def on_gpu(device: torch.device) -> tuple[str, ...]:
    """What a GPU has in hardware: before Ampere tf32 would be float32, and bf16 an emulation."""
    ampere = torch.cuda.get_device_capability(device) >= (8, 0)
    return ("float32", "tf32", "bf16", "fp16") if ampere else ("float32", "fp16")


def put(network: nn.Module, protocol: LatencyProtocol, device: torch.device) -> tuple[nn.Module, Place]:
    """The network on the device in the protocol's precision and layout, and what puts clips there too."""
    dtype, layout = DTYPES[protocol.precision], FORMATS[protocol.layout]
    allow_tf32(protocol.precision == "tf32")
    network = network.to(device, dtype)
    if layout is torch.channels_last_3d:
        channels_last_3d(network)
    return network, lambda clips: clips.to(device, dtype, memory_format=layout)


def fetch(logits: Tensor) -> Tensor:
    return logits.float().cpu()
