"""The joined table as sheets and as files: sorted, in columns of one's choice, and never two protocols in a column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tradeoff.errors import InputError
from tradeoff.records.table import COLUMNS
from tradeoff.report.columns import KNOWN, help_lines
from tradeoff.report.exports import export_sheets
from tradeoff.report.fronts import Fronts
from tradeoff.report.joined import Sheet, sheets
from tradeoff.report.latex import escaped, latex_table
from tradeoff.report.selection import Selection

Make = Callable[..., pd.DataFrame]
NAMES = ("I2D", "Fast-S3D", "I3D")


def laid_out(rows: pd.DataFrame, runtime: str | None = None, **asked: Any) -> tuple[list[Sheet], str]:
    options = {"where": None, "sort": None, "columns": None} | asked
    return sheets(rows, "sweep", runtime, Selection.of(**options), Fronts({}))


def two_devices(table: Make) -> pd.DataFrame:
    """Three variants on a CPU, two of them on a GPU of a tenth of the latency."""
    cpu = table(*NAMES).assign(latency_ms=[10.0, 20.0, 30.0], latency_low_ms=np.nan, latency_high_ms=np.nan)
    gpu = cpu[cpu["variant"] != "Fast-S3D"].assign(device="cuda H100", latency_ms=[1.0, 3.0], peak_memory_bytes=2e9)
    return pd.concat([cpu, gpu], ignore_index=True)


def test_columns_are_chosen_and_ordered_and_rows_sorted(table: Make) -> None:
    rows = table(*NAMES).assign(latency_ms=[10.0, np.nan, 5.0], latency_low_ms=np.nan)
    ((sheet,), note) = laid_out(rows, sort="latency_ms", columns="latency_ms,variant,gmacs")
    assert note == ""
    shown = sheet.shown()
    assert list(shown) == ["Latency ms [95 %]", "Variant", "MACs (G)"]
    assert shown["Variant"].tolist() == ["I3D", "I2D", "Fast-S3D"]  # what is missing stands last
    ((falling,), _) = laid_out(rows, sort="-latency_ms", columns="variant")
    assert falling.shown()["Variant"].tolist() == ["I2D", "I3D", "Fast-S3D"]
    ((by_two,), _) = laid_out(rows.assign(top1=[0.5, 0.7, 0.5]), sort="top1,-macs", columns="variant")
    assert by_two.shown()["Variant"].tolist() == ["I3D", "I2D", "Fast-S3D"]


def test_numbers_have_their_intervals_beside_them(table: Make) -> None:
    ((sheet,), _) = laid_out(table(*NAMES), columns="variant,top1,clips_per_second,frontier")
    frame = sheet.numbers()
    assert list(frame) == [
        "variant", "top1", "top1_low", "top1_high", "clips_per_second", "throughput_batch",
        "on_frontier_macs", "on_frontier_latency_ms", "on_frontier_params",
    ]  # fmt: skip
    assert frame["top1"].tolist() == table(*NAMES)["top1"].tolist()  # unrounded
    ((every,), _) = laid_out(table(*NAMES))
    assert list(every.numbers())[: len(COLUMNS)] == list(COLUMNS)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"device": "cuda H100"}, "device"),
        ({"clip": "32x64x64"}, "clip"),
        ({"view": "10 clips x 3 crops"}, "view plan"),
        ({"order": "reversed"}, "frame order"),
        ({"batch": 8}, "batch"),
    ],
)
def test_what_was_measured_otherwise_is_another_table(table: Make, changes: dict[str, Any], word: str) -> None:
    rows = pd.concat([table(*NAMES), table(*NAMES, **changes)], ignore_index=True)
    found, note = laid_out(rows)
    assert [len(sheet.rows) for sheet in found] == [3, 3]
    assert note.startswith(f"2 tables: rows that differ in {word} do not go into one column")
    assert ("--wide" in note) == (word in ("device", "batch"))


def test_wide_gives_each_device_a_column(table: Make) -> None:
    ((sheet,), note) = laid_out(two_devices(table), wide=True)
    shown = sheet.shown()
    assert note == ""
    assert shown["Variant"].tolist() == list(NAMES)  # one row a variant
    assert shown["Latency ms [95 %], cpu EPYC"].tolist() == ["10.0", "20.0", "30.0"]
    assert shown["Latency ms [95 %], cuda H100"].tolist() == ["1.00", "–", "3.00"]  # noqa: RUF001
    assert "Device" not in shown and "Latency ms [95 %]" not in shown
    assert "cpu EPYC / cuda H100" in " ".join(sheet.notes())


def test_wide_numbers_and_other_columns_of_a_latency(table: Make) -> None:
    ((sheet,), _) = laid_out(two_devices(table), wide=True, columns="variant,latency_ms,peak_memory_mb,top1,device")
    frame = sheet.numbers()
    assert frame["latency_ms: cuda H100"].tolist()[::2] == [1.0, 3.0]
    assert frame["peak_memory_mb: cuda H100"].tolist()[::2] == [2000.0, 2000.0]
    assert frame["peak_memory_mb: cpu EPYC"].tolist() == [400.0] * 3
    assert np.isnan(frame["latency_ms: cuda H100"][1])
    assert "top1" in frame and not [name for name in frame if name.startswith("device")]


def test_wide_still_keeps_accuracies_apart(table: Make) -> None:
    rows = pd.concat([two_devices(table), table(*NAMES, order="reversed")], ignore_index=True)
    found, note = laid_out(rows, wide=True)
    assert [sheet.suffix for sheet in found] == ["normal", "reversed"]
    assert "frame order" in note


def test_wide_names_settings_the_plainest_first(grid: pd.DataFrame) -> None:
    ((sheet,), _) = laid_out(grid, wide=True, columns="variant,latency_ms")
    headings = list(sheet.shown())[1:]
    assert len(headings) == 11 and headings[0].startswith("Latency ms [95 %], eager float32")
    assert headings[-1] == "Latency ms [95 %], openvino fp16 contiguous"  # eager float32 was timed in two layouts
    ((one,), _) = laid_out(grid, "onnxruntime", wide=True, columns="variant,latency_ms")
    assert list(one.shown()) == ["Variant", "Latency ms [95 %]"]
    with pytest.raises(InputError, match="--wide has a column for each setting"):
        laid_out(grid, "best", wide=True)


def test_of_several_settings_the_fastest_is_exported(grid: pd.DataFrame) -> None:
    ((sheet,), _) = laid_out(grid, columns="variant,latency_ms,runtime,precision")
    assert sheet.suffix == "best"
    assert len(sheet.rows) == 4
    assert sheet.shown()["Runtime"].tolist()[0] == "openvino"


@pytest.mark.parametrize("kind", ["md", "tex", "csv", "parquet"])
def test_exports_split_into_files_and_are_written_over(table: Make, tmp_path: Path, kind: str) -> None:
    found, _ = laid_out(two_devices(table), columns="variant,latency_ms,frontier")
    named = [("sweep", sheet) for sheet in found]
    for _ in range(2):
        paths = export_sheets(named, tmp_path / "new" / f"table.{kind}", "only some")
        assert [path.name for path in paths] == [f"table_cpu-epyc.{kind}", f"table_cuda-h100.{kind}"]
    if kind in ("csv", "parquet"):
        frame = (pd.read_csv if kind == "csv" else pd.read_parquet)(paths[0])
        assert frame["latency_ms"].tolist() == [10.0, 20.0, 30.0]
    else:
        text = paths[0].read_text()
        assert "20.0" in text and "cpu EPYC" in text and "only some" in text
    paths[1].write_bytes(b"mine")
    with pytest.raises(InputError, match="was not made by tradeoff report"):
        export_sheets(named, tmp_path / "new" / f"table.{kind}")


def test_exports_of_several_sweeps_are_told_apart(table: Make, tmp_path: Path) -> None:
    ((sheet,), _) = laid_out(table(*NAMES))
    assert [path.name for path in export_sheets([("a", sheet)], tmp_path / "t.md")] == ["t.md"]
    paths = export_sheets([("a", sheet), ("b", sheet)], tmp_path / "t.md")
    assert [path.name for path in paths] == ["t_a.md", "t_b.md"]


def test_no_two_sheets_are_exported_to_one_file(table: Make, tmp_path: Path) -> None:
    ((sheet,), _) = laid_out(table(*NAMES))
    long = "a-sweep-whose-name-is-as-long-as-a-part-of-a-file-name-may-be-" + "x" * 20
    sheets_of = [replace(sheet, suffix=suffix) for suffix in ("normal", "reversed")]
    paths = export_sheets([(long, each) for each in sheets_of] + [("b", sheet)], tmp_path / "t.csv")
    assert [path.name.rpartition("_")[2] for path in paths] == ["normal.csv", "reversed.csv", "b.csv"]
    paths = export_sheets([(long + each, sheet) for each in "yz"], tmp_path / "t.csv")
    assert len({path.name for path in paths}) == 2 and all(path.exists() for path in paths)
    paths = export_sheets([("a", replace(sheet, suffix=long + each)) for each in "yz"], tmp_path / "t.csv")
    assert len({path.name for path in paths}) == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("t.docx", "end it in .md, .tex, .csv, .parquet"),
        ("d.csv", "a folder"),
        ("f/t.csv", "cannot be written into .*f: name"),
    ],
)
def test_what_cannot_be_exported(table: Make, tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "d.csv").mkdir()
    (tmp_path / "f").touch()
    ((sheet,), _) = laid_out(table(*NAMES))
    with pytest.raises(InputError, match=words):
        export_sheets([("a", sheet)], tmp_path / name)


def test_latex_is_escaped_and_ruled() -> None:
    shown = pd.DataFrame({"Variant": ["[a_b]", r"x\y{z}~^<>|"], "50 % & more": ["1.5", "–"]})  # noqa: RUF001
    lines = latex_table(shown, [False, True], ["A $ in #1."], "my table_1").splitlines()
    assert lines[0] == r"\begin{table}" and lines[-1] == r"\end{table}"
    body = [line.strip() for line in lines[4:-1]]
    assert body == [
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"Variant & 50 \% \& more \\",
        r"\midrule",
        r"{}[a\_b] & 1.5 \\",
        r"x\textbackslash{}y\{z\}\textasciitilde{}\textasciicircum{}\textless{}\textgreater{}\textbar{} & -- \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    assert lines[2].strip() == r"\caption{A \$ in \#1.}"
    assert lines[3].strip() == r"\label{tab:my-table-1}"
    assert escaped("a\nb\x00") == "a b "


def test_every_column_of_the_table_is_known_and_said(table: Make) -> None:
    assert set(COLUMNS) <= set(KNOWN)
    assert len(help_lines()) == len(KNOWN)
    rows = table(*NAMES)
    ((sheet,), _) = laid_out(rows, columns=",".join(KNOWN))
    shown = sheet.shown()
    assert shown.shape == (3, len(KNOWN))  # no two have one heading
    assert shown["Clip frames"].tolist() == ["16"] * 3


def test_what_cannot_be_chosen() -> None:
    for options, words in (
        ({"columns": "variant,tops"}, "--columns names column 'tops', which there is not: did you mean top5"),
        ({"sort": "-qqq"}, "--sort names column 'qqq'.*use variant, frames"),
        ({"sort": "frontier"}, "--sort names column 'frontier', which cannot be sorted by"),
        ({"where": "frontier"}, "--where names column 'frontier', which cannot be filtered on"),
    ):
        with pytest.raises(InputError, match=words):
            Selection.of(**({"where": None, "sort": None, "columns": None} | options))
