"""Two real processes that train together over gloo, and what they do in tests; a module that processes can import."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from brightness import brightness
from fitting import fit_clips
from torch import multiprocessing, nn

from tradeoff.clip_shape import ClipShape
from tradeoff.errors import InputError
from tradeoff.training.fit import DivergedError, Progress, seed_everything
from tradeoff.training.processes import leave
from tradeoff.training.recipe import Recipe
from tradeoff.training.resuming import ResumePoint

CLIP, CPU, STEPS = ClipShape(8, 32, 32), torch.device("cpu"), 5
RECIPE = Recipe(epochs=2, batch=4, rate=0.05, dropout=0.0)
RECIPES: dict[str, Recipe] = {
    "plain": RECIPE,
    "bf16": RECIPE.model_copy(update={"precision": "bf16"}),
    "accumulated": RECIPE.model_copy(update={"batch": 8, "accumulate": 2}),
    "one-cycle": RECIPE.model_copy(update={"schedule": "one-cycle"}),
    "statistics": RECIPE.model_copy(update={"statistics_clips": 8}),
    "head": RECIPE.model_copy(update={"trainable": "head", "statistics_clips": 8}),
}


class Stopped(Exception):
    """What ends a training from outside."""


class Numbers(nn.Module):
    """What turns pixels into something that is no number, in one of the processes."""

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        return clips * float("nan") if os.environ.get("RANK") == "1" else clips


def small(dropout: float = 0.0, first: nn.Module | None = None, norm: bool = True) -> nn.Module:
    return nn.Sequential(
        first or nn.Identity(), nn.AvgPool3d((2, 4, 4)), nn.Conv3d(3, 8, 3),
        nn.BatchNorm3d(8) if norm else nn.Identity(), nn.ReLU(), nn.Dropout(dropout),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(8, 2),
    )  # fmt: skip


def train(
    recipe: Recipe,
    seed: int = 0,
    dropout: float = 0.0,
    first: nn.Module | None = None,
    norm: bool = True,
    **options: Any,
) -> dict[str, Any]:
    """The state of the network and the loss of each epoch; all clips are mirrored at random."""
    seed_everything(seed, CPU)
    data, network = brightness(24, trained=21), small(dropout, first, norm)
    precision = "float32" if recipe.precision == "auto" else recipe.precision
    history = fit_clips(
        network, data, data.split(0)[0], CLIP, recipe, precision=precision, seed=seed, device=CPU, flips=True, **options
    )
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    return {"state": state, "losses": [each.loss for each in history]}


def at(epoch: int, step: int, act: Callable[[], None]) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        if (progress.epoch, progress.step) == (epoch, step):
            act()

    return report


def stop() -> None:
    raise Stopped


def interrupt_second() -> None:
    if os.environ["RANK"] == "1":
        signal.raise_signal(signal.SIGINT)


def said(act: Callable[[], object], *kinds: type[BaseException]) -> str:
    try:
        act()
    except kinds as error:
        return f"{type(error).__name__} {error}"
    return "nothing"


def every_case(folder: Path) -> dict[str, Any]:
    """What becomes of each of them in this process."""
    found: dict[str, Any] = {name: train(recipe) for name, recipe in RECIPES.items()}
    found["dropout"] = train(RECIPE, dropout=0.3)
    for name, act, kind in (("stopped", stop, Stopped), ("interrupted", interrupt_second, KeyboardInterrupt)):
        lines: list[str] = []
        seconds = 0.0 if name == "stopped" else 3600.0

        def point(name: str = name, seconds: float = seconds, say: Any = lines.append) -> ResumePoint:
            return ResumePoint(folder / f"{name}.resume.pt", "mine", seconds, say)

        def under_way(act: Any = act, point: Any = point) -> None:
            with point() as resume:
                train(RECIPE, dropout=0.3, report=at(2, 2, act), resume=resume)

        how, seen = said(under_way, kind), []
        with point() as resume:
            found[name] = train(RECIPE, seed=7, dropout=0.3, report=seen.append, resume=resume)
            resume.discard()
        found[name] |= {"how": how, "said": lines, "seen": [(each.epoch, each.step) for each in seen]}
    found["diverged"] = said(lambda: train(RECIPE, first=Numbers()), DivergedError)
    found["uneven"] = said(lambda: train(RECIPE.model_copy(update={"batch": 5})), InputError)
    return found


def in_two(folder: Path) -> list[dict[str, Any]]:
    """`every_case` in two processes that train together: what each of them found."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(_begin, (port, folder), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def _begin(rank: int, port: int, folder: Path) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    torch.save(every_case(folder), folder / f"{rank}.pt")
    leave()
