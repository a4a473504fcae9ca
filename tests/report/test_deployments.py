"""The tables and the figure of all settings that variants were deployed in."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from tradeoff.errors import InputError
from tradeoff.report import write_report
from tradeoff.report.canvas import LABEL_ID
from tradeoff.report.deployments import (
    deployment_lines,
    deployments_csv,
    deployments_markdown,
    deployments_tables,
    order_table,
    places,
    resources_table,
    speed_table,
)
from tradeoff.report.deployments_figure import LINK_ID, TURN_ID, deployments_figure
from tradeoff.report.figures import pareto_figure
from tradeoff.report.run import sweep_tables
from tradeoff.report.settings import fastest

Make = Callable[..., pd.DataFrame]
EAGER, EAGER_OTHER = ("eager", "float32", "channels_last_3d"), ("eager", "float32", "contiguous")
COMPILE = ("compile", "float32", "channels_last_3d")
OPENVINO, OPENVINO_BF16 = ("openvino", "float32", "contiguous"), ("openvino", "bf16", "contiguous")
MISSING = "–"  # noqa: RUF001


def only(rows: pd.DataFrame) -> pd.DataFrame:
    ((suffix, part),) = places(rows)
    assert suffix == ""
    return part


def test_each_variants_settings_the_fastest_first(deployments: Make) -> None:
    rows = deployments({"I3D": {EAGER: 20.0, OPENVINO: 8.0, OPENVINO_BF16: None}, "I2D": {EAGER: 8.0, OPENVINO: 10.0}})
    shown = speed_table(only(rows))
    assert shown[["Variant", "Runtime", "Precision", "Speed-up"]].to_numpy().tolist() == [
        ["I3D", "openvino", "float32", "2.50"],  # 20 over 8
        ["I3D", "eager", "float32", "1.00"],
        ["I3D", "openvino", "bf16", MISSING],
        ["I2D", "eager", "float32", "1.00"],
        ["I2D", "openvino", "float32", "0.80"],  # 8 over 10
    ]
    assert shown["Latency ms [95 %]"].tolist()[1:3] == ["20.0 [19.2, 20.8]", "out of memory"]
    assert shown["With host ms"].tolist()[:3] == ["9.00", "21.0", MISSING]
    assert "Video ms" not in " ".join(shown)
    assert only(rows)["best"].tolist() == [True, False, False, True, False]


def test_speed_up_is_over_the_faster_layout_and_nothing_without_eager(deployments: Make) -> None:
    rows = deployments(
        {"I2D": {EAGER: 8.0, EAGER_OTHER: 12.0}, "I3D": {OPENVINO: 5.0}, "S3D": {EAGER: None, COMPILE: 4.0}}
    )
    part = only(rows)
    assert part["speedup"].fillna(0).round(3).tolist() == [1.0, 0.667, 0, 0, 0]
    assert "the faster of its layouts" in deployments_markdown(part, "title", [])


def test_what_else_a_deployment_takes(deployments: Make) -> None:
    rows = deployments({"I2D": {EAGER: 8.0, OPENVINO: None}}, peak_memory_bytes=312_400_000, matrix_fraction=0.417)
    rows = rows.assign(steady_processes=7.0, bound="memory", prepare_s=12.34, first_pass_ms=812.0)
    (row,) = resources_table(only(rows)).to_dict("records")
    assert row == {
        "Variant": "I2D", "Runtime": "eager", "Precision": "float32", "Layout": "channels last",
        "Clips/s (batch)": "150 (4)", "Peak MB": "312", "Matrix %": "42", "Bound": "memory", "Prepare s": "12.3",
        "First pass ms": "812", "Steady": "7 of 8",
    }  # fmt: skip


def test_errors_and_times_a_video(deployments: Make) -> None:
    rows = deployments({"I2D": {EAGER: 8.0, OPENVINO_BF16: 4.0}}, views="10x3", video_ms=240.0)
    rows["output_error"] = [0.0, 0.00314]
    shown = speed_table(only(rows))
    assert shown["Output error"].tolist() == ["3.1e-03", "0"]
    assert shown["Video ms (10x3 views)"].tolist() == ["240", "240"]


def test_a_quick_look_and_restless_processes_are_said(deployments: Make) -> None:
    rows = deployments({"I2D": {EAGER: 8.0, OPENVINO: 4.0}}, processes=1, steady_processes=1)
    assert resources_table(only(rows))["Steady"].tolist() == ["1 of 1, a quick look"] * 2
    assert "1 process: a quick look," in deployment_lines(only(rows))[0]
    restless = rows.assign(processes=8, steady_processes=[8, 6], cache="cold")
    assert "cold caches, 8 processes, never steady in 2 of 16 processes," in deployment_lines(only(restless))[0]


def test_variants_that_change_places_are_named_where_their_intervals_are_apart(deployments: Make) -> None:
    rows = deployments(
        {
            "I2D": {EAGER: 8.0, OPENVINO: 8.0, COMPILE: 15.5},
            "S3D": {EAGER: 12.0, OPENVINO: 20.0, COMPILE: 15.0},  # 15 and 15.5, 4 % each way, overlap
            "I3D": {EAGER: 16.0, OPENVINO: 10.0, COMPILE: 15.2},
        }
    )
    order = order_table(only(rows))
    assert order["Runtime"].tolist() == ["eager", "compile", "openvino"]
    assert order["Variants, the fastest first"].tolist() == [
        "I2D 8.00, S3D 12.0, I3D 16.0",
        "S3D 15.0, I3D 15.2, I2D 15.5",
        "I2D 8.00, I3D 10.0, S3D 20.0",
    ]
    assert order["Other than in eager float32"].tolist() == [MISSING, "none", "I3D before S3D"]
    assert order_table(only(deployments({"I2D": {EAGER: 8.0, OPENVINO: 4.0}}))).empty


def test_frame_orders_are_no_deployments_and_places_are_apart(deployments: Make) -> None:
    times = {"I2D": {EAGER: 8.0, OPENVINO: 5.0}}
    both = pd.concat([deployments(times), deployments(times, order="reversed", top1=0.1)], ignore_index=True)
    assert len(only(both)) == 2
    batches = pd.concat([deployments(times), deployments({"I2D": {EAGER: 30.0}}, batch=8)], ignore_index=True)
    assert [(suffix, len(part)) for suffix, part in places(batches)] == [("batch-1", 2), ("batch-8", 1)]


def test_widths_are_variants_of_their_own(deployments: Make) -> None:
    times = {"I2D": {EAGER: 8.0, OPENVINO: 5.0}}
    part = only(pd.concat([deployments(times), deployments({"I2D": {EAGER: 24.0}}, width=0.5)], ignore_index=True))
    assert speed_table(part)["Variant"].tolist() == ["I2D x0.25", "I2D x0.25", "I2D x0.5"]
    assert part["speedup"].tolist() == [1.6, 1.0, 1.0]


def test_csv_has_all_columns_unrounded(grid: pd.DataFrame) -> None:
    back = pd.read_csv(io.StringIO(deployments_csv(only(grid))))
    assert len(back) == 44 and back["best"].sum() == 4
    assert set(grid.columns) < set(back.columns)
    assert back["latency_ms"].iloc[0] == pytest.approx(8.4 * 0.4)


def test_markdown_escapes_bars_and_has_three_tables(deployments: Make) -> None:
    rows = deployments({"I2D": {EAGER: 8.0, OPENVINO: 5.0}, "I3D": {EAGER: 9.0}}).assign(
        runtime=["eager", "a|b", "eager"]
    )
    text = deployments_markdown(only(rows), "title", [])
    assert r"| a\|b |" in text
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# title", "## Throughput, memory and preparation", "## Order of the variants"
    ]  # fmt: skip
    assert "cpu EPYC" in text and "float32 logits in host memory" in text


def test_tables_of_old_records_lack_columns(deployments: Make) -> None:
    old = deployments({"I2D": {EAGER: 8.0, COMPILE: 5.0}}).drop(
        columns=["cache", "views", "host_ms", "bound", "steady_processes", "clips_per_second", "throughput_batch",
                 "peak_memory_bytes", "output_error", "matrix_fraction", "prepare_s", "first_pass_ms", "video_ms",
                 "latency_outcome"]
    )  # fmt: skip
    part = only(old)
    assert speed_table(part)["With host ms"].tolist() == [MISSING, MISSING]
    assert resources_table(part)["Steady"].tolist() == ["of 8", "of 8"]
    assert "steady" not in deployment_lines(part)[0]
    assert len(fastest(old)) == 1


def labels(figure: Figure) -> list[Any]:
    return [text for text in figure.axes[0].texts if text.get_gid() == LABEL_ID]


def assert_legible(figure: Figure, points: int) -> None:
    """No label, name of a lane or of a band lies on another or leaves the sheet, and no label lies on a marker."""
    figure.canvas.draw()
    (axis,) = figure.axes
    assert len(labels(figure)) == points
    texts = [*axis.texts, *(tick for tick in axis.get_yticklabels() if tick.get_text())]
    boxes = [text.get_window_extent() for text in texts]
    assert [(a, b) for a, b in itertools.combinations(boxes, 2) if a.overlaps(b)] == []
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width + 1 for box in boxes)
    assert all(box.y0 >= 0 and box.y1 <= figure.bbox.height for box in boxes)
    (legend,) = figure.legends
    assert legend.get_window_extent().x1 <= figure.bbox.width
    frame = axis.get_window_extent()
    own = [text.get_window_extent() for text in labels(figure)]
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 + 1 for box in own)
    markers = [axis.transData.transform(xy) for line in axis.lines if len(xy := line.get_xydata()) == 1]
    assert not any(box.contains(*marker) for box in own for (marker,) in markers)


def test_four_variants_in_eleven_settings_are_legible(grid: pd.DataFrame) -> None:
    figure = deployments_figure(only(grid), "Deployments", deployment_lines(only(grid)))
    assert_legible(figure, 5)  # four best ones, and what ran out of memory
    assert sorted(text.get_text() for text in labels(figure)) == [
        "bf16: 3.36 ms, 2.50x",
        "bf16: 5.75 ms, 2.00x",
        "bf16: 8.80 ms, 2.50x",
        "bf16: 9.50 ms, 2.00x",
        "bf16: out of memory",
    ]


@pytest.mark.parametrize("seed", range(4))
def test_other_numbers_are_legible(grid: pd.DataFrame, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = grid.copy()
    rows["latency_ms"] = 10 ** rng.uniform(0, 0.1 + seed, len(rows))
    rows.loc[rng.random(len(rows)) < 0.1, "latency_ms"] = np.nan
    rows["latency_low_ms"], rows["latency_high_ms"] = rows["latency_ms"] * 0.5, rows["latency_ms"] * 2
    figure = deployments_figure(only(rows), "Deployments", [])
    assert_legible(figure, len(labels(figure)))


def test_long_names_are_legible(deployments: Make) -> None:
    name = "my_nets:make_a_network(depth=3, kinds=[full, flat, separable], text='$x_1$ costs $5')"
    rows = deployments({"I2D": {EAGER: 8.0, OPENVINO: 5.0}, "I3D": {EAGER: 9.0, OPENVINO: 6.0}})
    rows.loc[rows["variant"] == "I3D", ["variant", "units", "width"]] = [name, "", np.nan]
    assert_legible(deployments_figure(only(rows), "Deployments", []), 2)


def test_a_link_that_turns_the_order_round_is_heavy(deployments: Make) -> None:
    rows = deployments(
        {"S3D": {EAGER: 12.0, COMPILE: 10.0, OPENVINO: 20.0}, "I3D": {EAGER: 16.0, COMPILE: 13.0, OPENVINO: 10.0}}
    )
    axis = deployments_figure(only(rows), "turn", []).axes[0]
    links = {
        gid: [list(line.get_xdata()) for line in axis.lines if line.get_gid() == gid] for gid in (LINK_ID, TURN_ID)
    }
    assert links == {LINK_ID: [[12.0, 16.0], [10.0, 13.0]], TURN_ID: [[20.0, 10.0]]}


def test_nothing_to_draw_is_said(deployments: Make) -> None:
    with pytest.raises(InputError, match="nothing to draw"):
        deployments_figure(only(deployments({"I2D": {EAGER: None, OPENVINO: None}})), "empty", [])


def test_the_settings_stand_at_the_points_of_the_best(grid: pd.DataFrame) -> None:
    figure = pareto_figure(fastest(grid), "best", [])
    names = {text.get_text() for text in figure.axes[1].texts if text.get_gid() == LABEL_ID}
    assert names >= {"I2D\nopenvino bf16", "S3D\ncompile-frozen bf16"}
    figure.canvas.draw()
    for axis in figure.axes:
        boxes = [text.get_window_extent() for text in axis.texts if text.get_gid() == LABEL_ID]
        assert [(a, b) for a, b in itertools.combinations(boxes, 2) if a.overlaps(b)] == []


def files(rows: pd.DataFrame, out: Path, **options: Any) -> list[str]:
    return [path.name for path in write_report(rows, {}, out, "sweep", **options)]


def test_several_settings_are_two_sets_of_files(grid: pd.DataFrame, tmp_path: Path) -> None:
    kinds = ("png", "svg", "md", "csv")
    assert files(grid, tmp_path) == [
        *(f"sweep_deployments.{kind}" for kind in kinds),
        "sweep_best_pareto.png", "sweep_best_pareto.svg", "sweep_best.md", "sweep_best.csv",
    ]  # fmt: skip
    assert "](sweep_deployments.svg)" in (tmp_path / "sweep_deployments.md").read_text()
    best = pd.read_csv(tmp_path / "sweep_best.csv")
    assert best["latency_ms"].round(2).tolist() == [3.36, 5.75, 9.5, 8.8]
    assert best["on_frontier_latency_ms"].tolist() == [1, 1, 1, 0]  # I3D is faster than S3D now, and Fast-S3D than both


def test_one_runtime_is_a_set_of_files_a_precision(grid: pd.DataFrame, tmp_path: Path) -> None:
    found = files(grid, tmp_path, runtime="openvino", figures=False)
    assert found == [
        f"sweep_openvino_{name}" for name in ("float32.md", "float32.csv", "bf16.md", "bf16.csv", "fp16.md", "fp16.csv")
    ]
    assert files(grid, tmp_path, runtime="onnxruntime", figures=False) == [
        "sweep_onnxruntime.md",
        "sweep_onnxruntime.csv",
    ]
    assert set(pd.read_csv(tmp_path / "sweep_openvino_bf16.csv")["runtime"]) == {"openvino"}
    assert files(grid, tmp_path, runtime="best", figures=False) == ["sweep_best.md", "sweep_best.csv"]


def test_without_accuracy_there_are_deployments_only(
    grid: pd.DataFrame, no_accuracy: dict[str, Any], tmp_path: Path
) -> None:
    rows = grid.assign(**no_accuracy)
    for runtime in (None, "best"):
        assert files(rows, tmp_path, runtime=runtime) == [
            f"sweep_deployments.{kind}" for kind in ("png", "svg", "md", "csv")
        ]


def test_frame_orders_are_compared_once_whatever_the_settings(grid: pd.DataFrame, tmp_path: Path) -> None:
    rows = pd.concat([grid, grid.assign(order="reversed", top1=0.1)], ignore_index=True)
    found = files(rows, tmp_path, figures=False)
    assert found == [
        "sweep_deployments.md", "sweep_deployments.csv", "sweep_best_normal.md", "sweep_best_normal.csv",
        "sweep_best_reversed.md", "sweep_best_reversed.csv", "sweep_order.md",
    ]  # fmt: skip


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_shows_deployments_and_the_best(grid: pd.DataFrame, width: int) -> None:
    tables, note = sweep_tables(grid, "sweep")  # made for a pipe, which has room
    out = io.StringIO()
    for each in tables:
        Console(file=out, width=width).print(each)
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert [str(each.title) for each in tables] == [
        "sweep, deployments", "sweep, deployments: throughput, memory and preparation",
        "sweep, deployments: order of the variants", "sweep, best",
    ]  # fmt: skip
    assert "compile-frozen" in text and "out of" in text
    assert "--runtime NAME" in note
    (single,), nothing = sweep_tables(grid, "sweep", "onnxruntime")
    assert (str(single.title), nothing) == ("sweep, onnxruntime", "")


def test_a_narrow_terminal_breaks_no_word_of_deployments(grid: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = io.StringIO()
    tables = deployments_tables(grid, "sweep")
    for each in tables:
        Console(file=out, width=80).print(each)
    assert "…" not in out.getvalue() and max(map(len, out.getvalue().splitlines())) <= 80
    assert "No room for Steady, First pass ms" in out.getvalue()
    monkeypatch.setenv("COLUMNS", "200")
    assert "Steady" in [str(column.header) for column in deployments_tables(grid, "sweep")[1].columns]
