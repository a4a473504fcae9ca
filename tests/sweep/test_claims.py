"""Claims in a sweep file: checked against the sweep, in no key, and kept where a report finds them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tradeoff.errors import InputError
from tradeoff.records.claims import COSTS, PREDICATES, Span, side
from tradeoff.records.stated import claims_of
from tradeoff.records.store import Store
from tradeoff.report.families import FAMILIES
from tradeoff.report.frontier import COSTS as IN_FRONTIERS
from tradeoff.sweep.claims import claim_records, stated
from tradeoff.sweep.file import Sweep, make_sweep
from tradeoff.sweep.plan import make_plan
from tradeoff.sweep.search.entry import SearchStore

ROOT = Path(__file__).resolve().parents[2]
Tool = Callable[..., tuple[int, str, str]]
Claim = dict[str, Any]
BASE: dict[str, Any] = {
    "variants": ["I2D", "I3D", "S3D"], "data": {"synthetic": "motion"}, "orders": ["normal", "reversed"]
}  # fmt: skip
BETTER: Claim = {"variant": "S3D", "better_than": "I3D"}
CHEAPER: Claim = {"variant": "S3D", "cheaper_than": "I3D", "cost": "macs"}
SLOWER: Claim = CHEAPER | {"cost": "latency_ms"}
ABOVE: Claim = {"frontier": "top-heavy", "above": "bottom-heavy", "at_equal": "macs"}


def sweep(*claims: Any, **change: Any) -> Sweep:
    return make_sweep({"name": "mine", **BASE, "claims": list(claims), **change}, "mine.yaml")


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("x", "claims.0 is 'x': should be keys and values, as in {variant: S3D, better_than: I3D}, {variant: S3D, ch"),
        ({"says": "x"}, "claims.0 is {'says': 'x'}: should be keys and values, as in"),
        ({"variant": "S3D"}, "claims.0: it compares with nothing: give one of better_than, worse_than, not_worse_than"),
        (BETTER | {"same_as": "I2D"}, "claims.0: it has better_than and same_as: give one of better_than"),
        (BETTER | {"byy": 1}, "key 'claims.0.byy' is unknown: use 'by', or one of says, by, within, variant, better_"),
        (ABOVE | {"variant": "S3D"}, "key 'claims.0.variant' is unknown: use one of says, by, within, runtime"),
        ({"all": [BETTER, CHEAPER | {"cots": 1}]}, "key 'claims.0.all.1.cots' is unknown: use 'cost', or one of"),
        ({"all": [BETTER, {"all": [BETTER]}]}, "claims.0.all.1 is {'all': [{'variant': 'S3D', 'better_than': 'I3D'}]}"),
        ({"all": []}, "claims.0.all is []: should have at least 1 item"),
        ({"all": 3}, "claims.0.all is 3: should be a list, as in [{variant: S3D, better_than: I3D}]"),
        (BETTER | {"variant": "I4D"}, "claims.0.variant: variant 'I4D' is unknown: did you mean"),
        (BETTER | {"variant": "S3D-G"}, "claims.0: S3D-G is none of the sweep's variants: name one of them, or add"),
        ({"all": [BETTER, BETTER | {"variant": "S3D-G"}]}, "claims.0.all.1: S3D-G is none of the sweep's variants"),
        (BETTER | {"better_than": "S3D"}, "claims.0: both sides are S3D: name two"),
        ({"variant": "Bottom-Heavy-I3D-11", "worse_than": "I3D"}, "Bottom-Heavy-I3D-11 and I3D are one network: name"),
        (BETTER | {"by": "5"}, "claims.0.by is '5': should be a valid number"),
        (BETTER | {"by": 500}, "claims.0.by is 500: should be less than or equal to 100"),
        (BETTER | {"by": -1}, "claims.0.by is -1: should be greater than or equal to 0"),
        (BETTER | {"within": 1}, "claims.0: better_than does not go with within: use by"),
        ({"variant": "S3D", "not_worse_than": "I3D"}, "not_worse_than needs a margin, within: the most points that do"),
        ({"variant": "S3D", "same_as": "I3D", "within": 0}, "same_as needs a margin, within: the most points that do"),
        (CHEAPER | {"cost": "flops"}, "claims.0.cost is 'flops': should be 'macs', 'params' or 'latency_ms'"),
        ({"variant": "S3D", "cheaper_than": "I3D"}, "key 'claims.0.cost' is missing"),
        (
            CHEAPER | {"variant": "S3D reversed"},
            "'S3D reversed' names an order of frames: a cost is the same in",
        ),
        (CHEAPER | {"runtime": "eager"}, "claims.0: runtime is of a latency, and this is about macs"),
        (SLOWER | {"runtime": "eagre"}, "claims.0.runtime is 'eagre': should be 'eager', 'compile'"),
        (SLOWER | {"runtime": "openvino"}, "claims.0: runtime is openvino, which latency does not have: use eager"),
        (ABOVE | {"frontier": "tops"}, "claims.0.frontier is 'tops': should be one of top-heavy, bottom-heavy, "),
        (ABOVE | {"above": "Top-Heavy"}, "claims.0: both sides are top-heavy: name two"),
        ({"frontier": "full", "above": "flat"}, "key 'claims.0.at_equal' is missing"),
    ],
)
def test_what_cannot_be_is_one_sentence(claim: Any, said: str) -> None:
    with pytest.raises(InputError, match=r"^mine\.yaml: ") as caught:
        sweep(claim)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("claim", "change", "said"),
    [
        (SLOWER, {"latency": "none"}, "claims.0: it is about latency, and latency is none: measure it, or use macs"),
        (BETTER, {"data": None}, "claims.0: it is about accuracy, and the sweep measures none: name data"),
        (ABOVE, {"train": "none"}, "claims.0: it is about accuracy, and the sweep measures none"),
        (
            ABOVE | {"frontier": "gated"},
            {},
            "claims.0: none of the sweep's variants is gated: add one, or name another",
        ),
        (
            ABOVE | {"above": "separable"},
            {"variants": ["I2D", "I3D"]},
            "none of the sweep's variants is separable: add",
        ),
        ({"variant": "S3D reversed", "worse_than": "S3D"}, {"orders": ["normal"]}, "it is about reversed frames, and"),
        (ABOVE | {"order": "reversed"}, {"orders": ["normal"]}, "orders has no such: use normal"),
    ],
)
def test_a_claim_is_about_what_the_sweep_measures(claim: Claim, change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        sweep(claim, **change)


def test_claims_are_a_list() -> None:
    for given in ("x", BETTER, None):
        with pytest.raises(InputError, match=r"claims is .*: should be a list, as in \[\{variant: S3D, better_than: "):
            make_sweep({"name": "mine", **BASE, "claims": given}, "mine.yaml")


def test_names_of_costs_are_those_of_the_report() -> None:
    assert set(COSTS) == set(IN_FRONTIERS)


def test_what_a_claim_says_of_itself_and_where_its_effect_has_to_lie() -> None:
    found = sweep(
        {"variant": "I3D reversed", "worse_than": "I3D", "by": 5},
        {"variant": "S3D", "not_worse_than": "I3D", "within": 1},
        {"variant": "I2D reversed", "same_as": "I2D normal", "within": 2.5},
        CHEAPER | {"by": 40},
        ABOVE | {"order": "reversed"},
        {"all": [BETTER, CHEAPER | {"says": "It costs less"}]},
    ).claims
    assert [each.sentence for each in found] == [
        "I3D reversed is worse than I3D by more than 5 points",
        "S3D is not worse than I3D by more than 1 point",
        "I2D reversed is as accurate as I2D normal, within 2.5 points",
        "S3D is cheaper than I3D in multiply-adds by more than 40 %",
        "top-heavy is above bottom-heavy at equal multiply-adds, frames reversed",
        "S3D is better than I3D; It costs less",
    ]
    inf = float("inf")
    spans = [each.parts[0].span for each in found]
    assert [(span.low, span.high) for span in spans] == [
        (-inf, -5),
        (-1, inf),
        (-2.5, 2.5),
        (-inf, -40),
        *[(0, inf)] * 2,
    ]
    assert -5 not in spans[0] and -5.1 in spans[0] and -1 in spans[1] and 2.5 in spans[2] and 0 not in Span(low=0)


def test_the_order_stands_behind_the_name() -> None:
    assert side("I3D reversed") == ("I3D", "reversed")
    assert side("net:make(words='so reversed')") == ("net:make(words='so reversed')", "normal")


def test_claims_are_in_no_key_and_come_back_from_a_folder() -> None:
    claims = [{"says": "x", "all": [BETTER, SLOWER | {"batch": 1}]}, ABOVE]
    with_claims, without = sweep(*claims, width=0.25), sweep(width=0.25)
    cpu = torch.device("cpu")
    assert make_plan(with_claims, cpu).keys() == make_plan(without, cpu).keys()
    records = json.loads(json.dumps(claim_records(with_claims)))
    assert records[0]["networks"] == {"S3D": ["S3D", 0.25], "I3D": ["I3D", 0.25]}
    assert claims_of(records, "here") == stated(with_claims)
    # As it is handed to the processes of one training.
    handed = with_claims.model_dump(mode="json", exclude_unset=True)
    assert make_sweep(json.loads(json.dumps(handed)), "job").claims == with_claims.claims


def test_weights_decide_on_a_width_that_nobody_names() -> None:
    derived = {"weights": "i3d-kinetics400", "derive": True}
    named = {"variants": ["I3D", "S3D(width=0.5)"]}
    claim = {"variant": "S3D(width=0.5)", "better_than": "I3D"}
    assert claim_records(sweep(claim, **derived | named))[0]["networks"] == {
        "S3D(width=0.5)": ["S3D", 0.5],
        "I3D": ["I3D", None],
    }


@pytest.mark.parametrize(
    "damage",
    [
        *({"networks": 3}, {"by": -1}, {"frontier": 1}, {"networks": {"S3D": ["S3D", 1, 2]}}),
        *({"networks": {"S3D": ["S3D", 1]}}, {"networks": {name: ["S3D", "wide"] for name in ("S3D", "I3D")}}),
        {"networks": {name: ["S3D(", 1] for name in ("S3D", "I3D")}},
    ],
)
def test_a_damaged_entry_is_one_sentence(damage: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="sweep 'mine' holds a claim that is none of this version's: run the sweep"):
        claims_of([claim_records(sweep(BETTER))[0] | damage], "sweep 'mine'")


@pytest.mark.parametrize("given", [None, 3, {"variant": "S3D"}])
def test_claims_of_an_entry_are_a_list(given: Any) -> None:
    with pytest.raises(InputError, match=r"sweep 'mine' has claims .*, which is no list: run the sweep again"):
        claims_of(given, "sweep 'mine'")


def test_the_documentations_example_is_a_sweep_and_has_all_there_is() -> None:
    text = (ROOT / "docs" / "claims.md").read_text()
    block = text.split("```yaml\n")[1].split("```")[0]
    found = make_sweep({"name": "docs", **yaml.safe_load(block)}, "docs/claims.md")
    shown = {part.predicate for claim in found.claims for part in claim.parts}  # type: ignore[attr-defined]
    assert shown == set(PREDICATES)
    assert all(f", {name}: " in text for name in PREDICATES)
    assert all(f"`{name}`" in text for name in FAMILIES if "3d" not in name)


def test_a_search_notes_the_claims_of_the_whole_sweep(tmp_path: Path) -> None:
    proposed = sweep(BETTER | {"variant": "S3D-G"}, search={"units": "[23]{11}", "trials": 4, "sampler": "random"})
    store = SearchStore(tmp_path, (), claim_records(proposed))
    store.prepare()
    store.write_sweep("mine", {"cost": ["a" * 16]})
    assert claims_of(Store(tmp_path).sweeps()["mine"]["claims"], "here") == stated(proposed)
