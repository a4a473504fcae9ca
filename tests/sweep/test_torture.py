"""Sweeps that are killed, cut off from power, or run out of disk: the same command goes on, and ends as if undisturbed.

`make torture` kills many more.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from killed_sweeps import DAMAGES, SMALL, Sweep, contents, damage
from torture import Campaign


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """With an undisturbed sweep done."""
    return Campaign(Sweep(tmp_path_factory.mktemp("torture"), SMALL), seed=1)


def left(results: Path) -> list[str]:
    return [path.name for path in results.rglob("*") if ".writing-" in path.name]


def test_a_sweep_that_is_killed_again_and_again_ends_as_an_undisturbed_one(campaign: Campaign) -> None:
    before = campaign.kills
    campaign.until(before + 6)
    assert campaign.kills == before + 6
    assert campaign.differences == [], campaign.summary()


def test_two_sweeps_at_once_double_nothing(campaign: Campaign) -> None:
    campaign.together(2)
    assert campaign.differences == [], campaign.summary()


@pytest.mark.parametrize("turn", range(len(DAMAGES)))
def test_what_a_power_cut_damaged_is_measured_again(campaign: Campaign, turn: int, tmp_path: Path) -> None:
    """Each file in each of the ways in turn, a third of them at a time."""
    results = tmp_path / "results"
    shutil.copytree(campaign.folder / "undisturbed", results)
    files = sorted(path for path in results.rglob("*") if path.is_file())
    hit = [path for number, path in enumerate(files) if number % 3 == turn]
    for number, path in enumerate(hit):
        damage(path, DAMAGES[number % 3])
    # Where a checkpoint is needed it is made again, so one accuracy of each is wanted.
    for path in results.glob("accuracy/*.json"):
        path.unlink()
    code, said = campaign.sweep(results, campaign.cache)
    assert code == 0, said
    assert "are damaged (empty, cut short or zeros): set aside in" in said
    assert contents(results) == campaign.undisturbed


def test_a_record_that_somebody_edited_stops_the_sweep_and_stays(campaign: Campaign, tmp_path: Path) -> None:
    shutil.copytree(campaign.folder / "undisturbed", tmp_path / "results")
    record = next((tmp_path / "results/cost").glob("*.json"))
    edited = json.dumps(json.loads(record.read_text()) | {"key": "another"})
    record.write_text(edited)
    code, said = campaign.sweep(tmp_path / "results", campaign.cache)
    assert code == 2
    assert f"{record} is not the record that its name says" in said
    assert record.read_text() == edited


def goes_on(campaign: Campaign, results: Path) -> None:
    code, said = campaign.sweep(results, campaign.cache)
    assert code == 0, said
    assert contents(results) == campaign.undisturbed


def is_one_sentence(said: str, code: int, problem: str, remedy: str) -> None:
    assert code == 2, said
    assert "Traceback" not in said
    (line,) = (line for line in said.splitlines() if line.startswith("tradeoff: "))
    assert f"cannot be written ({problem}): {remedy}, or name another folder with --results, and run the same" in line


def test_files_that_may_not_grow_end_the_sweep_in_one_sentence(campaign: Campaign, tmp_path: Path) -> None:
    results = tmp_path / "results"
    code, said = campaign.sweep(results, campaign.cache, largest=30_000)
    is_one_sentence(said, code, "File too large", "free some space")
    assert "the state of the training cannot be saved" in said  # which ends no training
    assert left(results) == []
    assert sorted(path.parent.name for path in results.glob("*/*.json")) == ["cost", "sweeps"]
    goes_on(campaign, results)


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    if os.geteuid() or subprocess.run(["mount", *options, str(folder)], capture_output=True).returncode:
        pytest.skip("mounting takes root, and a machine that lets it")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("kilobytes", [12, 260])
def test_a_full_disk_ends_the_sweep_in_one_sentence(campaign: Campaign, tmp_path: Path, kilobytes: int) -> None:
    """Full at a record, and at a checkpoint."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", "size=2m", "tmpfs"):
        (disk / "else").write_bytes(b"x" * (2048 - kilobytes) * 1024)
        code, said = campaign.sweep(disk / "results", campaign.cache)
        is_one_sentence(said, code, "No space left on device", "free some space")
        assert left(disk / "results") == []
        (disk / "else").unlink()
        goes_on(campaign, disk / "results")


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Root may write whatever a folder's permissions are, but not to a mount that is read-only."""
    if os.geteuid():
        folder.chmod(0o555)
        yield
        folder.chmod(0o755)
        return
    with mounted(folder, "--bind", str(folder)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield


def test_a_folder_that_is_read_only_ends_the_sweep_in_one_sentence(campaign: Campaign, tmp_path: Path) -> None:
    results = tmp_path / "results"
    (results / "accuracy").mkdir(parents=True)
    problem = "Read-only file system" if not os.geteuid() else "Permission denied"
    with read_only(results / "accuracy"):
        code, said = campaign.sweep(results, campaign.cache)
        is_one_sentence(said, code, problem, "make its folder one that can be written")
    assert [path.parent.name for path in results.glob("*/*.json")].count("training") == 1
    goes_on(campaign, results)
