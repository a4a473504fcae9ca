"""Is the gate to be trusted? The experiment behind "The gate".

    python docs/gate_study.py calibrate                                  # the latency that each injection adds
    python docs/gate_study.py measure docs/gate_study.csv                # about an hour; goes on where it stopped
    python docs/gate_study.py analyse docs/gate_study.csv

A repository is made with four commits: `base`; `again`, which changes a comment; and two in which one layer of the
network does extra arithmetic, matrix products, that make a pass about 3 % and 5 % slower. `measure` runs gates of
base against each of the others, unattended, in a fixed order that mixes them, and appends a line a gate. Before each
gate it runs what is usually done instead: one process of either commit, one after the other, in plain surroundings.
"""

from __future__ import annotations

import csv
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

if TYPE_CHECKING:
    import pandas as pd

    from tradeoff.gate.outcome import Outcome
    from tradeoff.gate.pairs import Passes
    from tradeoff.gate.run import Plan

# What takes long to import is imported where it is used: each process of a gate imports this file once more.

NETWORK = '''"""S3D at width 0.25, with extra arithmetic in one of its layers."""

import torch
from torch import Tensor, nn

import tradeoff

TIMES = {times}  # that the extra matrix product is computed; 0 for none
# {comment}


class Busier(nn.Module):
    """A layer, and behind it matrix products of 32 x 256 by 256 x 256 numbers, of which nothing is left."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.register_buffer("left", torch.rand(32, 256))
        self.register_buffer("right", torch.rand(256, 256))

    def forward(self, x: Tensor) -> Tensor:
        extra = sum((self.left @ self.right)[0, 0] for _ in range(TIMES))
        return self.layer(x) + 0 * extra


def make(num_classes: int) -> nn.Module:
    network = tradeoff.build("S3D", classes=num_classes, width=0.25)
    if TIMES:
        network.trunk.mixed_4c = Busier(network.trunk.mixed_4c)
    return network
'''
TIMES = {"3 %": 4, "5 %": 9}
"""Found with `calibrate` on the machine of the study."""
COMMITS = {"base": (0, "as it was"), "again": (0, "a comment was changed")} | {
    kind: (times, "as it was") for kind, times in TIMES.items()
}
GATES = {"again": 60, "3 %": 20, "5 %": 20}
VARIANT, CLIP, BUDGET, THREADS = "nets:make", "16x64x64", 45.0, 1
PLAIN_PASSES, PLAIN_WARM_UP = 80, 20
FIELDS = (
    *("number", "kind", "at", "seconds", "verdict", "pairs", "estimate", "low", "high", "control"),
    *("log_ratios", "control_log_ratios"),
    *(
        f"{run}_{side}_{figure}"
        for run in ("pair", "plain")
        for side in ("base", "head")
        for figure in ("median", "mean", "sd", "count")
    ),
)

app = typer.Typer(add_completion=False)


@app.command()
def calibrate(pairs: Annotated[int, typer.Option(help="Pairs of processes for each injection.")] = 20) -> None:
    """Print by how much each injection slows the network down, from all pairs: nothing that is seen ends it early."""
    from scipy import stats

    from tradeoff.gate.run import run_gate
    from tradeoff.gate.verdict import Rule

    with repository() as folder:
        for kind in TIMES:
            plan = replace(plan_of(budget=3600.0, most=pairs), rule=Rule(error=1e-6, floor=0.9, same=1e-6))
            logs = np.array(log_ratios(run_gate(folder, "base", tag(kind), plan)))
            half = stats.t.ppf(0.975, logs.size - 1) * logs.std(ddof=1) / np.sqrt(logs.size)
            low, estimate, high = np.expm1([logs.mean() - half, logs.mean(), logs.mean() + half])
            print(
                f"{kind}: {TIMES[kind]} products, {estimate:+.2%} [{low:+.2%}, {high:+.2%}], {logs.size} pairs",
                flush=True,
            )


@app.command()
def measure(out: Path) -> None:
    """Run the gates that are not in the CSV file yet, and append a line each."""
    import pandas as pd

    kinds = [kind for kind, count in GATES.items() for _ in range(count)]
    np.random.default_rng(0).shuffle(kinds)
    done = len(pd.read_csv(out)) if out.exists() else 0
    with repository() as folder, out.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if not done:
            writer.writeheader()
        for number, kind in enumerate(kinds[done:], done):
            row = {"number": number, "kind": kind, "at": round(time.time())} | one_gate(folder, kind)
            writer.writerow(row)
            file.flush()
            print({key: row[key] for key in ("number", "kind", "seconds", "verdict", "pairs", "estimate")}, flush=True)


def one_gate(folder: Path, kind: str) -> dict[str, Any]:
    from tradeoff.gate.run import run_gate

    plain = {side: plain_process(folder, commit) for side, commit in (("base", "base"), ("head", tag(kind)))}
    outcome = run_gate(folder, "base", tag(kind), plan_of(BUDGET))
    (found,) = outcome.variants
    assert found.ratio is not None and found.case is not None and found.case.control is not None
    first = found.pairs[0]
    figures = {"pair": {"base": first.base, "head": first.head}, "plain": plain}
    return {
        "seconds": round(outcome.seconds, 1),
        "verdict": found.verdict,
        "pairs": len(found.pairs),
        "estimate": found.ratio.estimate,
        "low": found.ratio.low,
        "high": found.ratio.high,
        "control": found.case.control.estimate,
        "log_ratios": " ".join(f"{value:.5f}" for value in log_ratios(outcome)),
        "control_log_ratios": " ".join(f"{pair.control_log_ratio:.5f}" for pair in found.pairs),
    } | {
        f"{run}_{side}_{figure}": value
        for run, sides in figures.items()
        for side, passes in sides.items()
        for figure, value in vars(passes).items()
    }


def log_ratios(outcome: Outcome) -> list[float]:
    (found,) = outcome.variants
    return [pair.log_ratio for pair in found.pairs]


def plan_of(budget: float, most: int = 40) -> Plan:
    from tradeoff.clip_shape import ClipShape
    from tradeoff.gate.checkout_code import Wanted
    from tradeoff.gate.run import Plan
    from tradeoff.measure.protocol import LatencyProtocol

    protocol = LatencyProtocol(threads=THREADS)
    return Plan((Wanted(VARIANT, 400),), ClipShape.parse(CLIP), protocol, budget=budget, most=most)


def plain_process(folder: Path, commit: str) -> Passes:
    """What one fresh process measures alone, with the system's allocator as it comes: a warm-up, then 80 passes."""
    from tradeoff.gate.pairs import Passes
    from tradeoff.measure.timing.fresh_process import in_fresh_process

    with tempfile.TemporaryDirectory() as checkout:
        git(folder, "worktree", "add", "--detach", checkout, commit)
        try:
            taken: list[float] = in_fresh_process(plain_passes, Path(checkout))
        finally:
            git(folder, "worktree", "remove", "--force", checkout)
    return Passes.of(taken)


def plain_passes(folder: Path) -> list[float]:
    """In the process."""
    import torch

    from tradeoff.gate.checkout_code import enter, maker
    from tradeoff.measure.timing.clocks import WallClock
    from tradeoff.measure.timing.deployment import deploy, settle

    plan, device = plan_of(BUDGET), torch.device("cpu")
    settle(plan.protocol, device)
    enter(folder)
    deployed, clips, _ = deploy(maker(plan.variants[0], folder), plan.clip, plan.protocol, device)
    with torch.inference_mode():
        placed = deployed.place(clips)
        return WallClock().passes(lambda: deployed.run(placed), PLAIN_WARM_UP + PLAIN_PASSES)[PLAIN_WARM_UP:]


@contextmanager
def repository() -> Iterator[Path]:
    """A repository with a commit, and a tag, for each of `COMMITS`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        git(folder, "init", "--quiet")
        for kind, (times, comment) in COMMITS.items():
            (folder / "nets.py").write_text(NETWORK.replace("{times}", str(times)).replace("{comment}", comment))
            git(folder, "add", "nets.py")
            git(folder, "commit", "--quiet", "--message", kind)
            git(folder, "tag", tag(kind))
        yield folder


def tag(kind: str) -> str:
    return kind.replace(" %", "-percent")


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=study", "-c", "user.email=study@localhost")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@app.command()
def analyse(path: Path) -> None:
    """Print, as Markdown tables, what the gate and the usual ways said of each kind."""
    import pandas as pd

    from tradeoff.records.statistics import proportion_interval

    frame = pd.read_csv(path)
    print("| head | who judges | slower | faster | same | cannot tell | called slower [95 %] |")
    print("| --- | --- | ---: | ---: | ---: | ---: | --- |")
    for kind, rows in frame.groupby("kind"):
        for judge, verdicts in judges(rows).items():
            counts = [verdicts.count(each) for each in ("SLOWER", "FASTER", "SAME", "CANNOT TELL")]
            share = proportion_interval(counts[0], len(verdicts))
            cells = " | ".join(map(str, counts))
            print(f"| {kind} | {judge} | {cells} | {share.estimate:.0%} [{share.low:.0%}, {share.high:.0%}] |")
    print("\n| head | gates | pairs, median | seconds, median and most | estimate, mean (SD) | SD of a pair |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for kind, rows in frame.groupby("kind"):
        logs = [np.array(text.split(), float) for text in rows["log_ratios"]]
        pair_sd = float(np.sqrt(np.mean([each.var(ddof=1) for each in logs])))
        estimates = np.log(rows["estimate"])
        print(
            f"| {kind} | {len(rows)} | {rows['pairs'].median():g} | {rows['seconds'].median():.0f}, "
            f"{rows['seconds'].max():.0f} | {np.expm1(estimates.mean()):+.2%} ({estimates.std():.2%}) | {pair_sd:.2%} |"
        )


def judges(rows: pd.DataFrame) -> dict[str, list[str]]:
    """What each way says of each gate."""
    found = {"gate": [str(verdict) for verdict in rows["verdict"]]}
    for run, words in (("pair", "the gate's first pair"), ("plain", "two plain processes")):
        ratio = rows[f"{run}_head_median"] / rows[f"{run}_base_median"]
        found[f"median:5%, {words}"] = ["SLOWER" if each > 1.05 else "SAME" for each in ratio]
        found[f"t-test over passes, {words}"] = [t_test(row, run) for row in rows.to_dict("records")]
    return found


def t_test(row: dict[Any, Any], run: str) -> str:
    """Welch's, two-sided at 5 %, between the passes of one process of either side."""
    from scipy import stats

    sides: list[Sequence[float]] = [
        [row[f"{run}_{side}_{figure}"] for figure in ("mean", "sd", "count")] for side in ("head", "base")
    ]
    result = stats.ttest_ind_from_stats(*sides[0], *sides[1], equal_var=False)
    if result.pvalue > 0.05:
        return "SAME"
    return "SLOWER" if result.statistic > 0 else "FASTER"


if __name__ == "__main__":
    app()
