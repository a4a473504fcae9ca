from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tradeoff.errors import InputError
from tradeoff.records.keys import Key, cost_key, weights_key
from tradeoff.records.schema import SCHEMA
from tradeoff.records.store import Store, find_records

ABOUT = {"variant": {"family": "inception"}, "clip": "16x64x64"}
KEY = cost_key({"family": "inception"}, "16x64x64", "counter/1")
OTHER = cost_key({"family": "inception"}, "8x32x32", "counter/1")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results").prepare()


def write(store: Store, value: float, key: Key = KEY) -> float:
    return float(store.write(key, {"macs": value}, about=ABOUT, made={}).measured["macs"])


def test_a_record_is_read_back_as_it_was_written(store: Store) -> None:
    samples = np.arange(5, dtype=np.float32)
    written = store.write(KEY, {"macs": 3}, about=ABOUT, made={"device": "cpu"}, arrays={"samples": samples})
    assert store.read(KEY) == written
    assert written.depends_on == KEY.depends_on
    assert written.schema == SCHEMA
    assert json.loads(store.path(KEY).read_text())["measured"] == {"macs": 3}
    assert np.array_equal(store.read_arrays(written)["samples"], samples)


def test_the_first_writer_wins(store: Store) -> None:
    assert write(store, 1.0) == 1.0
    assert write(store, 2.0) == 1.0
    assert [record.measured["macs"] for record in store.records("cost")] == [1.0]


def test_the_keys_that_are_present_are_those_of_whole_records(store: Store) -> None:
    assert Store(store.root / "nowhere").present("cost") == set()
    write(store, 1.0)
    store.write(OTHER, {"macs": 1.0}, about=ABOUT, made={}, arrays={"samples": np.zeros(3)})
    (store.root / "cost" / f".writing-{KEY.digest}").write_bytes(b"{")
    assert store.present("cost") == {KEY.digest, OTHER.digest}
    assert [record.key for record in store.records("cost")] == sorted([KEY.digest, OTHER.digest])
    assert store.present("latency") == set()


def test_of_many_writers_at_once_one_wins_and_all_see_it(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda value: write(store, float(value)), range(40)))
    assert len(set(seen)) == 1
    assert len(list((store.root / "cost").iterdir())) == 1


def test_arrays_of_a_losing_writer_never_get_into_the_winners_record(store: Store) -> None:
    for value in (1.0, 2.0):
        store.write(KEY, {"macs": value}, about=ABOUT, made={}, arrays={"samples": np.full(3, value)})
    assert store.read_arrays(store.read(KEY))["samples"].tolist() == [1.0, 1.0, 1.0]


def test_an_interrupted_write_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(store, 1.0)
    assert list((store.root / "cost").iterdir()) == []
    assert not store.has(KEY)


def test_a_failed_attempt_takes_no_key(store: Store) -> None:
    path = store.write_attempt(KEY, "OutOfMemoryError: 3 GiB", "log", made={})
    assert not store.has(KEY)
    assert json.loads(path.read_text())["reason"] == "OutOfMemoryError: 3 GiB"
    assert write(store, 1.0) == 1.0


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file" / "results", Path("/proc/tradeoff")):
        with pytest.raises(InputError, match=r"cannot be written .* --results"):
            Store(root).prepare()


FOREIGN = b"""{"schema": 1, "kind": "cost", "key": "other", "depends_on": {}, "measured": {},
 "about": {"variant": {}, "clip": ""}}"""


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"schema": 2}', b'{"schema": 1, "colour": 3}', FOREIGN, b"\xff"]
)
def test_a_file_that_is_no_record_is_refused_by_name(store: Store, content: bytes) -> None:
    store.path(KEY).write_bytes(content)
    with pytest.raises(InputError, match=KEY.digest):
        store.read(KEY)


def test_missing_or_damaged_arrays_are_refused_by_name(store: Store) -> None:
    record = store.write(KEY, {"macs": 1}, about=ABOUT, made={}, arrays={"samples": np.zeros(3)})
    path = store.root / "cost" / str(record.arrays)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match="delete its record"):
        store.read_arrays(record)
    path.unlink()
    with pytest.raises(InputError, match="delete its record"):
        store.read_arrays(record)


def test_a_record_of_weights_has_no_clip(store: Store) -> None:
    key = weights_key("d", "temporal-weights/1")
    written = store.write(key, {"layers": []}, about={"variant": {"family": "inception"}}, made={})
    assert store.read(key) == written
    assert list(store.records("weights")) == [written]
    store.write(cost_key({}, "", ""), {}, about=ABOUT, made={})
    path = store.path(cost_key({}, "", ""))
    path.write_text(path.read_text().replace('"clip": "16x64x64"', '"clap": ""'))
    with pytest.raises(InputError, match="not the record"):
        store.read(cost_key({}, "", ""))


def test_the_records_are_the_folders_own_or_its_locals(tmp_path: Path) -> None:
    assert find_records(tmp_path) is None
    (tmp_path / "local/weights").mkdir(parents=True)
    assert find_records(tmp_path) == tmp_path / "local"
    (tmp_path / "cost").mkdir()
    assert find_records(tmp_path) == tmp_path
