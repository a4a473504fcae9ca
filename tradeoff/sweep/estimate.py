"""What a sweep will cost before it starts: measurements, training steps, time and disk. Nothing is written."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tradeoff.console import duration as duration
from tradeoff.console import size
from tradeoff.data import is_cached
from tradeoff.data.clips import stored_shape
from tradeoff.data.pace import Pace, pace
from tradeoff.data.specs import SyntheticData
from tradeoff.measure.latency import Spacing
from tradeoff.records.keys import KINDS, Kind
from tradeoff.records.store import Store
from tradeoff.sweep.calibration import Calibration, calibrate
from tradeoff.sweep.loading import NOT_LOADED, Loading, loading
from tradeoff.sweep.plan import Measurement, Plan
from tradeoff.training.tensorboard_log import POINTS

COST_SECONDS = 0.3
PROCESS_SECONDS = 4.0  # to start one, import what it needs, build and check the network: at rest, on a recent CPU
THROUGHPUT_SECONDS = 1.0
_RECORD_BYTES: dict[Kind, int] = {"cost": 1200, "training": 1300, "accuracy": 1300, "latency": 3500}
_EPOCH_BYTES = 250  # of a training's record
_POINT_BYTES = 300  # of a training's curves for TensorBoard
_FORWARD = 1 / 3  # of a step's time: the way back computes gradients of the clips' features and of the weights


@dataclass(frozen=True)
class Share:
    """Measurements of one kind: all, those on record, and the seconds that the others take."""

    total: int
    present: int
    seconds: float

    @property
    def left(self) -> int:
        return self.total - self.present


@dataclass(frozen=True)
class StepTime:
    """Seconds of one training step of a variant, and how they are known: timed, interpolated, or the mean of others."""

    variant: str
    seconds: float
    how: str


@dataclass(frozen=True)
class Estimate:
    """What is left of a sweep.

    shares: by kind, of those that are asked for and those that they need. steps: training steps left.
    data_seconds: to decode or generate stored clips, or to pack videos; 0 where the cache has them. disk: bytes by
    what they are for. basis: what was timed, in words. notes: what the figures do not hold, in sentences. loading: what
    clips drawn from whole videos take before a network sees them.
    """

    sweep: str
    shares: Mapping[Kind, Share]
    steps: int
    data_seconds: float
    disk: Mapping[str, int]
    step_times: tuple[StepTime, ...]
    basis: str
    notes: tuple[str, ...]
    loading: Loading = NOT_LOADED

    @property
    def left(self) -> int:
        return sum(share.left for share in self.shares.values())

    @property
    def seconds(self) -> float:
        """NaN where a training or a test that is left could not be timed."""
        return self.data_seconds + sum(share.seconds for share in self.shares.values())

    @property
    def about(self) -> str:
        """The whole time with what it is based on: `about 34 min (from 2 timed steps of 4 variants)`."""
        about = duration(self.seconds) if self.seconds < 1 else f"about {duration(self.seconds)}"
        return about + (f" (from {self.basis})" if self.basis else "")

    def as_record(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "sweep": self.sweep,
            "measurements": {
                kind: {"planned": each.total, "on_record": each.present, "left": each.left, "seconds": each.seconds}
                for kind, each in self.shares.items()
            },
            "left": self.left,
            "training_steps": self.steps,
            "seconds": self.seconds,
            "data_seconds": self.data_seconds,
            "about": self.about,
            "disk_bytes": dict(self.disk),
            "loading": asdict(self.loading) if self.loading.videos else None,
            "step_seconds": {each.variant: {"seconds": each.seconds, "how": each.how} for each in self.step_times},
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """The same for people, beside the table of the shares."""
        if not self.left:
            total = sum(share.total for share in self.shares.values())
            return [f"nothing to do: all {total} measurements are on record"]
        disk = ", ".join(f"{size(each)} {what}" for what, each in self.disk.items())
        making = f"; {duration(self.data_seconds)} of it for the clips" if self.data_seconds else ""
        said = [f"time: {self.about}{making}", f"disk: about {size(sum(self.disk.values()))}: {disk}"]
        if self.steps:
            said.insert(0, f"training: {self.steps:,} steps")
        said += [f"videos: {told}"] if (told := self.loading.words()) else []
        return [*said, *(f"note: {note}" for note in self.notes)]


def estimate(
    plan: Plan,
    store: Store,
    cache: Path,
    kinds: tuple[Kind, ...] = KINDS,
    report: Callable[[str], None] = lambda line: None,
) -> Estimate:
    """What is left of a plan's measurements of the given kinds, and what it takes on this machine, by timing a few
    steps; `report` hears what is timed. Neither the results folder nor the cache is touched, and neither has to exist.

    Raises InputError for a variant that cannot be counted.
    """
    left = plan.missing(store, kinds)
    trainings, tests, latencies = (
        [each for each in left if each.key.kind == kind] for kind in ("training", "accuracy", "latency")
    )
    found = _calibrated(plan, trainings, tests, report)
    making = _pace(plan, cache, report) if _are_stored(plan, trainings, tests) else None
    loaded = _loaded(plan, cache, trainings, tests, report)
    steps = [loaded.step(found.step[each.variant], _batch(plan, each)) for each in trainings]
    videos = [loaded.video(found.clip[each.variant]) for each in tests]
    waiting = sum(found.step[each.variant] < taken for each, taken in zip(trainings, steps, strict=True))
    waiting += sum(found.clip[each.variant] * loaded.passes < taken for each, taken in zip(tests, videos, strict=True))
    seconds: dict[Kind, float] = {
        "cost": COST_SECONDS * sum(each.key.kind == "cost" for each in left),
        "training": sum(_steps_worth(plan, each) * taken for each, taken in zip(trainings, steps, strict=True)),
        "accuracy": sum(_tested(plan, each) * taken for each, taken in zip(tests, videos, strict=True)),
        "latency": latency_seconds(latencies),
    }
    trained = list(dict.fromkeys(each.variant for each in trainings))
    return Estimate(
        plan.sweep.name,
        _shares(plan, left, kinds, seconds),
        sum(steps_of(plan, each) for each in trainings),
        loaded.packing + (making.seconds * _clips(plan) if making else 0.0),
        {
            **_cached_bytes(plan, making, loaded),
            "checkpoints": _checkpoint_bytes(plan, trainings, found),
            "records": sum(_record_bytes(plan, each) for each in left),
        },
        tuple(StepTime(each.name, found.step[each], found.how[each]) for each in trained),
        _basis(found, making, loaded, seconds["latency"]),
        (*found.notes, *loaded.notes(waiting, len(trainings) + len(tests)), *_notes(plan, making, latencies))
        if left
        else (),
        loaded,
    )


def steps_of(plan: Plan, training: Measurement) -> int:
    """Steps of one training."""
    assert plan.sweep.train is not None
    return plan.sweep.train.length(epoch_steps(plan, training))


def epoch_steps(plan: Plan, training: Measurement) -> int:
    """Steps of a whole epoch: the last incomplete batch is dropped unless it is the only one."""
    assert plan.sweep.train is not None and plan.description is not None
    return max(1, plan.description.split_sizes(training.fold)[0] // plan.sweep.train.batch)


def _steps_worth(plan: Plan, training: Measurement) -> float:
    """The time of one training in steps: those it has, and the passes that estimate batch norm's statistics again."""
    recipe = plan.sweep.train
    assert recipe is not None
    passes = math.ceil(recipe.statistics_clips / recipe.batch)
    return steps_of(plan, training) + passes * (1.0 if recipe.trainable == "head" else _FORWARD)


def latency_seconds(latencies: Sequence[Measurement]) -> float:
    """At most, of the processes in their order, by a clock that only counts: their own time and the waits between."""
    now = 0.0

    def wait(seconds: float) -> None:
        nonlocal now
        now += seconds

    spacing = Spacing(clock=lambda: now, sleep=wait)
    for each in latencies:
        assert each.protocol is not None
        spacing.wait(each.protocol, each.variant)
        # The passes and those from host to host, which take half as long; warm-up may take as much again.
        now += PROCESS_SECONDS + 2 * 1.5 * each.protocol.seconds
        if each.replicate == 0:
            now += len(each.protocol.throughput) * (PROCESS_SECONDS + THROUGHPUT_SECONDS)
    return now


def _calibrated(
    plan: Plan, trainings: Sequence[Measurement], tests: Sequence[Measurement], report: Callable[[str], None]
) -> Calibration:
    variants = list(dict.fromkeys(each.variant for each in (*trainings, *tests)))
    batch = 0
    if trainings:
        assert plan.sweep.train is not None and plan.description is not None
        fewest = min(plan.description.split_sizes(each.fold)[0] for each in trainings)
        batch = min(plan.sweep.train.batch, fewest) // plan.processes
    return calibrate(plan, variants, batch, bool(tests), report)


def _pace(plan: Plan, cache: Path, report: Callable[[str], None]) -> Pace | None:
    """None where the cache has the clips already."""
    assert plan.sweep.data is not None and plan.description is not None
    if is_cached(plan.description, cache):
        return None
    report(f"timing clips of {plan.description.name}")
    return pace(plan.sweep.data, plan.sweep.shape)


def _shares(
    plan: Plan, left: Sequence[Measurement], kinds: tuple[Kind, ...], seconds: Mapping[Kind, float]
) -> dict[Kind, Share]:
    """Of the kinds asked for; of another kind, such as trainings for `--only accuracy`, what they need."""
    open_ = Counter(each.key.kind for each in left)
    planned = Counter(each.key.kind for each in plan.measurements)
    totals = {kind: planned[kind] if kind in kinds else open_[kind] for kind in KINDS}
    return {
        kind: Share(total, total - open_[kind], seconds[kind])
        for kind, total in totals.items()
        if total or kind in kinds
    }


def _clips(plan: Plan) -> int:
    assert plan.description is not None
    return sum(plan.description.clips.values())


def _tested(plan: Plan, accuracy: Measurement) -> int:
    assert plan.description is not None
    return plan.description.split_sizes(accuracy.fold)[1]


def _are_stored(plan: Plan, trainings: Sequence[Measurement], tests: Sequence[Measurement]) -> bool:
    """Is any of these given stored clips?"""
    return bool((trainings and not plan.sweep.sampling) or (tests and not plan.sweep.plan_of_views))


def _loaded(
    plan: Plan,
    cache: Path,
    trainings: Sequence[Measurement],
    tests: Sequence[Measurement],
    report: Callable[[str], None],
) -> Loading:
    trained, tested = bool(trainings and plan.sweep.sampling), bool(tests and plan.sweep.plan_of_views)
    if not (trained or tested):
        return NOT_LOADED
    assert plan.description is not None
    report(f"timing videos of {plan.description.name}")
    return loading(plan, cache, trained, tested)


def _batch(plan: Plan, training: Measurement) -> int:
    assert plan.sweep.train is not None and plan.description is not None
    return min(plan.sweep.train.batch, plan.description.split_sizes(training.fold)[0])


def _cached_bytes(plan: Plan, making: Pace | None, loaded: Loading) -> dict[str, int]:
    """What the cache folder will hold more: stored clips, packed frames, nothing where videos are decoded anew."""
    whole = plan.sweep.sampling is not None and plan.sweep.plan_of_views is not None
    stored = {} if whole else {"clip cache": _cache_bytes(plan) if making else 0}
    return stored | ({"packed frames": round(loaded.packed_bytes)} if loaded.packed else {})


def _cache_bytes(plan: Plan) -> int:
    return _clips(plan) * math.prod(stored_shape(plan.sweep.shape)) * 3


def _checkpoint_bytes(plan: Plan, trainings: Sequence[Measurement], found: Calibration) -> int:
    if plan.sweep.keep == "none":
        return 0
    return round(sum(found.state_bytes[each.variant] for each in trainings))


def _record_bytes(plan: Plan, measurement: Measurement) -> int:
    """Of the JSON file and the curves of a training, and of log-probabilities, which hardly compress."""
    kind = measurement.key.kind
    own = _RECORD_BYTES[kind]
    if kind == "training" and plan.sweep.train is not None:
        steps, epoch = steps_of(plan, measurement), epoch_steps(plan, measurement)
        return own + _EPOCH_BYTES * math.ceil(steps / epoch) + _POINT_BYTES * min(steps, POINTS)
    return own + (_tested(plan, measurement) * plan.classes * 4 if kind == "accuracy" else 0)


def _basis(found: Calibration, making: Pace | None, loaded: Loading, latency: float) -> str:
    parts = [
        found.basis,
        str(making) if making else "",
        str(loaded) if loaded.videos else "",
        f"latency at most {duration(latency)} of it" if latency else "",
    ]
    return ", ".join(part for part in parts if part)


def _notes(plan: Plan, making: Pace | None, latencies: Sequence[Measurement]) -> list[str]:
    """What is not in the figures."""
    notes = ["building networks, deriving weights and writing files are not in the time"]
    if plan.processes > 1:
        notes.append(
            f"a step is timed as one of {plan.processes} processes computes its share, alone on the machine: what they "
            "send each other, and on a CPU what they take from each other, is not in the time"
        )
    if plan.description is not None and not isinstance(plan.sweep.data, SyntheticData):
        notes.append("clips that turn out unreadable are counted as if they could be read")
    if making and not isinstance(plan.sweep.data, SyntheticData):
        notes.append("hashing the videos before they are decoded is not in the time")
    if latencies:
        notes.append(
            f"a latency is taken as {PROCESS_SECONDS:g} s to start a process, as on a machine at rest, and all the "
            "sampling that its protocol allows; most are sure of their median sooner"
        )
    runtimes = {each.protocol.runtime for each in latencies if each.protocol} - {"eager"}
    if runtimes:
        notes.append(f"the time in which {', '.join(sorted(runtimes))} compile is not in it")
    return notes
