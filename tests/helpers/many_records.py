"""A sweep of 10,000 measurements, and invented records of all of them."""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

import numpy as np

from tradeoff.records.keys import Kind
from tradeoff.records.store import Store
from tradeoff.sweep.plan import Measurement, Plan

TEST_CLIPS = 256
_PATTERNS = ("2[3s]{10}", "322[2s]{8}", "s222[23]{7}", "332233[2s]{5}")
WIDE: dict[str, Any] = {
    "variants": [{"units": pattern} for pattern in _PATTERNS],
    "orders": ["normal", "reversed"],
    "latency": {"processes": 3},
}
"""1,440 variants of one training each, tested in two orders and timed in three processes: 10,080 measurements."""
DEEP: dict[str, Any] = {
    "variants": [{"units": "2[3s]{10}"}],
    "seeds": [0, 1, 2],
    "latency": {"processes": 3},
}
"""1,024 variants of three trainings each, and three processes: 10,240 measurements."""
SHAPES = {"wide": WIDE, "deep": DEEP}
_MACHINE = {"cores": 2, "device": "cpu EPYC", "torch": "2.14.1", "torchvision": "0.29.1"}
_MADE = {"device": "cpu EPYC", "load": 1.36, "machine": _MACHINE, "python": "3.11.7", "seconds": 19.205,
         "system": "Linux x86_64", "threads": 2, "tradeoff": "0.1.0"}  # fmt: skip


def many(shape: str, test: int = TEST_CLIPS) -> dict[str, Any]:
    """The values of a sweep file."""
    data = {"synthetic": "motion", "train": 64, "test": test}
    return {"name": "many", "width": 0.25, "clip": "16x64x64", "data": data, **SHAPES[shape]}


def fill(store: Store, plan: Plan) -> None:
    """Write a record of every measurement. They need not outlive a loss of power: none waits for the disk."""
    store.prepare()
    store.write_sweep(plan.sweep.name, plan.keys())
    with mock.patch.object(os, "fsync"):
        for measurement in plan.measurements:
            _write(store, plan, measurement)


def _write(store: Store, plan: Plan, measurement: Measurement) -> None:
    generator = np.random.default_rng(int(measurement.key.digest, 16))
    measured, arrays = _MEASURED[measurement.key.kind](plan, measurement, generator)
    if measurement.key.kind == "training":
        (store.root / "checkpoints" / f"{measurement.key.digest}.{measured['state']}.pt").touch()
    about = {"name": measurement.variant.name, "variant": measurement.variant.fields(), "clip": plan.sweep.clip}
    if measurement.key.kind in ("training", "accuracy"):
        about |= {"data": "motion", "fold": measurement.fold, "seed": measurement.seed}
        about |= {"recipe": "10 epochs, batch 32, bf16", "recipe_key": plan.recipe_key}
    if measurement.key.kind == "accuracy":
        about |= {"order": measurement.order, "view": plan.view}
    store.write(measurement.key, measured, about=about, made=_MADE, arrays=arrays)


Made = tuple[dict[str, Any], dict[str, np.ndarray] | None]


def _cost(plan: Plan, measurement: Measurement, generator: np.random.Generator) -> Made:
    macs, params = _macs(measurement), int(generator.integers(300_000, 900_000))
    counts = {"convolution": macs, "norm": macs // 400, "activation": macs // 400, "pool": macs // 100}
    sizes = {"activation_bytes": macs // 150, "bytes_moved": macs // 10, "intensity": 20.3}
    facts = {"convention": "executed", "note": "", "operations": counts}
    return {"macs": macs, "params": params, "weights": params - 4_000, **sizes, **facts}, None


def _macs(measurement: Measurement) -> int:
    """The more a unit lies at the bottom, the more it costs in 3D; separable ones cost a third."""
    prices = {"2": 0.0, "s": 0.3, "3": 1.0}
    return int(2e9 + 1e8 * sum(prices[letter] * (11 - place) for place, letter in enumerate(measurement.variant.units)))


def _training(plan: Plan, measurement: Measurement, generator: np.random.Generator) -> Made:
    epochs = [
        {"clips_per_second": 158.9, "epoch": epoch, "epochs": 10, "loss": 2.3 / epoch, "step": 8, "steps": 8}
        for epoch in range(1, 11)
    ]
    return {"epochs": epochs, "state": f"{generator.integers(2**32):08x}"}, None


def _accuracy(plan: Plan, measurement: Measurement, generator: np.random.Generator) -> Made:
    clips, classes = plan.sweep.data.test, measurement.variant.classes  # type: ignore[union-attr]
    labels = np.arange(clips) % classes
    scores = generator.normal(size=(clips, classes)).astype(np.float32)
    scores[np.arange(clips), labels] += 1 + measurement.variant.units.count("s") / 5
    log_probabilities = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    right = log_probabilities.argmax(axis=1) == labels
    arrays = {
        "log_probabilities": log_probabilities,
        "labels": labels.astype(np.int32),
        "groups": (np.arange(clips) // 2).astype(np.int32),  # a clip and its reverse
        "ids": np.array([f"test/motion/{clip:06d}.reversed" for clip in range(clips)]),
    }
    return {"clips": clips, "top1": float(right.mean()), "top5": 0.9, "unreadable": 0}, arrays


def _latency(plan: Plan, measurement: Measurement, generator: np.random.Generator) -> Made:
    median = (5 + _macs(measurement) / 4e8) * float(np.exp(0.03 * generator.normal()))
    around = {"low_ms": 0.99 * median, "median_ms": median, "high_ms": 1.01 * median, "samples": 35, "steady": True}
    measured = {
        **around,
        "outcome": "measured", "method": "median, order statistics", "cache": "warm", "clips_per_second": 67.3,
        "first_pass_ms": 17.6, "prepare_s": 10.7, "error": 6.4e-7, "host": around, "warm_up": 34, "tolerance": 0.001,
        "video": {"ms": median, "views": "1x1"}, "memory": {"base_bytes": 6e8, "of": "VmHWM", "peak_bytes": 9e8},
        "load": {"others_cpus": 0.01, "own_cpus": 1.99, "seconds": 2.1, "steal_cpus": 0.0}, "percentiles_ms": {},
        "roofline": {"arithmetic_ms": 22.7, "bound": "compute", "bound_ms": 26.1, "fraction": 0.8, "intensity": 20.3},
        "yardstick": {"copy_gb_s": 44.5, "gflops": 204.6, "matrix": 2048, "precision": "float32"},
        "timed": {"device": "the forward pass; clips are on the device already", "host": "from host memory and back"},
    }  # fmt: skip
    series = ("samples_ms", "warm_up_ms", "host_samples_ms", "host_warm_up_ms")
    return measured, {name: (median * generator.normal(1, 0.01, 35)).astype(np.float32) for name in series}


_MEASURED: dict[Kind, Any] = {"cost": _cost, "training": _training, "accuracy": _accuracy, "latency": _latency}
