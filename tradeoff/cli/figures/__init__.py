"""The figures that `tradeoff report --figure` draws: a line each, and a module each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from tradeoff.errors import InputError


@dataclass(frozen=True)
class Named:
    """A figure: the module whose `draw` takes a `tradeoff.report.drawing.Asked` and returns what was written by name
    (each with `as_record` and `renderables`), what it shows in words, and the options that it takes."""

    module: str
    words: str
    options: tuple[str, ...]


FIGURES: Mapping[str, Named] = {
    "temporal-weights": Named(
        "tradeoff.cli.figures.temporal_weights",
        "how trained weights are spread over time offsets (the paper's Fig. 5)",
        ("--weights", "--variant"),
    ),
    "roofline": Named(
        "tradeoff.report.roofline",
        "attained multiply-adds a second under what the machine allows",
        ("--sweep", "--runtime"),
    ),
    "layers": Named(
        "tradeoff.cli.figures.layers", "what the units of networks cost, from stem to head", ("--variant", "--clip")
    ),
    "training": Named("tradeoff.report.training", "loss and accuracy as trained over epochs", ("--sweep",)),
    "clip-length": Named(
        "tradeoff.report.clip_length", "accuracy and cost over the frames of a clip", ("--sweep", "--runtime")
    ),
}
"""A figure that needs a network, and so torch where it is not on record, has its module here, others in `report`."""


def figures_in_words() -> str:
    return "; ".join(f"{name}: {each.words}" for name, each in FIGURES.items())


def draw(figure: str, given: Mapping[str, Any], results: Path, out: Path) -> Mapping[str, Any]:
    """Draw one figure with the options `given` (None or empty where they are not); what was written, by name.

    Raises InputError for an unknown figure, an option that it does not take, and what the figure itself refuses.
    """
    if figure not in FIGURES:
        raise InputError(f"figure {figure!r} is unknown: use {', '.join(FIGURES)}")
    named = FIGURES[figure]
    for option, value in given.items():
        if value not in (None, False, []) and option not in named.options:
            takes = ", ".join(named.options)
            raise InputError(f"{option} means nothing with --figure {figure}: leave it out; the figure takes {takes}")
    from tradeoff.report.drawing import Asked

    asked = Asked(
        results,
        out,
        sweep=given["--sweep"],
        runtime=given["--runtime"],
        variants=tuple(given["--variant"] or ()),
        clip=given["--clip"],
        weights=given["--weights"],
    )
    written: Mapping[str, Any] = import_module(named.module).draw(asked)
    return written
