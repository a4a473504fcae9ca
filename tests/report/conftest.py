"""Joined tables with invented numbers, in the columns that the records loader gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tradeoff.variants import Variant

FIGURE4 = (
    "I2D",
    *(f"{heavy}-Heavy-{model}-{k}" for model in ("I3D", "S3D") for heavy in ("Bottom", "Top") for k in (2, 4, 7, 9)),
    "I3D",
    "S3D",
)
GAINS = np.array([2, 4, 4, 6, 8, 8, 9, 9, 12, 18, 20])
SHARES = np.array([8, 20, 6, 10, 4, 4, 4, 4, 5, 2, 2.5])


def invented_row(name: str, **changes: Any) -> dict[str, Any]:
    """A row whose accuracy grows with its 3D units, the top ones most, and whose cost grows with the bottom ones."""
    variant = Variant.parse(name, width=0.25, classes=12)
    units = str(variant.units)  # type: ignore[attr-defined]
    in_3d = np.array([letter != "2" for letter in units])
    price = 0.35 if "s" in units else 1.2
    top1 = 0.42 + 0.5 * np.tanh((GAINS * in_3d).sum() / 40) + 0.015 * ("s" in units)
    macs = int((2.2 + 0.07 * price * (SHARES * in_3d).sum()) * 1e9)
    row = {
        "variant": variant.name, "units": units, "gating": name.endswith("-G"), "width": 0.25, "classes": 12,
        "clip": "16x64x64", "published": np.nan, "start_distance": np.nan,
        "params": int(374_000 + 35_000 * price * in_3d.sum()),
        "weights": 370_000, "macs": macs, "activation_bytes": 10_000_000,
        "data": "motion", "data_digest": "0123456789abcdef",
        "recipe": "10 epochs, batch 32, bf16", "recipe_key": "ab12", "view": "centre crop, 1 view", "order": "normal",
        "seeds": 3, "folds": 1, "test_clips": 1024, "unreadable": 0, "top1": top1, "top1_low": top1 - 0.03,
        "top1_high": top1 + 0.025, "top5": 0.99, "interval": "crossed bootstrap over seeds and clips",
        "device": "cpu EPYC", "runtime": "eager", "precision": "float32", "layout": "channels_last_3d", "threads": 2,
        "batch": 1, "processes": 3, "latency_ms": 5 + macs / 4e8, "latency_low_ms": 0.96 * (5 + macs / 4e8),
        "latency_high_ms": 1.05 * (5 + macs / 4e8), "latency_interval": "Student t on logarithms", "load": 0.2,
    }  # fmt: skip
    return row | changes


def invented_table(*names: str, **changes: Any) -> pd.DataFrame:
    return pd.DataFrame([invented_row(name, **changes) for name in names])


def invented_mixture(*names: str, **changes: Any) -> pd.DataFrame:
    """Two networks of the paper's family, and others: those have no units, no gating and no width."""
    rows = [invented_row(name, **changes) for name in ("I2D", "S3D")]
    for place, name in enumerate(names):
        own = {
            "variant": name,
            "units": "",
            "width": np.nan,
            "macs": 10**9 * (5 + place),
            "params": 10**7 * (1 + place),
        }
        own |= {"top1": 0.6 + 0.02 * place, "top1_low": 0.55 + 0.02 * place, "top1_high": 0.64 + 0.02 * place}
        own |= {"latency_ms": 20.0 + place, "latency_low_ms": 19.0 + place, "latency_high_ms": 22.0 + place}
        rows.append(invented_row("I3D", **own | changes))
    return pd.DataFrame(rows)


NO_LATENCY: dict[str, Any] = {
    **dict.fromkeys(("device", "runtime", "precision", "layout", "latency_interval")),
    **dict.fromkeys(("threads", "batch", "processes", "latency_ms", "latency_low_ms", "latency_high_ms"), np.nan),
}
NO_ACCURACY: dict[str, Any] = {
    **dict.fromkeys(("data", "data_digest", "recipe", "recipe_key", "view", "order", "interval")),
    **dict.fromkeys(("seeds", "folds", "test_clips", "top1", "top1_low", "top1_high", "top5"), np.nan),
}


@pytest.fixture
def table() -> Callable[..., pd.DataFrame]:
    return invented_table


@pytest.fixture
def mixture() -> Callable[..., pd.DataFrame]:
    return invented_mixture


@pytest.fixture
def figure4() -> pd.DataFrame:
    return invented_table(*FIGURE4)


@pytest.fixture
def no_latency() -> dict[str, Any]:
    return dict(NO_LATENCY)


@pytest.fixture
def no_accuracy() -> dict[str, Any]:
    return dict(NO_ACCURACY)
