"""A sweep's claims as its entry in a results folder holds them, so that a report needs nothing but the folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tradeoff.errors import InputError
from tradeoff.records.claims import Accuracy, All, Claim, Costs, Frontier
from tradeoff.records.store import Store
from tradeoff.variants import notation

_CLAIM: TypeAdapter[Accuracy | Costs | Frontier | All] = TypeAdapter(Claim)


@dataclass(frozen=True)
class Network:
    """A network that a claim names: its canonical name and width; None where it has none or its weights decide."""

    name: str
    width: float | None


@dataclass(frozen=True)
class Stated:
    """A claim with the networks that it names, by what it calls them."""

    claim: Accuracy | Costs | Frontier | All
    networks: Mapping[str, Network]

    def as_record(self) -> dict[str, Any]:
        """What a sweep's entry in a results folder holds."""
        networks = {name: [each.name, each.width] for name, each in self.networks.items()}
        return self.claim.model_dump(mode="json", exclude_unset=True) | {"networks": networks}


def claims_in(store: Store, sweep: str) -> Sequence[Stated]:
    """The claims that a results folder has of a sweep. Raises InputError, which names the sweep, for what is none."""
    return claims_of(store.sweeps()[sweep].get("claims", []), f"sweep {sweep!r} in {store.root}")


def claims_of(records: Any, where: str) -> Sequence[Stated]:
    """The claims in a sweep's entry. Raises InputError, which names `where` they are, for what is none."""
    if not isinstance(records, list):
        raise InputError(f"{where} has claims {records!r}, which is no list: run the sweep again")
    found = []
    for each in records:
        try:
            networks = {name: _network(*network) for name, network in each["networks"].items()}
            claim = _CLAIM.validate_python({key: value for key, value in each.items() if key != "networks"})
            for name in (name for part in claim.parts for name in part.names):
                networks[name]  # a KeyError where it is missing
        except (ValidationError, InputError, LookupError, TypeError, AttributeError) as error:
            raise InputError(f"{where} holds a claim that is none of this version's: run the sweep again") from error
        found.append(Stated(claim, networks))
    return found


def _network(name: str, width: float | None) -> Network:
    if not isinstance(name, str) or not (width is None or isinstance(width, int | float)):
        raise TypeError(f"{name!r} of width {width!r} is no network")
    notation.read(name)  # an InputError for what is no name
    return Network(name, width)
