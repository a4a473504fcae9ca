"""A network as an ONNX file, for the runtimes that read those."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from tradeoff.measure.runtimes.quiet import quiet

INPUT, OUTPUT = "clips", "logits"


def export_onnx(network: nn.Module, clips: Tensor, folder: Path) -> Path:
    """Write the network, for batches of just this shape and precision, into a folder; its weights lie beside it, since
    a file of ONNX ends at 2 GB."""
    path = folder / "network.onnx"
    with quiet("torch.onnx"), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        torch.onnx.export(
            network,
            (clips,),
            path,
            dynamo=True,
            external_data=True,
            verbose=False,
            input_names=[INPUT],
            output_names=[OUTPUT],
        )
    return path
