"""`tradeoff cost` as a user meets it: tables, trees, JSON, CSV, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable

import pytest

Tool = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cost(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Runs `tradeoff cost` in a terminal of 80 columns: exit code, standard output, standard error."""
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *arguments: tool("cost", *arguments)


def table_rows(out: str) -> dict[str, list[str]]:
    """The cells of each line of a table by its first."""
    inside = [line for line in out.splitlines() if line.startswith("│ ") and line.endswith(" │")]
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in inside]
    return {cells[0]: cells[1:] for cells in lines}


def tree_rows(out: str) -> list[tuple[int, str, list[str]]]:
    """Depth, name and cells of each line of the tree."""
    pattern = (
        r"^([│├└─  ]*)([^ │├└─┃┏┡]\S*) +([\d.]+(?: [kMG])?) +([\d.]+%) +(\d\S*(?: [kMG])?) +(\d\S*(?: [kMG])?)  (\S+)$"
    )
    found = (re.match(pattern, line.rstrip()) for line in out.splitlines())
    return [(len(match[1]) // 4, match[2], list(match.groups()[2:])) for match in found if match]


def test_the_three_rows_of_table_2_with_the_conjecture_marked(cost: Tool) -> None:
    code, out, _ = cost("I3D", "S3D", "S3D-G", "--convention", "table2")
    assert code == 0
    rows = table_rows(out)
    assert [rows["I3D"][0], rows["I3D"][2]] == ["12.06", "107.89"]
    assert [rows["S3D"][0], rows["S3D"][2]] == ["8.77", "66.38"]
    assert [rows["S3D-G (conjecture)"][0], rows["S3D-G (conjecture)"][2]] == ["11.56", "71.38"]
    assert "S3D-G: conjecture" in out
    assert "64x224x224" in out and "convention table2" in out and "float32" in out


def test_nothing_is_marked_that_is_no_conjecture(cost: Tool) -> None:
    assert "conjecture" not in cost("I3D", "S3D", "--convention", "table2")[1]
    assert "conjecture" not in cost("S3D-G", "--convention", "curve")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("I3D", "S3D-G", "--convention", "curve"),
        ("Bottom-Heavy-S3D-10", "--clip", "16x64x64"),
        ("S3D", "--layers"),
        ("S3D-G", "--layers", "--convention", "table2"),
        ("mvit_v2_s", "--clip", "16x224x224", "--layers"),
    ],
)
def test_80_columns_are_enough(cost: Tool, arguments: tuple[str, ...]) -> None:
    code, out, _ = cost(*arguments)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out


def test_a_wide_terminal_shows_the_unit_letters_too(cost: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "units" not in cost("S3D", "--clip", "8x32x32")[1]
    monkeypatch.setenv("COLUMNS", "120")
    assert table_rows(cost("S3D", "--clip", "8x32x32")[1])["S3D"][0] == "sssssssssss"


def test_the_tree_has_a_subtotal_at_each_module(cost: Tool) -> None:
    rows = tree_rows(cost("S3D", "--layers")[1])
    assert rows[0] == (0, "S3D", ["71.9 G", "100.0%", "8.30 M", "5.82 G", "400"])
    names = [name for _, name, _ in rows]
    stem = names.index("conv_1a")
    # 1x7x7 from 3 to 64 channels at 64x112x112 is 7.55 G, 7x1x1 from 64 to 64 at 32x112x112 is 11.5 G.
    assert [(depth, name, cells[0], cells[-1]) for depth, name, cells in rows[stem : stem + 3]] == [
        (2, "conv_1a", "19.1 G", "64x32x112x112"),
        (3, "spatial.conv", "7.55 G", "64x64x112x112"),
        (3, "temporal.conv", "11.5 G", "64x32x112x112"),
    ]
    assert rows[stem][2][1:3] == ["26.5%", "38.1 k"]  # 19.06 of 71.92 G; 3 * 64 * 49 + 64 * 64 * 7 weights
    units = [name for depth, name, _ in rows if depth == 2]
    assert [name.split(".")[0] for name in units] == [
        *("conv_1a", "conv_2b", "conv_2c"),
        *(f"mixed_{unit}" for unit in ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")),
    ]


def test_under_the_tree_stand_the_operators_and_the_totals(cost: Tool) -> None:
    rows = table_rows(cost("S3D", "--layers")[1])
    assert rows["convolution"] == ["71.9 G", "multiply-adds"]
    assert rows["pool"][0] == "682 M"
    assert rows["S3D"][:3] == ["8.30", "8.32", "71.92"]


def test_json_keeps_the_totals_and_lists_the_layers(cost: Tool) -> None:
    (row,) = json.loads(cost("I3D", "--convention", "table2", "--layers", "--json")[1])
    assert row["params_m"] == row["weights_m"] == 12.063296
    assert row["learnable_m"] == row["params"] / 1e6 == 12.697264
    assert row["gmacs"] == row["macs_g"] == row["macs"] / 1e9
    assert row["activation_mib"] == row["activation_bytes"] / 2**20
    assert (row["convention"], row["clip"]) == ("table2", "64x224x224")
    assert "1x1x1" in row["note"]
    assert sum(layer["macs"] for layer in row["layers"]) == row["macs"]
    assert sum(layer["bytes_moved"] for layer in row["layers"]) == row["bytes_moved"]
    logits = next(layer for layer in row["layers"] if layer["layer"] == "head.logits")
    assert (logits["macs"], logits["kernel"]) == (1024 * 400, [1, 1, 1])


def test_json_without_layers_has_none(cost: Tool) -> None:
    (row,) = json.loads(cost("I3D", "--clip", "8x32x32", "--json")[1])
    assert "layers" not in row
    assert row["operations"]["convolution"] == row["macs"]


def test_csv_has_a_row_a_variant(cost: Tool) -> None:
    rows = list(csv.DictReader(io.StringIO(cost("I3D", "S3D-G", "--convention", "table2", "--csv")[1])))
    assert [(row["variant"], row["weights"]) for row in rows] == [("I3D", "12063296"), ("S3D-G", "11563712")]
    assert rows[1]["note"].startswith("conjecture")
    assert rows[0]["convolution_operations"] == rows[0]["macs"]


def test_csv_with_layers_has_a_row_a_layer(cost: Tool) -> None:
    rows = list(csv.DictReader(io.StringIO(cost("I3D", "S3D", "--clip", "8x32x32", "--layers", "--csv")[1])))
    assert {row["variant"] for row in rows} == {"I3D", "S3D"}
    stem = rows[0]
    assert (stem["layer"], stem["kernel"], stem["output"]) == ("trunk.conv_1a.conv", "7x7x7", "1x64x4x16x16")
    assert int(stem["macs"]) == 3 * 64 * 7 * 7 * 7 * 4 * 16 * 16
    assert int(stem["weights"]) == 3 * 64 * 7 * 7 * 7


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["I3D", "--convention", "paper"], "use executed, curve, table2"),
        (["I2D", "--convention", "table2"], "I3D, S3D, S3D-G at width 1 with 400 classes"),
        (["I3D", "--width", "0.5", "--convention", "table2"], "use curve"),
        (["I3D", "--csv", "--json"], "one of them"),
        (["I3D", "--check", "--layers"], "leave --layers and --convention out"),
        (["I3D", "--check", "--convention", "curve"], "leave --layers and --convention out"),
    ],
)
def test_bad_input_is_one_sentence(cost: Tool, arguments: list[str], sentence: str) -> None:
    code, out, err = cost(*arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
