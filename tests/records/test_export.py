"""What is exported is read back by pandas as it was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_records import add_cost, key_of_training, whole_folder

from tradeoff.errors import InputError
from tradeoff.records.export import export, records_frame
from tradeoff.records.store import Store
from tradeoff.records.table import load_results

REFERENCE = Path(__file__).resolve().parents[2] / "results" / "reference"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return whole_folder(tmp_path / "results")


@pytest.mark.parametrize("name", ["parquet", "csv"])
def test_the_joined_table_is_read_back(tmp_path: Path, name: str) -> None:
    rows = load_results(REFERENCE, "figure4")
    path = export(rows, tmp_path / "new" / f"table.{name}")
    found = pd.read_parquet(path) if name == "parquet" else pd.read_csv(path, keep_default_na=True)
    assert list(found.columns) == list(rows.columns)
    for column in rows:
        own, read = rows[column], found[column]
        gaps = own.isna() | (own == "") if name == "csv" else own.isna()
        assert (read.isna() == gaps).all(), column
        assert read[~gaps].tolist() == own[~gaps].tolist(), column


def test_a_row_a_record_with_every_field(store: Store, tmp_path: Path) -> None:
    frame = records_frame(store)
    assert list(frame.columns[:4]) == ["kind", "key", "schema", "arrays"]
    assert frame.kind.value_counts().to_dict() == {"latency": 4, "cost": 2, "training": 2, "accuracy": 2}
    found = pd.read_parquet(export(frame, tmp_path / "records.parquet")).set_index("key")
    row = found.loc[key_of_training("I3D", 0).digest]
    assert (row["depends_on.seed"], row["about.name"], row["made.seconds"]) == (0, "I3D", 10.0)
    assert json.loads(row["measured.epochs"])[0]["loss"] == 0.5
    assert np.isnan(row["measured.macs"])
    assert found.loc[found.kind == "cost", "measured.macs"].sum() == 4000


def test_fields_of_several_types_are_json(store: Store, tmp_path: Path) -> None:
    key = add_cost(store, "S3D", 5)
    path = store.path(key)
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"made": record["made"] | {"odd": "text", "flag": True}}))
    key2 = add_cost(store, "S3D-G", 6)
    path2 = store.path(key2)
    record = json.loads(path2.read_text())
    path2.write_text(json.dumps(record | {"made": record["made"] | {"odd": 3}}))
    found = pd.read_parquet(export(records_frame(store, [key.digest, key2.digest]), tmp_path / "r.parquet"))
    found = found.set_index("key")
    assert found.loc[key.digest, "made.odd"] == '"text"' and found.loc[key2.digest, "made.odd"] == "3"
    assert found.loc[key.digest, "made.flag"] is np.True_ or found.loc[key.digest, "made.flag"] is True
    assert pd.isna(found.loc[key2.digest, "made.flag"])


def test_an_earlier_export_is_replaced_and_nothing_else(store: Store, tmp_path: Path) -> None:
    rows, records = load_results(store.root), records_frame(store)
    for name in ("a.csv", "a.parquet"):
        export(rows, tmp_path / name)
        export(records, tmp_path / name)
        export(rows, tmp_path / name)
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "yours.parquet")
    (tmp_path / "yours.csv").write_text("path,label\n")
    (tmp_path / "video.csv").write_bytes(b"\x00\xff\xfe\r")
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "folder.csv").mkdir()
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    for name in ("yours.parquet", "yours.csv", "video.csv", "empty.csv"):
        with pytest.raises(InputError, match=rf"{name} is there and is no (csv|parquet) file of tradeoff's"):
            export(rows, tmp_path / name)
    with pytest.raises(InputError, match="is a folder"):
        export(rows, tmp_path / "folder.csv")
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_the_format_and_the_name_agree(store: Store, tmp_path: Path) -> None:
    rows = load_results(store.root)
    assert pd.read_csv(export(rows, tmp_path / "table.txt", "csv")).variant.tolist() == ["I2D", "I3D"]
    with pytest.raises(InputError, match="does not say which format"):
        export(rows, tmp_path / "table.xlsx")
    with pytest.raises(InputError, match="is named as csv and --format is parquet"):
        export(rows, tmp_path / "table.csv", "parquet")
    with pytest.raises(InputError, match="cannot be written"):
        export(rows, store.root / "sweeps" / "mine.json" / "x.csv")
