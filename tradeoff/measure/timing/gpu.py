"""The GPU beside a measurement, by NVML: clocks, power, temperature, what throttled it, and who else is on it.

NVML knows GPUs by another order than CUDA_VISIBLE_DEVICES makes, so a device is looked up by its UUID. Nothing that
NVML refuses ends a measurement: it becomes words on the record.
"""

from __future__ import annotations

import importlib
import os
import statistics
from collections.abc import Callable, Iterator, Set
from contextlib import ExitStack, contextmanager, suppress
from threading import Event, Thread
from typing import Any

import psutil
import torch

from tradeoff.errors import InputError

NOT_INSTALLED = "not installed: pip install 'tradeoff[gpu]'"
_REASONS = ("nvmlClocksEventReason", "nvmlClocksThrottleReason")  # the second is the older name of the first
_NO_THROTTLING = ("None", "All", "GpuIdle")
_READINGS: dict[str, Callable[[Any, Any], float]] = {
    "sm_clock_mhz": lambda nvml, gpu: nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_SM),
    "power_w": lambda nvml, gpu: nvml.nvmlDeviceGetPowerUsage(gpu) / 1000,  # it counts milliwatts
    "temperature_c": lambda nvml, gpu: _either(
        nvml, "nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature", gpu, nvml.NVML_TEMPERATURE_GPU
    ),
    "utilisation_percent": lambda nvml, gpu: nvml.nvmlDeviceGetUtilizationRates(gpu).gpu,
}


class GpuWatch:
    """Samples a CUDA device from a thread while the block runs, every `every` seconds and once at least.

    On most GPUs since Ampere NVML's power is a mean over the last second, so that of a short block says little.
    """

    def __init__(self, device: torch.device, every: float = 0.1) -> None:
        self.device, self.every = device, every

    def __enter__(self) -> GpuWatch:
        self._facts: dict[str, str] = {}
        self._samples: dict[str, list[float]] = {}
        self._reasons: set[str] = set()
        self._notes: dict[str, None] = {}  # an ordered set
        self._count = 0
        self._ended = Event()
        self._open = ExitStack()
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._open.close()

    def _start(self) -> None:
        """Everything that takes long happens here, not beside the measurement."""
        try:
            nvml, gpu = self._open.enter_context(_session(self.device))
            names = reason_names(nvml)
        except ModuleNotFoundError:
            self._facts["nvml"] = NOT_INSTALLED
            return
        except Exception as error:  # no driver, no such UUID, a library of another version: the measurement goes on
            self._facts["nvml"] = _words(error)
            return
        self._read_facts(nvml, gpu)
        thread = Thread(target=self._watch, args=(nvml, gpu, names), name="tradeoff-gpu-watch", daemon=True)
        thread.start()
        self._open.callback(thread.join)  # before NVML is shut down

    def as_record(self) -> dict[str, Any]:
        """After the block: `name`, `driver`, `samples` (how many), min, median and max of each reading, `throttled_by`
        (NVML's names of every reason seen; one can be `ApplicationsClocksSetting`: locked clocks) and, where something
        could not be read, `notes`. `nvml` says why there is nothing at all."""
        ranges = {
            name: {"min": min(values), "median": statistics.median(values), "max": max(values)}
            for name, values in self._samples.items()
        }
        if not self._count:
            return self._facts
        notes = {"notes": list(self._notes)} if self._notes else {}
        return {**self._facts, "samples": self._count, **ranges, "throttled_by": sorted(self._reasons), **notes}

    def _watch(self, nvml: Any, gpu: Any, names: dict[int, str]) -> None:
        while True:
            self._sample(nvml, gpu, names)
            if self._ended.wait(self.every):
                return

    def _read_facts(self, nvml: Any, gpu: Any) -> None:
        with self._noting("name"):
            self._facts["name"] = nvml.nvmlDeviceGetName(gpu)
        with self._noting("driver"):
            self._facts["driver"] = nvml.nvmlSystemGetDriverVersion()

    def _sample(self, nvml: Any, gpu: Any, names: dict[int, str]) -> None:
        """One reading of each; a GPU that has not all of them (MIG) still gives the others."""
        self._count += 1
        for name, read in _READINGS.items():
            with self._noting(name):
                value = read(nvml, gpu)
                self._samples.setdefault(name, []).append(value)
        with self._noting("throttled_by"):
            self._reasons |= set(_named(_throttle_bits(nvml, gpu), names))

    @contextmanager
    def _noting(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever NVML does not say, once each
            self._notes[f"{name}: {_words(error)}"] = None


def other_processes(device: torch.device, own: Set[int] = frozenset()) -> list[int]:
    """PIDs of other processes that compute on a device, in order; `own` are those that belong to the measurement beside
    this process itself (its parent, its children).

    Empty where NVML is not there. In a container NVML may name the host's PIDs, which cannot be told from our own:
    those that do not exist here are left out.
    """
    try:
        with _session(device) as (nvml, gpu):
            pids = {process.pid for process in nvml.nvmlDeviceGetComputeRunningProcesses(gpu)}
    except Exception:  # not installed, no driver, not permitted: GpuWatch says so on the record
        return []
    return sorted(pid for pid in pids - own - {os.getpid()} if psutil.pid_exists(pid))


def require_alone(device: torch.device, own: Set[int] = frozenset()) -> None:
    """Raises InputError, naming them, where other processes compute on a device."""
    if others := other_processes(device, own):
        named = f"process{'es' if len(others) > 1 else ''} {', '.join(map(str, others))}"
        raise InputError(f"device {device} is in use by {named}: wait until it is free, or name another device")


def reason_names(nvml: Any) -> dict[int, str]:
    """Bit to name of everything that NVML can say holds clocks down, without idleness, which does not."""
    names: dict[int, str] = {}
    for prefix in _REASONS:
        for attribute in sorted(vars(nvml)):  # of two names for one bit the first: the other is a deprecated one
            name, value = attribute.removeprefix(prefix), getattr(nvml, attribute)
            if attribute.startswith(prefix) and name not in _NO_THROTTLING:
                names.setdefault(value, name)
    return names


def _named(bits: int, names: dict[int, str]) -> Iterator[str]:
    """The names of the bits that are set; one that the library has no name for is said in hexadecimal."""
    idle = 1
    for bit in (1 << position for position in range(bits.bit_length())):
        if bits & bit and bit != idle:
            yield names.get(bit, hex(bit))


def _throttle_bits(nvml: Any, gpu: Any) -> int:
    newer, older = (f"nvmlDeviceGetCurrentClocks{word}Reasons" for word in ("Event", "Throttle"))
    return int(_either(nvml, newer, older, gpu))


def _either(nvml: Any, newer: str, older: str, *arguments: Any) -> Any:
    """By the newer function, or by the older, soon removed, where the library or the driver has not that yet."""
    try:
        return getattr(nvml, newer)(*arguments)
    except (AttributeError, nvml.NVMLError):
        return getattr(nvml, older)(*arguments)


@contextmanager
def _session(device: torch.device) -> Iterator[tuple[Any, Any]]:
    """NVML initialised, with its handle of a CUDA device. Raises ModuleNotFoundError, and NVML's own errors."""
    nvml = importlib.import_module("pynvml")
    nvml.nvmlInit()
    try:
        yield nvml, _handle(nvml, device)
    finally:
        with suppress(nvml.NVMLError):
            nvml.nvmlShutdown()


def _handle(nvml: Any, device: torch.device) -> Any:
    """PyTorch gives the UUID bare; NVML wants it with its kind, and a MIG slice has one of its own."""
    bare = str(torch.cuda.get_device_properties(device).uuid)
    if bare.startswith(("GPU-", "MIG-")):
        return nvml.nvmlDeviceGetHandleByUUID(bare)
    try:
        return nvml.nvmlDeviceGetHandleByUUID(f"GPU-{bare}")
    except nvml.NVMLError:
        return nvml.nvmlDeviceGetHandleByUUID(f"MIG-{bare}")


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
