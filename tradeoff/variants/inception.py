"""The paper's family: which units are 3D, whether they are separable, gated, how wide, and where sources differ.

"Rethinking Spatiotemporal Feature Learning" (arXiv 1712.04851); the knobs that it and the released networks differ in
are explained in docs/family.md.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args

from tradeoff.errors import InputError
from tradeoff.variants import notation
from tradeoff.variants.base import Pixels, Variant

Convolution = Literal["full", "flat", "separable"]

UNITS = ("1a", "2c", "3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")
"""The units that can be 2D or 3D, from the input up (the paper's section 4)."""

LETTERS: dict[Convolution, str] = {"full": "3", "flat": "2", "separable": "s"}
_FULL: Convolution = "full"
_ALL_FULL = (_FULL,) * len(UNITS)
_KINDS: dict[str, Convolution] = {letter: kind for kind, letter in LETTERS.items()}


@dataclass(frozen=True)
class InceptionVariant(Variant):
    """A member of the paper's family: Inception-V1 inflated to 3D, with some units 2D or separable.

    convolutions: for each unit of `UNITS`, bottom to top, its kind: `full` k x k x k, `flat` 1 x k x k,
        `separable` 1 x k x k then k x 1 x 1.
    gating: spatio-temporal feature gating (the paper's section 4.4; S3D-G).
    width: every channel count is multiplied by this and rounded.

    What public implementations differ in, the default first:

    stem_frames: the temporal length of the stem's kernel (the released S3D-G has 3).
    stem_padding: TensorFlow's SAME, or kernel // 2 on both sides.
    pool_padding: of the max-pools with a stride; SAME, kernel // 2 on both sides, or none and rounding up.
    time_padding: what the temporal ends are padded with, `zeros`, or the outer steps again (`replicate`: a network
        inflated from an image network then gives its features exactly on a clip of one repeated image).
    stem_stride: which half of a separable stem takes the temporal stride.
    temporal_branches: the branches of a separable block with a temporal convolution: 1 and 2, or all four (footnote).
    temporal_norm: batch norm after the temporal half, or a bias in its place (the released S3D-G).
    gate_bias: whether the gate's matrix has a bias.
    gate_place: `temporal`, after the stem, 2c and branches 1 and 2; or `branches`, after 2c and all four branches.
    block_pool: the pool of branch 3 follows its unit (1x3x3 in a flat one), or is always `full`, 3x3x3.
    norm_eps: batch norm's epsilon.
    pixels: how the pixels are scaled that the network is given.
    """

    family: ClassVar[str] = "inception"

    convolutions: tuple[Convolution, ...] = _ALL_FULL
    gating: bool = False
    width: float = 1.0
    stem_frames: int = 7
    stem_padding: Literal["same", "symmetric"] = "same"
    pool_padding: Literal["same", "symmetric", "ceil"] = "same"
    time_padding: Literal["zeros", "replicate"] = "zeros"
    stem_stride: Literal["second", "first"] = "second"
    temporal_branches: Literal[2, 4] = 2
    temporal_norm: bool = True
    gate_bias: bool = True
    gate_place: Literal["temporal", "branches"] = "temporal"
    block_pool: Literal["unit", "full"] = "unit"
    norm_eps: float = 1e-3
    pixels: Pixels = "unit"

    def __post_init__(self) -> None:
        if len(self.convolutions) != len(UNITS):
            raise InputError(f"convolutions names {len(self.convolutions)} units: it must name all {len(UNITS)}")
        if unknown := [kind for kind in self.convolutions if kind not in LETTERS]:
            raise InputError(f"convolution {unknown[0]!r} is unknown: use one of {', '.join(get_args(Convolution))}")
        self._check_classes()
        for knob, (low, high) in _RANGES.items():
            value = getattr(self, knob)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise InputError(f"{knob} {value} is impossible: use a number from {low:g} to {high:g}")
        for knob, allowed in CHOICES.items():
            value = getattr(self, knob)
            if not any(value == each and type(value) is type(each) for each in allowed):
                words = " or ".join(str(each).lower() if isinstance(each, bool) else str(each) for each in allowed)
                raise InputError(f"{knob} {value!r} is unknown: use {words}")

    @property
    def units(self) -> str:
        """One letter a unit, bottom to top: 3 full, 2 flat, s separable."""
        return "".join(LETTERS[kind] for kind in self.convolutions)

    @property
    def name(self) -> str:
        """The paper's name where there is one (`-G` if gated), else `Inception-` and the unit letters; and in
        parentheses the knobs that are not at their defaults."""
        stem = _NAME_OF_UNITS.get(self.units, f"Inception-{self.units}")
        return notation.write(stem + ("-G" if self.gating else ""), self.knobs())

    @property
    def scaling(self) -> Pixels:
        return self.pixels

    def knobs(self) -> dict[str, Any]:
        """The knobs that are not at their defaults; convolutions, gating, width and classes are not among them."""
        return {key: value for key, value in self._changed().items() if key in KNOBS}

    @classmethod
    def knows(cls, head: str) -> bool:
        return _units_of(_ungated(head)) is not None

    @classmethod
    def from_name(cls, head: str, /, **knobs: Any) -> InceptionVariant:
        """The inverse of `name`; also takes the names that are not canonical (Top-Heavy-S3D-9, Bottom-Heavy-I3D-0)."""
        allowed = ("classes", "width", "gating", *KNOBS)
        if unknown := sorted(set(knobs) - set(allowed)):
            raise InputError(f"variant knob {unknown[0]!r} is unknown: use {', '.join(allowed[:-1])} or {allowed[-1]}")
        units = _units_of(_ungated(head))
        if units is None:
            raise InputError(_unknown(_ungated(head), head))
        gating = {"gating": True} if _ungated(head) != head else {}
        if gating and knobs.get("gating") is False:
            raise InputError(f"variant {head!r} is gated by its name, and gating=false contradicts it: leave out one")
        return cls(convolutions=tuple(_KINDS[letter] for letter in units), **gating | knobs)


def _ungated(head: str) -> str:
    return head[:-2] if head.upper().endswith("-G") else head


KNOBS = tuple(f.name for f in fields(InceptionVariant) if f.name not in ("classes", "convolutions", "gating", "width"))
"""What may stand in a name's parentheses and what a checkpoint's layout may fix."""

CHOICES: dict[str, tuple[Any, ...]] = {
    "gating": (False, True),
    "stem_frames": (7, 5, 3, 1),
    "stem_padding": ("same", "symmetric"),
    "pool_padding": ("same", "symmetric", "ceil"),
    "time_padding": ("zeros", "replicate"),
    "stem_stride": ("second", "first"),
    "temporal_branches": (2, 4),
    "temporal_norm": (True, False),
    "gate_bias": (True, False),
    "gate_place": ("temporal", "branches"),
    "block_pool": ("unit", "full"),
    "pixels": get_args(Pixels),
}
_RANGES = {"width": (0.05, 8.0), "norm_eps": (1e-9, 0.1)}

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


def _units_of(stem: str) -> str | None:
    """The unit letters that an ungated name means, or None."""
    if match := re.fullmatch(rf"inception-([32s]{{{len(UNITS)}}})", stem.lower()):
        return match[1]
    return _UNITS_OF_NAME.get(stem.lower())


MOST_EXPANDED = 3**7


def unit_choices(pattern: str) -> list[list[str]]:
    """The letters that a pattern allows, unit by unit. Raises InputError for one that does not name all units."""
    places = re.findall(r"(\[[32s]+\]|[32s])(?:\{(\d{1,2})\})?", pattern.lower())
    choices = [sorted(set(letters.strip("[]"))) for letters, count in places for _ in range(int(count or 1))]
    read = "".join(f"{letters}{{{count}}}" if count else letters for letters, count in places)
    if read != pattern.lower() or len(choices) != len(UNITS):
        raise InputError(
            f"units {pattern!r} names {len(choices)} units: name {len(UNITS)}, a letter each (3 full, 2 flat, "
            "s separable), [3s] for a choice, {4} for four times"
        )
    return choices


def expand_units(pattern: str) -> list[str]:
    """The names of every mix that a pattern stands for: `22[3s]{2}222[2s]{4}`, a letter a unit, bottom to top.

    A bracket is a choice, `{n}` repeats what stands before it. Raises InputError for a pattern that does not name all
    units, or stands for more than 2,187 networks.
    """
    choices = unit_choices(pattern)
    if (count := math.prod(map(len, choices))) > MOST_EXPANDED:
        raise InputError(f"units {pattern!r} stands for {count} networks: {MOST_EXPANDED} at most")
    mixes = ("".join(letters) for letters in itertools.product(*choices))
    return [_NAME_OF_UNITS.get(mix, f"Inception-{mix}") for mix in mixes]


def _unknown(stem: str, name: str) -> str:
    for curve in curve_names():
        if match := re.fullmatch(rf"{curve}-(-?\d+)", stem, re.IGNORECASE):
            return f"variant {name!r} has cut {match[1]}: {curve}-K takes K from 0 to {len(UNITS)}"
    near = difflib.get_close_matches(stem, family_names(), n=3, cutoff=0.6)
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else "use I2D, I3D, S3D, S3D-G, Fast-S3D, a Top/Bottom-Heavy name, one of torchvision's or module:callable"
    )
    return f"variant {name!r} is unknown: {hint}"
