"""Whose turn it is, and which passes count."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tradeoff.gate.companion import Unanswered
from tradeoff.gate.pairs import Failed, Pacing, Pair, Passes, time_pair

PACING = Pacing(seconds=0.5, warm_up=0.0, turn=50.0, rotations=2)


class Machine:
    """A clock that passes move on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.turns: list[tuple[str, int]] = []

    def __call__(self) -> float:
        return self.seconds

    def side(self, name: str, milliseconds: Callable[[int], float]) -> Side:
        return Side(self, name, milliseconds)


class Side:
    """Its n-th pass of a turn takes `milliseconds(n)`."""

    def __init__(self, machine: Machine, name: str, milliseconds: Callable[[int], float]) -> None:
        self.machine, self.name, self.milliseconds = machine, name, milliseconds

    def ask(self, question: int) -> list[float]:
        taken = [self.milliseconds(number) for number in range(question)]
        self.machine.seconds += sum(taken) / 1e3
        self.machine.turns.append((self.name, question))
        return taken


def pair_of(
    base: Callable[[int], float], head: Callable[[int], float], number: int = 0, pacing: Pacing = PACING
) -> tuple[Pair, list[str]]:
    """The pair, and whose turn it was once all were warm."""
    machine = Machine()
    sides = {"base": machine.side("base", base), "head": machine.side("head", head)}
    pair = time_pair(sides, machine.side("control", lambda n: 2.0), number, pacing, machine)
    names = [name for name, _ in machine.turns]
    warm = names.index("control")  # its warm-up is the last
    begun = next(place for place, name in enumerate(names) if place > warm and name != "control")
    return pair, names[begun:]


def test_turns_alternate_a_b_b_a_with_the_control_after_each() -> None:
    _, turns = pair_of(lambda n: 10.0, lambda n: 10.0)
    assert turns[:16:2] == ["base", "head", "head", "base", "head", "base", "base", "head"]
    assert set(turns[1::2]) == {"control"}
    assert turns.count("base") == turns.count("head")


def test_the_next_pair_begins_with_the_other_side() -> None:
    _, turns = pair_of(lambda n: 10.0, lambda n: 10.0, number=1)
    assert turns[:8:2] == ["head", "base", "base", "head"]


def test_the_first_pass_of_a_turn_does_not_count() -> None:
    warmer = replace(PACING, warm_up=2.0)
    cold = pair_of(lambda n: 100.0 if n == 0 else 10.0, lambda n: 100.0 if n == 0 else 12.0, pacing=warmer)[0]
    assert (cold.base.mean, cold.base.sd) == (10.0, 0.0)
    assert cold.log_ratio == pytest.approx(math.log(1.2))
    assert cold.control_log_ratio == 0.0


def test_a_slow_network_has_turns_of_one_pass_and_all_count() -> None:
    machine = Machine()
    sides = {name: machine.side(name, lambda n: 300.0) for name in ("base", "head")}
    pair = time_pair(sides, machine.side("control", lambda n: 2.0), 0, PACING, machine)
    assert {count for name, count in machine.turns if name != "control"} == {1}
    assert (pair.base.median, pair.base.count) == (300.0, 4)  # two rotations, whatever the time


def test_one_slow_side_does_not_leave_the_other_cold() -> None:
    pair = pair_of(lambda n: 30.0 if n == 0 else 10.0, lambda n: 80.0, pacing=replace(PACING, warm_up=1.0))[0]
    assert (pair.base.mean, pair.head.mean) == (10.0, 80.0)


def test_a_pair_goes_on_for_its_seconds() -> None:
    pair, _ = pair_of(lambda n: 10.0, lambda n: 10.0)
    # A rotation is 4 turns of 6 passes of 10 ms and of 7 of 2 ms: 0.296 s, so two of them.
    assert pair.base.count == 2 * 2 * 5


class Ended:
    def ask(self, question: int) -> list[float]:
        raise Unanswered("the process ended without an answer (exit code -9)")


@pytest.mark.parametrize("name", ["base", "head"])
def test_a_side_that_ends_is_named(name: str) -> None:
    machine = Machine()
    sides = {"base": machine.side("base", lambda n: 10.0), "head": machine.side("head", lambda n: 10.0)}
    with pytest.raises(Failed, match=f"{name}: the process ended"):
        time_pair({**sides, name: Ended()}, machine.side("control", lambda n: 2.0), 0, PACING, machine)
    with pytest.raises(Failed, match="the control: the process ended"):
        time_pair(sides, Ended(), 0, PACING, machine)


def test_passes_by_hand() -> None:
    assert Passes.of([1.0, 2.0, 6.0]) == Passes(2.0, 3.0, pytest.approx(math.sqrt(7.0)), 3)  # type: ignore[arg-type]


def test_a_record_is_plain() -> None:
    def values(of: object) -> Iterator[object]:
        if isinstance(of, dict):
            for each in of.values():
                yield from values(each)
        else:
            yield of

    record = pair_of(lambda n: 10.0, lambda n: 11.0)[0].as_record()
    assert {type(value) for value in values(record)} == {float, int}
