"""Exact costs, counted without computing: parameters, multiply-adds, activation memory."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from tradeoff.clip_shape import PAPER_CLIP, ClipShape
from tradeoff.networks import build
from tradeoff.variants import Variant

COUNTER = "torch.utils.flop_counter/1"
"""Names the way of counting; part of a cost's key. Change the number when a count changes."""


@dataclass(frozen=True)
class Cost:
    """The cost of one clip through a network in eval mode.

    params: all learnable numbers. weights: those of convolutions, logits and gates, biases and batch norm left out.
    macs: multiply-adds that are executed, of convolutions and matrix products (the logits at every step).
    activation_bytes: the most memory that tensors computed in one float32 pass occupy at once, the clip included and
        the weights not, as eager PyTorch frees them.
    """

    params: int
    weights: int
    macs: int
    activation_bytes: int

    def as_record(self) -> dict[str, int]:
        return asdict(self)


def cost(variant: Variant | str, clip: ClipShape | tuple[int, int, int] | str = PAPER_CLIP, **knobs: Any) -> Cost:
    """Count a variant (or a name with knobs) on a clip, on the meta device: nothing is computed.

    Raises InputError for an unknown variant or a clip that is too small.
    """
    shape = ClipShape.of(clip)
    with torch.device("meta"):
        network = build(variant, **knobs).eval()
    return Cost(
        params=sum(parameter.numel() for parameter in network.parameters()),
        weights=sum(parameter.numel() for parameter in network.parameters() if parameter.ndim > 1),
        macs=count_macs(network, shape),
        activation_bytes=peak_activation_bytes(network, shape),
    )


def count_macs(network: nn.Module, clip: ClipShape) -> int:
    """Multiply-adds of one clip; the counter gives two operations for each."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(_meta_clip(clip))
    operations: int = counter.get_total_flops()
    return operations // 2


def peak_activation_bytes(network: nn.Module, clip: ClipShape) -> int:
    """The most bytes of tensors alive at once in one inference pass."""
    with torch.no_grad(), _LiveBytes() as live:
        # Made inside, so that the clip is counted like every other tensor; not kept, as a caller need not either.
        network(_meta_clip(clip))
    peak: int = live.peak
    return peak


def fvcore_macs(variant: Variant, clip: ClipShape) -> tuple[int, dict[str, int]]:
    """The same count by fvcore, on real tensors, and the operators that it says it does not support, with how often.

    An independent check: fvcore calls a multiply-add one flop and counts batch norm and pools too, so only its
    convolutions and matrix products are added up here.
    """
    from fvcore.nn import FlopCountAnalysis

    clips = torch.zeros(1, 3, clip.frames, clip.height, clip.width)
    analysis = FlopCountAnalysis(build(variant).eval(), clips)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    by_operator = analysis.by_operator()
    return int(by_operator["conv"] + by_operator["linear"]), dict(analysis.unsupported_ops())


def _meta_clip(clip: ClipShape) -> Tensor:
    return torch.empty(1, 3, clip.frames, clip.height, clip.width, device="meta")


class _LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up storages as operators make them, takes them off as they are freed, and keeps the peak."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {storage._cdata for storage in _storages(args)}
        result = function(*args, **(kwargs or {}))
        for storage in _storages(result):
            if storage._cdata not in given | self._known:
                self._add(storage)
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        identity, size = storage._cdata, storage.nbytes()
        self._known.add(identity)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._free, identity, size)

    def _free(self, identity: int, size: int) -> None:
        self._known.discard(identity)
        self.live -= size


def _storages(tree: Any) -> list[torch.UntypedStorage]:
    leaves = torch.utils._pytree.tree_leaves(tree)
    return [leaf.untyped_storage() for leaf in leaves if isinstance(leaf, Tensor)]
