"""Runs the searches of a sweep: a batch of candidates at a time, each measured as any sweep's variants are.

Nothing of a search is kept but its records. It is walked through again from the beginning each time, with the same
seeds: what is on record is told to the sampler at once, and what is missing is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tradeoff.errors import InputError
from tradeoff.records.frontier import hypervolume
from tradeoff.records.searches import Candidate, Rung, Story, Walk
from tradeoff.sweep.attempts import fitted
from tradeoff.sweep.outcome import Outcome
from tradeoff.sweep.plan import Plan
from tradeoff.sweep.search import values
from tradeoff.sweep.search.entry import SearchStore
from tradeoff.sweep.search.halving import promoted
from tradeoff.sweep.search.plans import batch_plan, protocol, screening_plan
from tradeoff.sweep.search.samplers import Proposal, Told, make_sampler
from tradeoff.sweep.search.space import Space, space_of
from tradeoff.variants import Variant

REPEATS = 100
"""Proposals of what is known already, after which a batch is closed with what it has."""

Measure = Callable[[Plan], Outcome]
"""Makes the measurements of a plan that are not recorded yet."""


def run_search(
    plan: Plan, store: SearchStore, measure: Measure, say: Callable[[str], None] = lambda line: None
) -> tuple[Outcome, Story]:
    """Run every search of the plan's sweep; its variants are measured first, and are no candidates.

    plan: of `as_planned`, with the sweep's own file in its place. measure: makes what is missing of a plan in `store`.
    say: hears a line a batch. Raises InputError where Optuna is needed and missing, where latency has several settings
    and decides, and where the dearest network, which hypervolumes are counted from, cannot be measured.
    """
    run = _Run(plan, store, measure, say)
    for seed in run.search.seeds:
        run.walk(seed)
    run.story.write(store.root)
    store.complete(plan.sweep.name)
    run.outcome.present = store.recorded() - run.outcome.measured  # a batch counts again what an earlier one measured
    return run.outcome, run.story


class _Run:
    def __init__(self, plan: Plan, store: SearchStore, measure: Measure, say: Callable[[str], None]) -> None:
        self.plan, self.store, self._measure, self._say = plan, store, measure, say
        assert plan.sweep.search is not None
        self.search = plan.sweep.search
        self.space = space_of(self.search)
        self.outcome = Outcome()
        self._refuse_settings()
        make_sampler(self.search, self.space, 0)  # before anything is measured
        if plan.sweep.variants:
            self.measure(batch_plan(plan, plan.sweep.names))
        self.story = self._begin()

    def walk(self, seed: int) -> None:
        """One search, of one seed of the sampler."""
        walk = Walk(seed)
        self.story.walks.append(walk)
        sampler = make_sampler(self.search, self.space, seed)
        known: dict[str, Candidate] = {}
        while len(known) < self.search.trials:
            asked = [*_asked(sampler.ask, self.space, known, min(self.search.batch, self.search.trials - len(known)))]
            batch = []
            for proposal, name in asked:
                if name not in known:
                    known[name] = Candidate(name, proposal.number)
                    batch.append(known[name])
            if not batch:
                break
            walk.candidates += batch
            measured = self.outcome.measured
            self._batch(walk, batch)
            for proposal, name in asked:
                sampler.tell(proposal, self._told(known[name]))
            if self.outcome.measured > measured:
                self._say(f"{self.story.name}, {walk.summary()}")
                self.story.write(self.store.root)

    def measure(self, plan: Plan) -> dict[Variant, str]:
        """Measure what is missing; why, by variant, where something failed."""
        found = self._measure(plan)
        self.outcome.add(found)
        return {each.measurement.variant: f"{each.measurement.key.kind}: {each.reason}" for each in found.failures}

    def _batch(self, walk: Walk, batch: Sequence[Candidate]) -> None:
        left = self._screen(batch, timed=False)
        if self.search.timed:
            left = self._screen(left, timed=True)
        halving = self.search.halving
        for epochs in halving.epochs if halving else ():
            left = self._train(walk, left, epochs)
            assert halving is not None
            cost, top1 = [each.costs[self.search.cost] for each in left], [each.rungs[-1].top1 for each in left]
            left = [left[place] for place in promoted(cost, top1, halving.keep)]
        self._train(walk, left, None)

    def _screen(self, candidates: Sequence[Candidate], *, timed: bool) -> list[Candidate]:
        """Those that are within the limits, once their cost or latency is known."""
        if not candidates:
            return []
        plan = screening_plan(self.plan, [each.variant for each in candidates], timed=timed)
        failures = self.measure(plan)
        found = (
            {variant: {"latency_ms": value} for variant, value in values.latencies(plan, self.store).items()}
            if timed
            else values.costs(plan, self.store)
        )
        left = []
        for each, variant in zip(candidates, plan.variants, strict=True):
            if variant not in found:
                each.failed = failures.get(variant, "latency: it cannot be timed" if timed else "cost: not on record")
                continue
            each.costs |= found[variant]
            over = [limit for limit, share in self._over(each).items() if share > 0]
            each.rejected = ", ".join(
                f"{limit} {each.costs[limit]:.4g} is over {self._limits[limit]:.4g}" for limit in over
            )
            left += [] if over else [each]
        return left

    def _train(self, walk: Walk, candidates: Sequence[Candidate], epochs: int | None) -> list[Candidate]:
        """Those that trained and were tested; what it came to stands with each."""
        if not candidates:
            return []
        timed = epochs is None  # of what got that far all is measured that the sweep names
        plan = batch_plan(self.plan, [each.variant for each in candidates], epochs, timed=timed)
        failures = self.measure(plan)
        found = values.trainings(fitted(plan, self.store), self.store)
        left = []
        for each, variant in zip(candidates, plan.variants, strict=True):
            if variant not in found:
                each.failed = failures.get(variant, "training: not on record")
                continue
            trained, spent = found[variant], round(walk.seconds + found[variant].seconds, 3)
            reached = self._reached(walk, (each.costs[self.search.cost], trained.top1) if epochs is None else None)
            each.rungs.append(Rung(epochs, trained.top1, trained.seconds, spent, reached))
            left.append(each)
        return left

    def _reached(self, walk: Walk, last: tuple[float, float] | None) -> float:
        """The hypervolume of whole trainings, `last` among them, as a share of what there is to reach."""
        points = [(one.costs[self.search.cost], one.top1) for one in walk.candidates if one.top1 is not None]
        points += [last] if last else []
        worst_cost, worst_top1 = self.story.reference[self.search.cost], self.story.reference["top1"]
        cost, top1 = [point[0] for point in points], [point[1] for point in points]
        return hypervolume(cost, top1, worst_cost, worst_top1) / (worst_cost * (1 - worst_top1))

    def _told(self, candidate: Candidate) -> Told:
        """Of a rejected one the worst, which no sampler looks at: those over a limit rank by how far they are over."""
        if candidate.failed:
            return Told(None, {})
        cost = candidate.costs.get(self.search.cost, self.story.reference[self.search.cost])
        top1 = candidate.rungs[-1].top1 if candidate.rungs else self.story.reference["top1"]
        return Told((top1, cost), self._over(candidate))

    def _over(self, candidate: Candidate) -> dict[str, float]:
        costs = candidate.costs
        return {limit: costs[limit] / most - 1 for limit, most in self._limits.items() if limit in costs}

    @property
    def _limits(self) -> dict[str, float]:
        return {str(limit): most for limit, most in self.search.within.given().items()}

    def _begin(self) -> Story:
        plan = self.plan
        return Story(
            plan.sweep.name,
            self.search.sampler,
            self.search.cost,
            self._limits,
            {"top1": 1 / plan.classes, self.search.cost: self._worst_cost()},
            *protocol(plan),
        )

    def _worst_cost(self) -> float:
        """The limit, or else what the dearest network of the space costs: the same for every sampler and seed."""
        if self.search.cost in self._limits:
            return self._limits[self.search.cost]
        dearest = Candidate(self.space.name(self.space.dearest()), 0)
        self._screen([dearest], timed=self.search.cost == "latency_ms")
        if dearest.failed:
            raise InputError(
                f"{dearest.variant}, the dearest network of the search, cannot be measured ({dearest.failed}): "
                f"name the most that a candidate may cost, as in within: {{{self.search.cost}: ...}}"
            )
        return dearest.costs[self.search.cost]

    def _refuse_settings(self) -> None:
        if self.search.timed and (count := len(self.plan.settings[0])) != 1:
            raise InputError(
                f"latency has {count} settings here and latency_ms decides in the search: name one runtime, precision, "
                "layout and batch"
            )


def _asked(
    ask: Callable[[], Proposal | None], space: Space, known: dict[str, Candidate], most: int
) -> Iterator[tuple[Proposal, str]]:
    """Proposals with the names of their networks until `most` of these are new."""
    new: set[str] = set()
    repeats = 0
    while len(new) < most and repeats < REPEATS and (proposal := ask()) is not None:
        name = space.name(proposal.point)
        repeats += name in known or name in new
        new |= set() if name in known else {name}
        yield proposal, name
