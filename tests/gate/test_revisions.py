"""Two revisions beside each other, and a repository that is as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from gate_repositories import commit, git

from tradeoff.errors import InputError
from tradeoff.gate.revisions import checked_out


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "a repository"
    commit(folder, {"net.py": "one", "in/side.py": "deep", ".gitignore": "*.so\n"}, "first")
    commit(folder, {"net.py": "two"}, "second")
    return folder


def state(folder: Path) -> tuple[str, ...]:
    objects = sorted(str(path) for path in (folder / ".git" / "objects").rglob("*"))
    return (
        git(folder, "status", "--porcelain"),
        git(folder, "worktree", "list"),
        git(folder, "rev-parse", "HEAD"),
        *objects,
    )


def test_two_commits(repository: Path) -> None:
    with checked_out(repository, "first", "second") as (base, head):
        assert (base.folder / "net.py").read_text() == "one"
        assert (head.folder / "net.py").read_text() == "two"
        assert (base.folder / "in" / "side.py").read_text() == "deep"
        assert base.commit == git(repository, "rev-parse", "first")
        assert base.tree != head.tree
        assert len(str(base.folder)) == len(str(head.folder))
        assert base.folder.parent == head.folder.parent
        assert str(base) == f"first ({base.commit[:10]})"


def test_the_working_tree_with_all_that_is_not_committed(repository: Path) -> None:
    (repository / "net.py").write_text("three")
    (repository / "new.py").write_text("new")
    (repository / "built.so").write_text("ignored")
    (repository / "in" / "side.py").unlink()
    git(repository, "add", "new.py")
    before = state(repository)
    with checked_out(repository / "in", "second", None) as (base, head):
        files = sorted(str(path.relative_to(head.folder)) for path in head.folder.rglob("*") if path.is_file())
        assert files == [".gitignore", "net.py", "new.py"]
        assert (head.folder / "net.py").read_text() == "three"
        assert (base.folder / "net.py").read_text() == "two"
        assert (head.said, head.commit) == ("working tree", "")
    assert state(repository) == before


def test_an_edit_of_the_same_size_in_the_same_second_is_seen(repository: Path) -> None:
    path = repository / "net.py"
    path.write_text("one")
    git(repository, "add", "net.py")
    before = path.stat()
    path.write_text("six")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as far as the clock of a file system can tell
    os.utime(repository / ".git" / "index", ns=(before.st_atime_ns, before.st_mtime_ns))
    with checked_out(repository, "first", None) as (_, head):
        assert (head.folder / "net.py").read_text() == "six"


def test_nothing_is_left(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    before = state(repository)
    with pytest.raises(KeyboardInterrupt), checked_out(repository, "first", None):
        assert list(scratch.iterdir())
        raise KeyboardInterrupt
    assert not list(scratch.iterdir())
    assert state(repository) == before


def test_an_unchanged_working_tree_is_its_commit(repository: Path) -> None:
    with checked_out(repository, "HEAD", None) as (base, head):
        assert base.tree == head.tree


@pytest.mark.parametrize("name", ["third", "", "--all", "^first", "first..second", "HEAD:net.py"])
def test_what_is_no_revision_is_named(repository: Path, name: str) -> None:
    with pytest.raises(InputError, match="is no revision of"), checked_out(repository, name, None):
        pass
    with pytest.raises(InputError, match="--head"), checked_out(repository, "first", name):
        pass


def test_a_folder_in_no_repository(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is in no working tree of git"), checked_out(tmp_path, "HEAD", None):
        pass
    with pytest.raises(InputError, match="cannot be read"), checked_out(tmp_path / "nowhere", "HEAD", None):
        pass
