"""What each kind of measurement depends on: exactly this, and nothing else, makes its key.

A field at its default is left out by whoever builds the argument (`Variant.fields`, `Recipe.fields`, ...), so a new
knob changes no old key. For the same reason a default, once released, must never change its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from tradeoff.digest import digest

Kind = Literal["cost", "training", "accuracy", "latency", "weights", "layers"]
KINDS: tuple[Kind, ...] = ("cost", "training", "accuracy", "latency")
"""What a sweep consists of."""
FOLDERS: tuple[Kind, ...] = (*KINDS, "weights", "layers")
"""What a results folder holds: what sweeps measure, and what was measured for a figure alone: of trained weights, and
of the layers of a network."""
COUNTER = "tradeoff.operators/2"
"""Names the way of counting; part of the key of a cost and of layers. Change the number when a count changes."""
TEMPORAL_WEIGHTS = "temporal-weights/1"
"""The method of a `weights` record: measure/ writes it, report/ draws it, and neither may import the other."""
Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Key:
    """A measurement's kind and what it depends on; `digest` names its record."""

    kind: Kind
    depends_on: Fields

    @cached_property
    def digest(self) -> str:
        return digest({"kind": self.kind, **self.depends_on})


def cost_key(variant: Fields, clip: str, counter: str) -> Key:
    return Key("cost", {"variant": variant, "clip": clip, "counter": counter})


def layers_key(variant: Fields, clip: str, counter: str) -> Key:
    return Key("layers", {"variant": variant, "clip": clip, "counter": counter})


def training_key(
    variant: Fields,
    clip: str,
    data: str,
    fold: int,
    recipe: Fields,
    threads: int,
    seed: int,
    initial: str | None = None,
    processes: int = 1,
) -> Key:
    """`recipe` holds the resolved precision; `initial` is the digest of the weights that training starts from;
    `processes` train together, with `threads` each."""
    fields = {
        "variant": variant,
        "clip": clip,
        "data": data,
        "recipe": recipe,
        "threads": threads,
        "seed": seed,
    }
    fields |= {"processes": processes} if processes > 1 else {}
    return Key("training", fields | ({"fold": fold} if fold else {}) | ({"initial": initial} if initial else {}))


def accuracy_key(source: Fields, data: str, fold: int, view: Fields, order: str) -> Key:
    """`source` is {"training": key} or {"checkpoint": digest, "variant": fields}."""
    fields = {**source, "data": data, "view": view}
    return Key(
        "accuracy",
        fields | ({"fold": fold} if fold else {}) | ({"order": order} if order != "normal" else {}),
    )


def latency_key(
    variant: Fields,
    clip: str,
    protocol: Fields,
    machine: Fields,
    source: str,
    replicate: int,
    throughput: Sequence[int] = (),
) -> Key:
    """`protocol` holds batch, layout, runtime, precision, threads; `machine` the hardware and library versions;
    `source` is the digest of the code of the network and of the timer. One replicate is one process; `throughput` are
    the other batch sizes that it measures."""
    fields = {"variant": variant, "clip": clip, **protocol, "machine": machine, "source": source}
    return Key("latency", fields | {"replicate": replicate} | ({"throughput": [*throughput]} if throughput else {}))


def weights_key(checkpoint: str, method: str) -> Key:
    """`checkpoint` is the digest of the tensors, whatever file they came in; `method` says what is measured of them."""
    return Key("weights", {"checkpoint": checkpoint, "method": method})
