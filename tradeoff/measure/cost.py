"""Exact costs, counted without computing: parameters, operations, memory, traffic, of the network and of each layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tradeoff.clip_shape import PAPER_CLIP, ClipShape
from tradeoff.errors import InputError
from tradeoff.measure.conventions import CURVE, EXECUTED, check_convention, recount
from tradeoff.measure.layers import Layer, LayerCounter
from tradeoff.measure.operators import MULTIPLY_ADDS
from tradeoff.networks import build
from tradeoff.records.keys import COUNTER as COUNTER
from tradeoff.variants import Variant

FVCORE_MULTIPLY_ADDS = ("conv", "linear", "matmul", "mm", "addmm", "bmm", "einsum")
_FILLS = frozenset(
    {getattr(Tensor, name) for name in ("normal_", "uniform_", "fill_", "zero_")}
    | {getattr(nn.init, name) for name in ("normal_", "uniform_", "constant_", "kaiming_uniform_")}
)


@dataclass(frozen=True)
class Cost:
    """The cost of one clip through a network in eval mode, in float32 and eager PyTorch.

    params: all learnable numbers of the network.
    weights: those of convolutions, logits and gates, as the convention counts them; no biases, no batch norm.
    macs: multiply-adds of convolutions and matrix products, as the convention counts them.
    activation_bytes: the most memory that computed tensors occupy at once, the clip included and the weights not.
    operations: counts by class of operator (`tradeoff.measure.operators` has the formulas); `convolution` and
        `matmul` add up to `macs`.
    bytes_moved: what all operators read (weights too) and write, none fused with another; views move nothing.
    intensity: floating-point operations a byte: two for each multiply-add that is executed, over `bytes_moved`.
    layers: the same by module, in order of execution.
    convention, note: how weights and multiply-adds are counted (`tradeoff.measure.conventions`). Memory, bytes and
        intensity are those of the network that runs under every convention.
    """

    params: int
    weights: int
    macs: int
    activation_bytes: int
    operations: Mapping[str, int]
    bytes_moved: int
    intensity: float
    layers: tuple[Layer, ...] = field(repr=False)
    convention: str = EXECUTED
    note: str = ""

    @property
    def params_m(self) -> float:
        """Millions of parameters as the convention counts them: `weights` in millions."""
        return self.weights / 1e6

    @property
    def gmacs(self) -> float:
        """Billions of multiply-adds as the convention counts them."""
        return self.macs / 1e9

    def as_record(self) -> dict[str, Any]:
        """All but the layers, as plain JSON values."""
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "layers"}
        return values | {"operations": dict(self.operations)}


def cost(
    variant: Variant | str,
    clip: ClipShape | tuple[int, int, int] | str = PAPER_CLIP,
    convention: str = EXECUTED,
    **knobs: Any,
) -> Cost:
    """Count a variant (or a name with knobs) on a clip, on the meta device: nothing is computed.

    Raises InputError for an unknown variant, a clip that is too small or that the network does not take, a convention
    that is unknown or not defined for the variant, and an operator that has no count.
    """
    shape = ClipShape.of(clip)
    check_convention(convention)
    if isinstance(variant, str):
        variant, knobs = Variant.parse(variant, **knobs), {}
    executed = count_made(partial(build, variant, **knobs), variant.name, shape)
    if convention == EXECUTED:
        return executed
    layers, note = recount(convention, variant, shape, executed.layers)
    return replace(_with_layers(executed, layers), convention=convention, note=note)


def paper_counts(variant: Variant, clip: ClipShape, executed: Cost) -> dict[str, int]:
    """The same network's multiply-adds and weights as the paper counts them (`curve`), for beside the executed ones on
    record: `curve_macs` and `curve_weights`; empty where that is not defined."""
    try:
        layers, _ = recount(CURVE, variant, clip, executed.layers)
    except InputError:
        return {}
    counted = _with_layers(executed, layers)
    return {"curve_macs": counted.macs, "curve_weights": counted.weights}


def count_made(make: Callable[[], nn.Module], name: str, clip: ClipShape) -> Cost:
    """Count the network that `make` returns, as executed. Raises InputError as `cost` does, under the name `name`."""
    with _refusing(name, clip):
        with torch.device("meta"), _NoFills():
            network = make().eval()
        return count(network, clip)


def count(network: nn.Module, clip: ClipShape) -> Cost:
    """Count a network that is on the meta device and in eval mode, on one clip of N,3,T,H,W, as executed.

    Raises InputError for an operator that has no count.
    """
    counter = LayerCounter(network)
    layers = counter.count((1, 3, clip.frames, clip.height, clip.width))
    parameters = list(network.parameters())
    operations, bytes_moved = _total(layers), sum(layer.bytes_moved for layer in layers)
    macs = sum(operations.get(kind, 0) for kind in MULTIPLY_ADDS)
    return Cost(
        params=sum(parameter.numel() for parameter in parameters),
        weights=sum(parameter.numel() for parameter in parameters if parameter.ndim > 1),
        macs=macs,
        activation_bytes=counter.peak_bytes,
        operations=operations,
        bytes_moved=bytes_moved,
        intensity=2 * macs / bytes_moved,
        layers=layers,
    )


def fvcore_macs(variant: Variant, clip: ClipShape) -> tuple[int, dict[str, int]]:
    """The multiply-adds by fvcore, on real tensors, and the operators it says it does not support, with how often.

    An independent check: fvcore calls a multiply-add one flop and counts batch norm and pools too, so only its
    convolutions and matrix products are added up here.
    """
    from fvcore.nn import FlopCountAnalysis

    clips = torch.zeros(1, 3, clip.frames, clip.height, clip.width)
    analysis = FlopCountAnalysis(build(variant).eval(), clips)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    by_operator = analysis.by_operator()
    return sum(int(by_operator[kind]) for kind in FVCORE_MULTIPLY_ADDS), dict(analysis.unsupported_ops())


def _with_layers(executed: Cost, layers: tuple[Layer, ...]) -> Cost:
    """The cost with weights and multiply-adds as these layers have them."""
    operations = _total(layers)
    macs = sum(operations.get(kind, 0) for kind in MULTIPLY_ADDS)
    weights = sum(layer.weights for layer in layers)
    return replace(executed, layers=layers, operations=operations, macs=macs, weights=weights)


def _total(layers: Iterable[Layer]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for layer in layers:
        total.update(layer.operations)
    return dict(total)


@contextmanager
def _refusing(name: str, clip: ClipShape) -> Iterator[None]:
    """InputError for a network that does not take the clip, or that needs what its tensors hold."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).splitlines()[0] if str(error) else repr(error)
        raise InputError(f"variant {name} cannot be counted on clips of {clip}: {reason}") from error


class _NoFills(TorchFunctionMode):
    """Leaves out what initialises weights: there is nothing to fill, and it takes most of building a network."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function in _FILLS:
            return args[0] if args else kwargs["tensor"]
        return function(*args, **kwargs)
