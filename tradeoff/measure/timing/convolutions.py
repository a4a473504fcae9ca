"""Which library really executed the convolutions of a pass, and whether it is the one to be expected.

PyTorch chooses per call and says nothing. PyTorch 2.9.0 took 3D convolutions away from cuDNN on CUDA; on a CPU it keeps
small ones of batch 1, and 1x1x1 ones on one thread, to itself, since its own kernels are meant to be faster there.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

KERNELS = "distinct kernels"
_KERNEL_MARKS = ("cudnn", "xmma", "implicit", "cutlass")
_OF_LIBRARY = {"cuda": ("cuDNN", ("cudnn_", "miopen_")), "cpu": ("oneDNN", ("mkldnn_", "mkldnn::"))}


def convolution_backends(run: Callable[[], object], device_type: str) -> dict[str, int]:
    """Run one pass under PyTorch's profiler: which operators executed convolutions, and how often.

    Names are PyTorch's without `aten::`, most frequent first: `cudnn_convolution`, `mkldnn_convolution`,
    `slow_conv3d_forward`; `mkldnn::_convolution_pointwise` is what torch.compile fuses into. On CUDA `distinct kernels`
    is how many different ones of cuDNN's and CUTLASS's kinds they launched. Empty where a pass does not go through
    PyTorch's operators: other runtimes, replayed graphs. Call it after timing, which profiling may slow.
    """
    counts, kernels = Counter[str](), set[str]()
    for event in _convolutions(_profiled(run, device_type)):
        counts[event.name.removeprefix("aten::")] += 1
        kernels |= {kernel.name for kernel in event.kernels if any(mark in kernel.name for mark in _KERNEL_MARKS)}
    backends = dict(counts.most_common())
    return backends | {KERNELS: len(kernels)} if kernels else backends


def fallback(backends: Mapping[str, int], device_type: str) -> str | None:
    """A sentence when convolutions ran outside of cuDNN on CUDA, or of oneDNN on a CPU; None when none did."""
    library, prefixes = _OF_LIBRARY[device_type]
    counts = {name: count for name, count in backends.items() if name != KERNELS}
    outside = {name: count for name, count in counts.items() if not name.startswith(prefixes)}
    if not outside:
        return None
    by = ", ".join(f"{name} {count}" for name, count in outside.items())
    return f"{sum(outside.values())} of {sum(counts.values())} convolutions ran outside of {library}: {by}"


def _profiled(run: Callable[[], object], device_type: str) -> Iterable[Any]:
    # The profiler's own log goes to stderr, with an error where there is no GPU; read when it is first used.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    on_cuda = device_type == "cuda"
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if on_cuda else [])
    with profile(activities=activities) as profiled:
        run()
        if on_cuda:
            torch.cuda.synchronize()  # kernels that end later would be missing
    return profiled.events() or ()


def _convolutions(events: Iterable[Any]) -> Iterator[Any]:
    """The innermost convolution operators: those that call no other."""
    for event in events:
        if _is_convolution(event) and not any(_is_convolution(below) for below in _below(event)):
            yield event


def _is_convolution(event: Any) -> bool:
    """An operator's name has a namespace; a kernel of that name is no operator, reordering weights no convolution."""
    name = event.name
    is_operator = event.device_type.name == "CPU" and name.startswith(("aten::", "mkldnn::", "prepacked::"))
    return is_operator and "conv" in name and "convert" not in name and "reorder" not in name


def _below(event: Any) -> Iterator[Any]:
    for child in event.cpu_children:
        yield child
        yield from _below(child)
