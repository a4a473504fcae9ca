"""Trained networks: our own checkpoint files, and opening any file that holds weights of a known layout."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tradeoff.errors import InputError
from tradeoff.networks import build
from tradeoff.variants import CustomVariant, InceptionVariant, PeerVariant, Variant
from tradeoff.weights.fitting import check_fit
from tradeoff.weights.known import is_name, known_weights, locate
from tradeoff.weights.layouts import LAYOUTS, sniff
from tradeoff.weights.reading import State, flat_state, read_file

FORMAT = "tradeoff-checkpoint-1"
_KEPT = re.compile(r"[0-9a-f]{16}\.([0-9a-f]{16})\.pt")


@dataclass(frozen=True)
class Weights:
    """A trained network's tensors under our names, and what they are of.

    origin: the name or path that the user gave. layout: `tradeoff`, `torchvision`, or a name in `LAYOUTS`. image: an
    image network's. labels: what the classes are called, where the file says.
    """

    origin: str
    layout: str
    variant: Variant
    state: State
    image: bool = False
    labels: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """16 hex digits over every tensor, whatever file and layout they are in."""
        return digest_of(self.state)

    def network(self) -> nn.Module:
        """The network itself, in eval mode."""
        network = build(self.variant)
        network.load_state_dict(self.state)
        return network.eval()


def open_weights(weights: str | Path, variant: Variant | None = None) -> Weights:
    """Read weights by a known name or from a file, whose layout is recognised by the names in it.

    A file of bare weights under our own names, or of a network of another family, needs `variant`. Raises InputError
    where the file cannot be read, its layout is unknown, or names and shapes do not fit.
    """
    path, origin = locate(weights), str(weights)
    content = read_file(path)
    form = content.get("format")
    if isinstance(form, str) and form == FORMAT:
        own = _variant_of(content, origin, variant)
        fitted = _fitted(flat_state(_mapping(content, origin), path), own, origin)
        kept = Weights(origin, "tradeoff", own, fitted, labels=_labels(content, own))
        _check_state(path, kept)
        return kept
    state = flat_state(content, path)
    variant = variant or _known_variant(weights)
    layout = None if isinstance(variant, PeerVariant | CustomVariant) else sniff(state)
    if layout is not None:
        read, source = layout.read(state, origin)
        return Weights(origin, layout.name, source, read, layout.image)
    if variant is None:
        raise InputError(
            f"weights {origin} are of no known layout ({', '.join(LAYOUTS)}); the first names in it are "
            f"{', '.join(map(repr, list(state)[:3]))}: if they are of a network of ours, name the variant too"
        )
    if isinstance(variant, InceptionVariant) and (bias := state.get("head.logits.bias")) is not None:
        variant = replace(variant, classes=max(1, bias.numel()))
    if isinstance(variant, PeerVariant):
        variant = _with_own_classes(variant, state)
        return Weights(origin, "torchvision", variant, _fitted(state, variant, origin))
    return Weights(origin, "tradeoff", variant, _fitted(state, variant, origin))


def _check_state(path: Path, weights: Weights) -> None:
    """A sweep names the checkpoints that it keeps by their state; torch reads one with zeros in it without a word."""
    if (named := _KEPT.fullmatch(path.name)) and named[1] != weights.digest:
        raise InputError(f"weights {weights.origin} are damaged: their state {weights.digest} is not the name's")


def _known_variant(weights: str | Path) -> Variant | None:
    """What known weights of another family are of: their names do not tell."""
    known = known_weights().get(str(weights)) if is_name(weights) else None
    variant = Variant.parse(known.variant) if known else None
    return variant if isinstance(variant, PeerVariant) else None


def _with_own_classes(variant: PeerVariant, state: State) -> PeerVariant:
    """The variant for as many classes as the file's last layer tells apart; in every peer its bias comes last."""
    last = list(state.values())[-1]
    return replace(variant, classes=last.numel()) if last.ndim == 1 and last.numel() else variant


def checkpoint_bytes(network: nn.Module | State, variant: Variant, labels: Sequence[str] = ()) -> bytes:
    """The content of a checkpoint file: the variant, the weights on the CPU in contiguous layout, and what the classes
    are called."""
    state = network.state_dict() if isinstance(network, nn.Module) else network
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    buffer = io.BytesIO()
    content = {"format": FORMAT, "variant": variant.fields(), "state": state}
    torch.save(content | ({"labels": list(labels)} if labels else {}), buffer)
    return buffer.getvalue()


def state_digest(network: nn.Module) -> str:
    """16 hex digits over every weight and buffer of a network."""
    return digest_of(network.state_dict())


def digest_of(state: Mapping[str, Tensor]) -> str:
    """16 hex digits over named tensors."""
    hashed = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        hashed.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        hashed.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return hashed.hexdigest()[:16]


def load_checkpoint(path: Path, variant: Variant | None = None) -> tuple[nn.Module, Variant]:
    """The network in a file, in eval mode, and what it is; as it is, nothing derived.

    Raises InputError when the file cannot be read, is of another network than `variant`, or its weights do not fit.
    """
    weights = open_weights(path, variant)
    if variant is not None and weights.variant != variant:
        raise InputError(
            f"weights {path} are of {weights.variant.name} {weights.variant.fields()}, "
            f"not of {variant.name} {variant.fields()}"
        )
    return weights.network(), weights.variant


def _fitted(state: State, variant: Variant, origin: str) -> State:
    """The tensors in the order and types of the variant's network. Raises InputError where they do not fit."""
    with torch.device("meta"):
        own = build(variant).state_dict()
    shapes = {name: tensor.shape for name, tensor in own.items()}
    check_fit({name: tensor.shape for name, tensor in state.items()}, shapes, origin, variant.name)
    zero = torch.tensor(0)
    return {name: state.get(name, zero).to(tensor.dtype) for name, tensor in own.items()}


def _mapping(content: Mapping[str, Any], origin: str) -> Mapping[str, Any]:
    state = content.get("state")
    if not isinstance(state, Mapping):
        raise InputError(f"weights {origin} hold no state dict: a mapping from names to tensors is needed")
    return state


def _variant_of(content: Mapping[str, Any], origin: str, wanted: Variant | None) -> Variant:
    try:
        own = Variant.from_fields(content["variant"])
    except (InputError, KeyError, AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"weights {origin} describe no known network ({error!r}): name a checkpoint of tradeoff"
        ) from error
    # What a file says must not choose which code is run.
    if isinstance(own, CustomVariant) and own != wanted:
        raise InputError(f"weights {origin} are of {own.name}, code of a user's: name that variant too")
    return own


def _labels(content: Mapping[str, Any], variant: Variant) -> tuple[str, ...]:
    labels = content.get("labels")
    named = isinstance(labels, list) and len(labels) == variant.classes and all(isinstance(x, str) for x in labels)
    return tuple(labels) if named and labels else ()
