"""Each part of a whole folder is broken in turn, and has to be named."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import NOW, change, key_of_training, whole_folder

from tradeoff.records.store import Store
from tradeoff.records.verify import Verified, verify

NOBODY = f"{'0' * 16}.json"
REFERENCE = Path(__file__).resolve().parents[2] / "results" / "reference"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole_folder(tmp_path_factory.mktemp("whole") / "results").root


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "results"))


def one(root: Path, pattern: str) -> Path:
    return sorted(root.glob(pattern))[0]


def test_a_whole_folder_has_nothing_wrong(root: Path) -> None:
    found = verify(Store(root))
    assert found.problems == [] and found.notes == []
    assert found.read == {
        "cost": 2, "training": 2, "accuracy": 2, "latency": 4, "arrays": 6, "checkpoints": 2, "sweeps": 1
    }  # fmt: skip


def test_the_committed_records_are_whole() -> None:
    """Their accuracies are those of their arrays, and their keys those of what they depend on."""
    found = verify(Store(REFERENCE))
    assert found.problems == []
    assert found.read["arrays"] == len(list(REFERENCE.glob("*/*.npz"))) > 400


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def text(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def other_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Other arrays in the place of a record's, under the name that their content has."""
    record = json.loads(path.read_text())
    old = path.parent / record["arrays"]
    with np.load(old) as before:
        kept = dict(before)
    old.unlink()
    buffer = io.BytesIO()
    np.savez(buffer, **(kept | arrays))  # type: ignore[arg-type]
    name = f"{path.stem}.{hashlib.sha256(buffer.getvalue()).hexdigest()[:8]}.npz"
    (path.parent / name).write_bytes(buffer.getvalue())
    change(path, arrays=name)


BREAKS: dict[str, tuple[Any, ...]] = {
    "cut short": ("cost/*.json", cut, "cannot be read as JSON"),
    "empty": ("training/*.json", lambda p: p.write_bytes(b""), "cannot be read as JSON"),
    "not UTF-8": ("cost/*.json", lambda p: p.write_bytes(b"\xff"), "cannot be read as JSON"),
    "NaN": ("cost/*.json", lambda p: text(p, "1000", "NaN"), "NaN, which is no number"),
    "a name twice": ("cost/*.json", lambda p: text(p, '"key"', '"key": 1, "key"'), "one name twice"),
    "newer": ("cost/*.json", lambda p: change(p, schema=99), "newer tradeoff"),
    "no schema": ("cost/*.json", lambda p: change(p, schema=None), "which schema"),
    "unknown field": ("cost/*.json", lambda p: text(p, '"about"', '"extra": 1, "about"'), "extra"),
    "text for a count": ("cost/*.json", lambda p: change(p, measured={"macs": "7"}), "measured.macs"),
    "no time zone": ("cost/*.json", lambda p: change(p, made={"at": "2026-11-23T02:43:55"}), "made.at"),
    "no such variant": ("cost/*.json", lambda p: change(p, about={"variant": {"family": "x"}}), "about.variant"),
    "percent for a share": ("accuracy/*.json", lambda p: change(p, measured={"top1": 60.0}), "measured.top1"),
    "no weights": ("training/*.json", lambda p: change(p, measured={"state": None}), "measured.state"),
    "no time": ("latency/*.json", lambda p: change(p, measured={"median_ms": None}), "neither a time"),
    "changed dependence": ("training/*.json", lambda p: change(p, depends_on={"seed": 7}), "changed after it was"),
    "another name": ("cost/*.json", lambda p: p.rename(p.with_name(NOBODY)), "is the record of cost", f"cost/{NOBODY}"),
    "another folder": (
        "cost/*.json",
        lambda p: shutil.move(p, p.parent.parent / "weights"),
        "depends_on.checkpoint",
        "weights/*.json",
    ),
    "about another clip": ("cost/*.json", lambda p: change(p, about={"clip": "64x224x224"}), "another variant or clip"),
    "changed figure": ("accuracy/*.json", lambda p: change(p, measured={"top1": 0.7}), "its arrays give"),
    "other clips": (
        "accuracy/*.json",
        lambda p: other_arrays(p, labels=np.zeros(3, np.int32)),
        "measured.clips is 10 and its arrays are labels 3",
    ),
    "other samples": (
        "latency/*.json",
        lambda p: other_arrays(p, samples_ms=np.ones(8)),
        "measured.samples is 3 and its arrays hold 8",
    ),
    "no arrays": ("accuracy/*.json", lambda p: change(p, arrays=None), "no clips behind it"),
    "arrays of another": ("latency/*.json", lambda p: change(p, arrays="../x.npz"), "are not its own"),
    "arrays changed": ("latency/*.npz", flip, "is damaged"),
    "arrays cut short": ("accuracy/*.npz", cut, "is damaged"),
    "arrays gone": ("accuracy/*.npz", lambda p: p.unlink(), "cannot be read"),
    "checkpoint changed": ("checkpoints/*.pt", flip, "is damaged"),
    "checkpoint cut short": ("checkpoints/*.pt", cut, "is damaged"),
    "another network": (
        "checkpoints/*.pt",
        lambda p: p.rename(p.with_name(f"{p.name[:16]}.{'cd' * 8}.pt")),
        f"has weights {'cd' * 8}, and those of its training are {'ab' * 8}",
        "checkpoints/*.pt",
    ),
    "state": (
        "training/*.json",
        lambda p: (p.parent.parent / "checkpoints" / f"{p.stem}.resume.pt").write_bytes(b"x" * 99),
        "begin anew",
        "checkpoints/*.resume.pt",
    ),
    "sweep": ("sweeps/*.json", lambda p: change(p, keys=[]), "which records its sweep has"),
    "sweep's keys": ("sweeps/*.json", lambda p: change(p, keys={"cost": [7]}), "which records its sweep has"),
    "nobody's accuracy": ("accuracy/*.json", lambda p: change(p, about={"seed": "0"}), "about.seed"),
}
"""What is broken: the files to take the first of, how, what is said, and the file it is said of where it is another."""


@pytest.mark.parametrize("what", BREAKS)
def test_what_is_broken_is_named_alone(root: Path, what: str) -> None:
    pattern, harm, said, *moved = BREAKS[what]
    harmed = one(root, pattern)
    harm(harmed)
    found = verify(Store(root))
    named = one(root, moved[0]) if moved else harmed
    assert {each.file for each in found.problems} == {named.relative_to(root).as_posix()}
    assert said in " ".join(each.what for each in found.problems)
    assert all(each.remedy for each in found.problems)


def test_a_damaged_attempt_is_named(root: Path) -> None:
    path = Store(root).write_attempt(key_of_training("I3D", 1), "r", "", {}, began=NOW)
    assert verify(Store(root)).problems == []
    change(path, depends_on={"seed": 9})
    assert [each.what for each in verify(Store(root)).problems] == ["depends on something else than its key says"]
    path.write_text("{")
    assert [each.file for each in verify(Store(root)).problems] == [f"attempts/{path.name}"]


def test_what_a_sweep_has_not_yet_is_a_note(root: Path) -> None:
    one(root, "latency/*.json").unlink()
    (root / "cost" / ".writing-abc").write_bytes(b"")
    found = verify(Store(root))
    assert found.problems == []
    assert found.notes == [
        "sweep mine: 1 of 10 are not on record (1 latency)",
        "1 file begun and never finished: tradeoff results prune",
    ]


def test_the_record_says_what_the_table_does(root: Path) -> None:
    cut(one(root, "cost/*.json"))
    found: Verified = verify(Store(root))
    (problem,) = found.as_record()["problems"]
    assert problem["file"].startswith("cost/") and problem["remedy"].endswith("to measure it")
