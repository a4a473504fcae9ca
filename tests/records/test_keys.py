from __future__ import annotations

from tradeoff.records.keys import FOLDERS, KINDS, accuracy_key, cost_key, latency_key, training_key, weights_key
from tradeoff.training.recipe import Recipe
from tradeoff.variants import Variant

I3D = Variant.parse("I3D").fields()
TRAINING = {
    "variant": I3D,
    "clip": "16x64x64",
    "data": "d",
    "fold": 0,
    "recipe": Recipe().fields("bf16"),
    "threads": 2,
    "seed": 0,
}


def test_a_key_changes_with_everything_that_its_measurement_depends_on() -> None:
    base = training_key(**TRAINING)  # type: ignore[arg-type]
    changes: dict[str, object] = {
        "variant": Variant.parse("I2D").fields(),
        "clip": "16x64x96",
        "data": "e",
        "fold": 1,
        "recipe": Recipe(epochs=7).fields("bf16"),
        "threads": 1,
        "seed": 1,
        "initial": "abc",
    }
    keys = {base.digest} | {training_key(**{**TRAINING, k: v}).digest for k, v in changes.items()}  # type: ignore
    assert len(keys) == 1 + len(changes)
    assert Recipe().fields("float32") != Recipe().fields("bf16")


def test_a_key_stays_what_it_was() -> None:
    """These digests name committed records: a change here would orphan every result that anybody has."""
    assert cost_key(I3D, "64x224x224", "torch.utils.flop_counter/1").digest == "31e0264ef7dd0810"
    assert training_key(**TRAINING).digest == "1768a2387e9c30cd"  # type: ignore[arg-type]
    assert accuracy_key({"training": "t"}, "d", 0, {"crop": "centre"}, "normal").digest == "dc008161828f79db"
    assert latency_key(I3D, "16x64x64", {"batch": 1}, {"device": "cpu"}, "s", 0).digest == "c21569e81335473b"
    assert weights_key("c10052d178e7168d", "temporal-weights/1").digest == "c4c068e42fad3c29"


def test_kinds_never_share_a_key() -> None:
    assert cost_key(I3D, "c", "x").digest != latency_key(I3D, "c", {}, {}, "x", 0).digest


def test_defaults_stay_out() -> None:
    assert Recipe().fields("bf16") == {"precision": "bf16"}
    assert "fold" not in training_key(**TRAINING).depends_on  # type: ignore[arg-type]
    assert "order" not in accuracy_key({"training": "t"}, "d", 0, {}, "normal").depends_on
    assert accuracy_key({"training": "t"}, "d", 0, {}, "reversed").depends_on["order"] == "reversed"


def test_weights_are_measured_beside_sweeps_not_by_them() -> None:
    """A sweep's manifest and `tradeoff sweep --only` know the first four kinds."""
    assert KINDS == ("cost", "training", "accuracy", "latency")
    assert set(FOLDERS) == {*KINDS, "weights", "layers"}
    key = weights_key("d", "temporal-weights/1")
    assert key.digest != weights_key("e", "temporal-weights/1").digest != weights_key("e", "temporal-weights/2").digest


def test_processes_are_part_of_a_training_s_key_when_there_are_several() -> None:
    assert training_key(**TRAINING, processes=1).digest == training_key(**TRAINING).digest  # type: ignore[arg-type]
    assert training_key(**TRAINING, processes=2).depends_on["processes"] == 2  # type: ignore[arg-type]
