"""A real sweep by the command line, in a process that is killed with SIGKILL: when, where, and what it leaves.

A run is forked from a process that has imported torch, so that a kill costs a second rather than five. It is killed
from outside after some time, or kills itself just before or after one of its calls that change what the disk holds.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

HERE = Path(__file__).resolve().parent
SWEEP: dict[str, Any] = {
    "name": "tortured",
    "variants": ["I2D", "I3D"],
    "width": 0.0625,
    "clip": "8x32x32",
    "data": {"synthetic": "motion", "train": 32, "test": 32},
    "seeds": [0, 1],
    "orders": ["normal", "reversed"],
    "train": {"epochs": 4, "batch": 8, "rate": 0.01, "precision": "float32"},
    "latency": {"seconds": 0.05, "processes": 1, "spacing": 0, "throughput": []},
}
SMALL = SWEEP | {"variants": ["I2D"], "train": SWEEP["train"] | {"epochs": 3, "batch": 16}, "latency": "none"}
DAMAGES = ("empty", "cut", "zeros")
"""What a power cut makes of a file."""

_PRELOADED = [
    *("tradeoff.sweep.engine", "tradeoff.cli.sweeping", "tradeoff.records.table", "tradeoff.report.run"),
    *("tradeoff.data.synthetic.generate", "torch._dynamo", "torch.utils.tensorboard"),
]
_CALLS = ("fsync", "link", "replace", "rename", "unlink", "mkdir")
_RECORDS = ("cost", "training", "accuracy", "latency", "sweeps")
_TIMES = ("clips_per_second", "wait")
_LEFT_OUT = ("logs", "damaged")  # how a run went, not what it measured


@dataclass(frozen=True)
class Blow:
    """How a run ends before it is done.

    seconds: killed from outside after so long. call: kills itself at that one of its calls that change the disk,
    counted from 1, or where `records`, of those that concern records, sweeps and checkpoints; before it or, if `late`,
    after it.
    """

    seconds: float | None = None
    call: int = 0
    late: bool = False
    records: bool = False


def arm(spec: str) -> None:
    """Have this process kill its whole group at a call, and say which it was in a file. spec: JSON."""
    values = json.loads(spec)
    blow, counted = Blow(**values["blow"]), itertools.count(1)

    def watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def do(*arguments: Any, **options: Any) -> Any:
            path = _concerned(name, arguments)
            counts = (not blow.records or _is_of_records(path)) and not (name == "mkdir" and path.exists())
            hit = counts and next(counted) == blow.call
            if hit and not blow.late:
                kill(path)
            result = call(*arguments, **options)
            if hit:
                kill(path)
            return result

        def kill(path: Path) -> None:
            when, place = "after" if blow.late else "before", _place(path)
            Path(values["landed"]).write_text(f"{when} {name} in {place}")
            with contextlib.suppress(ProcessLookupError):
                os.killpg(values["group"], signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)

        return do

    for name in _CALLS:
        setattr(os, name, watched(name, getattr(os, name)))


def _concerned(name: str, arguments: Sequence[Any]) -> Path:
    if name == "fsync":
        return Path(f"/proc/self/fd/{arguments[0]}").readlink()
    return Path(os.fsdecode(arguments[1] if name in ("link", "replace", "rename") else arguments[0]))


def _is_of_records(path: Path) -> bool:
    kept = path.parent.name == "checkpoints" and ".resume" not in path.name and ".writing" not in path.name
    return kept or path.parent.name in _RECORDS or path.name in _RECORDS


def _place(path: Path) -> str:
    places = (*_RECORDS, "checkpoints", "logs", "attempts")
    parts = [part for part in path.parts if part in places]
    return parts[-1] if parts else "the cache" if "motion" in str(path) or "cache" in path.name else "the folder"


def run(arguments: Sequence[str], cache: str, log: str, blow: Blow, largest: int | None) -> None:
    """The command, in a session of its own; `largest`: bytes that a file may have, as if the disk were full then."""
    os.setsid()
    handle = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.environ["TRADEOFF_CACHE"] = cache
    from tradeoff.cli import main
    from tradeoff.sweep.measuring import Measurer

    Measurer.save_every = 0.0
    if blow.call:
        spec = json.dumps({"blow": asdict(blow), "landed": f"{log}.landed", "group": os.getpgrp()})
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE / "killing"), str(HERE), before]))
        os.environ["TRADEOFF_TEST_BLOW"] = spec
        arm(spec)
    if largest is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    main(arguments)


class Sweep:
    """One sweep file, run into folders beside it."""

    def __init__(self, folder: Path, values: dict[str, Any], executor: str = "here") -> None:
        self.executor = executor
        self.folder, self.file = folder, folder / "tortured.yaml"
        self.file.write_text(yaml.safe_dump(values))
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(_PRELOADED)

    def start(
        self, results: Path, cache: Path, blow: Blow = Blow(), largest: int | None = None, only: Sequence[str] = ()
    ) -> Running:
        """`tradeoff sweep` of the file, begun. only: kinds, where not all."""
        arguments = ["sweep", str(self.file), "--results", str(results), "--threads", "1", "--executor", self.executor]
        arguments += [each for kind in only for each in ("--only", kind)]
        log = self.folder / f"{time.monotonic_ns()}.log"
        process = self.context.Process(target=run, args=(arguments, str(cache), str(log), blow, largest))
        process.start()
        return Running(process, log, blow, results, cache)

    def __call__(self, results: Path, cache: Path, **options: Any) -> tuple[int, str]:
        """The command to its end: exit code, negative for a signal, and what it said."""
        return self.start(results, cache, **options).end()


@dataclass
class Running:
    """A command that was started."""

    process: Any
    log: Path
    blow: Blow
    results: Path
    cache: Path

    def end(self) -> tuple[int, str]:
        """Wait for it, and kill it with all that it started where that is how it ends."""
        self.process.join(self.blow.seconds)
        if self.process.exitcode is None:
            self._kill()
        self.process.join()
        return int(self.process.exitcode), self.log.read_text() if self.log.exists() else ""

    def _kill(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            started = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()  # first, so that it cannot note that the others failed
            for each in started:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()

    @property
    def landed(self) -> str:
        """Where it was killed: what it said itself, or what it left."""
        said = Path(f"{self.log}.landed")
        if said.exists():
            return said.read_text()
        if self.cache.exists() and leftovers(self.cache):
            return "at random, while clips were generated"
        if not (self.results / "sweeps").is_dir():
            return "at random, before the results folder was ready"
        if unfinished := next(self.results.glob("*/.writing-*"), None):
            return f"at random, within a write in {unfinished.parent.name}"
        training = any(self.results.glob("checkpoints/*.resume.pt"))
        return f"at random, {'in a training' if training else 'between trainings'}"


def contents(results: Path) -> dict[str, Any]:
    """What a results folder holds and two runs must agree on: all but times, logs and what was set aside."""
    paths = sorted(path for path in results.rglob("*") if path.is_file())
    found = {}
    for path in paths:
        folder = path.relative_to(results).parts[0]
        if folder in _LEFT_OUT:
            continue
        timed = folder == "latency"
        name = f"{folder}/{path.name.split('.')[0] + path.suffix if timed else path.name}"
        found[name] = "" if timed else _measured(path) if folder in _RECORDS and path.suffix == ".json" else _hash(path)
    return found


def _measured(path: Path) -> Any:
    record = json.loads(path.read_text())
    record.pop("made", None)
    for epoch in record.get("measured", {}).get("epochs", []):
        for name in _TIMES:
            epoch.pop(name)
    return record


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    cut = {"empty": b"", "cut": content[: len(content) // 2], "zeros": bytes(len(content))}
    path.write_bytes(cut[how])


def leftovers(cache: Path) -> list[str]:
    """What is in a cache of clips beside its sets and their locks."""
    return [path.name for path in cache.iterdir() if path.name.endswith(".partial")]
