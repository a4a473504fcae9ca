"""The composite action: its script, run with a stand-in for the command."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
ACTION = ROOT / ".github" / "actions" / "latency-gate" / "action.yml"
WORKFLOW = ROOT / ".github" / "workflows" / "latency.yml"


@pytest.fixture
def action() -> dict[str, Any]:
    return dict(yaml.safe_load(ACTION.read_text()))


def run(action: dict[str, Any], folder: Path, code: int, **inputs: str) -> tuple[int, str, list[str], str, str]:
    """Exit code, log, the command's arguments, the step's outputs and its summary."""
    command = folder / "bin" / "tradeoff"
    command.parent.mkdir()
    command.write_text(
        "#!/usr/bin/env bash\nprintf '%s\\n' \"$@\" > arguments\n"
        'while [ $# -gt 0 ]; do if [ "$1" = --markdown ]; then echo \'### gate\' > "$2"; fi; shift; done\n'
        f"exit {code}\n"
    )
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    step = next(step for step in action["runs"]["steps"] if step.get("id") == "gate")
    values = {name: str(each.get("default", "")) for name, each in action["inputs"].items()} | {"base": "main"} | inputs
    given = {key: values[text.removeprefix("${{ inputs.").removesuffix(" }}")] for key, text in step["env"].items()}
    files = {name: folder / name for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    for path in files.values():
        path.write_text("before\n")
    surroundings = {"PATH": f"{command.parent}:{os.environ['PATH']}", "RUNNER_TEMP": str(folder)}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env={**surroundings, **given, **{name: str(path) for name, path in files.items()}},
        capture_output=True,
        text=True,
        check=False,
    )
    arguments = (folder / "arguments").read_text().splitlines()
    return (
        done.returncode,
        done.stdout,
        arguments,
        files["GITHUB_OUTPUT"].read_text(),
        files["GITHUB_STEP_SUMMARY"].read_text(),
    )


@pytest.mark.parametrize(("code", "ends_with"), [(0, 0), (1, 1), (2, 2), (3, 0)])
def test_what_the_job_is_told(action: dict[str, Any], tmp_path: Path, code: int, ends_with: int) -> None:
    ended, log, _, outputs, summary = run(action, tmp_path, code, variants="S3D")
    assert ended == ends_with
    assert f"exit-code={code}\n" in outputs
    assert summary == "before\n### gate\n"
    assert ("::warning" in log) == (code == 3)


def test_inputs_become_arguments_and_nothing_else(action: dict[str, Any], tmp_path: Path) -> None:
    names, extra = "S3D my_nets:make(depth=3)\n$(touch$IFS/tmp/owned)", "--clip 16x64x64 --threads 1"
    _, _, arguments, _, _ = run(action, tmp_path, 0, variants=names, arguments=extra, strict="true")
    assert arguments[:4] == ["gate", "S3D", "my_nets:make(depth=3)", "$(touch$IFS/tmp/owned)"]
    assert arguments[4:10] == ["--base", "main", "--repo", ".", "--budget", "600"]
    assert arguments[-5:] == ["--clip", "16x64x64", "--threads", "1", "--strict"]


def test_no_input_is_pasted_into_a_script(action: dict[str, Any]) -> None:
    assert all("${{" not in step.get("run", "") for step in action["runs"]["steps"])


def test_the_workflow_uses_inputs_that_the_action_has(action: dict[str, Any]) -> None:
    steps = yaml.safe_load(WORKFLOW.read_text())["jobs"]["gate"]["steps"]
    (gate,) = (step for step in steps if step.get("uses", "").startswith("./"))
    assert (ROOT / gate["uses"] / "action.yml").resolve() == ACTION
    assert set(gate["with"]) <= set(action["inputs"])
