"""Searches side by side: the hypervolume that each has reached after so many seconds of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray
from rich.console import RenderableType

from tradeoff.errors import InputError
from tradeoff.records.searches import Story, Walk, read_story
from tradeoff.records.table import records_folder
from tradeoff.report import write_figure, write_file
from tradeoff.report.canvas import canvas
from tradeoff.report.curves import COLOURS
from tradeoff.report.figures import PANELS
from tradeoff.report.tables import markdown_lines, markdown_table, rich_frame

SHARES = (0.25, 0.5, 1.0)
"""Of the time that all searches have had: where the table compares them."""
_STYLES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))


@dataclass(frozen=True)
class SearchReport:
    """Searches that compare, and the files that were written."""

    stories: Sequence[Story]
    paths: list[Path]

    def as_record(self) -> dict[str, Any]:
        return {"rows": events(self.stories).to_dict("records"), "paths": [str(path) for path in self.paths]}

    def renderables(self) -> list[RenderableType]:
        return [rich_frame(summary(self.stories)), *notes(self.stories), *(f"wrote {path}" for path in self.paths)]


def report_searches(results: Path, names: Sequence[str], out: Path) -> SearchReport:
    """Write `<names>_hypervolume.png`, `.svg`, `.md` and `.csv` into `out`.

    Raises InputError for a search that was not run, for searches that do not compare, and where nothing was trained.
    """
    folder = records_folder(results)
    stories = [read_story(folder, name) for name in dict.fromkeys(names)]
    _refuse_others(stories)
    stem = f"{'_'.join(story.name for story in stories)}_hypervolume"
    paths = write_figure(search_figure(stories), out, stem)
    texts = {"md": markdown(stories, f"{stem}.svg"), "csv": events(stories).to_csv(index=False, lineterminator="\n")}
    paths += [write_file(out / f"{stem}.{kind}", text.encode()) for kind, text in texts.items()]
    return SearchReport(stories, paths)


def reached(walk: Walk, seconds: ArrayLike) -> NDArray[np.float64]:
    """The hypervolume that a search had reached after so many seconds of training, (n,); 0 before its first."""
    trainings = walk.trainings
    values = np.array([0.0, *(each.hypervolume for each in trainings)])
    at = np.searchsorted([each.at_seconds for each in trainings], np.asarray(seconds, dtype=float), side="right")
    return np.asarray(values[at])


def events(stories: Sequence[Story]) -> pd.DataFrame:
    """A row a training, in the order in which they count."""
    rows = []
    for story in stories:
        for walk in story.walks:
            pairs = [(each, rung) for each in walk.candidates for rung in each.rungs]
            for each, rung in sorted(pairs, key=lambda pair: pair[1].at_seconds):
                row = {"search": story.name, "sampler": story.sampler, "sampler_seed": walk.seed}
                row |= {"variant": each.variant, story.cost: each.costs[story.cost]}
                epochs = "all" if rung.epochs is None else rung.epochs
                row |= {"epochs": epochs, "top1": rung.top1, "seconds": rung.seconds}
                rows.append(row | {"at_seconds": rung.at_seconds, "hypervolume": rung.hypervolume})
    return pd.DataFrame(rows)


def summary(stories: Sequence[Story]) -> pd.DataFrame:
    """A row of texts a search: what was proposed and trained, the mean over its seeds, and hypervolumes at shares of
    the time that all have had, the mean with the least and the most."""
    shared = shared_seconds(stories)
    return pd.DataFrame([_summary(story, shared) for story in stories])


def shared_seconds(stories: Sequence[Story]) -> float:
    """Seconds of training that every search of every seed has had."""
    return min(walk.seconds for story in stories for walk in story.walks)


def _summary(story: Story, shared: float) -> dict[str, str]:
    def mean(of: Any) -> str:
        return f"{np.mean([of(walk) for walk in story.walks]):.3g}"

    row = {
        "Search": story.name,
        "Sampler": story.sampler,
        "Seeds": str(len(story.walks)),
        "Candidates": mean(lambda walk: len(walk.candidates)),
        "Rejected": mean(lambda walk: sum(bool(each.rejected) for each in walk.candidates)),
        "Trained whole": mean(lambda walk: sum(each.top1 is not None for each in walk.candidates)),
        "Training (s)": mean(lambda walk: walk.seconds),
    }
    for share in SHARES:
        values = [float(reached(walk, share * shared)) for walk in story.walks]
        row[f"at {share * shared:.3g} s"] = f"{np.mean(values):.3f} [{min(values):.3f}, {max(values):.3f}]"
    return row


def search_figure(stories: Sequence[Story]) -> Figure:
    """Hypervolume against seconds of training: of each search the mean over its seeds, and from the least to the most
    of them. Raises InputError where a search trained nothing."""
    if idle := [story.name for story in stories if any(not walk.trainings for walk in story.walks) or not story.walks]:
        raise InputError(f"search {idle[0]!r} trained nothing yet: run its sweep first")
    looks = {
        story.name: {"color": colour, "linestyle": style}
        for story, colour, style in zip(stories, _cycled(list(COLOURS.values())), _cycled(_STYLES), strict=False)
    }
    legend = [Line2D([], [], label=_label(story), linewidth=1.8, **looks[story.name]) for story in stories]
    figure, (axis,) = canvas(1, "Hypervolume against training seconds", notes(stories), legend, panel_width=6.6)
    for story in stories:
        _draw(axis, story, looks[story.name])
    axis.set_xlim(left=0)
    axis.set_ylim(bottom=0)
    axis.set_xlabel("Seconds of training", fontsize=9.5)
    axis.set_ylabel("Hypervolume (share)")
    return figure


def _draw(axis: Axes, story: Story, look: dict[str, Any]) -> None:
    """As far as every seed of it got."""
    end = shared_seconds([story])
    times = np.unique([0.0, end, *(each.at_seconds for walk in story.walks for each in walk.trainings)])
    times = times[times <= end]
    curves = np.stack([reached(walk, times) for walk in story.walks])
    axis.plot(times, curves.mean(axis=0), drawstyle="steps-post", linewidth=1.8, **look)
    if len(story.walks) > 1:
        low, high = curves.min(axis=0), curves.max(axis=0)
        axis.fill_between(times, low, high, step="post", color=look["color"], alpha=0.13, linewidth=0)


def _cycled(looks: Sequence[Any]) -> Sequence[Any]:
    return [*looks] * 20


def _label(story: Story) -> str:
    own = story.name if story.sampler == story.name else f"{story.name} ({story.sampler})"
    return f"{own}, {len(story.walks)} seed{'s' if len(story.walks) > 1 else ''}"


def notes(stories: Sequence[Story]) -> list[str]:
    """What the figures are of: the protocol, the reference, and what is counted."""
    story = stories[0]
    panel = next(panel for panel in PANELS if panel.column == story.cost)
    worst = story.reference[story.cost] / panel.unit
    return [
        f"Accuracy: {story.protocol}.",
        f"Hypervolume: what whole trainings reach above a top-1 of {100 * story.reference['top1']:.4g} % (chance) and "
        f"below {worst:.4g} ({panel.title}), as a share of all there is, by the accuracies that the search itself saw.",
        "Mean over the sampler's seeds, and from the least to the most of them. Seconds are those of all trainings on "
        "record, short ones too, one after the other; failed ones and costs are not in them.",
    ]


def markdown(stories: Sequence[Story], picture: str) -> str:
    said = markdown_lines(notes(stories))
    table = markdown_table(summary(stories))
    title = "Hypervolume against training seconds"
    return "\n".join([f"# {title}\n", f"![{title}]({picture})\n", table, said])


def _refuse_others(stories: Sequence[Story]) -> None:
    """Hypervolumes from other references, or of accuracies of another protocol, do not compare."""
    first = stories[0]
    for other in stories[1:]:
        for what in ("cost", "reference", "protocol", "protocol_key"):
            mine, theirs = getattr(first, what), getattr(other, what)
            if mine != theirs:
                raise InputError(
                    f"searches {first.name} and {other.name} do not compare, their {what} differs ({mine}; {theirs}): "
                    "name those that share data, recipe, seeds, objectives and limits"
                )
