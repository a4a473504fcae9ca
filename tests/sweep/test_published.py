"""Facts that a sweep file states beside what it measures: checked, shown, and part of nothing that is measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml

from tradeoff import Variant, build
from tradeoff.errors import InputError
from tradeoff.sweep.file import Sweep, make_sweep
from tradeoff.sweep.plan import make_plan
from tradeoff.weights.checkpoints import checkpoint_bytes

Tool = Callable[..., tuple[int, str, str]]
I3D: dict[str, Any] = {"variant": "I3D", "top1": 45.8, "confidence": "confirmed", "source": "Table 1"}
I2D: dict[str, Any] = {
    "variant": "I2D", "top1": 34.4, "top5": 69.0, "gmacs": 36, "confidence": "figure", "source": "Figure 4",
    "data": "its validation clips",
}  # fmt: skip
REVERSED = I3D | {"order": "reversed", "top1": 15.2, "confidence": "digest"}


def sweep(values: dict[str, Any], *facts: dict[str, Any], **change: Any) -> Sweep:
    return make_sweep({"name": "mine", **values, "published": list(facts), **change}, "mine.yaml")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ([I3D | {"gmac": 3}], r"mine.yaml: key 'published.0.gmac' is unknown: use 'gmacs', or one of variant, order"),
        ([I3D | {"top1": 145.8}], r"published.0.top1 is 145.8: should be less than or equal to 100"),
        ([I2D, I3D | {"top5": -1}], r"published.1.top5 is -1: should be greater than or equal to 0"),
        ([I3D | {"top1": "45.8"}], r"published.0.top1 is '45.8': should be a valid number"),
        ([I3D | {"gmacs": float("nan")}], r"published.0.gmacs is nan: should be less than or equal to 1000000000"),
        (["x"], r"published.0 is 'x': should be keys and values, as in \{variant: I2D, top1: 34.4, confidence:"),
        ([I3D | {"gmacs": 0}], r"published.0.gmacs is 0: should be greater than 0"),
        ([I3D | {"confidence": "sure"}], r"published.0.confidence is 'sure': should be 'confirmed', 'digest' or"),
        ([I3D | {"variant": "S3D"}], r"published.0.variant is 'S3D': should be one of the sweep's variants"),
        ([I3D | {"variant": "I4D"}], r"mine.yaml: published.0.variant: variant 'I4D' is unknown"),
        ([REVERSED], r"published.0.order is 'reversed': should be one of the sweep's orders"),
        ([I3D, I3D | {"source": "Table 3"}], r"published.1 is a second one of I3D, normal frames: give one of each"),
        ([{key: I3D[key] for key in ("variant", "confidence", "source")}], r"I3D has none of top1, top5, gmacs"),
        ([{key: value for key, value in I3D.items() if key != "source"}], r"key 'published.0.source' is missing"),
    ],
)
def test_what_cannot_be_is_one_sentence(tiny: dict[str, Any], facts: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        sweep(tiny, *facts)
    assert "\n" not in str(caught.value)


def test_facts_are_a_list(tiny: dict[str, Any]) -> None:
    for given in ("x", I3D, None):
        with pytest.raises(
            InputError, match=r"published is .*: should be a list, as in \[\{variant: I2D, top1: 34.4, "
        ):
            sweep(tiny, published=given)


def test_infinity_is_refused_before_anything_is_written(tool: Tool, tmp_path: Path, tiny: dict[str, Any]) -> None:
    stated = tiny | {"published": [I3D | {"gmacs": float("inf")}]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(stated))
    code, _, err = tool("sweep", "mine.yaml", "--only", "cost")
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert "mine.yaml: published.0.gmacs is inf: should be less than or equal to 1000000000" in err


def test_a_cut_may_be_named_by_any_of_its_names(tiny: dict[str, Any]) -> None:
    curves = [{"curve": "Bottom-Heavy-I3D", "cuts": [0, 11]}]
    assert len(sweep(tiny, I2D, I3D, variants=curves).published) == 2


def test_facts_are_in_no_key(tiny: dict[str, Any]) -> None:
    cpu = torch.device("cpu")
    stated, silent = make_plan(sweep(tiny, I2D, I3D), cpu), make_plan(sweep(tiny), cpu)
    assert stated.keys() == silent.keys()
    assert [each["variant"] for each in stated.published()] == [each.fields() for each in stated.variants]
    assert silent.published() == []


def test_tables_show_facts_beside_what_is_measured(tool: Tool, tmp_path: Path, tiny: dict[str, Any]) -> None:
    values = tiny | {"variants": ["I2D", "I3D", "S3D"], "orders": ["normal", "reversed"], "latency": "none"}
    stated = values | {"published": [I3D, I2D, REVERSED]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(stated))
    code, out, _ = tool("sweep", "mine.yaml", "--only", "cost")
    assert code == 0
    assert "Published top-1" in out and "~34.4 (figure)" in out and "45.8" in out and "15.2" not in out

    assert tool("sweep", "mine.yaml")[0] == 0
    rows = json.loads(tool("sweep", "mine.yaml", "--json")[1])["rows"]
    assert [(row["variant"], row["order"], row["published_top1"]) for row in rows] == [
        ("I2D", "normal", pytest.approx(0.344)),
        ("I2D", "reversed", None),
        ("I3D", "normal", pytest.approx(0.458)),
        ("I3D", "reversed", pytest.approx(0.152)),
        ("S3D", "normal", None),
        ("S3D", "reversed", None),
    ]
    assert (rows[0]["published_top5"], rows[0]["published_macs"]) == (pytest.approx(0.69), 36e9)
    assert rows[0]["published_source"] == "Figure 4, its validation clips"

    code, out, _ = tool("report", "--sweep", "mine")
    assert code == 0
    assert "~34.4 (figure)" in out
    text = (tmp_path / "reports/local/mine_normal.md").read_text()
    assert "| Published top-1 |" in text
    assert (
        "- Published top-1: Figure 4, its validation clips (read off a plot, approximate); Table 1 (confirmed by "
        "another publication); in percent, never measured here, and no part of a frontier." in text
    )
    table = pd.read_csv(tmp_path / "reports/local/mine_reversed.csv")
    assert table["published_top1"].tolist()[1] == pytest.approx(0.152)
    assert table["published_confidence"].tolist()[1] == "digest"

    # Of a sweep that states nothing, and of the whole folder, nothing is shown.
    (tmp_path / "silent.yaml").write_text(yaml.safe_dump(values))
    code, out, _ = tool("sweep", "silent.yaml")
    assert code == 0
    assert "measured nothing" in out and "Published" not in out


def test_facts_are_of_the_networks_that_weights_make(tool: Tool, tmp_path: Path, tiny: dict[str, Any]) -> None:
    """Weights bring knobs of their own, and the file goes on calling the network I3D."""
    source = Variant.parse("I2D(stem_padding=symmetric)", width=0.0625, classes=16)
    (tmp_path / "source.pt").write_bytes(checkpoint_bytes(build(source), source))
    values = tiny | {"weights": "source.pt", "derive": True, "latency": "none", "published": [I3D]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(values))
    code, out, _ = tool("sweep", "mine.yaml", "--only", "cost", "--json")
    assert code == 0
    assert {row["variant"]: row["published_top1"] for row in json.loads(out)["rows"]} == {
        "I2D(stem_padding=symmetric)": None,
        "I3D(stem_padding=symmetric)": pytest.approx(0.458),
    }
