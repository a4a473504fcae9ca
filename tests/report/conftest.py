"""Joined tables with invented numbers, in the columns that the records loader gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tradeoff.variants import Variant

Setting = tuple[str, str, str]  # runtime, precision, layout
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
        "cache": "warm", "views": "1x1", "steady_processes": 3, "latency_outcome": "", "host_ms": 6 + macs / 4e8,
        "host_low_ms": 5 + macs / 4e8, "host_high_ms": 7 + macs / 4e8, "video_ms": 6 + macs / 4e8,
        "first_pass_ms": 90.0, "prepare_s": 0.5, "clips_per_second": 120.0, "throughput_batch": 4,
        "peak_memory_bytes": 400_000_000, "output_error": 0.0, "matrix_fraction": 0.25, "bound": "compute",
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


SETTINGS: dict[tuple[str, str, str], float] = {
    ("eager", "float32", "contiguous"): 1.3,
    ("eager", "float32", "channels_last_3d"): 1.0,
    ("eager", "bf16", "channels_last_3d"): 0.9,
    ("compile", "float32", "channels_last_3d"): 0.8,
    ("compile", "bf16", "channels_last_3d"): 0.55,
    ("compile-frozen", "float32", "channels_last_3d"): 0.7,
    ("compile-frozen", "bf16", "channels_last_3d"): 0.5,
    ("onnxruntime", "float32", "contiguous"): 0.75,
    ("openvino", "float32", "contiguous"): 0.6,
    ("openvino", "bf16", "contiguous"): 0.4,
    ("openvino", "fp16", "contiguous"): 0.62,
}
"""Eleven settings, and what each makes of a latency in eager float32."""


def invented_deployments(latencies: Mapping[str, Mapping[Setting, float | None]], **changes: Any) -> pd.DataFrame:
    """A row a variant and setting with the latency given, within 4 % each way; None is out of memory."""
    rows = []
    for name, by_setting in latencies.items():
        for (runtime, precision, layout), latency in by_setting.items():
            own: dict[str, Any] = {"runtime": runtime, "precision": precision, "layout": layout}
            rows.append(invented_row(name, **own | (_timed(latency) if latency else OUT_OF_MEMORY) | changes))
    return pd.DataFrame(rows)


def _timed(latency: float) -> dict[str, Any]:
    own = {"latency_ms": latency, "latency_low_ms": 0.96 * latency, "latency_high_ms": 1.04 * latency}
    own |= {"host_ms": latency + 1, "video_ms": latency + 1, "clips_per_second": 1200 / latency}
    return own | {"processes": 8, "steady_processes": 8}


def invented_grid() -> pd.DataFrame:
    """Four variants in eleven settings: separable ones gain less from openvino, so that I3D overtakes S3D there."""
    eager = {"I2D": 8.4, "Fast-S3D": 11.5, "S3D": 19.0, "I3D": 22.0}
    latencies: dict[str, dict[Setting, float | None]] = {}
    for name, latency in eager.items():
        slower = {"openvino": 1.7, "compile": 1.1} if "S3D" in name else {}
        latencies[name] = {
            setting: latency * share * slower.get(setting[0], 1.0) for setting, share in SETTINGS.items()
        }
    latencies["I3D"]["compile", "bf16", "channels_last_3d"] = None
    return invented_deployments(latencies)


NO_LATENCY: dict[str, Any] = {
    **dict.fromkeys(("device", "runtime", "precision", "layout", "latency_interval", "cache", "views", "bound")),
    **dict.fromkeys(("threads", "batch", "processes", "latency_ms", "latency_low_ms", "latency_high_ms"), np.nan),
    **dict.fromkeys(("steady_processes", "host_ms", "host_low_ms", "host_high_ms", "video_ms", "first_pass_ms")),
    **dict.fromkeys(("prepare_s", "clips_per_second", "throughput_batch", "peak_memory_bytes"), np.nan),
    **dict.fromkeys(("output_error", "matrix_fraction"), np.nan),
}
OUT_OF_MEMORY: dict[str, Any] = {
    **dict.fromkeys(
        ("latency_ms", "latency_low_ms", "latency_high_ms", "host_ms", "video_ms", "clips_per_second", "prepare_s",
         "throughput_batch", "peak_memory_bytes", "matrix_fraction", "first_pass_ms", "output_error",
         "steady_processes"), np.nan
    ),
    "latency_interval": None, "bound": None, "latency_outcome": "out of memory", "processes": 0,
}  # fmt: skip
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
def deployments() -> Callable[..., pd.DataFrame]:
    return invented_deployments


@pytest.fixture
def grid() -> pd.DataFrame:
    return invented_grid()


@pytest.fixture
def no_latency() -> dict[str, Any]:
    return dict(NO_LATENCY)


@pytest.fixture
def no_accuracy() -> dict[str, Any]:
    return dict(NO_ACCURACY)
