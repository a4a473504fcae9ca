"""Where a latency stands against what the machine's arithmetic and memory allow (Williams et al., CACM 2009)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from tradeoff.measure.layers import Layer
from tradeoff.measure.timing.yardstick import Yardstick

BYTES = {"float32": 4, "tf32": 4, "bf16": 2, "fp16": 2}
_COUNTED = 4  # bytes a number in which layers are counted


@dataclass(frozen=True)
class Roofline:
    """arithmetic_ms: the multiply-adds of a batch at the rate of the matrix product.
    fraction: of that rate that the latency comes to, arithmetic_ms / latency. Above 1 where a faster algorithm than
        the counted one is used (Winograd), or where the product itself falls short of the machine.
    bound_ms: layer by layer the longer of its arithmetic and its traffic, added up: the least that an execution
        without any fusion takes.
    bound: `compute` or `memory`, whichever most of bound_ms is due to.
    intensity: operations a byte, of the network; ridge: of the machine, where the two take equally long.
    """

    arithmetic_ms: float
    fraction: float
    bound_ms: float
    bound: str
    intensity: float
    ridge: float

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


def roofline(layers: Iterable[Layer], batch: int, latency_ms: float, machine: Yardstick) -> Roofline:
    """From the layers of one clip (see `tradeoff.measure.cost`) and the latency of a batch of them.

    Traffic is counted in the precision of the yardstick; weights are counted once a clip, which for a batch is more
    than is read.
    """
    scale = BYTES[machine.precision] / _COUNTED
    rows = [
        (2 * layer.macs * batch / machine.gflops / 1e6, layer.bytes_moved * scale * batch / machine.copy_gb_s / 1e6)
        for layer in layers
    ]
    arithmetic, traffic = (sum(column) for column in zip(*rows, strict=True))
    bound = sum(max(row) for row in rows)
    by_arithmetic = sum(row[0] for row in rows if row[0] >= row[1])
    ridge = machine.gflops / machine.copy_gb_s
    return Roofline(
        arithmetic_ms=arithmetic,
        fraction=arithmetic / latency_ms,
        bound_ms=bound,
        bound="compute" if by_arithmetic >= bound / 2 else "memory",
        intensity=ridge * arithmetic / traffic,
        ridge=ridge,
    )
