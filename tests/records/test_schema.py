"""Older records are brought up to date, newer ones refused; files stay as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tradeoff.errors import InputError
from tradeoff.records.keys import FOLDERS
from tradeoff.records.schema import SCHEMA, read_json, up_to_date
from tradeoff.records.store import Store, read_record

REFERENCE = Path(__file__).resolve().parents[2] / "results" / "reference"
OLD = {
    "schema": 1,
    "made": {
        "at": "2026-11-23T02:43:55+00:00",
        "device": "cuda NVIDIA H100",
        "machine": {"cores": 16, "device": "cuda NVIDIA H100", "torch": "2.14.1+cu130", "cudnn": 91002},
        "tradeoff": "0.1.0",
    },
}


def test_what_made_a_record_of_schema_1_is_sorted_into_code_packages_and_machine() -> None:
    assert up_to_date(OLD, Path("old.json")) == {
        "schema": 2,
        "made": {
            "at": "2026-11-23T02:43:55+00:00",
            "device": "cuda NVIDIA H100",
            "machine": {"gpu": "NVIDIA H100", "cores": 16},
            "packages": {"torch": "2.14.1+cu130", "cudnn": 91002},
            "code": {"version": "0.1.0"},
        },
    }
    assert OLD["schema"] == 1  # the values given are left alone


def test_a_sweep_s_entry_has_nothing_to_change(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"schema": 1, "name": "mine", "keys": {"cost": []}}')
    assert read_json(path) == {"schema": 2, "name": "mine", "keys": {"cost": []}}


@pytest.mark.parametrize(
    "path", sorted(path for kind in FOLDERS for path in (REFERENCE / kind).glob("*.json"))[::20], ids=lambda p: p.stem
)
def test_the_committed_records_keep_what_they_say(path: Path) -> None:
    before = path.read_bytes()
    written, record = json.loads(before), read_record(path)
    assert record.schema == SCHEMA
    assert (record.key, record.depends_on, record.measured, record.about) == (
        written["key"],
        written["depends_on"],
        written["measured"],
        written["about"],
    )
    if written["schema"] == 1:
        assert record.made["code"] == {"version": written["made"]["tradeoff"]}
        assert record.made["packages"]["torch"] == written["made"]["machine"]["torch"]
        assert f"cpu {record.made['machine']['cpu']}" == record.made["device"]
    assert path.read_bytes() == before


def test_every_committed_record_loads() -> None:
    store = Store(REFERENCE)
    for kind in FOLDERS:
        found = len(list(store.records(kind)))
        assert found == len(list((REFERENCE / kind).glob("*.json")))
        assert found or kind == "layers"  # counted where a figure asks for them


def test_a_newer_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "new.json"
    path.write_text(json.dumps({"schema": SCHEMA + 1}))
    with pytest.raises(
        InputError, match=rf"new.json was written by a newer tradeoff \(schema {SCHEMA + 1}; .* upgrade"
    ):
        read_json(path)


@pytest.mark.parametrize("values", [{}, {"schema": None}, {"schema": "1"}, {"schema": True}, {"schema": 0}, [], 3])
def test_what_has_no_schema_is_none_of_ours(values: Any) -> None:
    with pytest.raises(InputError, match=r"x.json does not say which schema"):
        up_to_date(values, Path("x.json"))
