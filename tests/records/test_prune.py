"""What can go is listed for its reason; what a sweep names stays, whatever happens."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from made_records import (
    NOW,
    add_accuracy,
    add_cost,
    add_latency,
    add_training,
    key_of_training,
    mark_running,
    whole_folder,
)

from tradeoff.errors import InputError
from tradeoff.records.keys import weights_key
from tradeoff.records.prune import SETTLED, leftovers, remove
from tradeoff.records.store import Store
from tradeoff.records.verify import verify

LATER = NOW.timestamp() + SETTLED + 1


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return whole_folder(tmp_path / "results")


def files(store: Store) -> set[str]:
    return {path.relative_to(store.root).as_posix() for path in store.root.rglob("*") if path.is_file()}


def listed(store: Store) -> dict[str, str]:
    for path in store.root.rglob("*"):
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    return {each.path.relative_to(store.root).as_posix(): each.why for each in leftovers(store, LATER)}


def test_of_a_whole_folder_nothing_can_go(store: Store) -> None:
    store.write(weights_key("c", "m"), {"layers": []}, about={"variant": {"family": "inception"}}, made={})
    assert listed(store) == {}


def test_what_no_sweep_names_goes_with_all_that_belongs_to_it(store: Store) -> None:
    before = files(store)
    training = add_training(store, "S3D")
    accuracy = add_accuracy(store, training, "S3D", [True, False])
    cost, latency = add_cost(store, "S3D", 5), add_latency(store, "S3D", 3.0)
    state = store.root / "checkpoints" / f"{key_of_training('S3D', 1).digest}.resume.pt"
    state.write_bytes(b"half way")
    logs = store.root / "logs"
    (logs / f"S3D_seed0_fold0_{training.digest[:8]}").mkdir(parents=True)
    (logs / f"S3D_seed0_fold0_{training.digest[:8]}" / "events").write_bytes(b"curve")
    (logs / f"{training.digest}.csv").write_text("epoch\n")
    (logs / f"training-{training.digest}.log").write_text("began\n")
    store.write_attempt(key_of_training("S3D", 2), "r", "", {}, began=NOW)
    found = listed(store)
    assert {name.partition("/")[0] for name in found} == {
        "cost", "training", "accuracy", "latency", "checkpoints", "logs", "attempts"
    }  # fmt: skip
    assert len([name for name in found if name.endswith(".npz")]) == 2
    for key in (training, accuracy, cost, latency):
        assert found[f"{key.kind}/{key.digest}.json"] == "no sweep names it"
    sizes = sum(path.stat().st_size for path in store.root.rglob("*") if path.is_file())
    freed = remove(leftovers(store, LATER))
    assert files(store) == before
    assert freed == sizes - sum((store.root / name).stat().st_size for name in before)
    assert verify(store).problems == []


def test_what_was_left_behind_goes(store: Store) -> None:
    record = sorted((store.root / "accuracy").glob("*.json"))[0]
    training = key_of_training("I2D", 0)
    (store.root / "cost" / ".writing-x").write_bytes(b"{")
    (store.root / "accuracy" / f"{record.stem}.00000000.npz").write_bytes(b"of a writer that lost")
    (store.root / "checkpoints" / f"{training.digest}.resume.pt").write_bytes(b"x")
    (store.root / "damaged").mkdir()
    (store.root / "damaged" / "a.json").write_bytes(b"")
    mark_running(store, training, "I2D seed 0 training")
    assert listed(store) == {
        f"accuracy/{record.stem}.00000000.npz": "arrays of no record",
        f"checkpoints/{training.digest}.resume.pt": "its training has ended",
        "cost/.writing-x": "begun and never finished",
        "damaged/a.json": "set aside as damaged",
        f"running/{training.digest}.json": "nothing runs any more",
    }


def test_what_a_run_is_about_to_refer_to_stays(store: Store) -> None:
    """Arrays and a checkpoint are there before their record is."""
    for path in (*(store.root / "training").glob("*.json"), *(store.root / "accuracy").glob("*.json")):
        path.unlink()
    (store.root / "cost" / ".writing-x").write_bytes(b"{")
    (store.root / "checkpoints" / f"{key_of_training('I2D', 0).digest}.resume.pt").write_bytes(b"x")
    assert leftovers(store) == []  # now, seconds after they were written
    found = listed(store)
    assert {why for name, why in found.items() if name.startswith("checkpoints/")} == {"its training is not on record"}
    assert not any("resume" in name for name in found)  # the training goes on from it, however old it is


def test_the_training_of_a_named_accuracy_stays(store: Store) -> None:
    accuracies = [path.stem for path in (store.root / "accuracy").glob("*.json")]
    store.write_sweep("mine", {"accuracy": accuracies})
    assert {name.partition("/")[0] for name in listed(store)} == {"cost", "latency"}


def test_a_folder_whose_sweeps_do_not_say_is_left_alone(store: Store) -> None:
    entry = store.root / "sweeps" / "mine.json"
    entry.write_text("{")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        leftovers(store)
    entry.unlink()
    with pytest.raises(InputError, match="names no sweep, so nothing says"):
        leftovers(store)


def test_what_is_gone_already_is_no_error(store: Store) -> None:
    add_cost(store, "S3D", 5)
    found = leftovers(store, LATER)
    found[0].path.unlink()
    assert remove(found) == 0
