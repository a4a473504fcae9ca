"""`tradeoff sweep --dry-run` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.usefixtures("one_thread")
Tool = Callable[..., tuple[int, str, str]]


def test_a_dry_run_says_what_is_left_and_writes_nothing(tool: Tool, tmp_path: Path, tiny: dict[str, Any]) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tiny | {"latency": "none"}))
    dry = ("sweep", "mine.yaml", "--dry-run", "--cache", "cache")
    code, out, err = tool(*dry)
    assert code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]
    assert "training: 4 steps" in out
    assert "(from 2 timed steps of 2 variants, 16 generated clips)" in out
    assert "1.99 MB clip cache" in out
    assert "timing I3D" in err

    code, out, _ = tool(*dry, "--json")
    document = json.loads(out)
    assert code == 0
    assert {kind: (each["planned"], each["left"]) for kind, each in document["measurements"].items()} == {
        "cost": (2, 2),
        "training": (2, 2),
        "accuracy": (2, 2),
        "latency": (0, 0),
    }
    assert document["training_steps"] == 4
    assert document["seconds"] > 0
    assert "2 timed steps of 2 variants" in document["about"]
    assert set(document["step_seconds"]) == {"I2D", "I3D"}
    assert not (tmp_path / "results").exists()


def test_a_dry_run_after_the_sweep_has_nothing_to_do(tool: Tool, tmp_path: Path, tiny: dict[str, Any]) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tiny | {"variants": ["I2D"], "latency": "none"}))
    assert tool("sweep", "mine.yaml")[0] == 0
    before = sorted(tmp_path.rglob("*"))
    code, out, err = tool("sweep", "mine.yaml", "--dry-run")
    assert code == 0
    assert "nothing to do: all 3 measurements are on record" in out
    assert err == ""
    assert sorted(tmp_path.rglob("*")) == before
