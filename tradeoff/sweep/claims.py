"""A sweep's claims against the sweep itself: what they name has to be measured there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradeoff.errors import InputError
from tradeoff.records.claims import Accuracy, Frontier, Part, Timed, side
from tradeoff.records.stated import Network, Stated
from tradeoff.setting_names import Runtime
from tradeoff.variants import Variant, notation
from tradeoff.variants.families import belongs

if TYPE_CHECKING:
    from tradeoff.sweep.file import Sweep

_ANY = 400  # classes: names mean the same networks whatever their number


def check_claims(sweep: Sweep) -> None:
    """Raises ValueError, which names the claim, for one about what the sweep does not measure."""
    own = set(sweep.chosen(_ANY)) if sweep.claims else set()
    for place, claim in enumerate(sweep.claims):
        for number, part in enumerate(claim.parts):
            where = f"claims.{place}" if part is claim else f"claims.{place}.all.{number}"
            try:
                _check_networks(sweep, part, own)
                _check_measured(sweep, part)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from error


def _check_networks(sweep: Sweep, part: Part, own: set[Variant]) -> None:
    """Both sides are the sweep's, or have a network of it, unless a search proposes its networks, and differ."""
    for family in (part.frontier, part.above) if isinstance(part, Frontier) and sweep.search is None else ():
        if not any(belongs(variant, family) for variant in own):
            raise InputError(f"none of the sweep's variants is {family}: add one, or name another family")
    variants = [sweep.variant(name, _ANY) for name in part.names]
    for name, variant in zip(part.names, variants, strict=True):
        if variant not in own and sweep.search is None:
            raise InputError(f"{name} is none of the sweep's variants: name one of them, or add it")
    if len(set(zip(variants, _orders(part), strict=False))) == 1:
        raise InputError(f"{part.subject} and {part.base} are one network: name two, or another order of frames")


def _check_measured(sweep: Sweep, part: Part) -> None:
    if isinstance(part, Accuracy | Frontier) and (sweep.data is None or (sweep.train is None and not sweep.weights)):
        raise InputError("it is about accuracy, and the sweep measures none: name data, and a training or weights")
    for order in _orders(part):
        if isinstance(part, Accuracy | Frontier) and order not in sweep.orders:
            raise InputError(f"it is about {order} frames, and orders has no such: use {', '.join(sweep.orders)}")
    if isinstance(part, Timed) and part.column == "latency_ms":
        _check_timed(sweep, part)


def _orders(part: Part) -> list[str]:
    if isinstance(part, Frontier):
        return [part.order]
    return [side(text)[1] for text in (part.subject, part.base)]


def _check_timed(sweep: Sweep, part: Timed) -> None:
    """Latency is measured, and in what is named of its setting."""
    if sweep.latency is None:
        raise InputError("it is about latency, and latency is none: measure it, or use macs or params")
    for name, value in part.setting.items():
        axis: tuple[Runtime | str | int, ...] = getattr(sweep.latency, name)
        if value not in axis and not {"all", "auto"} & set(axis):
            raise InputError(f"{name} is {value}, which latency does not have: use {', '.join(map(str, axis))}")


def stated(sweep: Sweep) -> list[Stated]:
    """The claims with the networks that they name."""
    return [
        Stated(claim, {name: _network(sweep, name) for part in claim.parts for name in part.names})
        for claim in sweep.claims
    ]


def claim_records(sweep: Sweep) -> list[dict[str, Any]]:
    """The claims as a sweep's entry in a results folder holds them."""
    return [each.as_record() for each in stated(sweep)]


def _network(sweep: Sweep, name: str) -> Network:
    """The width is the weights' own where neither the sweep nor the name has one."""
    variant = sweep.variant(name, _ANY)
    width = getattr(variant, "width", None)
    given = sweep.weights is None or "width" in sweep.model_fields_set or "width" in notation.read(name)[1]
    return Network(variant.name, width if given else None)
