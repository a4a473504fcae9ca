"""PyTorch as it is, one operator after the other, with batch norm folded into the convolutions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.measure.runtimes.base import Deployed, Runtime
from tradeoff.measure.runtimes.torch_module import fetch, precisions, put
from tradeoff.networks.folding import fold_batch_norm


class Eager(Runtime):
    name = "eager"
    layouts = ("channels_last_3d", "contiguous")

    def precisions(self, device: torch.device) -> tuple[str, ...]:
        return precisions(device)

    def deploy(self, network: nn.Module, clips: Tensor, protocol: LatencyProtocol, device: torch.device) -> Deployed:
        folded = fold_batch_norm(network)
        network, place = put(network, protocol, device)
        return Deployed(place, network, fetch, {"batch_norms_folded": folded})
