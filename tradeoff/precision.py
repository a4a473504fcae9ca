"""Which precision a device trains in, and the contexts that make it so."""

from __future__ import annotations

import torch

from tradeoff.errors import InputError

DTYPES = {"float32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def resolve_precision(precision: str, device: torch.device) -> str:
    """What `auto` stands for on a device; anything else is returned as it is.

    Raises InputError for fp16 on a CPU, where gradients would underflow and nothing would be faster.
    """
    if precision == "fp16" and device.type == "cpu":
        raise InputError("precision 'fp16' needs a CUDA device: use auto, float32 or bf16 on a CPU")
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    able = torch.cpu.get_capabilities()
    return "bf16" if able.get("avx512_bf16") or able.get("amx_bf16") or able.get("bf16") else "float32"


def allow_tf32(allowed: bool) -> None:
    """Whether float32 convolutions and matrix products on CUDA may round their inputs to 10 bits; if not, float32 means
    float32 there too."""
    torch.backends.cudnn.allow_tf32 = allowed
    torch.backends.cuda.matmul.allow_tf32 = allowed


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Mixed precision on `device`, or none for float32."""
    return torch.autocast(device.type, DTYPES[precision], enabled=precision != "float32")


def grad_scaler(device: torch.device, precision: str) -> torch.amp.GradScaler:
    """Loss scaling: fp16 needs it, others pass through."""
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")
