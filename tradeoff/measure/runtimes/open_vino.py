"""OpenVINO: Intel's runtime for CPUs, AMD's too, which orders memory as it likes."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn

from tradeoff.errors import InputError
from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.measure.runtimes.base import Deployed, Runtime
from tradeoff.measure.runtimes.quiet import quiet

# Ours: OpenVINO's name among a device's capabilities, and as a hint.
NAMES = {"float32": ("FP32", "f32"), "bf16": ("BF16", "bf16"), "fp16": ("FP16", "f16")}
PRODUCTS = {"Convolution": "convolutions", "FullyConnected": "matrix_products", "MatMul": "matrix_products"}


class OpenVino(Runtime):
    name = "openvino"
    modules = ("openvino",)
    packages = ("openvino",)
    extra = "openvino"

    def precisions(self, device: torch.device) -> tuple[str, ...]:
        if device.type != "cpu":
            return ()
        able = load().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return tuple(ours for ours, (capability, _) in NAMES.items() if capability in able)

    def deploy(self, network: nn.Module, clips: Tensor, protocol: LatencyProtocol, device: torch.device) -> Deployed:
        openvino = load()
        compiled = openvino.Core().compile_model(convert(network, clips), "CPU", _hints(protocol))
        _check_precision(compiled, protocol.precision)
        request = compiled.create_infer_request()

        def place(batch: Tensor) -> Any:
            # Over our memory, not a copy: OpenVINO's tensor keeps numpy's array alive, and that keeps ours.
            return openvino.Tensor(batch.detach().float().contiguous().numpy(), shared_memory=True)

        def run(tensor: Any) -> Any:
            request.set_input_tensor(tensor)
            request.infer()
            return request

        def fetch(request: Any) -> Tensor:
            return torch.from_numpy(request.get_output_tensor(0).data.copy()).float()

        threads = {"threads": compiled.get_property("INFERENCE_NUM_THREADS")}
        return Deployed(place, run, fetch, threads | executed(compiled))


def load() -> Any:
    """OpenVINO as it is where its telemetry is not installed: else importing it tells Intel, unless the user has
    forbidden that in a file."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def convert(network: nn.Module, clips: Tensor) -> Any:
    """The network as OpenVINO's, for clips of just this shape; batch norm it folds itself."""
    with quiet(""), torch.no_grad():  # it warns, by the root logger, of operators that this PyTorch no longer has
        program = torch.export.export(network, (clips,))
        return load().convert_model(program, input=[tuple(clips.shape)])


def _hints(protocol: LatencyProtocol) -> dict[str, Any]:
    return {
        "INFERENCE_PRECISION_HINT": NAMES[protocol.precision][1],
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": protocol.threads,
        # Left to itself it takes no more threads than there are physical cores, whatever it is asked for,
        "ENABLE_HYPER_THREADING": True,
        # and pins them where it likes: here they stay on the cores that the process has been given.
        "ENABLE_CPU_PINNING": False,
    }


def _check_precision(compiled: Any, precision: str) -> None:
    """Raises InputError where OpenVINO has chosen another precision, which it does in silence."""
    chosen = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    if chosen == NAMES[precision][1]:
        return
    raise InputError(f"runtime openvino executes {chosen} here where {precision} is asked for: ask for another")


def executed(compiled: Any) -> dict[str, Any]:
    """How many convolutions and matrix products there are in each precision that they are really executed in."""
    counts = {kind: Counter[str]() for kind in PRODUCTS.values()}
    for node in compiled.get_runtime_model().get_ops():
        about = node.get_rt_info()
        if (layer := about["layerType"].astype(str)) in PRODUCTS:
            counts[PRODUCTS[layer]][about["runtimePrecision"].astype(str)] += 1
    return {kind: dict(count) for kind, count in counts.items()}
