"""Variants as they are installed now, against what a results folder has of them (`stored`): the verdicts.

Both sides are taken by the yardstick of their own minute: a process's latency times the rate of its matrix product,
which is a latency in units of that product. The two are hours or months apart all the same: `LESS` says what that
costs. What has changed in the timer's own code since is in the ratio too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tradeoff.clip_shape import ClipShape
from tradeoff.errors import InputError
from tradeoff.gate.stored import FEWEST_NOW, Found, Process, Stored, process_of, unusable
from tradeoff.gate.verdict import Ratio, Rule, Verdict, holm, undecided, unpaired_ratio, verdict_of
from tradeoff.measure.latency import Latency, latency, reason
from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.variants import Variant

MOVED = 0.10
"""A yardstick that has moved by more than this fraction, either way, corrects for nothing."""
LESS = (
    "a comparison with stored records can tell less than a paired gate: the two sides are of different hours, and a "
    "yardstick takes out only a part of what a machine does in between (docs/latency.md: of one and the same code, an "
    "hour apart, 8 of 10 such comparisons had no difference in their 95 % interval), so false alarms are more frequent "
    "than the error says; take SLOWER as a reason to run tradeoff gate --base REV"
)
# What says how long or how often is sampled, or which code was timed; and what is compared by itself.

Measure = Callable[[Variant, ClipShape, LatencyProtocol, str], Latency]


@dataclass(frozen=True)
class Comparison:
    """The verdict on one variant in one setting.

    ratio: now over stored, both by the yardstick of their minute; None where too little was measured.
    why: what stands against a verdict; empty where there is one.
    stored_ms, now_ms: geometric means over processes, as measured; now's is None where no process was.
    gflops, copy_gb_s: how the machine has changed, now over stored, geometric means; None as now_ms.
    source, stored_at: the digest of the code that the records are of, and when the last of them was made.
    """

    name: str
    setting: str
    ratio: Ratio | None
    verdict: Verdict
    why: str
    stored_processes: int
    now_processes: int
    stored_ms: float
    now_ms: float | None
    gflops: float | None
    copy_gb_s: float | None
    source: str
    stored_at: str

    def as_record(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"verdict": str(self.verdict)}


def compare_stored(
    found: Found,
    rule: Rule,
    budget_s: float,
    report: Callable[[str], None] = lambda line: None,
    measure: Measure = lambda variant, clip, protocol, device: latency(variant, clip, protocol, device, beside=False),
    clock: Callable[[], float] = time.monotonic,
) -> list[Comparison]:
    """Measure what was found again, and say which side is slower; one comparison each, in the order of `found.stored`.

    Round by round, so that the processes of one setting are spread over the whole time. Three rounds are made
    whatever the budget, further ones, up to each protocol's `processes`, where they should end within it. The data
    are judged once, at the end: Welch's t on logarithms, Holm over all that was found. No `spacing`: by the yardstick,
    processes in a row repeated as well as those that were kept apart. `report` hears a line a process.
    Raises InputError as `tradeoff.latency` does; whatever else fails there is a CANNOT TELL.
    """
    runs = [_Run(stored) for stored in found.stored]
    started = clock()
    for done in range(max(run.stored.protocol.processes for run in runs)):
        if done >= FEWEST_NOW and (clock() - started) * (done + 1) / done > budget_s:
            break
        for run in runs:
            if not run.failure and done < run.stored.protocol.processes:
                said = run.measure(measure, found.device)
                report(f"{run.stored.name} {run.stored.setting}, process {done + 1}: {said}")
    return _judge(runs, rule)


@dataclass
class _Run:
    """One setting while it is measured: a process at a time, until one fails."""

    stored: Stored
    now: list[Process] = field(default_factory=list)
    failure: str = ""

    def measure(self, measure: Measure, device: str) -> str:
        """One more process; what came of it, for people."""
        stored = self.stored
        try:
            timed = measure(stored.variant, stored.clip, stored.protocol, device)
        except InputError:
            raise
        except Exception as error:
            self.failure = reason(error)
            return self.failure
        process = process_of(timed.values)
        if process is None:
            self.failure = unusable(timed.values)
            return self.failure
        self.now.append(process)
        return f"{process.median_ms:.3g} ms, matrix product {process.gflops:.4g} Gflop/s"

    def ratio(self, error: float) -> Ratio:
        now, then = ([process.by_yardstick for process in side] for side in (self.now, self.stored.processes))
        return unpaired_ratio(now, then, error)

    @property
    def incomparable(self) -> str:
        """Why there is no ratio; empty where there is one."""
        if self.failure:
            return self.failure
        sides = {process.matrix for process in (*self.now, *self.stored.processes)}
        if len(sides) > 1:
            return f"the yardstick is another one: products of {', '.join(map(str, sorted(sides)))} rows"
        return ""

    @property
    def moved(self) -> str:
        """How far the yardstick is from what it was, where that is too far."""
        gflops, copied = self.change("gflops"), self.change("copy_gb_s")
        if gflops is None or copied is None or 1 / (1 + MOVED) <= gflops <= 1 + MOVED:
            return ""
        now, then = _geometric_mean(self.now, "gflops"), _geometric_mean(self.stored.processes, "gflops")
        return (
            f"the yardstick moved by more than {MOVED:.0%}: a matrix product runs at {now:.4g} Gflop/s, {then:.4g} "
            f"when the records were made ({gflops - 1:+.1%}; a copy {copied - 1:+.1%}): another machine, or a busy one"
        )

    def change(self, figure: str) -> float | None:
        """Of a figure of `Process`, now over stored."""
        if not self.now:
            return None
        return _geometric_mean(self.now, figure) / _geometric_mean(self.stored.processes, figure)


def _judge(runs: Sequence[_Run], rule: Rule) -> list[Comparison]:
    """All at once; what cannot be compared counts among Holm's hypotheses, as one that is not rejected."""
    strictest = rule.error / len(runs)
    told = {str(at): run for at, run in enumerate(runs) if not run.incomparable and not run.moved}
    levels = holm({at: run.ratio(strictest).p for at, run in told.items()}, rule.error, among=len(runs))
    return [_comparison(run, levels.get(str(at), strictest), rule) for at, run in enumerate(runs)]


def _comparison(run: _Run, level: float, rule: Rule) -> Comparison:
    stored = run.stored
    ratio = None if run.incomparable else run.ratio(level)
    verdict, why = Verdict.CANNOT_TELL, run.incomparable or run.moved
    if ratio is not None and not why:
        verdict, why = verdict_of(ratio, rule), undecided(ratio, rule)
    return Comparison(
        name=stored.name,
        setting=stored.setting,
        ratio=ratio,
        verdict=verdict,
        why=why if verdict == Verdict.CANNOT_TELL else "",
        stored_processes=len(stored.processes),
        now_processes=len(run.now),
        stored_ms=_geometric_mean(stored.processes, "median_ms"),
        now_ms=_geometric_mean(run.now, "median_ms") if run.now else None,
        gflops=run.change("gflops"),
        copy_gb_s=run.change("copy_gb_s"),
        source=stored.source,
        stored_at=stored.last_at,
    )


def _geometric_mean(processes: Sequence[Process], figure: str) -> float:
    return float(np.exp(np.mean(np.log([getattr(process, figure) for process in processes]))))
