"""Checkpoints: a variant's fields and its weights in one file, which loading never executes."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tradeoff.errors import InputError
from tradeoff.networks import build
from tradeoff.variants import Variant

FORMAT = "tradeoff-checkpoint-1"


def checkpoint_bytes(network: nn.Module, variant: Variant) -> bytes:
    """The content of a checkpoint file: the variant, and the weights on the CPU in contiguous layout."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "variant": variant.fields(), "state": state}, buffer)
    return buffer.getvalue()


def state_digest(network: nn.Module) -> str:
    """16 hex digits over every weight and buffer, whatever file they are in."""
    hashed = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        hashed.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        hashed.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return hashed.hexdigest()[:16]


def load_checkpoint(path: Path, variant: Variant | None = None) -> tuple[nn.Module, Variant]:
    """The network in a checkpoint, in eval mode, and what it is.

    A file of bare weights (a state dict) needs `variant`. Raises InputError when the file cannot be read, is of
    another network than `variant`, or its weights do not fit.
    """
    content = _read(path)
    state = content.get("state", content)
    if content.get("format") == FORMAT:
        own = _variant_of(content, path)
        if variant is not None and own != variant:
            raise InputError(
                f"weights {path} are of {own.name} {own.fields()}, not of {variant.name} {variant.fields()}"
            )
        variant = own
    if variant is None:
        raise InputError(f"weights {path} do not say which network they are of: name the variant too")
    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise InputError(f"weights {path} hold no state dict: a mapping from names to tensors is needed")
    network = build(variant, dropout=0.0)
    try:
        network.load_state_dict(state)
    except (RuntimeError, AttributeError) as error:  # other names, other shapes, names that are no text
        problem = " ".join(str(error).split())[:300]
        raise InputError(f"weights {path} do not fit {variant.name}: {problem}") from error
    return network.eval(), variant


def _variant_of(content: dict[str, Any], path: Path) -> Variant:
    try:
        return Variant.from_fields(content["variant"])
    except (InputError, KeyError, AttributeError, TypeError) as error:
        raise InputError(
            f"weights {path} describe no known network ({error!r}): name a checkpoint of tradeoff"
        ) from error


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"weights {path} cannot be loaded: there is no such file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # an unpickler that refuses a file may raise anything
        raise InputError(
            f"weights {path} cannot be loaded: a file that torch.save wrote is needed, of tensors and plain values only"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"weights {path} hold a {type(content).__name__}: a checkpoint or a state dict is needed")
    return content
