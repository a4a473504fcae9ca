"""What a sweep is said to cost: counts by hand, seconds from scripted steps, and nothing written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tradeoff import build, cost
from tradeoff.clip_shape import ClipShape
from tradeoff.data import SyntheticData, VideoData, describe, open_dataset
from tradeoff.records.store import Store
from tradeoff.sweep import calibration
from tradeoff.sweep.calibration import Timed
from tradeoff.sweep.estimate import Estimate, duration, estimate
from tradeoff.sweep.file import make_sweep
from tradeoff.sweep.plan import Plan, make_plan
from tradeoff.variants import Variant

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
ABOUT = {"variant": {"family": "inception"}, "clip": "8x32x32"}
SIX = ["I2D", "Top-Heavy-I3D-2", "S3D", "Bottom-Heavy-I3D-2", "Bottom-Heavy-I3D-4", "I3D"]  # by multiply-adds


def plan(values: Mapping[str, Any], **change: Any) -> Plan:
    return make_plan(make_sweep({"name": "mine", **values, **change}, "test"), CPU)


def macs(name: str) -> int:
    return cost(Variant.parse(name, width=0.0625, classes=16), "8x32x32").macs


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[str, Timed | Exception]:
    """What timing a variant gives, by its name; a second a step and a quarter a clip where the test does not say."""
    said: dict[str, Timed | Exception] = {}

    def scripted(plan: Plan, variant: Variant, batch: int, tested: bool) -> Timed:
        found = said.get(variant.name, Timed((1.5, 1.0), 0.25))
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(calibration, "time_variant", scripted)
    return said


@pytest.fixture
def look(tmp_path: Path) -> Any:
    """Estimates a plan against folders that do not exist, unless the test makes them."""

    def estimated(chosen: Plan, *kinds: Any) -> Estimate:
        store, cache = Store(tmp_path / "results"), tmp_path / "cache"
        return estimate(chosen, store, cache, kinds) if kinds else estimate(chosen, store, cache)

    return estimated


def test_steps_are_epochs_by_whole_batches_by_trainings(tiny: dict[str, Any], script: Any, look: Any) -> None:
    data = {"synthetic": "motion", "train": 40, "test": 12}
    found = look(plan(tiny, data=data, train={"epochs": 3, "batch": 16}, seeds=[0, 1], latency="none"))
    # Two whole batches of 16 in 40 clips; three epochs; two variants by two seeds.
    assert found.steps == 3 * 2 * 4
    assert {kind: share.total for kind, share in found.shares.items()} == {
        "cost": 2,
        "training": 4,
        "accuracy": 4,
        "latency": 0,
    }
    assert found.shares["training"].seconds == pytest.approx(24 * 1.0)
    assert found.shares["accuracy"].seconds == pytest.approx(4 * 12 * 0.25)
    assert found.shares["cost"].seconds == pytest.approx(2 * 0.3)
    assert found.seconds == pytest.approx(24 + 12 + 0.6 + found.data_seconds)
    # Fewer clips than a batch are a step of their own.
    few = look(plan(tiny, data=data, train={"epochs": 3, "batch": 64}, latency="none"))
    assert few.steps == 3 * 1 * 2


def test_steps_cut_epochs_short_and_statistics_take_passes(tiny: dict[str, Any], script: Any, look: Any) -> None:
    def found(**recipe: Any) -> Estimate:
        estimated: Estimate = look(plan(tiny, variants=["I2D"], train={"batch": 16, **recipe}, latency="none"))
        return estimated

    bare = found(steps=5)
    assert (bare.steps, bare.shares["training"].seconds) == (5, 5.0)
    # 33 clips are three batches; forward alone is a third of a step, and nearly all of one of a probe.
    assert found(steps=5, statistics_clips=33).shares["training"].seconds == pytest.approx(5 + 3 / 3)
    assert found(steps=5, statistics_clips=33, trainable="head").shares["training"].seconds == pytest.approx(5 + 3)
    # Each step is a point for TensorBoard, up to a thousand; two steps are an epoch of the record.
    assert found(steps=9).disk["records"] - bare.disk["records"] == 4 * 300 + 2 * 250
    assert found(steps=9000).disk["records"] - bare.disk["records"] == 995 * 300 + 4497 * 250


def test_what_is_on_record_is_not_left(tiny: dict[str, Any], script: Any, look: Any, tmp_path: Path) -> None:
    chosen, store = plan(tiny, latency="none"), Store(tmp_path / "results").prepare()
    training = next(each for each in chosen.measurements if each.key.kind == "training")
    before = look(chosen)
    store.write(training.key, {"state": "abc"}, about=ABOUT, made={})
    gone = look(chosen)  # the checkpoint is, and the accuracy needs it
    (store.root / "checkpoints" / f"{training.key.digest}.abc.pt").write_bytes(b"")
    after = look(chosen)
    counts = [(each.shares["training"].total, each.shares["training"].present) for each in (before, gone, after)]
    assert counts == [(2, 0), (2, 0), (2, 1)]
    assert [each.steps for each in (before, gone, after)] == [4, 4, 2]
    assert after.shares["accuracy"].left == 2
    assert [each.variant for each in after.step_times] == ["I3D"]


def test_when_all_is_on_record_there_is_nothing_to_do(tiny: dict[str, Any], look: Any, tmp_path: Path) -> None:
    chosen, store = plan(tiny), Store(tmp_path / "results").prepare()
    for measurement in chosen.measurements:
        store.write(measurement.key, {"state": "s"}, about=ABOUT, made={})
    found = look(chosen)
    assert found.lines() == ["nothing to do: all 8 measurements are on record"]
    assert (found.left, found.steps, found.seconds, sum(found.disk.values())) == (0, 0, 0, 0)
    assert found.notes == ()


def test_an_accuracy_alone_needs_its_training(tiny: dict[str, Any], script: Any, look: Any) -> None:
    found = look(plan(tiny), "accuracy")
    assert {kind: share.left for kind, share in found.shares.items()} == {"training": 2, "accuracy": 2}
    assert list(look(plan(tiny), "cost").shares) == ["cost"]


def test_four_are_timed_and_the_others_follow_their_multiply_adds(
    tiny: dict[str, Any], script: dict[str, Any], look: Any
) -> None:
    seconds = {"I2D": 1.0, "S3D": 3.0, "Bottom-Heavy-I3D-2": 5.0, "I3D": 9.0}
    script |= {name: Timed((value, value + 90.0), value / 8) for name, value in seconds.items()}
    script |= {name: AssertionError("not one of the four") for name in SIX if name not in seconds}
    found = look(plan(tiny, variants=SIX, latency="none"))

    def between(name: str, low: str, high: str) -> float:
        share = (macs(name) - macs(low)) / (macs(high) - macs(low))
        return seconds[low] + share * (seconds[high] - seconds[low])

    expected = seconds | {
        "Top-Heavy-I3D-2": between("Top-Heavy-I3D-2", "I2D", "S3D"),
        "Bottom-Heavy-I3D-4": between("Bottom-Heavy-I3D-4", "Bottom-Heavy-I3D-2", "I3D"),
    }
    assert {each.variant: each.seconds for each in found.step_times} == pytest.approx(expected)
    assert [each.how == "timed" for each in found.step_times] == [name in seconds for name in SIX]
    assert found.shares["training"].seconds == pytest.approx(2 * sum(expected.values()))
    assert found.shares["accuracy"].seconds == pytest.approx(32 * sum(expected.values()) / 8)
    assert "2 timed steps of 4 variants" in found.about


def test_of_many_variants_some_are_counted(
    tiny: dict[str, Any], script: dict[str, Any], look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "COUNTED", 3)
    script |= {"I2D": Timed((2.0,), 0.1), "S3D": Timed((4.0,), 0.1), "I3D": Timed((12.0,), 0.1)}
    found = look(plan(tiny, variants=["I2D", "Top-Heavy-I3D-2", "S3D", "Bottom-Heavy-I3D-4", "I3D"]))
    assert [(each.seconds, each.how) for each in found.step_times] == [
        (2.0, "timed"),
        (6.0, "mean"),
        (4.0, "timed"),
        (6.0, "mean"),
        (12.0, "timed"),
    ]
    assert any("3 of 5 variants are counted" in note for note in found.notes)


def test_a_variant_that_cannot_be_timed_is_named(tiny: dict[str, Any], script: dict[str, Any], look: Any) -> None:
    script["I3D"] = MemoryError("3 GiB wanted")
    found = look(plan(tiny))
    assert any("I3D could not be timed, MemoryError: 3 GiB wanted" in note for note in found.notes)
    assert [each.how for each in found.step_times] == ["timed", "interpolated"]
    script["I2D"] = MemoryError("2 GiB wanted")
    assert "unknown" in look(plan(tiny)).about


def test_steps_are_timed_with_the_trainings_own_loop(
    tiny: dict[str, Any], look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = look(plan(tiny, latency="none"))
    assert all(each.seconds > 0 and each.how == "timed" for each in found.step_times)
    assert found.shares["accuracy"].seconds > 0
    assert found.data_seconds > 0
    assert "2 timed steps of 2 variants, 16 generated clips" in found.about
    monkeypatch.setattr(calibration, "LONG_STEP", 0.0)
    assert "1 timed step of 2 variants" in look(plan(tiny, latency="none")).about


def test_latency_is_at_most_what_its_protocol_allows(tiny: dict[str, Any], look: Any) -> None:
    bare = {key: value for key, value in tiny.items() if key not in ("data", "train")}
    timing = {"seconds": 10, "processes": 3, "spacing": 60, "throughput": [4]}
    # A process: 4 s, and warm-up and passes of 10 s each, those from host to host half of that; the first one of a
    # variant starts another process of 4 + 1 s for batch 4.
    one = look(plan(bare, variants=["I2D"], latency=timing))
    assert one.shares["latency"].seconds == pytest.approx(2 * 60 + 34)  # begun at 0, 60 and 120
    two = look(plan(bare, latency=timing))
    assert two.shares["latency"].seconds == pytest.approx(2 * 39 + 4 * 34)  # they take turns, nobody waits
    assert "latency at most" in two.about
    assert set(two.disk.values()) == {0, two.disk["records"]}


def test_a_busy_machine_is_said_to_be_busy(
    tiny: dict[str, Any], script: Any, look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for load, busy in ((0.1, False), (1000.0, True)):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0.0, 0.0))
        assert any("machine was busy" in note for note in look(plan(tiny)).notes) == busy


def test_disk(tiny: dict[str, Any], script: Any, look: Any, tmp_path: Path) -> None:
    chosen = plan(tiny, seeds=[0, 1], latency="none")
    state = sum(
        tensor.numel() * tensor.element_size()
        for variant in chosen.variants
        for tensor in build(variant).state_dict().values()
    )
    found = look(chosen)
    assert found.disk["clip cache"] == (32 + 32) * 8 * 36 * 36 * 3
    assert found.disk["checkpoints"] == 2 * state
    assert found.disk["records"] > 4 * 32 * 16 * 4  # log-probabilities of four accuracies
    assert look(plan(tiny, keep="none")).disk["checkpoints"] == 0
    open_dataset(chosen.sweep.data, chosen.sweep.shape, tmp_path / "cache", lambda done, total: None)
    there = look(chosen)
    assert (there.disk["clip cache"], there.data_seconds) == (0, 0)


def test_nothing_is_written(tiny: dict[str, Any], look: Any, tmp_path: Path) -> None:
    look(plan(tiny))
    assert list(tmp_path.iterdir()) == []
    Store(tmp_path / "results").prepare()
    before = sorted(tmp_path.rglob("*"))
    look(plan(tiny))
    assert sorted(tmp_path.rglob("*")) == before


def test_videos_are_counted_by_fold_and_a_few_decoded(
    tiny: dict[str, Any], script: Any, look: Any, video_folder: Path
) -> None:
    spec = {"videos": str(video_folder)}
    train = {"epochs": 2, "batch": 4}
    chosen = plan(tiny, variants=["I2D"], data=spec, train=train, folds="all", latency="none")
    assert chosen.description is not None
    sizes = [chosen.description.split_sizes(fold) for fold in chosen.description.folds]
    # 10 brighter and 11 darker, each class cut into five: two of each a fold, and one of them has three darker.
    assert sorted(sizes) == [(16, 5), (17, 4), (17, 4), (17, 4), (17, 4)]
    found = look(chosen)
    assert found.steps == 5 * 2 * 4
    assert found.shares["accuracy"].seconds == pytest.approx(21 * 0.25)
    assert found.data_seconds > 0
    assert "8 decoded clips" in found.about
    assert any("unreadable" in note for note in found.notes)


def test_counts_of_clips_are_in_no_key_and_agree_with_the_open_data_set(
    tiny: dict[str, Any], video_folder: Path, tmp_path: Path
) -> None:
    chosen = plan(tiny)
    assert chosen.description is not None
    assert replace(chosen, description=replace(chosen.description, clips={})).keys() == chosen.keys()
    (video_folder / "darker" / "broken.mkv").unlink()
    for spec in (SyntheticData(synthetic="motion", train=6, test=4), VideoData(videos=video_folder)):
        shape = ClipShape(8, 32, 32)
        description = describe(spec, shape)
        dataset = open_dataset(spec, shape, tmp_path / "cache", lambda done, total: None)
        for fold in description.folds:
            assert description.split_sizes(fold) == tuple(map(len, dataset.split(fold)))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "under 1 s"),
        (40.4, "40 s"),
        (102.0, "1.7 min"),
        (2040.0, "34 min"),
        (18720.0, "5.2 h"),
        (267840.0, "3.1 days"),
    ],
)
def test_durations_are_for_people(seconds: float, said: str) -> None:
    assert duration(seconds) == said
