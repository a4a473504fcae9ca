from __future__ import annotations

import csv
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

import tradeoff
from tradeoff.clip_shape import ClipShape
from tradeoff.errors import InputError
from tradeoff.measure.cost import count_macs, fvcore_macs, peak_activation_bytes
from tradeoff.variants import UNITS, InceptionVariant, Variant

CLIP = ClipShape(8, 32, 32)
STEM_STRIDE = 64 * 3 * 49 * 112 * 112 * (64 - 32)
"""What a separable stem's 1x7x7 costs more at temporal stride 1, as executed, than at 2, as cut_costs.csv counts it."""
LOGITS_AT_SIX_MORE_STEPS = 6 * 1024 * 400


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
        assert counted.weights / 1e6 == pytest.approx(float(row["params_m"]), abs=0.0051), row


@pytest.mark.parametrize("name", ["I2D", "I3D", "S3D-G", "Top-Heavy-S3D-4"])
def test_fvcore_counts_the_same_on_real_tensors(name: str) -> None:
    variant = Variant.parse(name, width=0.125, classes=10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        macs, unsupported = fvcore_macs(variant, CLIP)
    # fvcore counts an addition for each bias-free multiply-add too; a linear layer on one clip has no batch to add.
    assert macs == tradeoff.cost(variant, CLIP).macs
    assert "aten::max_pool3d" in unsupported


def test_multiply_adds_by_hand() -> None:
    network = nn.Sequential(nn.Conv3d(3, 4, (1, 3, 3), padding=(0, 1, 1), bias=False), nn.Conv3d(4, 2, 1)).to("meta")
    positions = 8 * 32 * 32
    assert count_macs(network, CLIP) == positions * (3 * 4 * 9 + 4 * 2)


def test_activation_memory_by_hand() -> None:
    """A chain keeps a layer's input and output alive, no more: the peak is the largest neighbouring pair."""
    network = nn.Sequential(
        nn.Conv3d(3, 8, 1, bias=False),
        nn.ReLU(inplace=True),
        nn.Conv3d(8, 2, 1, bias=False),
        nn.Conv3d(2, 1, 1, bias=False),
    ).to("meta")
    numbers = 8 * 32 * 32
    with torch.no_grad():
        # nn.Sequential's caller holds the clip: 3 channels throughout, then 8 and 2 beside it.
        assert peak_activation_bytes(network, CLIP) == 4 * numbers * (3 + 8 + 2)


def test_width_scales_weights_by_its_square() -> None:
    wide, narrow = tradeoff.cost("I3D", CLIP), tradeoff.cost("I3D", CLIP, width=0.5)
    assert narrow.weights / wide.weights == pytest.approx(0.25, rel=0.05)  # the first layer and the logits scale once


def test_a_clip_that_is_too_small_is_refused() -> None:
    with pytest.raises(InputError, match="too small"):
        tradeoff.cost("I3D", clip=(4, 32, 32))
