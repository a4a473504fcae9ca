"""How a trained network's kernel weights are spread over time: what Figure 5 of the paper is drawn from.

A layer is a convolution whose kernel W (out, in, T, H, W) is longer than 1 in time: the stem's 1a and 2c, the 3x3x3
convolutions of branches 1 and 2 of a mixed block, and the temporal halves of separable ones. Its weights are taken
apart by time offset t = index - (T - 1) / 2, so that t = 0 is the kernel's middle and t > 0 looks at later frames
(convolutions here, as in TensorFlow and PyTorch, are cross-correlations; T is odd). The *energy* of some weights is
the sum of their squares.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tradeoff.errors import InputError
from tradeoff.measure.environment import provenance
from tradeoff.records.keys import TEMPORAL_WEIGHTS, weights_key
from tradeoff.records.store import Record, Store
from tradeoff.variants import UNITS, InceptionVariant
from tradeoff.weights.checkpoints import Weights

Floats = NDArray[np.float64]

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
_LAYER = re.compile(r"trunk\.(?:conv|mixed)_(\w+?)(?:\.branch(\d))?(?:\.\w+)*\.conv\.weight")


def temporal_weights(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The spread over time of every layer of a network of the paper's family, as plain JSON values.

    `state` is under our names, bottom to top. Numbers have eight significant digits, so that another order of
    summation gives the same record. Raises InputError for a network without a layer, and for weights that are not
    finite or all zero.
    """
    layers = [_layer(*found) for found in _layers(state)]
    if not layers:
        raise InputError("no kernel is longer than 1 in time; name weights of an I3D, an S3D or another with 3D units")
    return {"percentiles": list(PERCENTILES), "layers": layers}


def record_temporal_weights(weights: Weights, name: str, store: Store) -> Record:
    """Measure weights into a results folder, where they are called `name`; what is on record already stands.

    Raises InputError for a network of another family, one without a layer, and a folder that cannot be written.
    """
    if not isinstance(weights.variant, InceptionVariant):
        raise InputError(
            f"weights {weights.origin} are of {weights.variant.name}, not of the paper's family: name an I3D or S3D"
        )
    started = time.perf_counter()
    try:
        measured = temporal_weights(weights.state)
    except InputError as error:
        raise InputError(
            f"weights {weights.origin} of {weights.variant.name} cannot be drawn over time: {error}"
        ) from error
    about = {"name": weights.variant.name, "variant": weights.variant.fields()}
    about |= {"weights": name, "layout": weights.layout}
    made = provenance(torch.device("cpu")) | {"seconds": round(time.perf_counter() - started, 3)}
    return store.prepare().write(weights_key(weights.digest, TEMPORAL_WEIGHTS), measured, about=about, made=made)


def _layers(state: Mapping[str, Tensor]) -> Iterator[tuple[str, str, int | None, Floats]]:
    """(name, unit, branch, kernel) of every convolution longer than 1 in time."""
    for name, tensor in state.items():
        match = _LAYER.fullmatch(name)
        if match and match[1] in UNITS and tensor.ndim == 5 and tensor.shape[2] > 1:
            yield name, match[1], int(match[2]) if match[2] else None, tensor.detach().cpu().double().numpy()


def _layer(name: str, unit: str, branch: int | None, kernel: Floats) -> dict[str, Any]:
    """One layer: its offsets, and in a few numbers how much of it lies outside its middle.

    energy_off_centre: share of the layer's energy at t != 0; an even spread has (T - 1) / T.
    heaviest: the offset with most energy; energy_off_heaviest: the share that is not there. A kernel that looks at
        one frame, if not at the middle one, has none: it is 2D but for a shift.
    rms_ratio: root mean square of the weights at t != 0 over that at t = 0; None where those at t = 0 are all zero.
    """
    if not np.isfinite(kernel).all() or not kernel.any():
        raise InputError(f"{name!r} holds weights that are not finite, or nothing but zeros")
    length = kernel.shape[2]
    centre = (length - 1) // 2
    energy = np.square(kernel).sum(axis=(1, 3, 4))  # (filters, T)
    share = energy.sum(axis=0) / energy.sum()
    heaviest = int(share.argmax())
    off_centre, off_heaviest = (float(np.delete(share, index).sum()) for index in (centre, heaviest))
    ratio = _rounded(np.sqrt(off_centre / (length - 1) / share[centre])) if share[centre] else None
    return {
        "name": name,
        "unit": unit,
        "branch": branch,
        "kernel": list(kernel.shape),
        "count": kernel.size,
        "rms": _rounded(np.sqrt(np.square(kernel).mean())),
        "energy_off_centre": _rounded(off_centre),
        "heaviest": heaviest - centre,
        "energy_off_heaviest": _rounded(off_heaviest),
        "rms_ratio": ratio,
        "offsets": _offsets(kernel, energy, share),
    }


def _offsets(kernel: Floats, energy: Floats, share: Floats) -> list[dict[str, Any]]:
    """For each offset, all weights at it: mean, standard deviation, percentiles and share of the layer's energy.

    A filter's scale means nothing where batch norm follows, and the largest filters decide the share. So the share is
    there with all filters counted alike too (`energy_per_filter`: the mean over filters of the share inside each),
    and how many filters have most of their energy here (`filters`). Filters of zeros are left out of both.
    """
    alive = energy[energy.sum(axis=1) > 0]
    inside = alive / alive.sum(axis=1, keepdims=True)  # (filters, T)
    heaviest = np.bincount(inside.argmax(axis=1), minlength=len(share))
    return [
        {
            "offset": index - (len(share) - 1) // 2,
            "mean": _rounded(weights.mean()),
            "std": _rounded(weights.std()),
            "percentiles": [_rounded(value) for value in np.percentile(weights, PERCENTILES)],
            "energy": _rounded(share[index]),
            "energy_per_filter": _rounded(inside[:, index].mean()),
            "filters": int(heaviest[index]),
        }
        for index, weights in enumerate(np.moveaxis(kernel, 2, 0).reshape(len(share), -1))
    ]


def _rounded(value: float) -> float:
    return float(f"{value:.8g}")
