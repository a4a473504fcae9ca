"""How a measurement failed, in the few words that a sweep file's `retries` has for it."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tradeoff.errors import InputError
from tradeoff.measure.latency import reason
from tradeoff.measure.timing.process import is_out_of_memory
from tradeoff.training.fit import DivergedError

How = Literal["error", "out of memory", "diverged", "timeout", "died", "bad input"]
"""Bad input (data that is gone, say) concerns all that follow too: it ends a run, and no `retries` are of it."""
LOG_LINES = 30


@dataclass(frozen=True)
class Failed:
    """Why a measurement could not be made: in a line, and the last lines of its log."""

    how: How
    reason: str
    log: Sequence[str] = ()

    @classmethod
    def of(cls, error: Exception) -> Failed:
        """What an exception says; one that came from another process (`EndedEarly`) says it itself."""
        if isinstance(error, EndedEarly):
            return error.failed
        if isinstance(error, InputError) and isinstance(error, OSError):  # the results folder cannot be written
            return cls("bad input", str(error))
        lines = "".join(traceback.format_exception(error)).splitlines()[-LOG_LINES:]
        return cls(_how(error), reason(error), lines)


class EndedEarly(RuntimeError):
    """The processes of a measurement ended without a record."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.reason)
        self.failed = failed


def _how(error: Exception) -> How:
    if is_out_of_memory(error):
        return "out of memory"
    return "diverged" if isinstance(error, DivergedError) else "error"
