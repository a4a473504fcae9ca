"""What a step and a tested clip take on this machine: a few variants are timed, the others follow from their
multiply-adds. Nothing is written."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from tradeoff.clip_shape import ClipShape
from tradeoff.data import Dataset, Description, processors
from tradeoff.data.clips import stored_shape
from tradeoff.data.pace import evenly_spaced
from tradeoff.measure.cost import count_made
from tradeoff.measure.latency import reason
from tradeoff.networks import build
from tradeoff.sweep.plan import Plan
from tradeoff.training.batches import EpochBatches, Shares
from tradeoff.training.evaluate import BATCH, log_probabilities
from tradeoff.training.fit import Progress, fit, seed_everything
from tradeoff.variants import Variant

VARIANTS, STEPS = 4, 2
COUNTED = 64  # counting takes tenths of a second a variant, and a pattern can stand for thousands
LONG_STEP, LONG_PASS = 20.0, 2.0  # seconds
FEW = 4
BUSY = 0.75  # of the processors, above which others take time from the steps
CPU_MACS = 4e11  # of the clips of a timed step on a CPU: a batch of the paper's clips would take an hour a step
_NOISE = 16  # distinct clips are enough, and a large batch of the paper's clips would not fit into memory twice
_RATE = 1e-6  # so small that noise cannot make a network diverge; it changes no step's time


@dataclass(frozen=True)
class Size:
    """Multiply-adds of one clip, and bytes of the weights and statistics that a checkpoint holds."""

    macs: int
    state_bytes: int


@dataclass(frozen=True)
class Timed:
    """Seconds of each timed step after the warm-up (of the only one, where that is long), and of a tested clip."""

    steps: tuple[float, ...] = ()
    clip: float | None = None


@dataclass(frozen=True)
class Calibration:
    """By variant: seconds of a step and of a tested clip (NaN where nothing could be timed), bytes of a checkpoint,
    and how that is known: `timed`, `interpolated` or, of variants that were not counted, `mean`."""

    step: Mapping[Variant, float] = field(default_factory=dict)
    clip: Mapping[Variant, float] = field(default_factory=dict)
    state_bytes: Mapping[Variant, float] = field(default_factory=dict)
    how: Mapping[Variant, str] = field(default_factory=dict)
    basis: str = ""
    notes: tuple[str, ...] = ()


def calibrate(
    plan: Plan,
    variants: Sequence[Variant],
    batch: int,
    tested: bool,
    report: Callable[[str], None] = lambda line: None,
) -> Calibration:
    """Time up to 4 of the variants, spread evenly over their multiply-adds: a step of `batch` training clips (0 for
    none; of several processes, one's share) and, if clips are `tested`, a pass. `report` hears which one is timed.

    Raises InputError for a variant that cannot be counted.
    """
    if not variants:
        return Calibration()
    counted = evenly_spaced(variants, COUNTED)
    sizes = {variant: size_of(variant, plan.sweep.shape) for variant in counted}
    timed: dict[Variant, Timed] = {}
    notes = _busy()
    if len(counted) < len(variants):
        notes.append(
            f"{len(counted)} of {len(variants)} variants are counted, evenly spaced; the others are taken as their mean"
        )
    for variant in spread(sizes, VARIANTS):
        report(f"timing {variant.name}")
        some = affordable(batch, sizes[variant], plan.device)
        try:
            timed[variant] = scaled(time_variant(plan, variant, some, tested), batch / some if some else 1.0)
        except Exception as error:  # the sweep would note it as failed, and go on
            notes.append(f"{variant.name} could not be timed, {reason(error)}: in the sweep it would fail too")
    if any(affordable(batch, sizes[variant], plan.device) < batch for variant in timed):
        notes.append(f"a step of {batch} clips is taken as a multiple of one of fewer, which this CPU can time")
    # The faster one: what interferes with a step only makes it longer, and by as much as a hundred times.
    step = {variant: min(each.steps) for variant, each in timed.items() if each.steps}
    clip = {variant: each.clip for variant, each in timed.items() if each.clip is not None}
    return Calibration(
        _for_all(step, sizes, variants),
        _for_all(clip, sizes, variants),
        _completed({variant: float(size.state_bytes) for variant, size in sizes.items()}, variants),
        {each: "timed" if each in timed else "interpolated" if each in sizes else "mean" for each in variants},
        _basis(timed),
        tuple(notes),
    )


def spread(sizes: Mapping[Variant, Size], most: int) -> list[Variant]:
    """At most `most` variants: the nearest to multiply-adds spaced evenly from the least to the most."""
    if len(sizes) <= most:
        return list(sizes)
    macs = [size.macs for size in sizes.values()]
    wanted = np.linspace(min(macs), max(macs), most)
    nearest = (min(sizes, key=lambda variant: abs(sizes[variant].macs - goal)) for goal in wanted)
    return list(dict.fromkeys(nearest))


def affordable(batch: int, size: Size, device: torch.device) -> int:
    """How many clips of a batch a step is timed with: all of them but on a CPU that would be at it for minutes."""
    return batch if device.type != "cpu" else min(batch, max(2, int(CPU_MACS / size.macs)))


def scaled(timed: Timed, factor: float) -> Timed:
    """The same with steps `factor` times as long."""
    return Timed(tuple(factor * each for each in timed.steps), timed.clip)


def size_of(variant: Variant, clip: ClipShape) -> Size:
    """Counted on the meta device, where nothing is computed."""
    held: list[int] = []

    def make() -> nn.Module:
        network = build(variant)
        held.append(sum(each.numel() * each.element_size() for each in network.state_dict().values()))
        return network

    return Size(count_made(make, variant.name, clip).macs, held[0])


def time_variant(plan: Plan, variant: Variant, batch: int, tested: bool) -> Timed:
    """Train a new network for 3 steps of `batch` random clips, the first a warm-up, and test some."""
    assert plan.description is not None
    seed_everything(0, plan.device)
    network = build(variant, dropout=plan.sweep.train.dropout if plan.sweep.train else None)
    noise = _noise(plan.description, plan.sweep.shape, min(max(batch, FEW), _NOISE))
    steps = _time_steps(plan, variant, network, noise, batch) if batch else ()
    return Timed(steps, _time_clip(plan, variant, network, noise) if tested else None)


def _busy() -> list[str]:
    """A sentence where others compute here too, before the calibration adds to it."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load < BUSY * processors():
        return []
    return [f"the machine was busy when this was timed (load {load:.1f} on {processors()} processors): expect less"]


def _noise(description: Description, clip: ClipShape, count: int) -> Dataset:
    random, kinds = np.random.default_rng(0), len(description.classes)
    frames = random.integers(0, 256, (count, *stored_shape(clip), 3), np.uint8)
    rows = np.arange(count)
    ids = tuple(map(str, rows))
    return Dataset(
        name="noise",
        digest="",
        classes=description.classes,
        labels=rows % kinds,
        folds=np.zeros_like(rows),
        ids=ids,
        groups=rows,
        frames=frames,
    )


class _LongEnough(Exception):
    """The warm-up step took so long that it is the calibration."""


def _time_steps(plan: Plan, variant: Variant, network: nn.Module, noise: Dataset, batch: int) -> tuple[float, ...]:
    """Seconds of each step, by the trainings' own loop."""
    assert plan.sweep.train is not None and plan.description is not None
    marks = [time.perf_counter()]

    def mark(progress: Progress) -> None:
        marks.append(time.perf_counter())
        if progress.step == 1 and marks[1] - marks[0] > LONG_STEP:
            raise _LongEnough

    parts = math.gcd(batch, plan.sweep.train.accumulate)  # fewer clips than the sweep's may not divide as it does
    recipe = plan.sweep.train.model_copy(
        update={
            "epochs": 1,
            "steps": None,
            "batch": batch,
            "accumulate": parts,
            "rate": _RATE,
            "statistics_clips": 0,
        }
    )
    rows, flips = np.arange((1 + STEPS) * batch) % len(noise.ids), plan.description.flips
    shares = Shares(recipe.accumulate)
    batches = EpochBatches(noise, rows, plan.sweep.shape, batch, 0, plan.device, flips, variant.scaling, shares)
    with suppress(_LongEnough):
        fit(network, batches, recipe, precision=plan.precision, device=plan.device, report=mark)
    taken = tuple(float(each) for each in np.diff(marks))
    return taken[1:] or taken


def _time_clip(plan: Plan, variant: Variant, network: nn.Module, noise: Dataset) -> float:
    """Seconds a clip, of a batch as testing has it, or of 4 clips where such a batch would take more than 2 s."""

    def seconds(clips: int) -> float:
        indices, started = np.arange(clips) % len(noise.ids), time.perf_counter()
        log_probabilities(
            network,
            noise,
            indices,
            plan.sweep.shape,
            order="normal",
            device=plan.device,
            pixels=variant.scaling,
        )
        return (time.perf_counter() - started) / clips

    first = seconds(FEW)  # a warm-up
    if first * FEW > LONG_PASS:
        return first
    return seconds(FEW if first * BATCH > LONG_PASS else BATCH)


def _for_all(
    known: Mapping[Variant, float], sizes: Mapping[Variant, Size], variants: Sequence[Variant]
) -> dict[Variant, float]:
    """What was timed as it is, what was counted interpolated linearly in multiply-adds, the rest their mean."""
    if not known:
        return dict.fromkeys(variants, float("nan"))
    points = sorted((sizes[variant].macs, value) for variant, value in known.items())
    macs, values = zip(*points, strict=True)
    return _completed(
        {each: known.get(each, float(np.interp(sizes[each].macs, macs, values))) for each in sizes}, variants
    )


def _completed(known: Mapping[Variant, float], variants: Sequence[Variant]) -> dict[Variant, float]:
    mean = float(np.mean(list(known.values())))
    return {each: known.get(each, mean) for each in variants}


def _basis(timed: Mapping[Variant, Timed]) -> str:
    """What was timed, in words: `2 timed steps of 4 variants`."""
    if not timed:
        return ""
    counts = sorted({len(each.steps) for each in timed.values()})
    what = (
        f"{' or '.join(map(str, counts))} timed step{'s' if counts[-1] > 1 else ''}" if counts[-1] else "a timed pass"
    )
    return f"{what} of {len(timed)} variant{'s' if len(timed) > 1 else ''}"
