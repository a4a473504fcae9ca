"""A published number beside ours: the difference, why they differ, and what the published row itself would take."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tradeoff.report.paper.ours import PAPER_CLIP, PAPER_VIEW, REAL, SETS, Measured, Ours, cell_of
from tradeoff.report.paper.stated import DATA, PAGES, Page, Stated, facts, stated

TABLE2, CURVE = "table2", "curve"
COUNTED = ("params_m", "gmacs")
NOT_RUN, NOT_OURS, NOT_BUILT, SAME, DONE = "not run here", "not ours", "not built", "the same", "done"
HOURS = (
    "Sweep files are in sweeps/paper/. A100-hours are an estimate (3 forward passes a step, 30e12 multiply-adds a "
    "second ASSUMED of an A100; sweeps/paper/README.md) and were measured on no GPU."
)
_SIZES = {
    "kinetics-full": "400 classes, 240,000 clips",
    "mini-kinetics-200": "200 classes, 80,000 + 5,000 clips",
    "something-something-v1": "174 classes, 110,000 clips",
    "ucf101": "101 classes, 13,320 videos, 3 splits",
    "hmdb51": "51 classes, about 7,000 videos, 3 splits",
}
_QUOTED = (
    "a network of others, which the paper quotes: it would take their code as `module:callable`, the weights it starts "
    "from, and the data"
)
_DETECTION = (
    "detection is not built: it would take Faster R-CNN with a 2D ResNet-50's boxes on the key frame and features of "
    "Mixed_4e from the 20 frames around it at 320x400, JHMDB (928 videos, 21 classes, 3 splits) and UCF-101-24 (3,207"
    " videos, 24 classes)"
)
_FLOW = (
    "flow and two streams are not built: it would take TV-L1 flow of all of Kinetics-Full, cut off at 20 pixels each "
    "way, a training on it as long as that on RGB, and for RGB+Flow the average of the two streams"
)
_TEST_SET = "labels of the test set are not public: it would take predictions sent to the data set's own server"


@dataclass(frozen=True)
class Count:
    """Parameters and multiply-adds of a network, as a convention counts them, and what it counts otherwise."""

    params_m: float
    gmacs: float
    note: str = ""


Counts = Mapping[tuple[str, str], Count]
"""By convention (`table2`, `curve`) and our name of a network."""


@dataclass(frozen=True)
class Line:
    """A published number with one of ours, or none: `on` is what ours was measured on, or why there is none.

    Accuracies are in percent, counts in millions and 1e9. `difference` is ours minus the published number. `why` are
    the words for why they differ, `note` the long form; `takes` is what the published row itself takes, and `task` the
    long form.
    """

    number: Stated
    on: str
    ours: float = math.nan
    low: float = math.nan
    high: float = math.nan
    seeds: float = math.nan
    why: str = ""
    note: str = ""
    takes: str = ""
    task: str = ""

    @property
    def difference(self) -> float:
        decimals = max(1, self.number.decimals)  # as far as the published number goes
        return round(round(self.ours, decimals) - self.number.value, decimals)

    @property
    def is_count(self) -> bool:
        return self.number.measure in COUNTED


def wanted_counts() -> list[tuple[str, str]]:
    """The conventions and networks that `lines` needs counts of."""
    wanted = {
        (_convention(number), number.variant) for page in PAGES for number in stated(page) if number.measure in COUNTED
    }
    return sorted(wanted | {(TABLE2, name) for name in ("I3D", "S3D")})


def lines(page: Page, measured: Measured, counts: Counts) -> list[Line]:
    """Every published number of a table or figure, in its order; one line for each data set that ours are of."""
    tasks = {(row["data"], row["variant"]): row for row in facts("to_run.csv") if row["page"] == page.name}
    return [line for number in stated(page) for line in _lines(number, measured, counts, tasks)]


def _lines(
    number: Stated, measured: Measured, counts: Counts, tasks: Mapping[Any, Mapping[str, str]]
) -> Iterator[Line]:
    if number.measure in COUNTED:
        yield _counted(number, counts)
        return
    missing = _missing(number)
    if missing:
        yield missing
        return
    takes, task = _task(number, tasks[number.data, number.variant])
    found = accuracies(number, measured)
    if [accuracy.data for accuracy in found] == list(REAL[number.data]):
        takes, task = DONE, ""
    tested = [_tested(number, accuracy, takes, task) for accuracy in found]
    yield from tested
    if not tested:
        yield Line(number, NOT_RUN, why=_why_not(number, measured), takes=takes, task=task)
    elif takes == DONE and len(tested) > 1:
        yield _mean(tested)


def accuracies(number: Stated, measured: Measured) -> list[Ours]:
    """Ours beside a published accuracy: one for each of our data sets that has the network."""
    cell = cell_of(number)
    if cell is None:
        return []
    found = [measured.find(number.data, name, [cell]) for name in measured.sets(number.data)]
    return [accuracy for several in found if several for accuracy in several]


def _missing(number: Stated) -> Line | None:
    """The line of a number that nothing here can measure."""
    if number.measure == "frame_map" and "Faster R-CNN" in number.model:
        return Line(number, NOT_BUILT, takes="detection", task=_DETECTION)
    if number.model in ("I3D", "S3D-G") and number.inputs != "RGB":
        return Line(number, NOT_BUILT, takes="flow, two streams", task=_FLOW)
    if not number.variant:
        return Line(number, NOT_OURS, takes="their network", task=_QUOTED)
    if number.measure == "test_top1":
        return Line(number, NOT_RUN, takes="its server", task=_TEST_SET)
    return None


def _task(number: Stated, row: Mapping[str, str]) -> tuple[str, str]:
    takes = f"{row['sweep']}, {row['a100_hours']} A100-h"
    more = (
        "; starts from the S3D-G of table2_kinetics.yaml"
        if (number.page, number.variant) == ("table5", "S3D-G")
        else ""
    )
    return takes, f"{DATA[number.data]} ({_SIZES[number.data]}){more}"


def _tested(number: Stated, accuracy: Ours, takes: str, task: str) -> Line:
    row, top5 = accuracy.row, number.measure == "top5"
    if top5 and row["classes"] <= 5:
        return Line(
            number, accuracy.data, why=f"top-5 of {row['classes']:.0f} classes says nothing", takes=takes, task=task
        )
    low, high = (math.nan, math.nan) if top5 else (100 * row["top1_low"], 100 * row["top1_high"])
    value = 100 * row[number.measure]
    why, note = reasons(accuracy)
    return Line(number, accuracy.data, value, low, high, row["seeds"], why, note, takes, task)


def reasons(accuracy: Ours) -> tuple[str, str]:
    """Why one of our accuracies is not the published one: in a few words, and at length."""
    row = accuracy.row
    facets = {
        "other data": not accuracy.is_real,
        "one split": "-split" in accuracy.data and accuracy.is_real,
        "clip": row["clip"] != PAPER_CLIP,
        "views": row["view"] != PAPER_VIEW,
        "width": row["width"] != 1,
        "knobs": "(" in row["variant"],
        "training": True,
    }
    said = [
        f"{row['data']}: {SETS[row['data']]}" if row["data"] in SETS else str(row["data"]),
        f"{row['classes']:.0f} classes, {row['test_clips']:.0f} test clips"
        + (f", {row['folds']:.0f} folds pooled" if row["folds"] > 1 else ""),
        f"clips of {row['clip']} (the paper's: {PAPER_CLIP})" if facets["clip"] else f"clips of {row['clip']}",
        f"{row['view']} (the paper's: all frames, centre crop)" if facets["views"] else str(row["view"]),
        f"width {row['width']:g}",
        f"as {row['variant']}" if facets["knobs"] else "",
        f"training: {row['recipe']} (the paper's: sweeps/paper/README.md)",
    ]
    return ", ".join(name for name, holds in facets.items() if holds), "; ".join(part for part in said if part)


def _mean(splits: list[Line]) -> Line:
    """The mean over splits, as the paper has it; their tests share videos with each other's trainings, so without an
    interval."""
    first, value = splits[0], sum(line.ours for line in splits) / len(splits)
    note = "the mean of the splits, as published; for intervals see each split"
    return Line(first.number, f"mean of {len(splits)} splits", value, why=first.why, note=note, takes=DONE)


def _why_not(number: Stated, measured: Measured) -> str:
    """Where other cuts of the same curve were tested: which."""
    heavy, _, cut = number.variant.rpartition("-")
    if not cut.isdigit():
        return ""
    found = []
    for name in measured.sets(number.data):
        names = measured.curve(number.data, name)["variant"].str.partition("(")[0]
        cuts = sorted({int(each.rpartition("-")[2]) for each in names if each.startswith(f"{heavy}-")})
        found += [f"on {name}: {', '.join(map(str, cuts))}"] if cuts else []
    return f"other cuts were tested, {'; '.join(found)}" if found else ""


def _convention(number: Stated) -> str:
    return TABLE2 if number.page == "table2" else CURVE


def _counted(number: Stated, counts: Counts) -> Line:
    convention = _convention(number)
    count = counts[convention, number.variant]
    value = count.params_m if number.measure == "params_m" else count.gmacs
    why, more = _counted_why(number, value, counts)
    return Line(number, f"counted ({convention})", value, why=why, note=f"{convention}: {count.note}{more}", takes=DONE)


def _counted_why(number: Stated, value: float, counts: Counts) -> tuple[str, str]:
    """Why a count differs from the published one, and what more there is to say."""
    if not number.text:
        return "", ""
    if number.read_off:
        return "reading off a plot", ""
    if round(value, number.decimals) == number.value:
        return SAME, ""
    other = counts.get((TABLE2, number.variant))
    if other and round(other.gmacs, number.decimals) == number.value:
        return (
            "other convention",
            f"; the published number is Table 2's, and table2 gives {other.gmacs:.2f} ({other.note})",
        )
    return "not known", "; no way of counting is known that gives the published number"
