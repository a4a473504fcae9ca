"""A results folder on the command line: list, show, compare, export, prune, verify, and how far its sweeps are."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from made_records import (
    CLIP,
    NOW,
    add_cost,
    add_training,
    key_of_accuracy,
    key_of_training,
    mark_running,
    whole_folder,
)

from tradeoff.records.store import Store

Tool = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Where commands look without being told, and where a test runs."""
    return whole_folder(tmp_path / "results" / "local")


def test_ls_lists_and_filters(tool: Tool, store: Store) -> None:
    rows = json.loads(tool("results", "ls", "--json")[1])
    assert [row["kind"] for row in rows] == ["cost"] * 2 + ["training"] * 2 + ["accuracy"] * 2 + ["latency"] * 4
    code, out, _ = tool("results", "ls", "--variant", "I3D", "--kind", "accuracy", "--clip", CLIP, "--sweep", "mine")
    key = key_of_accuracy(key_of_training("I3D", 0)).digest
    assert code == 0
    assert key in out and "top-1 90.0 %" in out and out.rstrip().endswith("1 record: 1 accuracy")
    assert json.loads(tool("results", "ls", "--clip", "9x9x9", "--json")[1]) == []
    assert "process 2" in tool("results", "ls", "--kind", "latency")[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ls", "--kind", "speed"), "kind 'speed' is unknown: use cost"),
        (("ls", "--sweep", "yours"), "it holds mine"),
        (("ls", "--results", "nowhere"), "does not exist"),
        (("show", "xyz"), "16 hex digits"),
        (("show", "0" * 16), "tradeoff results ls lists them"),
        (("diff", "I2D", "S3D"), "'S3D' was not measured"),
        (("diff", "results", "I2D"), "compare two folders, two keys or two variants"),
        (("export", "--out", "x.xlsx"), "end it in .parquet or .csv"),
        (("export", "--out", "results"), "does not say which format"),
    ],
)
def test_what_can_be_typed_wrong_is_one_sentence(tool: Tool, store: Store, words: tuple[str, ...], said: str) -> None:
    code, out, err = tool("results", *words)
    assert (code, out) == (2, "")
    assert err.startswith("tradeoff: ") and err.count("\n") == 1 and said in err


def test_show_tells_everything_of_a_key(tool: Tool, store: Store) -> None:
    training = key_of_training("I3D", 0)
    accuracy = key_of_accuracy(training)
    (store.root / "logs").mkdir()
    (store.root / "logs" / f"training-{training.digest}.log").write_text("epoch 1\nloss 0.5\n")
    found = json.loads(tool("results", "show", training.digest[:10], "--json")[1])
    assert found["name"] == "I3D seed 0 training"
    assert (found["sweeps"], found["dependents"]) == (["mine"], [accuracy.digest])
    assert found["log"] == ["epoch 1", "loss 0.5"]
    assert found["record"]["measured"]["state"] == "ab" * 8
    assert f"checkpoints/{training.digest}.{'ab' * 8}.pt" in found["files"]
    code, out, _ = tool("results", "show", accuracy.digest)
    assert code == 0
    assert "10x2 float32" in out and "measured.top1" in out and "0.9" in out


def test_show_tells_of_a_key_that_only_failed(tool: Tool, store: Store) -> None:
    key = key_of_training("I3D", 1)
    store.write_attempt(key, "the loss became nan", "line 1\nline 2", {}, began=NOW)
    code, out, _ = tool("results", "show", key.digest)
    assert code == 0
    assert "I3D seed 1 training" in out and "the loss became nan" in out and "line 2" in out


def test_a_prefix_of_several_is_refused(tool: Tool, store: Store) -> None:
    keys = [path.stem for path in store.root.glob("*/*.json") if len(path.stem) == 16]
    while len({key[0] for key in keys}) == len(keys):  # as many first digits as records: one more
        keys.append(add_cost(store, "S3D", 1).digest)
    first = next(key[0] for key in keys if [other[0] for other in keys].count(key[0]) > 1)
    code, _, err = tool("results", "show", first)
    assert code == 2 and "give more digits" in err


def test_diff_of_variants_keys_and_folders(tool: Tool, store: Store, tmp_path: Path) -> None:
    code, out, _ = tool("results", "diff", "I2D", "I3D")
    assert code == 0
    assert "+30.0 [" in out and "2.000 [" in out and "3.000" in out
    keys = [key_of_accuracy(key_of_training(name, 0)).digest for name in ("I2D", "I3D")]
    found = json.loads(tool("results", "diff", *keys, "--json")[1])
    assert found["changes"][0]["difference"] == pytest.approx(0.3)
    assert found["fields"]["about.name"] == {"a": "I2D", "b": "I3D"}
    shutil.copytree(store.root, tmp_path / "other")
    add_training(Store(tmp_path / "other"), "I3D", seed=1)
    code, out, _ = tool("results", "diff", "results", "other")
    assert code == 0
    assert "Only in B: 1 record (1 training)" in out
    assert "the same on both sides: 2 cost, 2 training, 2 accuracy, 2 latency" in out


def test_export_writes_both_tables(tool: Tool, store: Store) -> None:
    code, out, _ = tool("results", "export", "--out", "table.parquet")
    assert (code, out) == (0, f"wrote table.parquet: 2 rows, {len(pd.read_parquet('table.parquet').columns)} columns\n")
    assert pd.read_parquet("table.parquet").top1.tolist() == [0.6, 0.9]
    assert tool("results", "export", "--records", "--sweep", "mine", "--format", "csv", "--out", "records.txt")[0] == 0
    assert len(pd.read_csv("records.txt")) == 10
    code, _, err = tool("results", "export", "--out", "records.txt", "--format", "parquet")
    assert code == 2 and "no parquet file of tradeoff's" in err


def test_prune_lists_first_and_deletes_only_when_told(tool: Tool, store: Store) -> None:
    assert "nothing can go" in tool("results", "prune")[1]
    path = store.path(add_cost(store, "S3D", 5))
    code, out, _ = tool("results", "prune")
    assert code == 0 and path.exists()
    assert f"cost/{path.name}" in out and "1 file" in out and "--yes" in out
    assert json.loads(tool("results", "prune", "--dry-run", "--json")[1])["deleted"] is False and path.exists()
    size = path.stat().st_size
    found = json.loads(tool("results", "prune", "--yes", "--json")[1])
    assert (found["freed"], found["deleted"]) == (size, True)
    assert not path.exists()
    assert len(json.loads(tool("results", "ls", "--json")[1])) == 10


def test_verify_ends_with_1_where_something_is_wrong(tool: Tool, store: Store) -> None:
    code, out, _ = tool("results", "verify")
    assert code == 0 and "2 cost, 2 training" in out and "nothing wrong" in out
    path = next((store.root / "cost").glob("*.json"))
    path.write_text("{")
    code, out, _ = tool("results", "verify")
    assert code == 1 and f"cost/{path.name}" in out and "1 thing wrong" in out
    code, out, _ = tool("results", "verify", "--json")
    assert code == 1 and json.loads(out)["problems"][0]["file"] == f"cost/{path.name}"


def test_status_says_how_far_a_sweep_is(tool: Tool, store: Store) -> None:
    entry = store.sweeps()["mine"]["keys"]
    more = [key_of_training(name, 1).digest for name in ("I2D", "I3D")]
    store.write_sweep("mine", entry | {"training": [*entry["training"], *more]})
    store.write_attempt(key_of_training("I3D", 1), "out of luck", "", {}, began=NOW)
    mark_running(store, key_of_training("I2D", 1), "I2D seed 1 training")  # which fell silent on that day
    (found,) = json.loads(tool("status", "--json")[1])
    assert found["kinds"]["training"] == {"total": 4, "done": 2, "running": 0, "failed": 1, "left": 1, "seconds": 10.0}
    assert (found["seconds"], found["unknown"]) == (10.0, [])
    code, out, _ = tool("status", "--sweep", "mine")
    assert code == 0
    assert "stale, not counted as running: I2D seed 1 training" in out
    assert "Failed: I3D seed 1 training: out of luck" in out
    assert "time to go: about 10 s" in out
    assert tool("status", "--sweep", "yours")[0] == 2
    assert tool("status", "--watch", "--json")[0] == 2


def test_status_is_watched_in_a_pipe_until_it_is_interrupted(store: Store, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tradeoff", "status", "--watch", "--every", "0.1"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        blocks = 0
        while blocks < 3:
            blocks += watching.stdout.readline().startswith("done")
        watching.send_signal(signal.SIGINT)
        watching.stdout.read()
    assert watching.returncode == 0


def test_a_report_says_what_failed_and_keeps_a_variant_of_which_nothing_worked(tool: Tool, store: Store) -> None:
    """S3D has a cost and no training that worked: still a row, and why stands under the table."""
    keys = {kind: list(each) for kind, each in store.sweeps()["mine"]["keys"].items()}
    keys["cost"].append(add_cost(store, "S3D", 2000).digest)
    keys["training"].append(key_of_training("S3D", 0).digest)
    store.write_sweep("mine", keys)
    store.write_attempt(key_of_training("S3D", 0), "the loss became nan at step 3 of epoch 2", "", {}, began=NOW)
    code, out, _ = tool("report")
    sentence = "Failed: S3D seed 0 training: the loss became nan at step 3 of epoch 2 (attempts/"
    assert code == 0 and sentence in out
    text = Path("reports/local/mine.md").read_text()
    assert f"- {sentence}" in text and "| S3D |" in text
    found = json.loads(tool("report", "--json")[1])["mine"]
    assert [row["variant"] for row in found["rows"]] == ["I2D", "I3D", "S3D"]
    assert [each["key"] for each in found["failed"]] == [key_of_training("S3D", 0).digest]


@pytest.mark.parametrize(
    "words", [("status",), *(("results", name) for name in ("ls", "show", "diff", "export", "prune", "verify"))]
)
def test_every_command_explains_itself(tool: Tool, words: tuple[str, ...]) -> None:
    code, out, _ = tool(*words, "--help")
    assert code == 0 and f"Example: tradeoff {' '.join(words)}" in out


def test_no_command_about_a_folder_needs_torch(store: Store, tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from tradeoff.cli import main\n"
        "for words in (['ls'], ['show', sys.argv[1]], ['diff', 'I2D', 'I3D'], ['verify'], ['prune'],\n"
        "              ['export', '--out', 'x.csv']):\n"
        "    try: main(['results', *words])\n"
        "    except SystemExit as left: assert not left.code, words\n"
        "try: main(['status'])\n"
        "except SystemExit as left: assert not left.code\n"
        "assert 'torch' not in sys.modules\n"
    )
    key = key_of_training("I2D", 0).digest
    subprocess.run([sys.executable, "-c", script, key], check=True, capture_output=True, cwd=tmp_path)
