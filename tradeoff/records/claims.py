"""Findings as a sweep file states them, to be held against what was measured: the language. Nothing is decided here,
and a claim is in no key.

Each comparison says in which span an effect lies: a difference in top-1 in points, a cost against another in percent.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from tradeoff.setting_names import Layout, Precision, Runtime
from tradeoff.variants import Variant
from tradeoff.variants.families import FAMILIES

Cost = Literal["macs", "params", "latency_ms"]
COSTS: dict[str, str] = {"macs": "multiply-adds", "params": "parameters", "latency_ms": "latency"}
SETTING = ("runtime", "precision", "layout", "batch")
"""What a claim about latencies may name of how they were timed."""
ORDERS = ("normal", "reversed")


@dataclass(frozen=True)
class Span:
    """Where an effect lies if what is claimed is true: above `low` and below `high`, or at them if `closed`."""

    low: float = -math.inf
    high: float = math.inf
    closed: bool = False

    def __contains__(self, effect: float) -> bool:
        return self.low < effect < self.high or (self.closed and self.low <= effect <= self.high)


BY, WITHIN = "by", "within"
PREDICATES: dict[str, tuple[str, Callable[[float], Span]]] = {
    "better_than": (BY, lambda margin: Span(low=margin)),
    "worse_than": (BY, lambda margin: Span(high=-margin)),
    "not_worse_than": (WITHIN, lambda margin: Span(low=-margin, closed=True)),
    "same_as": (WITHIN, lambda margin: Span(-margin, margin, closed=True)),
    "cheaper_than": (BY, lambda margin: Span(high=-margin)),
    "not_dearer_than": (WITHIN, lambda margin: Span(high=margin, closed=True)),
    "above": (BY, lambda margin: Span(low=margin)),
}
"""By the key that names the other side: which margin it takes, and the span that the margin gives. `by` is what has to
be exceeded, 0 if it is not given; `within` is the most that does not count, and has to be given."""


def side(text: str) -> tuple[str, str]:
    """The network and the order of the frames that `I3D reversed` means; `normal` where it names none."""
    name, _, order = text.rpartition(" ")
    return (name, order) if order in ORDERS else (text, ORDERS[0])


def _tested(text: str) -> str:
    Variant.parse(side(text)[0])
    return text


def _family(text: str) -> str:
    if text.lower() not in FAMILIES:
        raise ValueError(f"should be one of {', '.join(FAMILIES)}")
    return text.lower()


Tested = Annotated[str, AfterValidator(_tested)]
Family = Annotated[str, AfterValidator(_family)]
Margin = Annotated[float, Field(ge=0, le=100)]


class Part(BaseModel, ABC):
    """One comparison.

    says    the claim in its author's words.
    by      the margin by which it has to be so, in points of top-1, or percent of a cost.
    within  how much less does not count.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    predicates: ClassVar[tuple[str, ...]]
    unit: ClassVar[str] = "points"

    says: str | None = Field(None, min_length=1)
    by: Margin | None = None
    within: Margin | None = None

    @model_validator(mode="after")
    def _one_predicate(self) -> Part:
        named = [name for name in self.predicates if getattr(self, name) is not None]
        if len(named) != 1:
            have = f"has {' and '.join(named)}" if named else "compares with nothing"
            raise ValueError(f"it {have}: give one of {', '.join(self.predicates)}")
        margin = PREDICATES[named[0]][0]
        other = WITHIN if margin == BY else BY
        if getattr(self, other) is not None:
            raise ValueError(f"{named[0]} does not go with {other}: use {margin}")
        if margin == WITHIN and (self.within is None or (self.within == 0 and self.unit == "points")):
            raise ValueError(f"{named[0]} needs a margin, within: the most {self.unit} that do not count")
        if self.subject == self.base:
            raise ValueError(f"both sides are {self.subject}: name two")
        return self

    @property
    def predicate(self) -> str:
        return next(name for name in self.predicates if getattr(self, name) is not None)

    @property
    @abstractmethod
    def subject(self) -> str:
        """The side that it is about."""

    @property
    def base(self) -> str:
        """The other side."""
        return str(getattr(self, self.predicate))

    @property
    def names(self) -> tuple[str, ...]:
        """The networks that it names, as it calls them."""
        return ()

    @property
    def parts(self) -> tuple[Part, ...]:
        return (self,)

    @property
    def span(self) -> Span:
        """Where the effect lies if it is true, in its unit."""
        return PREDICATES[self.predicate][1](self.margin)

    @property
    def margin(self) -> float:
        return self.by or self.within or 0.0

    @property
    def sentence(self) -> str:
        """What is decided, in full."""
        amount = f"{self.margin:g} {self.unit}".replace(" points", " point" if self.margin == 1 else " points")
        more = f" by more than {amount}" if self.margin else ""
        how_much = f", within {amount}" if self.predicate == "same_as" else more
        return f"{self.subject} is {_IN_WORDS.get(self.predicate, self.predicate)} {self.base}{self._where}{how_much}"

    @property
    def _where(self) -> str:
        return ""


_IN_WORDS = {name: name.replace("_", " ") for name in PREDICATES} | {"same_as": "as accurate as"}


class Accuracy(Part):
    """Top-1 of `variant` minus that of another on the same clips; either may be `NAME reversed`. It has one of the keys
    that name the other.

    variant         one of the sweep's networks.
    better_than     the other, if the difference is above `by`.
    worse_than      the other, if the difference is below minus `by`.
    not_worse_than  the other, if the difference is above minus `within`.
    same_as         the other, if the difference is `within` both ways.
    """

    predicates = ("better_than", "worse_than", "not_worse_than", "same_as")

    variant: Tested
    better_than: Tested | None = None
    worse_than: Tested | None = None
    not_worse_than: Tested | None = None
    same_as: Tested | None = None

    @property
    def subject(self) -> str:
        return self.variant

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(side(text)[0] for text in (self.variant, self.base))


class Timed(Part):
    """A comparison over a cost; of latencies it may name how they were timed, where a sweep has several ways.

    runtime    of the latencies.
    precision  of the latencies.
    layout     of the latencies.
    batch      of the latencies.
    """

    runtime: Runtime | None = None
    precision: Precision | None = None
    layout: Layout | None = None
    batch: int | None = Field(None, ge=1)

    @property
    @abstractmethod
    def column(self) -> str:
        """The cost, a column of the joined table."""

    @property
    def setting(self) -> dict[str, Any]:
        """What it names of how latencies were timed."""
        return {name: value for name in SETTING if (value := getattr(self, name)) is not None}

    @model_validator(mode="after")
    def _of_latency(self) -> Timed:
        if self.setting and self.column != "latency_ms":
            raise ValueError(f"{next(iter(self.setting))} is of a latency, and this is about {self.column}")
        return self


class Costs(Timed):
    """What `variant` costs against another, in percent of that: -50 is half as much.

    variant          one of the sweep's networks.
    cheaper_than     the other, if it costs more than `by` less.
    not_dearer_than  the other, if it costs at most `within` more.
    cost             which cost.
    """

    predicates = ("cheaper_than", "not_dearer_than")
    unit = "%"

    variant: Tested
    cheaper_than: Tested | None = None
    not_dearer_than: Tested | None = None
    cost: Cost

    @property
    def subject(self) -> str:
        return self.variant

    @property
    def names(self) -> tuple[str, ...]:
        return self.variant, self.base

    @property
    def column(self) -> str:
        return self.cost

    @property
    def _where(self) -> str:
        return f" in {COSTS[self.cost]}"

    @model_validator(mode="after")
    def _alone(self) -> Costs:
        if ordered := [text for text in self.names if side(text)[0] != text]:
            raise ValueError(f"{ordered[0]!r} names an order of frames: a cost is the same in any, leave it out")
        return self


class Frontier(Timed):
    """What the same cost buys in a family against another, in points: the mean over all costs that both have.

    frontier  a family of the sweep's networks.
    above     the other family.
    at_equal  which cost.
    order     of the frames when they were tested.
    """

    predicates = ("above",)

    frontier: Family
    above: Family
    at_equal: Cost
    order: Literal["normal", "reversed"] = "normal"

    @property
    def subject(self) -> str:
        return self.frontier

    @property
    def column(self) -> str:
        return self.at_equal

    @property
    def _where(self) -> str:
        return f" at equal {COSTS[self.at_equal]}{', frames reversed' if self.order == 'reversed' else ''}"


def _kind(value: Any) -> str | None:
    """Which kind the author meant, so that an error is about that one."""
    if isinstance(value, BaseModel):
        return type(value).__name__
    if not isinstance(value, Mapping):
        return None
    signs = {"All": ("all",), "Frontier": ("frontier", *Frontier.predicates), "Costs": ("cost", *Costs.predicates)}
    signs["Accuracy"] = ("variant", *Accuracy.predicates)
    return next((kind for kind, keys in signs.items() if any(key in value for key in keys)), None)


_WHICH = Discriminator(
    _kind,
    custom_error_type="no_claim",
    custom_error_message="should be keys and values, as in {variant: S3D, better_than: I3D}, {variant: S3D, "
    "cheaper_than: I3D, cost: macs} or {frontier: top-heavy, above: bottom-heavy, at_equal: macs}",
)
_Accuracy = Annotated[Accuracy, Tag("Accuracy")]
_Costs = Annotated[Costs, Tag("Costs")]
_Frontier = Annotated[Frontier, Tag("Frontier")]
Comparison = Annotated[_Accuracy | _Costs | _Frontier, _WHICH]


class All(BaseModel):
    """Comparisons that have to be true together.

    says  the claim in its author's words.
    all   the comparisons.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    says: str | None = Field(None, min_length=1)
    all: Annotated[tuple[Comparison, ...], Field(strict=False, min_length=1)]

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.all

    @property
    def sentence(self) -> str:
        return "; ".join(part.says or part.sentence for part in self.all)


Claim = Annotated[_Accuracy | _Costs | _Frontier | Annotated[All, Tag("All")], _WHICH]
