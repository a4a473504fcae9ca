"""Training curves from made-up records whose means can be worked out by hand."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from printed import assert_fit_for_print

from tradeoff.errors import InputError
from tradeoff.records.keys import training_key
from tradeoff.records.store import Store
from tradeoff.report.canvas import LABEL_ID
from tradeoff.report.curves import COLOURS
from tradeoff.report.drawing import Asked
from tradeoff.report.training import BAND_ID, draw, notes_of, over_trainings, training_figure
from tradeoff.variants import Variant

RECIPE = {"recipe": "2 epochs, batch 16", "recipe_key": "ab12"}


def add(store: Store, name: str, seed: int, losses: Sequence[float], **changes: Any) -> str:
    """A training with those losses, and accuracies that are a tenth of them, unless `accuracy` is None."""
    variant = Variant.parse(name, width=0.25, classes=4)
    about = {"name": name, "variant": variant.fields(), "clip": "8x32x32", "data": "motion", "fold": 0, **RECIPE}
    about |= {"seed": seed, **{key: value for key, value in changes.items() if key in ("recipe_key", "data", "fold")}}
    key = training_key(variant.fields(), "8x32x32", about["data"], about["fold"], {"of": about["recipe_key"]}, 1, seed)
    epochs = [{"epoch": place, "loss": loss, "steps": 4} for place, loss in enumerate(losses, 1)]
    if changes.get("accuracy", True):
        epochs = [each | {"accuracy": each["loss"] / 10, "rate": 0.02} for each in epochs]
    store.write(key, {"state": "ab" * 8, "epochs": epochs}, about=about, made={})
    return key.digest


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A sweep of two networks: of one three seeds, of the other one."""
    store = Store(tmp_path / "results").prepare()
    keys = [add(store, "S3D", 0, [4.0, 2.0]), *(add(store, "I3D", seed, [loss, 1.0]) for seed, loss in
                                                enumerate((2.0, 3.0, 7.0)))]  # fmt: skip
    store.write_sweep("mine", {"training": keys})
    return store


def test_the_mean_and_both_ends_of_three_seeds(store: Store, tmp_path: Path) -> None:
    (drawing,) = draw(Asked(store.root, tmp_path / "out", sweep="mine")).values()
    first, _, third, _ = drawing.rows.to_dict("records")
    assert (first["variant"], first["trainings"], first["loss"]) == ("S3D", 1, 4.0)  # in the order of the sweep's file
    assert [third[name] for name in ("variant", "trainings", "epoch")] == ["I3D", 3, 1]
    assert [third[name] for name in ("loss", "loss_low", "loss_high")] == [4.0, 2.0, 7.0]
    assert [third[name] for name in ("accuracy", "accuracy_low", "rate")] == pytest.approx([0.4, 0.2, 0.02])
    assert drawing.shown["Loss, first epoch"].tolist() == ["4.000 [4.000, 4.000]", "4.000 [2.000, 7.000]"]
    assert "(1 to 3: 3 seeds)" in drawing.notes[1]


def test_four_files_the_same_each_time(store: Store, tmp_path: Path) -> None:
    (drawing,) = draw(Asked(store.root, tmp_path / "out", sweep="mine")).values()
    names = [path.name for path in drawing.paths]
    assert names == [f"mine_training.{kind}" for kind in ("png", "svg", "md", "csv")]
    (again,) = draw(Asked(store.root, tmp_path / "again", sweep="mine")).values()
    assert [path.read_bytes() for path in drawing.paths] == [path.read_bytes() for path in again.paths]
    rows = list(csv.DictReader(drawing.paths[3].read_text().splitlines()))
    assert [(row["variant"], row["epoch"], row["loss"]) for row in rows][2] == ("I3D", "1", "4.0")
    assert "![mine: training curves](mine_training.svg)" in drawing.paths[2].read_text()


def lines(axis: Axes) -> dict[str, Any]:
    return {line.get_color(): line for line in axis.get_lines() if line.get_marker() == "o"}


def test_lines_have_the_looks_of_the_pareto_figure_and_a_band_over_seeds(store: Store, tmp_path: Path) -> None:
    (drawing,) = draw(Asked(store.root, tmp_path, sweep="mine")).values()
    loss, accuracy = training_figure(drawing.rows, "Curves", drawing.notes).axes
    full, separable = (lines(loss)[COLOURS[kind]] for kind in ("full", "separable"))
    np.testing.assert_allclose(full.get_ydata(), [4, 1])
    np.testing.assert_allclose(separable.get_ydata(), [4, 2])
    np.testing.assert_allclose(lines(accuracy)[COLOURS["full"]].get_ydata(), [40, 10])
    (band,) = [each for each in loss.collections if each.get_gid() == BAND_ID]
    first = band.get_paths()[0].vertices
    assert set(first[first[:, 0] == 1, 1]) == {2.0, 7.0}


def test_bottom_heavy_is_dotted(store: Store, tmp_path: Path) -> None:
    add(store, "Bottom-Heavy-I3D-2", 0, [3.0, 1.5])
    (drawing,) = draw(Asked(store.root, tmp_path)).values()
    (axis, _) = training_figure(drawing.rows, "Curves", drawing.notes).axes
    styles = sorted(line.get_linestyle() for line in axis.get_lines() if line.get_marker() == "o")
    assert styles == ["-", "-", ":"]


def test_trainings_of_another_recipe_or_data_set_have_figures_of_their_own(store: Store, tmp_path: Path) -> None:
    add(store, "I3D", 0, [3.0], recipe_key="cd34")
    add(store, "I3D", 0, [3.0], data="appearance")
    drawings = draw(Asked(store.root, tmp_path / "out"))
    assert sorted(drawings) == [
        "results_training_appearance-ab12", "results_training_motion-ab12", "results_training_motion-cd34"
    ]  # fmt: skip


def test_accuracy_that_no_training_recorded_has_no_panel(tmp_path: Path) -> None:
    store = Store(tmp_path / "older").prepare()
    add(store, "I3D", 0, [3.0, 2.0], accuracy=False)
    (drawing,) = draw(Asked(store.root, tmp_path)).values()
    assert len(training_figure(drawing.rows, "Curves", drawing.notes).axes) == 1
    assert "Accuracy as trained is not on record." in drawing.notes[1]
    add(store, "I3D", 1, [3.0, 2.0])
    (drawing,) = draw(Asked(store.root, tmp_path)).values()
    assert "Accuracy, of 1 of 2 trainings" in drawing.notes[1]


def test_many_names_stand_apart_and_inside(figure4: pd.DataFrame) -> None:
    rng = np.random.default_rng(0)
    rows = [
        {**row, "seed": seed, "fold": 0, "training": f"{row['variant']} {seed}", "epoch": epoch, "rate": 0.02,
         "loss": 2 / epoch + 0.02 * rng.random(), "accuracy": 0.2 * epoch + 0.01 * rng.random()}
        for row in figure4.to_dict("records") for seed in (0, 1) for epoch in (1, 2, 3)
    ]  # fmt: skip
    epochs = pd.DataFrame(rows)
    figure = training_figure(over_trainings(epochs), "Curves", notes_of(epochs))
    assert_fit_for_print(figure)
    for axis in figure.axes:
        boxes = [text.get_window_extent() for text in axis.texts if text.get_gid() == LABEL_ID]
        assert len(boxes) == 19
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
        panel = axis.get_window_extent()
        assert all(panel.y0 - 1 <= box.y0 and box.y1 <= panel.y1 + 1 and box.x0 > panel.x1 for box in boxes)


def test_without_a_training_it_says_what_to_run(tmp_path: Path) -> None:
    store = Store(tmp_path / "results").prepare()
    store.write_sweep("mine", {"latency": []})
    with pytest.raises(InputError, match=r"sweep mine has no training: run a sweep whose file has train"):
        draw(Asked(store.root, tmp_path, sweep="mine"))
    with pytest.raises(InputError, match=r"sweep 'other' was not run into .*: it holds mine"):
        draw(Asked(store.root, tmp_path, sweep="other"))
