"""Small results folders whose numbers are known by construction, and which are whole: every record as tradeoff writes
it, with a checkpoint of each training."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tradeoff.records.keys import Key, accuracy_key, cost_key, latency_key, training_key
from tradeoff.records.store import Store
from tradeoff.variants import Variant

CLIP = "8x32x32"
VIEW = {"crop": "centre", "views": 1, "precision": "float32"}
PROTOCOL = {"batch": 1, "precision": "float32", "layout": "contiguous", "runtime": "eager", "threads": 1}
MACHINE = {"device": "cpu x", "cores": 2}
FACTS = {"data": "motion", "recipe": "1 epoch", "recipe_key": "0123456789abcdef"}
NOW = datetime(2025, 11, 26, 12, 0, tzinfo=UTC)


def fields(name: str) -> dict[str, Any]:
    return Variant.parse(name, classes=2).fields()


def about(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "variant": fields(name), "clip": CLIP, **more}


def add_cost(store: Store, name: str, macs: int) -> Key:
    key = cost_key(fields(name), CLIP, "counter/1")
    measured = {"params": 10, "weights": 8, "macs": macs, "activation_bytes": 64}
    store.write(key, measured, about=about(name), made={"seconds": 0.1})
    return key


def key_of_training(name: str, seed: int) -> Key:
    return training_key(fields(name), CLIP, "d" * 16, 0, {"precision": "float32"}, 1, seed)


def add_training(store: Store, name: str, seed: int = 0, seconds: float = 10.0, state: str = "ab" * 8) -> Key:
    key = key_of_training(name, seed)
    measured = {"state": state, "epochs": [{"epoch": 1, "epochs": 1, "loss": 0.5, "step": 2, "steps": 2}]}
    store.write(key, measured, about=about(name, fold=0, seed=seed, **FACTS), made={"seconds": seconds})
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", b"weights " * 50)
    (store.root / "checkpoints" / f"{key.digest}.{state}.pt").write_bytes(content.getvalue())
    return key


def key_of_accuracy(training: Key, order: str = "normal") -> Key:
    return accuracy_key({"training": training.digest}, "d" * 16, 0, VIEW, order)


def add_accuracy(
    store: Store,
    training: Key,
    name: str,
    right: Sequence[bool],
    seed: int = 0,
    seconds: float = 2.0,
    order: str = "normal",
) -> Key:
    key = key_of_accuracy(training, order)
    labels = np.arange(len(right), dtype=np.int32) % 2
    answers = np.where(right, labels, 1 - labels)
    log_probabilities = np.log(np.where(answers[:, None] == np.arange(2), 0.9, 0.1)).astype(np.float32)
    ids = np.array([f"clip {place}" for place in range(len(right))])
    arrays = {"log_probabilities": log_probabilities, "labels": labels, "groups": np.arange(len(right)), "ids": ids}
    measured = {"top1": float(np.mean(right)), "top5": 1.0, "clips": len(right), "unreadable": 0}
    facts = about(name, fold=0, seed=seed, order=order, view=VIEW, **FACTS)
    store.write(key, measured, about=facts, made={"seconds": seconds}, arrays=arrays)
    return key


def add_latency(store: Store, name: str, median: float, replicate: int = 0, at: datetime = NOW) -> Key:
    key = latency_key(fields(name), CLIP, PROTOCOL, MACHINE, "s" * 16, replicate)
    measured = {"median_ms": median, "low_ms": median - 0.5, "high_ms": median + 0.5, "method": "median", "samples": 3}
    arrays = {"samples_ms": np.array([median - 0.5, median, median + 0.5])}
    made = {"seconds": 4.0, "at": at.isoformat()}
    store.write(key, measured | {"load_before": 0.1}, about=about(name), made=made, arrays=arrays)
    return key


def whole_folder(root: Path) -> Store:
    """A sweep `mine` of I2D and I3D, all done: a seed, and two processes of a latency."""
    store = Store(root).prepare()
    keys: dict[str, list[str]] = {"cost": [], "training": [], "accuracy": [], "latency": []}
    for name, macs, right in (("I2D", 1000, [True] * 6 + [False] * 4), ("I3D", 3000, [True] * 9 + [False])):
        keys["cost"].append(add_cost(store, name, macs).digest)
        training = add_training(store, name)
        keys["training"].append(training.digest)
        keys["accuracy"].append(add_accuracy(store, training, name, right).digest)
        times = ((0, 10.0), (1, 12.0)) if name == "I2D" else ((0, 20.0), (1, 24.0))
        keys["latency"] += [add_latency(store, name, median, replicate).digest for replicate, median in times]
    store.write_sweep("mine", keys)
    return store


def mark_running(store: Store, key: Key, name: str, **changes: Any) -> Path:
    """A sign of life as the engine writes it: half an hour in, half done, heard of a second ago, on another machine."""
    path = store.root / "running" / f"{key.digest}.json"
    path.parent.mkdir(exist_ok=True)
    began, at = (NOW - timedelta(seconds=seconds) for seconds in (1801, 1))
    values = {"schema": 1, "kind": key.kind, "key": key.digest, "name": name, "sweep": "mine", "pid": 1}
    values |= {"host": "another-machine", "share": 0.5, "note": "epoch 2/3", **changes}
    path.write_text(json.dumps({"began": began.isoformat(), "at": at.isoformat()} | values))
    return path


def change(path: Path, **changes: Any) -> None:
    """Change a record by hand: `change(path, measured={"top1": 2})` changes a part's fields, others whole."""
    values = json.loads(path.read_text())
    for name, value in changes.items():
        values[name] = values[name] | value if isinstance(value, dict) else value
    path.write_text(json.dumps(values))
