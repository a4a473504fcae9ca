"""Speed-accuracy trade-offs of video networks: variants, cost, latency, accuracy, frontier.

    import tradeoff
    network = tradeoff.build("S3D", classes=400)              # an nn.Module, N,C,T,H,W in, N,classes out
    tradeoff.cost("S3D", clip=(64, 224, 224)).macs            # 71_916_314_624
    tradeoff.load_results("results/local")                    # a DataFrame, one row a variant and protocol

Names are imported when they are first used, so that `import tradeoff` does not wait for torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradeoff.clip_shape import ClipShape as ClipShape
    from tradeoff.errors import InputError as InputError
    from tradeoff.measure.cost import cost as cost
    from tradeoff.measure.latency import latency as latency
    from tradeoff.measure.protocol import LatencyProtocol as LatencyProtocol
    from tradeoff.records.table import load_results as load_results
    from tradeoff.variants import Variant as Variant
    from tradeoff.weights.building import build as build

_WHERE = {
    "ClipShape": "tradeoff.clip_shape",
    "InputError": "tradeoff.errors",
    "LatencyProtocol": "tradeoff.measure.protocol",
    "Variant": "tradeoff.variants",
    "build": "tradeoff.weights.building",
    "cost": "tradeoff.measure.cost",
    "latency": "tradeoff.measure.latency",
    "load_results": "tradeoff.records.table",
}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'tradeoff' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
