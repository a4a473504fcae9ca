from __future__ import annotations

import csv as csv_module
import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tradeoff.errors import InputError
from tradeoff.measure.temporal_weights import temporal_weights
from tradeoff.records.keys import TEMPORAL_WEIGHTS, weights_key
from tradeoff.records.store import Record, Store
from tradeoff.report.run import report_weights
from tradeoff.report.temporal_figure import temporal_figure
from tradeoff.report.temporal_weights import (
    NEAR_ZERO,
    SPREAD,
    criteria,
    display_table,
    find_weights,
    judge,
    read_spread,
)

ONE_FRAME, LATER_FRAME, EVEN = [0.0] * 3 + [1] + [0] * 3, [0.0] * 4 + [1] + [0] * 2, [1.0] * 7


def weights_over_time(low: list[float] | None, high: list[float] | None) -> dict[str, torch.Tensor]:
    """A stem and a Mixed_5b of two filters, the second the first's negative, so that means are zero."""
    state = {}
    if low:
        state["trunk.conv_1a.conv.weight"] = torch.tensor([low, [-x for x in low]])[:, None, :, None, None]
    for branch in (1, 2) if high else ():
        assert high is not None
        weights = torch.tensor([high, [-x for x in high]])[:, None, :, None, None]
        state[f"trunk.mixed_5b.branch{branch}.conv.conv.weight"] = weights
    return state


def make_record(low: list[float] | None, high: list[float] | None, name: str = "mine.pt", digest: str = "d1") -> Record:
    key = weights_key(digest, TEMPORAL_WEIGHTS)
    about = {"name": "I3D", "variant": {"family": "inception"}, "weights": name, "layout": "tradeoff"}
    return Record("weights", key.digest, key.depends_on, temporal_weights(weights_over_time(low, high)), about)


def figure_of(record: Record) -> Figure:
    spread = read_spread(record)
    return temporal_figure(spread, judge(spread), [criteria(spread)])


def artist(axis: Axes, gid: str) -> Any:
    (found,) = [each for each in axis.get_children() if each.get_gid() == gid]
    return found


@pytest.mark.parametrize(
    ("low", "high", "outcome", "words"),
    [
        (
            ONE_FRAME,
            [1, 1, 1],
            "shows it",
            ["shows what the paper says", "at t ≠ 0 are near zero (they hold 0 %", "spread over t"],
        ),
        (
            EVEN,
            [1, 1, 1],
            "mixed",
            ["half", "weights spread over t (67 % and 67 %", "but", "not near zero (they hold 86 %"],
        ),
        (
            ONE_FRAME,
            [0, 1, 0],
            "mixed",
            ["half", "near zero (they hold 0 %", "but", "do not spread over t (0 % and 0 %"],
        ),
        (EVEN, [0, 1, 0], "does not show it", ["does not show", "not near zero", "and", "do not spread"]),
        (None, [1, 1, 1], "cannot show it", ["no kernel over time in conv 1a."]),
        (ONE_FRAME, None, "cannot show it", ["no kernel over time in Mixed_5b."]),
    ],
)
def test_the_sentence_follows_from_the_numbers(
    low: list[float] | None, high: list[float] | None, outcome: str, words: list[str]
) -> None:
    found = judge(read_spread(make_record(low, high)))
    assert found.outcome == outcome
    places = [found.sentence.index(word) for word in words]
    assert places == sorted(places)
    assert found.sentence.startswith("I3D (mine.pt) ") and found.sentence.count(". ") == 0


def test_another_frame_than_the_middle_one_is_not_near_zero_and_is_not_spread() -> None:
    found = judge(read_spread(make_record(LATER_FRAME, [1, 0, 0])))
    assert found.outcome == "does not show it"
    assert "not near zero (they hold 100 % of the layer's energy" in found.sentence
    assert "t = +1 alone holds 100 %" in found.sentence
    assert found.title == "Conv 1a does not keep to t = 0; Mixed_5b does not spread over time"


@pytest.mark.parametrize(("share", "flat"), [(NEAR_ZERO - 0.01, True), (NEAR_ZERO + 0.01, False)])
def test_near_zero_is_a_share_of_what_an_even_spread_has(share: float, flat: bool) -> None:
    outside = share * 6 / 7
    low = [(outside / 6) ** 0.5] * 7
    low[3] = (1 - outside) ** 0.5
    assert (judge(read_spread(make_record(low, [1, 1, 1]))).outcome == "shows it") is flat


@pytest.mark.parametrize(("share", "wide"), [(SPREAD - 0.01, False), (SPREAD + 0.01, True)])
def test_spread_is_a_share_of_what_an_even_spread_has(share: float, wide: bool) -> None:
    outside = share * 2 / 3
    high = [(1 - outside) ** 0.5, outside**0.5, 0]  # the heaviest offset is not the middle one
    assert (judge(read_spread(make_record(ONE_FRAME, high))).outcome == "shows it") is wide


def test_the_caption_says_what_the_words_mean_and_where_these_weights_stand() -> None:
    words = criteria(read_spread(make_record(EVEN, [0, 1, 0])))
    assert "at most 0.1 of what an even spread has there (conv 1a 1.00)" in words
    assert "at least 0.5 of what an even spread has there (Mixed_5b branch 1 0.00, Mixed_5b branch 2 0.00)" in words


def test_a_panel_a_unit_and_a_summary() -> None:
    figure = figure_of(make_record(EVEN, [1, 1, 1]))
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles[0] == "conv 1a 7x1x1"
    assert titles[1:9] == ["conv 2c", *(f"Mixed_{unit}" for unit in ("3b", "3c", "4b", "4c", "4d", "4e", "4f"))]
    assert titles[9:] == ["Mixed_5b 3x1x1", "Mixed_5c", "How much lies outside one offset"]
    for axis, title in zip(figure.axes[:11], titles, strict=False):
        empty = any(text.get_text() == "no kernel over time" for text in axis.texts)
        assert empty is not title.endswith("x1x1")
    assert len({axis.get_ylim() for axis in figure.axes[:11]}) == 1  # one scale


def test_bars_are_percentiles_in_rms_of_the_layer() -> None:
    record = make_record([0, 0, 0, 3, 4, 0, 0], [1, 1, 1])  # rms of 1a: the root of 25 / 7
    figure = figure_of(record)
    rms = (25 / 7) ** 0.5
    for offset, height in ((0, 3), (1, 4), (-1, 0)):
        dark = artist(figure.axes[0], f"conv 1a t={offset} dark")
        pale = artist(figure.axes[0], f"conv 1a t={offset} pale")
        # Of two weights -w and w the 25th percentile is -w / 2, the 75th w / 2; the 5th -0.9 w, the 95th 0.9 w.
        assert (dark.get_y(), dark.get_height()) == pytest.approx((-height / 2 / rms, height / rms))
        assert (pale.get_y(), pale.get_height()) == pytest.approx((-0.9 * height / rms, 1.8 * height / rms))
        assert dark.get_x() + dark.get_width() / 2 == pytest.approx(offset)
    assert [text.get_text() for text in figure.axes[0].texts] == ["0", "0", "0", "36", "64", "0", "0"]


def test_branches_stand_side_by_side_in_other_colours() -> None:
    axis = figure_of(make_record(EVEN, [1, 1, 1])).axes[9]
    first, second = (artist(axis, f"Mixed_5b branch {branch} t=0 dark") for branch in (1, 2))
    assert first.get_x() + first.get_width() < second.get_x()
    assert first.get_facecolor() != second.get_facecolor()


def test_the_summary_shows_both_measures() -> None:
    axis = figure_of(make_record(LATER_FRAME, [1, 1, 1])).axes[11]
    assert artist(axis, "conv 1a outside t = 0").get_ydata()[0] == pytest.approx(7 / 6)
    assert artist(axis, "conv 1a outside heaviest t").get_ydata()[0] == 0
    assert artist(axis, "Mixed_5b branch 2 outside t = 0").get_ydata()[0] == pytest.approx(1)
    assert axis.get_ylim()[1] > 7 / 6


def test_nothing_is_written_over_anything_else() -> None:
    figure = figure_of(make_record(EVEN, [1, 1, 1], name="a rather long name of a checkpoint " * 6))
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    width = figure.bbox.width
    assert all(box.x0 >= 0 and box.x1 <= width for box in boxes)


def test_the_table_in_words() -> None:
    first, second, _ = display_table(read_spread(make_record([0, 0, 0, 3, 4, 0, 0], [1, 1, 1]))).to_dict("records")
    assert (first["Layer"], first["Kernel"], first["Weights"]) == ("conv 1a", "7x1x1", "14")
    assert (first["Energy % by t"], first["Heaviest t"]) == ("0 / 0 / 0 / 36 / 64 / 0 / 0", "+1")
    assert first["Filters like it"] == "2 of 2"
    assert (first["Outside t = 0"], first["Outside heaviest t"]) == ("0.75", "0.42")  # 0.64 and 0.36 over 6 / 7
    assert (second["Layer"], second["Outside t = 0"]) == ("Mixed_5b branch 1", "1.00")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results").prepare()


def keep(store: Store, record: Record) -> Record:
    key = weights_key(record.depends_on["checkpoint"], TEMPORAL_WEIGHTS)
    return store.write(key, record.measured, about=record.about, made={})


def test_four_files_from_a_record(store: Store, tmp_path: Path) -> None:
    record = keep(store, make_record(EVEN, [1, 1, 1]))
    (report,) = report_weights([record], store, tmp_path / "out").values()
    assert [path.name for path in report.paths] == [
        f"mine_temporal_weights.{kind}" for kind in ("png", "svg", "md", "csv")
    ]
    again = report_weights([record], store, tmp_path / "again")["mine"]
    assert [path.read_bytes() for path in report.paths] == [path.read_bytes() for path in again.paths]
    text = report.paths[2].read_text()
    assert judge(read_spread(record)).sentence in text
    assert "](mine_temporal_weights.svg)" in text
    rows = list(csv_module.DictReader(io.StringIO(report.paths[3].read_text())))
    assert len(rows) == 7 + 3 + 3
    assert (rows[0]["unit"], rows[0]["branch"], rows[0]["offset"], rows[7]["branch"]) == ("1a", "", "-3", "1")
    assert float(rows[0]["p75"]) == 0.5


def test_names_from_files_are_text_and_nothing_else(store: Store, tmp_path: Path) -> None:
    name = "../<script>|`a`*_$\\frac{1_\x00\n[x](y)&amp;.pt"
    record = keep(store, make_record(EVEN, [1, 1, 1], name=name))
    (report,) = report_weights([record], store, tmp_path / "out").values()
    assert all(path.parent == tmp_path / "out" for path in report.paths)
    svg = report.paths[1].read_text()
    ET.fromstring(svg)
    assert "<script>" not in svg and "&lt;script&gt;" in svg
    text = report.paths[2].read_text()
    assert "<script" not in text.replace("\\<script", "") and r"\[x\](y)\&amp;.pt" in text
    assert len({line.count(" | ") for line in text.splitlines() if line.startswith("| ")}) == 1


def test_weights_of_one_name_are_told_apart(store: Store, tmp_path: Path) -> None:
    first = keep(store, make_record(EVEN, [1, 1, 1], digest="d1"))
    second = keep(store, make_record(ONE_FRAME, [1, 1, 1], digest="d2"))
    names = list(report_weights(find_weights(store), store, tmp_path / "out"))
    assert sorted(names) == sorted(f"mine-{record.key}" for record in (first, second))
    assert list(report_weights([second], store, tmp_path / "out")) == [f"mine-{second.key}"]


def test_records_are_found_by_name_and_method(store: Store) -> None:
    mine = keep(store, make_record(EVEN, [1, 1, 1]))
    other = keep(store, make_record(EVEN, [1, 1, 1], name="other", digest="d2"))
    store.write(weights_key("d3", "temporal-weights/0"), {}, about=mine.about, made={})
    assert {record.key for record in find_weights(store)} == {mine.key, other.key}
    assert [record.key for record in find_weights(store, "other")] == [other.key]
    assert find_weights(store, "nobody") == []


@pytest.mark.parametrize(
    "damage", [{"layers": [{}]}, {}, {"layers": [{"unit": "9z"}], "percentiles": []}, {"layers": 3}]
)
def test_a_damaged_record_is_a_sentence(damage: dict[str, Any]) -> None:
    record = make_record(EVEN, [1, 1, 1])
    with pytest.raises(InputError, match=rf"weights/{record.key}\.json is damaged"):
        read_spread(replace(record, measured=damage))
