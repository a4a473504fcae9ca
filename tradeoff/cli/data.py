"""Commands about data sets: data show, list, check and pack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradeoff.cli.app import app
from tradeoff.cli.options import (
    LOCAL_REPORTS,
    SYNTHETIC,
    Cache,
    Clip,
    HashingOnStderr,
    Json,
    cache_of,
    count_on_stderr,
    data_of,
    make_sweep_of,
)
from tradeoff.console import print_json, print_renderables, print_rows
from tradeoff.errors import InputError

if TYPE_CHECKING:
    from tradeoff.data.check import Report
    from tradeoff.data.clips import Progress
    from tradeoff.sweep.file import Sweep

data_app = typer.Typer(help="Look at data sets.", no_args_is_help=True)
app.add_typer(data_app, name="data")

LIST_HEADINGS = {"name": "name", "classes": "classes", "splits": "splits", "flips": "flips", "reads": "reads"}
LIST_NOTE = (
    "flips no: left and right are labels, so clips are never mirrored; files may be gzipped; "
    "tradeoff data check NAME ROOT says whether a copy is whole"
)
SHORT = {"short": "shorter than a clip"}
SPLIT_HEADINGS = {name: name for name in ("split", "listed", "missing", "unreadable", "readable")} | SHORT
SPLIT_HEADINGS |= {"clips": "readable clips a class: min, median, max"}
FACT_HEADINGS = {"fact": "of the readable clips", "minimum": "min", "median": "median", "maximum": "max"}
FACT_HEADINGS |= {"count": "clips that say"}
CLASS_HEADINGS = {"label": "class"} | {name: name for name in ("split", "listed", "missing", "unreadable", "readable")}
SHOWN = 10  # of a long list, a table shows the first few; --json has all


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
    dataset = open_dataset(chosen.data, chosen.shape, cache_of(cache), count_on_stderr, HashingOnStderr())
    path = out or LOCAL_REPORTS / f"{dataset.name}_clips.png"
    contact_sheet(dataset.frames, dataset.labels, dataset.classes, path, clips_per_class=clips)
    facts = {"path": str(path), "data": dataset.name, "classes": len(dataset.classes), "clips": len(dataset.labels)}
    facts |= {"unreadable": len(dataset.unreadable)}
    facts |= {} if dataset.short is None else {"short": len(dataset.short)}
    if as_json:
        print_json(facts | {"unreadable_files": dataset.unreadable})
        return
    print_renderables([f"left out {name}: {reason}" for name, reason in dataset.unreadable])
    print_renderables([", ".join(f"{key} {value}" for key, value in facts.items())])


@data_app.command("list")
def data_list(as_json: Json = False) -> None:
    """List the public data sets that are known by name, and which annotation files of each are read.

    Example: tradeoff data list
    """
    from tradeoff.data.catalogue import CATALOGUE

    rows: list[dict[str, Any]] = [
        {
            "name": entry.name,
            "classes": entry.classes if as_json else entry.classes or "any",
            "splits": len(entry.splits),
            "flips": entry.flips_allowed if as_json else "yes" if entry.flips_allowed else "no",
            "reads": entry.reads,
        }
        for entry in CATALOGUE.values()
    ]
    print_rows(rows, LIST_HEADINGS, LIST_NOTE, as_json)


@data_app.command("check")
def data_check(
    entry: Annotated[str, typer.Argument(help="A name of the catalogue: tradeoff data list.")],
    root: Annotated[Path, typer.Argument(help="The folder that holds the videos.")],
    annotations: Annotated[
        Path | None,
        typer.Option("--annotations", help="The folder of the annotation files; default: ROOT, then ROOT/annotations."),
    ] = None,
    split: Annotated[int, typer.Option("--split", min=1, help="Which official split, where there are several.")] = 1,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=1024, help="Files opened at once; default: the processors.")
    ] = None,
    missing: Annotated[
        Path | None, typer.Option("--missing", help="Write the ids of missing and unreadable clips here, one a line.")
    ] = None,
    decode: Annotated[
        bool,
        typer.Option("--decode", help="Decode every frame, not the first alone: slow, and finds all that is broken."),
    ] = False,
    clip: Clip = "64x224x224",
    copies: Annotated[
        bool, typer.Option(help="Look for clips that two splits share; reads every video to its end, once.")
    ] = True,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Check that every clip of the official lists is there, opens and has a first frame; exit code 1 where not.

    Videos that have fewer frames than a clip, and copies in another split, are reported beside.

    Example: tradeoff data check ucf101 /data/UCF-101 --annotations /data/ucfTrainTestlist
    """
    from tradeoff.clip_shape import ClipShape
    from tradeoff.data.catalogue import entry_of
    from tradeoff.data.check import check

    if missing is not None and (missing.is_dir() or not missing.absolute().parent.is_dir()):  # before hours of checking
        raise InputError(f"list of missing clips {missing} cannot be written: give a file in a folder that exists")
    frames, place = ClipShape.parse(clip).frames, cache_of(cache)
    with _progress("checking", "checked") as progress:
        report = check(
            entry_of(entry),
            root,
            annotations,
            split,
            workers,
            progress,
            frames,
            copies,
            place,
            HashingOnStderr(),
            whole=decode,
        )
    if missing is not None:
        _write_ids(missing, report)
    if as_json:
        print_json(report.as_record())
    else:
        _print_report(report)
    if not report.whole:
        raise typer.Exit(1)


@data_app.command("pack")
def data_pack(
    data: Annotated[
        str, typer.Argument(help="A folder of class folders, a CSV of clips, or a sweep file, whose data is packed.")
    ],
    short_side: Annotated[
        int | None, typer.Option("--short-side", help="Pixels of the shorter side; smaller videos keep theirs [256].")
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", help="uint8, or jpeg: a tenth of the size, slower to read [uint8].")
    ] = None,
    cache: Cache = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Then read all packed files and compare checksums; exit code 1 for damage.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Decode videos once and keep their frames for sweeps with `pack:`; goes on where it was stopped.

    Example: tradeoff data pack clips.csv --short-side 128 --format jpeg --verify
    """
    from tradeoff.data import SyntheticData, open_videos, packed_folder
    from tradeoff.data.packed import packed_files, whole

    chosen = _packing(data, {"short_side": short_side, "format": format})
    assert chosen.data is not None and not isinstance(chosen.data, SyntheticData)
    with _progress("packing", "packed") as progress:
        videos = open_videos(chosen.data, chosen.shape, cache_of(cache), progress)
    folder = packed_folder(videos, cache_of(cache))
    files = packed_files(folder)
    damaged = [str(path) for path in files if not whole(path)] if verify else []
    facts = {"folder": str(folder), "videos": len(files), "bytes": sum(path.stat().st_size for path in files)}
    if as_json:
        print_json(facts | {"unreadable": videos.unreadable, "verified": verify, "damaged": damaged})
    else:
        print_renderables([f"left out {name}: {reason}" for name, reason in videos.unreadable])
        print_renderables([f"damaged {path}: delete it and pack again" for path in damaged])
        checked = f", {len(damaged)} damaged" if verify else ""
        unreadable = f", unreadable {len(videos.unreadable)}"
        print_renderables([", ".join(f"{key} {value}" for key, value in facts.items()) + unreadable + checked])
    if damaged:
        raise typer.Exit(1)


def _packing(data: str, options: dict[str, Any]) -> Sweep:
    """A sweep whose data is to be packed, as its file or the options say."""
    from tradeoff.data import SyntheticData
    from tradeoff.sweep.file import read_sweep

    given = {name: value for name, value in options.items() if value is not None}
    if Path(data).suffix not in (".yaml", ".yml"):
        if data in SYNTHETIC:
            raise InputError(f"data {data!r} is generated: give a folder of class folders, or a CSV of clips")
        spec = {**data_of(data), "pack": given}
        return make_sweep_of("data", {"variants": ["I2D"], "data": spec, "sampling": "spread"})
    chosen = read_sweep(Path(data))
    if chosen.data is None or isinstance(chosen.data, SyntheticData) or chosen.data.pack is None:
        raise InputError(
            f"sweep file {data}: data has no pack; add one, as in data: {{..., pack: {{short_side: 256}}}}"
        )
    if given:
        option = next(iter(given)).replace("_", "-")
        raise InputError(f"sweep file {data} says how its data is packed: leave --{option} out")
    return chosen


@contextmanager
def _progress(what: str, done_what: str) -> Iterator[Progress]:
    """A bar on standard error where it is a terminal; otherwise a line at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:
        task = bars.add_task(what, total=None)

        def show(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)
            if done == total and not console.is_terminal:
                console.print(f"{total} clips {done_what}", highlight=False)

        yield show


def _write_ids(path: Path, report: Report) -> None:
    from tradeoff.records.store import write_atomically

    ids = [*report.missing, *(name for name, _ in report.unreadable)]
    try:
        write_atomically(path, "".join(f"{name}\n" for name in ids).encode(errors="surrogateescape"))
    except OSError as error:
        raise InputError(f"list of missing clips {path} cannot be written: {error.strerror}") from error


def _print_report(report: Report) -> None:
    print_rows(_split_rows(report), SPLIT_HEADINGS, "", False)
    if facts := _fact_rows(report):
        print_rows(facts, FACT_HEADINGS, "", False)
    lacking = sorted((each for each in report.balance if each.readable < each.listed), key=lambda each: each.readable)
    if lacking:
        rows = [vars(each) | {"readable": each.readable} for each in lacking[:SHOWN]]
        note = f"{len(lacking)} of {len(report.balance)} classes and splits lack clips; --json has all"
        print_rows(rows, CLASS_HEADINGS, note if len(lacking) > SHOWN else "", False)
    print_renderables(_notes(report))


def _split_rows(report: Report) -> list[dict[str, Any]]:
    from statistics import median

    rows = []
    for split, total in report.totals().items():
        readable = [each.readable for each in report.balance if each.split == split]
        clips = f"{min(readable)}, {median(readable):g}, {max(readable)}"
        rows.append(vars(total) | {"readable": total.readable, "clips": clips})
    return rows


def _fact_rows(report: Report) -> list[dict[str, Any]]:
    names = {"seconds": "duration, s", "rate": "frames a second", "width": "width", "height": "height"}
    spreads = {title: getattr(report, name) for name, title in names.items()}
    return [{"fact": title} | vars(spread) for title, spread in spreads.items() if spread is not None]


def _notes(report: Report) -> Iterator[str]:
    """What a table does not hold, a line each, the verdict last."""
    if report.short:
        yield f"shorter than a clip of {report.frames} frames, so that some repeat: {_few(report.short)}"
    if report.copies is not None:
        yield _copies(report.copies)
    if report.codecs:
        yield "codecs: " + ", ".join(f"{name} {count}" for name, count in report.codecs.items())
    if report.rate_given is not None:
        yield f"frames a second: {report.rate_given:g} as the distributor states it, JPEGs do not say; durations follow"
    yield f"annotations: {', '.join(report.files) or 'none'}"
    yield from (f"unreadable {name}: {reason}" for name, reason in report.unreadable[:SHOWN])
    if report.missing:
        yield f"missing: {_few(report.missing)}"
    if report.empty_classes:
        yield f"classes without a readable clip: {_few(report.empty_classes)}"
    if report.classes_known not in (None, len(report.classes)):
        yield f"the annotations name {len(report.classes)} classes, {report.entry} has {report.classes_known}"
    verdict = (
        "whole" if report.whole else f"NOT whole, {len(report.missing)} missing, {len(report.unreadable)} unreadable"
    )
    yield f"{report.entry} in {report.root}: {report.readable} of {report.listed} listed clips are readable: {verdict}"


def _copies(copies: tuple[tuple[str, ...], ...]) -> str:
    if not copies:
        return "copies in another split: none"
    shown = _few(tuple(" = ".join(ids) for ids in copies))
    return (
        f"{sum(map(len, copies))} clips share pixels with one of another split, tested on what was trained on: {shown}"
    )


def _few(names: tuple[str, ...]) -> str:
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + rest
