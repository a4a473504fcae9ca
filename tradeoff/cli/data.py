"""Commands that look at data sets: data show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradeoff.cli.app import app
from tradeoff.cli.options import (
    LOCAL_REPORTS,
    SYNTHETIC,
    Cache,
    Clip,
    Json,
    cache_of,
    count_on_stderr,
    data_of,
    make_sweep_of,
)
from tradeoff.console import print_json, print_renderables

data_app = typer.Typer(help="Look at data sets.", no_args_is_help=True)
app.add_typer(data_app, name="data")


@data_app.command("show")
def data_show(
    data: Annotated[str, typer.Argument(help="motion, appearance, a folder of class folders, or a CSV of clips.")],
    clip: Clip = "16x64x64",
    out: Annotated[Path | None, typer.Option("--out", help="The PNG; default: reports/local/<data>_clips.png.")] = None,
    clips: Annotated[int, typer.Option(min=1, help="Clips a class.")] = 1,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Write a contact sheet: for each class the frames of a clip, as a PNG to look at.

    Example: tradeoff data show motion
    """
    from tradeoff.data import open_dataset
    from tradeoff.data.contact_sheet import contact_sheet

    few = {"train": 32 * clips, "test": 32} if data in SYNTHETIC else {}  # a picture needs no more
    chosen = make_sweep_of("data", {"variants": ["I2D"], "data": data_of(data) | few, "clip": clip})
    assert chosen.data is not None
    dataset = open_dataset(chosen.data, chosen.shape, cache_of(cache), count_on_stderr)
    path = out or LOCAL_REPORTS / f"{dataset.name}_clips.png"
    contact_sheet(dataset.frames, dataset.labels, dataset.classes, path, clips_per_class=clips)
    facts = {"path": str(path), "data": dataset.name, "classes": len(dataset.classes), "clips": len(dataset.labels)}
    facts |= {"unreadable": len(dataset.unreadable)}
    if as_json:
        print_json(facts | {"unreadable_files": dataset.unreadable})
        return
    print_renderables([f"left out {name}: {reason}" for name, reason in dataset.unreadable])
    print_renderables([", ".join(f"{key} {value}" for key, value in facts.items())])
