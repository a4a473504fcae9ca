"""The other end of `Local`: a process that measures what it is handed, one after the other."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import connection, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from tradeoff.errors import InputError
from tradeoff.records.store import Store
from tradeoff.sweep.executors.base import attempt
from tradeoff.sweep.listening import Listener, Losses
from tradeoff.sweep.logs import log_path
from tradeoff.sweep.measuring import Measurer
from tradeoff.training.fit import Progress

BEGUN, ENDED, BAD, STOPPED = "begun", "ended", "bad input", "stopped"
"""What a message begins with: the first about a measurement, or the last; others name a method of the listener."""


class Telling(Listener):
    """Passes on what it hears."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def epoch(self, training: Progress) -> None:
        self._pipe.send(("epoch", training))

    def step(self, done: int, total: int) -> None:
        self._pipe.send(("step", done, total))

    def data(self, done: int, total: int) -> None:
        self._pipe.send(("data", done, total))

    def note(self, text: str) -> None:
        self._pipe.send(("note", text))

    def lost(self, new: Losses, lost: int, videos: int) -> None:
        self._pipe.send(("lost", tuple(new), lost, videos))


def serve(pipe: Connection, root: Path, cache: Path, threads: int, save_every: float) -> None:
    """Measure what comes through the pipe until nothing more does, or until Ctrl-C, which `Local` passes on: pickled
    plans, and measurements of the last one with how many times fewer clips at once they take."""
    os.setsid()  # a terminal's Ctrl-C reaches it through `Local` alone, and what it starts ends with it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # A scheduler sends it to all processes of a job, and the command passes it on as Ctrl-C.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(threads)
    telling = Telling(pipe)
    _pass_on_warnings(telling)
    try:
        # `Local` blocks it until here, Ray for all that it starts; a shell ignores it for what is in its background.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        while (job := pipe.recv()) is not None:
            if isinstance(job, bytes):
                measurer = Measurer(pickle.loads(job), Store(root), cache)
                measurer.save_every = save_every
                continue
            measurement, divide = job
            pipe.send((BEGUN,))
            with _output_to(log_path(root, measurement)):
                try:
                    answer: tuple[Any, ...] = (ENDED, attempt(measurer, measurement, telling, divide))
                except InputError as error:
                    answer = (BAD, str(error))
            pipe.send(answer)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        pipe.send((STOPPED,))
    except EOFError:
        return


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os.killpg(0, signal.SIGKILL)


def _pass_on_warnings(telling: Telling) -> None:
    usual = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, UserWarning):
            telling.note(str(message))
        else:
            usual(message, category, *place, **more)

    warnings.showwarning = show


@contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Whatever this process and its libraries print meanwhile goes to the end of a file, where that can be written."""
    try:
        path.parent.mkdir(exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError:
        yield
        return
    kept = [os.dup(number) for number in (1, 2)]
    try:
        for number in (1, 2):
            os.dup2(file, number)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, before in zip((1, 2), kept, strict=True):
            os.dup2(before, number)
            os.close(before)
        os.close(file)
