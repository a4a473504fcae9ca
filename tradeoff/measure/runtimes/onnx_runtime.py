"""ONNX Runtime: the network as an ONNX graph, executed by Microsoft's kernels or by CUDA's."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tradeoff.errors import InputError
from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.measure.runtimes.base import Deployed, Runtime
from tradeoff.measure.runtimes.onnx_export import INPUT, OUTPUT, export_onnx
from tradeoff.measure.runtimes.torch_module import on_gpu
from tradeoff.precision import DTYPES

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
TYPES = {"tensor(float)": torch.float32, "tensor(float16)": torch.float16}
NUMPY_TYPES = {torch.float32: np.float32, torch.float16: np.float16}


@dataclass(frozen=True)
class _Bound:
    """Clips and the logits they become, with the binding that tells the session where both lie."""

    clips: Tensor
    logits: Tensor
    binding: Any


class OnnxRuntime(Runtime):
    name = "onnxruntime"
    modules = ("onnx", "onnxscript", "onnxruntime")
    packages = ("onnxruntime", "onnxruntime-gpu", "onnx", "onnxscript")
    extra = "onnxruntime"

    def precisions(self, device: torch.device) -> tuple[str, ...]:
        import onnxruntime

        if PROVIDERS.get(device.type) not in onnxruntime.get_available_providers():
            return ()
        # Its CPU kernels for convolutions are float32's; CUDA's are never bf16's.
        return ("float32",) if device.type == "cpu" else tuple(each for each in on_gpu(device) if each != "bf16")

    def deploy(self, network: nn.Module, clips: Tensor, protocol: LatencyProtocol, device: torch.device) -> Deployed:
        import onnxruntime

        dtype = DTYPES[protocol.precision]
        with TemporaryDirectory(prefix="tradeoff-") as folder:
            path = export_onnx(network.to(dtype), clips.to(dtype), Path(folder))
            session = open_session(path, protocol, device)
        result = session.get_outputs()[0]
        unwaited = onnxruntime.RunOptions()
        if device.type == "cuda":  # it works in the caller's stream, and so need not wait for the device
            unwaited.add_run_config_entry("disable_synchronize_execution_providers", "1")

        def place(batch: Tensor) -> _Bound:
            batch = batch.to(device, dtype, memory_format=torch.contiguous_format)
            logits = torch.empty(result.shape, dtype=TYPES[result.type], device=device)
            binding = session.io_binding()
            for bind, name, tensor in ((binding.bind_input, INPUT, batch), (binding.bind_output, OUTPUT, logits)):
                bind(name, device.type, device.index or 0, NUMPY_TYPES[tensor.dtype], tensor.shape, tensor.data_ptr())
            return _Bound(batch, logits, binding)

        def run(bound: _Bound) -> Tensor:
            session.run_with_iobinding(bound.binding, unwaited)
            return bound.logits

        def fetch(logits: Tensor) -> Tensor:
            return logits.float().cpu().clone()  # the next pass writes into the same memory

        return Deployed(place, run, fetch, {"provider": session.get_providers()[0]})


def open_session(path: Path, protocol: LatencyProtocol, device: torch.device) -> Any:
    """Raises InputError where the device's provider cannot be loaded: the session would fall back to the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = protocol.threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3  # errors
    provider = PROVIDERS[device.type]
    if provider not in onnxruntime.get_available_providers():
        raise _without(device, onnxruntime.get_available_providers())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a provider that is not here: it is an error below
        session = onnxruntime.InferenceSession(
            path, options, providers=[(provider, _provider_options(protocol, device))]
        )
    if provider not in session.get_providers():
        raise _without(device, session.get_providers())
    return session


def _without(device: torch.device, providers: list[str]) -> InputError:
    return InputError(
        f"runtime onnxruntime has no {device.type} here: it has {', '.join(providers)}; "
        "install onnxruntime-gpu for the CUDA that is here"
    )


def _provider_options(protocol: LatencyProtocol, device: torch.device) -> dict[str, str]:
    if device.type != "cuda":
        return {}
    return {
        "device_id": str(device.index or 0),
        "use_tf32": "1" if protocol.precision == "tf32" else "0",
        "cudnn_conv_algo_search": "EXHAUSTIVE",
        "user_compute_stream": str(torch.cuda.current_stream(device).cuda_stream),
    }
