"""How far sweeps are, and a time to go that is worked out by hand."""

from __future__ import annotations

import math
import os
import platform
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from made_records import (
    NOW,
    add_accuracy,
    add_cost,
    add_latency,
    add_training,
    key_of_accuracy,
    key_of_training,
    mark_running,
)

from tradeoff.errors import InputError
from tradeoff.records.keys import Key
from tradeoff.records.running import HEARTBEAT, read_running
from tradeoff.records.status import Status, Watch
from tradeoff.records.store import Store

NAMES = ("I2D", "I3D", "S3D")
MACS = {"I2D": 1000, "I3D": 3000, "S3D": 2000}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results").prepare()


def planned(store: Store, seeds: int = 2, orders: tuple[str, ...] = ("normal",)) -> None:
    """Three variants as a plan has them: costs, which are measured, and seed by seed each variant."""
    trainings = [key_of_training(name, seed) for seed in range(seeds) for name in NAMES]
    keys: dict[str, list[Key]] = {
        "cost": [add_cost(store, name, MACS[name]) for name in NAMES],
        "training": trainings,
        "accuracy": [key_of_accuracy(training, order) for training in trainings for order in orders],
        "latency": [],
    }
    store.write_sweep("mine", {kind: [key.digest for key in each] for kind, each in keys.items()})


def look(store: Store) -> Status:
    (found,) = Watch(store).look("mine", NOW)
    return found


def test_nothing_is_known_before_anything_is_measured(store: Store) -> None:
    planned(store)
    found = look(store)
    assert {kind: (each.total, each.done, each.left) for kind, each in found.shares.items()} == {
        "cost": (3, 3, 0), "training": (6, 0, 6), "accuracy": (6, 0, 6)
    }  # fmt: skip
    assert math.isnan(found.seconds)
    assert found.unknown == ["training", "accuracy"]


def test_the_time_to_go_is_that_of_the_variant_or_goes_by_its_multiply_adds(store: Store) -> None:
    """I2D took 10 s and I3D 50 s: 60 s for 4000 multiply-adds, so S3D with 2000 takes 30 s. Left are S3D of seed 0 and
    all three of seed 1: 30 + 10 + 50 + 30 = 120 s. Of accuracies, 2 s and 4 s of I2D: their mean, twice, and 3 s for
    1000 multiply-adds: 3 of I2D in seed 1, 9 of I3D twice, 6 of S3D twice."""
    planned(store)
    add_training(store, "I2D", seconds=10.0)
    add_training(store, "I3D", seconds=50.0)
    found = look(store).shares["training"]
    assert (found.done, found.left, found.seconds) == (2, 4, pytest.approx(120.0))
    add_accuracy(store, key_of_training("I2D", 0), "I2D", [True] * 4, seconds=3.0)
    found = look(store).shares["accuracy"]
    assert (found.left, found.seconds) == (5, pytest.approx(3 + 2 * 9 + 2 * 6))
    assert look(store).seconds == pytest.approx(120 + 33)
    assert look(store).unknown == []


def test_two_orders_of_one_training_are_of_one_variant(store: Store) -> None:
    planned(store, seeds=1, orders=("normal", "reversed"))
    for order, seconds in (("normal", 2.0), ("reversed", 4.0)):
        add_accuracy(store, key_of_training("I2D", 0), "I2D", [True] * 4, seconds=seconds, order=order)
    # 3 s for 1000 multiply-adds: I3D 9 s and S3D 6 s, each twice.
    assert look(store).shares["accuracy"].seconds == pytest.approx(2 * 9 + 2 * 6)


def test_where_places_tell_no_variant_the_mean_of_all_is_taken(store: Store) -> None:
    """The plan has them in another order than one after the other."""
    names = ("I2D", "I2D", "I3D", "I3D")
    costs = [add_cost(store, name, MACS[name]).digest for name in ("I2D", "I3D")]
    trainings = [key_of_training(name, place).digest for place, name in enumerate(names)]
    store.write_sweep("mine", {"cost": costs, "training": trainings})
    add_training(store, "I2D", 0, seconds=10.0)
    add_training(store, "I2D", 1, seconds=30.0)
    assert look(store).shares["training"].seconds == pytest.approx(2 * 20.0)


def test_what_runs_counts_by_its_share_and_shares_the_rest(store: Store) -> None:
    """30 s of S3D, three quarters of which are done, 10 + 50 of seed 1, and 30 of S3D under way, half done."""
    planned(store)
    add_training(store, "I2D", seconds=10.0)
    add_training(store, "I3D", seconds=50.0)
    mark_running(store, key_of_training("S3D", 0), "S3D seed 0 training", share=0.75)
    mark_running(store, key_of_training("S3D", 1), "S3D seed 1 training", share=0.5)
    found = look(store)
    training = found.shares["training"]
    assert (training.running, training.left) == (2, 2)
    assert training.seconds == pytest.approx(7.5 + 15 + 10 + 50)
    assert found.seconds == pytest.approx((7.5 + 15 + 10 + 50) / 2)
    assert [each.name for each in found.running] == ["S3D seed 0 training", "S3D seed 1 training"]


def test_the_first_one_under_way_tells_of_the_others(store: Store) -> None:
    """Half done in 1800 s, so an hour each: half of one, and five."""
    planned(store)
    mark_running(store, key_of_training("I2D", 0), "I2D seed 0 training", share=0.5)
    assert look(store).shares["training"].seconds == pytest.approx(1800 + 5 * 3600)


def test_what_is_not_heard_of_any_more_does_not_run(store: Store) -> None:
    planned(store)
    here = platform.node()
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    long_ago = (NOW - timedelta(seconds=HEARTBEAT + 5)).isoformat()
    mark_running(store, key_of_training("I2D", 0), "silent", at=long_ago)
    mark_running(store, key_of_training("I3D", 0), "ended", host=here, pid=ended.pid)
    mark_running(store, key_of_training("S3D", 0), "alive", host=here, pid=os.getpid())
    mark_running(store, key_of_training("I2D", 1), "elsewhere", pid=ended.pid)
    (store.root / "running" / "0.json").write_text("{")
    found = look(store)
    assert [each.name for each in found.running] == ["alive", "elsewhere"]
    assert {each.name: each.stale for each in found.stale} == {
        "silent": "not heard of for 65 s",
        "ended": f"its process {ended.pid} has ended",
    }
    assert (found.shares["training"].running, found.shares["training"].left) == (2, 4)
    assert len(read_running(store, NOW)) == 4


def test_what_failed_is_not_left_until_it_is_tried_again(store: Store) -> None:
    planned(store)
    key = key_of_training("S3D", 1)
    store.write_attempt(key, "the loss became nan", "", {}, began=NOW)
    found = look(store)
    assert (found.shares["training"].failed, found.shares["training"].left) == (1, 5)
    assert [each.reason for each in found.failed] == ["the loss became nan"]
    mark_running(store, key, "S3D seed 1 training")
    assert (look(store).shares["training"].failed, look(store).shares["training"].running) == (0, 1)


def test_all_is_done(store: Store) -> None:
    key = add_latency(store, "I2D", 10.0)
    store.write_sweep("mine", {"latency": [key.digest]})
    found = look(store)
    assert (found.seconds, found.unknown, list(found.shares)) == (0, [], ["latency"])


def test_a_damaged_record_is_there_and_tells_nothing(store: Store) -> None:
    planned(store)
    add_training(store, "I2D", seconds=10.0)
    store.path(add_training(store, "I3D", seconds=50.0)).write_text("{")
    found = look(store).shares["training"]
    assert (found.done, found.left) == (2, 4)
    # It fits no variant, so places are not believed: 10 s each.
    assert found.seconds == pytest.approx(4 * 10.0)


def test_a_sweep_that_was_not_run_is_refused(store: Store) -> None:
    planned(store)
    with pytest.raises(InputError, match=r"'yours' was not run into .* holds mine"):
        Watch(store).look("yours")
