"""The layers of networks: drawn from records, counted where there are none."""

from __future__ import annotations

from tradeoff.clip_shape import PAPER_CLIP, ClipShape
from tradeoff.errors import InputError
from tradeoff.records.store import Record, Store, find_records
from tradeoff.report.drawing import Asked, Drawing
from tradeoff.report.layer_costs import find_layers, report_layers
from tradeoff.variants import Variant


def draw(asked: Asked) -> dict[str, Drawing]:
    """What `asked.variants` cost layer by layer on clips of `asked.clip`, or all networks on record.

    Raises InputError for a variant or clip that is none, and where none is named and none on record.
    """
    clip = ClipShape.parse(asked.clip) if asked.clip else PAPER_CLIP
    chosen = list(dict.fromkeys(Variant.parse(name) for name in asked.variants))
    store = Store(find_records(asked.results) or asked.results)
    if not chosen:
        return report_layers(_on_record(store, clip), asked)
    return report_layers([_found(store, variant, clip) or _count(store, variant, clip) for variant in chosen], asked)


def _on_record(store: Store, clip: ClipShape) -> list[Record]:
    if found := find_layers(store, str(clip)):
        return found
    others = sorted({record.about["clip"] for record in store.records("layers")})
    there = f"no layers on clips of {clip}, but on {', '.join(others)} (--clip)" if others else "no layers"
    raise InputError(f"results folder {store.root} holds {there}: name a network to count, as in --variant S3D")


def _found(store: Store, variant: Variant, clip: ClipShape) -> Record | None:
    return next(iter(find_layers(store, str(clip), [variant.fields()])), None)


def _count(store: Store, variant: Variant, clip: ClipShape) -> Record:
    """Torch is needed from here on."""
    from tradeoff.measure.layer_costs import record_layers

    return record_layers(variant, clip, store)
