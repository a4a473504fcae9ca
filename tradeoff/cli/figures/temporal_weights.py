"""The spread of trained weights over time: drawn from records, measured where there are none."""

from __future__ import annotations

import sys
from pathlib import Path

from tradeoff.errors import InputError
from tradeoff.records.store import Record, Store, find_records
from tradeoff.report.drawing import Asked
from tradeoff.report.run import WeightsReport, report_weights
from tradeoff.report.temporal_weights import find_weights
from tradeoff.variants import Variant

DEFAULT_WEIGHTS = "i3d-kinetics400"


def draw(asked: Asked) -> dict[str, WeightsReport]:
    """The weights `asked.weights`, or all on record, or else the Kinetics I3D's. Raises InputError for weights that
    cannot be drawn."""
    weights, variant = asked.weights, _one(asked)
    if variant is not None and weights is None:
        raise InputError("--variant says which network the file in --weights is of: name that too")
    store = Store(find_records(asked.results) or asked.results)
    by_name = variant is None and not (weights and Path(weights).exists())
    found = find_weights(store, weights) if by_name else []
    return report_weights(found or [_measure(weights, variant, store)], store, asked.out)


def _one(asked: Asked) -> str | None:
    if len(asked.variants) > 1:
        raise InputError(f"--variant is given {len(asked.variants)} times: the weights are of one network")
    return next(iter(asked.variants), None)


def _measure(weights: str | None, variant: str | None, store: Store) -> Record:
    """The record of weights, made if it is not there; torch is needed from here on."""
    from tradeoff.measure.temporal_weights import record_temporal_weights
    from tradeoff.weights.checkpoints import open_weights

    if weights is None:
        sys.stderr.write(f"no weights are on record in {store.root}: measuring {DEFAULT_WEIGHTS}\n")
    named, wanted = weights or DEFAULT_WEIGHTS, Variant.parse(variant) if variant else None
    opened = open_weights(named, wanted)
    if wanted is not None and opened.variant != wanted:
        raise InputError(f"weights {named} are of {opened.variant.name}, not of {variant}: leave --variant out")
    return record_temporal_weights(opened, Path(named).name, store)
