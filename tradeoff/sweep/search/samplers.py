"""What proposes candidates: a grid, or one of Optuna's samplers, asked and told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tradeoff.errors import InputError
from tradeoff.sweep.search.file import Search
from tradeoff.sweep.search.space import Point, Space

if TYPE_CHECKING:
    from optuna.trial import Trial


@dataclass(frozen=True)
class Proposal:
    """A point of the space, and the sampler's number of it."""

    number: int
    point: Point


@dataclass(frozen=True)
class Told:
    """What a candidate came to: top-1 and cost, and by limit how far it is over it, as a share; None where a
    measurement failed."""

    objectives: tuple[float, float] | None
    over: Mapping[str, float]


class Sampler(Protocol):
    """Is asked for candidates and told what they came to, in the same order."""

    def ask(self) -> Proposal | None:
        """The next candidate, or None where there is none left."""

    def tell(self, proposal: Proposal, told: Told) -> None:
        """What a proposal came to."""


class Grid:
    """A grid, which learns nothing."""

    def __init__(self, space: Space, trials: int, seed: int) -> None:
        self._left = enumerate(space.grid(trials, seed))

    def ask(self) -> Proposal | None:
        return next((Proposal(number, point) for number, point in self._left), None)

    def tell(self, proposal: Proposal, told: Told) -> None:
        pass


class Optuna:
    """A study in memory: what it knows it is told again each time, from the records."""

    def __init__(self, search: Search, space: Space, seed: int) -> None:
        optuna = _optuna()
        samplers: dict[str, Any] = {
            "random": lambda: optuna.samplers.RandomSampler(seed=seed),
            "nsga2": lambda: optuna.samplers.NSGAIISampler(population_size=search.batch, seed=seed),
            "tpe": lambda: optuna.samplers.TPESampler(n_startup_trials=search.batch, seed=seed),
        }
        self._study = optuna.create_study(directions=["maximize", "minimize"], sampler=samplers[search.sampler]())
        free = {axis: choices for axis, choices in space.axes.items() if len(choices) > 1}
        self._axes = {axis: optuna.distributions.CategoricalDistribution(choices) for axis, choices in free.items()}
        self._fixed = {axis: choices[0] for axis, choices in space.axes.items() if axis not in free}
        self._open: dict[int, Trial] = {}
        self._failed = optuna.trial.TrialState.FAIL

    def ask(self) -> Proposal | None:
        trial = self._study.ask(dict(self._axes))
        self._open[trial.number] = trial
        return Proposal(trial.number, {**self._fixed, **trial.params})

    def tell(self, proposal: Proposal, told: Told) -> None:
        trial = self._open.pop(proposal.number)
        if told.objectives is None:
            self._study.tell(trial, state=self._failed)
            return
        for limit, over in told.over.items():
            trial.set_constraint(limit, over)
        self._study.tell(trial, told.objectives)


def make_sampler(search: Search, space: Space, seed: int) -> Sampler:
    """Raises InputError where Optuna is needed and missing."""
    return Grid(space, search.trials, seed) if search.sampler == "grid" else Optuna(search, space, seed)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise InputError(
            "search.sampler needs Optuna, an extra: pip install 'tradeoff[search]', or use sampler: grid"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
