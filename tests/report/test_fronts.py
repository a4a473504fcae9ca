"""What a report says of its frontiers, and how sure it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tradeoff.report import write_report
from tradeoff.report.fronts import Fronts, front_section, meaning_line, reach_lines
from tradeoff.report.tables import csv, display_table

Make = Callable[..., pd.DataFrame]


def clips(levels: list[float]) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Of each row one training on 400 clips, of which so many in the first places are right."""
    return {i: (np.arange(400)[None] < 400 * level, np.arange(400)) for i, level in enumerate(levels)}


@pytest.fixture
def rows(table: Make) -> pd.DataFrame:
    """Accuracies 30, 70, 72.5 and 50 % for 1, 10, 100 and 50 G; latencies alike but for the last, which has none."""
    found = table("I2D", "Fast-S3D", "I3D", "S3D").assign(top1=[0.3, 0.7, 0.725, 0.5])
    found = found.assign(macs=np.array([1, 10, 100, 50]) * 10**9, params=10**6, classes=10)
    return found.assign(latency_ms=[1.0, 10.0, 100.0, np.nan], latency_low_ms=np.nan, latency_high_ms=np.nan)


@pytest.fixture
def fronts(rows: pd.DataFrame) -> Fronts:
    return Fronts(clips(rows["top1"].tolist()))


def test_the_frontier_says_how_probable_each_row_is(rows: pd.DataFrame, fronts: Fronts) -> None:
    # All rows have the same parameters, so that the most accurate one alone is on that frontier.
    assert display_table(rows, fronts.of(rows))["Frontier"].tolist() == [
        "MACs >99 %, latency >99 %", "MACs >99 %, latency >99 %", "MACs >99 %, latency >99 %, params >99 %", "",
    ]  # fmt: skip
    assert display_table(rows)["Frontier"].tolist()[0] == "MACs, latency"  # clips unknown


def test_what_may_be_on_it_stands_in_parentheses(rows: pd.DataFrame) -> None:
    """Equally dear, one clip in 400 better: a draw is without that clip 1/e of the time, and then both are on it."""
    two = rows.iloc[:2].assign(macs=10**9, top1=[0.5, 0.5025], latency_ms=np.nan)
    first, second = display_table(two, Fronts(clips([0.5, 0.5025])).of(two))["Frontier"]
    assert first.startswith("(MACs 3") and "params 3" in first
    assert second == "MACs >99 %, params >99 %" or second.startswith("MACs ")


def test_the_order_of_rows_changes_nothing(rows: pd.DataFrame) -> None:
    one = Fronts(clips(rows["top1"].tolist())).of(rows)
    other = Fronts(clips(rows["top1"].tolist())).of(rows.iloc[::-1])
    assert [front.as_record() for front in one] == [front.as_record() for front in other]


def test_the_section_names_what_dominates_and_what_is_reached(rows: pd.DataFrame, fronts: Fronts) -> None:
    shown, notes = front_section(fronts.of(rows))
    assert shown["Variant"].tolist() == ["I2D", "Fast-S3D", "I3D", "S3D"]
    assert shown["Dominated: MACs"].tolist() == ["–", "–", "–", "Fast-S3D (>99 %)"]  # noqa: RUF001
    assert shown["On the frontier: latency"].tolist() == [">99 %", ">99 %", ">99 %", "–"]  # noqa: RUF001
    over_macs, over_latency = reach_lines(fronts.of(rows))  # parameters are all the same
    # Of 100 G x 90 points: 9 x 20 points up to 10 G, and 90 x 60 from there.
    assert f"hypervolume {(9 * 20 + 90 * 60) / 90:.1f} [" in over_macs
    assert "at most 100 G multiply-adds and beats chance (10.0 %); knee: Fast-S3D (>99 %)" in over_macs
    assert "100 ms" in over_latency
    assert any("Zitzler" in note for note in notes)


def test_what_the_shares_are_of(rows: pd.DataFrame, fronts: Fronts) -> None:
    (line,) = meaning_line(fronts.of(rows))
    assert "2000 joint draws of test clips and latency processes, of these trainings, in which nothing else" in line
    assert line.endswith("by the estimates.")
    quick, counted = rows.assign(processes=1), rows.assign(latency_ms=np.nan)
    assert meaning_line(Fronts(fronts.accuracies).of(quick))[0].endswith(
        "; latencies of one process: nothing about another."
    )
    assert "draws of test clips, of these trainings, in" in meaning_line(Fronts(fronts.accuracies).of(counted))[0]


def test_several_widths_are_told_apart(rows: pd.DataFrame) -> None:
    wide = rows.assign(variant="I3D", width=[0.25, 0.5, 1.0, 2.0])
    found = Fronts(clips(rows["top1"].tolist())).of(wide)
    assert front_section(found)[0]["Variant"].tolist() == ["I3D x0.25", "I3D x0.5", "I3D x1", "I3D x2"]
    assert "knee: I3D x0.5 (" in reach_lines(found)[0]


def test_of_many_rows_the_likely_ones_are_listed(table: Make) -> None:
    levels = [0.9, *np.linspace(0.1, 0.5, 60)]
    rows = pd.concat([table("I3D")] * 61, ignore_index=True).assign(top1=levels, macs=np.arange(1, 62) * 10**9)
    rows = rows.assign(variant=[f"net{i}" for i in range(61)], params=np.nan, latency_ms=np.nan)
    shown, notes = front_section(Fronts(clips(levels)).of(rows))
    assert shown["Variant"].tolist() == ["net0"]
    assert any(note.startswith("60 more are on each frontier with less than 5 %") for note in notes)


def test_files_have_it(rows: pd.DataFrame, fronts: Fronts, tmp_path: object) -> None:
    paths = write_report(rows, fronts.accuracies, tmp_path, "sweep", figures=False)  # type: ignore[arg-type]
    assert "## The frontier" in paths[0].read_text()
    frame = pd.read_csv(paths[1])
    assert frame["frontier_probability_macs"].tolist()[3] < 0.01
    assert np.isnan(frame["frontier_probability_latency_ms"][3])
    assert "frontier_probability" not in csv(rows)
