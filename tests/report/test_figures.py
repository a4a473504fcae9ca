from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tradeoff.errors import InputError
from tradeoff.report.canvas import LABEL_ID
from tradeoff.report.figures import pareto_figure, point_names
from tradeoff.report.labels import wrapped
from tradeoff.report.orders import order_figure
from tradeoff.report.protocols import protocol_lines
from tradeoff.variants import Variant

Make = Callable[..., pd.DataFrame]


def labels(axis: Axes) -> list[Any]:
    return [text for text in axis.texts if text.get_gid() == LABEL_ID]


def assert_labels_are_apart(figure: Figure, points: int) -> None:
    figure.canvas.draw()
    for axis in figure.axes:
        boxes = [text.get_window_extent() for text in labels(axis)]
        assert len(boxes) == points
        assert [(a, b) for a, b in itertools.combinations(boxes, 2) if a.overlaps(b)] == []
        frame = axis.get_window_extent()
        assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 + 1 for box in boxes)
        assert all(frame.y0 <= box.y0 and box.y1 <= frame.y1 + 1 for box in boxes)


def test_the_nineteen_points_of_figure_4_are_labelled_apart(figure4: pd.DataFrame) -> None:
    figure = pareto_figure(figure4, "Figure 4", protocol_lines(figure4))
    assert [axis.get_xlabel().split(" ")[0] for axis in figure.axes] == ["Multiply-adds", "Latency", "Parameters"]
    assert_labels_are_apart(figure, 19)


@pytest.mark.parametrize("seed", range(5))
def test_crowded_points_are_labelled_apart(figure4: pd.DataFrame, seed: int) -> None:
    rng = np.random.default_rng(seed)
    crowded = figure4.sample(frac=1, random_state=seed).reset_index(drop=True)
    spread = 10 ** -(seed % 3)  # down to points that all but coincide
    crowded["top1"] = 0.8 + 0.1 * spread * rng.random(19)
    crowded["top1_low"], crowded["top1_high"] = crowded["top1"] - 0.02, crowded["top1"] + 0.02
    for column in ("macs", "latency_ms", "params"):
        crowded[column] = crowded[column].mean() * (1 + spread * rng.random(19))
    assert_labels_are_apart(pareto_figure(crowded, "crowded", []), 19)


@pytest.fixture
def crowd(table: Make) -> pd.DataFrame:
    """A hundred points; only the first and the last beat all that cost as little, over multiply-adds."""
    rows = pd.concat([table("I2D")] * 100, ignore_index=True)
    rows["macs"] = rows["params"] = np.linspace(1e9, 9e9, 100)
    rows["top1"] = [0.5, *[0.4] * 98, 0.6]
    rows["top1_low"], rows["top1_high"] = rows["top1"] - 0.01, rows["top1"] + 0.01
    return rows.assign(variant=[f"network{number}" for number in range(100)])


def test_of_a_crowd_only_the_frontier_is_named(crowd: pd.DataFrame) -> None:
    figure = pareto_figure(crowd, "crowd", [])
    axis = figure.axes[0]
    assert [text.get_text() for text in labels(axis)] == ["network0", "network99"]
    assert len(axis.collections) == 2  # the intervals of those two
    drawn = [line.get_xydata() for line in axis.get_lines() if line.get_linestyle() == "None"]
    assert len(np.unique(np.concatenate(drawn), axis=0)) == 100
    assert "Of 100 points only those on a frontier" in " ".join(text.get_text() for text in figure.texts)


def test_orders_of_a_crowd_are_drawn_against_each_other(crowd: pd.DataFrame) -> None:
    reverse = crowd.assign(order="reversed", top1=crowd["top1"] - 0.2)
    figure = order_figure(pd.concat([crowd, reverse[::-1]]), "crowd", [])
    assert figure.get_size_inches().max() < 12  # side by side they would take 150
    points = np.concatenate([line.get_xydata() for line in figure.axes[0].get_lines() if line.get_marker() == "o"])
    np.testing.assert_allclose(points[:, 0] - points[:, 1], 20)
    assert len(points) == 100


def test_no_label_lies_on_another_points_marker(figure4: pd.DataFrame) -> None:
    figure = pareto_figure(figure4, "Figure 4", [])
    figure.canvas.draw()
    axis = figure.axes[0]
    points = axis.transData.transform(np.c_[figure4["macs"] / 1e9, 100 * figure4["top1"]])
    boxes = [text.get_window_extent() for text in labels(axis)]
    assert not any(box.contains(x, y) for box in boxes for x, y in points)


def test_names_at_the_points(table: Make, figure4: pd.DataFrame) -> None:
    names = point_names(figure4)
    assert {name for name in names if not name.isdigit()} == {"I2D", "I3D", "S3D", "Fast-S3D"}
    assert sorted(name for name in names if name.isdigit()) == sorted(
        "2479247924792" + "47"
    )  # 9 of Top-Heavy-S3D is Fast-S3D
    assert point_names(table("I2D", "S3D", "S3D-G", "Fast-S3D-G")) == ["I2D", "S3D", "S3D-G", "Fast-S3D-G"]
    mixed = pd.concat([table("I3D"), table("I3D", width=0.5)], ignore_index=True)
    assert point_names(mixed) == ["I3D x0.25", "I3D x0.5"]


def test_curves_are_drawn_in_cut_order_in_the_papers_style(figure4: pd.DataFrame) -> None:
    axis = pareto_figure(figure4.sample(frac=1, random_state=1), "Figure 4", []).axes[0]
    lines = [line for line in axis.get_lines() if len(line.get_xdata()) == 6]
    assert sorted((line.get_linestyle(), line.get_color()) for line in lines) == sorted(
        [("-", "#0068A8"), (":", "#0068A8"), ("-", "#CF5A00"), (":", "#CF5A00")]
    )
    for line in lines:
        assert np.all(np.diff(line.get_xdata()) > 0)  # each further unit in 3D costs multiply-adds


def test_the_frontier_is_a_step_through_its_points(table: Make) -> None:
    rows = table("I2D", "S3D", "I3D")
    rows["macs"], rows["top1"] = [1e9, 2e9, 4e9], [0.5, 0.9, 0.7]
    axis = pareto_figure(rows, "three", []).axes[0]
    (step,) = [line for line in axis.get_lines() if line.get_gid() == "frontier"]
    edge = axis.get_xlim()[1]
    np.testing.assert_allclose(step.get_xydata()[1:], [(1, 50), (2, 50), (2, 90), (edge, 90)])


def test_a_cost_that_was_not_measured_has_no_panel_and_is_named(table: Make, no_latency: dict[str, Any]) -> None:
    rows = table("I2D", "I3D", **no_latency)
    figure = pareto_figure(rows, "no latency", protocol_lines(rows))
    assert len(figure.axes) == 2
    notes = [text.get_text() for text in figure.texts if "Latency was not measured." in text.get_text()]
    assert len(notes) == 1 and notes[0].count("not measured") == 1


def test_a_point_without_latency_is_missing_from_that_panel_only(table: Make) -> None:
    rows = table("I2D", "S3D", "I3D")
    rows.loc[1, ["latency_ms", "latency_low_ms", "latency_high_ms"]] = np.nan
    figure = pareto_figure(rows, "one gap", [])
    assert [len(labels(axis)) for axis in figure.axes] == [3, 2, 3]


def test_one_point_and_points_without_intervals_can_be_drawn(table: Make) -> None:
    rows = table("I3D", top1_low=np.nan, top1_high=np.nan, latency_low_ms=np.nan, latency_high_ms=np.nan)
    assert_labels_are_apart(pareto_figure(rows, "alone", []), 1)


def test_nothing_to_draw_is_said(table: Make, no_accuracy: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="nothing to draw"):
        pareto_figure(table("I2D", **no_accuracy), "empty", [])


def test_orders_side_by_side(table: Make) -> None:
    rows = pd.concat(
        [table("I2D", "I3D", top1=0.8), table("I2D", "I3D", order="reversed", top1=0.1)], ignore_index=True
    )
    figure = order_figure(rows, "Arrow of time", protocol_lines(rows, latency=False))
    (axis,) = figure.axes
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["I2D", "I3D"]
    assert sorted(text.get_text() for text in labels(axis)) == ["10.0", "10.0", "80.0", "80.0"]
    assert_labels_are_apart(figure, 4)
    with pytest.raises(InputError, match="reversed"):
        order_figure(table("I2D"), "half", [])


LONG = "my_nets:make_a_network(depth=3, kinds=[full, flat, separable], text='$x_1$ costs $5', widths=[16, 32, 64])"


@given(st.text("ab (,=[]", max_size=120), st.integers(4, 30))
@example("================ =====", 4)  # a row that is full, and a space
def test_a_long_name_is_wrapped_and_only_past_its_lines_cut_off(name: str, width: int) -> None:
    whole = wrapped(name, width, lines=None)
    assert whole.replace("\n", "").replace(" ", "") == name.replace(" ", "")
    assert all(len(line) <= width for line in whole.splitlines())
    cut = wrapped(name, width, 2)
    assert cut == whole if whole.count("\n") < 2 else cut.endswith("…")
    assert cut.count("\n") < 2


def test_other_families_are_points_of_their_own_without_a_curve(mixture: Make) -> None:
    rows = mixture("r3d_18", "mvit_v2_s(spatial_size=[64, 64], temporal_size=8)", LONG)
    figure = pareto_figure(rows, "mixture", protocol_lines(rows))
    assert_labels_are_apart(figure, 5)
    axis = figure.axes[0]
    assert {text.get_text().splitlines()[0] for text in labels(axis)} >= {"I2D", "S3D", "r3d_18"}
    assert [line for line in axis.get_lines() if len(line.get_xdata()) == 5 and line.get_gid() is None] == []
    squares = [tuple(line.get_xdata()) for line in axis.get_lines() if line.get_marker() == "s"]
    assert sorted(squares) == [(5.0,), (6.0,), (7.0,)]
    (legend,) = figure.legends
    markers = {
        text.get_text(): handle.get_marker() for text, handle in zip(legend.texts, legend.legend_handles, strict=True)
    }  # type: ignore[union-attr]
    assert markers["other families"] == "s"
    assert [label for label, marker in markers.items() if marker == "s"] == ["other families"]


def test_other_families_alone_can_be_drawn(mixture: Make) -> None:
    rows = mixture("r3d_18", "mc3_18").iloc[2:]
    figure = pareto_figure(rows, "others", protocol_lines(rows))
    assert_labels_are_apart(figure, 2)
    assert "other families" in [text.get_text() for text in figure.legends[0].texts]


def test_other_families_have_no_width_beside_their_name(mixture: Make) -> None:
    rows = pd.concat([mixture("r3d_18"), mixture().assign(width=0.5)], ignore_index=True)
    assert point_names(rows) == ["I2D x0.25", "S3D x0.25", "r3d_18", "I2D x0.5", "S3D x0.5"]


def test_a_published_accuracy_is_drawn_nowhere(mixture: Make) -> None:
    rows = mixture("r3d_18")
    rows["published"] = [np.nan, np.nan, str(Variant.parse("r3d_18").published)]
    plain, with_published = (pareto_figure(each, "same", []) for each in (rows.assign(published=np.nan), rows))
    for one, other in zip(plain.axes, with_published.axes, strict=True):
        for a, b in zip(one.get_lines(), other.get_lines(), strict=True):
            np.testing.assert_array_equal(a.get_xydata(), b.get_xydata())


def test_orders_of_networks_with_long_names(mixture: Make) -> None:
    rows = pd.concat([mixture("r3d_18", LONG), mixture("r3d_18", LONG, order="reversed")], ignore_index=True)
    figure = order_figure(rows, "Arrow of time", protocol_lines(rows, latency=False))
    figure.canvas.draw()
    boxes = [tick.get_window_extent() for tick in figure.axes[0].get_xticklabels()]
    assert [(a, b) for a, b in itertools.combinations(boxes, 2) if a.overlaps(b)] == []
    assert_labels_are_apart(figure, 8)
