"""How far the gate is to be trusted on this machine: gates of a network against itself, and what they would find.

Each gate takes all the pairs that its budget has room for. What the gate would have said of them is worked out
afterwards by the same rule, looks and all; and what it would have said of a slowdown, from the same pairs with the
logarithm of the slowdown added to each, since a slower network multiplies its latency in every pair.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from tradeoff.errors import InputError
from tradeoff.gate.pairs import Failed, Pair
from tradeoff.gate.run import Plan, Say, describe_protocol, session
from tradeoff.gate.sequential import Sequential
from tradeoff.gate.verdict import FEWEST, Rule, Verdict
from tradeoff.measure.environment import provenance
from tradeoff.records.statistics import Interval, proportion_interval

Pairs = Mapping[str, Sequence[Pair]]
SHARE = 0.95
"""Of the gates, how many have to find a slowdown."""
SLOWDOWNS = tuple(round(0.001 * step, 3) for step in (*range(1, 101), *range(105, 501, 5)))
"""That are tried, fractions: 0.1 % to 10 %, then to 50 %."""


@dataclass(frozen=True)
class Calibration:
    """Gates of networks against themselves: each a mapping from variants to their pairs."""

    gates: Sequence[Pairs]
    rule: Rule
    protocol: Mapping[str, Any]
    made: Mapping[str, Any]
    seconds: float

    @cached_property
    def false_alarms(self) -> Interval:
        """The share of gates that call anything SLOWER or FASTER, with its exact binomial interval."""
        called = [bool({Verdict.SLOWER, Verdict.FASTER} & set(self._verdicts(gate).values())) for gate in self.gates]
        return proportion_interval(sum(called), len(called))

    @cached_property
    def same(self) -> Interval:
        """The share of variants over all gates that are called SAME."""
        verdicts = [verdict for gate in self.gates for verdict in self._verdicts(gate).values()]
        return proportion_interval(verdicts.count(Verdict.SAME), len(verdicts))

    def found(self, slowdown: float) -> Interval:
        """The share of gates that call one variant, that much slower (a fraction), SLOWER; each variant in turn."""
        found = [self._verdicts(gate, name, slowdown)[name] == Verdict.SLOWER for gate in self.gates for name in gate]
        return proportion_interval(sum(found), len(found))

    @cached_property
    def smallest_found(self) -> float | None:
        """The smallest slowdown that, like all larger ones, 95 % of the gates find; None where that is beyond 50 %."""
        smallest = None
        for slowdown in reversed(SLOWDOWNS):
            if self.found(slowdown).estimate < SHARE:
                break
            smallest = slowdown
        return smallest

    @property
    def spread(self) -> float:
        """Standard deviation of a pair's log-ratio, over all pairs."""
        logs = [pair.log_ratio for gate in self.gates for pairs in gate.values() for pair in pairs]
        return float(np.std(logs, ddof=1))

    def _verdicts(self, gate: Pairs, name: str = "", slowdown: float = 0.0) -> dict[str, Verdict]:
        return {each: case.verdict for each, case in replay(gate, self.rule, {name: slowdown}).cases.items()}

    def as_record(self) -> dict[str, Any]:
        return {
            "gates": [
                {name: [each.as_record() for each in pairs] for name, pairs in gate.items()} for gate in self.gates
            ],
            "false_alarms": asdict(self.false_alarms),
            "same": asdict(self.same),
            "smallest_found": self.smallest_found,
            "spread": self.spread,
            "rule": self.rule.model_dump(),
            "protocol": dict(self.protocol),
            "made": dict(self.made),
            "seconds": round(self.seconds, 1),
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        per_gate = [len(pairs) for gate in self.gates for pairs in gate.values()]
        alarms, count = self.false_alarms, len(self.gates)
        yield (
            f"{count} gates of networks against themselves, {min(per_gate)} to {max(per_gate)} pairs each; the ratio "
            f"of a pair varies by {self.spread:.2%} (standard deviation)"
        )
        yield (
            f"false alarms: {round(alarms.estimate * count)} of {count}, {_share(alarms)}; the rule allows "
            f"{self.rule.error:.1%}"
        )
        yield f"called SAME: {_share(self.same)}"
        if self.smallest_found is None:
            yield f"no slowdown up to {SLOWDOWNS[-1]:.0%} is found by {SHARE:.0%} of the gates: raise their budget"
        else:
            yield f"the smallest slowdown that {SHARE:.0%} of the gates find: {self.smallest_found:.1%}"


def _share(interval: Interval) -> str:
    return f"{interval.estimate:.1%} [{interval.low:.1%}, {interval.high:.1%}]"


def replay(pairs: Pairs, rule: Rule, slowdowns: Mapping[str, float] | None = None) -> Sequential:
    """What the gate says of pairs that were taken already, as if they came in now; `slowdowns` are fractions."""
    sequential = Sequential(list(pairs), rule)
    most = max(len(each) for each in pairs.values())
    sequential.limit(max(FEWEST, most))
    for number in range(most):
        for name in list(sequential.open):
            pair = pairs[name][number]
            shift = float(np.log1p((slowdowns or {}).get(name, 0.0)))
            sequential.add(name, pair.log_ratio + shift, pair.control_log_ratio)
        if sequential.due:
            sequential.look()
    return sequential


def calibrate(plan: Plan, gates: int, say: Say = lambda line: None) -> Calibration:
    """Run `gates` gates of the variants as they are installed, each against itself, for `plan.budget` seconds each.

    Raises InputError for a network that cannot be built or timed, and for what this machine has not.
    """
    plan, started = plan.resolved(), time.monotonic()
    done: list[Pairs] = []
    with session((None, None), plan) as measure:
        say(f"{gates} x {plan.budget:g} s: about {gates * plan.budget / 60:.2g} minutes")
        for number in range(gates):
            try:
                done.append(_all_pairs(plan, measure))
            except KeyboardInterrupt:
                if not done:
                    raise
                say(f"interrupted: {number} of {gates} gates were made")
                break
            verdicts = replay(done[-1], plan.rule).cases.items()
            say(f"gate {number + 1} of {gates}: {', '.join(f'{name} {case.verdict}' for name, case in verdicts)}")
    made = provenance(torch.device(plan.device))
    return Calibration(done, plan.rule, describe_protocol(plan), made, time.monotonic() - started)


def _all_pairs(plan: Plan, measure: Callable[[str, int], Pair]) -> Pairs:
    """As many of each variant as there is time for."""
    pairs: dict[str, list[Pair]] = {each.name: [] for each in plan.variants}
    begun = time.monotonic()
    for number in range(plan.most):
        if number >= FEWEST and (time.monotonic() - begun) * (number + 1) / number > plan.budget:
            break
        for name, taken in pairs.items():
            try:
                taken.append(measure(name, number))
            except Failed as failure:
                raise InputError(f"variant {name} cannot be timed: {failure}") from None
    return pairs
