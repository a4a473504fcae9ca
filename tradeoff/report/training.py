"""Training curves: loss and accuracy as trained over the epochs, a line a variant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tradeoff.errors import InputError
from tradeoff.records.store import Record, Store
from tradeoff.records.table import records_folder, sweep_keys
from tradeoff.report.canvas import LABEL_ID, NAME_SIZE, canvas_of_lines
from tradeoff.report.curves import COLOURS, curves_of, kind_of, marker
from tradeoff.report.drawing import Asked, Drawing, with_suffix, write_drawing
from tradeoff.report.figures import legend_of
from tradeoff.report.labelling import write_at_ends
from tradeoff.report.labels import wrapped
from tradeoff.report.protocols import protocol_names, values
from tradeoff.report.tables import MISSING
from tradeoff.variants import Variant

BAND_ID = "band"  # the gid of what lies between the least and the most of a variant's trainings
NETWORK = ("variant", "units", "gating", "width")
PROTOCOL = ("data", "clip", "classes", "data_digest", "recipe_key")
"""What the trainings of one figure share; the other families' networks have no width."""
MEASURES = ("loss", "accuracy", "rate")
_MOST_NAMED = 60
_LINE = 0.15  # inches: the height of a name


def draw(asked: Asked) -> dict[str, Drawing]:
    """Write `<sweep or folder>_training` as PNG, SVG, Markdown and CSV: a set for each data set and recipe. Raises
    InputError where nothing was trained."""
    epochs = epochs_of(asked)
    parts = [rows for _, rows in epochs.groupby(list(PROTOCOL), sort=False, dropna=False)]
    drawings = {}
    for suffix, part in zip(protocol_names(parts), parts, strict=True):
        file, title = with_suffix(f"{asked.name}_training", f"{asked.name}: training curves", suffix)
        rows, notes = over_trainings(part), notes_of(part)
        figure = training_figure(rows, title, notes)
        drawings[file] = write_drawing(figure, asked.out, file, title, rows, shown_table(rows), notes)
    return drawings


def epochs_of(asked: Asked) -> pd.DataFrame:
    """A row an epoch of every training on record, of the sweep if one is asked about: in the order of its file."""
    store = Store(records_folder(asked.results))
    records = {record.key: record for record in store.records("training")}
    keys = sweep_keys(store, asked.sweep, "training") if asked.sweep else sorted(records, key=_by_name(records))
    rows = [row for key in keys if key in records for row in _epochs(records[key])]
    if not rows:
        raise InputError(f"{asked.where} has no training: run a sweep whose file has train, such as sweeps/smoke.yaml")
    return pd.DataFrame(rows)


def _by_name(records: dict[str, Record]) -> Any:
    return lambda key: (str(records[key].about.get("name")), key)


def _epochs(record: Record) -> Iterator[dict[str, Any]]:
    about, variant = record.about, Variant.from_fields(record.about["variant"])
    shared = {
        "variant": variant.name,
        "units": variant.units,
        "gating": getattr(variant, "gating", False),
        "width": getattr(variant, "width", np.nan),
        "classes": variant.classes,
        "clip": about["clip"],
        **{name: about[name] for name in ("data", "recipe", "recipe_key", "seed", "fold")},
        "data_digest": record.depends_on["data"],
        "training": record.key,
    }
    for each in record.measured["epochs"]:
        yield shared | {"epoch": each["epoch"]} | {name: each.get(name, np.nan) for name in MEASURES}


def over_trainings(epochs: pd.DataFrame) -> pd.DataFrame:
    """A row a variant and epoch: how many trainings, and of each measure their mean, the least and the most."""
    grouped = epochs.groupby([*NETWORK, "epoch"], sort=False, dropna=False)
    columns: dict[str, Any] = {"trainings": grouped["training"].nunique()}
    for name in MEASURES:
        columns |= {name: grouped[name].mean(), f"{name}_low": grouped[name].min(), f"{name}_high": grouped[name].max()}
    return pd.DataFrame(columns).reset_index()


def training_figure(rows: pd.DataFrame, title: str, notes: Sequence[str]) -> Figure:
    """Loss and, where it is on record, accuracy as trained (see `over_trainings`), in the Pareto figure's looks."""
    panels = [name for name in ("loss", "accuracy") if rows[name].notna().any()]
    ends = rows.drop_duplicates(list(NETWORK), keep="last").reset_index(drop=True)
    named = _named(ends)
    if len(named) < len(ends):
        notes = [*notes, f"Of {len(ends)} networks the {len(named)} with the least loss at the end have a name here."]
    height = max(3.9, _LINE * len(named))
    figure, axes = canvas_of_lines(len(panels), title, notes, legend_of(ends), names_of(named), 4.4, height)
    for axis, name in zip(axes, panels, strict=True):
        _draw_panel(axis, name, rows, named)
    return figure


def _named(ends: pd.DataFrame) -> pd.DataFrame:
    return ends.loc[ends["loss"].sort_values(kind="stable").index[:_MOST_NAMED]].sort_index()


def _draw_panel(axis: Axes, name: str, rows: pd.DataFrame, named: pd.DataFrame) -> None:
    scale = 100 if name == "accuracy" else 1
    few = len(named) <= 8  # bands of more hide each other and the lines
    for _, own in rows[rows[name].notna()].groupby(list(NETWORK), sort=False, dropna=False):
        units, gated = own["units"].iloc[0], own["gating"].iloc[0]
        colour = COLOURS[kind_of(units)]
        small = marker(units, gated) | {"markersize": 4.0, "markeredgewidth": 1.1}
        axis.plot(own["epoch"], scale * own[name], line_style(units), color=colour, linewidth=1.5, zorder=3, **small)
        low, high = scale * own[f"{name}_low"], scale * own[f"{name}_high"]
        if (low < high).any():
            axis.fill_between(own["epoch"], low, high, color=colour, alpha=0.14 if few else 0.05, linewidth=0,
                              gid=BAND_ID)  # fmt: skip
    axis.set_xlabel("Epoch", fontsize=9.5)
    axis.set_ylabel("Accuracy as trained (%)" if name == "accuracy" else "Loss", fontsize=9.5)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.margins(x=0.04)
    axis.autoscale_view()
    axis.set_xlim(axis.get_xlim())
    axis.set_ylim(axis.get_ylim())
    _name_lines(axis, named[named[name].notna()], scale * named[name][named[name].notna()])


def line_style(units: str) -> str:
    """Dotted for a network that is 3D at the bottom only, as its curve in the Pareto figure; else solid."""
    return ":" if {curve.heavy for curve in curves_of(units)} == {"Bottom"} else "-"


def _name_lines(axis: Axes, ends: pd.DataFrame, heights: pd.Series[float]) -> None:
    texts = [
        axis.text(0, 0, name, fontsize=NAME_SIZE, color=COLOURS[kind_of(units)], ha="center", va="center",
                  clip_on=False, gid=LABEL_ID, parse_math=False)
        for name, units in zip(names_of(ends), ends["units"], strict=True)
    ]  # fmt: skip
    write_at_ends(axis, texts, np.c_[ends["epoch"], heights].astype(float))


def names_of(rows: pd.DataFrame) -> list[str]:
    """Each variant's name, in one line, with its width where there are several."""
    several = rows["width"].nunique() > 1
    widths = [f" x{width:g}" if several and pd.notna(width) else "" for width in rows["width"]]
    return [wrapped(str(name), 30, 1) + width for name, width in zip(rows["variant"], widths, strict=True)]


def shown_table(rows: pd.DataFrame) -> pd.DataFrame:
    """As text, a row a variant: loss and accuracy of its first and last epoch."""
    first = rows.drop_duplicates(list(NETWORK)).reset_index(drop=True)
    last = rows.drop_duplicates(list(NETWORK), keep="last").reset_index(drop=True)
    return pd.DataFrame(
        {
            "Variant": names_of(last),
            "Trainings": last["trainings"].astype(str),
            "Epochs": last["epoch"].astype(str),
            "Loss, first epoch": _spans(first, "loss", 1, 3),
            "last": _spans(last, "loss", 1, 3),
            "Accuracy % as trained, first epoch": _spans(first, "accuracy", 100, 1),
            "last epoch": _spans(last, "accuracy", 100, 1),
        }
    )


def _spans(rows: pd.DataFrame, name: str, scale: float, digits: int) -> list[str]:
    """`0.512 [0.500, 0.530]`: the mean, the least and the most."""
    columns = scale * rows[[name, f"{name}_low", f"{name}_high"]].to_numpy(dtype=float)
    return [
        MISSING if mean != mean else f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
        for mean, low, high in columns
    ]


def notes_of(epochs: pd.DataFrame) -> list[str]:
    """On what was trained, how, and what a line is."""
    each = epochs.drop_duplicates("training")
    with_accuracy = epochs[epochs["accuracy"].notna()]["training"].nunique()
    width, folds = values(each, "width"), each["fold"].nunique()
    counts = each.groupby(list(NETWORK), dropna=False).size()
    most = f"{counts.min()} to {counts.max()}" if counts.min() < counts.max() else f"{counts.max()}"
    told = "" if with_accuracy in (0, len(each)) else f", of {with_accuracy} of {len(each)} trainings"
    accuracy = f" Accuracy{told}: as trained, of batches as cropped, mirrored and with dropout, not of test clips."
    return [
        f"Training: {values(each, 'data')}, clips of {values(each, 'clip')}, {values(each, 'classes')} classes"
        + (f"; width {width}" if width else "")
        + f"; {each['recipe'].iloc[-1]}.",
        f"Line: the mean over a variant's trainings ({most}: {_seeds(each['seed'].nunique())}"
        + (f", {folds} folds" if folds > 1 else "")
        + "); band: from the least to the most of them. Loss: the mean over an epoch's batches, by weights that change "
        "from one to the next." + (accuracy if with_accuracy else " Accuracy as trained is not on record."),
    ]


def _seeds(count: int) -> str:
    return f"{count} seed{'s' if count > 1 else ''}"
