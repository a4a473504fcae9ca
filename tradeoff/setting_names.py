"""What settings are called: the runtime, precision and memory layout of a deployment, what decodes videos. No torch
here."""

from __future__ import annotations

from typing import Literal, get_args

Runtime = Literal["eager", "compile", "compile-frozen", "onnxruntime", "openvino", "tensorrt"]
Precision = Literal["float32", "tf32", "bf16", "fp16"]
Layout = Literal["contiguous", "channels_last_3d"]
Decoder = Literal["pyav", "torchcodec"]
RUNTIMES: tuple[str, ...] = get_args(Runtime)
"""The plainest first."""
PRECISIONS: tuple[str, ...] = get_args(Precision)
"""The most exact first."""

COMMAND_VARIABLE = "TRADEOFF_COMMAND"
"""The environment variable by which the command line tells its words to the processes that it starts."""
