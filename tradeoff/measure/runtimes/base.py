"""What a runtime is: something that turns a network and a clip into a callable, and says what it cannot do."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from tradeoff.errors import InputError
from tradeoff.measure.protocol import LatencyProtocol


@dataclass(frozen=True)
class Deployed:
    """A network made ready for one batch size, precision and layout.

    place: float32 clips N,3,T,H,W on the host to whatever `run` takes: on the device, in the precision and layout.
    run: one pass; on a GPU it may return before the device is done. Its result may be overwritten by the next pass.
    fetch: what `run` returned to float32 logits N,classes on the host; it waits for the device.
    facts: what belongs on the record: the precision that was really executed, what was cached.
    """

    place: Callable[[Tensor], Any]
    run: Callable[[Any], Any]
    fetch: Callable[[Any], Tensor]
    facts: Mapping[str, Any] = field(default_factory=dict)


class Runtime(ABC):
    """One way of executing a network. `name` is how sweeps call it, `modules` what has to be importable,
    `packages` the distributions whose versions a latency depends on, `extra` the pip extra that brings them.

    layouts: of the clip that it takes, the one that it is at its best with first. One that orders memory as it likes
    has `contiguous` only.
    """

    name: ClassVar[str]
    modules: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str | None] = None
    layouts: ClassVar[tuple[str, ...]] = ("contiguous",)

    @abstractmethod
    def precisions(self, device: torch.device) -> tuple[str, ...]:
        """What it executes on a device, float32 first; empty where it does not run at all."""

    @abstractmethod
    def deploy(self, network: nn.Module, clips: Tensor, protocol: LatencyProtocol, device: torch.device) -> Deployed:
        """Make `network` (in eval mode, float32, on the host; it may be changed) ready for batches like `clips`.

        Takes as long as compiling takes. Raises what goes wrong; InputError for what it cannot do.
        """

    def missing(self) -> str | None:
        """Why it cannot be used here, in words, or None."""
        absent = [name for name in self.modules if importlib.util.find_spec(name) is None]
        if not absent:
            return None
        return f"runtime {self.name} needs {' and '.join(absent)}: pip install 'tradeoff[{self.extra}]'"

    def versions(self) -> dict[str, str]:
        """The versions of its packages, for a latency's key."""
        found = {}
        for package in self.packages:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue  # of two packages that bring the same module one is here
        return found


def refusal(runtime: Runtime, precision: str, layout: str, device: torch.device) -> str | None:
    """Why a runtime cannot execute in a precision and layout on a device, naming what it has; or None."""
    if reason := runtime.missing():
        return reason
    has = runtime.precisions(device)
    if not has:
        return f"runtime {runtime.name} does not run on {device.type}"
    if precision not in has:
        return f"runtime {runtime.name} has no {precision} on {device.type}: it has {', '.join(has)}"
    if layout not in runtime.layouts:
        return f"runtime {runtime.name} has no layout {layout}: it has {', '.join(runtime.layouts)}"
    return None


def check(runtime: Runtime, protocol: LatencyProtocol, device: torch.device) -> None:
    """Raises InputError for a runtime that is not installed, and for what it does not have."""
    if reason := refusal(runtime, protocol.precision, protocol.layout, device):
        raise InputError(reason)
