"""What a gate found: of each variant what is exact, its pairs and its verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tradeoff.gate.pairs import Pair
from tradeoff.gate.sequential import Case
from tradeoff.gate.verdict import Ratio, Rule, Verdict

WORDS = {"macs": "multiply-adds", "params": "parameters", "activation_bytes": "bytes of activation memory"}


@dataclass(frozen=True)
class Exact:
    """A variant's counts on both sides, by `WORDS`' keys.

    failed: why it cannot be compared: a side does not have it, or cannot build it. unknown: why some counts are not
    known.
    """

    base: Mapping[str, int]
    head: Mapping[str, int]
    failed: str = ""
    unknown: str = ""

    @classmethod
    def of(cls, base: Mapping[str, Any], head: Mapping[str, Any]) -> Exact:
        """From what each side said."""
        sides = {"base": base, "head": head}
        said = {
            problem: f"both sides: {base[problem]}"
            if problem in base and base[problem] == head.get(problem)
            else "; ".join(f"{name}: {each[problem]}" for name, each in sides.items() if problem in each)
            for problem in ("failed", "unknown")
        }
        counted = [key for key in WORDS if key in base and key in head and not said["failed"]]
        return cls({key: base[key] for key in counted}, {key: head[key] for key in counted}, **said)

    @property
    def changed(self) -> dict[str, tuple[int, int]]:
        """What differs, base's and head's."""
        return {key: (self.base[key], self.head[key]) for key in self.base if self.base[key] != self.head[key]}

    def lines(self) -> Iterator[str]:
        """Sentences, for people: what changed, or why it is not known."""
        if self.failed:
            yield f"not compared: {self.failed}"
        elif self.unknown:
            yield f"not counted: {self.unknown}"
        for key, (before, after) in self.changed.items():
            change = f" ({after / before - 1:+.2%})" if before else ""
            yield f"{before:,} {WORDS[key]} became {after:,}{change}"

    def as_record(self) -> dict[str, Any]:
        return {"base": dict(self.base), "head": dict(self.head), "failed": self.failed, "unknown": self.unknown}


@dataclass(frozen=True)
class VariantOutcome:
    """One variant: its counts, its verdict (no case where it was not compared) and the pairs that it rests on."""

    name: str
    exact: Exact
    case: Case | None
    pairs: Sequence[Pair]

    @property
    def verdict(self) -> Verdict:
        return Verdict.NOT_COMPARED if self.case is None else self.case.verdict

    @property
    def why(self) -> str:
        return self.exact.failed if self.case is None else self.case.why

    @property
    def ratio(self) -> Ratio | None:
        return self.case.ratio if self.case else None

    def median_ms(self, side: str) -> float | None:
        """Geometric mean over processes of a side, `base` or `head`; None without a pair."""
        values = [getattr(pair, side).median for pair in self.pairs]
        return float(np.exp(np.mean(np.log(values)))) if values else None

    def as_record(self) -> dict[str, Any]:
        ratio, control = (self.case.ratio, self.case.control) if self.case else (None, None)
        return {
            "variant": self.name,
            "verdict": str(self.verdict),
            "why": self.why,
            "ratio": asdict(ratio) if ratio else None,
            "control": asdict(control) if control else None,
            "base_ms": self.median_ms("base"),
            "head_ms": self.median_ms("head"),
            "exact": self.exact.as_record(),
            "pairs": [pair.as_record() for pair in self.pairs],
        }


@dataclass(frozen=True)
class Outcome:
    """A whole gate. protocol and made: plain values, how it was measured and on what; seconds: that it took."""

    base: str
    head: str
    variants: Sequence[VariantOutcome]
    rule: Rule
    protocol: Mapping[str, Any]
    made: Mapping[str, Any]
    seconds: float

    def as_record(self) -> dict[str, Any]:
        return {
            "base": self.base,
            "head": self.head,
            "variants": [each.as_record() for each in self.variants],
            "rule": self.rule.model_dump(),
            "protocol": dict(self.protocol),
            "made": dict(self.made),
            "seconds": round(self.seconds, 1),
        }
