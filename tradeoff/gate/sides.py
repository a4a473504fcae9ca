"""What runs in the processes of a gate: a network of a checkout, the control, and a look at what is exact."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from tradeoff.clip_shape import ClipShape
from tradeoff.gate.checkout_code import Wanted, enter, maker
from tradeoff.gate.companion import answering, sentence_of
from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.measure.timing.clocks import Clock
from tradeoff.measure.timing.deployment import clock_of, deploy, own_stream, settle

EXACT = ("macs", "params", "activation_bytes")
"""What is compared exactly: multiply-adds, parameters, and the most memory that activations take at once."""
_BLOCKS, _STIRRED = 512, (10.0, 19.0)
"""How many blocks stir the heap, and of how many bytes, the least and the most, powers of 2."""
_CONTROL_ROWS = {"cpu": 512, "cuda": 2048}
_CONTROL_BYTES = {"cpu": 2**23, "cuda": 2**26}


def serve_network(
    connection: Connection,
    folder: Path | None,
    wanted: Wanted,
    clip: ClipShape,
    protocol: LatencyProtocol,
    device_name: str,
) -> None:
    """Say that it is ready, then answer each number with the milliseconds of as many passes."""
    answering(connection, _network(connection, folder, wanted, clip, protocol, torch.device(device_name)))


def _network(
    connection: Connection,
    folder: Path | None,
    wanted: Wanted,
    clip: ClipShape,
    protocol: LatencyProtocol,
    device: torch.device,
) -> Iterator[Any]:
    settle(protocol, device, _siblings())
    _held = _stir_memory()
    if folder is not None:
        enter(folder)
    with own_stream(device):
        clock = clock_of(protocol, device)
        deployed, clips, _ = deploy(maker(wanted, folder), clip, protocol, device)
        with torch.inference_mode():
            placed = deployed.place(clips)
            yield None
            yield from _passes(connection, clock, lambda: deployed.run(placed))


def serve_control(connection: Connection, protocol: LatencyProtocol, device_name: str) -> None:
    """As `serve_network`, with a workload that no change to a network touches: a matrix product and a copy."""
    answering(connection, _control(connection, protocol, torch.device(device_name)))


def _control(connection: Connection, protocol: LatencyProtocol, device: torch.device) -> Iterator[Any]:
    settle(protocol, device, _siblings())
    rows = _CONTROL_ROWS[device.type]
    a, b, product = (torch.rand(rows, rows, device=device) for _ in range(3))
    source = torch.ones(_CONTROL_BYTES[device.type], dtype=torch.uint8, device=device)
    copy = torch.empty_like(source)

    def run() -> None:
        torch.mm(a, b, out=product)
        copy.copy_(source)

    with own_stream(device), torch.inference_mode():
        yield None
        yield from _passes(connection, clock_of(protocol, device), run)


def _passes(connection: Connection, clock: Clock, run: Callable[[], object]) -> Iterator[list[float]]:
    while True:
        yield clock.passes(run, connection.recv())


def _stir_memory() -> list[torch.Tensor]:
    """Blocks of random sizes, to be kept, with holes of random sizes between them.

    Where buffers lie relative to one another decides how they share the caches. Without this it is the same in every
    process of a side, and another as soon as head allocates anything that base does not: a difference of a percent or
    two that is in every pair and says nothing about the arithmetic (Mytkowicz et al., ASPLOS 2009). Drawn anew for
    each process it is noise, which pairs average (Curtsinger & Berger, ASPLOS 2013).
    """
    random = np.random.default_rng()
    sizes = 2 ** random.uniform(*_STIRRED, size=_BLOCKS)
    blocks = [torch.empty(int(size), dtype=torch.uint8) for size in sizes]
    return [block for block, kept in zip(blocks, random.random(_BLOCKS) < 0.5, strict=True) if kept]


def _siblings() -> set[int]:
    """The other processes of the gate: they may hold the GPU too, though none computes out of its turn."""
    return {child.pid for child in psutil.Process(os.getppid()).children(recursive=True)}


def serve_exact(connection: Connection, folder: Path, wanted: Sequence[Wanted], clip: ClipShape) -> None:
    """Build and count each network: a mapping with `EXACT`, or with `failed` or `unknown` and a sentence."""
    answering(connection, _exact(folder, wanted, clip))


def _exact(folder: Path, wanted: Sequence[Wanted], clip: ClipShape) -> Iterator[dict[str, Any]]:
    from tradeoff.measure.cost import count_made  # too slow to import for a process that only times

    enter(folder)
    for each in wanted:
        try:
            make = maker(each, folder)
            params = sum(parameter.numel() for parameter in make().parameters())
        except Exception as error:
            yield {"failed": sentence_of(error)}
            continue
        try:
            found = count_made(make, each.name, clip)
            yield {name: getattr(found, name) for name in EXACT}
        except Exception as error:
            yield {"params": params, "unknown": sentence_of(error)}
