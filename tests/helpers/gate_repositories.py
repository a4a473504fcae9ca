"""Small git repositories whose networks change from commit to commit, and what a gate's processes do in tests."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from tradeoff.gate.companion import answering

NETWORK = '''"""A network whose arithmetic is in one number."""

import torch
from torch import Tensor, nn

TIMES = {times}


class Net(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first = nn.Conv3d(3, 8, 3, stride=2, padding=1)
        self.again = nn.ModuleList(nn.Conv3d(8, 8, 3, padding=1) for _ in range(TIMES))
        self.logits = nn.Linear(8, classes)

    def forward(self, clips: Tensor) -> Tensor:
        x = torch.relu(self.first(clips))
        for layer in self.again:
            x = torch.relu(layer(x))
        return self.logits(x.mean((2, 3, 4)))


def make(num_classes: int) -> nn.Module:
    return Net(num_classes)
'''


def network(times: int) -> str:
    """The source of a module with `make`: so many layers after the first."""
    return NETWORK.replace("{times}", str(times))


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, files: Mapping[str, str], tag: str) -> None:
    """Write files, commit everything and tag it; the first time the repository is made."""
    folder.mkdir(exist_ok=True)
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", tag)
    git(folder, "tag", tag)


def echo(connection: Connection, greeting: str) -> None:
    def answers():  # type: ignore[no-untyped-def]
        yield greeting
        while True:
            yield connection.recv()

    answering(connection, answers())


def environment(connection: Connection, name: str) -> None:
    blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    print("what a checkout's code prints")
    answering(connection, iter([os.environ.get(name), blocked]))


def fail(connection: Connection, message: str) -> None:
    def answers():  # type: ignore[no-untyped-def]
        yield 1
        raise ValueError(message)

    answering(connection, answers())


def die(connection: Connection, code: int) -> None:
    os._exit(code)
