"""What `search:` may say."""

from __future__ import annotations

from typing import Any

import pytest

from tradeoff.errors import InputError
from tradeoff.sweep.file import Sweep, make_sweep

ALL: dict[str, Any] = {"units": "[23s]{11}"}


def sweep(tiny: dict[str, Any], search: Any, **change: Any) -> Sweep:
    given = {"name": "mine", **tiny, "search": search, **change}
    return make_sweep({key: value for key, value in given.items() if value != "left out"}, "mine.yaml")


@pytest.mark.parametrize(
    ("search", "said"),
    [
        (ALL | {"trails": 3}, r"mine.yaml: key 'search.trails' is unknown: use 'trials', or one of units, width, "),
        ({"trials": 3}, r"key 'search.units' is missing"),
        ({"units": "[23s]{10}"}, r"search.units: units '\[23s\]\{10\}' names 10 units: name 11, a letter each"),
        ("[23s]{11}", r"search is '\[23s\]\{11\}': should be keys and values, as in \{key: value\}"),
        (ALL | {"trials": 0}, r"search.trials is 0: should be greater than or equal to 1"),
        (ALL | {"batch": 1}, r"search.batch is 1: should be greater than or equal to 2"),
        (ALL | {"sampler": "cmaes"}, r"search.sampler is 'cmaes': should be 'grid', 'random', 'nsga2' or 'tpe'"),
        (
            ALL | {"objectives": ["macs"]},
            r"search.objectives is \['macs'\]: should be top1 and one of macs, params and",
        ),
        (
            ALL | {"objectives": ["top1", "top5"]},
            r"should be top1 and one of macs, params and latency_ms, as in \[top1",
        ),
        (ALL | {"within": {"mac": 3}}, r"key 'search.within.mac' is unknown: use 'macs', or one of macs, params, lat"),
        (ALL | {"within": {"macs": "many"}}, r"search.within.macs is 'many': should be a valid number"),
        (ALL | {"within": {"macs": True}}, r"search.within.macs is True: should be a valid number"),
        (ALL | {"within": {"params": 0}}, r"search.within.params is 0: should be greater than 0"),
        (ALL | {"width": [0.001]}, r"search: width 0.001 is impossible: use a number from 0.05 to 8"),
        (ALL | {"width": 0.25}, r"search.width is 0.25: should be a list, as in \[0.125, 0.25\]"),
        (ALL | {"width": [0.25, 0.25]}, r"search.width: 0.25 is named twice: name each once"),
        (ALL | {"gating": "both"}, r"search.gating is 'both': should be a list, as in \[false, true\]"),
        (ALL | {"seeds": [1, 1]}, r"search.seeds: 1 is named twice"),
        (ALL | {"halving": {"epochs": [1]}}, r"key 'search.halving.keep' is missing"),
        (
            ALL | {"halving": {"epochs": [3, 1], "keep": 0.5}},
            r"search.halving.epochs is \[3, 1\]: should rise, as in \[",
        ),
        (ALL | {"halving": {"epochs": [1], "keep": 1.0}}, r"search.halving.keep is 1.0: should be less than 1"),
        (ALL | {"halving": {"epochs": [1], "keep": 0.5}}, r"search.halving.epochs ends at 1: the rungs .* which is 1$"),
    ],
)
def test_what_cannot_be_is_one_sentence(tiny: dict[str, Any], search: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        sweep(tiny, search)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train": "none"}, "search is given without trainings: name data and a recipe"),
        ({"data": "left out"}, "search is given without trainings: name data and a recipe"),
        ({"latency": "none", "search": ALL | {"within": {"latency_ms": 50}}}, "names latency_ms and latency is none"),
        ({"variants": "left out", "weights": "i3d-kinetics400"}, "search is given with weights and without variants"),
        ({"variants": "left out", "search": "left out"}, "mine.yaml: key 'variants' is missing"),
    ],
)
def test_the_rest_of_the_sweep_has_to_go_with_it(tiny: dict[str, Any], change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        sweep(tiny, **{"search": ALL} | change)


def test_limits_may_be_written_as_people_do(tiny: dict[str, Any]) -> None:
    search = sweep(tiny, ALL | {"within": {"macs": "0.2e9", "latency_ms": 50}}, variants="left out").search
    assert search is not None
    assert search.within.given() == {"macs": 2e8, "latency_ms": 50.0}
