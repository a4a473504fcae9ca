"""Ctrl-C, and the request to end that a scheduler sends (SIGTERM): once is a request, twice an order."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any


class Stopping:
    """A context manager: inside, `asked` says whether it was asked for; a second time raises KeyboardInterrupt there.

    Whoever has a handler of their own keeps it, and so do other threads than the main one.
    """

    def __init__(self) -> None:
        self.asked = self._begun = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
                if signal.getsignal(number) is usual:
                    self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def begins(self, say: Callable[[str], None]) -> bool:
        """Whether this is the first look since it was asked for; says what happens then."""
        first, self._begun = not self._begun, True
        if first:
            say("stopping once what is under way is saved; Ctrl-C again stops now")
        return first

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def masked(number: int) -> Iterator[None]:
    """Inside, a signal waits; a process that is started there begins so."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class AsCtrlC:
    """A context manager: inside, a request to end (SIGTERM) is as Ctrl-C."""

    def __init__(self) -> None:
        self._replaced = False

    def __enter__(self) -> AsCtrlC:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, lambda number, frame: os.kill(os.getpid(), signal.SIGINT))
            self._replaced = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._replaced:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
