"""What a sweep consists of, and what of it is missing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from tradeoff import Variant, build
from tradeoff.errors import InputError
from tradeoff.records.store import Store
from tradeoff.sweep.file import make_sweep
from tradeoff.sweep.plan import Measurement, Plan, make_plan
from tradeoff.weights.checkpoints import checkpoint_bytes

CPU = torch.device("cpu")
ABOUT = {"variant": {"family": "inception"}, "clip": "8x32x32"}


def plan(values: dict[str, Any], **change: Any) -> Plan:
    return make_plan(make_sweep({"name": "mine", **values, **change}, "test"), CPU)


def kinds(measurements: list[Measurement]) -> dict[str, int]:
    return dict(Counter(each.key.kind for each in measurements))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results").prepare()


def test_a_sweep_is_the_product_of_what_it_names(tiny: dict[str, Any]) -> None:
    chosen = plan(tiny, seeds=[0, 1, 2], orders=["normal", "reversed"], latency={"processes": 4})
    # Two variants; three seeds; two orders; four processes.
    assert kinds(chosen.measurements) == {"cost": 2, "training": 6, "accuracy": 12, "latency": 8}
    assert len({each.key.digest for each in chosen.measurements}) == 28
    assert [each.key.kind for each in chosen.measurements][-8:] == ["latency"] * 8


def test_curves_that_meet_share_their_variants(tiny: dict[str, Any]) -> None:
    curves = [{"curve": f"{heavy}-Heavy-I3D", "cuts": [0, 4, 11]} for heavy in ("Bottom", "Top")]
    assert [each.name for each in plan(tiny, variants=curves).variants] == [
        "I2D",
        "Bottom-Heavy-I3D-4",
        "I3D",
        "Top-Heavy-I3D-4",
    ]


def test_two_sweeps_share_the_measurements_of_a_variant_they_share(tiny: dict[str, Any]) -> None:
    one, other = plan(tiny, variants=["I2D", "I3D"]), plan(tiny, variants=["I3D", "S3D"], name="other")
    shared = {m.key.digest for m in one.measurements} & {m.key.digest for m in other.measurements}
    assert shared == {m.key.digest for m in one.measurements if m.variant.name == "I3D"}


@pytest.mark.parametrize(
    ("change", "new"),
    [
        ({"seeds": [0, 1]}, {"training": 2, "accuracy": 2}),
        ({"orders": ["normal", "reversed"]}, {"accuracy": 2}),
        ({"latency": {"batch": 4, "processes": 1}}, {"latency": 2}),
        ({"latency": {"seconds": 9, "processes": 1}}, {"latency": 2}),
        ({"keep": "none"}, {}),
        ({"train": {"epochs": 2, "precision": "float32"}}, {"training": 2, "accuracy": 2}),
        ({"data": {"synthetic": "motion", "train": 32, "test": 32, "seed": 1}}, {"training": 2, "accuracy": 2}),
        ({"clip": "8x32x64"}, {"cost": 2, "training": 2, "accuracy": 2, "latency": 2}),
    ],
)
def test_a_change_measures_anew_only_what_depends_on_it(
    tiny: dict[str, Any], change: dict[str, Any], new: dict[str, int]
) -> None:
    before = {each.key.digest for each in plan(tiny).measurements}
    assert kinds([each for each in plan(tiny, **change).measurements if each.key.digest not in before]) == new


def record(store: Store, measurement: Measurement, measured: dict[str, Any]) -> None:
    store.write(measurement.key, measured, about=ABOUT, made={})


def test_what_is_recorded_is_not_missing(tiny: dict[str, Any], store: Store) -> None:
    chosen = plan(tiny)
    assert chosen.missing(store) == chosen.measurements
    for measurement in chosen.measurements:
        record(store, measurement, {"state": "s"})
    assert chosen.missing(store) == []


def test_a_training_is_repeated_only_when_its_checkpoint_is_gone_and_needed(tiny: dict[str, Any], store: Store) -> None:
    chosen = plan(tiny, variants=["I2D"], latency="none")
    _, training, accuracy = chosen.measurements
    record(store, training, {"state": "abc"})
    assert [each.key.kind for each in chosen.missing(store, ("accuracy",))] == ["training", "accuracy"]
    (store.root / "checkpoints" / f"{training.key.digest}.abc.pt").write_bytes(b"")
    assert [each.key.kind for each in chosen.missing(store, ("accuracy",))] == ["accuracy"]
    record(store, accuracy, {})
    (store.root / "checkpoints" / f"{training.key.digest}.abc.pt").unlink()
    assert chosen.missing(store, ("training", "accuracy")) == []


def test_weights_are_part_of_what_they_lead_to(tiny: dict[str, Any], tmp_path: Path) -> None:
    variant = Variant.parse("I2D", width=0.0625, classes=16)
    digests = set()
    for seed in (0, 1):
        torch.manual_seed(seed)
        (tmp_path / "weights.pt").write_bytes(checkpoint_bytes(build(variant), variant))
        values = tiny | {"variants": ["I2D"], "weights": str(tmp_path / "weights.pt"), "latency": "none"}
        assert kinds(plan(values, train="none").measurements) == {"cost": 1, "accuracy": 1}
        for train in ("none", tiny["train"]):
            digests |= {each.key.digest for each in plan(values, train=train).measurements[1:]}
    assert len(digests) == 2 * (1 + 2)


def test_weights_of_another_network_are_refused_before_anything_is_measured(
    tiny: dict[str, Any], tmp_path: Path
) -> None:
    variant = Variant.parse("S3D", width=0.0625, classes=16)
    (tmp_path / "weights.pt").write_bytes(checkpoint_bytes(build(variant), variant))
    with pytest.raises(InputError, match="are of S3D"):
        plan(tiny, train="none", weights=str(tmp_path / "weights.pt"))


def test_without_data_only_cost_and_latency_are_measured(tiny: dict[str, Any]) -> None:
    chosen = plan({key: value for key, value in tiny.items() if key != "data"}, classes=7)
    assert kinds(chosen.measurements) == {"cost": 2, "latency": 2}
    assert {each.variant.classes for each in chosen.measurements} == {7}
