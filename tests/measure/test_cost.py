"""What a network costs: by hand, and against fvcore, PyTorch's own counter and torchvision's documentation."""

from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import tradeoff
from tradeoff.clip_shape import ClipShape
from tradeoff.errors import InputError
from tradeoff.measure.cost import count, fvcore_macs
from tradeoff.measure.layers import Layer
from tradeoff.variants import UNITS, InceptionVariant, Variant

CLIP = ClipShape(8, 32, 32)
PIXELS = 8 * 32 * 32
STEM_STRIDE = 64 * 3 * 49 * 112 * 112 * (64 - 32)
"""What a separable stem's 1x7x7 costs more at temporal stride 1, as executed, than at 2, as cut_costs.csv counts it."""
LOGITS_AT_SIX_MORE_STEPS = 6 * 1024 * 400

TORCHVISION = {
    "r3d_18": ((16, 112, 112), 40.697, 33_371_472),
    "mc3_18": ((16, 112, 112), 43.343, 11_695_440),
    "r2plus1d_18": ((16, 112, 112), 40.519, 31_505_325),
    "s3d": ((16, 224, 224), 17.979, 8_320_048),
    "mvit_v1_b": ((16, 224, 224), 70.599, 36_610_672),
    "mvit_v2_s": ((16, 224, 224), 64.224, 34_537_744),
    "swin3d_t": ((16, 224, 224), 43.882, 28_158_070),
    "swin3d_s": ((16, 224, 224), 82.841, 49_816_678),
    "swin3d_b": ((16, 224, 224), 140.667, 88_048_984),
}
"""Clip, billions of multiply-adds and parameters in the documentation of torchvision's Kinetics-400 weights."""


def meta(network: nn.Module) -> nn.Module:
    return network.to("meta").eval()


def by_name(layers: tuple[Layer, ...]) -> dict[str, Layer]:
    return {layer.name: layer for layer in layers}


def test_the_published_networks() -> None:
    assert tradeoff.cost("I3D").macs == 111_153_143_808
    assert tradeoff.cost("S3D").macs == 71_916_314_624
    assert tradeoff.cost("I2D").macs == 36_891_058_176
    assert tradeoff.cost("S3D").params == 8_320_048
    assert tradeoff.cost("I3D").weights == 12_682_304


def test_every_cut_of_the_papers_figure(paper: Path) -> None:
    with (paper / "cut_costs.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["convention"] == "released"]
    assert len(rows) == 48
    for row in rows:
        three_d = row["units_in_3d"].split()
        kinds = tuple(row["convolution"] if unit in three_d else "flat" for unit in UNITS)
        counted = tradeoff.cost(InceptionVariant(convolutions=kinds))  # type: ignore[arg-type]
        macs = counted.macs - LOGITS_AT_SIX_MORE_STEPS
        if row["convolution"] == "separable" and "1a" in three_d:
            macs -= STEM_STRIDE
        assert macs / 1e9 == pytest.approx(float(row["gmacs"]), abs=0.0051), row
        assert counted.params_m == pytest.approx(float(row["params_m"]), abs=0.0051), row


@pytest.mark.parametrize("name", ["I2D", "I3D", "S3D-G", "Top-Heavy-S3D-4"])
def test_fvcore_counts_the_same_on_real_tensors(name: str) -> None:
    variant = Variant.parse(name, width=0.125, classes=10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        macs, unsupported = fvcore_macs(variant, CLIP)
    # fvcore counts an addition for each bias-free multiply-add too; a linear layer on one clip has no batch to add.
    assert macs == tradeoff.cost(variant, CLIP).macs
    assert "aten::max_pool3d" in unsupported


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvisions_networks_cost_what_its_documentation_and_pytorchs_counter_say(name: str) -> None:
    models = pytest.importorskip("torchvision").models
    shape, gmacs, params = TORCHVISION[name]
    with torch.device("meta"):
        network = models.get_model(name).eval()
    counted = count(network, ClipShape(*shape))
    assert counted.gmacs == pytest.approx(gmacs, abs=0.0005)
    assert counted.params == params
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.empty(1, 3, *shape, device="meta"))
    assert counted.macs == counter.get_total_flops() // 2  # it gives two operations for a multiply-add
    assert sum(layer.params for layer in counted.layers) == params


def test_multiply_adds_by_hand() -> None:
    network = nn.Sequential(nn.Conv3d(3, 4, (1, 3, 3), padding=(0, 1, 1), bias=False), nn.Conv3d(4, 2, 1))
    counted = count(meta(network), CLIP)
    assert counted.macs == PIXELS * (3 * 4 * 9 + 4 * 2)
    assert counted.operations == {"convolution": PIXELS * (3 * 4 * 9 + 4 * 2)}
    assert (counted.weights, counted.params) == (3 * 4 * 9 + 4 * 2, 3 * 4 * 9 + 4 * 2 + 2)


def test_bytes_and_intensity_by_hand() -> None:
    network = nn.Sequential(nn.Conv3d(3, 4, 1, bias=False), nn.ReLU(inplace=True))
    counted = count(meta(network), CLIP)
    # The convolution reads the clip and its weights and writes four channels; the ReLU reads and writes those.
    moved = 4 * (3 * PIXELS + 3 * 4 + 4 * PIXELS + 4 * PIXELS + 4 * PIXELS)
    assert counted.bytes_moved == moved
    assert counted.intensity == pytest.approx(2 * 12 * PIXELS / moved)


def test_activation_memory_by_hand() -> None:
    """A chain keeps a layer's input and output alive, no more: the peak is the largest neighbouring pair."""
    network = nn.Sequential(
        nn.Conv3d(3, 8, 1, bias=False),
        nn.ReLU(inplace=True),
        nn.Conv3d(8, 2, 1, bias=False),
        nn.Conv3d(2, 1, 1, bias=False),
    )
    # nn.Sequential's caller holds the clip: 3 channels throughout, then 8 and 2 beside it.
    assert count(meta(network), CLIP).activation_bytes == 4 * PIXELS * (3 + 8 + 2)


class Shared(nn.Module):
    """One layer used twice, another's weights used by a functional call, a product of the network's own."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Sequential(nn.Conv3d(3, 3, 1), nn.BatchNorm3d(3))
        self.borrowed = nn.Linear(3, 5, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mix(self.mix(x)) * 2
        return nn.functional.linear(x.mean((2, 3, 4)), self.borrowed.weight)


def test_layers_are_the_modules_that_compute_in_the_order_in_which_they_do() -> None:
    counted = count(meta(Shared()), CLIP)
    assert [layer.name for layer in counted.layers] == ["mix.0", "mix.1", ""]
    layers = by_name(counted.layers)
    assert layers["mix.0"].macs == 2 * PIXELS * 3 * 3  # both calls, the weights once
    assert (layers["mix.0"].weights, layers["mix.0"].params, layers["mix.0"].kernel) == (9, 12, (1, 1, 1))
    assert (layers["mix.1"].kind, layers["mix.1"].weights, layers["mix.1"].params) == ("norm", 0, 6)
    assert layers["mix.1"].output == (1, 3, 8, 32, 32)
    # A functional call belongs to the module that makes it, with the weights that it reads.
    assert layers[""].operations == {"product": 3 * PIXELS, "mean": 3 * PIXELS + 3, "matmul": 3 * 5}
    assert (layers[""].kind, layers[""].weights, layers[""].output) == ("matmul", 15, (1, 5))


@pytest.mark.parametrize("name", ["I3D", "S3D-G"])
def test_layers_add_up(name: str) -> None:
    counted = tradeoff.cost(name, clip="16x64x64")
    for kind, total in counted.operations.items():
        assert sum(layer.operations.get(kind, 0) for layer in counted.layers) == total
    assert counted.operations["convolution"] + counted.operations.get("matmul", 0) == counted.macs
    assert sum(layer.bytes_moved for layer in counted.layers) == counted.bytes_moved
    assert sum(layer.weights for layer in counted.layers) == counted.weights
    assert sum(layer.params for layer in counted.layers) == counted.params


def test_a_layer_of_i3d_by_hand() -> None:
    layer = by_name(tradeoff.cost("I3D").layers)["trunk.mixed_3b.branch1.conv.conv"]
    assert layer.macs == 96 * 128 * 27 * 32 * 28 * 28
    assert (layer.kernel, layer.output) == ((3, 3, 3), (1, 128, 32, 28, 28))
    assert layer.bytes_moved == 4 * (96 * 32 * 28 * 28 + 96 * 128 * 27 + 128 * 32 * 28 * 28)


def test_the_properties_are_the_papers_units() -> None:
    counted = tradeoff.cost("I3D", CLIP)
    assert counted.params_m == counted.weights / 1e6 == 12.682304  # the learnable numbers are 12.697264 M
    assert counted.gmacs == counted.macs / 1e9


def test_a_record_is_plain_json_without_layers() -> None:
    record = tradeoff.cost("I3D", CLIP).as_record()
    assert json.loads(json.dumps(record)) == record
    assert {"params", "weights", "macs", "activation_bytes", "operations", "bytes_moved", "intensity"} <= set(record)
    assert "layers" not in record


def test_width_scales_weights_by_its_square() -> None:
    wide, narrow = tradeoff.cost("I3D", CLIP), tradeoff.cost("I3D", CLIP, width=0.5)
    assert narrow.weights / wide.weights == pytest.approx(0.25, rel=0.05)  # the first layer and the logits scale once


def test_a_clip_that_is_too_small_is_refused() -> None:
    with pytest.raises(InputError, match="too small"):
        tradeoff.cost("I3D", clip=(4, 32, 32))


def test_a_network_that_needs_what_tensors_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "reads_values.py").write_text(
        "from torch import nn\n"
        "class Network(nn.Conv3d):\n"
        "    def __init__(self, num_classes):\n"
        "        super().__init__(3, num_classes, 1)\n"
        "    def forward(self, x):\n"
        "        return super().forward(x) if x.sum().item() else x\n"
    )
    with pytest.raises(InputError, match=r"reads_values:Network cannot be counted on clips of 8x32x32: .*meta"):
        tradeoff.cost("reads_values:Network", CLIP)


def test_a_count_that_fails_leaves_no_hook_behind() -> None:
    class Unknown(Shared):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).erfinv()

    before = count(meta(Shared()), CLIP)
    with pytest.raises(InputError, match="erfinv"):
        count(meta(Unknown()), CLIP)
    hooks = nn.modules.module
    assert not hooks._global_forward_hooks and not hooks._global_forward_pre_hooks
    assert count(meta(Shared()), CLIP) == before
