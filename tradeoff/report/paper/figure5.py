"""The paper's Figure 5 is recovered as a statement only; beside it, trained weights that are on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from tradeoff.records.store import Record
from tradeoff.report.tables import MISSING, markdown_lines, markdown_table
from tradeoff.report.temporal_figure import temporal_figure
from tradeoff.report.temporal_weights import (
    HIGH,
    LOW,
    NEAR_ZERO,
    SPREAD,
    Layer,
    Spread,
    criteria,
    judge,
    plain,
    protocol,
    read_spread,
)

HEADING = "Figure 5: the weights of a trained I3D over time"
STATEMENT = "the t ≠ 0 weights of conv 1a end near zero and those of Mixed_5b spread over t: low layers are 2D anyway"
CONFIDENCE = "Published as a picture, of which the statement is known here and no number: nothing is drawn for it."
CHOICE = "Of several weights on record I3D's come first, of these DeepMind's (i3d-kinetics400), then by name."
NOT_RUN = (
    "Not run here: `tradeoff report --figure temporal-weights` measures DeepMind's I3D in seconds (47 MB to fetch), "
    "and `tradeoff report --figure temporal-weights --weights FILE` any other."
)
_EXPECTED = {LOW: "near zero at t ≠ 0", HIGH: "spread over t"}


@dataclass(frozen=True)
class Weights:
    """The weights that stand beside the statement, or None where none are on record."""

    spread: Spread | None

    @property
    def sentence(self) -> str:
        return judge(self.spread).sentence if self.spread else NOT_RUN

    def as_record(self) -> dict[str, Any]:
        weights = self.spread and {"weights": self.spread.weights, "variant": self.spread.variant}
        return {"published": STATEMENT, "ours": weights, "sentence": self.sentence, "rows": self.rows()}

    def rows(self) -> list[dict[str, str]]:
        """A row a layer that the statement is about."""
        rows = []
        for unit, expected in _EXPECTED.items():
            for layer in self.spread.of(unit) if self.spread else ():
                holds, ours = _held(layer, unit)
                rows.append(
                    {"Layer": layer.label, "Published": expected, "Ours": ours, "Same": "yes" if holds else "no"}
                )
        return rows or [{"Layer": MISSING, "Published": STATEMENT, "Ours": "not run here", "Same": MISSING}]

    def figure(self) -> Figure | None:
        """Ours, with the published statement above it; None where there are none."""
        if self.spread is None:
            return None
        verdict = judge(self.spread)
        said = replace(verdict, sentence=f"Published (Figure 5, as a statement): {STATEMENT}. Ours: {verdict.sentence}")
        return temporal_figure(self.spread, said, [criteria(self.spread), protocol(self.spread), CONFIDENCE])

    def table(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows())

    def notes(self) -> list[str]:
        own = [criteria(self.spread), protocol(self.spread), CHOICE] if self.spread else []
        return [CONFIDENCE, self.sentence, *own]

    def markdown(self, picture: str = "") -> str:
        pictures = [f"![{HEADING}]({picture})\n"] if picture else []
        notes = markdown_lines(self.notes())
        said = f"Published: {STATEMENT}.\n"
        return "\n".join([f"## {HEADING}\n", *pictures, said, markdown_table(self.table()), notes])


def _held(layer: Layer, unit: str) -> tuple[bool, str]:
    """Whether a layer is what the statement says, and how far."""
    if unit == LOW:
        return layer.off_centre <= NEAR_ZERO, f"{layer.off_centre:.2f} of an even spread's energy at t ≠ 0"
    heaviest = f"{layer.heaviest:+d}" if layer.heaviest else "0"
    share = f"{layer.off_heaviest:.2f} of an even spread's energy outside t = {heaviest}, the heaviest"
    return layer.off_heaviest >= SPREAD, share


def chosen(records: Sequence[Record]) -> Weights:
    """The record that `CHOICE` picks."""
    spreads = [read_spread(record) for record in records]
    order = sorted(
        spreads,
        key=lambda each: (each.variant != "I3D", each.weights != "i3d-kinetics400", plain(each.weights), each.digest),
    )
    return Weights(order[0] if order else None)
