"""Which executor a command asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from tradeoff.errors import InputError
from tradeoff.records.store import Store
from tradeoff.sweep.executors.base import Executor
from tradeoff.sweep.executors.here import Here
from tradeoff.sweep.executors.local import Local
from tradeoff.sweep.executors.ray_cluster import Machines
from tradeoff.training.processes import current


def local_devices(device: str, workers: int, together: int) -> list[torch.device]:
    """Of each worker process; `workers` 0 is one for each GPU that is like the first where `device` is cuda, else one.

    together: how many processes one training takes: several share the GPUs, and one worker starts them. Raises
    InputError for more workers than there are GPUs.
    """
    if device != "cuda":
        return [torch.device(device)] * (workers or 1)
    first = torch.cuda.get_device_name(0)
    alike = [i for i in range(torch.cuda.device_count()) if torch.cuda.get_device_name(i) == first]
    if workers > len(alike):
        raise InputError(f"--workers is {workers} and this machine has {len(alike)} GPUs like the first: use fewer")
    if together > 1:
        return [torch.device("cuda", 0)]
    return [torch.device("cuda", index) for index in alike[: workers or None]]


def choose(
    name: str,
    store: Store,
    cache: Path,
    device: str,
    workers: int,
    together: int,
    say: Callable[[str], None],
    machines: Machines | None = None,
) -> Executor:
    """`here`, or `local` with so many workers (`together` as in `local_devices`), or `ray` on its `machines`.

    Raises InputError for what contradicts itself.
    """
    if machines is not None:
        from tradeoff.sweep.executors.on_ray import OnRay  # an extra

        return OnRay(store, cache, machines, say)
    if current().num_processes > 1 or name == "here":
        if workers > 1:
            raise InputError(f"--workers is {workers} and all is measured in this process: use --executor local")
        return Here(store, cache)
    return Local(store, cache, local_devices(device, workers, together), say)
