"""Differences that are known by construction."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from made_records import (
    NOW,
    add_accuracy,
    add_latency,
    add_training,
    change,
    key_of_accuracy,
    key_of_training,
    whole_folder,
)
from scipy import stats

from tradeoff.errors import InputError
from tradeoff.records.compare import Change, Comparison, compare_folders, compare_keys, compare_variants
from tradeoff.records.statistics import paired_difference
from tradeoff.records.store import Store

RIGHT = {"I2D": np.arange(10) < 6, "I3D": np.arange(10) < 9}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return whole_folder(tmp_path / "results")


@pytest.fixture
def other(store: Store, tmp_path: Path) -> Store:
    return Store(Path(shutil.copytree(store.root, tmp_path / "other")))


def of(found: Comparison, kind: str) -> list[Change]:
    return [each for each in found.changes if each.kind == kind]


def test_two_variants_by_clips_processes_and_counts(store: Store) -> None:
    found = compare_variants(store, "I2D", "I3D")
    (accuracy,) = of(found, "accuracy")
    expected = paired_difference(RIGHT["I3D"][None], RIGHT["I2D"][None], np.arange(10))
    assert (accuracy.a, accuracy.b, accuracy.difference) == (0.6, 0.9, pytest.approx(0.3))
    assert (accuracy.low, accuracy.high) == (expected.low, expected.high)
    (latency,) = of(found, "latency")
    # Medians 10, 12 and 20, 24: the ratio is 2, the logarithms of either side are ln 1.2 apart, and Welch has 2 degrees
    # of freedom: each mean's variance is (ln 1.2)^2 / 2 / 2.
    half = stats.t.ppf(0.975, 2) * np.log(1.2) / np.sqrt(2)
    assert latency.difference == pytest.approx(2.0)
    assert (latency.low, latency.high) == (pytest.approx(2 * np.exp(-half)), pytest.approx(2 * np.exp(half)))
    assert (latency.a, latency.b) == (pytest.approx(np.sqrt(120)), pytest.approx(np.sqrt(480)))
    assert latency.verdict == "cannot tell" if latency.low < 1 else "slower"
    (macs,) = of(found, "cost")  # parameters and the rest are the same
    assert (macs.a, macs.b, macs.difference, macs.verdict) == (1000, 3000, 3.0, "differs")
    assert macs.what.endswith("macs")


def test_a_variant_that_was_not_measured_is_refused(store: Store) -> None:
    with pytest.raises(InputError, match=r"'S3D' was not measured .*: it has I2D, I3D"):
        compare_variants(store, "I2D", "S3D")


def test_a_copy_is_the_same(store: Store, other: Store) -> None:
    found = compare_folders(store, other)
    assert (found.only_a, found.only_b, found.changes) == ([], [], [])
    assert found.same == {"cost": 2, "training": 2, "accuracy": 2, "latency": 2}


def test_what_one_folder_lacks_and_what_was_measured_anew(store: Store, other: Store) -> None:
    lost = next((store.root / "cost").glob("*.json"))
    lost.unlink()
    new = add_training(other, "I3D", seed=1)
    for path in (other.root / "latency").glob("*.json"):
        path.unlink()
    later = NOW + timedelta(days=1)
    for replicate, median in enumerate((40.0, 48.0)):
        add_latency(other, "I3D", median, replicate, at=later)
    training = other.path(key_of_training("I2D", 0))
    change(training, measured={"state": "cd" * 8, "epochs": [{"epoch": 1, "loss": 0.25}]})
    accuracy = key_of_accuracy(key_of_training("I2D", 0))
    other.path(accuracy).unlink()
    add_accuracy(other, key_of_training("I2D", 0), "I2D", [True] * 10)
    found = compare_folders(store, other)
    assert [each.key for each in found.only_b if each.kind == "training"] == [new.digest]
    assert [each.key for each in found.only_b if each.kind == "cost"] == [lost.stem]
    assert sorted(each.variant for each in found.only_a) == ["I2D", "I2D"]  # its latencies
    (latency,) = of(found, "latency")
    assert latency.difference == pytest.approx(2.0)
    (trained,) = of(found, "training")
    assert (trained.what, trained.a, trained.b) == ("I2D seed 0 training, last loss", 0.5, 0.25)
    assert trained.verdict == "other weights"
    (tested,) = of(found, "accuracy")
    assert (tested.a, tested.b) == (0.6, 1.0)
    assert tested.what.startswith("I2D, 8x32x32")


def test_a_machine_that_got_slower_is_told_from_one_that_cannot_be(store: Store) -> None:
    for name, scale in (("S3D", 1.0), ("S3D-G", 3.0)):
        for replicate in range(4):
            add_latency(store, name, scale * (10 + 0.01 * replicate), replicate)
    (slow,) = of(compare_variants(store, "S3D", "S3D-G"), "latency")
    (fast,) = of(compare_variants(store, "S3D-G", "S3D"), "latency")
    assert (slow.verdict, fast.verdict) == ("slower", "faster")
    add_latency(store, "Fast-S3D", 10.0)
    (one,) = of(compare_variants(store, "S3D", "Fast-S3D"), "latency")
    assert one.verdict == "cannot tell" and np.isnan(one.low) and "no interval" in one.method


def test_other_clips_are_not_compared_clip_by_clip(store: Store) -> None:
    add_accuracy(store, add_training(store, "S3D"), "S3D", [True] * 7)
    (found,) = of(compare_variants(store, "I2D", "S3D"), "accuracy")
    assert found.verdict == "tested on other clips" and np.isnan(found.low)


def test_two_keys_by_their_fields(store: Store) -> None:
    training = key_of_training("I2D", 0)
    normal = key_of_accuracy(training)
    reverse = add_accuracy(store, training, "I2D", [False] * 5 + [True] * 5, order="reversed")
    found = compare_keys(store, normal.digest[:8], reverse.digest)
    assert found.fields["about.order"] == ("normal", "reversed")
    assert found.fields["measured.top1"] == (0.6, 0.5)
    assert "depends_on.data" not in found.fields
    (change_,) = found.changes
    right = (np.arange(10) >= 5)[None]
    same = paired_difference(right, RIGHT["I2D"][None], np.arange(10), same_trainings=True)
    assert (change_.low, change_.high) == (same.low, same.high)
    with pytest.raises(InputError, match="give two of one kind"):
        compare_keys(store, normal.digest, training.digest)
