"""Where a record comes from: the code, the packages, the machine and the command that made it. Part of no key.

Each is looked up once a process, and none can fail: what cannot be told is left out.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shlex
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
import torch

import tradeoff
from tradeoff.setting_names import COMMAND_VARIABLE

PACKAGES = ("torchvision", "numpy", "accelerate", "av", "pillow")
OPTIONAL = ("torchcodec", "onnxruntime", "openvino", "tensorrt")
_GIT_SECONDS = 10.0
_DRIVER = Path("/proc/driver/nvidia/version")
_MACHINE = Path("/etc/machine-id")


@cache
def code() -> dict[str, Any]:
    """The code that runs; see `code_in`."""
    return {"version": version("tradeoff")} | code_in(Path(tradeoff.__file__).parent)


def code_in(package: Path) -> dict[str, Any]:
    """Of a checkout the commit and whether the package's folder differs from it (`dirty`); where that does not tell
    which code it is, the digest of its source."""
    found = _commit(package)
    return found if found.get("dirty") is False else found | {"source": _source_digest(package)}


def _commit(package: Path) -> dict[str, Any]:
    """Of the repository that has the package's files, not of one that an environment happens to lie in."""
    tracked = _git(package, "ls-files", "--error-unmatch", "__init__.py")
    commit, changed = _git(package, "rev-parse", "HEAD"), _git(package, "status", "--porcelain", "--", ".")
    if not tracked or not commit or changed is None:
        return {}
    return {"commit": commit[:12], "dirty": bool(changed)}


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says in a folder, or None where there is no git or no repository. Writes nothing, and is not misled by
    the variables that git sets for its hooks."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environment | {"GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _source_digest(package: Path) -> str:
    """16 hex digits over the package's Python files and their places."""
    hashed = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        hashed.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return hashed.hexdigest()[:16]


@cache
def packages(device: torch.device) -> dict[str, Any]:
    """Versions of the libraries that numbers come from, and of those on a GPU what is under them."""
    found = {"torch": str(torch.__version__)}  # with its build, which the package index does not know
    found |= {name: number for name in (*PACKAGES, *OPTIONAL) if (number := _version(name))}
    if device.type == "cuda":
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        found |= {"cuda": torch.version.cuda or "", "cudnn": str(cudnn)}
    return found


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@cache
def hardware(device: torch.device) -> dict[str, Any]:
    """Tells machines apart: processor, cores, memory, and of a GPU its name, memory and driver. `host` is a digest, so
    that a record that is published names nobody's machine."""
    found: dict[str, Any] = {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "host": _host(),
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found |= {"gpu": properties.name, "gpu_memory_gib": round(properties.total_memory / 2**30, 1)}
        found |= {"driver": driver} if (driver := _driver()) else {}
    return found


def cpu_name() -> str:
    """The processor's model as PyTorch reads it, or the architecture where it has no name."""
    return str(torch.cpu.get_capabilities().get("cpu_name") or platform.machine())


def _host() -> str:
    try:
        identity = _MACHINE.read_text()
    except OSError:
        identity = ""
    return hashlib.sha256(f"{platform.node()}\0{identity}".encode()).hexdigest()[:8]


def _driver() -> str | None:
    """The version of NVIDIA's kernel module, where the system says it."""
    try:
        found = re.search(r"\b\d+\.\d+(\.\d+)?\b", _DRIVER.read_text())
    except OSError:
        return None
    return found.group() if found else None


def command() -> str:
    """What was typed, quoted as a shell reads it: of the command line, or of a script that uses the package."""
    return os.environ.get(COMMAND_VARIABLE) or shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
