"""The figure of a network's units, from made-up layers."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.axes import Axes
from printed import assert_fit_for_print

from tradeoff.errors import InputError
from tradeoff.records.keys import layers_key
from tradeoff.records.store import Record, Store
from tradeoff.report.drawing import Asked
from tradeoff.report.layer_costs import (
    by_unit,
    find_layers,
    kernels_of,
    layer_rows,
    layers_figure,
    notes_of,
    report_layers,
    shown_table,
)
from tradeoff.variants import Variant

CLIP = "8x32x32"


def layer(unit: str, kernel: list[int] | None, macs: int, **changes: Any) -> dict[str, Any]:
    values = {"unit": unit, "name": f"trunk.{unit}", "kind": "convolution" if macs else "pool", "kernel": kernel}
    values |= {"macs": macs, "weights": macs // 1000, "params": macs // 1000, "bytes_moved": 2**20, "output": [1, 2]}
    return values | {"peak_bytes": 2**21, "operations": {}} | changes


STEM = [layer("1a", [7, 7, 7], 6_000_000_000, peak_bytes=5 * 2**20), layer("1a", None, 0, peak_bytes=3 * 2**20)]
MIXED = [
    layer("3b", [1, 1, 1], 1_000_000_000),
    layer("3b", [1, 3, 3], 2_000_000_000),
    layer("3b", [3, 1, 1], 1_000_000_000, peak_bytes=2**22),
]


def keep(store: Store, name: str, layers: list[dict[str, Any]], counter: str = "c/1", **made: Any) -> Record:
    variant = Variant.parse(name)
    about = {"name": variant.name, "variant": variant.fields(), "clip": CLIP}
    key = layers_key(variant.fields(), CLIP, counter)
    return store.write(key, {"macs": 0, "layers": layers}, about=about, made=made)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results").prepare()


def test_kernels_by_their_shape() -> None:
    shapes = {"pointwise": [1, 1, 1], "spatial": [1, 7, 7], "temporal": [3, 1, 1], "full": [3, 3, 3]}
    assert {kind: kernels_of("convolution", kernel) for kind, kernel in shapes.items()} == {k: k for k in shapes}
    assert kernels_of("convolution", [3, 3]) == "spatial"  # a network that sees single frames
    assert (kernels_of("matmul", None), kernels_of("pool", [2, 2, 2]), kernels_of("norm", None)) == ("product", "", "")


def test_units_are_sums_and_memory_the_most(store: Store) -> None:
    units = by_unit(layer_rows(keep(store, "I3D", STEM + MIXED)))
    stem, mixed = units.to_dict("records")
    assert (stem["unit"], stem["macs"], stem["macs_full"], stem["macs_pointwise"]) == ("1a", 6e9, 6e9, 0)
    assert (mixed["macs"], mixed["macs_spatial"], mixed["macs_temporal"]) == (4e9, 2e9, 1e9)
    assert (mixed["weights"], mixed["weights_pointwise"], mixed["bytes_moved"]) == (4e6, 1e6, 3 * 2**20)
    assert (stem["peak_bytes"], mixed["peak_bytes"]) == (5 * 2**20, 2**22)
    first, second = shown_table(units).to_dict("records")
    assert (first["Unit"], first["MACs (G)"], first["of all %"]) == ("conv 1a", "6.000", "60.0")
    assert (second["Unit"], second["Moved (MiB)"], second["Activations (MiB)"]) == ("Mixed_3b", "3.0", "4.0")


def bars(axis: Axes, gid: str) -> list[tuple[float, float]]:
    """Start and length of each bar of a kind that has a length."""
    return [(bar.get_x(), bar.get_width()) for bar in axis.patches if bar.get_gid() == gid and bar.get_width()]


def test_bars_are_stacked_from_stem_to_head_a_row_a_network(store: Store) -> None:
    records = [keep(store, "I3D", STEM), keep(store, "S3D", STEM + MIXED)]
    rows = pd.concat(map(layer_rows, records), ignore_index=True)
    figure = layers_figure(by_unit(rows), "Layers", notes_of(rows))
    assert len(figure.axes) == 6
    macs, weights, memory = figure.axes[3:]
    assert bars(macs, "macs pointwise") == [(0, 1)]
    assert bars(macs, "macs spatial") == [(1, 2)]
    assert bars(macs, "macs temporal") == [(3, 1)]
    assert bars(macs, "macs full") == [(0, 6)]
    assert bars(weights, "weights spatial") == [(1, 2)]
    assert bars(memory, "memory") == [(0, 5), (0, 4)]
    assert [text.get_text() for text in macs.texts] == ["60 %", "40 %"]
    assert [label.get_text() for label in macs.get_yticklabels()] == ["conv 1a", "Mixed_3b"]
    assert macs.get_ylim()[0] > macs.get_ylim()[1]  # the stem on top
    assert macs.get_xlim() == figure.axes[0].get_xlim()  # one scale for both networks
    assert_fit_for_print(figure)


def test_files_are_called_after_the_networks(store: Store, tmp_path: Path) -> None:
    records = [keep(store, "I3D", STEM), keep(store, "S3D(width=0.5)", STEM + MIXED)]
    (drawing,) = report_layers(records, Asked(store.root, tmp_path / "out")).values()
    stem = f"i3d_s3d-x0.5_layers_{CLIP}"
    assert [path.name for path in drawing.paths] == [f"{stem}.{kind}" for kind in ("png", "svg", "md", "csv")]
    (again,) = report_layers(records, Asked(store.root, tmp_path / "again")).values()
    assert [path.read_bytes() for path in drawing.paths] == [path.read_bytes() for path in again.paths]
    rows = list(csv.DictReader(drawing.paths[3].read_text().splitlines()))
    assert len(rows) == 2 + 5  # a row a layer
    assert (rows[-1]["network"], rows[-1]["kernels"], rows[-1]["kernel"]) == ("S3D x0.5", "temporal", "3x1x1")


def test_of_two_counts_of_one_network_the_newest_is_drawn(store: Store) -> None:
    keep(store, "I3D", STEM, "c/1", at="2025-01-01T00:00:00+00:00")
    newer = keep(store, "I3D", MIXED, "c/2", at="2026-01-01T00:00:00+00:00")
    other = keep(store, "S3D", STEM)
    fields = [Variant.parse(name).fields() for name in ("S3D", "I3D", "I2D")]
    assert [record.key for record in find_layers(store, CLIP, fields)] == [other.key, newer.key]
    assert {record.key for record in find_layers(store, CLIP)} == {newer.key, other.key}
    assert find_layers(store, "16x64x64") == []


def test_bad_records_and_too_many_are_sentences(store: Store, tmp_path: Path) -> None:
    broken = keep(store, "I2D", [{"unit": "1a"}])
    with pytest.raises(InputError, match=rf"layers/{broken.key}\.json is damaged"):
        layer_rows(broken)
    many = [keep(store, f"Top-Heavy-I3D-{cut}", STEM) for cut in range(1, 8)]
    with pytest.raises(InputError, match="has 7 networks and draws up to 6"):
        report_layers(many, Asked(store.root, tmp_path))
