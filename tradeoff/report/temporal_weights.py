"""Figure 5 of the paper from a record: how kernel weights are spread over time, and whether low layers are 2D anyway.

What "near zero" and "spread" mean is fixed here, and the sentence follows from the numbers. Both compare a share of a
layer's energy (sum of squares) with what an even spread over its T offsets has, (T - 1) / T:

* weights at t != 0 are *near zero* where they hold at most a tenth of that: each of them is then, in root mean square,
  at most an eighth (T = 7) or a fifth (T = 3) of those at t = 0;
* weights *spread over t* where at least half of that lies outside the offset that has most. Outside that offset, not
  outside t = 0: a kernel that looks at one frame only is 2D, if with a shift, whichever frame it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import pandas as pd

from tradeoff.errors import InputError
from tradeoff.records.keys import TEMPORAL_WEIGHTS
from tradeoff.records.store import Record, Store
from tradeoff.report.tables import markdown_table
from tradeoff.variants import UNITS

NEAR_ZERO, SPREAD = 0.1, 0.5
LOW, HIGH = "1a", "5b"  # the units that the paper speaks of
TABLE_NOTE = (
    "Energy % by t: shares of the layer's energy, the lowest t first. Filters like it: how many filters have most of "
    "their energy at the layer's heaviest t. Outside: energy as a part of what an even spread has there, 0 for none, 1 "
    "for as much; filters alike: the mean over filters, so that large ones count no more than small ones."
)
Outcome = Literal["shows it", "mixed", "does not show it", "cannot show it"]


@dataclass(frozen=True)
class Offset:
    """The weights of a layer at one time offset; `energy` is their share of the layer's sum of squares."""

    offset: int
    mean: float
    std: float
    percentiles: Mapping[int, float]
    energy: float
    energy_per_filter: float
    filters: int


@dataclass(frozen=True)
class Layer:
    """A convolution longer than 1 in time. Energies are shares of the layer's; `rms` is over all its weights."""

    name: str
    unit: str
    branch: int | None
    kernel: tuple[int, ...]
    count: int
    rms: float
    energy_off_centre: float
    heaviest: int
    energy_off_heaviest: float
    rms_ratio: float | None
    offsets: tuple[Offset, ...]

    @property
    def label(self) -> str:
        return unit_name(self.unit) + ("" if self.branch is None else f" branch {self.branch}")

    @property
    def even(self) -> float:
        """The share of energy that an even spread has outside any one offset."""
        return (len(self.offsets) - 1) / len(self.offsets)

    @property
    def off_centre(self) -> float:
        """Energy at t != 0 as a part of what an even spread has there: 0 is 2D, 1 is even."""
        return self.energy_off_centre / self.even

    @property
    def off_heaviest(self) -> float:
        """Energy outside the heaviest offset as a part of what an even spread has there: 0 to 1."""
        return self.energy_off_heaviest / self.even

    def at(self, offset: int) -> Offset:
        return next(each for each in self.offsets if each.offset == offset)


@dataclass(frozen=True)
class Spread:
    """One record: the layers of one network's weights, and which weights they are."""

    weights: str
    variant: str
    width: float
    layout: str
    digest: str
    layers: tuple[Layer, ...]

    def of(self, unit: str) -> list[Layer]:
        return [layer for layer in self.layers if layer.unit == unit]


@dataclass(frozen=True)
class Verdict:
    """What the numbers allow to say of finding 5, as an outcome, a title and a sentence."""

    outcome: Outcome
    title: str
    sentence: str


def find_weights(store: Store, name: str | None = None) -> list[Record]:
    """The records that can be drawn, or those of weights called `name`."""
    found = [record for record in store.records("weights") if record.depends_on.get("method") == TEMPORAL_WEIGHTS]
    return [record for record in found if name is None or record.about.get("weights") == name]


def read_spread(record: Record) -> Spread:
    """Raises InputError where a record does not hold what its method says."""
    try:
        layers = tuple(_read_layer(values, record.measured["percentiles"]) for values in record.measured["layers"])
        return Spread(
            weights=str(record.about["weights"]),
            variant=str(record.about["name"]),
            width=float(record.about["variant"].get("width", 1)),
            layout=str(record.about["layout"]),
            digest=str(record.depends_on["checkpoint"]),
            layers=layers,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"record weights/{record.key}.json is damaged ({error!r}): delete it and measure anew"
        ) from error


def _read_layer(values: Mapping[str, Any], percentiles: Sequence[int]) -> Layer:
    if values["unit"] not in UNITS or values["branch"] not in (None, 0, 1, 2, 3):
        raise ValueError(f"there is no unit {values['unit']!r} with a branch {values['branch']!r}")
    offsets = tuple(
        Offset(**{**each, "percentiles": dict(zip(percentiles, each["percentiles"], strict=True))})
        for each in values["offsets"]
    )
    return Layer(**{**values, "kernel": tuple(values["kernel"]), "offsets": offsets})


def judge(spread: Spread) -> Verdict:
    """Does it show what the paper says: 1a's weights at t != 0 near zero, Mixed_5b's spread over t?"""
    low, high = spread.of(LOW), spread.of(HIGH)
    network = f"{plain(spread.variant)} ({plain(spread.weights)})"
    if not low or not high:
        missing = " and ".join(unit_name(unit) for unit, found in ((LOW, low), (HIGH, high)) if not found)
        sentence = f"{network} cannot show what the paper says: it has no kernel over time in {missing}."
        return Verdict("cannot show it", "Kernel weights over time", sentence)
    flat = all(layer.off_centre <= NEAR_ZERO for layer in low)
    wide = all(layer.off_heaviest >= SPREAD for layer in high)
    title = f"Conv {LOW} {'keeps' if flat else 'does not keep'} to t = 0; "
    title += f"{unit_name(HIGH)} {'spreads' if wide else 'does not spread'} over time"
    return Verdict(_OUTCOMES[flat, wide], title, f"{network} {_said(low, high, flat, wide)}.")


_OUTCOMES: dict[tuple[bool, bool], Outcome] = {
    (True, True): "shows it",
    (True, False): "mixed",
    (False, True): "mixed",
    (False, False): "does not show it",
}


def _said(low: Sequence[Layer], high: Sequence[Layer], flat: bool, wide: bool) -> str:
    low_words, high_words = _low_words(low, flat), _high_words(high, wide)
    if flat == wide:
        return f"{'shows' if flat else 'does not show'} what the paper says: {low_words}, and {high_words}"
    first, second = (low_words, high_words) if flat else (high_words, low_words)
    return f"shows half of what the paper says: {first}, but {second}"


def _low_words(layers: Sequence[Layer], flat: bool) -> str:
    layer = layers[0]
    share = _percent(layer.energy_off_centre)
    facts = f"they hold {share} of the layer's energy, where an even spread has {_percent(layer.even)} there"
    peak = layer.at(layer.heaviest)
    if peak.offset and peak.energy > 0.5:
        facts += f"; t = {peak.offset:+d} alone holds {_percent(peak.energy)}"
    return f"{layer.label}'s weights at t ≠ 0 are {'' if flat else 'not '}near zero ({facts})"


def _high_words(layers: Sequence[Layer], wide: bool) -> str:
    *others, last = (_percent(layer.energy_off_heaviest) for layer in layers)
    shares = " and ".join([", ".join(others), last] if others else [last])
    facts = f"{shares} of the energy is outside the heaviest t, where an even spread has {_percent(layers[0].even)}"
    return f"{unit_name(HIGH)}'s weights {'' if wide else 'do not '}spread over t ({facts})"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def criteria(spread: Spread) -> str:
    """What the verdict's words mean, and where these weights stand."""
    low = [f"{layer.label} {layer.off_centre:.2f}" for layer in spread.of(LOW)]
    high = [f"{layer.label} {layer.off_heaviest:.2f}" for layer in spread.of(HIGH)]
    return (
        f"Near zero: the energy (sum of squares) at t ≠ 0 is at most {NEAR_ZERO:g} of what an even spread has there "
        f"({', '.join(low) or 'no such layer'}). Spread over t: the energy outside the heaviest offset is at least "
        f"{SPREAD:g} of what an even spread has there ({', '.join(high) or 'no such layer'})."
    )


def protocol(spread: Spread) -> str:
    """Which weights, and how they were taken apart."""
    width = "" if spread.width == 1 else f", width {spread.width:g}"
    return (
        f"Weights: {plain(spread.weights)} ({plain(spread.variant)}{width}; layout {plain(spread.layout)}, tensors "
        f"{plain(spread.digest)}); every kernel longer than 1 in time; t = 0 is the kernel's middle, positive t are "
        f"later frames; method {TEMPORAL_WEIGHTS}."
    )


def display_table(spread: Spread) -> pd.DataFrame:
    """A row a layer, as text: energies in percent, and as parts of an even spread."""
    return pd.DataFrame([_display_row(layer) for layer in spread.layers])


def _display_row(layer: Layer) -> dict[str, str]:
    peak = layer.at(layer.heaviest)
    return {
        "Layer": layer.label,
        "Kernel": "x".join(map(str, layer.kernel[2:])),
        "Weights": f"{layer.count}",
        "rms": f"{layer.rms:.3g}",
        "Energy % by t": " / ".join(f"{100 * each.energy:.0f}" for each in layer.offsets),
        "Heaviest t": f"{layer.heaviest:+d}" if layer.heaviest else "0",
        "Filters like it": f"{peak.filters} of {sum(each.filters for each in layer.offsets)}",
        "Outside t = 0": f"{layer.off_centre:.2f}",
        "Outside heaviest t": f"{layer.off_heaviest:.2f}",
        "Outside t = 0, filters alike": f"{(1 - layer.at(0).energy_per_filter) / layer.even:.2f}",
    }


def offset_rows(spread: Spread) -> list[dict[str, Any]]:
    """A row a layer and offset, unrounded; what a layer has of itself stands in each of its rows."""
    return [_of_layer(layer) | _of_offset(each) for layer in spread.layers for each in layer.offsets]


def _of_layer(layer: Layer) -> dict[str, Any]:
    facts = {field.name: getattr(layer, field.name) for field in fields(layer) if field.name != "offsets"}
    return facts | {"kernel": "x".join(map(str, layer.kernel))}


def _of_offset(each: Offset) -> dict[str, Any]:
    facts = {field.name: getattr(each, field.name) for field in fields(each) if field.name != "percentiles"}
    return facts | {f"p{rank}": value for rank, value in each.percentiles.items()}


def csv(spread: Spread) -> str:
    frame = pd.DataFrame(offset_rows(spread)).astype({"branch": "Int64"})
    return frame.to_csv(index=False, lineterminator="\n")


def unit_name(unit: str) -> str:
    return f"conv {unit}" if unit in UNITS[:2] else f"Mixed_{unit}"


def markdown(spread: Spread, found: Verdict, picture: str) -> str:
    heading = _escaped(f"Kernel weights over time: {plain(spread.variant)}, {plain(spread.weights)}")
    notes = "".join(f"- {_escaped(note)}\n" for note in (criteria(spread), TABLE_NOTE, protocol(spread)))
    table = markdown_table(display_table(spread))
    return "\n".join(
        [f"# {heading}\n", f"![{found.title}]({picture})\n", f"{_escaped(found.sentence)}\n", table, notes]
    )


def plain(text: str) -> str:
    """A name from a file, fit for a picture: no control characters, which SVG cannot have, and no end of a line."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _escaped(text: str) -> str:
    """A text as Markdown shows it; what stands for markup or HTML is escaped. Underscores inside a word are text."""
    return re.sub(r"[\\`*\[\]<>&$]|(?<!\w)_|_(?!\w)", r"\\\g<0>", text)
