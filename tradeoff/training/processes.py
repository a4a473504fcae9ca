"""The processes that compute one training together, each on its device: one, or as many as a launcher started.

`accelerate launch` and torchrun start the same command several times. All processes then plan the same and train
together; the main one alone writes and says anything. Collective calls are gloo's on a CPU and NCCL's on CUDA.

    accelerate launch --multi_gpu --num_processes 8 -m tradeoff sweep FILE --device cuda
    torchrun --nproc-per-node 2 -m tradeoff train S3D        (on a CPU)

Only gloo was ever run: no machine with several GPUs was at hand, and what is said here of CUDA is untested.
"""

from __future__ import annotations

import os
import warnings
from datetime import timedelta
from typing import Any, TypeVar

import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import (
    DistributedType,
    GradientAccumulationPlugin,
    broadcast_object_list,
    gather_object,
    get_int_from_env,
    reduce,
)

from tradeoff.errors import InputError
from tradeoff.precision import grad_scaler

Value = TypeVar("Value")

_SIZES = ["WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE"]
_PATIENCE = timedelta(days=7)
"""How long a process waits for the main one, which decodes and evaluates alone; launchers end those left behind."""


def join(device: torch.device) -> torch.device:
    """Meet the other processes that a launcher started for `device`, and say which device is this one's.

    A single process keeps the device that it was given. Raises InputError where the launcher's choices and the device
    do not go together.
    """
    if (count := _launched()) == 1:
        return device
    here = get_int_from_env(["LOCAL_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"], count)
    if device.type == "cuda":
        check_devices(device, here)
    # Said of 1x1x1 kernels, whose strides can be written in several ways; a copy of a few kilobytes is all it costs.
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides", UserWarning)
    state = PartialState(cpu=device.type == "cpu", timeout=_PATIENCE)
    if state.distributed_type not in (DistributedType.MULTI_CPU, DistributedType.MULTI_GPU):
        raise InputError(
            f"the launcher asks for {state.distributed_type.value}: only plain data parallel training is supported, on "
            "GPUs or CPUs"
        )
    return device if device.type == "cpu" else state.device


def check_devices(device: torch.device, count: int) -> None:
    """Raises InputError for more processes on CUDA than there are GPUs here, or for one GPU that all should use."""
    if device.type != "cuda" or count == 1:
        return
    if device.index not in (None, 0):
        raise InputError(f"device is {device} for {count} processes: use cuda, and each takes a GPU of its own")
    if (there := torch.cuda.device_count()) < count:
        raise InputError(f"{count} processes need a GPU each and this machine has {there} CUDA devices: use fewer")


def _launched() -> int:
    count: int = get_int_from_env(_SIZES, 1)
    # With --cpu accelerate sets where to meet and starts one process, unless MPI starts the others.
    if count == 1 and os.environ.get("ACCELERATE_USE_CPU") == "True" and "MASTER_PORT" in os.environ:
        raise InputError(
            "accelerate launch --cpu started one process where several were asked for, as it does without MPI: use "
            "accelerate launch --multi_gpu --num_processes N, which with --device cpu starts N on the CPU, or torchrun"
        )
    return count


def current() -> Any:
    """accelerate's `PartialState` of these processes: `num_processes`, `process_index`, `is_main_process`."""
    return PartialState(cpu=get_int_from_env(_SIZES, 1) == 1 or not torch.cuda.is_available())


def leave() -> None:
    """The processes need each other no more."""
    current().destroy_process_group()


def left_alone(error: Exception) -> bool:
    """Whether it says no more than that another process has ended, which closes the connection to it."""
    words = ("closed by peer", "reset by peer", "Broken pipe", "remote process exited")  # gloo's, and the last NCCL's
    return isinstance(error, RuntimeError) and any(each in str(error) for each in words)


def of_main(value: Value) -> Value:
    """What the main process has for `value`, in every process; all wait for it."""
    if current().num_processes == 1:
        return value
    agreed: Value = broadcast_object_list([value])[0]
    return agreed


def of_all(value: Value) -> list[Value]:
    """What each process has for `value`, in the order of their indices."""
    return gather_object([value]) if current().num_processes > 1 else [value]


def any_of_all(*values: bool) -> list[bool]:
    """Of each value whether it is true in any process."""
    if (state := current()).num_processes == 1:
        return list(values)
    counts = reduce(torch.tensor(values, dtype=torch.float32, device=state.device), "sum")
    return [count > 0 for count in counts.tolist()]


def own_random_numbers() -> None:
    """Let torch's random numbers, which dropout draws, differ from process to process; the main one's stay."""
    if index := current().process_index:
        torch.manual_seed(torch.initial_seed() + index)


def make_accelerator(device: torch.device, precision: str, accumulate: int) -> Any:
    """An `Accelerator` that averages gradients over the processes and over `accumulate` micro-batches, and scales the
    loss where the precision needs it.

    Autocast stays ours (`tradeoff.precision`), and so do the choices that a launcher's environment could make: what
    accelerate does there replaces the network's `forward` and casts what comes out, so the loss would be another.
    """
    join(device)
    made = Accelerator(
        device_placement=False,
        mixed_precision="no",
        dynamo_backend="no",
        cpu=device.type == "cpu" or current().num_processes == 1,
        gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=accumulate, sync_with_dataloader=False),
    )
    made.scaler = grad_scaler(device, precision)
    return made
