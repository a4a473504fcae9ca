"""`tradeoff gate`, as its users meet it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from gate_repositories import commit, git, network

Tool = Callable[..., tuple[int, str, str]]
SMALL = ("--clip", "8x32x32", "--classes", "5", "--threads", "1")


def test_a_slower_working_tree_is_called_so(tool: Tool, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    commit(repo, {"nets.py": network(1)}, "one")
    (repo / "nets.py").write_text(network(30))
    files = ("--markdown", "gate.md", "--save", "gate.json", "--error", "0.001")
    code, out, err = tool("gate", "nets:make", "--base", "one", "--repo", "repo", *SMALL, "--pairs", "5", *files)
    assert code == 1
    assert "SLOWER" in out
    assert "multiply-adds became" in err.splitlines()[0]
    record = json.loads((tmp_path / "gate.json").read_text())
    assert record["variants"][0]["verdict"] == "SLOWER"
    assert record["head"].startswith("working tree (")
    assert "🔴 SLOWER" in (tmp_path / "gate.md").read_text()
    assert git(repo, "worktree", "list").count("\n") == 0


def test_no_more_time_than_for_two_pairs_is_cannot_tell(tool: Tool, tmp_path: Path) -> None:
    commit(tmp_path / "repo", {"nets.py": network(1)}, "one")
    commit(tmp_path / "repo", {"nets.py": network(1) + "# again\n"}, "two")
    arguments = ("gate", "nets:make", "--base", "one", "--head", "two", "--repo", "repo", *SMALL, "--same", "0.000001")
    code, out, _ = tool(*arguments, "--floor", "0.9", "--budget", "1", "--json")
    (found,) = json.loads(out)["variants"]
    assert (code, found["verdict"], len(found["pairs"])) == (3, "CANNOT TELL", 2)
    assert found["exact"]["base"] == found["exact"]["head"]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_whoever_ends_it_finds_nothing_left_behind(tmp_path: Path, end: signal.Signals) -> None:
    commit(tmp_path / "repo", {"nets.py": network(1)}, "one")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-c", "from tradeoff.cli import main; main()", "gate", "nets:make", "--base", "one"]
    gate = subprocess.Popen(
        [*command, "--same", "0.000001", *SMALL],
        cwd=tmp_path / "repo",
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What is started in the background of a shell ignores Ctrl-C, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    _wait_for(lambda: len(_networks(gate.pid)) == 3)  # the control, base and head
    children = psutil.Process(gate.pid).children(recursive=True)
    gate.send_signal(end)
    out, err = gate.communicate(timeout=60)
    assert gate.returncode == 130
    assert err.splitlines()[-1].startswith("tradeoff: interrupted")
    assert "Traceback" not in out + err
    assert list(scratch.glob("tradeoff-gate-*")) == []
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []


def _networks(pid: int) -> list[psutil.Process]:
    found = []
    for each in psutil.Process(pid).children():
        with suppress(psutil.NoSuchProcess):  # it has just ended
            found += [each] if "spawn_main" in " ".join(each.cmdline()) else []
    return found


def _wait_for(condition: Any) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("it did not come to that")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to compare with is given: use one of --base, --against, --benchmark-json, --calibrate"),
        (("--base", "HEAD", "--calibrate"), "--base and --calibrate are given together"),
        (("--base", "HEAD"), "gate needs variants: name some"),
        (("I3D", "--calibrate", "--head", "HEAD"), "--head goes with --base, not with --calibrate"),
        (("I3D", "--base", "HEAD", "--gates", "3"), "--gates goes with --calibrate, not with --base"),
        (("I3D", "--base", "HEAD", "--error", "2"), "--error is 2.0: it should be less than 0.5"),
        (("I3D", "--base", "HEAD", "--runtime", "fast"), "latency.runtime"),
        (("I3D", "--base", "HEAD", "--precision", "all"), "a gate is of one runtime, precision and layout"),
        (("I3D", "--base", "HEAD", "--clip", "16x64"), "'16x64' is not FRAMESxHEIGHTxWIDTH"),
        (("I3D", "--base", "HEAD", "--device", "tpu"), "device 'tpu' is unknown"),
        (("I3D", "--base", "HEAD", "--save", "no/such/gate.json"), "file no/such/gate.json cannot be written"),
        (("I3D", "--base", "HEAD"), "is in no working tree of git"),
        (("--base", "HEAD", "--sweep", "none.yaml"), "sweep file none.yaml cannot be read"),
        (("I3D", "--against", "nowhere"), "results folder nowhere does not exist"),
        (("I3D", "--benchmark-json", "a.json", "b.json"), "VARIANTS goes with --base or --against or --calibrate"),
        (
            ("I3D", "--against", "results", "--pairs", "9"),
            "--pairs goes with --base or --calibrate, not with --against",
        ),
        (("I3D", "--base", "HEAD", "--budget", "inf"), "--budget is inf: it should be a number of seconds"),
        (("--benchmark-json", "a.json", "b.json"), "benchmark file a.json cannot be read"),
    ],
)
def test_bad_input_is_a_sentence(tool: Tool, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = tool("gate", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("tradeoff: ")
    assert said in err
    assert err.count("\n") == 1


def test_an_unknown_revision_is_a_sentence(tool: Tool, tmp_path: Path) -> None:
    commit(tmp_path / "repo", {"nets.py": network(1)}, "one")
    code, _, err = tool("gate", "nets:make", "--base", "two", "--repo", "repo")
    assert code == 2
    assert err == f"tradeoff: --base 'two' is no revision of {tmp_path / 'repo'}: name a commit, a branch or a tag\n"


def test_a_sweep_file_names_the_networks(tool: Tool, tmp_path: Path) -> None:
    commit(tmp_path / "repo", {"nets.py": network(1)}, "one")
    (tmp_path / "mine.yaml").write_text(
        "variants: [I2D, {curve: Top-Heavy-I3D, cuts: [2]}]\nclip: 8x32x32\nclasses: 7\n"
    )
    code, out, _ = tool("gate", "--sweep", "mine.yaml", "--base", "one", "--repo", "repo", "--classes", "5", "--json")
    record = json.loads(out)
    assert code == 2  # no network of this package is in that repository
    assert [each["variant"] for each in record["variants"]] == ["I2D", "Top-Heavy-I3D-2"]
    assert (record["protocol"]["clip"], record["protocol"]["classes"]) == ("8x32x32", 5)


def test_files_of_pytest_benchmark(tool: Tool, tmp_path: Path) -> None:
    for name, median in (("base", 0.010), ("head", 0.020)):
        timed = {"median": median, "rounds": 50, "iqr": 1e-5, "stddev": 1e-5}
        content = {"machine_info": {"node": "here"}, "benchmarks": [{"fullname": "test_s3d", "stats": timed}]}
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    code, out, _ = tool("gate", "--benchmark-json", "base.json", "head.json")
    assert code == 1
    assert "SLOWER" in out
    assert "Each side is one process" in out
    code, out, _ = tool("gate", "--benchmark-json", "base.json", "head.json", "--process-spread", "0.3", "--json")
    assert code == 3
    assert json.loads(out)["compared"][0]["verdict"] == "CANNOT TELL"
    assert tool("gate", "--benchmark-json", "base.json", "head.json", "--process-spread", "0.3", "--strict")[0] == 1


def test_help_does_not_wait_for_torch() -> None:
    script = (
        "import sys\nfrom tradeoff.cli import main\ntry:\n    main(['gate', '--help'])\nexcept SystemExit:\n    pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script + "    print('torch' in sys.modules, 'scipy' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "False False"
