"""What each layer of a network costs, as a record: what the figure of layers is drawn from."""

from __future__ import annotations

import re
import time
from dataclasses import fields
from typing import Any

import torch

from tradeoff.clip_shape import ClipShape
from tradeoff.measure.cost import COUNTER, cost
from tradeoff.measure.environment import provenance
from tradeoff.measure.layers import Layer
from tradeoff.records.keys import layers_key
from tradeoff.records.store import Record, Store
from tradeoff.variants import Variant

_UNIT = re.compile(r"trunk\.[a-z]+_(\w+)|(\w+\.\d+)|(\w+)")


def record_layers(variant: Variant, clip: ClipShape, store: Store) -> Record:
    """Count a network's layers into a results folder; what is on record already stands.

    Raises InputError as `cost` does, and for a folder that cannot be written.
    """
    started = time.perf_counter()
    counted = cost(variant, clip)
    measured = {"macs": counted.macs, "layers": [_plain(layer) for layer in counted.layers]}
    about = {"name": variant.name, "variant": variant.fields(), "clip": str(clip)}
    made = provenance(torch.device("cpu")) | {"seconds": round(time.perf_counter() - started, 3)}
    return store.prepare().write(layers_key(variant.fields(), str(clip), COUNTER), measured, about=about, made=made)


def _plain(layer: Layer) -> dict[str, Any]:
    values = {each.name: getattr(layer, each.name) for each in fields(layer)} | {"operations": dict(layer.operations)}
    return values | {"unit": unit_of(layer.name), "kind": layer.kind, "macs": layer.macs}


def unit_of(name: str) -> str:
    """The part of the network that a module belongs to: `4b` of `trunk.mixed_4b.branch0.conv` in the paper's family,
    `head`; in others the outermost module, with its number where it has one: `features.3`, `fc`; `network` itself."""
    found = _UNIT.match(name)
    return next(group for group in found.groups() if group) if found else "network"
