"""Searches side by side, from stories that are written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tradeoff.errors import InputError
from tradeoff.records.searches import Candidate, Rung, Story, Walk, read_story
from tradeoff.records.store import Store
from tradeoff.report.searches import events, reached, report_searches, search_figure, summary


def walk(seed: int, *steps: tuple[float, float]) -> Walk:
    """Of (seconds so far, hypervolume then); the first training is a short one."""
    rungs = [Rung(None if place else 1, 0.5, 10.0, at, volume) for place, (at, volume) in enumerate(steps)]
    candidates = [Candidate(f"I3D-{place}", place, {"macs": 1e9}, rungs=[rung]) for place, rung in enumerate(rungs)]
    return Walk(seed, [*candidates, Candidate("S3D", 9, {"macs": 9e9}, rejected="macs 9e+09 is over 2e+09")])


def story(name: str, *walks: Walk, **change: Any) -> Story:
    values: dict[str, Any] = {
        "sampler": "random", "cost": "macs", "within": {"macs": 2e9}, "reference": {"top1": 0.0625, "macs": 2e9},
        "protocol": "motion", "protocol_key": "abc",
    }  # fmt: skip
    return Story(name, **values | change, walks=list(walks))


ONE = story("one", walk(0, (10, 0.0), (20, 0.2), (40, 0.4)), walk(1, (10, 0.0), (30, 0.4)))
OTHER = story("other", walk(0, (10, 0.0), (20, 0.1), (25, 0.3)), sampler="grid")


def test_what_a_search_has_reached_by_then() -> None:
    assert reached(ONE.walks[0], [0, 9.9, 10, 19.9, 20, 39, 40, 1000]).tolist() == [0, 0, 0, 0, 0.2, 0.2, 0.4, 0.4]


def test_the_table_compares_at_the_time_that_all_have_had() -> None:
    table = summary([ONE, OTHER])  # 25 seconds
    assert table["Candidates"].tolist() == ["3.5", "4"]
    assert table["Rejected"].tolist() == ["1", "1"]
    assert table["Trained whole"].tolist() == ["1.5", "2"]
    assert table["Training (s)"].tolist() == ["35", "25"]
    assert table["at 25 s"].tolist() == ["0.100 [0.000, 0.200]", "0.300 [0.300, 0.300]"]
    assert table["at 12.5 s"].tolist() == ["0.000 [0.000, 0.000]"] * 2


def test_the_figure_has_the_mean_of_each_search_as_far_as_all_its_seeds_got() -> None:
    (axis,) = search_figure([ONE, OTHER]).axes
    one, other = axis.lines
    assert list(one.get_xdata()) == [0, 10, 20, 30]
    assert list(one.get_ydata()) == pytest.approx([0, 0, 0.1, 0.3])
    assert list(other.get_xdata()) == [0, 10, 20, 25]
    assert list(other.get_ydata()) == [0, 0, 0.1, 0.3]
    assert one.get_linestyle() != other.get_linestyle()
    (band,) = axis.collections  # of the two seeds of one
    assert band.get_paths()[0].vertices[:, 1].max() == 0.4
    assert [text.get_text() for text in axis.figure.legends[0].get_texts()] == [
        "one (random), 2 seeds",
        "other (grid), 1 seed",
    ]


def test_a_row_a_training_in_the_order_in_which_they_count() -> None:
    rows = events([ONE])
    assert rows["at_seconds"].tolist() == [10, 20, 40, 10, 30]
    assert rows["epochs"].tolist() == [1, "all", "all", 1, "all"]


@pytest.mark.parametrize(
    "change", [{"cost": "params"}, {"reference": {"top1": 0.0625, "macs": 3e9}}, {"protocol_key": "abd"}]
)
def test_searches_that_do_not_compare_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    root = Store(tmp_path / "results").prepare().root
    ONE.write(root)
    story("third", *OTHER.walks, **change).write(root)
    with pytest.raises(InputError, match=f"searches one and third do not compare, their {next(iter(change))} differs"):
        report_searches(root, ["one", "third"], tmp_path / "out")
    with pytest.raises(InputError, match=r"search 'fourth' was not run into .*: it holds one, third"):
        report_searches(root, ["fourth"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_search_that_trained_nothing_is_no_curve() -> None:
    with pytest.raises(InputError, match="search 'idle' trained nothing yet"):
        search_figure([ONE, story("idle", walk(0))])


def test_a_story_is_read_as_it_was_written_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    path = ONE.write(tmp_path)
    assert read_story(tmp_path, "one") == ONE
    path.write_text(path.read_text().replace('"rungs"', '"steps"'))
    with pytest.raises(InputError, match=r"one\.json cannot be read as a search"):
        read_story(tmp_path, "one")
