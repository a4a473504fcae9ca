"""Measures on the machines of a Ray cluster, each measurement with the CPUs and GPUs that it needs.

Ray finds room for a seat (`ray_seat`), which makes measurements one after the other. What they write comes home into
the store; the state of a training comes now and then, so that another machine can go on where one died. A latency has
a whole machine, always the same one: it asks for all its CPUs and GPUs, so that Ray starts nothing beside it.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import ray
import torch
from ray.exceptions import OutOfMemoryError, RayError, RayTaskError

from tradeoff.errors import InputError
from tradeoff.records.keys import KINDS, Kind
from tradeoff.records.store import Store, write_atomically
from tradeoff.sweep.executors.base import Ended
from tradeoff.sweep.executors.ray_cluster import Machines, Needs, choose_node, room
from tradeoff.sweep.executors.ray_seat import Home, News, Seat, plan_there
from tradeoff.sweep.executors.stopping import Stopping
from tradeoff.sweep.failures import LOG_LINES, Failed
from tradeoff.sweep.file import Sweep
from tradeoff.sweep.kept import state_path
from tradeoff.sweep.listening import Listener
from tradeoff.sweep.logs import MeasurementLog, log_path
from tradeoff.sweep.measuring import Measurer
from tradeoff.sweep.plan import Measurement, Plan
from tradeoff.training.tensorboard_log import run_name

SECONDS_BETWEEN_NEWS = 1.0
SECONDS_BETWEEN_LOOKS = 0.25
"""At Ctrl-C, at seats that Ray has no room for."""
SECONDS_WITHOUT_ROOM = 60.0
"""After which a measurement fails that no machine of the cluster could make any more."""
SECONDS_TO_CLOSE = 5.0


def plan_on_ray(
    sweep: Sweep, device: str, threads: int, cache: Path, accelerator: str | None, say: Callable[[str], None]
) -> tuple[Plan, Machines]:
    """The plan of a sweep on a machine of the cluster, with all that it asks of that machine asked.

    device: cpu or cuda. threads: of each process; 0 is PyTorch's choice there. accelerator: the label of the machines
    to use; where none is given, on GPUs that of the machine with most of them. say: hears a line where it takes long.
    Raises InputError as `make_plan` does, and where no machine can make the measurements.
    """
    if device not in ("cpu", "cuda"):
        raise InputError(f"--device is {device} and Ray chooses the GPU: use cpu or cuda")
    cuda = device == "cuda"
    together = sweep.together
    node = choose_node(Needs(together if cuda else max(1, threads) * together, together if cuda else 0, accelerator))
    asked = Needs(1, together if cuda else 0, node=node.id)
    home = Home.here(cache)
    task: Any = ray.remote(plan_there).options(max_retries=0, **asked.options())
    cpus = node.cpus if cuda else max(1, node.cpus // together)
    planning = task.remote(sweep, device, threads, cpus, home)
    if not ray.wait([planning], timeout=SECONDS_WITHOUT_ROOM / 2)[0]:
        say(f"machine {node.host} plans the sweep, once it has {asked} free and has read the videos for their digests")
    try:
        found = ray.get(planning)
    except RayTaskError:
        raise  # a mistake of ours
    except RayError as error:
        raise InputError(f"machine {node.host} was lost while it planned the sweep: start it again") from error
    if isinstance(found, str):
        raise InputError(found)
    plan: Plan = pickle.loads(found[0])
    torch.set_num_threads(found[1])  # keys that are made here have the threads of there
    return plan, Machines(cuda, found[1], accelerator or (node.accelerator if cuda else None), node.id)


@dataclass
class _Seated:
    """A seat as it is seen from here, and what is measured there now."""

    actor: Any
    needs: Needs
    measurement: Measurement
    listener: Listener
    is_busy: bool = True
    news: Any = None
    where: str = ""
    asked: float = field(default_factory=time.monotonic)
    is_said_to_wait: bool = False


class OnRay:
    """See `Executor`. Ray has to be connected.

    say: hears a line for the user.
    """

    def __init__(
        self,
        store: Store,
        cache: Path,
        machines: Machines,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.store, self.machines, self.say = store, machines, say
        self.home = Home.here(cache)
        self._seats: list[_Seated] = []
        self._stopping = Stopping()

    def __enter__(self) -> OnRay:
        self._stopping.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._dismiss(self._seats)
        finally:
            self._stopping.__exit__(kind, error, trace)

    def prepare(self, plan: Plan, kinds: Collection[Kind], listener: Listener) -> None:
        """Data is made ready where it is used. Raises InputError where a machine with room for it is not there."""
        self.plan = plan
        self._plan = ray.put(pickle.dumps(plan))
        for kind in (each for each in KINDS if each in kinds):
            choose_node(self.machines.needs(self.plan.processes, kind))

    def takes(self, measurement: Measurement) -> bool:
        busy = self._busy()
        if not busy or self._stopping.asked:
            return not self._stopping.asked
        kinds = {measurement.key.kind, *(each.measurement.key.kind for each in busy)}
        return "latency" not in kinds and len(busy) < room(
            self.machines.needs(self.plan.processes, measurement.key.kind)
        )

    def start(self, measurement: Measurement, listener: Listener, divide: int) -> None:
        needs = self.machines.needs(self.plan.processes, measurement.key.kind)
        seat = next((each for each in self._seats if not each.is_busy and each.needs == needs), None)
        if seat is None:
            self._dismiss([each for each in self._seats if not each.is_busy])  # they may take its room
            actor: Any = ray.remote(Seat).options(max_restarts=0, **needs.options())
            handle = actor.remote(self._plan, torch.get_num_threads(), Measurer.save_every, self.home)
            seat = _Seated(handle, needs, measurement, listener)
            self._seats.append(seat)
        seat.measurement, seat.listener, seat.is_busy = measurement, listener, True
        seat.news = seat.actor.hello.remote()
        seat.actor.begin.remote(measurement, divide, self._sent(measurement))

    def wait(self) -> list[Ended]:
        self._dismiss([each for each in self._seats if not each.is_busy])  # nothing that could start has use for them
        while True:
            self._stop_if_asked()
            asked = {each.news: each for each in self._busy()}
            heard = ray.wait(list(asked), timeout=SECONDS_BETWEEN_LOOKS)[0] if asked else []
            found = [self._hear(asked[each]) for each in heard]
            found += [self._look_for_room(each) for each in self._busy() if not each.where]
            if ended := [each for each in found if each is not None]:
                return ended

    def _busy(self) -> list[_Seated]:
        return [each for each in self._seats if each.is_busy]

    def _sent(self, measurement: Measurement) -> dict[str, bytes]:
        """What of the results folder it starts from: an accuracy from its training, a training from its saved state;
        the logs go on where they are."""
        root, paths = self.store.root, [log_path(self.store.root, measurement)]
        training = measurement.key if measurement.key.kind == "training" else measurement.training
        if training is not None:
            paths.append(self.store.path(training))
        if measurement.training is not None:
            paths += [path for path in [self.plan.checkpoint(self.store, measurement.training)] if path]
        elif training is not None:
            name = run_name(measurement.variant.name, measurement.seed or 0, measurement.fold, training.digest)
            steps = root / "logs" / name
            paths += [state_path(self.store, training), root / "logs" / f"{training.digest}.csv", *steps.glob("*")]
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths if path.is_file()}

    def _hear(self, seat: _Seated) -> Ended | None:
        """What a seat has to say: the end of its measurement, if that is among it."""
        try:
            news: News = ray.get(seat.news)
        except RayTaskError:
            raise  # a mistake of ours
        except RayError as error:
            return self._lose(seat, failure_of(seat.where, error))
        seat.where = news.where
        for said, values in news.heard:
            getattr(seat.listener, said)(*values)
        self._bring_home(news)
        if news.bad:
            raise InputError(news.bad)
        if news.stopped:
            self._dismiss([seat])
            return None
        if news.ended is not None:
            seat.is_busy = False
            return news.ended
        seat.news = seat.actor.news.remote(SECONDS_BETWEEN_NEWS)
        return None

    def _bring_home(self, news: News) -> None:
        """Records come last, so that what one names is there; logs and saved states replace those before them."""
        for path in sorted(news.files, key=lambda path: (path.endswith(".json"), path)):
            if path.startswith("logs/") or path.endswith(".resume.pt"):
                with suppress(OSError):  # which costs what they say, and no measurement
                    (self.store.root / path).parent.mkdir(parents=True, exist_ok=True)
                    write_atomically(self.store.root / path, news.files[path])
            else:
                self.store.adopt(path, news.files[path])
        for path in news.gone:
            (self.store.root / path).unlink(missing_ok=True)

    def _lose(self, seat: _Seated, failed: Failed) -> Ended:
        """Do without a seat, and note why in its measurement's log."""
        self._seats.remove(seat)
        ray.kill(seat.actor)
        MeasurementLog(self.store.root, seat.measurement, Listener()).failed(failed)
        return Ended(seat.measurement, failed=failed)

    def _look_for_room(self, seat: _Seated) -> Ended | None:
        """Say that a seat waits for others to leave, and do without it where no machine is left that could have it."""
        waited = time.monotonic() - seat.asked
        if waited > SECONDS_WITHOUT_ROOM and not room(seat.needs):
            return self._lose(seat, Failed("died", f"no machine of the Ray cluster has {seat.needs} any more"))
        if waited > SECONDS_WITHOUT_ROOM / 2 and not seat.is_said_to_wait:
            seat.is_said_to_wait = True
            self.say(f"{seat.measurement} waits until the Ray cluster has {seat.needs} free")
        return None

    def _stop_if_asked(self) -> None:
        """Pass Ctrl-C on, once, and leave when all have saved what they have."""
        if not self._stopping.asked:
            return
        if self._stopping.begins(self.say):
            self._dismiss([each for each in self._seats if not each.where])
            for seat in self._busy():
                seat.actor.stop.remote()
        if not self._busy():
            raise KeyboardInterrupt

    def _dismiss(self, seats: Collection[_Seated]) -> None:
        """End seats with what they make; those that Ray has not found room for yet are only taken back."""
        leaving = list(seats)
        self._seats = [each for each in self._seats if each not in leaving]
        closed = [each.actor.close.remote() for each in leaving if each.where]
        if closed:
            ray.wait(closed, num_returns=len(closed), timeout=SECONDS_TO_CLOSE)
        for seat in leaving:
            ray.kill(seat.actor)


def failure_of(machine: str, error: RayError) -> Failed:
    """What became of a measurement whose seat Ray says is gone; `machine` is empty where it never had one."""
    where = f" on {machine}" if machine else ""
    log = str(error).splitlines()[-LOG_LINES:]
    if isinstance(error, OutOfMemoryError):
        return Failed("out of memory", f"Ray ended its worker{where}: out of memory", log)
    return Failed("died", f"its worker{where} was lost, or the machine with it", log)
