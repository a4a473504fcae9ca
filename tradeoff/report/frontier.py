"""Which points of a speed-accuracy plot nothing else beats, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradeoff.errors import InputError
from tradeoff.records.draws import DRAWS, accuracy_draws, cost_draws
from tradeoff.records.frontier import frontier as frontier
from tradeoff.records.frontier import frontiers, gain, hypervolume, knee, within
from tradeoff.records.resampling import CONFIDENCE
from tradeoff.records.statistics import Interval
from tradeoff.report.cells import listed

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Accuracies = Mapping[Any, tuple[Bools, NDArray[np.int64]]]
"""For a row's index in the table: which clips were right, bool (seeds, clips), and the clips' groups (clips,)."""

COSTS = {"macs": "MACs", "latency_ms": "latency", "params": "params"}
"""The costs that a frontier is drawn for: the column of the joined table, and its short name."""
INTERVALS = {"latency_ms": ("latency_low_ms", "latency_high_ms"), "host_ms": ("host_low_ms", "host_high_ms")}
"""The costs that were timed, with the columns of their intervals."""
_LARGEST, _FEWEST = 500_000, 500
"""So many numbers a matrix of draws has, unless that would be fewer draws: of 250 rows the usual 2000."""


def frontier_marks(table: pd.DataFrame) -> pd.DataFrame:
    """For each row of one protocol, is its top-1 on the frontier over each of `COSTS`? Columns as in `COSTS`, bool."""
    accuracy = table["top1"].to_numpy(dtype=float)
    marks = {column: frontier(table[column].to_numpy(dtype=float), accuracy) for column in COSTS}
    return pd.DataFrame(marks, index=table.index)


@dataclass(frozen=True)
class Drawn:
    """Rows of one protocol that have an accuracy, its clips and a cost: their estimates, and joint draws of them.

    index: of the table; cost, accuracy: (n,); costs, accuracies: (draws, n), in the same units (accuracies are
    fractions). There are 2000 draws, of more than 250 rows fewer. seeds, processes: (n,) how many trainings, and, of a
    cost that was timed, processes (NaN where that is not on record) each row has.
    """

    column: str
    index: list[Any]
    cost: Floats
    accuracy: Floats
    costs: Floats
    accuracies: Floats
    seeds: NDArray[np.intp]
    processes: Floats

    def __len__(self) -> int:
        return len(self.index)

    @property
    def draws(self) -> int:
        return len(self.accuracies)

    @cached_property
    def on(self) -> Bools:
        """bool (draws, n): the frontier of each draw."""
        return frontiers(self.costs, self.accuracies)

    @cached_property
    def on_frontier(self) -> Floats:
        """(n,): in which share of the draws each row is on the frontier."""
        return np.asarray(self.on.mean(axis=0))

    def able(self) -> NDArray[np.intp]:
        """The places of the rows that are on the frontier in any draw: all that its shape depends on."""
        return np.flatnonzero(self.on_frontier > 0)

    def take(self, places: Any) -> Drawn:
        """Some of the rows, by their places or a mask."""
        index = np.empty(len(self.index), dtype=object)
        index[:] = self.index
        return Drawn(
            self.column,
            index[places].tolist(),
            self.cost[places],
            self.accuracy[places],
            self.costs[:, places],
            self.accuracies[:, places],
            self.seeds[places],
            self.processes[places],
        )


def draw(table: pd.DataFrame, accuracies: Accuracies, column: str) -> Drawn:
    """Draws of the rows of one protocol over the cost `column`; rows without a cost or without clips are left out.

    Rows of the same trainings, deployed in several ways, have one accuracy in each draw.
    Raises InputError where rows were tested on different clips.
    """
    return draw_costs(table, accuracies, (column,))[0]


def draw_costs(table: pd.DataFrame, accuracies: Accuracies, columns: Sequence[str]) -> list[Drawn]:
    """The same for several costs, all of whose draws have the same accuracies."""
    rows = table[table.index.isin(list(accuracies)) & table[list(columns)].notna().any(axis=1)]
    seeds = np.array([len(accuracies[index][0]) for index in rows.index], dtype=np.intp)
    draws = min(DRAWS, max(_FEWEST, _LARGEST // max(1, len(rows))))
    same = {id(accuracies[index][0]): accuracies[index] for index in rows.index}
    place = {key: number for number, key in enumerate(same)}
    reached = accuracy_draws([*same.values()], draws)[:, [place[id(accuracies[index][0])] for index in rows.index]]
    return [_drawn(rows, reached, seeds, column) for column in columns]


def _drawn(rows: pd.DataFrame, reached: Floats, seeds: NDArray[np.intp], column: str) -> Drawn:
    known = rows[column].notna().to_numpy()
    own = rows[known]
    cost = own[column].to_numpy(dtype=float)
    low, high = (own[each].to_numpy(dtype=float) for each in INTERVALS.get(column, (column, column)))
    paid = cost_draws(cost, low, high, len(reached))
    reached = reached if known.all() else reached[:, known]
    timed = own["processes"] if column in INTERVALS and "processes" in own else np.full(len(own), np.nan)
    processes = np.asarray(timed, dtype=float)
    top1 = own["top1"].to_numpy(dtype=float)
    return Drawn(column, own.index.tolist(), cost, top1, paid, reached, seeds[known], processes)


def drawn_over(drawn: Iterable[Drawn]) -> str:
    """What differs between draws: `test clips, seeds and latency processes`; `test clips, of these trainings` where
    each network has one seed and nothing was timed."""
    every = list(drawn)
    several = any((each.seeds > 1).any() for each in every)
    timed = any(each.column in INTERVALS for each in every)
    words = listed(["test clips", *(["seeds"] if several else []), *(["latency processes"] if timed else [])])
    return words if several else f"{words}, of these trainings"


def quick_looks(drawn: Iterable[Drawn]) -> str:
    """What draws of latencies do not know where a process was all there was; else nothing."""
    quick = any((each.processes == 1).any() for each in drawn)
    return "latencies of one process: nothing about another" if quick else ""


def probability_dominated(drawn: Drawn, by: int, places: Any = slice(None)) -> Floats:
    """For each row, or those at `places`: in which share of the draws row `by` is no dearer and no less accurate, and
    better in one."""
    costs, accuracies = drawn.costs[:, places], drawn.accuracies[:, places]
    cost, accuracy = drawn.costs[:, [by]], drawn.accuracies[:, [by]]
    no_worse = (cost <= costs) & (accuracy >= accuracies)
    better = (cost < costs) | (accuracy > accuracies)
    return np.asarray((no_worse & better).mean(axis=0))


def dominators(drawn: Drawn, places: Sequence[int] | None = None) -> list[tuple[int, float] | None]:
    """For each row, or those at `places`: the row on the frontier that most probably dominates it, with that
    probability; None for rows that are on the frontier themselves."""
    wanted = np.arange(len(drawn)) if places is None else np.asarray(places, dtype=np.intp)
    on = frontier(drawn.cost, drawn.accuracy)
    above = np.flatnonzero(on)
    if not above.size:
        return [None] * wanted.size
    found = np.stack([probability_dominated(drawn, int(place), wanted) for place in above])
    best = found.argmax(axis=0)
    return [None if on[row] else (int(above[best[i]]), float(found[best[i], i])) for i, row in enumerate(wanted)]


def hypervolume_interval(drawn: Drawn, worst_accuracy: float) -> Interval:
    """The share of all that is no dearer than the dearest row and better than `worst_accuracy` (chance) that the rows
    reach. The best of many noisy accuracies errs on the high side, and so do both bounds."""
    worst = float(np.nanmax(drawn.cost))
    whole = worst * (1 - worst_accuracy)
    able = drawn.take(drawn.able())  # others add nothing in any draw
    drawn_values = [
        hypervolume(cost, accuracy, worst, worst_accuracy) / whole
        for cost, accuracy in zip(able.costs, able.accuracies, strict=True)
    ]
    return _interval(hypervolume(drawn.cost, drawn.accuracy, worst, worst_accuracy) / whole, drawn_values, [drawn])


def knee_of(drawn: Drawn) -> tuple[int, float] | None:
    """The place of the row after which accuracy gets dear (`records.frontier.knee`), and in which share of the draws it
    is that one; None where there is no such row."""
    place = knee(drawn.cost, drawn.accuracy)
    if place is None:
        return None
    found = [knee(*each) for each in zip(drawn.costs, drawn.accuracies, drawn.on, strict=True)]
    return place, float(np.mean([each == place for each in found]))


@dataclass(frozen=True)
class Choice:
    """Of the rows under a budget the most accurate: its place, how probably it fits, and how probably nothing that
    fits is more accurate; `rivals`: the places and probabilities of others that may be the best, likeliest first."""

    place: int
    fits: float
    best: float
    rivals: list[tuple[int, float]]


def best_of(drawn: Sequence[Drawn], able: Sequence[Bools], ables: Sequence[Bools]) -> Choice | None:
    """The choice among the same rows drawn over several costs: those that are `able` (n,) under each, by the estimates,
    and in each draw, `ables` (draws, n); of equally accurate ones the cheaper by the first. None where none is."""
    first, fits, now = drawn[0], np.logical_and.reduce(ables), np.logical_and.reduce(able)
    place = within(np.where(now, first.cost, np.inf), np.where(now, first.accuracy, np.nan), np.inf)
    if place is None:
        return None
    order = np.argsort(first.cost, kind="stable")  # argmax takes the first of equals
    winners = order[np.where(fits, first.accuracies, -1.0)[:, order].argmax(axis=1)[fits.any(axis=1)]]
    shares = np.bincount(winners, minlength=len(first)) / first.draws
    rivals = [(int(other), float(shares[other])) for other in np.argsort(-shares, kind="stable") if shares[other] > 0]
    others = [each for each in rivals if each[0] != place]
    return Choice(place, float(fits[:, place].mean()), float(shares[place]), others)


def gain_interval(drawn: Drawn, left: Any, right: Any) -> Interval:
    """How much more accuracy the same cost buys among the rows `left` than among `right` (places or masks of `drawn`),
    the mean over the costs that both have (`records.frontier.gain`). A row may be on both sides.

    The best of many noisy accuracies errs on the high side, the more so the more there are: of two families of equally
    accurate networks the larger one seems to gain. So the interval reaches further down by what the draws' noise alone
    would make the left side gain if all its networks and the others were equally accurate, or further up by what it
    would make it lose. The estimate stays as it is. Simulated, 300 times each, with networks of equal true accuracy
    tested on 400 clips: in so many percent the whole interval is above 0, in parentheses without that allowance:

                 2 v 2       3 v 2       6 v 2        6 v 6       10 v 2
        1 seed   1.3 (1.3)   4.7 (6.3)   2.7 (12.7)   1.7 (1.7)   4.0 (22.3)
        3 seeds  0.3 (0.3)   0.3 (0.3)   0.0 (3.7)    0.3 (0.3)   0.7 (11.7)

    Of 6 against 6 networks it widens the interval by 1 to 4 %, of 10 against 2 by 22 %.
    Raises InputError where the two share no range of costs.
    """
    a, b = drawn.take(left), drawn.take(right)
    estimate = gain(a.cost, a.accuracy, b.cost, b.accuracy)
    if np.isnan(estimate):
        raise InputError(
            f"the two sets share no range of {COSTS.get(drawn.column, drawn.column)}: nothing compares them"
        )
    found = [gain(*each) for each in zip(a.costs, a.accuracies, b.costs, b.accuracies, strict=True)]
    plain, luck = _interval(estimate, found, [a, b]), _luck(a, b)
    return replace(plain, low=plain.low - max(0.0, luck), high=plain.high - min(0.0, luck))


def _luck(a: Drawn, b: Drawn) -> float:
    """What rows `a` would gain on rows `b` in the mean of the draws if all were equally accurate."""
    noises = [each.accuracies - each.accuracies.mean(axis=0) for each in (a, b)]
    return float(np.nanmean([gain(*each) for each in zip(a.costs, noises[0], b.costs, noises[1], strict=True)]))


def _interval(estimate: float, draws: Any, of: Sequence[Drawn]) -> Interval:
    values = np.asarray(draws, dtype=float)
    low, high = np.nanquantile(values, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
    method = f"joint bootstrap of {values.size} draws over {drawn_over(of)}"
    return Interval(estimate, min(estimate, float(low)), max(estimate, float(high)), method)
