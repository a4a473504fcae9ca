from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tradeoff import Variant, build
from tradeoff.errors import InputError
from tradeoff.measure.temporal_weights import PERCENTILES, record_temporal_weights, temporal_weights
from tradeoff.records.keys import TEMPORAL_WEIGHTS, weights_key
from tradeoff.records.store import Store
from tradeoff.weights.checkpoints import Weights


def kernel(*filters: list[float]) -> Tensor:
    """One input, one pixel: a filter is its weights over time."""
    return torch.tensor(filters)[:, None, :, None, None]


def state_of(name: str, **knobs: object) -> Mapping[str, Tensor]:
    torch.manual_seed(0)
    return build(Variant.parse(name, width=0.0625, classes=3, **knobs)).state_dict()


def test_numbers_by_hand() -> None:
    # Energies: 1, 4, 4 in the first filter and 0, 36, 0 in the second, so 1, 40, 4 of 45 together.
    (layer,) = temporal_weights({"trunk.conv_2c.conv.weight": kernel([1, 2, -2], [0, 6, 0])})["layers"]
    assert (layer["unit"], layer["branch"], layer["kernel"], layer["count"]) == ("2c", None, [2, 1, 3, 1, 1], 6)
    assert layer["rms"] == pytest.approx((45 / 6) ** 0.5)
    assert layer["energy_off_centre"] == pytest.approx(5 / 45)
    assert layer["energy_off_heaviest"] == pytest.approx(5 / 45)
    assert layer["heaviest"] == 0
    assert layer["rms_ratio"] == pytest.approx(0.25)  # the root of 5 over 4 weights, against 40 over 2
    before, centre, after = layer["offsets"]
    assert [each["offset"] for each in layer["offsets"]] == [-1, 0, 1]
    assert [each["energy"] for each in layer["offsets"]] == pytest.approx([1 / 45, 40 / 45, 4 / 45])
    assert (after["mean"], after["std"]) == (-1, 1)
    assert before["percentiles"] == pytest.approx([rank / 100 for rank in PERCENTILES])  # between 0 and 1, linearly
    assert centre["energy_per_filter"] == pytest.approx((4 / 9 + 1) / 2)
    assert [each["filters"] for each in layer["offsets"]] == [0, 2, 0]


def test_a_kernel_that_looks_at_one_later_frame_is_2d_but_for_a_shift() -> None:
    (layer,) = temporal_weights({"trunk.conv_1a.conv.weight": kernel([0, 0, 0, 0, 5, 0, 0])})["layers"]
    assert [each["offset"] for each in layer["offsets"]] == [-3, -2, -1, 0, 1, 2, 3]
    assert (layer["heaviest"], layer["energy_off_heaviest"], layer["energy_off_centre"]) == (1, 0, 1)
    assert layer["rms_ratio"] is None


def test_filters_of_zeros_are_no_filters() -> None:
    (layer,) = temporal_weights({"trunk.conv_2c.conv.weight": kernel([0, 0, 0], [0, 0, 3])})["layers"]
    assert [each["filters"] for each in layer["offsets"]] == [0, 0, 1]
    assert [each["energy_per_filter"] for each in layer["offsets"]] == [0, 0, 1]


def test_every_kernel_over_time_of_an_i3d_and_no_other() -> None:
    layers = temporal_weights(state_of("I3D"))["layers"]
    assert [(layer["unit"], layer["branch"]) for layer in layers[:4]] == [
        ("1a", None),
        ("2c", None),
        ("3b", 1),
        ("3b", 2),
    ]
    assert [layer["kernel"][2:] for layer in layers] == [[7, 7, 7]] + 19 * [[3, 3, 3]]
    assert len({layer["unit"] for layer in layers}) == 11


def test_of_a_separable_pair_the_temporal_half() -> None:
    layers = temporal_weights(state_of("S3D"))["layers"]
    assert [layer["kernel"][2:] for layer in layers] == [[7, 1, 1]] + 19 * [[3, 1, 1]]
    assert all(".temporal." in layer["name"] for layer in layers)
    four = temporal_weights(state_of("S3D", temporal_branches=4))["layers"]
    assert [layer["branch"] for layer in four[2:6]] == [0, 1, 2, 3]
    assert len(four) == 2 + 4 * 9


def test_flat_units_have_no_layer() -> None:
    assert {layer["unit"] for layer in temporal_weights(state_of("Top-Heavy-I3D-2"))["layers"]} == {"5b", "5c"}
    with pytest.raises(InputError, match="no kernel is longer than 1 in time"):
        temporal_weights(state_of("I2D"))


def test_the_identity_has_all_its_energy_in_the_middle() -> None:
    for layer in temporal_weights(state_of("S3D", temporal_norm=False))["layers"]:
        assert (layer["energy_off_centre"], layer["rms_ratio"]) == (0, 0)


@pytest.mark.parametrize("weights", [[0, 0, 0], [1, float("nan"), 1], [1, float("inf"), 1]])
def test_weights_that_say_nothing_are_refused_by_name(weights: list[float]) -> None:
    with pytest.raises(InputError, match="conv_2c"):
        temporal_weights({"trunk.conv_2c.conv.weight": kernel(weights)})


def test_the_type_and_the_layout_in_memory_do_not_matter() -> None:
    weights = torch.randn(4, 3, 3, 3, 3).bfloat16()
    name = "trunk.conv_2c.conv.weight"
    again = weights.float().contiguous(memory_format=torch.channels_last_3d)
    assert temporal_weights({name: weights}) == temporal_weights({name: again})


def test_a_record_is_written_once_and_read_back(tmp_path: Path) -> None:
    variant = Variant.parse("I3D", width=0.0625, classes=3)
    weights = Weights("somewhere/x.pt", "tradeoff", variant, dict(state_of("I3D")))
    store = Store(tmp_path / "results")
    record = record_temporal_weights(weights, "x.pt", store)
    key = weights_key(weights.digest, TEMPORAL_WEIGHTS)
    assert store.read(key) == record
    assert record.measured == json.loads(json.dumps(temporal_weights(weights.state)))
    assert (record.about["weights"], record.about["layout"], record.about["name"]) == ("x.pt", "tradeoff", "I3D")
    assert "somewhere" not in store.path(key).read_text()  # a folder of the user's is nobody's business
    assert record_temporal_weights(replace(weights, origin="y.pt"), "y.pt", store) == record


def test_networks_that_cannot_be_drawn_leave_nothing(tmp_path: Path) -> None:
    flat = Weights("x.pt", "tradeoff", Variant.parse("I2D", width=0.0625, classes=3), dict(state_of("I2D")))
    peer = Weights("y.pt", "tradeoff", Variant.parse("r3d_18"), {})
    for weights, words in ((flat, "x.pt of I2D"), (peer, "y.pt are of r3d_18")):
        with pytest.raises(InputError, match=words):
            record_temporal_weights(weights, "x", Store(tmp_path / "results"))
    assert not (tmp_path / "results").exists()


def test_another_order_of_summation_gives_the_same_digits() -> None:
    weights = np.random.default_rng(0).standard_normal((8, 8, 3, 3, 3))
    name, flipped = "trunk.conv_2c.conv.weight", np.ascontiguousarray(weights[::-1, ::-1])
    assert temporal_weights({name: torch.from_numpy(weights)}) == temporal_weights({name: torch.from_numpy(flipped)})
