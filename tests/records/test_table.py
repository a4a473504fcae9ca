"""The joined table over records whose numbers are known by construction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tradeoff import load_results
from tradeoff.errors import InputError
from tradeoff.records.keys import accuracy_key, cost_key, latency_key, training_key
from tradeoff.records.store import Store
from tradeoff.records.table import COLUMNS, load_table
from tradeoff.variants import Variant

CLIP = "16x64x64"
VIEW = {"crop": "centre", "views": 1, "precision": "float32"}
PROTOCOL = {"batch": 1, "precision": "float32", "layout": "contiguous", "runtime": "eager", "threads": 2}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results").prepare()


def about(name: str, **more: Any) -> dict[str, Any]:
    variant = Variant.parse(name, classes=2)
    return {"name": variant.name, "variant": variant.fields(), "clip": CLIP, **more}


def add_cost(store: Store, name: str, macs: int) -> str:
    key = cost_key(Variant.parse(name, classes=2).fields(), CLIP, "counter/1")
    store.write(key, {"params": 1, "weights": 1, "macs": macs, "activation_bytes": 1}, about=about(name), made={})
    return key.digest


def add_accuracy(
    store: Store,
    name: str,
    right: list[bool],
    seed: int = 0,
    fold: int = 0,
    order: str = "normal",
    training: str | None = None,
) -> str:
    key = accuracy_key({"training": training or f"{name}{seed}{fold}"}, "data", fold, VIEW, order)
    labels = np.arange(len(right)) % 2
    answers = np.where(right, labels, 1 - labels)
    log_probabilities = np.log(np.where(answers[:, None] == np.arange(2), 0.9, 0.1)).astype(np.float32)
    arrays = {"log_probabilities": log_probabilities, "labels": labels, "groups": np.arange(len(right)) + 100 * fold}
    facts = {"data": "motion", "fold": fold, "seed": seed, "recipe": "3 epochs", "recipe_key": "r", "view": VIEW}
    measured = {"top1": float(np.mean(right)), "top5": 1.0, "clips": len(right), "unreadable": 0}
    store.write(key, measured, about=about(name, order=order, **facts), made={}, arrays=arrays)
    return key.digest


def add_latency(store: Store, name: str, median: float, replicate: int, device: str = "cpu x") -> str:
    variant = Variant.parse(name, classes=2)
    key = latency_key(variant.fields(), CLIP, PROTOCOL, {"device": device}, "source", replicate)
    measured = {"median_ms": median, "low_ms": median - 1, "high_ms": median + 1, "method": "median", "samples": 20}
    store.write(key, measured | {"load_before": 0.5}, about=about(name), made={})
    return key.digest


def test_one_row_joins_cost_accuracy_and_latency(store: Store) -> None:
    add_cost(store, "I3D", 7_000)
    add_accuracy(store, "I3D", [True] * 8 + [False] * 2)
    add_latency(store, "I3D", 10.0, 0)
    rows = load_results(store.root)
    assert list(rows.columns) == list(COLUMNS)
    assert len(rows) == 1
    row = rows.iloc[0]
    assert (row.variant, row.units, row.macs, row.top1, row.latency_ms) == ("I3D", "3" * 11, 7_000, 0.8, 10.0)
    # Wilson's interval of 8 of 10, as printed in tables of it.
    assert (round(row.top1_low, 3), round(row.top1_high, 3)) == (0.490, 0.943)
    assert (row.latency_low_ms, row.latency_high_ms, row.processes) == (9.0, 11.0, 1)


def test_what_was_derived_says_how_far_it_began(store: Store) -> None:
    """The distance at the trunk's end, from the trainings that the accuracies are of."""
    for seed, distance in enumerate((0.2, 0.4)):
        training = training_key(Variant.parse("S3D", classes=2).fields(), CLIP, "data", 0, {}, 1, seed, "d/derive-1")
        start = {"start": {"distances": {"conv_1a": 9.0, "mixed_5c": distance, "logits": 9.0}}}
        store.write(training, {"state": "s", "epochs": [], **start}, about=about("S3D"), made={})
        add_accuracy(store, "S3D", [True] * 10, seed=seed, training=training.digest)
    add_accuracy(store, "I3D", [True] * 10)
    rows = load_results(store.root).set_index("variant")
    assert rows.start_distance["S3D"] == pytest.approx(0.3)
    assert np.isnan(rows.start_distance["I3D"])


def test_seeds_are_averaged_and_processes_are_the_unit_of_latency(store: Store) -> None:
    for seed, right in enumerate(([True] * 9 + [False], [True] * 7 + [False] * 3)):
        add_accuracy(store, "I3D", right, seed=seed)
    for replicate, median in enumerate((10.0, 12.0, 14.4)):
        add_latency(store, "I3D", median, replicate)
    row = load_results(store.root).iloc[0]
    assert row.top1 == pytest.approx(0.8)
    assert row.seeds == 2
    assert row.top1_low < 0.8 < row.top1_high
    assert row.latency_ms == pytest.approx(12.0)
    half = stats.t.ppf(0.975, 2) * np.log(1.2) / np.sqrt(3)  # logarithms ln 10, ln 12, ln 14.4 are ln 1.2 apart
    assert row.latency_high_ms == pytest.approx(12.0 * np.exp(half))


def test_folds_pool_their_held_out_clips_and_an_incomplete_seed_waits(store: Store) -> None:
    add_accuracy(store, "I3D", [True] * 4, fold=0)
    add_accuracy(store, "I3D", [False] * 2, fold=1)
    add_accuracy(store, "I3D", [False] * 4, seed=1, fold=0)
    table = load_table(store.root)
    assert table.rows.iloc[0].top1 == pytest.approx(4 / 6)
    assert (table.rows.iloc[0].folds, table.rows.iloc[0].seeds, table.rows.iloc[0].test_clips) == (2, 1, 6)
    correct, groups = table.correct[0]
    assert correct.tolist() == [[True] * 4 + [False] * 2]
    assert len(set(groups.tolist())) == 6


def test_seeds_with_other_folds_are_not_mixed(store: Store) -> None:
    add_accuracy(store, "I3D", [True] * 4, seed=0, fold=0)
    add_accuracy(store, "I3D", [False] * 2, seed=1, fold=1)
    row = load_results(store.root).iloc[0]
    assert (row.seeds, row.folds, row.test_clips) == (1, 1, 4)


def test_protocols_are_rows_of_their_own(store: Store) -> None:
    add_accuracy(store, "I3D", [True, False])
    add_accuracy(store, "I3D", [False, False], order="reversed")
    add_latency(store, "I3D", 10.0, 0)
    add_latency(store, "I3D", 1.0, 0, device="cuda y")
    rows = load_results(store.root)
    assert sorted(zip(rows.order, rows.device, strict=True)) == [
        ("normal", "cpu x"),
        ("normal", "cuda y"),
        ("reversed", "cpu x"),
        ("reversed", "cuda y"),
    ]


def test_a_sweep_is_its_own_records_in_the_order_of_its_file(store: Store) -> None:
    keys = [add_cost(store, name, 1) for name in ("S3D", "I2D", "I3D")]
    store.write_sweep("mine", {"cost": keys[:2]})
    assert load_results(store.root, "mine").variant.tolist() == ["S3D", "I2D"]
    assert load_results(store.root).variant.tolist() == ["S3D", "I2D", "I3D"]
    with pytest.raises(InputError, match="holds mine"):
        load_results(store.root, "yours")


def test_a_folder_means_the_local_results_in_it(tmp_path: Path) -> None:
    add_cost(Store(tmp_path / "local").prepare(), "I3D", 1)
    assert load_results(tmp_path).variant.tolist() == ["I3D"]


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no records"):
        load_results(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        load_results(tmp_path / "nowhere")


def test_other_families_have_no_units_and_no_width_and_what_is_published(store: Store) -> None:
    for name, classes in (("I3D", 400), ("r3d_18", 400), ("mc3_18", 16)):
        variant = Variant.parse(name, classes=classes)
        about = {"name": variant.name, "variant": variant.fields(), "clip": CLIP}
        measured = {"params": 1, "weights": 1, "macs": 1, "activation_bytes": 1}
        store.write(cost_key(variant.fields(), CLIP, "counter/1"), measured, about=about, made={})
    rows = load_results(store.root).set_index("variant")
    assert list(load_results(store.root).columns) == list(COLUMNS)
    assert rows.units.to_dict() == {"I3D": "3" * 11, "r3d_18": "", "mc3_18": ""}
    assert rows[rows.gating].empty  # a column to select by, whatever is in it
    assert rows.width.fillna(0).to_dict() == {"I3D": 1.0, "r3d_18": 0.0, "mc3_18": 0.0}
    published = rows.published.dropna()
    assert published.to_dict() == {"r3d_18": str(Variant.parse("r3d_18").published)}  # not of a network for 16 classes
    assert published["r3d_18"].startswith("63.2 / 83.479, 16x112x112, 5 clips a video")
    assert rows.top1.isna().all()


def test_records_of_a_users_network_are_read_without_the_network(store: Store) -> None:
    fields = {"family": "custom", "target": "gone_long_ago:tiny", "arguments": "width=8", "source": "0123456789abcdef"}
    about = {"name": "gone_long_ago:tiny(width=8)", "variant": fields, "clip": CLIP}
    measured = {"params": 1, "weights": 1, "macs": 1, "activation_bytes": 1}
    store.write(cost_key(fields, CLIP, "counter/1"), measured, about=about, made={})
    assert load_results(store.root).variant.tolist() == ["gone_long_ago:tiny(width=8)"]
