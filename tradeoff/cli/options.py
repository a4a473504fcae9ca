"""Options that several commands share, and what they turn into."""

from __future__ import annotations

import os
import shlex
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tradeoff.sweep.file import Sweep
    from tradeoff.sweep.plan import Plan


class Order(StrEnum):
    NORMAL = "normal"
    REVERSED = "reversed"


class Where(StrEnum):
    """Where measurements are made, as --executor names it."""

    HERE = "here"
    LOCAL = "local"
    RAY = "ray"


@dataclass(frozen=True)
class Place:
    """Where measurements are made, and by how many worker processes: 0 leaves the choice to the machine. Of a Ray
    cluster, its address and the label of the machines."""

    executor: str
    workers: int = 0
    address: str | None = None
    accelerator: str | None = None

    @property
    def is_ray(self) -> bool:
        return self.executor == "ray"


HERE = Place("here")


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output instead of a table.")]
Results = Annotated[
    Path, typer.Option("--results", help="The results folder: records are read from it and added to it.")
]
Cache = Annotated[
    Path | None, typer.Option("--cache", envvar="TRADEOFF_CACHE", help="Where generated or decoded clips are kept.")
]
Device = Annotated[str, typer.Option("--device", help="cpu, cuda or cuda:N.")]
Threads = Annotated[
    int, typer.Option("--threads", min=0, max=4096, help="CPU threads; 0 leaves the choice to PyTorch.")
]
Clip = Annotated[str, typer.Option("--clip", help="FRAMESxHEIGHTxWIDTH.")]
Width = Annotated[float, typer.Option("--width", help="Multiplier of every channel count.")]
Classes = Annotated[int, typer.Option("--classes", help="How many classes the logits tell apart.")]
Data = Annotated[
    str,
    typer.Option("--data", help="motion, appearance, a folder of class folders, or a CSV of path,label,split|fold."),
]
Views = Annotated[
    str | None,
    typer.Option(
        help="How whole videos are tested: paper (all frames, once), dense (10 clips x 3 crops), centre, segments or "
        "spread. Default: as --sampling draws, else one clip spread over the video."
    ),
]
VariantName = Annotated[str, typer.Argument(help="I2D, S3D-G, Top-Heavy-I3D-4, r3d_18, module:callable, ...")]
SYNTHETIC = ("motion", "appearance")
LOCAL_RESULTS, LOCAL_REPORTS = Path("results/local"), Path("reports/local")


def make_sweep_of(name: str, values: Mapping[str, Any]) -> Sweep:
    """A sweep from options, checked as a sweep file is; relative paths are taken from the working folder."""
    from tradeoff.sweep.file import make_sweep

    return make_sweep({"name": name, **values}, f"tradeoff {name}").resolve(Path.cwd())


def data_of(text: str) -> dict[str, Any]:
    return {"synthetic": text} if text in SYNTHETIC else {"videos": text}


def cache_of(given: Path | None) -> Path:
    import platformdirs

    return given or platformdirs.user_cache_path("tradeoff") / "clips"


def given_value(context: typer.Context, name: str) -> Any:
    """An option's value where the user gave it, else None."""
    source = context.get_parameter_source(name)
    return context.params[name] if source is not None and source.name != "DEFAULT" else None


def count_on_stderr(done: int, total: int) -> None:
    if done == total:
        sys.stderr.write(f"{total} clips generated or decoded\n")


class HashingOnStderr:
    """A line of progress every few seconds where reading the videos of a data set for their digests takes longer."""

    seconds = 5.0

    def __init__(self) -> None:
        self._at: float | None = None
        self._said = False

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        self._at = now if self._at is None else self._at  # the clock starts with the first video
        if now - self._at >= self.seconds or (self._said and done == total):
            self._at, self._said = now, True
            sys.stderr.write(f"reading videos for their digests, once: {done:,} of {total:,}\n")


def plan_of(chosen: Sweep, device: str, threads: int, cache: Path | None = None, workers: int = 0) -> Plan:
    """The plan of a sweep; digests of its videos are kept in `cache`, where one is given. Where `threads` does not say
    how many threads each of several `workers` has, they share a CPU's."""
    import torch

    from tradeoff.measure.environment import resolve_device
    from tradeoff.sweep.plan import make_plan
    from tradeoff.training.processes import join

    own = join(resolve_device(device))
    if workers > 1 and own.type == "cpu":
        threads = threads or max(1, torch.get_num_threads() // workers)
    if threads:
        torch.set_num_threads(threads)
    return make_plan(chosen, own, cache, HashingOnStderr())


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Warnings as one line each on standard error, without the place in the code."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for each in caught:
        sys.stderr.write(f"tradeoff: {each.message}\n")


@contextmanager
def kept_when_interrupted() -> Iterator[None]:
    """After Ctrl-C: says how to go on, unless another process that a launcher started does, and leaves with 130."""
    try:
        yield
    except KeyboardInterrupt:
        if os.environ.get("RANK", "0") == "0":
            command = shlex.join(["tradeoff", *sys.argv[1:]])
            sys.stderr.write(f"tradeoff: interrupted; what was measured is kept. To go on: {command}\n")
        raise typer.Exit(130) from None
