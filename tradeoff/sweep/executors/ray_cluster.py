"""A Ray cluster as a sweep sees it: how it is reached, which machines it has, and what can be asked of them."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradeoff.errors import InputError
from tradeoff.records.keys import Kind

_ACCELERATOR = "accelerator_type:"
_PATIENCE = 10.0
_START = "start one with: ray start --head, and on each other machine: ray start --address HOST:6379"


@dataclass(frozen=True)
class Node:
    """A machine of the cluster that is alive, and what Ray may give away there."""

    id: str
    host: str
    resources: Mapping[str, float]

    @property
    def cpus(self) -> int:
        return int(self.resources.get("CPU", 0))

    @property
    def gpus(self) -> int:
        return int(self.resources.get("GPU", 0))

    @property
    def accelerator(self) -> str | None:
        """Its label, which Ray gives machines with a GPU, and their owner any."""
        names = (each.removeprefix(_ACCELERATOR) for each in self.resources if each.startswith(_ACCELERATOR))
        return next(names, None)


@dataclass(frozen=True)
class Needs:
    """What one seat takes of a machine; `node` is the id of the only one that will do."""

    cpus: int
    gpus: int = 0
    accelerator: str | None = None
    node: str | None = None

    def options(self) -> dict[str, Any]:
        """For Ray."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        asked: dict[str, Any] = {"num_cpus": self.cpus, "num_gpus": self.gpus}
        if self.accelerator is not None:
            asked["accelerator_type"] = self.accelerator
        if self.node is not None:
            asked["scheduling_strategy"] = NodeAffinitySchedulingStrategy(self.node, soft=False)
        return asked

    def fit(self, node: Node) -> int:
        """How many a machine has room for, were it idle."""
        if self.node not in (None, node.id) or self.accelerator not in (None, node.accelerator):
            return 0
        return min(node.cpus // self.cpus, node.gpus // self.gpus if self.gpus else node.cpus)

    def __str__(self) -> str:
        gpus = f"{self.gpus} GPUs and " if self.gpus else ""
        return f"{gpus}{self.cpus} CPUs" + (f" of kind {self.accelerator}" if self.accelerator else "")


@contextmanager
def connect(address: str | None, say: Callable[[str], None]) -> Iterator[None]:
    """Inside, Ray is there: the cluster at `address`, else one that runs on this machine, else one that is started
    here for the time.

    Raises InputError where Ray is not installed or nobody answers.
    """
    try:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        import ray
    except ImportError as error:
        raise InputError(f"--executor is ray and it is not installed ({error}): pip install 'tradeoff[ray]'") from error
    if address is not None:
        _knock(address)
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    # Ray reports machines that die on standard output, which is for tables and JSON; its own log has it all.
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        try:
            _init(ray, address, say)
            if in_main:
                signal.signal(signal.SIGTERM, before)
            yield
        finally:
            ray.shutdown()
            if in_main:
                signal.signal(signal.SIGTERM, before)


def _init(ray: Any, address: str | None, say: Callable[[str], None]) -> None:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        ray.init(address=address or "auto", **options)
    except ConnectionError as error:
        if address is not None:
            raise InputError(f"--address is {address} and no Ray cluster can be joined there: {_START}") from error
        say("no Ray cluster runs here and --address names none: one is started on this machine, for this sweep")
        ray.init(address="local", include_dashboard=False, **options)


def _knock(address: str) -> None:
    """Ray itself would try for minutes. Raises InputError where nobody answers."""
    if address in ("auto", "local"):
        return
    host, _, port = address.rpartition(":")
    try:
        if "://" in address or not host:
            raise ValueError("it should be HOST:PORT")
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except (OSError, ValueError) as error:
        raise InputError(f"--address is {address} and no Ray cluster answers there ({error}): {_START}") from error


def nodes() -> list[Node]:
    """The machines that are alive, the one of this process last: it is the least at rest."""
    import ray

    own = ray.get_runtime_context().get_node_id()
    known: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    alive = [each for each in known if each["Alive"]]
    found = [Node(each["NodeID"], each["NodeManagerHostname"], each["Resources"]) for each in alive]
    return sorted(found, key=lambda node: (node.id == own, node.id))


def room(needs: Needs) -> int:
    """How many seats the cluster has room for, were it idle."""
    return sum(needs.fit(each) for each in nodes())


def choose_node(needs: Needs) -> Node:
    """A machine with room for it: of those with most GPUs and CPUs the first. Raises InputError where there is none."""
    there = nodes()
    if fitting := [each for each in there if needs.fit(each)]:
        return max(fitting, key=lambda node: (node.gpus, node.cpus))
    have = "; ".join(f"{each.host} has {Needs(each.cpus, each.gpus, each.accelerator)}" for each in there)
    raise InputError(f"no machine of the Ray cluster has {needs}, which one measurement needs: {have}")


@dataclass(frozen=True)
class Machines:
    """Which machines a sweep is measured on: those like the one that it was planned on.

    cuda: whether on GPUs. accelerator: their label. planned_on: the id of the one, which makes the latencies.
    """

    cuda: bool
    threads: int
    accelerator: str | None
    planned_on: str

    def needs(self, processes: int, kind: Kind) -> Needs:
        """What a measurement of that kind asks for; `processes` train together."""
        if kind == "latency":
            return self._whole()
        together = processes if kind == "training" else 1
        if self.cuda:
            return Needs(together, together, self.accelerator)
        return Needs(self.threads * together, 0, self.accelerator)

    def _whole(self) -> Needs:
        """All of one machine: the one that the sweep was planned on, or once that is lost another of its kind."""
        kind = Needs(1, int(self.cuda), self.accelerator)
        node = next((each for each in nodes() if each.id == self.planned_on), None) or choose_node(kind)
        return Needs(node.cpus, node.gpus, node=node.id)
