"""What a search costs at most, before it starts: nobody knows which candidates it will propose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tradeoff.records.store import Store
from tradeoff.sweep.estimate import duration, estimate
from tradeoff.sweep.plan import Plan
from tradeoff.sweep.search.file import Search
from tradeoff.sweep.search.halving import places
from tradeoff.sweep.search.plans import batch_plan, screening_plan
from tradeoff.sweep.search.space import BY_LAYERS, BY_MACS, space_of

SAMPLED = 4  # random candidates that stand for those that will be proposed
_SEED = 0
_COUNTED = (
    "what is on record, rejected or proposed twice is not taken off, and variants that the file names are not in the "
    "time"
)


@dataclass(frozen=True)
class Stage:
    """Trainings of one length, or what comes before any: of how many candidates at most, and the seconds of each, if it
    is like a few random ones and if it is the slowest."""

    what: str
    candidates: int
    typical: float
    slowest: float


@dataclass(frozen=True)
class Most:
    """The most that the searches of a sweep take: nothing on record, none rejected, none proposed twice.

    slowest: the networks with the most multiply-adds and with the most layers, one of which is taken to be it.
    data_seconds: to make clips that the cache has not. notes: what the figures do not hold, in sentences.
    """

    sweep: str
    searches: int
    slowest: tuple[str, ...]
    stages: tuple[Stage, ...]
    data_seconds: float
    notes: tuple[str, ...]

    @property
    def typical_seconds(self) -> float:
        return self.data_seconds + sum(each.candidates * each.typical for each in self.stages)

    @property
    def seconds(self) -> float:
        return self.data_seconds + sum(each.candidates * each.slowest for each in self.stages)

    def as_record(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self) | {"typical_seconds": self.typical_seconds, "seconds": self.seconds}

    def lines(self) -> list[str]:
        """The same for people."""
        said = [f"{each.what}: at most {each.candidates}, about {each.typical:.2g} s each" for each in self.stages]
        return [
            f"{self.sweep}: {self.searches} searches; nobody knows beforehand what they propose",
            *said,
            f"time: about {duration(self.typical_seconds)} if candidates are like {SAMPLED} random ones, and at most "
            f"about {duration(self.seconds)}, if all were {' or '.join(self.slowest)}",
            *(f"note: {note}" for note in self.notes),
        ]


def most(plan: Plan, nothing: Path, cache: Path, report: Callable[[str], None] = lambda line: None) -> Most:
    """Times a few steps of the slowest networks of the space and of a few random ones; `nothing` is a folder without
    records, and stays so."""
    search = plan.sweep.search
    assert search is not None
    space = space_of(search)
    slowest = tuple(dict.fromkeys(space.name(space.dearest(letters)) for letters in (BY_MACS, BY_LAYERS)))
    random = list(dict.fromkeys(map(space.name, space.random(SAMPLED, _SEED))))
    groups = [random, *([name] for name in slowest)]
    stages, making = [], 0.0
    notes: tuple[str, ...] = ()
    for what, candidates, planned in _stages(plan, search, min(search.trials, space.size)):
        found = [estimate(planned(names), Store(nothing), cache, report=report) for names in groups]
        making, notes = max(making, *(each.data_seconds for each in found)), found[0].notes
        typical, *most_each = (
            (each.seconds - each.data_seconds) / len(names) for each, names in zip(found, groups, strict=True)
        )
        stages.append(Stage(what, len(search.seeds) * candidates, typical, max(most_each)))
    return Most(plan.sweep.name, len(search.seeds), slowest, tuple(stages), making, (_COUNTED, *notes))


def _stages(plan: Plan, search: Search, trials: int) -> Iterator[tuple[str, int, Callable[[list[str]], Plan]]]:
    """What each stage of a search is called, how many candidates get to it, and the plan of some of them."""
    batches = [min(search.batch, trials - done) for done in range(0, trials, search.batch)]
    what = "counted and timed" if search.timed else "counted"
    yield what, sum(batches), partial(screening_plan, plan, timed=search.timed)
    for epochs in search.halving.epochs if search.halving else ():
        assert search.halving is not None
        what = "trainings of 1 epoch" if epochs == 1 else f"trainings of {epochs} epochs"
        yield what, sum(batches), partial(batch_plan, plan, epochs=epochs, timed=False)
        batches = [places(count, search.halving.keep) for count in batches]
    yield "whole trainings", sum(batches), partial(batch_plan, plan, timed=not search.timed)
