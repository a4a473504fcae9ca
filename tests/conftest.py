"""What tests share: where the optional shared material is, and a sweep that takes seconds."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import settings

from tradeoff.cli import main

# The same examples each time, so that nobody's change fails for another's bug; `--hypothesis-profile search` looks for
# new ones.
settings.register_profile("repeat", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=5000, deadline=None)
settings.load_profile("repeat")

# Sweeps measure in this process, where tests can look inside and no worker has to start, unless they say otherwise.
os.environ["TRADEOFF_EXECUTOR"] = "here"
# Tables are as wide as in a pipe, whoever runs the tests: processes of pytest-xdist claim a terminal of 80 columns.
os.environ.pop("COLUMNS", None)

SHARED = Path(__file__).resolve().parents[2] / "shared"
Tool = Callable[..., tuple[int, str, str]]


@pytest.fixture
def paper() -> Path:
    """The paper's tables as CSV; users do not have them."""
    folder = SHARED / "paper"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here: the paper's tables are not part of the product")
    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Threads wait for each other on a busy machine, and steps as small as tests' gain nothing from them."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def clip_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of generated clips for all tests."""
    return tmp_path_factory.mktemp("clips")


@pytest.fixture
def tiny() -> dict[str, Any]:
    """A sweep of the smallest networks on the smallest clips: about a second a training."""
    return {
        "variants": ["I2D", "I3D"],
        "width": 0.0625,
        "clip": "8x32x32",
        "data": {"synthetic": "motion", "train": 32, "test": 32},
        "train": {"epochs": 1, "batch": 16, "rate": 0.01, "precision": "float32"},
        "latency": {"seconds": 0.05, "processes": 1, "spacing": 0, "throughput": []},
    }


@pytest.fixture
def video_folder(tmp_path: Path) -> Path:
    """Class folders of a user's: ten videos that grow brighter, ten that grow darker, and one that is broken."""
    for label, direction in (("brighter", 1), ("darker", -1)):
        for number in range(10):
            levels = np.arange(12)[::direction] * 15 + number
            _write_video(tmp_path / "videos" / label / f"{number}.mkv", levels)
    (tmp_path / "videos" / "darker" / "broken.mkv").write_bytes(b"no video at all")
    return tmp_path / "videos"


def _write_video(path: Path, levels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 36, "bgr0"
        for level in levels:
            image = np.full((36, 48, 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())


@pytest.fixture
def tool(tmp_path: Path, clip_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tool:
    """Runs the command in a folder of its own: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))  # networks of the user's own are looked for in that folder
    monkeypatch.setenv("TRADEOFF_CACHE", str(clip_cache))

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run
