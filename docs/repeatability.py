"""Does a second run of a latency give the same answer? The experiment behind "How latency is measured".

    python docs/repeatability.py measure docs/repeatability.csv --runs 10      # now
    python docs/repeatability.py measure docs/repeatability.csv --runs 10      # an hour later
    python docs/repeatability.py analyse docs/repeatability.csv

A run is what `tradeoff latency` does: fresh processes, the geometric mean of their medians, a 95 % interval. `measure`
appends a line a process; each call is a block. `analyse` asks three questions, and gives each answer with its own
binomial interval: how often does a run's interval cover the mean of all others, how often does the interval of the
ratio of two runs of one block contain 1, and how often that of runs of two blocks, an hour apart.
"""

from __future__ import annotations

import csv
import itertools
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

import tradeoff
from tradeoff.records.statistics import (
    Component,
    Interval,
    geometric_mean_interval,
    proportion_interval,
    ratio_interval,
)

Floats = NDArray[np.float64]
SETTING = ("S3D", "eager", "float32")
CLIP, PROCESSES, SECONDS = "16x64x64", 8, 1.0
FIELDS = ("block", "run", "variant", "runtime", "precision", "process", "at", "median_ms", "gflops", "others", "steal")

app = typer.Typer(add_completion=False)


@app.command()
def measure(
    out: Path,
    runs: Annotated[int, typer.Option(help="Runs of each setting in this block.")] = 10,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
) -> None:
    """Append one block of runs to a CSV file, a line a process."""
    block = 1 + (pd.read_csv(out)["block"].max() if out.exists() else 0)
    with out.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if file.tell() == 0:
            writer.writeheader()
        for run, process in itertools.product(range(runs), range(PROCESSES)):
            found = _measure_once(*SETTING, threads)
            writer.writerow({"block": block, "run": run, "process": process, **found})
            file.flush()
            print(block, run, process, found, flush=True)


def _measure_once(variant: str, runtime: str, precision: str, threads: int) -> dict[str, object]:
    layout = "channels_last_3d" if runtime == "eager" else "contiguous"
    protocol = tradeoff.LatencyProtocol(
        runtime=runtime,
        precision=precision,
        layout=layout,
        threads=threads,
        seconds=SECONDS,  # type: ignore[arg-type]
    )
    values = tradeoff.latency(variant, CLIP, protocol, beside=False).values
    return {
        "variant": variant,
        "runtime": runtime,
        "precision": precision,
        "at": round(time.time()),
        "median_ms": values["median_ms"],
        "gflops": values["yardstick"]["gflops"],
        "others": values["load"]["others_cpus"],
        "steal": values["load"].get("steal_cpus"),
    }


@app.command()
def analyse(path: Path) -> None:
    """Print the answers as a Markdown table.

    The processes of a block are dealt to its runs in two ways: in a row, as they were made, and spread, every tenth to
    one run (of ten), as a sweep's rounds or `spacing` spread them. And they are looked at in three: as they are; with
    the drift between blocks that the yardstick shows in the interval; and by the yardstick, the latency times the rate
    of the matrix product that the same process measured.
    """
    frame = pd.read_csv(path)
    means = np.log(frame["gflops"]).groupby(frame["block"]).mean()
    drift = Component(float(means.var()), len(means) - 1) if len(means) > 1 else None
    print("| processes of a run | measured | question | yes | of | share [95 %] |")
    print("| --- | --- | --- | ---: | ---: | --- |")
    measures: dict[str, tuple[pd.Series[float], Component | None]] = {
        "latency": (frame["median_ms"], None),
        "latency, with drift": (frame["median_ms"], drift),
        "latency by the yardstick": (frame["median_ms"] * frame["gflops"], None),
    }
    for design, (measure, (values, component)) in itertools.product(("in a row", "spread"), measures.items()):
        blocks = [_runs(values[rows.index].to_numpy(), design) for _, rows in frame.groupby("block")]
        for question, found in _answers(blocks, component).items():
            if not found:
                continue
            share = proportion_interval(sum(found), len(found))
            cells = f"{sum(found)} | {len(found)} | {share.estimate:.2f} [{share.low:.2f}, {share.high:.2f}]"
            print(f"| {design} | {measure} | {question} | {cells} |")


def _runs(values: Floats, design: str) -> list[Floats]:
    """A block's processes, in the order they were made, as its runs."""
    count = len(values) // PROCESSES
    if design == "spread":
        return [values[run : count * PROCESSES : count] for run in range(count)]
    return np.split(values[: count * PROCESSES], count)


def _answers(blocks: list[list[Floats]], drift: Component | None) -> dict[str, list[bool]]:
    runs = [run for block in blocks for run in block]
    logs = [float(np.log(run).mean()) for run in runs]
    others = [float(np.exp((sum(logs) - own) / (len(logs) - 1))) for own in logs]
    beside = [pair for block in blocks for pair in zip(block[::2], block[1::2], strict=False)]
    apart = list(zip(*blocks[-2:], strict=False)) if len(blocks) > 1 else []  # each run in one pair only
    return {
        "its interval covers the mean of all other runs": [
            _has(geometric_mean_interval(run, drift), mean) for run, mean in zip(runs, others, strict=True)
        ],
        "the interval of the ratio of two runs of one block contains 1": [
            _has(ratio_interval(*p), 1.0) for p in beside
        ],
        "the interval of the ratio of runs of the last two blocks contains 1": [
            _has(ratio_interval(*pair, drift=drift), 1.0) for pair in apart
        ],
    }


def _has(interval: Interval, value: float) -> bool:
    return interval.low <= value <= interval.high


if __name__ == "__main__":
    app()
