"""Which machine, device and library versions a measurement was made with."""

from __future__ import annotations

import hashlib
import inspect
import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import tradeoff.measure
import tradeoff.networks
import tradeoff.precision
from tradeoff.errors import InputError
from tradeoff.measure.provenance import code, command, cpu_name, hardware, packages
from tradeoff.measure.runtimes import RUNTIMES
from tradeoff.measure.runtimes.base import Runtime


def resolve_device(name: str) -> torch.device:
    """`cpu`, `cuda` or `cuda:1`; raises InputError for anything else or for a GPU that is not there."""
    kind, _, index = name.partition(":")
    if not re.fullmatch(r"cpu|cuda(:[0-9]{1,4})?", name):
        raise InputError(f"device {name!r} is unknown: use cpu, cuda or cuda:N")
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(index or 0) >= count:
            raise InputError(f"device {name!r} is not there: this machine has {count} CUDA devices; use cpu")
        return torch.device("cuda", int(index or 0))
    return torch.device("cpu")


def device_name(device: torch.device) -> str:
    """For people: `cpu AMD EPYC`, `cuda NVIDIA H100`."""
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    return f"cpu {cpu_name()}"


def machine(device: torch.device, runtime: str = "eager") -> dict[str, Any]:
    """What a latency in a runtime depends on: hardware and library versions. Part of a latency's key."""
    fields: dict[str, Any] = {
        "device": device_name(device),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
        **RUNTIMES[runtime].versions(),
    }
    if device.type == "cuda":
        fields |= {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}  # type: ignore[no-untyped-call]
    return fields


def provenance(device: torch.device) -> dict[str, Any]:
    """What every record says about how it was made, beside its key: code, packages, machine, command."""
    return {
        "device": device_name(device),
        "machine": hardware(device),
        "packages": packages(device),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
        "code": code(),
        "command": command(),
        "load": load_average(),
    }


def load_average() -> float | None:
    """Runnable processes over the last minute, this one included; None where the system does not say."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def source_digest(runtime: str = "eager") -> str:
    """16 hex digits over the source of the networks, of the timer and of the runtime: a change to any is another
    latency, and a change to one runtime is no other latency of another."""
    measure = Path(tradeoff.measure.__file__).parent
    folders = (Path(tradeoff.networks.__file__).parent, measure / "timing")
    files = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    shared = [
        path for path in sorted((measure / "runtimes").glob("*.py")) if path not in map(_source, RUNTIMES.values())
    ]
    hashed = hashlib.sha256()
    files += [measure / "latency.py", Path(tradeoff.precision.__file__), *shared, _source(RUNTIMES[runtime])]
    for path in files:
        hashed.update(path.name.encode() + b"\0" + path.read_bytes())
    return hashed.hexdigest()[:16]


def _source(runtime: Runtime) -> Path:
    """The one file that a runtime is written in."""
    return Path(inspect.getfile(type(runtime)))
