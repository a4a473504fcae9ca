"""Does a second run of a latency give the same answer? The experiment behind "How latency is measured".

    python docs/repeatability.py measure docs/repeatability.csv --runs 10      # now
    python docs/repeatability.py measure docs/repeatability.csv --runs 10      # an hour later
    python docs/repeatability.py analyse docs/repeatability.csv

A run is what `tradeoff latency` does: fresh processes, the geometric mean of their medians, a 95 % interval. `measure`
makes runs of each setting in turn and appends a line a process; each call is a block. `analyse` asks three questions,
and gives each answer with its own binomial interval: how often does a run's interval cover the mean of all runs, how
often does the interval of the ratio of neighbouring runs contain 1, and how often that of runs of different blocks.
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

import tradeoff
from tradeoff.records.statistics import Interval, geometric_mean_interval, proportion_interval, ratio_interval

SETTINGS = (("S3D", "eager", "float32"),)
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
        for run, (variant, runtime, precision), process in itertools.product(range(runs), SETTINGS, range(PROCESSES)):
            found = _measure_once(variant, runtime, precision, threads)
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
    """Print the answers as a Markdown table."""
    frame = pd.read_csv(path)
    print("| setting | question | yes | of | share [95 %] |\n| --- | --- | ---: | ---: | --- |")
    for setting, rows in frame.groupby(["variant", "runtime", "precision"], sort=False):
        medians = [group["median_ms"].to_numpy() for _, group in rows.groupby(["block", "run"])]
        blocks = [[g["median_ms"].to_numpy() for _, g in block.groupby("run")] for _, block in rows.groupby("block")]
        apart = [pair for one, two in itertools.combinations(blocks, 2) for pair in zip(one, two, strict=False)]
        grand = float(np.exp(np.mean([np.log(each).mean() for each in medians])))
        answers = {
            "interval covers the mean of all runs": [_has(geometric_mean_interval(each), grand) for each in medians],
            "ratio of neighbouring runs contains 1": [
                _has(ratio_interval(*pair), 1.0)
                for block in blocks
                for pair in zip(block[::2], block[1::2], strict=False)
            ],
            "ratio of runs of different blocks contains 1": [_has(ratio_interval(*pair), 1.0) for pair in apart],
        }
        for question, found in answers.items():
            if found:
                share = proportion_interval(sum(found), len(found))
                cells = f"{sum(found)} | {len(found)} | {share.estimate:.2f} [{share.low:.2f}, {share.high:.2f}]"
                print(f"| {' '.join(map(str, setting))} | {question} | {cells} |")


def _has(interval: Interval, value: float) -> bool:
    return interval.low <= value <= interval.high


if __name__ == "__main__":
    app()
