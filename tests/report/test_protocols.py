from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from tradeoff.report.protocols import (
    graph_lines,
    protocol_lines,
    protocol_names,
    published_lines,
    slug,
    split_protocols,
)
from tradeoff.variants import PEERS, Variant

Make = Callable[..., pd.DataFrame]


def stacked(*tables: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True)


def test_one_protocol_stays_whole_and_needs_no_name(figure4: pd.DataFrame) -> None:
    (only,) = split_protocols(figure4)
    pd.testing.assert_frame_equal(only, figure4)
    assert protocol_names([only]) == [""]


def test_each_way_to_measure_is_a_part_with_a_readable_name(table: Make) -> None:
    rows = stacked(
        table("I2D", "I3D"), table("I2D", "I3D", order="reversed"), table("I2D", data="appearance", data_digest="ff")
    )
    parts = split_protocols(rows)
    assert [part.index.tolist() for part in parts] == [[0, 1], [2, 3], [4]]
    assert protocol_names(parts) == ["motion-normal", "motion-reversed", "appearance-normal"]


def test_recipes_are_named_only_where_nothing_else_tells_them_apart(table: Make) -> None:
    rows = stacked(table("I2D"), table("I2D", recipe="20 epochs, batch 64", recipe_key="cd34"))
    assert protocol_names(split_protocols(rows)) == ["10-epochs-batch-32-bf16", "20-epochs-batch-64"]
    same_words = stacked(table("I2D"), table("I2D", recipe_key="cd34"))
    assert protocol_names(split_protocols(same_words)) == ["ab12", "cd34"]


def test_two_devices_are_two_parts(table: Make) -> None:
    rows = stacked(table("I2D", "I3D"), table("I2D", "I3D", device="cuda H100"))
    assert protocol_names(split_protocols(rows)) == ["cpu-epyc", "cuda-h100"]


def test_a_row_without_latency_is_in_every_part_that_lacks_its_variant(table: Make, no_latency: dict[str, Any]) -> None:
    rows = stacked(table("I2D"), table("I2D", device="cuda H100"), table("I3D", **no_latency))
    assert [part["variant"].tolist() for part in split_protocols(rows)] == [["I2D", "I3D"], ["I2D", "I3D"]]


def test_a_row_without_accuracy_joins_once(table: Make, no_accuracy: dict[str, Any]) -> None:
    rows = stacked(table("I2D"), table("I2D", "I3D", **no_accuracy))
    assert [part["variant"].tolist() for part in split_protocols(rows)] == [["I2D", "I3D"]]


def test_frame_orders_can_be_kept_together(table: Make) -> None:
    rows = stacked(table("I2D", "I3D"), table("I2D", "I3D", order="reversed"))
    (both,) = split_protocols(rows, across=("order",))
    assert both["order"].unique().tolist() == ["normal", "reversed"]


def test_the_protocol_in_words(table: Make, no_latency: dict[str, Any]) -> None:
    accuracy, interval, latency = protocol_lines(table("I2D", "I3D"))
    for word in ("motion", "16x64x64", "1024 test clips", "centre crop, 1 view", "normal", "10 epochs"):
        assert word in accuracy
    assert interval == "3 seeds; 95 % intervals: crossed bootstrap over seeds and clips."
    for word in ("cpu EPYC", "eager", "float32", "2 threads", "batch 1", "3 processes"):
        assert word in latency
    assert protocol_lines(table("I2D", **no_latency))[-1] == "Latency was not measured."
    assert protocol_lines(stacked(table("I2D"), table("I3D", seeds=1)))[1].startswith("1 to 3 seeds;")


def test_what_a_gpu_takes_without_launches_is_said_once_a_network(table: Make) -> None:
    rows = stacked(table("I2D", "I3D", graph_ms=2.541), table("I2D", graph_ms=2.541, order="reversed"))
    (line,) = graph_lines(rows)
    assert line.endswith("CUDA graph, one process each, ms: I2D 2.54, I3D 2.54.")
    assert graph_lines(table("I2D")) == []


def test_slugs_are_safe_file_names() -> None:
    assert slug("../../Cpu AMD EPYC (7B13)") == "cpu-amd-epyc-7b13"
    assert slug("..") == ""
    assert len(slug("x" * 500)) == 60


def test_other_families_in_words(mixture: Make) -> None:
    accuracy, *_ = protocol_lines(mixture("r3d_18"))
    assert "width 0.25 of the Inception family" in accuracy
    assert "other families with dropouts of their own" in accuracy
    alone, *_ = protocol_lines(mixture("r3d_18").iloc[2:])
    assert "width" not in alone
    family, *_ = protocol_lines(mixture())
    assert "width 0.25;" in family and "famil" not in family


def test_what_is_published_is_said_to_be_others_and_not_measured(mixture: Make) -> None:
    rows = mixture("r3d_18", "swin3d_t")
    names = ("published by nobody", "nor this", "r3d_18", "swin3d_t")
    texts = [str(Variant.parse(name).published) if name in PEERS else np.nan for name in names]
    (line,) = published_lines(rows.assign(published=texts))
    assert line == (
        "Published: by torchvision, Kinetics-400 V1 weights, under its own protocol (clip and views are given with "
        "it); never measured here, and no part of a frontier."
    )
    assert published_lines(rows) == []


def test_a_row_without_a_width_is_not_doubled(mixture: Make, no_accuracy: dict[str, Any]) -> None:
    """What was measured of a network elsewhere joins it once, whatever family it is of."""
    rows = stacked(mixture("r3d_18"), mixture("r3d_18", **no_accuracy), mixture("mc3_18", **no_accuracy).iloc[2:])
    (part,) = split_protocols(rows)
    assert part["variant"].tolist() == ["I2D", "S3D", "r3d_18", "mc3_18"]


def test_what_is_unusual_about_a_latency_is_said(table: Make) -> None:
    plain = protocol_lines(table("I2D", "I3D"))[-1]
    assert plain == (
        "Latency: cpu EPYC, eager, float32, channels_last_3d, 2 threads, batch 1, 3 processes, interval: Student t on "
        "logarithms, timed: the forward pass, clips on the device already."
    )
    unusual = protocol_lines(table("I2D", cache="cold", views="10x3", processes=8, steady_processes=6))[-1]
    assert "batch 1, cold caches, 10x3 views a video (clips x crops), 8 processes, never steady in 2 of 8 " in unusual
    assert "1 process: a quick look," in protocol_lines(table("I2D", processes=1, steady_processes=np.nan))[-1]
    mixed = stacked(table("I2D", processes=1, steady_processes=1), table("I3D"))
    assert "1 to 3 processes (1: a quick look)," in protocol_lines(mixed)[-1]


def test_old_records_are_quiet_about_steadiness(table: Make) -> None:
    assert "steady" not in protocol_lines(table("I2D", steady_processes=np.nan))[-1]
    old = table("I2D", "I3D").drop(columns=["cache", "views", "steady_processes", "latency_outcome"])
    assert protocol_lines(old) == protocol_lines(table("I2D", "I3D"))
    (part,) = split_protocols(old)
    assert part["variant"].tolist() == ["I2D", "I3D"]


def test_caches_and_views_are_kept_apart_and_named(table: Make) -> None:
    rows = stacked(table("I2D"), table("I2D", cache="cold"))
    assert protocol_names(split_protocols(rows)) == ["warm-cache", "cold-cache"]
    rows = stacked(table("I2D"), table("I2D", views="10x3"))
    assert protocol_names(split_protocols(rows)) == ["1x1-views", "10x3-views"]
    rows = stacked(table("I2D"), table("I2D", batch=8))
    assert protocol_names(split_protocols(rows)) == ["batch-1", "batch-8"]


def test_out_of_memory_is_what_the_latency_line_says_where_there_is_nothing_else(table: Make) -> None:
    lost = table("I2D", latency_ms=np.nan, latency_outcome="out of memory", processes=0)
    assert protocol_lines(lost)[-1] == "Latency: out of memory."
    assert "3 processes," in protocol_lines(stacked(lost, table("I3D")))[-1]
