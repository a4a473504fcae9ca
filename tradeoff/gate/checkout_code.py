"""Networks of a checkout, timed by the tool that is installed. For a process of its own: it is not undone.

The measuring code must have been imported before: if the checkout is of `tradeoff` itself, its modules take the
installed ones' place under the same names, and whatever holds on to the installed ones goes on using them.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from tradeoff.errors import InputError
from tradeoff.gate.companion import sentence_of

TOOL = "tradeoff"


@dataclass(frozen=True)
class Wanted:
    """A network by its name, and what its sweep gives to all: classes, and a width for those that have one."""

    name: str
    classes: int
    width: float = 1.0


def enter(folder: Path) -> None:
    """From here on this process imports from the checkout first, and is in its folder."""
    os.chdir(folder)
    roots = [root for root in (folder, folder / "src") if root.is_dir()]
    sys.path[:0] = [str(root) for root in roots]
    if any((root / TOOL / "__init__.py").is_file() for root in roots):
        for name in [name for name in sys.modules if name.partition(".")[0] == TOOL]:
            del sys.modules[name]
    importlib.invalidate_caches()


def maker(wanted: Wanted, folder: Path | None) -> Callable[[], nn.Module]:
    """What makes the checkout's network, once `enter` was called: each call a new one, as `torch.manual_seed` has it.
    Without a folder, the network as it is installed.

    Raises InputError where the checkout has no such network, or it comes from elsewhere.
    """
    tool = importlib.import_module(TOOL)
    try:
        variant = tool.Variant.parse(wanted.name, {"width": wanted.width}, classes=wanted.classes)
    except Exception as error:
        raise InputError(sentence_of(error)) from error
    code = f"{TOOL}.networks" if ":" not in wanted.name else wanted.name.partition(":")[0]

    def make() -> nn.Module:
        try:
            network = tool.build(variant)
        except Exception as error:
            raise InputError(sentence_of(error)) from error
        if folder is not None:
            _check_origin(code, folder)
        made: nn.Module = network
        return made

    return make


def _check_origin(module: str, folder: Path) -> None:
    """A network of the environment's would be the same on both sides, whatever changed."""
    found = Path(str(sys.modules[module].__file__)).resolve()
    if not found.is_relative_to(folder.resolve()):
        raise InputError(
            f"module {module} was imported from {found}, not from the checkout: only networks whose module is in the "
            "repository, at its top or in src/, can be compared"
        )
