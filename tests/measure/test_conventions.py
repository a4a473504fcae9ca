"""What the paper counts otherwise than what runs: every printed figure, and each rewrite by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import tradeoff
from tradeoff.clip_shape import PAPER_CLIP
from tradeoff.errors import InputError
from tradeoff.measure.conventions import recount
from tradeoff.measure.cost import Cost
from tradeoff.measure.layers import Layer
from tradeoff.variants import UNITS, InceptionVariant, Variant

P3, P4, P5 = 32 * 28 * 28, 16 * 14 * 14, 8 * 7 * 7  # positions in blocks 3, 4 and 5
BRANCH_2 = {"3b": (16, 32, P3), "3c": (32, 96, P3), "4b": (16, 48, P4), "4c": (24, 64, P4), "4d": (24, 64, P4)} | {
    "4e": (32, 64, P4),
    "4f": (32, 128, P4),
    "5b": (32, 128, P5),
    "5c": (48, 128, P5),
}
"""Channels into and out of branch 2's second convolution, and the positions it is computed at (README's widths)."""
BRANCHES = {
    "3b": (64, 128, 32, 32),
    "3c": (128, 192, 96, 64),
    "4b": (192, 208, 48, 64),
    "4c": (160, 224, 64, 64),
    "4d": (128, 256, 64, 64),
    "4e": (112, 288, 64, 64),
    "4f": (256, 320, 128, 128),
    "5b": (256, 320, 128, 128),
    "5c": (384, 384, 128, 128),
}
"""Channels that each branch gives."""
SIX_STEPS = 6 * 1024 * 400  # of the logits: the network computes seven, the paper counts one
STEM = 32 * 112 * 112 * 3 * 64 * 49  # 1x7x7 at half of its 64 steps


def branch2(elements: int) -> tuple[int, int]:
    """Weights and multiply-adds of branch 2's second convolutions with a kernel of so many elements."""
    weights = [(inputs * outputs * elements, positions) for inputs, outputs, positions in BRANCH_2.values()]
    return sum(count for count, _ in weights), sum(count * positions for count, positions in weights)


def temporal_half_of_branch2() -> tuple[int, int]:
    weights = [(outputs * outputs * 3, positions) for _, outputs, positions in BRANCH_2.values()]
    return sum(count for count, _ in weights), sum(count * positions for count, positions in weights)


def layers_of(counted: Cost) -> dict[str, Layer]:
    return {layer.name: layer for layer in counted.layers}


def test_every_cut_of_the_papers_figure(paper: Path) -> None:
    with (paper / "cut_costs.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["convention"] == "paper"]
    assert len(rows) == 48
    for row in rows:
        three_d = row["units_in_3d"].split()
        kinds = tuple(row["convolution"] if unit in three_d else "flat" for unit in UNITS)
        counted = tradeoff.cost(InceptionVariant(convolutions=kinds), convention="curve")  # type: ignore[arg-type]
        # Half of the last printed digit, and the logits' 0.0004 G, without which two rows round to what is printed.
        assert counted.gmacs == pytest.approx(float(row["gmacs"]), abs=0.005 + 0.00041), row
        assert counted.params_m == pytest.approx(float(row["params_m"]), abs=0.005), row


@pytest.mark.parametrize(
    ("name", "params_m", "gmacs"),
    [
        ("I3D", "12.0633", "107.8945"),
        ("S3D", "8.7708", "66.3817"),
        ("S3D-G", "11.5637", "71.3840"),
    ],
)
def test_table_2(name: str, params_m: str, gmacs: str) -> None:
    counted = tradeoff.cost(name, convention="table2")
    assert (f"{counted.params_m:.4f}", f"{counted.gmacs:.4f}") == (params_m, gmacs)
    assert counted.convention == "table2"
    assert counted.note.startswith("conjecture") == (name == "S3D-G")


def test_i3d_by_hand() -> None:
    executed, table2 = tradeoff.cost("I3D"), tradeoff.cost("I3D", convention="table2")
    weights, macs = (full - point for full, point in zip(branch2(27), branch2(1), strict=True))
    assert executed.weights - table2.weights == weights
    assert executed.macs - table2.macs == macs + SIX_STEPS
    curve = tradeoff.cost("I3D", convention="curve")
    assert (curve.weights, curve.macs) == (table2.weights, table2.macs)


def test_s3d_by_hand() -> None:
    executed, table2 = tradeoff.cost("S3D"), tradeoff.cost("S3D", convention="table2")
    spatial, point, temporal = branch2(9), branch2(1), temporal_half_of_branch2()
    full_5c = 192 * 384 * 27 - (192 * 384 * 9 + 384 * 384 * 3)  # branch 1 of Mixed_5c in one piece, not in two
    assert table2.weights - executed.weights == point[0] - spatial[0] - temporal[0] + full_5c
    assert table2.macs - executed.macs == point[1] - spatial[1] - temporal[1] + full_5c * P5 - SIX_STEPS - STEM


def test_s3d_g_by_hand() -> None:
    """The conjecture: gates' weights count and their multiply-adds do not; 3x1x1 in branches 0 and 3 too."""
    s3d, gated = tradeoff.cost("S3D", convention="table2"), tradeoff.cost("S3D-G", convention="table2")
    positions = {"3": P3, "4": P4, "5": P5}
    temporal = {unit: 3 * (widths[0] ** 2 + widths[3] ** 2) for unit, widths in BRANCHES.items()}
    gates = 192**2 + sum(width**2 for widths in BRANCHES.values() for width in widths)
    wider = [flat - point for flat, point in zip(branch2(9), branch2(1), strict=True)]
    assert gated.weights - s3d.weights == sum(temporal.values()) + gates + wider[0]
    assert gated.macs - s3d.macs == sum(temporal[unit] * positions[unit[0]] for unit in temporal) + wider[1]


def test_the_rows_show_what_is_counted() -> None:
    rows = layers_of(tradeoff.cost("S3D-G", convention="table2"))
    stem, five_c = rows["trunk.conv_1a.spatial.conv"], rows["trunk.mixed_5c.branch1.conv.spatial.conv"]
    assert (stem.macs, stem.output) == (STEM, (1, 64, 32, 112, 112))
    assert (five_c.kernel, five_c.weights) == ((3, 3, 3), 192 * 384 * 27)
    assert rows["trunk.mixed_5c.branch1.conv.temporal.conv"].macs == 0
    assert rows["trunk.mixed_3b.branch2.conv.spatial.conv"].kernel == (1, 3, 3)
    assert rows["head.logits"].macs == 1024 * 400
    assert (rows["trunk.mixed_3b.branch0.gate"].weights, rows["trunk.mixed_3b.branch0.gate"].macs) == (64 * 64, 0)
    assert (rows["trunk.gate_1a.excite"].weights, rows["trunk.gate_2c.excite"].weights) == (0, 192 * 192)
    assert rows["trunk.mixed_3b.branch3.temporal"].macs == 3 * 32 * 32 * P3


@pytest.mark.parametrize("name", ["I3D", "S3D", "S3D-G"])
def test_a_convention_changes_what_counts_and_nothing_that_is_measured(name: str) -> None:
    executed, table2 = tradeoff.cost(name), tradeoff.cost(name, convention="table2")
    for column in ("params", "activation_bytes", "bytes_moved", "intensity"):
        assert getattr(executed, column) == getattr(table2, column)
    assert sum(layer.macs for layer in table2.layers) == table2.macs
    assert sum(layer.weights for layer in table2.layers) == table2.weights
    assert table2.operations["convolution"] + table2.operations.get("matmul", 0) == table2.macs
    assert table2.operations["pool"] == executed.operations["pool"]


def test_executed_is_the_default_and_needs_no_note() -> None:
    counted = tradeoff.cost("I2D", "8x32x32")
    assert (counted.convention, counted.note) == ("executed", "")
    assert counted == tradeoff.cost("I2D", "8x32x32", convention="executed")


def test_the_curve_goes_beyond_the_paper_in_width_clip_and_classes() -> None:
    """At 8x64x64 the average pool leaves one step of 1 x 1, so that logits count once in any case."""
    executed = tradeoff.cost("I2D", "8x64x64", width=0.5, classes=10)
    curve = tradeoff.cost("I2D", "8x64x64", convention="curve", width=0.5, classes=10)
    eighths = [8 * inputs // 2 * outputs // 2 for inputs, outputs, _ in BRANCH_2.values()]  # 1x3x3 less 1x1x1
    positions = [4 * 8 * 8] * 2 + [2 * 4 * 4] * 5 + [1 * 2 * 2] * 2
    assert executed.weights - curve.weights == sum(eighths)
    assert executed.macs - curve.macs == sum(each * at for each, at in zip(eighths, positions, strict=True))


def test_the_curve_leaves_the_gates_products_out() -> None:
    plain, gated = (tradeoff.cost(name, convention="curve") for name in ("S3D", "S3D-G"))
    assert gated.macs == plain.macs
    assert gated.weights > plain.weights
    assert "gates" in gated.note and "gates" not in plain.note


def test_a_stem_that_strides_first_already_is_not_halved_again() -> None:
    first = tradeoff.cost("S3D", convention="curve", stem_stride="first")
    assert first.macs == tradeoff.cost("S3D", convention="curve").macs
    assert "stem" not in first.note


@pytest.mark.parametrize(
    ("variant", "clip", "knobs"),
    [
        ("I2D", "64x224x224", {}),
        ("Fast-S3D", "64x224x224", {}),
        ("I3D", "64x224x224", {"width": 0.5}),
        ("S3D", "64x224x224", {"classes": 200}),
        ("S3D", "64x224x224", {"stem_stride": "first"}),
        ("S3D", "32x224x224", {}),
    ],
)
def test_table_2_is_of_three_networks_only(variant: str, clip: str, knobs: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"not defined for .*I3D, S3D, S3D-G at width 1 with 400 classes.*use curve"):
        tradeoff.cost(variant, clip, convention="table2", **knobs)


def test_the_curve_is_the_papers_familys() -> None:
    with pytest.raises(InputError, match="not defined for r3d_18"):
        tradeoff.cost("r3d_18", "16x112x112", convention="curve")


def test_an_unknown_convention_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="'paper' is unknown: use executed, curve, table2"):
        tradeoff.cost("I3D", convention="paper")


@pytest.mark.parametrize(
    ("absent", "named"), [("head.logits", "logits"), ("trunk.mixed_", "branch 2's second convolution")]
)
def test_a_network_without_the_layers_that_a_convention_recounts_is_refused(absent: str, named: str) -> None:
    variant = Variant.parse("I3D")
    rows = tuple(row for row in tradeoff.cost(variant).layers if not row.name.startswith(absent))
    with pytest.raises(InputError, match=f"recounts {named}, which this network does not have"):
        recount("curve", variant, PAPER_CLIP, rows)
