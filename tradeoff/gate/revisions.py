"""Two revisions of a repository, checked out beside each other for as long as they are compared.

Nothing of the repository changes: files are checked out through an index of our own, and the working tree is read into
a tree object in a store of our own that borrows the repository's. So there is no worktree to be unregistered, and
whatever ends the gate leaves at most a temporary folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tradeoff.errors import InputError

WORKING_TREE = "working tree"


@dataclass(frozen=True)
class Checkout:
    """A revision's files in a folder of their own.

    said: how the user called it; `working tree` for what is not committed.
    commit: its full name; empty for a working tree. tree: the digest of all of its files.
    """

    said: str
    commit: str
    tree: str
    folder: Path

    def __str__(self) -> str:
        return f"{self.said} ({(self.commit or self.tree)[:10]})"


@contextmanager
def checked_out(repository: Path, base: str, head: str | None) -> Iterator[tuple[Checkout, Checkout]]:
    """Base and head in folders beside each other, with names of one length; they are gone afterwards.

    head: a revision; None for the working tree, changes and new files included, ignored ones not.
    Raises InputError for a folder that is in no repository and for an unknown revision.
    """
    top = _top(repository)
    scratch = Path(tempfile.mkdtemp(prefix="tradeoff-gate-"))
    try:
        git = _Git(top, scratch)
        sides = [(base, *git.resolve("--base", base))]
        sides += [(head, *git.resolve("--head", head))] if head is not None else [(WORKING_TREE, "", git.write_tree())]
        base_side, head_side = (
            Checkout(said, commit, tree, git.check_out(tree, scratch / name))
            for name, (said, commit, tree) in zip(("base", "head"), sides, strict=True)
        )
        yield base_side, head_side
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _top(folder: Path) -> Path:
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--show-toplevel"], cwd=folder, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise InputError(f"repository {folder} cannot be read with git: {error.strerror}") from error
    if found.returncode:
        raise InputError(f"repository {folder} is in no working tree of git: run the gate inside one, or name one")
    return Path(found.stdout.strip())


class _Git:
    """Git on one repository, with index and new objects in `scratch`."""

    def __init__(self, top: Path, scratch: Path) -> None:
        self.top, self.scratch = top, scratch

    def resolve(self, option: str, revision: str) -> tuple[str, str]:
        """(commit, tree) of a revision. Raises InputError where there is no such."""
        found = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", check=False)
        if not found or found.startswith("^"):
            raise InputError(f"{option} {revision!r} is no revision of {self.top}: name a commit, a branch or a tag")
        return found, self._run("rev-parse", f"{found}^{{tree}}")

    def write_tree(self) -> str:
        """The working tree as a tree object, in our own store."""
        index = self.scratch / "index"
        known = Path(self._run("rev-parse", "--path-format=absolute", "--git-path", "index"))
        if known.exists():
            shutil.copy2(known, index)  # spares hashing again; with its time, by which git tells what it may trust
        objects = self.scratch / "objects"
        objects.mkdir()
        own = {
            "GIT_INDEX_FILE": str(index),
            "GIT_OBJECT_DIRECTORY": str(objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": self._run(
                "rev-parse", "--path-format=absolute", "--git-path", "objects"
            ),
        }
        self._run("add", "--all", "--", ":/", env=own)
        return self._run("write-tree", env=own)

    def check_out(self, tree: str, folder: Path) -> Path:
        """The files of a tree in a new folder."""
        folder.mkdir()
        own = {"GIT_INDEX_FILE": str(self.scratch / f"index-{folder.name}")}
        objects = self.scratch / "objects"
        if objects.exists():
            own["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = str(objects)
        self._run("read-tree", tree, env=own)
        self._run("checkout-index", "--all", "--force", f"--prefix={folder}/", env=own)
        return folder

    def _run(self, *arguments: str, env: Mapping[str, str] | None = None, check: bool = True) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.top,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **(env or {})},
        )
        if done.returncode and check:
            problem = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise InputError(f"repository {self.top}: git {arguments[0]} failed: {problem}")
        return done.stdout.strip() if not done.returncode else ""
