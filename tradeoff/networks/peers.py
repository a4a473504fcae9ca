"""Networks that others define: torchvision's, and the user's own."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from tradeoff.errors import InputError
from tradeoff.variants import CustomVariant, PeerVariant
from tradeoff.variants.custom import source_digest


def build_peer(variant: PeerVariant, dropout: float | None = None) -> nn.Module:
    """A network of torchvision's with random weights, under torchvision's names of parameters.

    `dropout` is the Inception head's and is not used: these networks keep their own. Called with a clip that it cannot
    take, the network raises InputError. Raises InputError where torchvision refuses an argument's value.
    """
    from torchvision.models import get_model  # a second and more, which only those who name such a network wait for

    options = {"num_classes": variant.classes, **variant.keywords}
    try:
        if "temporal_size" in options or "spatial_size" in options:
            network = _resized_mvit(variant, options)
        else:
            network = get_model(variant.model, weights=None, **options)
    except (TypeError, ValueError, RuntimeError) as error:
        if not variant.arguments or isinstance(error, torch.OutOfMemoryError):
            raise
        raise InputError(f"torchvision refuses {variant.name}: {_first_line(error)}") from error
    if variant.picky:
        network.register_forward_pre_hook(partial(_check_input, variant))
    return network


def _check_input(variant: PeerVariant, network: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Say in a sentence what would be an error of shapes or types somewhere inside."""
    (clips,) = inputs
    variant.check_clip(*(int(size) for size in clips.shape[-3:]))
    if variant.model == "s3d" and clips.device.type == "cpu" and clips.dtype in (torch.bfloat16, torch.float16):
        raise InputError(f"variant {variant.name} has an average pool that a CPU computes in float32 alone: use that")


def _resized_mvit(variant: PeerVariant, options: dict[str, Any]) -> nn.Module:
    """An MViT for another clip: torchvision's functions fix their sizes, so this builds from the rows in them."""
    from torchvision.models.video import mvit

    assert variant.clip is not None
    frames, *sides = variant.clip
    rows, shared = _mvit_rows(getattr(mvit, variant.model))
    own = {key: value for key, value in options.items() if key not in ("temporal_size", "spatial_size")}
    network: nn.Module = mvit.MViT(tuple(sides), frames, rows, **shared | own)
    return network


def _mvit_rows(function: Callable[..., nn.Module]) -> tuple[list[Any], dict[str, Any]]:
    """The settings of each block and those that all share, as the function gives them to the blocks' constructor."""
    seen: list[dict[str, Any]] = []

    def block(**options: Any) -> nn.Module:
        seen.append(options)
        return nn.Identity()

    with torch.device("meta"):
        function(weights=None, block=block)
    last = seen[-1]  # the rate of stochastic depth grows over the blocks up to the network's own
    shared = ("residual_pool", "residual_with_cls_embed", "rel_pos_embed", "proj_after_attn", "stochastic_depth_prob")
    return [options["cnf"] for options in seen], {key: last[key] for key in shared}


def build_custom(variant: CustomVariant, dropout: float | None = None) -> nn.Module:
    """What the user's callable returns for `num_classes` and the variant's arguments.

    `dropout` is the Inception head's and is not used. This is the only place that runs code which a variant names.
    Raises InputError where there is no such callable, it does not take the arguments, it returns no module, or its file
    is not the one that the variant was named for. What it raises itself is let through.
    """
    module, _, name = variant.target.partition(":")
    options = {"num_classes": variant.classes, **variant.keywords}
    make = getattr(_user_module(module, variant), name, None)
    if not callable(make):
        problem = "is not there" if make is None else f"is a {type(make).__name__} and cannot be called"
        raise InputError(f"variant {variant.name}: {name!r} {problem} in module {module!r}: name a callable in it")
    _check_arguments(make, options, variant)
    network = make(**options)
    if not isinstance(network, nn.Module):
        raise InputError(f"variant {variant.name}: {name!r} returned a {type(network).__name__}, not a torch.nn.Module")
    return network


_imported: dict[str, tuple[str, ModuleType]] = {}
"""The users' modules, each with the digest of its file when this process imported it."""


def _user_module(module: str, variant: CustomVariant) -> ModuleType:
    """The module, if it is the one that the variant's `source` was taken of: a measurement must not be filed under
    code that did not run."""
    source, loaded = _imported.get(module) or (source_digest(variant.target), None)
    if source != variant.source:
        raise InputError(
            f"variant {variant.name}: module {module!r} was edited after it was named or imported (its digest is "
            f"{source or 'empty'}, not {variant.source or 'empty'}): start anew"
        )
    _imported[module] = source, loaded or _import(module, variant)
    return _imported[module][1]


def _import(module: str, variant: CustomVariant) -> ModuleType:
    try:
        return importlib.import_module(module)
    except Exception as error:  # whatever the module raises
        problem = f"{type(error).__name__}: {_first_line(error)}"
        raise InputError(f"variant {variant.name}: module {module!r} cannot be imported: {problem}") from error


def _check_arguments(make: Callable[..., Any], options: dict[str, Any], variant: CustomVariant) -> None:
    try:
        signature = inspect.signature(make)
    except (TypeError, ValueError):
        return  # some built-in callables have none
    try:
        signature.bind(**options)
    except TypeError as error:
        raise InputError(
            f"variant {variant.name}: {variant.target} takes {signature}, and is called with "
            f"{', '.join(options)}: {_first_line(error)}"
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
