"""What every family shares: names, fields, and what is published about a network."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal

from tradeoff.errors import InputError
from tradeoff.variants import notation

MOST_CLASSES = 1_000_000

Pixels = Literal["unit", "kinetics", "imagenet", "centred"]
"""How pixels are scaled before they reach a network: see `tradeoff.networks.pixels`."""


@dataclass(frozen=True)
class Published:
    """An accuracy that others measured: percent on Kinetics-400 under their protocol, never a measurement of ours."""

    top1: float
    top5: float
    clip: str
    views: str
    source: str

    def __str__(self) -> str:
        return f"{self.top1:g} / {self.top5:g}, {self.clip}, {self.views}, published: {self.source}"


@dataclass(frozen=True)
class Variant:
    """One network, described. Subclasses are the families; `Variant.parse` reads any family's names."""

    family: ClassVar[str]

    classes: int = 400

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        FAMILIES[cls.family] = cls

    @staticmethod
    def parse(name: str, defaults: Mapping[str, Any] | None = None, /, **knobs: Any) -> Variant:
        """The variant that a name means, with `knobs` (classes, width, ...) set: `Variant.parse("S3D", width=0.25)`.

        Knobs may stand in the name too: `S3D(width=0.25)`. A name with a colon is a callable of the user's own.
        `defaults` are knobs for many names at once, as a sweep has them: a name goes before them, and a family
        without such a field does without. Raises InputError for an unknown name, with the nearest known ones, for an
        impossible knob, and for one that is given twice.
        """
        head, arguments = notation.read(name)
        if twice := sorted(set(arguments) & set(knobs)):
            raise InputError(f"variant {name!r} names {twice[0]!r}, which is given beside it too: give it once")
        family, given = _family_of(head, name), arguments | knobs
        own = {field.name for field in fields(family)}
        wanted = {key: value for key, value in (defaults or {}).items() if key in own}
        return family.from_name(head, **wanted | given)

    @classmethod
    def knows(cls, head: str) -> bool:
        """Is this one of the family's names? `head` comes without arguments."""
        raise NotImplementedError

    @classmethod
    def names(cls) -> Sequence[str]:
        """Names to suggest to who mistyped one; a family that suggests its own says so in `from_name`."""
        return ()

    @classmethod
    def from_name(cls, head: str, /, **knobs: Any) -> Variant:
        """The variant of a name without arguments, with knobs (which may be called `head`, too)."""
        raise NotImplementedError

    @staticmethod
    def from_fields(values: Mapping[str, Any]) -> Variant:
        """The inverse of `fields()`, as read from a record or a checkpoint: no code of a user's is looked up.

        Raises InputError for what describes no network.
        """
        name = values.get("family")
        if not isinstance(name, str) or name not in FAMILIES:
            raise InputError(f"variant family {name!r} is unknown: use one of {', '.join(FAMILIES)}")
        return FAMILIES[name]._from_fields({key: value for key, value in values.items() if key != "family"})

    @classmethod
    def _from_fields(cls, values: Mapping[str, Any]) -> Variant:
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise InputError(f"variant field {unknown[0]!r} is unknown: {cls.family} has {', '.join(sorted(known))}")
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        try:
            return cls(**plain)
        except (TypeError, AttributeError) as error:  # a list or a number where a word belongs
            raise InputError(f"variant fields {dict(values)} are of no {cls.family} network: {error}") from error

    def fields(self) -> dict[str, Any]:
        """The family and every field that is not at its default, as plain JSON values."""
        return {"family": self.family} | {
            key: list(value) if isinstance(value, tuple) else value for key, value in self._changed().items()
        }

    def _changed(self) -> dict[str, Any]:
        # float: 2 and 2.0 are one width, and must be one key.
        return {
            field.name: float(value) if isinstance(field.default, float) else value
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        }

    @property
    def name(self) -> str:
        """The canonical name; width and classes are not part of it."""
        raise NotImplementedError

    @property
    def units(self) -> str:
        """One letter a unit for the paper's family, empty for others."""
        return ""

    @property
    def scaling(self) -> Pixels:
        """How the pixels are scaled that the network is given."""
        return "unit"

    @property
    def published(self) -> Published | None:
        """What others measured of this network, where it is known."""
        return None

    def check_clip(self, frames: int, height: int, width: int) -> None:
        """Raises InputError for a clip that the network cannot take, where that is known beforehand."""

    def with_knobs(self, knobs: Mapping[str, Any]) -> Variant:
        """A copy with other knobs. Raises InputError for one that the family does not have."""
        known = {field.name for field in fields(self)}
        if unknown := sorted(set(knobs) - known):
            raise InputError(f"variant knob {unknown[0]!r} is unknown: {self.family} has {', '.join(sorted(known))}")
        return replace(self, **knobs)

    def _check_classes(self) -> None:
        if not isinstance(self.classes, int) or isinstance(self.classes, bool) or not 1 <= self.classes <= MOST_CLASSES:
            raise InputError(f"classes {self.classes} is impossible: use a whole number from 1 to {MOST_CLASSES}")


FAMILIES: dict[str, type[Variant]] = {}
"""Every family by the name that `fields()` has for it; a subclass enters itself."""


def _family_of(head: str, name: str) -> type[Variant]:
    for family in reversed(FAMILIES.values()):  # torchvision's s3d before the paper's, which any case fits
        if family.knows(head):
            return family
    others = [each for family in FAMILIES.values() for each in family.names()]
    if near := difflib.get_close_matches(head, others, n=2, cutoff=0.7):
        raise InputError(f"variant {name!r} is unknown: did you mean {' or '.join(near)}?")
    return FAMILIES["inception"]  # its from_name says which names it knows
