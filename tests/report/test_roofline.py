"""The roofline figure: numbers that can be worked out by hand, one roof a panel, and what is said without any."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from printed import assert_fit_for_print

from tradeoff.errors import InputError
from tradeoff.report.canvas import LABEL_ID
from tradeoff.report.roofline import BAND_ID, BOUND_ID, ROOF_ID, notes_of, roofline_figure, shown_table, under_roofs

Make = Callable[..., pd.DataFrame]

# Two multiply-adds are four operations: 400 gflops are 200 G multiply-adds a second. At 10 operations a byte, 5
# multiply-adds, 50 GB/s feed 250: the roof is the arithmetic's 200.
ROOF: dict[str, Any] = {"intensity": 10.0, "bound_ms": 12.5, "matrix_gflops": 400.0, "copy_gb_s": 50.0}
TIMED: dict[str, Any] = {"macs": 2_000_000_000, "latency_ms": 20.0, "latency_low_ms": 16.0, "latency_high_ms": 25.0}


def only(table: pd.DataFrame) -> pd.DataFrame:
    ((suffix, rows),) = under_roofs(table, "here")
    assert suffix == ""
    return rows


def test_rates_and_roofs_by_hand(table: Make) -> None:
    row = only(table("I3D", **ROOF | TIMED)).iloc[0]
    # 2 G in 20 ms are 100 G a second; 125 in 16 ms, 80 in 25 ms.
    assert (row["gmacs_s"], row["gmacs_s_low"], row["gmacs_s_high"]) == pytest.approx((100, 80, 125))
    assert (row["macs_per_byte"], row["roof_gmacs_s"], row["layer_bound_gmacs_s"]) == pytest.approx((5, 200, 160))
    # At 4 operations a byte memory feeds 2 x 50; a batch of 3 is three times the work.
    row = only(table("I3D", **ROOF | TIMED | {"intensity": 4.0, "batch": 3})).iloc[0]
    assert (row["gmacs_s"], row["roof_gmacs_s"]) == pytest.approx((300, 100))


def test_the_table_in_words(table: Make) -> None:
    (row,) = shown_table(only(table("I3D", **ROOF | TIMED))).to_dict("records")
    assert row["G MACs/s [95 %]"] == "100 [80.0, 125]"
    assert (row["MACs a byte"], row["Roof"], row["of it %"]) == ("5.0", "200", "50")
    assert (row["Layer by layer"], row["of that %"], row["Bound"]) == ("160", "62", "compute")  # 100 of 160


def test_devices_threads_batches_and_precisions_have_roofs_of_their_own_and_runtimes_share_one(table: Make) -> None:
    changes: list[dict[str, Any]] = [
        {}, {"runtime": "openvino", "layout": "contiguous"}, {"precision": "bf16"}, {"device": "cuda H100"},
        {"threads": 1}, {"batch": 8}, {"clip": "8x64x64"},
    ]  # fmt: skip
    rows = [table("I2D", "I3D", **ROOF | TIMED | change) for change in changes]
    parts = dict(under_roofs(pd.concat(rows, ignore_index=True), "here"))
    assert len(parts) == 6
    for part in parts.values():
        assert all(part[column].nunique() == 1 for column in ("device", "threads", "batch", "precision", "clip"))
    assert sorted(len(part) for part in parts.values()) == [2, 2, 2, 2, 2, 4]
    assert all(set(part["runtime"]) <= {"eager", "openvino"} for part in parts.values())


def test_one_latency_of_several_accuracies_is_one_point(table: Make) -> None:
    both = pd.concat([table("I3D", **ROOF | TIMED), table("I3D", order="reversed", **ROOF | TIMED)])
    assert len(only(both.reset_index(drop=True))) == 1


def artists(axis: Axes, gid: str) -> list[Any]:
    return [each for each in axis.get_children() if each.get_gid() == gid]


def test_the_roof_as_it_is_drawn(table: Make) -> None:
    low = table("I3D", **ROOF | TIMED)
    high = table("S3D", **ROOF | TIMED | {"intensity": 2.0, "matrix_gflops": 484.0, "copy_gb_s": 72.0})
    rows = only(pd.concat([low, high], ignore_index=True))
    figure = roofline_figure(rows, "Roofline", notes_of(rows))
    (axis,) = figure.axes
    (line,) = artists(axis, ROOF_ID)
    x, y = line.get_xdata(), line.get_ydata()
    # Geometric means: sqrt(200 x 242) G multiply-adds a second, sqrt(50 x 72) = 60 GB/s.
    assert y.max() == pytest.approx(np.sqrt(200 * 242))
    np.testing.assert_allclose(y[0], 60 * x[0])
    (band,) = artists(axis, BAND_ID)
    corners = band.get_paths()[0].vertices
    assert corners[:, 1].max() == pytest.approx(242)
    assert corners[corners[:, 0] == x[-1], 1].min() == pytest.approx(200)
    bounds = sorted(float(each.get_ydata()[0]) for each in artists(axis, BOUND_ID))
    assert bounds == pytest.approx([160, 160])
    bars = sorted(tuple(path.vertices[:, 1]) for each in axis.collections if each.get_gid() != BAND_ID
                  for path in each.get_paths())  # fmt: skip
    assert bars == [pytest.approx((80, 125))] * 2
    assert axis.get_xlim()[0] < x.min() + 1e-9 and axis.get_xlim()[0] < 1 < 5 < axis.get_xlim()[1]
    assert_fit_for_print(figure)


@pytest.mark.parametrize("runtimes", [("eager",), ("eager", "compile", "openvino")])
def test_each_network_has_one_name_clear_of_the_others(figure4: pd.DataFrame, runtimes: tuple[str, ...]) -> None:
    timed = [figure4.assign(**ROOF, runtime=runtime, latency_ms=figure4["latency_ms"] / (1 + place))
             for place, runtime in enumerate(runtimes)]  # fmt: skip
    table = pd.concat(timed, ignore_index=True)
    table["intensity"] = 8 + table["macs"] / 1e9
    rows = only(table)
    figure = roofline_figure(rows, "Roofline", notes_of(rows))
    figure.canvas.draw()
    (axis,) = figure.axes
    texts = [text for text in axis.texts if text.get_gid() == LABEL_ID]
    assert len({text.get_text() for text in texts}) == len(texts) == 19
    boxes = [text.get_window_extent() for text in texts]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert_fit_for_print(figure)


def test_what_is_missing_is_said_with_the_remedy(table: Make, no_latency: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"sweep mine has no latency: run a sweep whose file has latency"):
        under_roofs(table("I3D", **ROOF | no_latency), "sweep mine")
    older = table("I3D", **dict.fromkeys(ROOF, np.nan))
    with pytest.raises(InputError, match=r"none of the latencies in sweep mine has a roofline .* time its networks"):
        under_roofs(older, "sweep mine")
