"""`tradeoff report --where, --sort, --columns, --wide, --export, --budget, --compare` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from made_records import whole_folder

from tradeoff.clip_shape import ClipShape
from tradeoff.console import print_renderables
from tradeoff.measure.cost import cost, paper_counts
from tradeoff.variants import Variant

from .conftest import Tool

REFERENCE = str(Path(__file__).resolve().parents[1] / "results" / "reference")
FIGURE4 = ("report", "--results", REFERENCE, "--sweep", "figure4")


def test_rows_and_columns_are_chosen_printed_and_exported(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "reports" / "local").mkdir(parents=True)
    whole = tmp_path / "reports" / "local" / "figure4.md"
    whole.write_text("the whole report")
    options = ("--where", "latency_ms < 10 and frames == 16", "--sort", "-top1", "--columns", "variant,top1,frontier")
    code, out, err = tool(*FIGURE4, *options, "--export", "table.tex", "--export", "table.parquet")
    assert code == 0, err
    places = [out.index(f" {name} ") for name in ("Top-Heavy-S3D-2", "Top-Heavy-I3D-2", "I2D")]
    assert places == sorted(places)
    assert "Bottom" not in out and "only rows where latency_ms < 10" in out.lower()
    assert r"\toprule" in Path("table.tex").read_text()
    frame = pd.read_parquet("table.parquet")
    assert frame["variant"].tolist() == ["Top-Heavy-S3D-2", "Top-Heavy-I3D-2", "I2D"]
    assert list(frame)[1:4] == ["top1", "top1_low", "top1_high"]
    # A part of the rows is a report of its own, and leaves the whole one alone.
    assert whole.read_text() == "the whole report"
    assert "Only rows where" in whole.with_name("figure4_selected.md").read_text()


def test_in_json_with_how_sure_the_frontier_is(tool: Tool) -> None:
    code, out, _ = tool(*FIGURE4, "--columns", "variant,latency_ms", "--json")
    found = json.loads(out)["figure4"]
    assert code == 0
    assert list(found["rows"][0]) == ["variant", "latency_ms", "latency_low_ms", "latency_high_ms", "table"]
    over = {front["cost"]: front for front in found["frontier"]}
    assert list(over) == ["macs", "latency_ms", "params"]
    shares = {row["variant"]: row["probability"] for row in over["macs"]["rows"]}
    assert shares["I2D"] > 0.99 and shares["S3D"] < 0.01
    assert over["macs"]["hypervolume"]["low"] < over["macs"]["hypervolume"]["estimate"]
    assert over["macs"]["knee"]["variant"] == "Top-Heavy-S3D-2"


def test_protocols_stay_apart_and_it_says_why(tool: Tool) -> None:
    arguments = ("report", "--results", REFERENCE, "--sweep", "arrow_of_time", "--export", "t.csv")
    code, out, _ = tool(*arguments)
    assert code == 0
    assert "2 tables: rows that differ in frame order do not go into one column" in out
    assert Path("t_normal.csv").exists() and Path("t_reversed.csv").exists() and not Path("t.csv").exists()


def test_wide_has_a_column_a_runtime(tool: Tool) -> None:
    code, _, _ = tool("report", "--results", REFERENCE, "--sweep", "runtimes", "--wide", "--export", "w.md")
    lines = Path("w.md").read_text().splitlines()
    assert code == 0
    assert sum(line.startswith("| ") for line in lines) == 2 + 4  # a row a variant
    assert "| Latency ms [95 %], eager float32 | Latency ms [95 %], eager bf16 |" in lines[2]


def test_the_papers_count_is_made_where_records_lack_it(tool: Tool) -> None:
    code, out, err = tool(*FIGURE4, "--where", "variant in ('I3D', 'S3D')", "--columns", "variant,curve_macs", "--json")
    rows = {row["variant"]: row["curve_macs"] for row in json.loads(out)["figure4"]["rows"]}
    assert code == 0 and "counting 2 networks as the paper does" in err
    for name in rows:
        assert rows[name] == cost(name, (16, 64, 64), "curve", width=0.25, classes=16).macs


def test_a_condition_and_a_budget_may_be_on_the_papers_count(tool: Tool) -> None:
    code, out, _ = tool(*FIGURE4, "--where", "variant in ('I2D', 'I3D') and curve_gmacs < 0.1", "--json")
    assert code == 0 and [row["variant"] for row in json.loads(out)["figure4"]["rows"]] == ["I2D"]
    few = ("--where", "variant in ('I2D', 'I3D')", "--json")
    code, out, _ = tool(*FIGURE4, "--budget", "curve_gmacs<=0.1", *few)
    assert code == 0 and json.loads(out)[0]["variant"] == "I2D"


def test_records_have_the_papers_count() -> None:
    for name in ("I3D", "S3D-G", "Top-Heavy-S3D-4"):
        variant, shape = Variant.parse(name), cost(name, (16, 64, 64))
        counted = cost(name, (16, 64, 64), "curve")
        found = paper_counts(variant, ClipShape(16, 64, 64), shape)
        assert found == {"curve_macs": counted.macs, "curve_weights": counted.weights}


def test_a_budget_is_answered_and_fails_where_nothing_fits(tool: Tool) -> None:
    code, out, _ = tool(*FIGURE4, "--budget", "latency_ms<=10")
    assert code == 0 and out.startswith("figure4, latency_ms <= 10: Top-Heavy-S3D-2 with 9.22 ms [8.39, 10.1], top-1")
    assert not Path("reports").exists()
    code, out, _ = tool(*FIGURE4, "--budget", "latency_ms<=10", "--budget", "gmacs<=0.001", "--json")
    (found,) = json.loads(out)
    assert code == 1 and found["variant"] is None and found["budget"] == ["latency_ms <= 10", "gmacs <= 0.001"]


def test_one_family_is_held_against_another(tool: Tool) -> None:
    code, out, _ = tool(*FIGURE4, "--compare", "top-heavy", "bottom-heavy", "--json")
    (found,) = json.loads(out)
    assert code == 0 and found["verdict"] == "higher" and found["low"] > 0
    code, out, _ = tool(
        *FIGURE4, "--compare", "separable", "full", "--cost", "latency_ms", "--where", "gating == False"
    )
    assert code == 0 and "separable against full at equal latency:" in out and "The gain is the best top-1" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--where", "latency_ms < 1"), "fits none of the 19 rows of sweep figure4: latency_ms is 8.944 to 18.4"),
        (("--where", "top1 > 80"), "top1 is 0.4368 to 0.8652, a fraction"),
        (("--where", "latency < 1"), "did you mean latency_ms"),
        (("--columns", "nothing"), "--columns names column 'nothing'"),
        (("--export", "t.docx"), "end it in .md, .tex, .csv, .parquet"),
        (("--cost", "macs"), "--cost means nothing without --compare: add it, or leave --cost out"),
        (("--pdf",), "--pdf means nothing without --paper or --search or --figure or --pareto: add one of them, or"),
        (("--budget", "latency_ms"), "is no budget"),
        (("--budget", "macs<=1", "--sort", "macs"), "--sort means nothing with --budget"),
        (("--budget", "macs<=1", "--pareto"), "--pareto means nothing with --budget"),
        (("--compare", "gated", "ungated"), "no variants with an accuracy and macs are gated alone"),
    ],
)
def test_bad_input_is_a_sentence(tool: Tool, arguments: tuple[str, ...], words: str) -> None:
    code, out, err = tool(*FIGURE4, *arguments)
    assert (code, out) == (2, "")
    assert words in err and err.count("\n") == 1
    assert not Path("reports").exists()


def test_nothing_is_written_where_one_export_cannot_be(tool: Tool) -> None:
    Path("b_reversed.md").write_text("mine")
    exports = ("--export", "a.csv", "--export", "b.md")
    code, out, err = tool("report", "--results", REFERENCE, "--sweep", "arrow_of_time", *exports)
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert "b_reversed.md is there and was not made by tradeoff report" in err
    assert [path.name for path in Path().iterdir()] == ["b_reversed.md"]


def test_without_an_accuracy_it_says_that_there_is_no_figure(tool: Tool, tmp_path: Path) -> None:
    store = whole_folder(tmp_path / "results" / "local")
    store.write_sweep("counts", {"cost": store.sweeps()["mine"]["keys"]["cost"]})
    code, out, _ = tool("report", "--pareto", "--sweep", "counts")
    assert code == 0 and not list(Path("reports").rglob("*.png"))
    assert "no figure: no row has both an accuracy and a cost; add data and train to the sweep file" in out
    some = tool("report", "--pareto", "--sweep", "counts", "--where", "variant == 'I3D'")[1]
    assert "no figure: no row that fits --where has both" in some
    assert "no figure" not in tool("report", "--sweep", "counts")[1]
    assert "no figure" not in tool("report", "--sweep", "mine", "--pareto")[1]


def test_columns_are_listed(tool: Tool) -> None:
    code, out, _ = tool("report", "--columns", "help")
    assert code == 0 and "latency_ms" in out and "a fraction" in out
    assert "gmacs" in json.loads(tool("report", "--columns", "help", "--json")[1])


def test_sweeps_without_a_row_that_fits_are_left_out(tool: Tool, tmp_path: Path) -> None:
    store = whole_folder(tmp_path / "results" / "local")
    keys = store.sweeps()["mine"]["keys"]
    store.write_sweep("half", {kind: some[:1] if kind != "latency" else some[:2] for kind, some in keys.items()})
    code, out, err = tool("report", "--where", "variant == 'I3D'", "--json")
    assert code == 0, err
    assert list(json.loads(out)) == ["mine"]


def test_what_a_file_holds_does_not_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_renderables(["data \x1b[31mred\x07, two\nlines"])
    assert capsys.readouterr().out == "data \N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}, two\nlines\n"
