"""Calling a function in a process of its own, whatever becomes of that process."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tradeoff.errors import InputError

_GOODBYE_SECONDS = 30.0
"""What a process may take to end after its answer: ended by force, it would leave semaphores behind."""


class TimingFailed(RuntimeError):
    """What went wrong in the process, in its own words; its traceback is a note."""


def in_fresh_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """Raises InputError as `function` does there, TimingFailed for anything else that it raises, and MemoryError where
    the system ended the process for its memory."""
    # spawn: a forked process would inherit warm caches and thread pools, and CUDA does not survive a fork.
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, function, arguments), daemon=True)
    kills = kills_for_memory()
    process.start()
    theirs.close()
    try:
        answer, failure, trace = ours.recv()
        process.join(_GOODBYE_SECONDS)
    except EOFError:
        process.join()
        if process.exitcode == -signal.SIGKILL and kills_for_memory() > kills:
            raise MemoryError("the system ended the process: out of memory") from None
        raise TimingFailed(f"the process ended without an answer (exit code {process.exitcode})") from None
    finally:
        ours.close()
        process.kill()
        process.join()
    if failure:
        failure.add_note(trace)
        raise failure
    return answer


def _answer(connection: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """In the fresh process: sends (answer, None, None), or (None, what is to be raised, the traceback)."""
    answer, trace = None, None
    failure: Exception | None = None
    try:
        answer = function(*arguments)
    except InputError as error:  # the user's own network, or a GPU in use: no other measurement would fare better
        failure, trace = InputError(str(error)), traceback.format_exc()
    except Exception as error:  # in words, since an exception of a runtime's may not survive the way
        failure, trace = TimingFailed(f"{type(error).__name__}: {error}"), traceback.format_exc()
    connection.send((answer, failure, trace))
    connection.close()


def kills_for_memory() -> int:
    """How many processes Linux has ended so far because memory ran out; 0 where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
