"""Fill an array with the clips of a task: the same pixels for a seed whatever the number of clips or workers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np

from tradeoff.data.synthetic.tasks import CLASSES, SPLITS, appearance_clip, motion_clip
from tradeoff.errors import InputError

GENERATOR_VERSION = 1  # raise it with every change that changes a pixel: it is part of the data's digest


@dataclass(frozen=True)
class Labels:
    """What goes with the clips of `generate`, in their order (N = train + test).

    labels: int64 (N,). folds: int64 (N,), -1 for training clips, 0 for test clips. ids: unique. groups: int64 (N,),
    equal for a clip and its time reverse and for no others.
    """

    labels: np.ndarray
    folds: np.ndarray
    ids: tuple[str, ...]
    groups: np.ndarray


@dataclass(frozen=True)
class _Job:
    """Rendering number `index` of a split, which fills `out` from row `row` on (a clip, or a clip and its reverse)."""

    split: str
    index: int
    row: int


def generate(
    task: str,
    train: int,
    test: int,
    seed: int,
    shape: tuple[int, int, int],
    out: np.ndarray,
    progress: Callable[[int, int], None],
    workers: int,
) -> Labels:
    """Render `train` then `test` clips of `task` into `out`, uint8 (train + test, T, H, W, 3) RGB.

    (T, H, W) is `shape`. `workers` threads share the work (numpy leaves the interpreter's lock while it computes);
    `progress(done, total)`, in clips, is called from the calling thread. Classes come round in turn, so their counts
    differ by one at most. Raises InputError for an unknown task, a negative number, or an odd number of motion clips.
    """
    _check(task, train, test, seed)
    if out.shape != (train + test, *shape, 3) or out.dtype != np.uint8:
        raise ValueError(f"out is {out.dtype} {out.shape}, not uint8 {(train + test, *shape, 3)}")
    step = 2 if task == "motion" else 1
    jobs = _jobs(train, test, step)
    labels = np.empty(train + test, np.int64)

    def run(job: _Job) -> None:
        rows = slice(job.row, job.row + step)
        render = motion_clip if task == "motion" else appearance_clip
        clip, label = render(seed, job.split, job.index, shape)
        out[rows] = np.stack([clip, clip[::-1]][:step])
        labels[rows] = (label, label ^ 1)[:step]  # partners are 2p and 2p + 1

    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(run, job) for job in jobs]
        for done, future in enumerate(as_completed(futures), 1):
            future.result()
            progress(done * step, train + test)
    folds = np.repeat(np.array([-1, 0], np.int64), (train, test))
    groups = np.arange(train + test, dtype=np.int64) // step
    return Labels(labels, folds, _ids(task, jobs), groups)


def _check(task: str, train: int, test: int, seed: int) -> None:
    if task not in CLASSES:
        raise InputError(f"synthetic: {task!r} is not a task; the tasks are {', '.join(CLASSES)}")
    for name, value in (("train", train), ("test", test), ("seed", seed)):
        if value < 0:
            raise InputError(f"{name}: {value} is negative; it must be 0 or more")
    for name, value in (("train", train), ("test", test)):
        if task == "motion" and value % 2:
            raise InputError(f"{name}: {value} is odd; motion clips come in pairs, so it must be even")


def _jobs(train: int, test: int, step: int) -> list[_Job]:
    starts = zip(SPLITS, (0, train), (train, test), strict=True)
    return [_Job(split, i, start + i * step) for split, start, count in starts for i in range(count // step)]


def _ids(task: str, jobs: list[_Job]) -> tuple[str, ...]:
    endings = ("/forward", "/reverse") if task == "motion" else ("",)
    return tuple(f"{task}/{job.split}/{job.index:06d}{ending}" for job in jobs for ending in endings)
