"""The gate: two revisions, several variants, pair after pair until each has a verdict or the budget is spent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tradeoff.clip_shape import ClipShape
from tradeoff.errors import InputError
from tradeoff.gate.checkout_code import Wanted
from tradeoff.gate.companion import Companion, Unanswered
from tradeoff.gate.outcome import Exact, Outcome, VariantOutcome
from tradeoff.gate.pairs import Failed, Pacing, Pair, measure_pair
from tradeoff.gate.revisions import Checkout, checked_out
from tradeoff.gate.sequential import Sequential
from tradeoff.gate.sides import serve_control, serve_exact, serve_network
from tradeoff.gate.verdict import FEWEST, Rule
from tradeoff.measure.environment import provenance, resolve_device
from tradeoff.measure.latency import resolve_threads
from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.measure.runtimes import RUNTIMES
from tradeoff.measure.runtimes.base import check

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What is compared, and how.

    budget: seconds that the whole gate may take; what is under way when they are over is finished.
    most: pairs of a variant at most.
    """

    variants: tuple[Wanted, ...]
    clip: ClipShape
    protocol: LatencyProtocol = field(default_factory=LatencyProtocol)
    device: str = "cpu"
    rule: Rule = field(default_factory=Rule)
    budget: float = 600.0
    most: int = 40
    pacing: Pacing = field(default_factory=Pacing)

    def resolved(self) -> Plan:
        """With the number of threads that PyTorch would choose. Raises InputError for what this machine has not."""
        protocol, device = resolve_threads(self.protocol), resolve_device(self.device)
        check(RUNTIMES[protocol.runtime], protocol, device)
        return replace(self, protocol=protocol, device=str(device))


def run_gate(repository: Path, base: str, head: str | None, plan: Plan, say: Say = lambda line: None) -> Outcome:
    """Compare `head` (None for the working tree) with `base` in a git repository; `say` hears how it goes.

    Raises InputError for a repository, a revision, a runtime or a device that is not there. What is wrong with one
    variant is in its outcome, and the rest is compared.
    """
    started = time.monotonic()
    plan = plan.resolved()
    with checked_out(repository, base, head) as (base_side, head_side):
        if base_side.tree == head_side.tree:
            say(f"{base_side} and {head_side} have the same files: whatever differs is noise")
        exact = _compare_exactly((base_side, head_side), plan)
        for name, found in exact.items():
            for line in found.lines():
                say(f"{name}: {line}")
        sequential = Sequential([name for name, found in exact.items() if not found.failed], plan.rule)
        pairs: dict[str, list[Pair]] = {}
        if sequential.open:
            with session((base_side.folder, head_side.folder), plan) as measure:
                pairs = _take_pairs(sequential, measure, plan, started + plan.budget, say)
    return Outcome(
        base=str(base_side),
        head=str(head_side),
        variants=[
            VariantOutcome(name, found, sequential.cases.get(name), pairs.get(name, []))
            for name, found in exact.items()
        ],
        rule=plan.rule,
        protocol=describe_protocol(plan),
        made=provenance(torch.device(plan.device)),
        seconds=time.monotonic() - started,
    )


@contextmanager
def session(folders: tuple[Path | None, Path | None], plan: Plan) -> Iterator[Callable[[str, int], Pair]]:
    """What measures the pair of a variant that has a number, with one control process beside all of them.

    folders: base's and head's checkouts; None for networks as they are installed.
    """
    wanted = {each.name: each for each in plan.variants}

    def start(name: str, side: str) -> Companion:
        folder = folders[0] if side == "base" else folders[1]
        return Companion(serve_network, folder, wanted[name], plan.clip, plan.protocol, plan.device)

    def start_control() -> Companion:
        control = stack.enter_context(Companion(serve_control, plan.protocol, plan.device))
        try:
            control.answer()
        except Unanswered as error:
            raise InputError(f"the control workload does not run on {plan.device}: {error}") from None
        return control

    def measure(name: str, number: int) -> Pair:
        if not controls[-1].alive:
            controls.append(start_control())
        return measure_pair(partial(start, name), controls[-1], number, plan.pacing)

    with ExitStack() as stack:
        controls = [start_control()]
        yield measure


def describe_protocol(plan: Plan) -> dict[str, Any]:
    """How it is measured, as plain values."""
    protocol, pacing = plan.protocol, plan.pacing
    return {
        "clip": str(plan.clip),
        "classes": plan.variants[0].classes,
        "width": plan.variants[0].width,
        **{name: getattr(protocol, name) for name in ("runtime", "precision", "layout", "batch", "threads", "cache")},
        "device": plan.device,
        "budget_s": plan.budget,
        "most_pairs": plan.most,
        **asdict(pacing),
    }


def _compare_exactly(sides: tuple[Checkout, Checkout], plan: Plan) -> dict[str, Exact]:
    """Each variant's counts in both checkouts, which are built and counted at the same time."""

    def start(side: Checkout, variants: Sequence[Wanted]) -> Companion:
        return stack.enter_context(Companion(serve_exact, side.folder, variants, plan.clip))

    with ExitStack() as stack:
        companions = [start(side, plan.variants) for side in sides]
        found = [
            _answers(companion, plan.variants, partial(start, side))
            for companion, side in zip(companions, sides, strict=True)
        ]
    return {wanted.name: Exact.of(*(each[place] for each in found)) for place, wanted in enumerate(plan.variants)}


def _answers(
    companion: Companion, variants: Sequence[Wanted], start: Callable[[Sequence[Wanted]], Companion]
) -> list[Mapping[str, Any]]:
    """One a variant; where a network takes its process down, the sentence that says so, and a new process."""
    answers: list[Mapping[str, Any]] = []
    while len(answers) < len(variants):
        try:
            answers.append(companion.answer())
        except Unanswered as error:
            answers.append({"failed": str(error)})
            if left := variants[len(answers) :]:
                companion = start(left)
    return answers


def _take_pairs(
    sequential: Sequential, measure: Callable[[str, int], Pair], plan: Plan, deadline: float, say: Say
) -> dict[str, list[Pair]]:
    """Round by round a pair of each variant that is open, and a look whenever one is due, until all have a verdict or
    it is `deadline` (by `time.monotonic`)."""
    pairs: dict[str, list[Pair]] = {name: [] for name in sequential.cases}
    took = _round(sequential, measure, pairs)
    sequential.limit(max(FEWEST, min(plan.most, 1 + int((deadline - time.monotonic()) / took))))
    while not sequential.over:
        if sequential.due:
            sequential.look()
            say(_standing(sequential))
        elif len(pairs[sequential.open[0]]) >= FEWEST and time.monotonic() + took > deadline:
            sequential.look(last=True)
        else:
            took = _round(sequential, measure, pairs)
    return pairs


def _round(sequential: Sequential, measure: Callable[[str, int], Pair], pairs: dict[str, list[Pair]]) -> float:
    """Seconds that it took."""
    begun = time.monotonic()
    for name in list(sequential.open):
        try:
            pair = measure(name, len(pairs[name]))
        except Failed as failure:
            sequential.give_up(name, str(failure))
            continue
        pairs[name].append(pair)
        sequential.add(name, pair.log_ratio, pair.control_log_ratio)
    return time.monotonic() - begun


def _standing(sequential: Sequential) -> str:
    judged = (f"{name} {case.ratio}, {case.verdict}" for name, case in sequential.cases.items() if case.ratio)
    most = max(len(case.ratios) for case in sequential.cases.values())
    return f"after {most} pairs: {'; '.join(judged)}"
