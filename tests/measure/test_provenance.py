"""What a record says of where it comes from."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

import tradeoff
from tradeoff.measure import provenance as module
from tradeoff.measure.environment import provenance
from tradeoff.measure.provenance import code, code_in
from tradeoff.setting_names import COMMAND_VARIABLE

CPU = torch.device("cpu")


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_the_code_is_a_commit_and_whether_it_was_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "package"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "inner" / "one.py").write_text("x = 1\n")
    bare = code_in(package)
    assert bare.keys() == {"source"}
    git(tmp_path, "init", "-q")
    (tmp_path / "notes.txt").write_text("mine")
    git(tmp_path, "add", "notes.txt")
    git(tmp_path, "commit", "-qm", "notes")
    assert code_in(package) == bare  # a repository that has not the package's files says nothing of them
    git(tmp_path, "add", "package")
    git(tmp_path, "commit", "-qm", "all")
    commit = git(tmp_path, "rev-parse", "HEAD")[:12]
    (tmp_path / "notes.txt").write_text("changed, and no part of the package")
    monkeypatch.setenv("GIT_DIR", "/nowhere")  # as git sets it for a hook of another repository
    assert code_in(package) == {"commit": commit, "dirty": False}
    (package / "inner" / "one.py").write_text("x = 2\n")
    changed = code_in(package)
    assert (changed["commit"], changed["dirty"]) == (commit, True)
    assert changed["source"] != bare["source"]


def test_without_git_the_source_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    found = code_in(Path(tradeoff.__file__).parent)
    assert found.keys() == {"source"} and len(found["source"]) == 16


def test_packages_machine_and_command_are_told_in_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COMMAND_VARIABLE, "tradeoff sweep 'my sweep.yaml'")
    found = provenance(CPU)
    assert found["command"] == "tradeoff sweep 'my sweep.yaml'"
    assert found["packages"]["torch"] == torch.__version__
    assert (
        found["packages"]["numpy"] == version("numpy")
        and {"av", "accelerate", "torchvision"} <= found["packages"].keys()
    )
    assert (
        found["machine"]["cores"] and found["machine"]["memory_gib"] > 0 and found["machine"]["cpu"] in found["device"]
    )
    assert len(found["machine"]["host"]) == 8
    assert found["code"]["version"] == version("tradeoff") and found["code"] == code()
    assert len(json.dumps(found)) < 1000


def test_the_machine_s_name_is_told_apart_and_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    own = module.hardware.__wrapped__(CPU)
    monkeypatch.setattr(module.platform, "node", lambda: "somebody-s-laptop")
    other = module.hardware.__wrapped__(CPU)
    assert own["host"] != other["host"]
    assert {**own, "host": ""} == {**other, "host": ""}
    assert "somebody" not in json.dumps(other)


def test_a_script_is_named_without_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(COMMAND_VARIABLE, raising=False)
    monkeypatch.setattr(sys, "argv", ["/home/somebody/study.py", "--seed", "1 2"])
    assert module.command() == "study.py --seed '1 2'"


def test_the_driver_is_read_where_the_system_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "version"
    path.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue Sep 23 10:11:16 UTC 2025\n")
    monkeypatch.setattr(module, "_DRIVER", path)
    assert module._driver() == "580.95.05"
    monkeypatch.setattr(module, "_DRIVER", tmp_path / "none")
    assert module._driver() is None
