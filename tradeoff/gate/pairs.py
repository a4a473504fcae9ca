"""One pair: a fresh process of base and one of head, alive together, which take turns A B B A.

Turns of some 50 ms are what cancels the machine: it is slower for seconds and minutes at a time, and in one turn of
each order whatever it does is on both sides. What is left between the two is the luck of each process, its layout in
memory, which only further pairs can average.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from tradeoff.gate.companion import Companion, Unanswered

CONTROL_SHARE, CONTROL_WARM_UP = 0.25, 0.05
"""How long the control's turn is, of a side's, and seconds that it warms up before a pair."""


@dataclass(frozen=True)
class Pacing:
    """seconds: that the turns of a pair go on for, the control's among them. warm_up: seconds of each side before that.
    turn: milliseconds of one side before it is the other's turn. rotations: A B B A, at least so many in a pair."""

    seconds: float = 1.2
    warm_up: float = 0.25
    turn: float = 50.0
    rotations: int = 2


@dataclass(frozen=True)
class Passes:
    """The passes of one process that count, milliseconds: their median, mean and standard deviation, and how many."""

    median: float
    mean: float
    sd: float
    count: int

    @classmethod
    def of(cls, taken: Sequence[float]) -> Passes:
        return cls(float(np.median(taken)), float(np.mean(taken)), float(np.std(taken, ddof=1)), len(taken))


@dataclass(frozen=True)
class Pair:
    """What the two processes took, and the control in its turns after base's and after head's."""

    base: Passes
    head: Passes
    control_base: Passes
    control_head: Passes

    @property
    def log_ratio(self) -> float:
        """Of the medians, head's over base's: positive where head is slower."""
        return float(np.log(self.head.median / self.base.median))

    @property
    def control_log_ratio(self) -> float:
        return float(np.log(self.control_head.median / self.control_base.median))

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


class Timed(Protocol):
    """What answers a number with the milliseconds of as many passes."""

    def ask(self, question: int) -> list[float]: ...


class Failed(RuntimeError):
    """A side could not be timed: one sentence that says which and why."""


def measure_pair(start: Callable[[str], Companion], control: Timed, number: int, pacing: Pacing) -> Pair:
    """Start both sides, by `start("base")` and `start("head")`, and time them.

    Both start at once, and whose turn is first changes with the pair's `number`. Raises Failed.
    """
    with ExitStack() as stack:
        sides = {name: stack.enter_context(start(name)) for name in ("base", "head")}
        for name, side in sides.items():
            try:
                side.answer()
            except Unanswered as error:
                raise Failed(f"{name}: {error}") from None
        return time_pair(sides, control, number, pacing)


def time_pair(
    sides: dict[str, Any], control: Timed, number: int, pacing: Pacing, clock: Callable[[], float] = time.perf_counter
) -> Pair:
    """Time two sides, `base` and `head`, that are ready. Raises Failed where one ends."""
    taken: dict[str, list[float]] = {"base": [], "head": [], "control_base": [], "control_head": []}
    order = ("base", "head") if number % 2 == 0 else ("head", "base")
    typical = {name: _warm_up(name, sides[name], pacing.warm_up, clock) for name in order}
    count = max(1, round(pacing.turn / max(typical.values())))
    # The first pass of a turn finds the caches full of the other side's data; in one as long as a turn that is nothing.
    lead = {name: int(milliseconds < pacing.turn) for name, milliseconds in typical.items()}
    control_ms = _warm_up("the control", control, CONTROL_WARM_UP, clock)
    control_count = max(1, round(pacing.turn * CONTROL_SHARE / control_ms))
    end = clock() + pacing.seconds
    for rotation, names in enumerate(_rotations(order)):
        if rotation >= pacing.rotations and clock() >= end:
            break
        for name in names:
            taken[name] += _ask(name, sides[name], lead[name] + count)[lead[name] :]
            taken[f"control_{name}"] += _ask("the control", control, 1 + control_count)[1:]
    return Pair(**{name: Passes.of(each) for name, each in taken.items()})


def _rotations(order: tuple[str, str]) -> Iterator[tuple[str, ...]]:
    first, second = order
    while True:
        yield first, second, second, first
        yield second, first, first, second


def _warm_up(name: str, side: Timed, seconds: float, clock: Callable[[], float]) -> float:
    """Milliseconds of a pass, once it is warm."""
    taken: list[float] = []
    end = clock() + seconds
    while len(taken) < 2 or clock() < end:
        taken += _ask(name, side, 1 + len(taken) // 4)
    return float(np.median(taken[len(taken) // 2 :]))


def _ask(name: str, side: Timed, count: int) -> list[float]:
    try:
        return side.ask(count)
    except Unanswered as error:
        raise Failed(f"{name}: {error}") from None
