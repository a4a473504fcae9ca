"""What the settings of a deployment are called: its runtime, its precision and its memory layout. No torch here."""

from __future__ import annotations

from typing import Literal, get_args

Runtime = Literal["eager", "compile", "compile-frozen", "onnxruntime", "openvino", "tensorrt"]
Precision = Literal["float32", "tf32", "bf16", "fp16"]
Layout = Literal["contiguous", "channels_last_3d"]
RUNTIMES: tuple[str, ...] = get_args(Runtime)
"""The plainest first."""
PRECISIONS: tuple[str, ...] = get_args(Precision)
"""The most exact first."""
