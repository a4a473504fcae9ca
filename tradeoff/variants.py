"""What a network is, without torch: which units are 3D, whether they are separable, gated, how wide.

`Variant` is the union of the families in `FAMILIES`; today there is one, the Inception trunk of "Rethinking
Spatiotemporal Feature Learning" (arXiv 1712.04851). A family is a frozen dataclass whose fields have defaults:
a field at its default stays out of `fields()`, and so out of every key, so that a new knob changes no old key.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args

from tradeoff.errors import InputError

Convolution = Literal["full", "flat", "separable"]

UNITS = ("1a", "2c", "3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")
"""The units that can be 2D or 3D, from the input up (the paper's section 4)."""

LETTERS: dict[Convolution, str] = {"full": "3", "flat": "2", "separable": "s"}
_FULL: Convolution = "full"
_ALL_FULL = (_FULL,) * len(UNITS)
_KINDS: dict[str, Convolution] = {letter: kind for kind, letter in LETTERS.items()}


@dataclass(frozen=True)
class Variant:
    """One network, described. Subclasses are the families; `Variant.parse` reads any family's names."""

    family: ClassVar[str]

    classes: int = 400

    @staticmethod
    def parse(name: str, **knobs: Any) -> Variant:
        """The variant that a name means, with `knobs` (classes, width, ...) set: `Variant.parse("S3D", width=0.25)`.

        Raises InputError for an unknown name, with the nearest known ones, and for an impossible knob.
        """
        return InceptionVariant.from_name(name, **knobs)

    @staticmethod
    def from_fields(values: Mapping[str, Any]) -> Variant:
        """The inverse of `fields()`, as read from a record or a checkpoint."""
        family = FAMILIES.get(values.get("family", ""))
        if family is None:
            raise InputError(f"variant family {values.get('family')!r} is unknown: use one of {', '.join(FAMILIES)}")
        return family._from_fields({key: value for key, value in values.items() if key != "family"})

    @classmethod
    def _from_fields(cls, values: Mapping[str, Any]) -> Variant:
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise InputError(f"variant field {unknown[0]!r} is unknown: {cls.family} has {', '.join(sorted(known))}")
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**plain)

    def fields(self) -> dict[str, Any]:
        """The family and every field that is not at its default, as plain JSON values."""
        changed = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }
        return {"family": self.family} | {
            key: list(value) if isinstance(value, tuple) else value for key, value in changed.items()
        }

    @property
    def name(self) -> str:
        """The canonical name; width and classes are not part of it."""
        raise NotImplementedError


@dataclass(frozen=True)
class InceptionVariant(Variant):
    """A member of the paper's family: Inception-V1 inflated to 3D, with some units 2D or separable.

    convolutions: for each unit of `UNITS`, bottom to top, its kind: `full` k x k x k, `flat` 1 x k x k,
        `separable` 1 x k x k then k x 1 x 1.
    gating: spatio-temporal feature gating (the paper's section 4.4; S3D-G).
    width: every channel count is multiplied by this and rounded.
    """

    family: ClassVar[str] = "inception"

    convolutions: tuple[Convolution, ...] = _ALL_FULL
    gating: bool = False
    width: float = 1.0

    def __post_init__(self) -> None:
        if len(self.convolutions) != len(UNITS):
            raise InputError(f"convolutions names {len(self.convolutions)} units: it must name all {len(UNITS)}")
        if unknown := [kind for kind in self.convolutions if kind not in LETTERS]:
            raise InputError(f"convolution {unknown[0]!r} is unknown: use one of {', '.join(get_args(Convolution))}")
        if not 0.05 <= self.width <= 8:
            raise InputError(f"width {self.width} is impossible: use a multiplier from 0.05 to 8")
        if self.classes < 1:
            raise InputError(f"classes {self.classes} is impossible: use 1 or more")

    @property
    def units(self) -> str:
        """One letter a unit, bottom to top: 3 full, 2 flat, s separable."""
        return "".join(LETTERS[kind] for kind in self.convolutions)

    @property
    def name(self) -> str:
        """The paper's name where there is one (`-G` if gated), else `Inception-` and the unit letters."""
        stem = _NAME_OF_UNITS.get(self.units, f"Inception-{self.units}")
        return stem + ("-G" if self.gating else "")

    @classmethod
    def from_name(cls, name: str, **knobs: Any) -> InceptionVariant:
        """The inverse of `name`; also takes the names that are not canonical (Top-Heavy-S3D-9, Bottom-Heavy-I3D-0)."""
        if unknown := sorted(set(knobs) - {"classes", "width", "gating"}):
            raise InputError(f"variant knob {unknown[0]!r} is unknown: use classes, width or gating")
        stem, gated = (name[:-2], True) if name.upper().endswith("-G") else (name, False)
        return cls(convolutions=_convolutions_of(stem, name), **({"gating": True} if gated else {}) | knobs)


FAMILIES: dict[str, type[Variant]] = {InceptionVariant.family: InceptionVariant}

_THREE_D: dict[str, str] = {"I3D": LETTERS["full"], "S3D": LETTERS["separable"]}


def cut(heavy: Literal["Bottom", "Top"], model: Literal["I3D", "S3D"], k: int) -> str:
    """The unit letters of a cut: the `k` lowest (`Bottom`) or highest (`Top`) units 3D, the others flat.

    K counts units, 0 to 11; the paper's own index is K-1 from the bottom and 11-K from the top.
    """
    flat, three_d = LETTERS["flat"] * (len(UNITS) - k), _THREE_D[model] * k
    return three_d + flat if heavy == "Bottom" else flat + three_d


def curve_names() -> Iterator[str]:
    """The four curves of the paper's Figure 4, for example `Bottom-Heavy-I3D`."""
    for heavy in ("Bottom", "Top"):
        for model in _THREE_D:
            yield f"{heavy}-Heavy-{model}"


def _named_units() -> Iterator[tuple[str, str]]:
    """(name, unit letters) of every name that the family knows, canonical names first."""
    yield "I2D", LETTERS["flat"] * len(UNITS)
    yield "I3D", LETTERS["full"] * len(UNITS)
    yield "S3D", LETTERS["separable"] * len(UNITS)
    yield "Fast-S3D", cut("Top", "S3D", 9)
    for curve in curve_names():
        heavy, _, model = curve.split("-")
        for k in range(len(UNITS) + 1):
            yield f"{curve}-{k}", cut(heavy, model, k)  # type: ignore[arg-type]


_UNITS_OF_NAME: dict[str, str] = {name.lower(): units for name, units in _named_units()}
# The first name that fits wins, so the order of _named_units is what makes a name canonical.
_NAME_OF_UNITS: dict[str, str] = {}
for _name, _units in _named_units():
    _NAME_OF_UNITS.setdefault(_units, _name)


def family_names() -> list[str]:
    """Every canonical ungated name of the family, each once."""
    return list(_NAME_OF_UNITS.values())


def _convolutions_of(stem: str, name: str) -> tuple[Convolution, ...]:
    if match := re.fullmatch(rf"inception-([32s]{{{len(UNITS)}}})", stem.lower()):
        return tuple(_KINDS[letter] for letter in match[1])
    units = _UNITS_OF_NAME.get(stem.lower())
    if units is None:
        raise InputError(_unknown(stem, name))
    return tuple(_KINDS[letter] for letter in units)


def _unknown(stem: str, name: str) -> str:
    for curve in curve_names():
        if match := re.fullmatch(rf"{curve}-(-?\d+)", stem, re.IGNORECASE):
            return f"variant {name!r} has cut {match[1]}: {curve}-K takes K from 0 to {len(UNITS)}"
    near = difflib.get_close_matches(stem, family_names(), n=3, cutoff=0.6)
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else "use I2D, I3D, S3D, S3D-G, Fast-S3D or a Top/Bottom-Heavy name"
    )
    return f"variant {name!r} is unknown: {hint}"
