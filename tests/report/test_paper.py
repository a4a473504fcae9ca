"""The paper side by side: facts, which of our rows stands beside which, signs, and what is written."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

import tradeoff
from tradeoff.errors import InputError
from tradeoff.records.table import COLUMNS, Table
from tradeoff.report.curves import COLOURS
from tradeoff.report.paper import Count, PaperReport, read_results, report_paper, wanted_counts
from tradeoff.report.paper.contrasts import Contrast, contrasts
from tradeoff.report.paper.figure4 import figure4, panels
from tradeoff.report.paper.lines import Line, lines
from tradeoff.report.paper.ours import Measured, network
from tradeoff.report.paper.stated import CUTS, PAGES, Stated, facts, stated
from tradeoff.sweep.file import read_sweep
from tradeoff.variants import UNITS, Variant

ROOT = Path(__file__).resolve().parents[2]
FACTS = files("tradeoff.report.paper") / "facts"
COUNTS = {wanted: Count(1.0, 2.0, "as invented") for wanted in wanted_counts()}
SOMETHING, KINETICS = "something-something-v1", "kinetics-full"
PAPER_PROTOCOL = {
    "clip": "64x224x224",
    "classes": 174,
    "width": 1.0,
    "view": "all frames, centre crop of 224x224 from 256x256, 1 view, float32",
    "data": "something-v1",
    "recipe": "10000 steps",
}
Make = Callable[..., pd.DataFrame]


def page(name: str) -> Any:
    (found,) = (each for each in PAGES if each.name == name)
    return found


def measured(*tables: pd.DataFrame) -> Measured:
    """Rows of 200 clips of which the first are right, so that of two rows the better has all that the other has."""
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))
    correct = {
        index: (np.tile(np.arange(200) < 200 * row["top1"], (int(row["seeds"]), 1)), np.arange(200))
        for index, row in zip(rows.index, rows.to_dict("records"), strict=True)
    }
    return Measured(Table(rows, correct))


def beside(found: Sequence[Line], data: str, model: str, order: str = "normal", measure: str = "top1") -> list[Line]:
    wanted = (data, model, order, measure)
    return [line for line in found if _of(line.number) == wanted and line.number.inputs == "RGB"]


def _of(number: Stated) -> tuple[str, str, str, str]:
    return number.data, number.model, number.order, number.measure


def contrast(found: Sequence[Contrast], what: str, data: str = SOMETHING) -> list[Contrast]:
    return [each for each in found if each.what == what and each.a.data == data]


# --- the facts ---


def test_the_facts_are_the_papers_byte_for_byte(paper: Path) -> None:
    names = {each.file for each in PAGES}
    assert names == {path.name for path in paper.glob("*.csv")} - {"cut_costs.csv"}
    for name in names:
        assert (FACTS / name).read_bytes() == (paper / name).read_bytes(), name


def test_every_cell_of_the_facts_is_a_number_or_stays_empty() -> None:
    for each in PAGES:
        with (FACTS / each.file).open() as file:
            rows = list(csv.DictReader(file))
        numbers = stated(each)
        cells = [(row[number.column], row["confidence"]) for row in rows for number in each.numbers]
        assert [number.text for number in numbers] == [text for text, _ in cells]
        for number, (text, confidence) in zip(numbers, cells, strict=True):
            assert number.confidence == (confidence if text else "not recovered")
            assert math.isnan(number.value) == (not text)
            assert number.shown == ("–" if not text else f"~{text}" if confidence == "figure" else text)  # noqa: RUF001


def test_a_point_of_figure_4_is_the_cut_with_the_nearest_count(paper: Path) -> None:
    with (paper / "cut_costs.csv").open() as file:
        cuts = [row for row in csv.DictReader(file) if row["convention"] == "paper"]
    points = {
        (number.data, number.model): number.value for number in stated(page("figure4")) if number.measure == "gmacs"
    }
    for (data, model), name in CUTS.items():
        heavy, kind = model.split("-Heavy-")[0].lower(), "full" if model.endswith("I3D") else "separable"
        own = [row for row in cuts if (row["heavy"], row["convolution"]) == (heavy, kind)]
        nearest = min(own, key=lambda row: abs(float(row["gmacs"]) - points[data, model]))
        letters = "".join(
            {"full": "3", "separable": "s"}[kind] if unit in nearest["units_in_3d"].split() else "2" for unit in UNITS
        )
        assert Variant.parse(name).units == letters
    assert {model for _, model in CUTS} == {model for _, model in points if "-Heavy-" in model}


def test_what_a_row_takes_is_what_its_sweep_file_would_train() -> None:
    """Hours by the formula of sweeps/paper/README.md, from the file's own steps and batch; of splits all three."""
    tasks, macs = facts("to_run.csv"), {}
    for row in tasks:
        paths = sorted((ROOT / "sweeps" / "paper").glob(row["sweep"].replace("splitN", "split?")))
        assert len(paths) == (3 if "splitN" in row["sweep"] else 1)
        hours = 0.0
        for sweep in map(read_sweep, paths):
            variant = Variant.parse(row["variant"])
            assert network(row["variant"]) in [network(each.name) for each in sweep.chosen(400)]
            assert sweep.train is not None and sweep.train.steps is not None
            macs[variant] = macs.get(variant) or tradeoff.cost(variant, "64x224x224").macs
            hours += 3 * macs[variant] * sweep.train.steps * sweep.train.batch / 30e12 / 3600
        assert float(row["a100_hours"]) == float(f"{hours:.2g}"), row
    have = {(number.page, number.data, number.variant) for each in PAGES for number in stated(each) if number.variant}
    assert {(row["page"], row["data"], row["variant"]) for row in tasks} == have


# --- which of ours ---


def test_nothing_is_left_out_and_what_is_not_run_says_what_it_takes() -> None:
    nothing = measured()
    for each in PAGES:
        found = lines(each, nothing, COUNTS)
        assert [line.number for line in found] == list(stated(each))
        for line in found:
            assert math.isnan(line.ours) != line.is_count
            assert line.takes and (line.takes == "done") == line.is_count
    takes = {line.number.model: line for each in PAGES[:6] for line in lines(each, nothing, COUNTS)}
    assert takes["P3D"].on == "not ours" and "module:callable" in takes["P3D"].task
    assert (
        takes["Faster R-CNN + I3D"].on == "not built" and "detection is not built" in takes["Faster R-CNN + I3D"].task
    )
    flow = [
        line
        for line in lines(page("table4"), nothing, COUNTS)
        if line.number.inputs != "RGB" and line.on == "not built"
    ]
    assert len(flow) == 8 and all("flow and two streams are not built" in line.task for line in flow)
    (hours,) = beside(lines(page("table1"), nothing, COUNTS), SOMETHING, "I3D", "reversed")
    assert (hours.on, hours.takes) == ("not run here", "table1_something.yaml, 3.0 A100-h")


def test_the_papers_data_goes_before_what_stands_in(table: Make) -> None:
    stand_in, real = table("I3D", "I2D"), table("I3D", top1=0.458, **PAPER_PROTOCOL)
    others = table("I3D", data="hand-gestures", classes=17, top1=0.6)
    both = beside(lines(page("table1"), measured(stand_in, others), COUNTS), SOMETHING, "I3D")
    assert [line.on for line in both] == ["motion", "hand-gestures"]
    assert both[0].why == "other data, clip, views, width, training"
    assert all(words in both[0].note for words in ("motion", "12 classes", "16x64x64", "width 0.25", "10 epochs"))
    assert both[0].takes == "table1_something.yaml, 3.0 A100-h"
    assert (both[1].ours, both[1].difference) == pytest.approx((60.0, 14.2))

    (line,) = beside(lines(page("table1"), measured(stand_in, others, real), COUNTS), SOMETHING, "I3D")
    assert (line.on, line.takes, line.why) == ("something-v1", "done", "training")
    assert (line.ours, line.difference) == pytest.approx((45.8, 0.0))
    found = lines(page("table1"), measured(stand_in, others, real), COUNTS)
    assert [line.on for line in beside(found, SOMETHING, "I2D")] == ["not run here"]
    assert [line.on for line in beside(found, KINETICS, "I3D")] == ["not run here"]  # motion asks another question


def test_of_several_protocols_the_one_with_most_of_the_papers_networks(table: Make) -> None:
    few = table("I3D", seeds=20, width=1.0, top1=0.9, recipe_key="few")
    many = table("I2D", "I3D", "S3D", seeds=2, top1=0.5, recipe_key="many")
    more = table("I2D", "I3D", "S3D", seeds=3, top1=0.6, recipe_key="more")
    timed_twice = table("I2D", "I3D", "S3D", seeds=3, top1=0.6, recipe_key="more", latency_ms=99.0, device="other")
    gated = table("S3D-G", seeds=9, top1=0.7, recipe_key="gated")
    found = lines(page("table3"), measured(few, many, gated, timed_twice, more), COUNTS)
    tested = {line.number.model: line for line in found if line.number.measure == "top1" and line.on == "motion"}
    assert {model: line.ours for model, line in tested.items()} == pytest.approx(
        {"I2D": 60.0, "I3D": 60.0, "S3D": 60.0, "S3D-G": 70.0}  # of S3D-G there is no other
    )
    assert tested["I3D"].seeds == 3
    shuffled = measured(*reversed([few, many, gated, timed_twice, more]))
    assert [line.ours for line in lines(page("table3"), shuffled, COUNTS)] == pytest.approx(
        [line.ours for line in found], nan_ok=True
    )


def test_the_same_network_under_other_paddings_is_named_and_comes_second(table: Make) -> None:
    padded = table("S3D(stem_padding=symmetric)", top1=0.7)
    (line,) = beside(lines(page("table3"), measured(padded), COUNTS), SOMETHING, "S3D")
    assert line.ours == pytest.approx(70.0) and "knobs" in line.why
    assert "as S3D(stem_padding=symmetric)" in line.note
    (line,) = beside(lines(page("table3"), measured(padded, table("S3D", top1=0.6)), COUNTS), SOMETHING, "S3D")
    assert line.ours == pytest.approx(60.0) and "knobs" not in line.why
    found = lines(page("figure4"), measured(table("S3D", data="appearance")), COUNTS)
    everywhere = "S3D (3x1x1 in all branches)"
    assert [line.on for line in beside(found, "mini-kinetics-200", "S3D")] == ["appearance"]
    assert [line.on for line in beside(found, "mini-kinetics-200", everywhere)] == ["not run here"]


def test_another_cut_of_the_curve_does_not_stand_in(table: Make) -> None:
    found = lines(page("figure4"), measured(table("Bottom-Heavy-I3D-2", "Bottom-Heavy-I3D-4")), COUNTS)
    (line,) = beside(found, SOMETHING, "Bottom-Heavy-I3D")
    assert (line.on, line.why) == ("not run here", "other cuts were tested, on motion: 2, 4")


def test_three_splits_have_their_mean(table: Make) -> None:
    splits = [table("I3D", data=f"ucf101-split{n}", top1=top1) for n, top1 in ((1, 0.9), (2, 0.95), (3, 0.97))]
    *each, mean = beside(lines(page("table5"), measured(*splits), COUNTS), "ucf101", "I3D")
    assert [line.on for line in each] == ["ucf101-split1", "ucf101-split2", "ucf101-split3"]
    assert "one split" in each[0].why
    assert (mean.on, mean.takes, mean.ours) == ("mean of 3 splits", "done", pytest.approx(94.0))
    assert math.isnan(mean.low) and mean.difference == pytest.approx(-1.6)
    (line,) = beside(lines(page("table5"), measured(splits[1]), COUNTS), "ucf101", "I3D")
    assert (line.on, line.takes) == ("ucf101-split2", "table5_ucf101_i3d_splitN.yaml, 3.6 A100-h")


def test_top_5_of_few_classes_says_nothing(table: Make) -> None:
    wagons = table("I3D", data="tank-wagons", classes=4, top5=1.0)
    (line,) = beside(lines(page("table2"), measured(wagons), COUNTS), KINETICS, "I3D", measure="top5")
    assert math.isnan(line.ours) and line.why == "top-5 of 4 classes says nothing"


def test_counts_say_whether_they_are_the_same() -> None:
    counts = COUNTS | {
        ("table2", "I3D"): Count(12.0633, 107.8945), ("table2", "S3D"): Count(8.7708, 66.3817, "5c full"),
        ("curve", "I3D"): Count(12.0633, 107.8945), ("curve", "S3D"): Count(7.886, 66.0348),
        ("curve", "I2D"): Count(5.8, 35.887), ("curve", "Fast-S3D"): Count(7.75, 43.4335),
    }  # fmt: skip
    of_table2 = partial(beside, lines(page("table2"), measured(), counts), KINETICS)
    assert [(line.why, line.difference) for line in of_table2("I3D", measure="params_m")] == [("the same", 0.0)]
    assert [(line.why, line.difference) for line in of_table2("S3D", measure="gmacs")] == [("the same", 0.0)]
    of_figure = partial(beside, lines(page("figure4"), measured(), counts), "mini-kinetics-200")
    said = {name: of_figure(name, measure="gmacs")[0] for name in ("I2D", "I3D", "S3D", "Fast-S3D")}
    assert {name: line.why for name, line in said.items()} == {
        "I2D": "reading off a plot", "I3D": "the same", "S3D": "other convention", "Fast-S3D": "not known",
    }  # fmt: skip
    assert said["S3D"].difference == pytest.approx(-0.35) and "table2 gives 66.38 (5c full)" in said["S3D"].note


# --- signs ---


@pytest.mark.parametrize(("i2d", "i3d", "sign"), [(0.3, 0.8, "yes"), (0.8, 0.3, "no"), (0.5, 0.51, "cannot tell")])
def test_a_sign_is_the_same_only_where_the_interval_is_on_one_side(
    table: Make, i2d: float, i3d: float, sign: str
) -> None:
    """Published, I3D - I2D on Something-something is 45.8 - 34.4."""
    rows = measured(table("I2D", top1=i2d, seeds=1), table("I3D", top1=i3d, seeds=1))
    (each,) = contrast(contrasts(page("table3"), rows), "I3D - I2D")
    assert each.published == pytest.approx(11.4) and each.interval is not None
    assert each.interval.estimate == pytest.approx(i3d - i2d)
    assert (each.on, each.same_sign) == ("motion", sign)


def test_orders_are_of_the_same_trainings_and_no_difference_has_no_sign(table: Make) -> None:
    rows = table("I3D", data="appearance", top1=0.6), table("I3D", data="appearance", order="reversed", top1=0.6)
    (each,) = contrast(contrasts(page("table1"), measured(*rows)), "I3D: reversed - normal", KINETICS)
    assert (each.published, each.same_sign) == (0.0, "published: none; ours includes 0")
    worse = rows[0], table("I3D", data="appearance", order="reversed", top1=0.1)
    (each,) = contrast(contrasts(page("table1"), measured(*worse)), "I3D: reversed - normal", KINETICS)
    assert each.same_sign == "published: none; ours excludes 0" and each.interval is not None
    assert each.interval.estimate == pytest.approx(-0.5)


def test_rows_of_two_protocols_are_not_subtracted(table: Make) -> None:
    apart = measured(table("I2D"), table("I3D", recipe_key="other"))
    assert [each.on for each in contrast(contrasts(page("table3"), apart), "I3D - I2D")] == ["not run here"]


def test_a_difference_is_as_certain_as_the_less_certain_number() -> None:
    (each,) = contrast(contrasts(page("table1"), measured()), "I3D: reversed - normal")
    assert (each.a.confidence, each.b.confidence, each.confidence) == ("digest", "confirmed", "digest")
    (each,) = contrast(contrasts(page("figure4"), measured()), "Top-Heavy-I3D - Bottom-Heavy-I3D")
    assert each.confidence == "figure"


# --- Figure 4 ---


def markers(axis: Axes) -> dict[str, Any]:
    return {
        line.get_gid().removesuffix(" point"): line
        for line in axis.get_lines()
        if str(line.get_gid()).endswith(" point")
    }


def curve_lines(axis: Axes) -> set[tuple[str, str, int]]:
    drawn = [line for line in axis.get_lines() if len(np.asarray(line.get_xdata())) > 1]
    return {(line.get_linestyle(), str(line.get_color()), len(np.asarray(line.get_xdata()))) for line in drawn}


def test_figure_4_has_the_papers_look_and_readings_are_open(table: Make) -> None:
    ours = table("I2D", "Top-Heavy-I3D-2", "Bottom-Heavy-S3D-4", "S3D", "I3D", "S3D-G", seeds=1)
    figure = figure4(panels(measured(ours)))
    axes = [axis for axis in figure.axes if axis.axison]
    assert [axis.get_title(loc="left") for axis in axes] == [
        "Published: Mini-Kinetics-200", "Published: Something-something v1",
        "Ours: motion, 16x64x64, width 0.25, 1 seed",
    ]  # fmt: skip
    blue, orange = COLOURS["full"], COLOURS["separable"]
    assert curve_lines(axes[0]) == {("-", blue, 3), (":", blue, 3), ("-", orange, 3), (":", orange, 3)}
    with (FACTS / "figure4_tradeoff.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["gmacs"]]
    for axis, data in zip(axes[:2], ("mini-kinetics-200", "something-something-v1"), strict=True):
        points = {CUTS.get((data, row["model"]), row["model"]): row for row in rows if row["dataset"] == data}
        drawn = markers(axis)
        assert drawn.keys() == points.keys()
        for name, row in points.items():
            assert (drawn[name].get_markerfacecolor() == "white") == (row["confidence"] == "figure"), name
            assert [float(drawn[name].get_xdata()[0]), float(drawn[name].get_ydata()[0])] == [
                float(row["gmacs"]),
                float(row["top1"]),
            ]
    assert markers(axes[2]).keys() == {"I2D", "Top-Heavy-I3D-2", "Bottom-Heavy-S3D-4", "S3D", "I3D"}  # no gates there
    assert all(line.get_markerfacecolor() != "white" for line in markers(axes[2]).values())
    assert [text.get_text() for text in figure.axes[1].texts] == ["not run here"]


# --- the whole of it ---


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[PaperReport, Path]:
    """The committed records, with counts made here."""
    out = tmp_path_factory.mktemp("paper")
    counted = {(how, name): tradeoff.cost(name, convention=how) for how, name in wanted_counts()}
    counts = {of: Count(each.params_m, each.gmacs, each.note) for of, each in counted.items()}
    return report_paper(read_results(ROOT / "results" / "reference"), counts, out), out


def test_what_is_written_from_the_reference_records(reference: tuple[PaperReport, Path]) -> None:
    report, out = reference
    tables = [f"paper_{name}.csv" for name in (*(f"table{n}" for n in range(1, 7)), "figure4", "figure5")]
    pictures = [f"paper_figure{n}.{kind}" for n in (4, 5) for kind in ("png", "svg")]
    assert sorted(path.name for path in out.iterdir()) == sorted(["paper.md", *tables, *pictures])
    text = (out / "paper.md").read_text()
    assert "](paper_figure4.svg)" in text and "](paper_figure5.svg)" in text
    assert r"| \~78.05 | figure |" in text  # a lone ~ is text, and two strike nothing out
    assert "~" not in text.replace(r"\~", "")
    assert re.findall(r"\((\d+)\)\.? ", text[text.index("## Notes") :]) == [str(n) for n in range(1, 23)]
    rows = pd.read_csv(out / "paper_table2.csv")
    counted = rows[rows["ours_on"] == "counted (table2)"]
    assert counted["difference"].abs().max() == 0 and len(counted) == 6
    assert report.as_record()["table1"]["differences"][0]["published"] == 0


def test_the_order_of_frames_on_the_reference_records(reference: tuple[PaperReport, Path]) -> None:
    """README's figures: on motion, I3D falls from 83.2 to 12.2 % and I2D from 43.7 to 37.9 %."""
    found = {(each.what, each.on): each for side in reference[0].sides[:1] for each in side.contrasts}
    i3d, i2d = (found[f"{model}: reversed - normal", "motion"] for model in ("I3D", "I2D"))
    assert i3d.interval is not None and i2d.interval is not None
    assert [round(100 * value, 1) for value in vars(i2d.interval).values() if isinstance(value, float)] == [
        -5.8,
        -9.4,
        -2.1,
    ]
    assert round(100 * i3d.interval.estimate, 1) == -71.0
    assert (i3d.same_sign, i2d.same_sign) == ("yes", "no")


def test_figure_5_holds_weights_against_the_statement(reference: tuple[PaperReport, Path]) -> None:
    report, out = reference
    assert [row["Same"] for row in report.weights.rows()] == ["no", "yes", "yes"]
    assert "Published (Figure 5, as a statement): the t ≠ 0" in (out / "paper_figure5.svg").read_text()


def test_an_empty_folder_still_gives_every_table_twice_the_same(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    first, second = (report_paper(read_results(tmp_path / "empty"), COUNTS, tmp_path / name) for name in "ab")
    assert [path.read_bytes() for path in first.paths] == [path.read_bytes() for path in second.paths]
    text = (tmp_path / "a" / "paper.md").read_text()
    assert "0 on other data" in text and "--figure temporal-weights" in text and "paper_figure5.svg" not in text
    with pytest.raises(InputError, match="absent does not exist"):
        read_results(tmp_path / "absent")
