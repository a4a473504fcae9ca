"""Accuracy over the length of the clip: which rows belong together, and what is drawn of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_records
import numpy as np
import pandas as pd
import pytest
from printed import assert_fit_for_print

from tradeoff.errors import InputError
from tradeoff.records.store import Store
from tradeoff.report.canvas import LABEL_ID
from tradeoff.report.clip_length import by_length, clip_length_figure, draw, notes_of, shown_table, with_steps
from tradeoff.report.curves import COLOURS
from tradeoff.report.drawing import Asked

Make = Callable[..., pd.DataFrame]
NAMES = ("I2D", "I3D", "S3D")


def at(table: Make, frames: int, *names: str, **changes: Any) -> pd.DataFrame:
    """Clips of another length are other clips, so their digest is another one; costs grow with the frames."""
    own = {"clip": f"{frames}x64x64", "data_digest": f"digest of {frames}", "recipe_key": f"key of {frames}"}
    rows = table(*(names or NAMES), **own | changes)
    return rows.assign(macs=rows["macs"] * frames / 16, latency_ms=frames * 1.0, latency_low_ms=frames * 0.9,
                       latency_high_ms=frames * 1.2)  # fmt: skip


def joined(*tables: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True)


def test_lengths_of_one_protocol_belong_together(table: Make) -> None:
    (rows,) = by_length(joined(*(at(table, frames) for frames in (16, 8, 32))))
    assert sorted(rows["frames"].unique()) == [8, 16, 32]
    assert len(rows) == 9


@pytest.mark.parametrize(
    "other",
    [
        {"data": "appearance"}, {"order": "reversed"}, {"view": "10 clips, 10 views averaged"}, {"test_clips": 512},
        {"recipe": "3 epochs"}, {"classes": 5}, {"device": "cuda H100"}, {"precision": "bf16"}, {"threads": 1},
        {"clip": "8x112x112"},
    ],
    ids=lambda other: next(iter(other)),
)  # fmt: skip
def test_what_differs_in_more_than_frames_is_not_joined(table: Make, other: dict[str, Any]) -> None:
    assert by_length(joined(at(table, 16), at(table, 8, **other))) == []


def test_who_was_trained_on_more_clips_is_not_joined(table: Make) -> None:
    both = joined(at(table, 16), at(table, 8))
    assert len(by_length(both.assign(steps=100))) == 1
    assert by_length(both.assign(steps=[100] * 3 + [200] * 3)) == []


def test_views_that_differ_in_their_frames_alone_are_joined(table: Make) -> None:
    views = {frames: f"{frames} consecutive frames, centre crop of 64x64 from 72x72, 1 view" for frames in (8, 16)}
    assert len(by_length(joined(*(at(table, frames, view=views[frames]) for frames in views)))) == 1
    spread = "16 frames spread over the video, centre crop of 64x64 from 72x72, 1 view"
    assert by_length(joined(at(table, 8, view=views[8]), at(table, 16, view=spread))) == []


def test_a_variant_at_one_length_is_left_out(table: Make) -> None:
    (rows,) = by_length(joined(at(table, 8, "I3D"), at(table, 16, "I3D", "S3D")))
    assert set(rows["variant"]) == {"I3D"}


def test_the_three_panels(table: Make) -> None:
    (rows,) = by_length(joined(at(table, 8, top1=0.5, top1_low=0.4, top1_high=0.7), at(table, 16), at(table, 32)))
    figure = clip_length_figure(rows, "Lengths", notes_of(rows))
    assert [axis.get_ylabel() for axis in figure.axes] == [
        "Top-1 accuracy (%)", "Multiply-adds per clip (G)", "Latency (ms)"
    ]  # fmt: skip
    accuracy, macs, latency = figure.axes
    lines = {line.get_color(): line for line in macs.get_lines() if line.get_marker() == "o"}
    np.testing.assert_array_equal(lines[COLOURS["full"]].get_xdata(), [8, 16, 32])
    y = lines[COLOURS["full"]].get_ydata()
    np.testing.assert_allclose(y / y[0], [1, 2, 4])
    bars = {tuple(np.round(path.vertices[:, 1], 6)) for each in accuracy.collections for path in each.get_paths()}
    assert (40, 70) in bars
    bars = {tuple(np.round(path.vertices[:, 1], 6)) for each in latency.collections for path in each.get_paths()}
    assert bars == {(7.2, 9.6), (14.4, 19.2), (28.8, 38.4)}
    for axis in figure.axes:
        assert sorted(text.get_text() for text in axis.texts if text.get_gid() == LABEL_ID) == sorted(NAMES)
    assert_fit_for_print(figure)
    assert "clips of 8 / 16 / 32x64x64" in notes_of(rows)[0]


def test_what_was_not_measured_has_no_panel(table: Make, no_latency: dict[str, Any]) -> None:
    both = joined(at(table, 8), at(table, 16)).assign(**no_latency)
    (rows,) = by_length(both)
    figure = clip_length_figure(rows, "Lengths", notes_of(rows))
    assert [axis.get_ylabel() for axis in figure.axes] == ["Top-1 accuracy (%)", "Multiply-adds per clip (G)"]
    row = shown_table(rows).to_dict("records")[0]
    assert (row["Variant"], row["Frames"], row["Latency ms [95 %]"]) == ("I2D", "8", "–")  # noqa: RUF001


def test_steps_are_those_of_the_rows_trainings(tmp_path: Path, table: Make) -> None:
    store = made_records.whole_folder(tmp_path / "results")  # of each training one epoch of two steps
    facts = {"clip": made_records.CLIP, "data_digest": "d" * 16, "recipe_key": made_records.FACTS["recipe_key"]}
    found = with_steps(joined(table("I3D", **facts), table("S3D", **facts)), store)
    assert found["steps"].tolist()[0] == 2 and np.isnan(found["steps"].tolist()[1])


def test_a_folder_of_one_length_says_what_to_run(tmp_path: Path) -> None:
    store: Store = made_records.whole_folder(tmp_path / "results")
    with pytest.raises(InputError, match=r"no variant in results folder .* at several lengths .* have 8 frames\): run"):
        draw(Asked(store.root, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
