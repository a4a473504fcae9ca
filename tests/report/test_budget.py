"""The best under a budget, and one family against another, with how sure that is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tradeoff.errors import InputError
from tradeoff.records.table import Table
from tradeoff.report.budget import Limit, answers
from tradeoff.report.versus import compare_families

Make = Callable[..., pd.DataFrame]


def measured(rows: pd.DataFrame) -> dict[str, Table]:
    """Of each variant one training on 400 clips, so many in the first places right; its latencies share it."""
    right = {
        name: (np.arange(400)[None] < 400 * top1) for name, top1 in zip(rows["variant"], rows["top1"], strict=True)
    }
    return {"mine": Table(rows, {i: (right[name], np.arange(400)) for i, name in rows["variant"].items()})}


@pytest.fixture
def rows(table: Make) -> pd.DataFrame:
    """I2D, Fast-S3D and I3D: 30, 60 and 90 % in 10, 20 and 40 ms, each within a factor of 1.2; 1, 2 and 3 G."""
    latency = np.array([10.0, 20.0, 40.0])
    found = table("I2D", "Fast-S3D", "I3D").assign(top1=[0.3, 0.6, 0.9], macs=[10**9, 2 * 10**9, 3 * 10**9])
    return found.assign(latency_ms=latency, latency_low_ms=latency / 1.2, latency_high_ms=latency * 1.2)


def limits(*texts: str) -> list[Limit]:
    return [Limit.parse(text) for text in texts]


def test_the_best_that_fits(rows: pd.DataFrame) -> None:
    (found,) = answers(measured(rows), limits("latency_ms<=21"))
    record = found.as_record()
    assert (record["variant"], record["latency_ms"], record["top1"]) == ("Fast-S3D", 20.0, 0.6)
    # log(21 / 20) over log(1.2) / 1.96 is 0.5245 standard deviations: the normal distribution gives 0.700.
    assert record["fits"] == pytest.approx(0.700, abs=0.03) == record["best"]
    assert [each["variant"] for each in record["rivals"]] == ["I2D"]
    assert found.sentence.startswith("mine, latency_ms <= 21: Fast-S3D with 20.0 ms [16.7, 24.0], top-1 60.0 [")


def test_several_limits_have_all_to_hold(rows: pd.DataFrame) -> None:
    (found,) = answers(measured(rows), limits("latency_ms<=100", "gmacs<=1.5"))
    assert found.as_record()["variant"] == "I2D"
    (rate,) = answers(measured(rows.assign(clips_per_second=[50.0, 40.0, 30.0])), limits("clips_per_second>=35"))
    assert rate.as_record()["variant"] == "Fast-S3D"


def test_a_counted_cost_fits_for_certain_and_is_said_once(rows: pd.DataFrame) -> None:
    (found,) = answers(measured(rows), limits("gmacs<=2.5", "gmacs<=2"))
    assert "gmacs <= 2: Fast-S3D with 2 G multiply-adds, top-1 60.0 [" in found.sentence
    assert found.sentence.endswith("%; it fits and is the best with a probability of >99 %.")
    (none,) = answers(measured(rows), limits("gmacs<=0.5", "gmacs<=0.2"))
    assert none.sentence.endswith("nothing fits; nearest comes I2D with 1 G multiply-adds.")


def test_one_process_says_nothing_about_another(rows: pd.DataFrame) -> None:
    quick = rows.assign(processes=[3, 1, 3])
    (found,) = answers(measured(quick), limits("latency_ms<=21"))
    assert found.sentence.endswith("; latencies of one process: nothing about another.")
    assert "one process" not in answers(measured(quick), limits("gmacs<=2"))[0].sentence
    (compared,) = compare_families(measured(quick), "macs != 2e9", "macs <= 2e9", "latency_ms")
    assert compared.lines()[-1] == "Latencies of one process: nothing about another."


def test_several_widths_are_told_apart(rows: pd.DataFrame) -> None:
    wide = rows.assign(variant="I3D", width=[0.25, 0.5, 1.0])
    right = {i: (np.arange(400)[None] < 400 * top1, np.arange(400)) for i, top1 in wide["top1"].items()}
    (found,) = answers({"mine": Table(wide, right)}, limits("latency_ms<=21"))
    assert ": I3D x0.5 with 20.0 ms" in found.sentence and "it may also be I3D x0.25 (" in found.sentence


def test_what_fits_nothing_says_what_comes_nearest(rows: pd.DataFrame) -> None:
    (found,) = answers(measured(rows), limits("latency_ms<=2", "params_m<=0.001"))
    assert found.choice is None and found.as_record()["variant"] is None
    assert "nothing fits; nearest come I2D with 10.0 ms [8.33, 12.0] and I2D with 0.3740 M parameters" in found.sentence


def test_each_variant_has_its_fastest_setting_and_devices_stay_apart(rows: pd.DataFrame) -> None:
    faster = rows.assign(runtime="openvino", latency_ms=rows["latency_ms"] / 4, latency_low_ms=np.nan)
    other = rows.assign(device="cuda H100", latency_ms=1.0, latency_low_ms=np.nan)
    every = pd.concat([rows, faster, other], ignore_index=True)
    cpu, gpu = answers(measured(every), limits("latency_ms<=11"))
    assert "mine (cpu-epyc), latency_ms <= 11: I3D in openvino float32 with 10.0 ms, top-1" in cpu.sentence
    assert gpu.name == "mine (cuda-h100)" and gpu.as_record()["latency_ms"] == 1.0
    (counted,) = answers(measured(every), limits("gmacs<=2"))  # what is counted is the same on every device
    assert counted.as_record()["variant"] == "Fast-S3D"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("latency_ms<30", "is no budget: write COLUMN<=NUMBER"),
        ("latency_ms<=fast", "is no budget"),
        ("latency_ms<=1e999", "is no budget"),
        ("latency<=30", "did you mean latency_ms"),
        ("top1<=0.5", "--budget names column 'top1', which is no cost and no rate: use latency_ms, .*clips_per_second"),
        ("latency_ms>=30", "latency_ms needs <="),
        ("clips_per_second<=3", "clips_per_second needs >="),
    ],
)
def test_what_is_no_budget(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Limit.parse(text)


def test_a_cost_that_nothing_has(rows: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="no row of mine has both an accuracy and latency_ms"):
        answers(measured(rows.assign(latency_ms=np.nan)), limits("latency_ms<=3"))


@pytest.fixture
def cuts(table: Make) -> pd.DataFrame:
    """I2D and I3D, on both sides, at 1 and 100 G; between them a cut of each at 10 G, 80 % right against 60 %."""
    names = ("I2D", "Top-Heavy-I3D-4", "Bottom-Heavy-I3D-4", "I3D")
    return table(*names).assign(top1=[0.4, 0.8, 0.6, 0.9], macs=np.array([1, 10, 10, 100]) * 10**9)


def test_what_one_family_gains_on_another(cuts: pd.DataFrame) -> None:
    (found,) = compare_families(measured(cuts), "top-heavy", "bottom-heavy", "macs")
    # From 1 to 10 G the same network, from 10 to 100 G 20 points: 10 in the mean over the logarithm.
    record = found.as_record()
    assert record["gain"] == pytest.approx(0.1)
    # The two differ on a fifth of 400 clips: a standard error of 2 points, half of which enters the mean.
    half = 1.96 * np.sqrt(0.2 * 0.8 / 400) / 2
    assert [record["low"], record["high"]] == pytest.approx([0.1 - half, 0.1 + half], abs=0.003)
    assert record["range"] == [1e9, 1e11] and record["variants"] == [3, 3]
    assert record["verdict"] == "higher"
    assert "top-heavy against bottom-heavy at equal multiply-adds: +10.0 [" in found.sentence
    assert "from 1 to 100 G multiply-adds, 3 against 3 variants, joint bootstrap of 2000 draws" in found.sentence


def test_sides_may_be_conditions(cuts: pd.DataFrame) -> None:
    (found,) = compare_families(measured(cuts), "heavy != 'top'", "heavy in ('top', 'both')", "macs")
    assert found.as_record()["gain"] == pytest.approx(-0.1) and found.as_record()["verdict"] == "lower"


def test_sides_that_share_no_costs_or_are_not_there(cuts: pd.DataFrame) -> None:
    (found,) = compare_families(measured(cuts), "variant == 'I2D'", "variant == 'I3D'", "macs")
    assert found.gain is None and "share no range" in found.sentence
    with pytest.raises(InputError, match="no variants with an accuracy and macs are gated alone and ungated alone"):
        compare_families(measured(cuts), "gated", "ungated", "macs")
    with pytest.raises(InputError, match="family 'topheavy' is unknown: did you mean top-heavy"):
        compare_families(measured(cuts), "topheavy", "bottom-heavy", "macs")
    with pytest.raises(InputError, match="--compare names column 'size'"):
        compare_families(measured(cuts), "size > 3", "bottom-heavy", "macs")
    with pytest.raises(InputError, match=r"--cost names column 'top1', which is no cost: use .*latency_ms"):
        compare_families(measured(cuts), "top-heavy", "bottom-heavy", "top1")


@pytest.mark.parametrize("condition", ["device == 'cpu EPYC'", "latency_ms < 9", "threads == 2 and units != ''"])
def test_a_counted_cost_knows_no_timing(cuts: pd.DataFrame, condition: str) -> None:
    with pytest.raises(InputError, match="of which each network has several: add --cost latency_ms, or choose with"):
        compare_families(measured(cuts), condition, "device == 'cpu other'", "macs")
    (timed,) = compare_families(measured(cuts), "heavy != 'top' and batch == 1", "top-heavy", "latency_ms")
    assert timed.cost == "latency_ms"


def test_ends_alone_are_no_side(cuts: pd.DataFrame) -> None:
    """I2D and I3D are on both curves: a sweep of bottom-heavy cuts alone says nothing about top-heavy ones."""
    bottom = cuts[cuts["variant"] != "Top-Heavy-I3D-4"]
    with pytest.raises(InputError, match="top-heavy alone"):
        compare_families(measured(bottom), "top-heavy", "bottom-heavy", "macs")
