"""What a run of the engine did, and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tradeoff.sweep.plan import Measurement


@dataclass(frozen=True)
class Failure:
    """A measurement that could not be made, why, and the file that says more."""

    measurement: Measurement
    reason: str
    attempt: Path


@dataclass
class Outcome:
    """What a run did."""

    measured: int = 0
    present: int = 0
    failures: list[Failure] = field(default_factory=list)
    skipped: list[Measurement] = field(default_factory=list)  # what could not be made after a failure

    def add(self, other: Outcome) -> None:
        """Count what another run did too."""
        self.measured += other.measured
        self.present += other.present
        self.failures += other.failures
        self.skipped += other.skipped

    def as_record(self) -> dict[str, Any]:
        failures = [
            {"measurement": str(each.measurement), "reason": each.reason, "attempt": str(each.attempt)}
            for each in self.failures
        ]
        skipped = [str(each) for each in self.skipped]
        return {"measured": self.measured, "present": self.present, "failures": failures, "skipped": skipped}

    def lines(self) -> list[str]:
        """What was done, for people."""
        if not self.measured and not self.failures:
            return [f"measured nothing: all {self.present} measurements were there already"]
        done = f"measured {self.measured}, {self.present} were there already, {len(self.failures)} failed"
        failed = [f"FAILED {each.measurement}: {each.reason} ({each.attempt})" for each in self.failures]
        return [done, *failed, *(f"SKIPPED {each}: {each.awaited} failed" for each in self.skipped)]
