"""What is made of NVML's answers, with NVML scripted: no test here needs a GPU."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import psutil
import pytest
import torch

from tradeoff.errors import InputError
from tradeoff.measure.timing import gpu
from tradeoff.measure.timing.gpu import NOT_INSTALLED, GpuWatch, other_processes, reason_names, require_alone

DEVICE = torch.device("cuda", 0)
UUID = "4b2c5f0e-8a55-1c4e-6a2e-3f0d2a9c7b11"
SW_POWER_CAP, HW_SLOWDOWN, IDLE, UNKNOWN = 0x4, 0x8, 0x1, 0x1000


class NVMLError(Exception):
    pass


def refuses(*_: object) -> Any:
    raise NVMLError("Not Supported")


def script(values: list[Any]) -> Callable[..., Any]:
    """A reading for each sample; the last one stays."""
    left = list(values)
    return lambda *_: left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A GPU whose readings a test may script, in place of the library."""
    fake: Any = ModuleType("pynvml")
    fake.NVMLError, fake.opened = NVMLError, 0
    fake.NVML_CLOCK_SM, fake.NVML_TEMPERATURE_GPU = 1, 0
    fake.nvmlClocksEventReasonNone, fake.nvmlClocksEventReasonGpuIdle = 0, IDLE
    fake.nvmlClocksEventReasonSwPowerCap, fake.nvmlClocksEventReasonAll = SW_POWER_CAP, 0xD
    fake.nvmlClocksThrottleReasonSwPowerCap = SW_POWER_CAP
    fake.nvmlClocksThrottleReasonHwSlowdown = HW_SLOWDOWN

    def open_(step: int) -> None:
        fake.opened += step

    def by_uuid(uuid: str) -> str:
        if uuid != f"GPU-{UUID}":
            raise NVMLError("Not Found")
        return "handle"

    fake.nvmlInit, fake.nvmlShutdown = lambda: open_(1), lambda: open_(-1)
    fake.nvmlDeviceGetHandleByUUID = by_uuid
    fake.nvmlDeviceGetName, fake.nvmlSystemGetDriverVersion = lambda handle: "NVIDIA H100", lambda: "580.1"
    fake.nvmlDeviceGetClockInfo = lambda handle, kind: {1: 1980}[kind]
    fake.nvmlDeviceGetPowerUsage = lambda handle: 412_500
    fake.nvmlDeviceGetTemperatureV = lambda handle, sensor: {0: 61}[sensor]
    fake.nvmlDeviceGetUtilizationRates = lambda handle: SimpleNamespace(gpu=97, memory=40)
    fake.nvmlDeviceGetCurrentClocksEventReasons = lambda handle: 0
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=UUID))
    return fake


class Ended:
    """An event that is set once so many samples were taken, instead of after some time."""

    def __init__(self, samples: int) -> None:
        self.left = samples

    def wait(self, seconds: float) -> bool:
        self.left -= 1
        return self.left == 0

    def set(self) -> None:
        pass


def sampled(monkeypatch: pytest.MonkeyPatch, samples: int) -> dict[str, Any]:
    """The record of a block during which this many samples were taken."""
    monkeypatch.setattr(gpu, "Event", lambda: Ended(samples))
    with GpuWatch(DEVICE) as watch:
        pass
    return watch.as_record()


def of(value: float) -> dict[str, float]:
    return {"min": value, "median": value, "max": value}


def test_a_record_has_the_range_of_every_reading(nvml: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml.nvmlDeviceGetClockInfo = script([345, 1980, 1755])
    assert sampled(monkeypatch, 3) == {
        "name": "NVIDIA H100",
        "driver": "580.1",
        "samples": 3,
        "sm_clock_mhz": {"min": 345, "median": 1755, "max": 1980},
        "power_w": of(412.5),
        "temperature_c": of(61),
        "utilisation_percent": of(97),
        "throttled_by": [],
    }
    assert nvml.opened == 0


def test_every_reason_seen_is_named_but_idleness(nvml: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml.nvmlDeviceGetCurrentClocksEventReasons = script([IDLE, SW_POWER_CAP | IDLE, HW_SLOWDOWN | UNKNOWN])
    assert sampled(monkeypatch, 3)["throttled_by"] == ["0x1000", "HwSlowdown", "SwPowerCap"]


def test_an_older_library_has_older_names(nvml: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    del nvml.nvmlDeviceGetCurrentClocksEventReasons, nvml.nvmlDeviceGetTemperatureV
    nvml.nvmlDeviceGetCurrentClocksThrottleReasons = lambda handle: HW_SLOWDOWN
    nvml.nvmlDeviceGetTemperature = lambda handle, sensor: 55
    record = sampled(monkeypatch, 1)
    assert record["throttled_by"] == ["HwSlowdown"]
    assert record["temperature_c"] == of(55)
    assert "notes" not in record


def test_what_a_gpu_does_not_say_is_noted_once(nvml: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml.nvmlDeviceGetPowerUsage = nvml.nvmlSystemGetDriverVersion = refuses
    nvml.nvmlDeviceGetUtilizationRates = refuses
    record = sampled(monkeypatch, 4)
    assert record["notes"] == ["driver: Not Supported", "power_w: Not Supported", "utilisation_percent: Not Supported"]
    assert record["samples"] == 4
    assert record["sm_clock_mhz"] == of(1980)
    assert not {"power_w", "driver"} & set(record)


def test_without_nvml_a_record_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as if it were not installed
    with GpuWatch(DEVICE) as watch:
        pass
    assert watch.as_record() == {"nvml": NOT_INSTALLED}
    assert other_processes(DEVICE) == []


@pytest.mark.parametrize("function", ["nvmlInit", "nvmlDeviceGetHandleByUUID"])
def test_without_a_driver_or_a_handle_a_record_says_so(nvml: Any, function: str) -> None:
    setattr(nvml, function, refuses)
    with GpuWatch(DEVICE) as watch:
        pass
    assert watch.as_record() == {"nvml": "Not Supported"}
    assert nvml.opened == 0


def test_a_block_that_raises_ends_the_watch(nvml: Any) -> None:
    with pytest.raises(RuntimeError, match="out of memory"), GpuWatch(DEVICE, every=3600) as watch:
        raise RuntimeError("out of memory")
    assert watch.as_record()["samples"] == 1
    assert nvml.opened == 0


@pytest.mark.parametrize("uuid", [UUID, f"GPU-{UUID}"])
def test_a_device_is_found_by_its_uuid_whatever_its_index(
    nvml: Any, monkeypatch: pytest.MonkeyPatch, uuid: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=uuid))
    assert gpu._handle(nvml, DEVICE) == "handle"


def test_a_mig_slice_has_a_prefix_of_its_own(nvml: Any) -> None:
    known = {f"MIG-{UUID}": "slice"}
    nvml.nvmlDeviceGetHandleByUUID = lambda uuid: known.get(uuid) or refuses()
    assert gpu._handle(nvml, DEVICE) == "slice"


def test_the_library_itself_names_its_reasons() -> None:
    names = reason_names(pytest.importorskip("pynvml"))
    assert names[0x4] == "SwPowerCap"
    assert names[0x2] == "ApplicationsClocksSetting"  # not its deprecated name
    assert names[0x40] == "HwThermalSlowdown"
    assert not {0x0, 0x1} & set(names)
    assert all(bit.bit_count() == 1 for bit in names)


def using(nvml: Any, monkeypatch: pytest.MonkeyPatch, pids: list[int], gone: int | None = None) -> None:
    nvml.nvmlDeviceGetComputeRunningProcesses = lambda handle: [SimpleNamespace(pid=pid) for pid in pids]
    monkeypatch.setattr(psutil, "pid_exists", lambda pid: pid != gone)


def test_others_are_everyone_but_us(nvml: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    using(nvml, monkeypatch, [456, os.getpid(), 123, 77, 999, 456], gone=999)
    assert other_processes(DEVICE, own={77}) == [123, 456]
    with pytest.raises(InputError, match=r"device cuda:0 is in use by processes 123, 456: .* name another device"):
        require_alone(DEVICE, own={77})
    assert nvml.opened == 0


def test_alone_is_alone(nvml: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    using(nvml, monkeypatch, [os.getpid()])
    require_alone(DEVICE)
    nvml.nvmlDeviceGetComputeRunningProcesses = refuses
    require_alone(DEVICE)
    using(nvml, monkeypatch, [5])
    with pytest.raises(InputError, match="by process 5:"):
        require_alone(DEVICE)
