"""From a file to named tensors, without executing anything that the file says."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tradeoff.errors import InputError

State = dict[str, Tensor]

_SMALL_INTEGERS = (torch.int8, torch.uint8, torch.int16)

# What a pickle of plain numpy arrays needs, under the module names of numpy 1 and 2.
_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}
_OLD_TORCH_MAGIC = 0x1950A86A20F9469CFC6C  # what torch.save wrote first before it wrote zip files


class _ArrayUnpickler(pickle.Unpickler):
    """Builds dictionaries, lists and numpy arrays; anything else in the file is refused before it is looked up."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"{module}.{name} is not admitted")
        return super().find_class(module, name)


def read_file(path: Path) -> dict[str, Any]:
    """The content of a checkpoint: what `torch.save` wrote, or a pickle of a tree of numpy arrays.

    Raises InputError for a file that cannot be read, is damaged, or holds anything but tensors and plain values.
    """
    if not path.is_file():
        raise InputError(f"weights {path} cannot be loaded: there is no such file")
    try:
        content = _load(path)
    except Exception as error:  # an unpickler that refuses a file may raise anything
        reason = " ".join(str(error).split())[:160]
        raise InputError(
            f"weights {path} cannot be loaded: a file that torch.save wrote, or a pickle of numpy arrays, is needed, "
            f"of tensors and plain values only ({type(error).__name__}: {reason})"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"weights {path} hold a {type(content).__name__}: a checkpoint or a state dict is needed")
    return content


def _load(path: Path) -> Any:
    if zipfile.is_zipfile(path):
        return torch.load(path, map_location="cpu", weights_only=True)
    content = _ArrayUnpickler(io.BytesIO(path.read_bytes())).load()
    return torch.load(path, map_location="cpu", weights_only=True) if content == _OLD_TORCH_MAGIC else content


def flat_state(content: Mapping[Any, Any], path: Path) -> State:
    """Named tensors: of a state dict, of one under `state_dict` or `model`, or of a tree of arrays, whose names are
    joined by slashes; a `module.` before every name (data parallel training) is taken off.

    Raises InputError where there is anything but tensors.
    """
    for wrapper in ("state_dict", "model"):
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    state: State = {}
    try:
        _flatten(content, "", state, path)
    except RecursionError as error:
        raise InputError(f"weights {path} hold no state dict: they are nested too deeply") from error
    if not state:
        raise InputError(f"weights {path} hold no state dict: a mapping from names to tensors is needed")
    if all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return state


def _flatten(tree: Mapping[Any, Any], prefix: str, state: State, path: Path) -> None:
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Tensor):
            state[name] = _plain(value, name, path)
        elif isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
            state[name] = torch.from_numpy(np.ascontiguousarray(value))
        elif isinstance(value, Mapping):
            _flatten(value, f"{name}/", state, path)
        else:
            raise InputError(
                f"weights {path} hold no state dict: {name!r} is a {type(value).__name__}, where a tensor is needed"
            )


def _plain(tensor: Tensor, name: str, path: Path) -> Tensor:
    """Refuses what would turn into other numbers without a word, or into none."""
    whole = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    if not whole or tensor.is_complex() or tensor.dtype == torch.bool:
        raise InputError(
            f"weights {path}: {name!r} is a {tensor.layout} tensor of {tensor.dtype} on {tensor.device}, where plain "
            "floating-point numbers are needed"
        )
    if tensor.dtype in _SMALL_INTEGERS and tensor.ndim:
        raise InputError(f"weights {path}: {name!r} is of {tensor.dtype}, where floating-point numbers are needed")
    return tensor
