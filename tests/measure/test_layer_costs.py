"""Records of what layers cost."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
import torch
from torch import nn

from tradeoff.clip_shape import ClipShape
from tradeoff.errors import InputError
from tradeoff.measure.cost import cost
from tradeoff.measure.layer_costs import record_layers, unit_of
from tradeoff.measure.layers import LayerCounter
from tradeoff.records.store import Store
from tradeoff.records.verify import verify
from tradeoff.variants import UNITS, Variant

CLIP = ClipShape(8, 32, 32)


def test_memory_while_each_layer_computes_by_hand() -> None:
    with torch.device("meta"):
        network = nn.Sequential(nn.Conv3d(3, 4, 1), nn.ReLU(), nn.Conv3d(4, 1, 1)).eval()
    first, relu, last = LayerCounter(network).count((1, 3, 2, 2, 2))
    clip, wide, narrow = 4 * 3 * 8, 4 * 4 * 8, 4 * 8  # bytes of float32 at 8 places: 96, 128 and 32
    assert first.peak_bytes == clip + wide
    assert relu.peak_bytes == clip + wide + wide
    assert last.peak_bytes == clip + wide + narrow  # what the first one gave is gone


def test_a_record_adds_up_to_the_networks_cost(tmp_path: Path) -> None:
    variant = Variant.parse("S3D-G", width=0.25, classes=5)
    store = Store(tmp_path / "results")
    record = record_layers(variant, CLIP, store)
    whole, layers = cost(variant, CLIP), record.measured["layers"]
    for name in ("macs", "params", "weights", "bytes_moved"):
        assert sum(layer[name] for layer in layers) == getattr(whole, name)
    assert max(layer["peak_bytes"] for layer in layers) == whole.activation_bytes
    units = list(dict.fromkeys(layer["unit"] for layer in layers))
    assert [unit for unit in units if unit in UNITS] == list(UNITS)  # from stem to head
    assert units[-1] == "head" and {"2a", "2b", "3a"} < set(units)
    assert record_layers(variant, CLIP, store) == record
    assert verify(store).problems == []


def test_a_stem_by_hand(tmp_path: Path) -> None:
    record = record_layers(Variant.parse("I3D"), CLIP, Store(tmp_path / "results"))
    by_unit: dict[str, int] = defaultdict(int)
    for layer in record.measured["layers"]:
        by_unit[layer["unit"]] += layer["macs"]
    assert by_unit["1a"] == 7 * 7 * 7 * 3 * 64 * (4 * 16 * 16)  # strides of 2 leave 4x16x16
    assert by_unit["2c"] == 3 * 3 * 3 * 64 * 192 * (4 * 8 * 8)
    assert by_unit["2a"] == 0


def test_units_of_other_families() -> None:
    names = ("features.3.conv", "layer1.0", "fc", "", "trunk.gate_2c.excite", "head.logits")
    assert [unit_of(name) for name in names] == ["features.3", "layer1.0", "fc", "network", "2c", "head"]


def test_a_clip_that_the_network_cannot_take_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="takes clips from 13x209x209 up, not 8x32x32"):
        record_layers(Variant.parse("torchvision.s3d"), CLIP, Store(tmp_path / "results"))
    assert not (tmp_path / "results").exists()
