"""The examples of the documentation do what their pages say: blocks are written to files, or run, in their order."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from documents import DOCS, ROOT, Block, blocks, command_lines

from tradeoff.data import catalogue, specs
from tradeoff.data.catalogue.entry import Entry
from tradeoff.measure import latency as latency_module
from tradeoff.measure.timing import process
from tradeoff.measure.timing.yardstick import Yardstick
from tradeoff.sweep.file import read_sweep

Tool = Callable[..., tuple[int, str, str]]


@pytest.fixture
def quick_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    """One short timing in this process: what a latency is worth is tested elsewhere, and a fresh process takes 6 s."""

    def run(function: Callable[..., Any], variant: Any, clip: Any, protocol: Any, *rest: Any) -> Any:
        return function(variant, clip, protocol.model_copy(update={"seconds": 0.02}), *rest)

    monkeypatch.setattr(latency_module, "in_fresh_process", run)
    monkeypatch.setattr(process, "settle", lambda protocol, device: [0])
    monkeypatch.setattr(process, "yardstick", lambda *_: Yardstick(100.0, 10.0, 2048, "float32"))


@pytest.fixture
def follow(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], one_thread: None
) -> Callable[[Block], str]:
    """Does what a reader does with a block, in a folder of its own beside the repository's sweeps; what was printed."""
    (tmp_path / "sweeps").symlink_to(ROOT / "sweeps")

    def run(block: Block) -> str:
        if block.file:
            Path(block.file).write_text(block.text)
            return ""
        if block.language == "python":
            exec(compile(block.text, "example", "exec"), {})
            return capsys.readouterr().out
        said = ""
        for words in command_lines(block.text):
            code, out, err = tool(*words)
            assert code == 0 or "||" in block.text, err
            said += out + err
        return said

    def checked(block: Block) -> str:
        said = run(block)
        assert all(text in said for text in block.says.split(" | ")), said
        return said

    return checked


def page(name: str) -> list[Block]:
    return [block for block in blocks(ROOT / "docs" / name) if block.marker]


@pytest.mark.usefixtures("quick_latency")
def test_getting_started(follow: Callable[[Block], str], tmp_path: Path) -> None:
    for block in page("getting_started.md"):
        follow(block)
    shown = table_heads((ROOT / "docs/getting_started.md").read_text())
    assert shown == table_heads((tmp_path / "reports/local/smoke_normal.md").read_text())[:1]


def table_heads(markdown: str) -> list[str]:
    lines = markdown.splitlines()
    return [line for line, below in pairwise(lines) if below.startswith("| ---")]


def test_accuracy(follow: Callable[[Block], str]) -> None:
    for block in page("accuracy.md"):
        follow(block)


def test_extending(
    follow: Callable[[Block], str], video_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part, numbers in (("train", range(2, 10)), ("test", range(2))):
        names = [f"{label}/{number}.mkv\n" for label in ("brighter", "darker") for number in numbers]
        (video_folder / f"{part}.txt").write_text("".join(names))
    for block in page("extending.md"):
        if block.marker == "entry":
            row = eval(block.text, {"Entry": Entry, "read_pairs": module(tmp_path / "pairs.py").read_pairs})
            for known in (catalogue.CATALOGUE, specs.CATALOGUE):
                monkeypatch.setitem(known, row.name, row)
        else:
            follow(block)
    for name in ("my_nets", "exported"):
        sys.modules.pop(name, None)


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.parametrize("name", [each.name for each in DOCS])
def test_sweep_files_are_read(name: str, tmp_path: Path) -> None:
    for block in page(name):
        if block.file and block.file.endswith(".yaml") and name != "extending.md":  # whose own are run above
            path = tmp_path / block.file
            path.write_text(block.text)
            read_sweep(path)


def test_parts_of_sweep_files_are_read(tmp_path: Path) -> None:
    """A block of YAML without a marker is some keys of a sweep file, to be put into any."""
    whole = {"variants": ["I2D"], "data": {"videos": "clips.csv"}, "sampling": "spread", "clip": "16x64x64"}
    for name in (each.name for each in DOCS if each.name != "gate.md"):
        for block in blocks(ROOT / "docs" / name):
            if block.language == "yaml" and not block.marker:
                path = tmp_path / "part.yaml"
                path.write_text(yaml.safe_dump(whole | yaml.safe_load(block.text)))
                read_sweep(path)
