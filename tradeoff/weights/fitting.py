"""Do these named tensors fit that network? Says what was found, what was expected and which names are near."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from torch import Size

from tradeoff.errors import InputError

OPTIONAL = "num_batches_tracked"  # a count that inference does not use and that old files do not have


def check_fit(found: Mapping[str, Size], expected: Mapping[str, Size], weights: str, network: str) -> None:
    """Raises InputError for the first name that is missing, not expected, or of another shape."""
    missing = [name for name in expected if name not in found and not name.endswith(OPTIONAL)]
    extra = [name for name in found if name not in expected]
    if missing:
        near = _nearest(missing[0], extra or found)
        raise InputError(
            f"weights {weights} do not fit {network}: {missing[0]!r} {_shape(expected[missing[0]])} is missing"
            f"{_others(missing)}; the nearest names found are {near}"
        )
    if extra:
        raise InputError(
            f"weights {weights} do not fit {network}: {extra[0]!r} {_shape(found[extra[0]])} is not expected"
            f"{_others(extra)}; the nearest names expected are {_nearest(extra[0], expected)}"
        )
    odd = [name for name in expected if name in found and tuple(found[name]) != tuple(expected[name])]
    if odd:
        raise InputError(
            f"weights {weights} do not fit {network}: {odd[0]!r} is {_shape(found[odd[0]])}, where "
            f"{_shape(expected[odd[0]])} is expected{_others(odd)}"
        )


def _nearest(name: str, names: Collection[str]) -> str:
    return ", ".join(map(repr, difflib.get_close_matches(name, names, n=3, cutoff=0.0)))


def _others(names: Collection[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def _shape(size: Size) -> str:
    return "x".join(map(str, size)) or "a single number"
