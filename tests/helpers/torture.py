"""Real sweeps by the command line, killed with SIGKILL again and again until they are done.

A run is a process forked from one that has imported torch, so that a kill costs a second rather than five. It is killed
from outside after some time, or kills itself just before or after one of its calls that change what the disk holds.

`python tests/helpers/torture.py --kills 50` says what was hit and whether the records are those of an undisturbed run.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import itertools
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
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
    from tradeoff.sweep.engine import Engine

    Engine.save_every = 0.0
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

    def __init__(self, folder: Path, values: dict[str, Any]) -> None:
        self.folder, self.file = folder, folder / "tortured.yaml"
        self.file.write_text(yaml.safe_dump(values))
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(_PRELOADED)

    def start(
        self, results: Path, cache: Path, blow: Blow = Blow(), largest: int | None = None, only: Sequence[str] = ()
    ) -> Running:
        """`tradeoff sweep` of the file, begun. only: kinds, where not all."""
        arguments = ["sweep", str(self.file), "--results", str(results), "--threads", "1"]
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


@dataclass
class Campaign:
    """Sweeps killed until they are done, round after round, each compared with an undisturbed one."""

    sweep: Sweep
    seed: int
    kills: int = 0
    runs: int = 0
    rounds: int = 0
    equal: int = 0
    landed: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random, self.folder = random.Random(self.seed), self.sweep.folder
        self.cache = self.folder / "cache"
        self.sweep(self.folder / "undisturbed", self.cache, only=["cost"])  # imports what is forked from then on
        shutil.rmtree(self.folder / "undisturbed")
        began = time.monotonic()
        code, said = self.sweep(self.folder / "undisturbed", self.cache)
        self.seconds = time.monotonic() - began
        if code:
            raise RuntimeError(f"the undisturbed sweep ended with {code}: {said}")
        self.undisturbed = contents(self.folder / "undisturbed")

    def until(self, kills: int) -> Campaign:
        while self.kills < kills:
            self.rounds += 1
            self._round(cold=self.rounds % 2 == 1, most=kills)
        return self

    def together(self, times: int) -> Campaign:
        """Two sweeps at once into one folder, of which one or both are killed in all rounds but the first."""
        for number in range(times):
            self.rounds += 1
            results = self.folder / f"together{number}"
            blows = [Blow(), Blow()] if number == 0 else [self._blow(), self._blow() if number % 2 else Blow()]
            both = [self.sweep.start(results, self.cache, blow) for blow in blows]
            for each in both:
                self._count(each, *each.end())
            self._finish(results, self.cache)
        return self

    def damaged(self) -> Campaign:
        """Each file of the undisturbed sweep alone, in each of the ways."""
        whole = self.folder / "undisturbed"
        files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
        for path, how in itertools.product(files, DAMAGES):
            self.rounds += 1
            results = self.folder / f"damaged{self.rounds}"
            shutil.copytree(whole, results)
            if path.parts[0] == "checkpoints":  # made again where an accuracy needs it
                shutil.rmtree(results / "accuracy")
            damage(results / path, how)
            self._finish(results, self.cache)
        return self

    def _round(self, cold: bool, most: int) -> None:
        results = self.folder / f"killed{self.rounds}"
        cache = self.folder / f"cold{self.rounds}" if cold else self.cache
        while self.kills < most:
            running = self.sweep.start(results, cache, self._blow())
            if self._count(running, *running.end()) == 0:
                break
        self._finish(results, cache)

    def _blow(self) -> Blow:
        """At a random time, or at a call: among the many that save states, or the fewer of records."""
        draw = self.random
        if draw.random() < 0.4:
            return Blow(seconds=draw.uniform(0.05, self.seconds))
        records = draw.random() < 0.6
        return Blow(call=int(2 ** draw.uniform(0, 5 if records else 7)), late=draw.random() < 0.5, records=records)

    def _count(self, running: Running, code: int, said: str) -> int:
        self.runs += 1
        if code == -signal.SIGKILL:
            self.kills += 1
            self.landed[running.landed] += 1
        elif code:
            self.differences.append(f"a run ended with {code}: {said[-2000:]}")
        return code

    def _finish(self, results: Path, cache: Path) -> None:
        """Run it undisturbed to its end, and once more, which measures nothing and takes away what is left over."""
        for _ in range(2):
            self.runs += 1
            code, said = self.sweep(results, cache)
            if code:
                self.differences.append(f"{results.name} ended with {code}: {said[-2000:]}")
            if "measured nothing" in said:
                break
        if "measured nothing" not in said:
            self.differences.append(f"{results.name} was measured a second time")
        found, wanted = contents(results), self.undisturbed
        self.equal += sum(found.get(name) == value for name, value in wanted.items())
        differ = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
        self.differences += [f"{results.name}: {name}" for name in [*differ, *leftovers(cache)]]

    def summary(self) -> str:
        where = "".join(f"  {count:3} {place}\n" for place, count in self.landed.most_common())
        return (
            f"{self.kills} kills in {self.runs} runs of {self.rounds} sweeps, which landed\n{where}"
            f"{self.equal} of {self.rounds * len(self.undisturbed)} files equal an undisturbed run's"
            + "".join(f"\nDIFFERENT {each}" for each in self.differences)
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--together", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tradeoff-torture-"))
    began = time.monotonic()
    wrong = 0
    for name, values in {"killed": SWEEP, "damaged": SMALL | {"seeds": [0]}}.items():
        (folder / name).mkdir()
        campaign = Campaign(Sweep(folder / name, values), chosen.seed)
        if name == "killed":
            campaign.together(chosen.together).until(chosen.kills)
        else:
            campaign.damaged()
        print(f"{name}: {campaign.summary()}", flush=True)
        wrong += len(campaign.differences)
    print(f"seed {chosen.seed}, {time.monotonic() - began:.0f} s")
    if wrong:
        sys.exit(f"the folders are in {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
