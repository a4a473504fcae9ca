"""What failed and was not made since; attempts of all ages."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from made_records import NOW, about, add_training, change, key_of_training, whole_folder

from tradeoff.errors import InputError
from tradeoff.records.attempts import attempts_of, failures, read_attempt
from tradeoff.records.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return whole_folder(tmp_path / "results")


def test_of_several_attempts_the_latest_counts_until_there_is_a_record(store: Store) -> None:
    key = key_of_training("I3D", 1)
    for minute, reason in enumerate(("first", "second")):
        store.write_attempt(key, reason, "a\nb", {}, began=NOW + timedelta(minutes=minute))
    done = key_of_training("I3D", 0)
    store.write_attempt(done, "before it worked", "", {}, began=NOW)
    keys = [done.digest, key.digest, "0" * 16]
    assert {name: each.reason for name, each in failures(store, keys).items()} == {key.digest: "second"}
    assert [each.reason for each in attempts_of(store, keys)[key.digest]] == ["first", "second"]
    add_training(store, "I3D", 1)
    assert failures(store, keys) == {}


def test_an_older_attempt_is_named_from_what_it_depends_on(store: Store) -> None:
    key = key_of_training("I3D", 1)
    path = store.write_attempt(key, "the loss became nan\nat step 3", "", {}, began=NOW)
    values = json.loads(path.read_text())
    assert read_attempt(path).name == "I3D seed 1 training"
    assert read_attempt(path).sentence == (
        f"Failed: I3D seed 1 training: the loss became nan at step 3 "
        f"(attempts/20251126T120000.000000Z-training-{key.digest}.json)"
    )
    path.write_text(json.dumps(values | {"about": about("I3D", seed=1, fold=2), "outcome": "out of memory"}))
    assert read_attempt(path).name == "I3D seed 1 fold 2 training"
    assert "training: out of memory, the loss became nan" in read_attempt(path).sentence


def test_a_damaged_note_gives_way_to_the_one_before(store: Store) -> None:
    key = key_of_training("I3D", 1)
    store.write_attempt(key, "first", "", {}, began=NOW)
    second = store.write_attempt(key, "second", "", {}, began=NOW + timedelta(minutes=1))
    change(second, depends_on=[1])
    assert failures(store, [key.digest])[key.digest].reason == "first"
    second.write_bytes(b"")
    assert failures(store, [key.digest])[key.digest].reason == "first"


def test_an_attempt_at_something_else_than_its_name_says_is_refused(store: Store) -> None:
    path = store.write_attempt(key_of_training("I3D", 1), "r", "", {}, began=NOW)
    change(path, key="0" * 16)
    with pytest.raises(InputError, match="another measurement than its name"):
        read_attempt(path)
