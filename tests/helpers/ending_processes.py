"""What a fresh process is given to do in tests; in a module of its own, which the process can import."""

from __future__ import annotations

import os
import signal

from tradeoff.measure.timing.subject import WrongOutput


def die() -> None:
    os._exit(9)


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def break_down() -> None:
    raise WrongOutput("its output is\nfar away")
