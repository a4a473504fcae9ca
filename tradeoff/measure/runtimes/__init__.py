"""What executes a network: one entry a runtime, and which combinations of a sweep's axes they have."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import torch

from tradeoff.errors import InputError
from tradeoff.measure.protocol import ALL, LatencyAxes, LatencyProtocol
from tradeoff.measure.runtimes.base import Deployed, Runtime, check, refusal
from tradeoff.measure.runtimes.compiled import Compile, CompileFrozen
from tradeoff.measure.runtimes.eager import Eager
from tradeoff.measure.runtimes.onnx_runtime import OnnxRuntime
from tradeoff.measure.runtimes.open_vino import OpenVino
from tradeoff.measure.runtimes.tensor_rt import TensorRt
from tradeoff.setting_names import PRECISIONS
from tradeoff.setting_names import RUNTIMES as NAMES

__all__ = ["RUNTIMES", "Deployed", "Runtime", "check", "combinations", "refusal"]

_ALL = (Eager(), Compile(), CompileFrozen(), OnnxRuntime(), OpenVino(), TensorRt())
RUNTIMES: dict[str, Runtime] = {name: each for name in NAMES for each in _ALL if each.name == name}
AUTO = "auto"


@dataclass(frozen=True)
class _Refused:
    """A point on the axes that its runtime does not have, and why."""

    runtime: str
    precision: str
    layout: str
    reason: str


def combinations(axes: LatencyAxes, device: torch.device) -> tuple[list[LatencyProtocol], list[str]]:
    """Every combination of the axes that its runtime has on a device, and sentences about what was left out.

    Raises InputError for a value that is named (not by `all` or `auto`) and is in none of them.
    """
    had: list[LatencyProtocol] = []
    refused: list[_Refused] = []
    for name in _expanded(axes.runtime, NAMES):
        precisions = _expanded(axes.precision, PRECISIONS)
        for precision, layout in product(precisions, _layouts(axes, RUNTIMES[name])):
            if reason := refusal(RUNTIMES[name], precision, layout, device):
                refused.append(_Refused(name, precision, layout, reason))
            else:
                had += [axes.at(name, precision, layout, batch) for batch in axes.batch]
    unusable = [each for each in refused if _unusable(RUNTIMES[each.runtime], device)]
    lacking = [each for each in refused if _lacks_precision(each, device)]
    for axis, among in (("runtime", unusable), ("precision", lacking), ("layout", refused), ("runtime", refused)):
        for value in getattr(axes, axis):
            _check_had(axis, value, had, among)
    left_out = _sentences(refused, device)
    if not had:
        raise InputError(f"latency: no runtime is left: {'; '.join(left_out)}")
    return had, left_out


def _unusable(runtime: Runtime, device: torch.device) -> bool:
    """Whatever the precision and layout: it is the runtime that should be named otherwise."""
    return runtime.missing() is not None or not runtime.precisions(device)


def _lacks_precision(each: _Refused, device: torch.device) -> bool:
    """Whatever the layout."""
    of = RUNTIMES[each.runtime]
    return refusal(of, each.precision, of.layouts[0], device) is not None


def _expanded(values: tuple[str, ...], every: tuple[str, ...]) -> tuple[str, ...]:
    return every if values == (ALL,) else values


def _layouts(axes: LatencyAxes, of: Runtime) -> tuple[str, ...]:
    """A runtime that orders memory as it likes has one layout, and `all` of them is that."""
    if axes.layout == (AUTO,):
        return of.layouts[:1]
    return _expanded(axes.layout, of.layouts)


def _check_had(axis: str, value: Any, had: list[LatencyProtocol], refused: list[_Refused]) -> None:
    if value in (ALL, AUTO) or any(getattr(each, axis) == value for each in had):
        return
    for each in refused:
        if getattr(each, axis) == value:
            raise InputError(f"latency.{axis} is {value!r}: {each.reason}")


def _sentences(refused: list[_Refused], device: torch.device) -> list[str]:
    """Each once; of the precisions that a runtime does not have, one sentence."""
    lacked: dict[str, list[str]] = {}
    for each in refused:
        several = lacked.setdefault(each.runtime, [])
        if each.precision not in several and _lacks_precision(each, device):
            several.append(each.precision)
    found = []
    for each in refused:
        of, several = RUNTIMES[each.runtime], lacked[each.runtime]
        together = refusal(of, ", ".join(several), of.layouts[0], device) if each.precision in several else None
        found.append(together or each.reason)
    return list(dict.fromkeys(found))
