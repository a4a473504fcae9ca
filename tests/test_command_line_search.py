"""Sweep files with `search:` as a user meets them: run, run again, estimated, compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.usefixtures("one_thread")
Tool = Callable[..., tuple[int, str, str]]
HALVING = {"epochs": [1], "keep": 0.5}


@pytest.fixture
def write(tmp_path: Path, tiny: dict[str, Any]) -> Callable[..., str]:
    """A sweep file whose candidates over 4 million multiply-adds do not train: those with a full stem."""

    def file(name: str, **search: Any) -> str:
        search = {"units": "[23s]{11}", "trials": 4, "batch": 2, "within": {"macs": 4_000_000}} | search
        values = {key: value for key, value in tiny.items() if key != "variants"}
        values |= {"train": tiny["train"] | {"epochs": 2}, "latency": "none", "search": search}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(values))
        return f"{name}.yaml"

    return file


def records(tmp_path: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (tmp_path / "results").rglob("*.json")}


def test_from_two_searches_to_their_comparison(tool: Tool, tmp_path: Path, write: Callable[..., str]) -> None:
    code, out, err = tool("sweep", write("evolved", sampler="nsga2", halving=HALVING), "--json")
    document = json.loads(out)
    assert (code, document["failures"]) == (0, [])
    (walk,) = document["search"]["walks"]
    candidates = walk["candidates"]
    assert len(candidates) == 4
    rejected = [each for each in candidates if each["rejected"]]
    assert [each["costs"]["macs"] > 4_000_000 for each in candidates] == [each in rejected for each in candidates]
    trained = [len(each["rungs"]) for each in candidates]
    assert len(list((tmp_path / "results/local/training").iterdir())) == sum(trained) > 0
    assert "evolved, sampler seed 0: 4 candidates" in err
    # The report has a table a protocol: the short trainings, the whole ones; every candidate is in it.
    assert {row["variant"] for row in document["rows"]} == {each["variant"] for each in candidates}
    assert {row["recipe"].partition(",")[0] for row in document["rows"] if row["recipe"]} == {"1 epoch", "2 epochs"}

    before = records(tmp_path)
    code, out, err = tool("sweep", "evolved.yaml")
    assert code == 0
    assert "measured nothing" in out
    assert records(tmp_path) == before

    assert tool("sweep", write("drawn", sampler="random"))[0] == 0
    code, out, _ = tool("report", "--search", "evolved", "--search", "drawn", "--json")
    (found,) = json.loads(out).values()
    assert code == 0
    assert {Path(path).name for path in found["paths"]} == {
        f"evolved_drawn_hypervolume.{kind}" for kind in ("csv", "md", "png", "svg")
    }
    assert sum(row["search"] == "evolved" for row in found["rows"]) == sum(trained)
    assert "| evolved | nsga2 | 1 | 4 |" in (tmp_path / "reports/local/evolved_drawn_hypervolume.md").read_text()


def test_a_dry_run_says_what_it_costs_at_most_and_writes_nothing(
    tool: Tool, tmp_path: Path, write: Callable[..., str]
) -> None:
    file = write("mine", sampler="grid", trials=7, seeds=[0, 1], halving=HALVING)
    code, out, _ = tool("sweep", file, "--dry-run", "--cache", "cache", "--json")
    document = json.loads(out)
    assert code == 0
    # Two searches of at most 7 candidates in batches of 2, 2, 2 and 1, of which half train whole.
    assert [(each["what"], each["candidates"]) for each in document["stages"]] == [
        ("counted", 14), ("trainings of 1 epoch", 14), ("whole trainings", 8),
    ]  # fmt: skip
    totals = [sum(each["candidates"] * each[pace] for each in document["stages"]) for pace in ("typical", "slowest")]
    assert totals[0] > 0
    assert document["seconds"] == pytest.approx(totals[1] + document["data_seconds"])
    assert document["slowest"] == ["I3D", "S3D"]
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sweep", "mine.yaml", "--only", "cost"), "--only cost means nothing for mine.yaml"),
        (("report", "--search", "mine"), "results/local does not exist"),
        (("report", "--search", "mine", "--pareto"), "--pareto means nothing with --search"),
    ],
)
def test_what_means_nothing_is_one_sentence(
    tool: Tool, write: Callable[..., str], arguments: tuple[str, ...], said: str
) -> None:
    write("mine")
    code, out, err = tool(*arguments)
    assert (code, out, len(err.strip().splitlines())) == (2, "", 1)
    assert said in err
