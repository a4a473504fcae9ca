from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from tradeoff.errors import InputError
from tradeoff.records.statistics import Interval
from tradeoff.report.claims_table import rich_claims
from tradeoff.report.fronts import Fronts
from tradeoff.report.tables import (
    csv,
    differences,
    differences_table,
    display_table,
    markdown,
    markdown_table,
    order_differences,
    rich_frame,
    rich_table,
    rich_tables,
    units_in_words,
    verdict,
)
from tradeoff.variants import Variant

Make = Callable[..., pd.DataFrame]
GROUPS = np.arange(400)


def right(share: float, seeds: int = 2) -> tuple[np.ndarray, np.ndarray]:
    return np.tile(np.arange(400) < 400 * share, (seeds, 1)), GROUPS


@pytest.mark.parametrize(
    ("units", "words"),
    [
        ("2" * 11, "none"),
        ("3" * 11, "all full"),
        ("33322222222", "1a-3b full"),
        ("2222222222s", "5c separable"),
        ("3ssssssssss", "1a full, 2c-5c separable"),
    ],
)
def test_units_in_words(units: str, words: str) -> None:
    assert units_in_words(units) == words


def test_the_row_a_researcher_reads(table: Make) -> None:
    rows = table("I3D", params=12_682_000, macs=111_153_000_000, top1=0.784, top1_low=0.7712, top1_high=0.7968)
    rows = rows.assign(top5=0.9, latency_ms=581.2, latency_low_ms=570.0, latency_high_ms=8.0)
    assert display_table(rows).iloc[0].to_dict() == {
        "Variant": "I3D",
        "3D units": "all full",
        "Params (M)": "12.68",
        "MACs (G)": "111.2",
        "Top-1 % [95 %]": "78.4 [77.1, 79.7]",
        "Top-5 %": "90.0",
        "Latency ms [95 %]": "581 [570, 8.00]",
        "Clips/s (batch)": "120 (4)",
        "Peak MB": "400",
        "Seeds": "3",
        "Frontier": "MACs, latency, params",
    }


def test_what_varies_becomes_a_column_and_what_is_missing_a_dash(table: Make, no_latency: dict[str, Any]) -> None:
    rows = pd.concat([table("I2D"), table("I2D", width=0.5, **no_latency)], ignore_index=True)
    shown = display_table(rows)
    assert shown["Width"].tolist() == ["0.25", "0.5"]
    assert shown["Latency ms [95 %]"].tolist()[1] == "–"  # noqa: RUF001
    assert "Data" not in shown


def test_markdown_has_the_table_and_the_protocol_once(figure4: pd.DataFrame) -> None:
    text = markdown(figure4)
    lines = text.splitlines()
    assert sum(line.startswith("| ") for line in lines) == 2 + 19
    assert text.count("centre crop, 1 view") == 1
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("a\nb\tc\x1b", "a b c "),
        ("<script>x</script><!-- <?", "&lt;script>x&lt;/script>&lt;!-- &lt;?"),
        (r"\<b \\<b", r"\<b \\&lt;b"),  # behind one backslash it is a letter already
        ("&copy; &#60; &lt;", "&amp;copy; &amp;#60; &amp;lt;"),
        ("<1 % of A & B, a < b", "<1 % of A & B, a < b"),
    ],
)
def test_a_text_stays_a_text_in_markdown(table: Make, text: str, shown: str) -> None:
    assert markdown_table(pd.DataFrame({text: [text]})) == f"| {shown} |\n| --- |\n| {shown} |\n"
    assert f"\n- Accuracy: {shown}, clips of" in markdown(table("I2D", "I3D", data=text))


def test_brackets_in_names_are_no_markup_for_the_terminal(table: Make) -> None:
    out = io.StringIO()
    named = "[red]data[/blue]"
    Console(file=out, width=200).print(rich_table(table("I2D", "I3D", data=named), f"mine {named}", width=200))
    assert f"mine {named}" in out.getvalue() and f"Accuracy: {named}, clips of" in out.getvalue()
    out = io.StringIO()
    Console(file=out, width=200).print(rich_frame(pd.DataFrame({named: ["a"]})))
    assert named in out.getvalue()


def test_csv_reads_back_unrounded(figure4: pd.DataFrame) -> None:
    back = pd.read_csv(io.StringIO(csv(figure4)))
    back["latency_outcome"] = back["latency_outcome"].astype(object).fillna("")
    pd.testing.assert_frame_equal(back[figure4.columns.tolist()], figure4, check_dtype=False)
    assert back["on_frontier_macs"].sum() >= 1


def test_the_terminal_keeps_names_whole_at_80_columns(figure4: pd.DataFrame) -> None:
    out = io.StringIO()
    for each in rich_tables(figure4, "figure4"):
        Console(file=out, width=80).print(each)
    assert "Bottom-Heavy-S3D-9" in out.getvalue()
    assert "Accuracy: motion" in out.getvalue()


def test_a_narrow_terminal_goes_without_some_columns_and_breaks_no_word(figure4: pd.DataFrame) -> None:
    rows = figure4.assign(curve_macs=2.1e9)
    certain = Fronts({index: right(top1) for index, top1 in rows["top1"].items()}).of(rows)
    for width, spare in ((80, ["Clips/s (batch)", "Peak MB"]), (160, [])):
        out = io.StringIO()
        table = rich_table(rows, "figure4", certain, width)
        Console(file=out, width=width).print(table)
        assert "…" not in out.getvalue()
        left_out = f"No room for {' and '.join(spare)}" if spare else ""
        assert left_out in out.getvalue().replace("\n", " ")
        assert not set(spare) & {str(column.header) for column in table.columns}
        assert "latency" in out.getvalue()


@pytest.mark.parametrize(
    ("low", "high", "word"), [(0.01, 0.1, "higher"), (-0.2, -0.1, "lower"), (-0.01, 0.2, "cannot tell")]
)
def test_verdict(low: float, high: float, word: str) -> None:
    assert verdict(Interval((low + high) / 2, low, high, "")) == word


def test_differences_are_to_i2d_unless_another_is_named(table: Make) -> None:
    rows = table("I3D", "I2D", "S3D")
    accuracies = {0: right(0.8), 1: right(0.5), 2: right(0.8025)}
    found = differences(rows, accuracies)
    assert [(each.variant, each.base, each.verdict) for each in found] == [
        ("I3D", "I2D", "higher"),
        ("S3D", "I2D", "higher"),
    ]
    to_i3d = differences(rows, accuracies, "I3D")
    assert [(each.variant, each.verdict) for each in to_i3d] == [("I2D", "lower"), ("S3D", "cannot tell")]
    assert differences_table(found)["Top-1 difference, points [95 %]"].iloc[0].startswith("+30.0 [+")


def test_differences_tell_widths_apart(table: Make) -> None:
    rows = pd.concat([table("I3D", width=width) for width in (0.25, 0.5)], ignore_index=True)
    (found,) = differences(rows, {0: right(0.5), 1: right(0.9)}, "I3D")
    assert (found.variant, found.base) == ("I3D x0.5", "I3D x0.25")


def test_differences_leave_out_rows_without_clips_and_refuse_other_clips(table: Make) -> None:
    rows = table("I2D", "I3D", "S3D")
    assert differences(rows, {}) == []
    assert [each.variant for each in differences(rows, {0: right(0.5), 2: right(0.6)})] == ["S3D"]
    with pytest.raises(InputError, match="different clips"):
        differences(rows, {0: right(0.5), 1: (np.ones((1, 3), bool), np.arange(3))})
    with pytest.raises(InputError, match="Fast-S3D"):
        differences(rows, {0: right(0.5)}, "Fast-S3D")


def test_order_differences_pair_the_two_orders_of_a_variant(table: Make) -> None:
    rows = pd.concat([table("I2D", "I3D"), table("I2D", "I3D", order="reversed")], ignore_index=True)
    found = order_differences(rows, {0: right(0.5), 1: right(0.9), 2: right(0.5), 3: right(0.1)})
    assert [(each.variant, each.verdict) for each in found] == [
        ("I2D, reversed", "cannot tell"),
        ("I3D, reversed", "lower"),
    ]
    assert found[1].interval.estimate == pytest.approx(-0.8)


PUBLISHED = "Published K400 top-1 / top-5"
LONG = "my_nets:make_a_network(depth=3, kinds=[full, flat], text='[bold]|x', widths=[16, 32, 64, 128])"


def test_other_families_have_a_dash_for_3d_units(mixture: Make) -> None:
    shown = display_table(mixture("r3d_18", "my_nets:tiny(width=8)"))
    assert shown["3D units"].tolist() == ["none", "all separable", "–", "–"]  # noqa: RUF001
    varied = pd.concat([mixture("r3d_18"), mixture().assign(width=0.5)], ignore_index=True)
    assert display_table(varied)["Width"].tolist() == ["0.25", "0.25", "–", "0.5", "0.5"]  # noqa: RUF001


def test_what_is_published_has_a_column_of_its_own_where_there_is_any(mixture: Make) -> None:
    rows = mixture("r3d_18", "my_nets:tiny")
    assert PUBLISHED not in display_table(rows)
    rows["published"] = [np.nan, np.nan, str(Variant.parse("r3d_18").published), np.nan]
    shown = display_table(rows)
    words = "63.2 / 83.479 (16x112x112, 5 clips a video, centre crop, video level, 15 frames a second)"
    assert shown[PUBLISHED].tolist() == ["–", "–", words, "–"]  # noqa: RUF001
    assert words in markdown(rows)
    assert "never measured here" in markdown(rows)
    assert pd.read_csv(io.StringIO(csv(rows)))["published"].tolist()[2] == rows["published"][2]


def test_the_terminal_gives_the_protocol_of_what_is_published_once(mixture: Make) -> None:
    rows = mixture("r3d_18", "mc3_18", "swin3d_t").iloc[2:]
    rows["published"] = [str(Variant.parse(name).published) for name in rows.variant]
    out = io.StringIO()
    Console(file=out, width=100).print(rich_tables(rows, "peers")[0])
    text = " ".join(out.getvalue().split())
    assert all(number in text for number in ("63.2 /", "83.479", "63.96 /", "84.13"))
    assert text.count("16x112x112, 5 clips a video") == 1
    assert "Published for r3d_18, mc3_18: 16x112x112, 5 clips a video, centre crop, video level, 15 frames" in text
    assert "Published for swin3d_t: 32x224x224, 12 clips a video" in text
    assert max(map(len, out.getvalue().splitlines())) <= 100


def test_what_is_published_is_neither_measured_nor_on_a_frontier(mixture: Make, no_accuracy: dict[str, Any]) -> None:
    rows = mixture("r3d_18", **no_accuracy)
    rows["published"] = [np.nan, np.nan, str(Variant.parse("r3d_18").published)]
    shown = display_table(rows)
    assert set(shown["Top-1 % [95 %]"]) == {"–"}  # noqa: RUF001
    assert set(shown["Frontier"]) == {""}
    assert pd.read_csv(io.StringIO(csv(rows))).filter(like="on_frontier").to_numpy().sum() == 0


@pytest.mark.parametrize("width", [80, 120, 200])
def test_long_names_leave_room_for_the_numbers(mixture: Make, width: int) -> None:
    rows = mixture("r3d_18", LONG)
    out = io.StringIO()
    for each in rich_tables(rows, "mixture"):
        Console(file=out, width=width).print(each)
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert "r3d_18" in text
    assert "kinds=[full," in text and "[bold]|x" in text  # brackets are part of the name
    assert "62.0" in text  # the top-1 of the row with the long name, in one piece
    assert r"'[bold]\|x'" in markdown(rows)


def test_order_differences_of_networks_without_a_width(mixture: Make) -> None:
    rows = pd.concat([mixture("r3d_18"), mixture("r3d_18", order="reversed")], ignore_index=True)
    found = order_differences(rows, {index: right(0.5) for index in rows.index})
    assert [each.variant for each in found] == ["I2D, reversed", "S3D, reversed", "r3d_18, reversed"]


def test_out_of_memory_stands_where_the_latency_would(table: Make) -> None:
    lost = table("I3D", latency_ms=np.nan, latency_outcome="out of memory", processes=0)
    shown = display_table(pd.concat([table("I2D"), lost], ignore_index=True))
    assert shown["Latency ms [95 %]"].tolist()[1] == "out of memory"
    assert "Processes" not in shown  # none came to an end, which is no other protocol
    assert "latency" not in shown["Frontier"].tolist()[1]


def test_brackets_in_the_title_of_claims_are_no_markup() -> None:
    out = io.StringIO()
    Console(file=out, width=200).print(rich_claims([], "[red]mine[/blue]: claims"))
    assert "[red]mine[/blue]: claims" in out.getvalue()
