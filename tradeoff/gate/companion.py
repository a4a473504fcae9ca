"""A process of its own that answers until it is closed: one side of a comparison lives in it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

PATIENCE = 1800.0
"""Seconds after which a process that does not answer is given up: compiling a network takes minutes."""
_GOODBYE_SECONDS = 5.0
_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "-1", "MALLOC_TOP_PAD_": "67108864"}
"""glibc would give large tensors back to the system after each layer and fetch them again, page by page: where those
pages lie, and how long the kernel takes to find them, differs by tens of percent from one process to the next and
says nothing about the network. Both sides keep what they have freed. Read when a process starts; others ignore it."""


class Unanswered(RuntimeError):
    """The process ended, or was silent for too long, or says that something went wrong: one sentence."""


class Companion:
    """`serve(connection, *arguments)` in a fresh process; what it sends is (True, answer) or (False, a sentence)."""

    def __init__(self, serve: Callable[..., None], *arguments: Any) -> None:
        # spawn: a forked process would inherit warm caches and thread pools, and CUDA does not survive a fork.
        context = get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_live, args=(serve, theirs, *arguments), daemon=True)
        with _surroundings():
            self._process.start()
        theirs.close()

    def __enter__(self) -> Companion:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def ask(self, question: Any) -> Any:
        """Send, and wait for the answer. Raises Unanswered."""
        with suppress(OSError):  # it has ended: `answer` says how
            self._ours.send(question)
        return self.answer()

    def answer(self) -> Any:
        """Wait for what it sends next. Raises Unanswered."""
        try:
            if not self._ours.poll(PATIENCE):
                raise Unanswered(f"the process did not answer for {PATIENCE:.0f} s")
            well, answer = self._ours.recv()
        except (EOFError, OSError):
            self._process.join(_GOODBYE_SECONDS)
            raise Unanswered(f"the process ended without an answer (exit code {self._process.exitcode})") from None
        if not well:
            raise Unanswered(answer)
        return answer

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def close(self) -> None:
        """End it, whatever it is doing: it has nothing to put in order."""
        self._ours.close()
        self._process.kill()
        self._process.join()


def _live(serve: Callable[..., None], connection: Connection, *arguments: Any) -> None:
    """The process. Standard output is the tool's: what a checkout's code prints there goes to standard error."""
    os.dup2(2, 1)
    serve(connection, *arguments)


def answering(connection: Connection, answers: Iterator[Any]) -> None:
    """In the process: send what `answers` yields, one by one, and the sentence of what it raises."""
    try:
        for answer in answers:
            connection.send((True, answer))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # whoever asked is gone
    except Exception as error:  # in words: an exception of the checkout's own class could not be read where it goes
        with suppress(OSError):
            connection.send((False, sentence_of(error)))


def sentence_of(error: BaseException) -> str:
    """What went wrong, in one line. An InputError is one already, whichever tool's it is."""
    first = (str(error).splitlines() or [""])[0]
    return first if type(error).__name__ == "InputError" else f"{type(error).__name__}: {first}"


@contextmanager
def _surroundings() -> Iterator[None]:
    """What a process inherits: our allocator settings, and that Ctrl-C is for us to answer, who then end it."""
    resource_tracker.ensure_running()  # when it is first started, it unblocks signals
    before = {name: os.environ.get(name) for name in _ALLOCATOR}
    os.environ.update(_ALLOCATOR)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if hasattr(signal, "pthread_sigmask") else None
    try:
        yield
    finally:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # one that came meanwhile is ours now
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
