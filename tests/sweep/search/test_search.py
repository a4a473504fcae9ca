"""Searches, with a stand-in for the engine: what is trained, what is not, and what is told of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tradeoff.errors import InputError
from tradeoff.records.keys import KINDS
from tradeoff.records.searches import Story, read_story
from tradeoff.sweep.search.halving import promoted
from tradeoff.variants import Variant

from .conftest import SECONDS, Searched, macs

ALL: dict[str, Any] = {"units": "[23s]{11}", "trials": 24, "batch": 6}
SAMPLERS = ("grid", "random", "nsga2", "tpe")


def units_of(story: Story, walk: int = 0) -> list[str]:
    return [Variant.parse(each.variant).units for each in story.walks[walk].candidates]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_is_over_a_limit_never_trains(searched: Searched, sampler: str) -> None:
    story, fake, _ = searched(**ALL, sampler=sampler, within={"macs": 240})
    proposed = units_of(story)
    over = {units for units in proposed if macs(units) > 240}
    assert 0 < len(over) < len(proposed) == len(set(proposed))
    assert len(proposed) == (24 if sampler != "grid" else 9)  # 3 x 3, 27 are too many
    assert [units for units, _ in fake.trained] == [units for units in proposed if units not in over]
    for units, each in zip(proposed, story.walks[0].candidates, strict=True):
        assert each.costs == {"macs": macs(units), "params": 5 * macs(units)}
        assert each.rejected == (f"macs {macs(units)} is over 240" if units in over else "")
        assert (each.top1 is None) == (units in over)


def test_what_is_over_a_limit_is_not_timed_and_what_is_too_slow_does_not_train(searched: Searched) -> None:
    latency = {"seconds": 0.05, "processes": 1, "spacing": 0, "throughput": []}
    within = {"macs": 260, "latency_ms": 22.0}  # ms are a tenth of the multiply-adds
    story, fake, _ = searched(
        **ALL, latency=latency, within=within, objectives=["top1", "latency_ms"], sampler="random"
    )
    proposed = units_of(story)
    assert fake.timed == [units for units in proposed if macs(units) <= 260]
    assert [units for units, _ in fake.trained] == [units for units in proposed if macs(units) <= 220]
    assert story.reference == {"top1": 1 / 16, "latency_ms": 22.0}
    slow = next(each for each in story.walks[0].candidates if each.costs["macs"] == 250)
    assert slow.rejected == "latency_ms 25 is over 22"


def test_latency_that_decides_has_one_setting(searched: Searched) -> None:
    latency = {"batch": [1, 2], "processes": 1}
    with pytest.raises(InputError, match="latency has 2 settings here and latency_ms decides"):
        searched(**ALL, latency=latency, objectives=["top1", "latency_ms"])


def test_seconds_and_hypervolume_by_hand(searched: Searched) -> None:
    story, fake, _ = searched(units="2{10}[s3]", trials=8, batch=4, sampler="random", training_seeds=[0, 1])
    # Two networks: one separable unit, 110 and 0.505; one full unit, 130, which is the dearest and so reaches nothing.
    assert story.reference == {"top1": 0.0625, "macs": 130}
    share = (130 - 110) * (0.505 - 0.0625) / (130 * (1 - 0.0625))
    (walk,) = story.walks
    assert sorted(units_of(story)) == ["2" * 10 + "3", "2" * 10 + "s"]
    assert [each.at_seconds for each in walk.trainings] == [80.0, 160.0]  # two seeds of four epochs, 10 s each
    assert walk.hypervolume == pytest.approx(share)
    assert len(fake.trained) == 4


def test_halving_trains_all_a_little_and_the_best_share_whole(searched: Searched) -> None:
    story, fake, _ = searched(**ALL, sampler="random", halving={"epochs": [1, 2], "keep": 0.5})
    assert {epochs: sum(each == epochs for _, each in fake.trained) for epochs in (1, 2, 4)} == {1: 24, 2: 12, 4: 8}
    batch = story.walks[0].candidates[:6]
    first = [(each.costs["macs"], each.rungs[0].top1) for each in batch]
    assert sorted(len(each.rungs) for each in batch) == [1, 1, 1, 2, 3, 3]
    assert [len(each.rungs) > 1 for each in batch] == [
        place in promoted(*zip(*first, strict=True), 0.5) for place in range(6)
    ]
    assert [[rung.epochs for rung in each.rungs] for each in batch if each.top1] == [[1, 2, None]] * 2
    seconds = [rung.at_seconds for each in batch for rung in each.rungs if rung.epochs == 1]
    assert seconds == [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
    assert all(rung.hypervolume == 0 for each in batch for rung in each.rungs if rung.epochs)
    assert max(rung.at_seconds for each in batch for rung in each.rungs) == 6 * 10 + 3 * 20 + 2 * 40


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_search_that_is_run_again_measures_nothing_and_tells_the_same(
    searched: Searched, tmp_path: Path, sampler: str
) -> None:
    search = ALL | {"sampler": sampler, "within": {"macs": 300}, "halving": {"epochs": [1], "keep": 0.5}}
    searched(**search)
    path = tmp_path / "results/searches/mine.json"
    before = path.read_bytes()
    story, fake, outcome = searched(**search)
    assert (fake.trained, outcome.measured) == ([], 0)
    assert outcome.present == sum(len(list((path.parents[1] / kind).glob("*.json"))) for kind in KINDS)
    assert path.read_bytes() == before
    assert read_story(tmp_path / "results", "mine") == story


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_search_that_was_stopped_ends_as_one_that_was_not(searched: Searched, tmp_path: Path, sampler: str) -> None:
    search = ALL | {"sampler": sampler, "halving": {"epochs": [1], "keep": 0.5}}
    whole = searched("whole", **search)[0]
    with pytest.raises(KeyboardInterrupt):
        searched("stopped", **search, stops_after=11)  # in the second batch
    entry = json.loads((tmp_path / "stopped/sweeps/mine.json").read_text())
    assert len(entry["keys"]["cost"]) == (9 if sampler == "grid" else 6 + 6 + 1)  # the dearest is on the grid
    story, fake, _ = searched("stopped", **search)
    assert story == whole
    assert len(fake.trained) == sum(len(each.rungs) for each in whole.walks[0].candidates) - 11


def test_the_seed_decides_what_is_proposed(searched: Searched) -> None:
    for sampler in SAMPLERS:
        one, same, other = (
            searched(f"{sampler}{place}", **ALL, sampler=sampler, seeds=seeds)[0]
            for place, seeds in enumerate(([0], [0], [1]))
        )
        assert units_of(one) == units_of(same) != units_of(other)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_small_space_is_searched_once(searched: Searched, sampler: str) -> None:
    story, fake, _ = searched(units="2{9}[23]{2}", trials=40, batch=3, sampler=sampler)
    assert len(story.walks[0].candidates) == len(fake.trained) == 4


def test_a_network_that_fails_stops_no_other(searched: Searched) -> None:
    broken = units_of(searched("first", **ALL, sampler="nsga2")[0])[2]
    story, _, outcome = searched("second", **ALL, sampler="nsga2", broken=broken)
    failed = [each for each in story.walks[0].candidates if each.failed]
    assert [(Variant.parse(each.variant).units, each.failed, each.rungs) for each in failed] == [
        (broken, "accuracy: it broke", [])
    ]
    assert len(story.walks[0].candidates) == 24
    assert outcome.failures


def test_searches_of_several_seeds_share_what_is_on_record(searched: Searched) -> None:
    story, fake, _ = searched(units="2{8}[23s]{3}", trials=20, batch=5, sampler="random", seeds=[0, 1])
    assert [walk.seed for walk in story.walks] == [0, 1]
    one, other = (set(units_of(story, walk)) for walk in (0, 1))
    assert {len(one), len(other)} == {20}
    assert len(fake.trained) == len(one | other)
    assert [walk.seconds for walk in story.walks] == [20 * 4 * SECONDS] * 2  # each counts what it would have trained


def test_named_variants_are_measured_and_are_no_candidates(searched: Searched, tmp_path: Path) -> None:
    search = ALL | {"units": "22[3s]{9}", "trials": 6}
    story, fake, _ = searched(**search, variants=["I2D", "I3D"], sampler="random", within={"macs": 300})
    assert fake.trained[:2] == [("2" * 11, 4), ("3" * 11, 4)]
    assert len(story.walks[0].candidates) == 6
    entry = json.loads((tmp_path / "results/sweeps/mine.json").read_text())
    assert len(entry["keys"]["cost"]) == 2 + 6
    on_record = {path.stem for path in (tmp_path / "results/training").glob("*.json")}
    assert set(entry["keys"]["training"]) == on_record  # nothing of those that were rejected


def test_what_a_sampler_is_told_changes_what_it_proposes(searched: Searched) -> None:
    """Limits that most of the space is over, and accuracies that most of it has not."""
    reached, rejected = {}, {}
    for sampler in ("random", "nsga2", "tpe"):
        search = {"units": "[23s]{11}", "trials": 120, "batch": 12, "sampler": sampler, "within": {"macs": 200}}
        (walk,) = searched(sampler, **search)[0].walks
        reached[sampler] = walk.hypervolume
        rejected[sampler] = sum(bool(each.rejected) for each in walk.candidates[60:])
    assert max(rejected["nsga2"], rejected["tpe"]) < rejected["random"] / 2
    assert min(reached["nsga2"], reached["tpe"]) > reached["random"]


def test_without_optuna_a_grid_is_searched_and_nothing_else(
    searched: Searched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert searched("grid", **ALL, sampler="grid")[0].walks[0].trainings
    with pytest.raises(InputError, match=r"pip install 'tradeoff\[search\]', or use sampler: grid"):
        searched("random", **ALL, sampler="random")
