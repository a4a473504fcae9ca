"""One runtime's rows, and the fastest setting of each variant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tradeoff.errors import InputError
from tradeoff.report.protocols import protocol_lines, split_protocols
from tradeoff.report.settings import choose, fastest, is_deployed_variously, of_runtime, runtimes
from tradeoff.report.tables import display_table

Make = Callable[..., pd.DataFrame]
EAGER, EAGER_BF16 = ("eager", "float32", "channels_last_3d"), ("eager", "bf16", "channels_last_3d")
COMPILE = ("compile", "float32", "channels_last_3d")
OPENVINO, OPENVINO_BF16 = ("openvino", "float32", "contiguous"), ("openvino", "bf16", "contiguous")


def settings_of(rows: pd.DataFrame) -> list[tuple[Any, ...]]:
    return list(rows[["variant", "runtime", "precision", "latency_ms"]].itertuples(index=False, name=None))


def test_the_fastest_of_each_variant_is_chosen(deployments: Make) -> None:
    rows = deployments({"I2D": {EAGER: 8.0, OPENVINO: 5.0, COMPILE: 6.0}, "I3D": {EAGER: 20.0, COMPILE: 15.0}})
    best = fastest(rows)
    assert settings_of(best) == [("I2D", "openvino", "float32", 5.0), ("I3D", "compile", "float32", 15.0)]
    assert best.index.tolist() == [1, 4]  # the table's own, by which accuracies are found
    assert best["settings"].tolist() == [3, 2]


@pytest.mark.parametrize(
    ("tied", "chosen"),
    [
        ([OPENVINO_BF16, OPENVINO], OPENVINO),  # the full precision
        ([OPENVINO, COMPILE, EAGER], EAGER),  # the plainer runtime
        ([EAGER_BF16, OPENVINO], OPENVINO),  # precision before runtime
    ],
)
def test_ties_go_to_what_needs_least(deployments: Make, tied: list[Any], chosen: Any) -> None:
    (best,) = settings_of(fastest(deployments({"I2D": dict.fromkeys(tied, 7.0)})))
    assert best == ("I2D", *chosen[:2], 7.0)


def test_out_of_memory_is_chosen_only_where_there_is_nothing_else(deployments: Make) -> None:
    rows = deployments({"I2D": {EAGER: None, OPENVINO: 9.0}, "I3D": {EAGER: None, OPENVINO: None}})
    best = fastest(rows)
    assert best["runtime"].tolist() == ["openvino", "eager"]
    assert best["settings"].iloc[0] == 1 and np.isnan(best["settings"].iloc[1])
    assert display_table(best)["Latency ms [95 %]"].tolist() == ["9.00 [8.64, 9.36]", "out of memory"]


def test_places_and_frame_orders_and_widths_choose_by_themselves(deployments: Make) -> None:
    times = {"I2D": {EAGER: 8.0, OPENVINO: 5.0}}
    others: list[dict[str, Any]] = [
        {"device": "cuda H100"}, {"threads": 8}, {"batch": 4}, {"cache": "cold"}, {"views": "10x3"},
        {"width": 0.5}, {"order": "reversed"}, {"clip": "32x64x64"},
    ]  # fmt: skip
    rows = pd.concat([deployments(times), *(deployments(times, **other) for other in others)], ignore_index=True)
    assert len(fastest(rows)) == 1 + len(others)


def test_rows_without_a_latency_stay(deployments: Make, table: Make, no_latency: dict[str, Any]) -> None:
    rows = pd.concat([deployments({"I2D": {EAGER: 8.0, COMPILE: 5.0}}), table("I3D", **no_latency)], ignore_index=True)
    (part,) = split_protocols(fastest(rows), across=("runtime", "precision", "layout"))
    assert part["variant"].tolist() == ["I2D", "I3D"]


def test_the_best_says_how_it_was_chosen_and_of_what_the_accuracy_is(deployments: Make) -> None:
    rows = deployments({"I2D": {EAGER: 8.0, COMPILE: 5.0}, "I3D": {EAGER: 20.0, COMPILE: None}})
    *_, latency, chosen = protocol_lines(fastest(rows))
    assert "the fastest of 1 to 2 settings (runtime, precision, layout) measured for each variant" in latency
    assert "accuracy was measured in eager float32 whatever the runtime" in chosen
    shown = display_table(fastest(rows))
    assert shown[["Runtime", "Precision", "Layout"]].to_numpy().tolist() == [
        ["compile", "float32", "channels_last_3d"],
        ["eager", "float32", "channels_last_3d"],
    ]


def test_one_runtimes_rows_and_the_others_networks_without_a_latency(deployments: Make) -> None:
    rows = deployments({"I2D": {EAGER: 8.0, OPENVINO: 5.0, OPENVINO_BF16: 4.0}, "I3D": {EAGER: 20.0, COMPILE: 15.0}})
    shown = of_runtime(rows, "openvino")
    assert shown["variant"].tolist() == ["I2D", "I2D", "I3D"]
    assert shown["latency_ms"].fillna(-1).tolist() == [5.0, 4.0, -1]
    assert shown["top1"].notna().all() and pd.isna(shown["runtime"].iloc[2])
    assert [part["variant"].tolist() for part in split_protocols(shown)] == [["I2D", "I3D"]] * 2
    pd.testing.assert_frame_equal(of_runtime(rows, "eager"), rows.iloc[[0, 3]])


def test_several_settings_are_several_only_where_they_can_be_compared(deployments: Make, table: Make) -> None:
    assert is_deployed_variously(deployments({"I2D": {EAGER: 8.0, OPENVINO: 5.0}}))
    assert is_deployed_variously(deployments({"I2D": {EAGER: 8.0, OPENVINO: None}}))
    assert not is_deployed_variously(table("I2D", "I3D"))
    apart = pd.concat([table("I2D"), table("I2D", device="cuda H100", precision="fp16")], ignore_index=True)
    assert not is_deployed_variously(apart)


def test_what_is_shown(grid: pd.DataFrame, table: Make, no_accuracy: dict[str, Any]) -> None:
    single = choose(table("I2D"), None, "sweep")
    assert (single.deployments, single.suffix, single.note) == (False, "", "")
    several = choose(grid, None, "sweep")
    assert (several.deployments, several.suffix) == (True, "best")
    assert several.note == (
        "for one runtime by itself add --runtime NAME, of eager, compile, compile-frozen, onnxruntime, openvino"
    )
    assert not choose(grid, "best", "sweep").deployments
    untested = choose(grid.assign(**no_accuracy), "best", "sweep")
    assert untested.deployments and untested.rows is None
    assert untested.note.startswith("sweep has no accuracy: the frontier over the fastest deployments cannot be drawn;")


def test_a_runtime_that_is_not_there_is_a_sentence(deployments: Make, table: Make, no_latency: dict[str, Any]) -> None:
    rows = deployments({"I2D": {OPENVINO: 5.0, EAGER: 8.0}})
    assert runtimes(rows) == ["eager", "openvino"]
    with pytest.raises(InputError, match="'tensorrt' was not timed in sweep mine: use eager, openvino, best"):
        choose(rows, "tensorrt", "mine")
    with pytest.raises(InputError, match="sweep mine holds no latency"):
        choose(table("I2D", **no_latency), "best", "mine")
