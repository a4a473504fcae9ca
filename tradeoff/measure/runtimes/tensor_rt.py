"""TensorRT: NVIDIA's runtime for their GPUs, which times kernels while it builds and keeps the fastest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.measure.runtimes.base import Deployed, Runtime
from tradeoff.measure.runtimes.onnx_export import INPUT, OUTPUT, export_onnx
from tradeoff.measure.runtimes.torch_module import fetch, on_gpu
from tradeoff.precision import DTYPES


@dataclass(frozen=True)
class _Placed:
    """Clips on the device, and where their logits go."""

    clips: Tensor
    logits: Tensor


class TensorRt(Runtime):
    """The network is exported in its precision and strongly typed: TensorRT keeps the types that it finds. Leaving
    types to the builder, by a flag a precision, allows them and promises nothing, and is gone in TensorRT 11."""

    name = "tensorrt"
    modules = ("tensorrt", "onnx", "onnxscript")
    packages = ("tensorrt", "onnx", "onnxscript")
    extra = "tensorrt"

    def precisions(self, device: torch.device) -> tuple[str, ...]:
        return on_gpu(device) if device.type == "cuda" else ()

    def deploy(self, network: nn.Module, clips: Tensor, protocol: LatencyProtocol, device: torch.device) -> Deployed:
        import tensorrt

        dtype = DTYPES[protocol.precision]
        logger = _logger(tensorrt)
        with TemporaryDirectory(prefix="tradeoff-") as folder:
            path = export_onnx(network.to(dtype), clips.to(dtype), Path(folder))
            plan = build_plan(tensorrt, logger, path, protocol.precision)
        engine = tensorrt.Runtime(logger).deserialize_cuda_engine(plan)
        context = engine and engine.create_execution_context()
        if context is None:
            raise RuntimeError(f"TensorRT cannot load its engine: {logger.errors()}")
        shape, kind = tuple(engine.get_tensor_shape(OUTPUT)), _dtypes(tensorrt)[engine.get_tensor_dtype(OUTPUT)]

        def place(batch: Tensor) -> _Placed:
            batch = batch.to(device, dtype, memory_format=torch.contiguous_format)
            return _Placed(batch, torch.empty(shape, dtype=kind, device=device))

        def run(placed: _Placed) -> Tensor:
            context.set_tensor_address(INPUT, placed.clips.data_ptr())
            context.set_tensor_address(OUTPUT, placed.logits.data_ptr())
            if not context.execute_async_v3(torch.cuda.current_stream(device).cuda_stream):
                raise RuntimeError(f"TensorRT did not run: {logger.errors()}")
            return placed.logits

        return Deployed(place, run, fetch, {"engine_bytes": plan.nbytes})


def build_plan(tensorrt: Any, logger: Any, path: Path, precision: str) -> Any:
    """The serialised engine of an ONNX file; what the parser or the builder has against it is raised."""
    builder = tensorrt.Builder(logger)
    network = builder.create_network(1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = tensorrt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(path)):
        errors = "; ".join(str(parser.get_error(index).desc()) for index in range(parser.num_errors))
        raise RuntimeError(f"TensorRT cannot read the network: {errors}")
    config = builder.create_builder_config()
    if precision == "tf32":
        config.set_flag(tensorrt.BuilderFlag.TF32)
    else:
        config.clear_flag(tensorrt.BuilderFlag.TF32)  # set unless cleared
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise RuntimeError(f"TensorRT cannot build an engine: {logger.errors()}")
    return plan


def _dtypes(tensorrt: Any) -> Mapping[Any, torch.dtype]:
    kinds = tensorrt.DataType
    return {kinds.FLOAT: torch.float32, kinds.HALF: torch.float16, kinds.BF16: torch.bfloat16}


def _logger(tensorrt: Any) -> Any:
    """Keeps TensorRT's errors for the exception that they lead to, and is silent about the rest."""

    class Errors(tensorrt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.messages: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (tensorrt.ILogger.ERROR, tensorrt.ILogger.INTERNAL_ERROR):
                self.messages.append(message)

        def errors(self) -> str:
            return "; ".join(self.messages) or "it does not say why"

    return Errors()
