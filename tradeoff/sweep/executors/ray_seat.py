"""What runs on the machines of a Ray cluster: planning, and a seat, which makes one measurement after the other with
the CPUs and GPUs that it was given.

A seat measures in a worker process beside it, as `Local` does, into a folder of its own: of the results folder at home
it is sent what a measurement starts from, and sends back what the measurement writes.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import tradeoff
from tradeoff.data import describe
from tradeoff.errors import InputError
from tradeoff.measure.environment import machine, resolve_device
from tradeoff.records.store import Store, write_atomically
from tradeoff.setting_names import COMMAND_VARIABLE
from tradeoff.sweep.executors.base import Ended
from tradeoff.sweep.executors.local import Local
from tradeoff.sweep.failures import Failed
from tradeoff.sweep.file import Sweep
from tradeoff.sweep.kept import state_path
from tradeoff.sweep.listening import Listener, Losses
from tradeoff.sweep.measuring import Measurer
from tradeoff.sweep.plan import Measurement, Plan, make_plan
from tradeoff.training.fit import Progress

Files = Mapping[str, bytes]
"""Contents by their paths in a results folder."""

_SCRATCH = "tradeoff-seat-"


@dataclass(frozen=True)
class Home:
    """What a seat has to know of the machine that the sweep was started on.

    code: `code_digest` there. folder: the one that the command was given in, where networks of the user's own are.
    command: for provenance.
    """

    code: str
    folder: Path
    cache: Path
    command: str

    @classmethod
    def here(cls, cache: Path) -> Home:
        return cls(code_digest(), Path.cwd(), cache.absolute(), os.environ.get(COMMAND_VARIABLE, ""))


@dataclass(frozen=True)
class News:
    """What became of a measurement since the last time.

    where: the machine. heard: names of the listener's methods, each with what it hears. files: written since then;
    gone: removed since then. ended, stopped, bad: at most one of them: it has ended, it was stopped and has saved what
    it has, or its data or machine cannot be used at all, and why.
    """

    where: str
    heard: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    files: Files = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    ended: Ended | None = None
    stopped: bool = False
    bad: str = ""


def plan_there(sweep: Sweep, device: str, threads: int, cpus: int, home: Home) -> tuple[bytes, int] | str:
    """The pickled plan of a sweep on the machine that this runs on, and how many threads a process has; or what is
    wrong. `threads` 0 is PyTorch's choice, at most `cpus`."""
    try:
        join_home(home)
        torch.set_num_threads(threads or min(_threads_of_torch(), cpus))
        plan = make_plan(sweep, resolve_device(device), home.cache)
        plan.settle()
        return pickle.dumps(plan), torch.get_num_threads()
    except InputError as error:
        return str(error)


def join_home(home: Home) -> None:
    """Work as the machine at home would. Raises InputError for another code of tradeoff than there."""
    if code_digest() != home.code:
        raise InputError(
            f"tradeoff {version('tradeoff')} of machine {platform.node()} in the Ray cluster is not the one that "
            "started the sweep: install the same on all, together with the same torch"
        )
    os.environ[COMMAND_VARIABLE] = home.command
    os.environ.pop("OMP_NUM_THREADS", None)  # Ray's choice, which processes that are started here would inherit
    with suppress(OSError):
        os.chdir(home.folder)


def code_digest() -> str:
    """16 hex digits over all of tradeoff's source and the version of torch."""
    root = Path(tradeoff.__file__).parent
    hashed = hashlib.sha256(torch.__version__.encode())
    for path in sorted(root.rglob("*.py")):
        hashed.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return hashed.hexdigest()[:16]


class Seat:
    """Made by Ray where there is room for it. Of its methods Ray runs one at a time, in the main thread."""

    def __init__(self, plan: bytes, threads: int, save_every: float, home: Home) -> None:
        self._given = plan, threads, save_every, home
        self._local: Local | None = None
        self._root = Path()
        self._plan: Plan | None = None
        self._has_the_data = False
        self._hearing = Hearing(self._root)
        self._known: dict[str, tuple[int, int]] = {}
        self._measurement: Measurement | None = None
        self._at_once: News | None = None
        """What there is to say of a measurement that could not begin."""

    def hello(self) -> News:
        """The first news: there is room for it."""
        return News(platform.node())

    def begin(self, measurement: Measurement, divide: int, sent: Files) -> None:
        """Begin to make it, with the files that it starts from; how it goes is `news`'s."""
        self._at_once, self._measurement = None, measurement
        try:
            local = self._ready()
            self._check(measurement)
            self._lay_out(sent)
            local.start(measurement, self._hearing, divide)
        except InputError as error:
            self._at_once = News(platform.node(), bad=str(error))
        except Exception as error:
            self._at_once = News(platform.node(), ended=Ended(measurement, failed=Failed.of(error)))

    def news(self, seconds: float) -> News:
        """What there is to hear after so many seconds, or once the measurement has ended."""
        if self._at_once is not None:
            return self._at_once
        assert self._local is not None
        ended: list[Ended] = []
        until = time.monotonic() + seconds
        try:
            while not ended and (left := until - time.monotonic()) > 0:
                ended = self._local.look(left)
        except KeyboardInterrupt:
            return self._tell(stopped=True)
        except InputError as error:
            return self._tell(bad=str(error))
        return self._tell(ended=ended[0] if ended else None)

    def stop(self) -> None:
        """Let the measurement save what it has, and end."""
        if self._local is not None:
            self._local.stop()

    def close(self) -> None:
        """End what is under way at once, and leave nothing behind."""
        if self._local is not None:
            self._local.end()
            shutil.rmtree(self._root, ignore_errors=True)

    def _ready(self) -> Local:
        if self._local is None:
            plan, threads, save_every, home = self._given
            join_home(home)
            torch.set_num_threads(threads)
            self._plan = pickle.loads(plan)
            Measurer.save_every = save_every
            self._root = _scratch()
            self._hearing = Hearing(self._root)
            store = Store(self._root).prepare()
            self._local = Local(store, home.cache, [self._plan.device])
            self._local.use(self._plan)
        return self._local

    def _check(self, measurement: Measurement) -> None:
        """Raises InputError where this machine would measure something else than the key says."""
        plan, home = self._plan, self._given[3]
        assert plan is not None
        if measurement.protocol is not None:
            here, planned = machine(plan.device, measurement.protocol.runtime), measurement.key.depends_on["machine"]
            if odd := [name for name in {**planned, **here} if here.get(name) != planned.get(name)]:
                name = odd[0]
                raise RuntimeError(
                    f"machine {platform.node()} has {name} {here.get(name)} where the sweep is planned for "
                    f"{planned.get(name)}: its latency would be another"
                )
        elif measurement.key.kind in ("training", "accuracy") and not self._has_the_data:
            assert plan.sweep.data is not None and plan.description is not None
            found = describe(plan.sweep.data, plan.sweep.shape, home.cache)
            if (found.digest, found.videos) != (plan.description.digest, plan.description.videos):
                raise InputError(
                    f"data set {found.name} is another on machine {platform.node()} (digest {found.digest}) than where "
                    f"the sweep was planned ({plan.description.digest}): give all machines the same files"
                )
            self._has_the_data = True

    def _lay_out(self, sent: Files) -> None:
        """The folder as the measurement should find it."""
        for path in self._written():
            (self._root / path).unlink()
        for name, content in sent.items():
            (self._root / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._root / name, content)
        self._known = self._written()

    def _tell(self, ended: Ended | None = None, stopped: bool = False, bad: str = "") -> News:
        is_over = ended is not None or stopped or bool(bad)
        files, gone = self._changed() if is_over or self._has_saved() else ({}, ())
        return News(platform.node(), self._hearing.take(), files, gone, ended, stopped, bad)

    def _has_saved(self) -> bool:
        assert self._measurement is not None
        state = state_path(Store(self._root), self._measurement.key)
        name = state.relative_to(self._root).as_posix()
        return name in (written := self._written()) and written[name] != self._known.get(name)

    def _changed(self) -> tuple[dict[str, bytes], tuple[str, ...]]:
        """What is new since the last time, and what is no more. What else is written meanwhile is of a later step than
        the state, as after a kill, which a training that goes on makes good."""
        before, self._known = self._known, self._written()
        new = [name for name, stamp in self._known.items() if stamp != before.get(name)]
        new.sort(key=lambda name: not name.endswith(".resume.pt"))
        files = {}
        for name in new:
            with suppress(FileNotFoundError):  # gone meanwhile
                files[name] = (self._root / name).read_bytes()
        return files, tuple(name for name in before if name not in self._known)

    def _written(self) -> dict[str, tuple[int, int]]:
        """The files of the folder, and when and how large they were written."""
        found = {}
        for path in self._root.rglob("*"):
            with suppress(FileNotFoundError):  # gone meanwhile
                if path.is_file() and not path.name.startswith("."):
                    found[path.relative_to(self._root).as_posix()] = path.stat().st_mtime_ns, path.stat().st_size
        return found


class Hearing(Listener):
    """Keeps what it hears until it is taken: every note and loss, and of progress the last.

    root: of the seat's folder, which notes are not to name.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._said: list[tuple[str, tuple[Any, ...]]] = []
        self._progress: dict[str, tuple[Any, ...]] = {}

    def take(self) -> tuple[tuple[str, tuple[Any, ...]], ...]:
        taken = (*self._said, *self._progress.items())
        self._said, self._progress = [], {}
        return taken

    def epoch(self, training: Progress) -> None:
        self._progress["epoch"] = (training,)

    def step(self, done: int, total: int) -> None:
        self._progress["step"] = done, total

    def data(self, done: int, total: int) -> None:
        self._progress["data"] = done, total

    def note(self, text: str) -> None:
        self._said.append(("note", (text.replace(f"{self._root}{os.sep}", ""),)))

    def lost(self, new: Losses, lost: int, videos: int) -> None:
        self._said.append(("lost", (tuple(new), lost, videos)))


def _scratch() -> Path:
    """A new folder; those that seats which were killed left on this machine are removed."""
    own = f"{_SCRATCH}{platform.node()}-"
    for left in Path(tempfile.gettempdir()).glob(f"{own}*"):
        try:
            os.kill(int(left.name.removeprefix(own).partition("-")[0]), 0)
        except ProcessLookupError:
            shutil.rmtree(left, ignore_errors=True)
        except (PermissionError, ValueError):
            continue
    return Path(tempfile.mkdtemp(prefix=f"{own}{os.getpid()}-"))


def _threads_of_torch() -> int:
    """PyTorch's own choice, in a process for which Ray has not chosen."""
    asked = [sys.executable, "-c", "import torch; print(torch.get_num_threads())"]
    return int(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
