"""A sweep's claims as its entry in a results folder holds them, so that a report needs nothing but the folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tradeoff.errors import InputError
from tradeoff.records.claims import Accuracy, All, Claim, Costs, Frontier

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


def claims_of(records: Iterable[Mapping[str, Any]], where: str) -> Sequence[Stated]:
    """The claims in a sweep's entry. Raises InputError, which names `where` they are, for what is none."""
    found = []
    for each in records:
        try:
            networks = {name: Network(*network) for name, network in each["networks"].items()}
            claim = _CLAIM.validate_python({key: value for key, value in each.items() if key != "networks"})
        except (ValidationError, InputError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{where} holds a claim that is none of this version's: run the sweep again") from error
        found.append(Stated(claim, networks))
    return found
