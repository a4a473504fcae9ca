"""What a search did, candidate by candidate: a file beside the records, derived from them, replaced as it goes on.

<root>/searches/<name>.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tradeoff.errors import InputError
from tradeoff.records.schema import SCHEMA, read_json
from tradeoff.records.store import write_atomically


@dataclass(frozen=True)
class Rung:
    """One training of a candidate, of all its seeds and folds.

    epochs: of a short one; None is the sweep's own recipe. top1: a fraction. seconds: that it took, and `at_seconds`
    with all trainings of the search before it. hypervolume: of all whole trainings so far, as a share of what the
    reference leaves to reach.
    """

    epochs: int | None
    top1: float
    seconds: float
    at_seconds: float
    hypervolume: float


@dataclass
class Candidate:
    """One network that was proposed.

    number: the sampler's. costs: what was measured before it trained: macs, params, latency_ms. rejected: why it did
    not train. failed: which measurement of it failed, and why. rungs: its trainings.
    """

    variant: str
    number: int
    costs: dict[str, float] = field(default_factory=dict)
    rejected: str = ""
    failed: str = ""
    rungs: list[Rung] = field(default_factory=list)

    @property
    def top1(self) -> float | None:
        """Of the whole training, where it got one."""
        return self.rungs[-1].top1 if self.rungs and self.rungs[-1].epochs is None else None


@dataclass
class Walk:
    """The candidates of one search, of one seed of its sampler, in the order in which they were proposed."""

    seed: int
    candidates: list[Candidate] = field(default_factory=list)

    @property
    def trainings(self) -> list[Rung]:
        """In the order in which they count."""
        return sorted((rung for each in self.candidates for rung in each.rungs), key=lambda rung: rung.at_seconds)

    @property
    def seconds(self) -> float:
        """Of all trainings."""
        return self.trainings[-1].at_seconds if self.trainings else 0.0

    @property
    def hypervolume(self) -> float:
        return self.trainings[-1].hypervolume if self.trainings else 0.0

    def summary(self) -> str:
        """One line for people."""
        rejected = sum(bool(each.rejected) for each in self.candidates)
        failed = sum(bool(each.failed) for each in self.candidates)
        trained = sum(each.top1 is not None for each in self.candidates)
        others = "".join(f", {count} {what}" for count, what in ((rejected, "rejected"), (failed, "failed")) if count)
        return (
            f"sampler seed {self.seed}: {len(self.candidates)} candidates, {trained} trained whole{others}; "
            f"{self.seconds:.0f} s of training, hypervolume {self.hypervolume:.3f}"
        )


@dataclass
class Story:
    """The searches of one sweep file, one for each seed of its sampler.

    cost: the objective beside top-1. within: the limits. reference: the worst top-1 and cost, from which hypervolumes
    are counted; only those with the same reference compare. protocol: what else they have to share, as digests.
    """

    name: str
    sampler: str
    cost: str
    within: Mapping[str, float]
    reference: Mapping[str, float]
    protocol: str
    protocol_key: str
    walks: list[Walk] = field(default_factory=list)

    def as_record(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    def write(self, root: Path) -> Path:
        """Replaces the file of an earlier run."""
        path = _path(root, self.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = json.dumps({"schema": SCHEMA, **self.as_record()}, indent=1, allow_nan=False)
        write_atomically(path, f"{content}\n".encode())
        return path


def read_story(root: Path, name: str) -> Story:
    """Raises InputError where the folder has no such search, or its file cannot be read."""
    path = _path(root, name)
    if not path.exists():
        known = ", ".join(sorted(each.stem for each in path.parent.glob("*.json"))) or "none yet"
        raise InputError(f"search {name!r} was not run into {root}: it holds {known}")
    try:
        values = read_json(path)
        del values["schema"]
        walks = [Walk(each["seed"], [_candidate(one) for one in each["candidates"]]) for each in values.pop("walks")]
        return Story(**values, walks=walks)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path} cannot be read as a search ({error}): run its sweep again") from error


def _candidate(values: Mapping[str, Any]) -> Candidate:
    return Candidate(**{**values, "rungs": [Rung(**each) for each in values["rungs"]]})


def _path(root: Path, name: str) -> Path:
    return root / "searches" / f"{name}.json"
