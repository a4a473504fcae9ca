from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradeoff.errors import InputError
from tradeoff.report import write_report

Make = Callable[..., pd.DataFrame]


def clips(table: pd.DataFrame) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    return {index: (np.tile(np.arange(200) < 200 * top1, (2, 1)), np.arange(200)) for index, top1 in table.top1.items()}


def test_one_protocol_is_four_files(table: Make, tmp_path: Path) -> None:
    rows = table("I2D", "Bottom-Heavy-I3D-4", "I3D")
    paths = write_report(rows, clips(rows), tmp_path / "new", "bottom_heavy")
    names = ["bottom_heavy_pareto.png", "bottom_heavy_pareto.svg", "bottom_heavy.md", "bottom_heavy.csv"]
    assert [path.name for path in paths] == names
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(names)
    text = paths[2].read_text()
    assert "](bottom_heavy_pareto.svg)" in text
    assert "## Differences in top-1" in text and "| I3D | I2D | +" in text


def test_the_same_table_writes_the_same_bytes(table: Make, tmp_path: Path) -> None:
    rows = table("I2D", "Fast-S3D", "S3D")
    first, second = (write_report(rows, clips(rows), tmp_path / name, "sweep") for name in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_svg_keeps_text_as_text_without_a_date(table: Make, tmp_path: Path) -> None:
    rows = table("I2D", "Fast-S3D", "S3D")
    svg = write_report(rows, clips(rows), tmp_path, "sweep")[1].read_text()
    ET.fromstring(svg)
    assert ">Fast-S3D</text>" in svg
    assert "dc:date" not in svg


def test_protocols_are_told_apart_and_orders_compared(table: Make, tmp_path: Path) -> None:
    rows = pd.concat([table("I2D", "I3D"), table("I2D", "I3D", order="reversed", top1=0.1)], ignore_index=True)
    names = {path.name for path in write_report(rows, clips(rows), tmp_path, "arrow")}
    assert {"arrow_normal.md", "arrow_reversed.md", "arrow_normal_pareto.png", "arrow_reversed.csv"} <= names
    assert {"arrow_order.png", "arrow_order.svg", "arrow_order.md"} <= names
    assert "| I3D, reversed | I3D, normal | -" in (tmp_path / "arrow_order.md").read_text()
    assert len(pd.read_csv(tmp_path / "arrow_normal.csv")) == 2


def test_tables_alone(table: Make, tmp_path: Path) -> None:
    rows = table("I2D", "I3D")
    paths = write_report(rows, {}, tmp_path, "sweep", figures=False)
    assert [path.name for path in paths] == ["sweep.md", "sweep.csv"]
    assert "![" not in paths[0].read_text() and "Differences" not in paths[0].read_text()


def test_without_accuracy_there_is_a_table_but_no_picture(
    table: Make, no_accuracy: dict[str, object], tmp_path: Path
) -> None:
    paths = write_report(table("I2D", "I3D", **no_accuracy), {}, tmp_path, "costs")
    assert [path.name for path in paths] == ["costs.md", "costs.csv"]
    assert "Accuracy was not measured." in paths[0].read_text()


def test_an_old_report_is_replaced_whole(table: Make, tmp_path: Path) -> None:
    (tmp_path / "sweep.md").write_text("old")
    write_report(table("I2D"), {}, tmp_path, "sweep", figures=False)
    assert (tmp_path / "sweep.md").read_text().startswith("# sweep")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_bad_input_is_a_sentence(table: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rows"):
        write_report(table("I2D").iloc[:0], {}, tmp_path, "sweep")
    with pytest.raises(InputError, match="cannot name files"):
        write_report(table("I2D"), {}, tmp_path, "../..")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_report(table("I2D"), {}, tmp_path / "file", "sweep", figures=False)


def test_a_mixture_of_families_is_reported(mixture: Make, tmp_path: Path) -> None:
    rows = mixture("r3d_18", "my_nets:make(depth=3, kinds=[full, flat], name='$x$ & <y>')")
    paths = write_report(rows, clips(rows), tmp_path, "mixture")
    assert [path.suffix for path in paths] == [".png", ".svg", ".md", ".csv"]
    ET.fromstring(paths[1].read_text())
    text = paths[2].read_text()
    assert "| r3d_18 | I2D | " in text
    assert len({line.count("|") for line in text.splitlines() if line.startswith("|") and "3D units" in line}) == 1
    assert pd.read_csv(paths[3])["variant"].tolist() == rows["variant"].tolist()
