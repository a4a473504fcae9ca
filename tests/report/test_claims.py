"""Claims held against clips whose effects are known by construction: each kind's three verdicts, and why none."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from rich.console import Console

from tradeoff.records.claims import Span
from tradeoff.records.stated import Network, Stated
from tradeoff.records.statistics import Interval
from tradeoff.records.table import Table, load_table
from tradeoff.report.claims import CANNOT_TELL, REFUTED, SUPPORTED, Finding, Judged, judge, verdict
from tradeoff.report.claims_table import Claims, as_record, markdown
from tradeoff.sweep.claims import stated
from tradeoff.sweep.file import make_sweep, read_sweep

ROOT = Path(__file__).resolve().parents[2]
Make = Callable[..., pd.DataFrame]
Tool = Callable[..., tuple[int, str, str]]
CLIPS = 400
NAMES = ["I2D", "I3D", "S3D", "S3D-G", "Top-Heavy-I3D-2", "Bottom-Heavy-I3D-2"]


@pytest.fixture
def measured(table: Make) -> Callable[..., Table]:
    """`measured(I3D=(0.5, 0.6), S3D=0.7)`: of each row the share of 400 clips that each seed has right, the first
    ones, so that the better of two is right wherever the worse is. Names may end in `reversed`."""

    def make(levels: Mapping[str, Any], **changes: Mapping[str, Any]) -> Table:
        rows, correct = [], {}
        for place, (name, level) in enumerate(levels.items()):
            variant, _, order = name.partition(" ")
            own = {"order": order or "normal"} | changes.get(name, {})
            seeds = np.atleast_1d(level)
            own |= {"top1": float(seeds.mean()), "seeds": len(seeds)}
            rows.append(table(variant, **own))
            correct[place] = (np.arange(CLIPS)[None] < CLIPS * seeds[:, None], np.arange(CLIPS))
        return Table(pd.concat(rows, ignore_index=True), correct)

    return make


def claimed(*claims: dict[str, Any], **change: Any) -> list[Stated]:
    values = {"name": "mine", "variants": NAMES, "width": 0.25, "data": {"synthetic": "motion"}}
    values |= {"orders": ["normal", "reversed"], "latency": {"runtime": "all", "precision": "all", "batch": [1, 4]}}
    return stated(make_sweep(values | {"claims": list(claims)} | change, "mine.yaml"))


def decide(table: Table, **claim: Any) -> Finding:
    (judged,) = judge(table, claimed(claim))
    return judged.findings[0]


def found(finding: Finding) -> tuple[float, float, float]:
    assert finding.effect is not None, finding.how
    interval = finding.effect.interval
    return interval.estimate, interval.low, interval.high


# --- the rule ---


@pytest.mark.parametrize(
    ("span", "low", "high", "said"),
    [
        (Span(low=1), 1.1, 3, SUPPORTED),
        (Span(low=1), 1, 3, CANNOT_TELL),
        (Span(low=1), -3, 0.9, REFUTED),
        (Span(low=1), -3, 1, CANNOT_TELL),
        (Span(high=-1), -2, -1.1, SUPPORTED),
        (Span(high=-1), -0.9, 4, REFUTED),
        (Span(low=-1, closed=True), -1, 9, SUPPORTED),
        (Span(low=-1, closed=True), -9, -1.1, REFUTED),
        (Span(-1, 1, closed=True), -1, 1, SUPPORTED),
        (Span(-1, 1, closed=True), -1.1, 0, CANNOT_TELL),
        (Span(-1, 1, closed=True), 1.1, 3, REFUTED),
        (Span(-1, 1, closed=True), -3, 3, CANNOT_TELL),
    ],
)
def test_the_whole_interval_decides(span: Span, low: float, high: float, said: str) -> None:
    assert verdict(span, Interval((low + high) / 2, low, high, "")) == said


def test_what_is_exact_is_always_decided() -> None:
    exact = Interval(0, 0, 0, "")
    assert verdict(Span(low=0), exact, exact=True) == REFUTED
    assert verdict(Span(low=0, closed=True), exact, exact=True) == SUPPORTED
    assert verdict(Span(low=0), exact) == CANNOT_TELL  # an interval that shrank to the edge is no count


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([SUPPORTED, SUPPORTED], SUPPORTED),
        ([SUPPORTED, CANNOT_TELL], CANNOT_TELL),
        ([CANNOT_TELL, REFUTED], REFUTED),
        ([SUPPORTED, REFUTED], REFUTED),
    ],
)
def test_of_several_parts_all_have_to_hold(parts: list[str], said: str) -> None:
    claim = claimed({"variant": "S3D", "better_than": "I3D"})[0].claim
    assert Judged(claim, [Finding(claim, each, None, "") for each in parts]).verdict == said  # type: ignore[arg-type]


# --- accuracy ---


def test_a_difference_of_accuracy_is_paired_over_clips(measured: Callable[..., Table]) -> None:
    table = measured({"S3D": 0.75, "I3D": 0.5})
    estimate, low, high = found(decide(table, variant="S3D", better_than="I3D"))
    # A quarter of 400 clips differ: sqrt(1/4 x 3/4 / 400) is 2.17 points, 1.96 of which are 4.2 each way.
    assert (estimate, low, high) == pytest.approx((25, 20.8, 29.2), abs=0.8)
    for by, said in ((0, SUPPORTED), (18, SUPPORTED), (25, CANNOT_TELL), (32, REFUTED)):
        assert decide(table, variant="S3D", better_than="I3D", by=by).verdict == said
        assert decide(table, variant="I3D", worse_than="S3D", by=by).verdict == said
    assert decide(table, variant="I3D", better_than="S3D").verdict == REFUTED
    for within, said in ((32, SUPPORTED), (25, CANNOT_TELL), (18, REFUTED)):
        assert decide(table, variant="I3D", not_worse_than="S3D", within=within).verdict == said
        assert decide(table, variant="I3D", same_as="S3D", within=within).verdict == said
        assert decide(table, variant="S3D", same_as="I3D", within=within).verdict == said
    assert decide(table, variant="S3D", not_worse_than="I3D", within=1).verdict == SUPPORTED


def test_one_seed_is_about_these_trainings_alone(measured: Callable[..., Table]) -> None:
    one = decide(measured({"S3D": 0.75, "I3D": [0.5, 0.5, 0.5]}), variant="S3D", better_than="I3D")
    assert (one.verdict, one.scope) == (SUPPORTED, "of these trainings")
    assert "1 seed, so nothing about other trainings; 400 clips" in one.how
    three = decide(measured({"S3D": [0.75] * 3, "I3D": [0.5] * 3}), variant="S3D", better_than="I3D")
    assert (three.verdict, three.scope) == (SUPPORTED, "")
    assert "crossed bootstrap over seeds and clips; 3 seeds, 400 clips" in three.how
    # What cannot be told of these trainings cannot be told of any.
    assert decide(measured({"S3D": 0.5, "I3D": 0.5}), variant="S3D", better_than="I3D").scope == ""


def test_one_network_in_two_orders_pairs_its_trainings(measured: Callable[..., Table]) -> None:
    """Trainings that differ by 40 points hide a difference between networks, and not one inside each training."""
    table = measured({"I3D": [0.5, 0.9], "I3D reversed": [0.4, 0.8], "S3D": [0.4, 0.8]})
    right, groups = table.correct[0]
    lost = right & (np.arange(CLIPS) >= 40)  # the first tenth of the clips, in both trainings
    table = Table(table.rows, dict(table.correct) | {1: (lost, groups), 2: (lost, groups)})
    own = decide(table, variant="I3D reversed", worse_than="I3D", by=5)
    # sqrt(1/10 x 9/10 / 400) is 1.5 points, 1.96 of which are 2.9 each way.
    assert found(own) == pytest.approx((-10, -12.9, -7.1), abs=0.6)
    assert own.verdict == SUPPORTED
    assert decide(table, variant="I3D", better_than="S3D").verdict == CANNOT_TELL


def test_never_across_protocols(measured: Callable[..., Table]) -> None:
    table = measured({"S3D": 0.9, "I3D": 0.5}, S3D={"recipe": "30 epochs", "recipe_key": "cd34"})
    apart = decide(table, variant="S3D", better_than="I3D")
    assert (apart.verdict, apart.effect) == (CANNOT_TELL, None)
    assert "S3D and I3D were not measured alike: recipe is 30 epochs against 10 epochs, batch 32, bf16" in apart.how
    # A third row that was trained as S3D was is what I3D stands for then.
    both = measured({"S3D": 0.9, "I3D": 0.5, "I3D normal": 0.6}, S3D={"recipe_key": "cd34"})
    both.rows.loc[2, "recipe_key"] = "cd34"
    assert found(decide(both, variant="S3D", better_than="I3D"))[0] == pytest.approx(30)
    twice = measured({"S3D": 0.9, "S3D normal": 0.9, "I3D": 0.5, "I3D normal": 0.6})
    twice.rows.loc[[1, 3], "data"] = "appearance"
    told = decide(twice, variant="S3D", better_than="I3D")
    assert told.verdict == CANNOT_TELL
    assert "measured in 2 ways, which differ in data (appearance / motion): a claim is about one" in told.how


def test_what_was_not_measured_says_what_to_run(measured: Callable[..., Table]) -> None:
    table = measured({"I3D": 0.5, "S3D": 0.6})
    missing = decide(table, variant="I3D reversed", worse_than="I3D")
    assert (missing.verdict, missing.how) == (
        CANNOT_TELL,
        "I3D reversed has no accuracy on record: run the sweep again, it measures what is missing",
    )
    other_clips = Table(table.rows, dict(table.correct) | {1: (table.correct[1][0], np.zeros(CLIPS, int))})
    assert "were tested on different clips" in decide(other_clips, variant="S3D", better_than="I3D").how


# --- costs ---


def test_counts_are_exact(measured: Callable[..., Table]) -> None:
    table = measured({"S3D": 0.5, "I3D": 0.5}, S3D={"macs": 5 * 10**9}, I3D={"macs": 10**10})
    half = {"variant": "S3D", "cheaper_than": "I3D", "cost": "macs"}
    assert found(decide(table, **half)) == (-50, -50, -50)
    assert [decide(table, **half, by=by).verdict for by in (0, 49, 50, 60)] == [SUPPORTED] * 2 + [REFUTED] * 2
    assert decide(table, **half).how == "counted: 5.000 and 10.00 G"
    dearer = {"variant": "I3D", "not_dearer_than": "S3D", "cost": "macs"}
    assert [decide(table, **dearer, within=within).verdict for within in (100, 99)] == [SUPPORTED, REFUTED]
    table.rows["macs"] = 10**9
    assert decide(table, **half).verdict == REFUTED  # as much is not less
    assert decide(table, **dearer, within=0).verdict == SUPPORTED
    table.rows["clip"] = ["16x64x64", "16x112x112"]
    assert "clip is 16x64x64 against 16x112x112" in decide(table, **half).how


def timed(latency: float, factor: float = 1.1, **more: Any) -> dict[str, Any]:
    return {"latency_ms": latency, "latency_low_ms": latency / factor, "latency_high_ms": latency * factor} | more


def test_a_latency_is_drawn_from_both_intervals(measured: Callable[..., Table]) -> None:
    table = measured({"S3D": 0.5, "I3D": 0.5}, S3D=timed(10), I3D=timed(20))
    claim = {"variant": "S3D", "cheaper_than": "I3D", "cost": "latency_ms"}
    # Of two factors of 1.1 each way the ratio has 1.1 ** sqrt(2) = 1.144 each way around a half.
    assert found(decide(table, **claim)) == pytest.approx((-50, -56.3, -42.8), abs=0.8)
    verdicts = [decide(table, **claim, by=by).verdict for by in (0, 40, 50, 60)]
    assert verdicts == [SUPPORTED, SUPPORTED, CANNOT_TELL, REFUTED]
    assert (
        "10 and 20 ms, drawn from both intervals; cpu EPYC, eager float32, batch 1, 3 proc"
        in decide(table, **claim).how
    )
    slower = {"variant": "I3D", "not_dearer_than": "S3D", "cost": "latency_ms", "within": 50}
    assert decide(table, **slower).verdict == REFUTED


def test_one_process_is_a_quick_look(measured: Callable[..., Table]) -> None:
    table = measured({"S3D": 0.5, "I3D": 0.5}, S3D=timed(10), I3D=timed(20, processes=1))
    told = decide(table, variant="S3D", cheaper_than="I3D", cost="latency_ms")
    assert told.verdict == CANNOT_TELL
    assert "the latency of I3D is of one process, a quick look: time it with processes: 3 or more" in told.how


def test_of_several_settings_one_has_to_be_named(measured: Callable[..., Table]) -> None:
    claim = {"variant": "S3D", "cheaper_than": "I3D", "cost": "latency_ms"}
    table = measured({"S3D": 0.5, "I3D": 0.5}, S3D=timed(10), I3D=timed(20))
    other = table.rows.assign(runtime="openvino", precision="bf16", latency_ms=[20, 10], index=[2, 3])
    both = Table(pd.concat([table.rows, other], ignore_index=True), dict(table.correct) | {2: table.correct[0]})
    told = decide(both, **claim)
    assert told.verdict == CANNOT_TELL
    assert "differ in runtime (eager / openvino), precision (bf16 / float32): name runtime and precision in" in told.how
    assert decide(both, **claim, runtime="eager").verdict == SUPPORTED
    assert found(decide(both, **claim, runtime="openvino", precision="bf16"))[0] == pytest.approx(100)
    assert "S3D has no latency compile on record" in decide(both, **claim, runtime="compile").how
    both.rows.loc[[2, 3], ["runtime", "precision", "threads"]] = ["eager", "float32", 1]
    assert "differ in threads (1 / 2): a claim is about one, so keep them in two sweeps" in decide(both, **claim).how


# --- frontiers ---

CUTS: dict[str, dict[str, Any]] = {
    "I2D": timed(1, macs=1), "Top-Heavy-I3D-2": timed(10, macs=10), "Bottom-Heavy-I3D-2": timed(10, macs=10),
    "I3D": timed(100, macs=100),
}  # fmt: skip
LEVELS = {"I2D": [0.4] * 2, "Top-Heavy-I3D-2": [0.8] * 2, "Bottom-Heavy-I3D-2": [0.6] * 2, "I3D": [0.8] * 2}


@pytest.mark.parametrize("cost", ["macs", "latency_ms"])
def test_a_frontier_is_held_against_another_at_equal_cost(measured: Callable[..., Table], cost: str) -> None:
    table = measured(LEVELS, **CUTS)
    claim = {"frontier": "top-heavy", "above": "bottom-heavy", "at_equal": cost}
    # Both have I2D from 1 to 10, and 0.8 against 0.6 from 10 to 100: the mean over the logarithm is half of 20 points.
    assert found(decide(table, **claim)) == pytest.approx((10, 8, 12), abs=1.2)
    assert [decide(table, **claim, by=by).verdict for by in (0, 10, 20)] == [SUPPORTED, CANNOT_TELL, REFUTED]
    turned = {"frontier": "bottom-heavy", "above": "top-heavy", "at_equal": cost}
    assert decide(table, **turned).verdict == REFUTED
    assert "3 networks from " in decide(table, **claim).how and "; 2 seeds" in decide(table, **claim).how


def test_frontiers_that_cannot_be_compared_say_why(measured: Callable[..., Table]) -> None:
    claim = {"frontier": "top-heavy", "above": "bottom-heavy", "at_equal": "macs"}
    ends = measured({name: LEVELS[name] for name in ("I2D", "I3D")}, **CUTS)
    assert "the two families have the same networks here" in decide(ends, **claim).how
    table = measured(LEVELS, **CUTS)
    (missing,) = judge(table, claimed(claim | {"above": "separable"}))
    assert "no network of separable is on record: the sweep has none, or has not mea" in missing.findings[0].how
    unmeasured = Table(table.rows.assign(top1=np.nan), {})
    assert "no network of top-heavy has an accuracy and multiply-adds on record" in decide(unmeasured, **claim).how
    assert "no network of top-heavy has an accuracy" in decide(table, **claim, order="reversed").how
    apart = {"frontier": "full", "above": "flat", "at_equal": "macs"}
    assert "share no range of MACs" in decide(measured({n: LEVELS[n] for n in ("I2D", "I3D")}, **CUTS), **apart).how
    table.rows.loc[table.rows["variant"] == "I2D", "recipe_key"] = "other"
    assert "no network of full was measured as one of flat was" in decide(table, **apart).how
    quick = measured(LEVELS, **CUTS | {"I3D": timed(100, processes=1)})
    assert "latency of I3D is of one process" in decide(quick, **claim | {"at_equal": "latency_ms"}).how


def test_networks_that_are_missing_are_counted_and_one_seed_is_said(measured: Callable[..., Table]) -> None:
    table = measured({name: level[0] for name, level in LEVELS.items()} | {"Top-Heavy-I3D-4": 0.9}, **CUTS)
    table.rows.loc[4, "top1"] = np.nan
    told = decide(table, frontier="top-heavy", above="bottom-heavy", at_equal="macs")
    assert "draws over test clips, of these trainings; 3 networks from" in told.how and "luck" not in told.how
    assert "; 1 seed; 1 network of the sweep left out, not measured like these" in told.how
    assert found(told)[0] == pytest.approx(10)
    assert (told.verdict, told.scope) == (SUPPORTED, "of these trainings")


def test_families_of_unequal_size_say_whom_luck_favours(measured: Callable[..., Table]) -> None:
    more = measured(LEVELS | {"Top-Heavy-I3D-4": [0.8] * 2}, **CUTS | {"Top-Heavy-I3D-4": timed(20, macs=20)})
    told = decide(more, frontier="top-heavy", above="bottom-heavy", at_equal="latency_ms")
    assert "draws over test clips, seeds and latency processes; 4 networks from" in told.how
    assert (
        "; the larger family is favoured by luck, the interval allows for it and the estimate does not; 2" in told.how
    )


# --- names ---


def test_weights_bring_knobs_and_the_file_goes_on_calling_a_network_by_its_name(measured: Callable[..., Table]) -> None:
    brought = "(stem_padding=symmetric, pool_padding=ceil)"
    both = f"{brought[:-1]}, temporal_branches=4)"
    table = measured({"I3D": 0.5, "S3D": 0.7, "S3D normal": 0.9})
    table.rows["variant"] = [f"I3D{brought}", f"S3D{both}", f"S3D{brought}"]
    claim = claimed({"variant": "S3D", "better_than": "I3D"})[0].claim
    networks = {"S3D": Network("S3D", None), "I3D": Network("I3D", 0.25)}
    (plain,) = judge(table, [Stated(claim, networks)])
    assert found(plain.findings[0])[0] == pytest.approx(40)
    (four,) = judge(table, [Stated(claim, networks | {"S3D": Network("S3D(temporal_branches=4)", None)})])
    assert found(four.findings[0])[0] == pytest.approx(20)
    (none,) = judge(table, [Stated(claim, networks | {"S3D": Network("S3D", 0.5)})])
    assert "S3D has no accuracy on record" in none.findings[0].how


# --- how it is shown ---


@pytest.fixture
def judged(measured: Callable[..., Table]) -> list[Judged]:
    table = measured({"S3D": 0.75, "I3D": [0.5] * 3}, S3D={"macs": 10**9}, I3D={"macs": 2 * 10**9})
    return judge(
        table,
        claimed(
            {"says": "Separable | helps", "all": [{"variant": "S3D", "better_than": "I3D"},
             {"variant": "S3D", "cheaper_than": "I3D", "cost": "macs"}]},
            {"variant": "I3D", "better_than": "S3D"},
            {"says": "Order decides", "variant": "I3D reversed", "worse_than": "I3D"},
        ),
    )  # fmt: skip


def test_markdown_has_a_row_a_claim_and_a_row_a_part(judged: list[Judged]) -> None:
    lines = markdown(judged).splitlines()
    assert lines[0] == "| Claim | Verdict | Effect [95 %] | How it was decided |"
    assert lines[2].startswith(r"| **Separable \| helps** | **SUPPORTED of these trainings** |  | 2 of 2 parts are")
    assert lines[3].startswith("| – S3D is better than I3D | SUPPORTED of these trainings | +25.0 [+2")  # noqa: RUF001
    assert lines[4] == (
        "| – S3D is cheaper than I3D in multiply-adds | SUPPORTED | -50.0 % | counted: 1.000 and 2.000 G |"  # noqa: RUF001
    )
    assert lines[5].startswith("| **I3D is better than S3D** | **REFUTED of these trainings** | -25.0 [-2")
    assert lines[6].startswith("| **Order decides** | **CANNOT TELL** | – | I3D reversed is worse than I3D: I3D rev")  # noqa: RUF001
    assert any(line.startswith("- Of these trainings: with one seed") for line in lines)


def test_the_terminal_has_colours_and_a_pipe_has_none(judged: list[Judged]) -> None:
    for terminal in (True, False):
        out = io.StringIO()
        console = Console(file=out, force_terminal=terminal, width=150, color_system="standard" if terminal else None)
        console.print(*Claims("mine", judged).renderables())
        assert "SUPPORTED of these trainings" in out.getvalue()
        assert ("\x1b[1;32mSUPPORTED" in out.getvalue()) == terminal
        assert ("\x1b[" in out.getvalue()) == terminal


def test_json_has_all_of_it(judged: list[Judged]) -> None:
    first, _, last = (as_record(each) for each in judged)
    assert (first["says"], first["verdict"], first["scope"]) == ("Separable | helps", SUPPORTED, "of these trainings")
    assert first["parts"][1] == {
        "says": "S3D is cheaper than I3D in multiply-adds", "verdict": SUPPORTED, "scope": "", "estimate": -50.0,
        "low": -50.0, "high": -50.0, "unit": "%", "how": "counted: 1.000 and 2.000 G",
    }  # fmt: skip
    assert last["parts"][0]["estimate"] is None


# --- from the command line ---


def test_from_a_sweep_file_to_an_exit_code(tool: Tool, tmp_path: Path, tiny: dict[str, Any]) -> None:
    cheaper = {"variant": "I2D", "cheaper_than": "I3D", "cost": "macs"}
    better = {"says": "3D helps", "variant": "I3D", "better_than": "I2D"}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tiny | {"claims": [cheaper, better]}))
    assert tool("sweep", "mine.yaml", "--only", "cost")[0] == 0

    code, out, _ = tool("report", "--sweep", "mine")
    assert code == 0 and "mine: claims" in out and "SUPPORTED" in out and "CANNOT TELL" in out
    assert "| **3D helps** | **CANNOT TELL** |" in (tmp_path / "reports/local/mine_claims.md").read_text()
    code, out, _ = tool("report", "--sweep", "mine", "--json")
    assert [each["verdict"] for each in json.loads(out)["mine"]["claims"]] == [SUPPORTED, CANNOT_TELL]
    assert json.loads(out)["mine"]["claims_paths"] == ["reports/local/mine_claims.md"]

    code, out, _ = tool("report", "--claims", "mine", "--check")
    assert code == 0 and "I2D is cheaper than I3D" in out and "Top-1" not in out
    # A file that says otherwise now, on the same records.
    wrong = {"variant": "I3D", "cheaper_than": "I2D", "cost": "params"}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tiny | {"claims": [wrong]}))
    assert tool("report", "--claims", "mine.yaml")[0] == 0
    code, out, _ = tool("report", "--claims", "mine.yaml", "--check", "--json")
    assert code == 1
    assert json.loads(out)["mine"]["claims"][0]["verdict"] == REFUTED

    (tmp_path / "silent.yaml").write_text(yaml.safe_dump(tiny | {"name": "mine"}))
    for arguments, said in (
        (["--claims", "silent.yaml"], "sweep file silent.yaml claims nothing: add claims to its file"),
        (["--claims", "none"], "sweep 'none' was not run into"),
        (["--claims", "none.yaml"], "sweep file none.yaml cannot be read"),
        (["--check"], "--check means nothing without --claims: add it, or leave --check out"),
        (["--claims", "mine", "--pareto"], "--pareto means nothing with --claims"),
        (["--claims", "mine", "--search", "mine"], "--search means nothing with --claims"),
    ):
        code, _, err = tool("report", *arguments)
        assert code == 2 and said in err and "Traceback" not in err
    # An entry that is damaged leaves nothing half-written.
    entry = tmp_path / "results/local/sweeps/mine.json"
    entry.write_text(json.dumps(json.loads(entry.read_text()) | {"claims": None}))
    code, _, err = tool("report", "--sweep", "mine", "--out", "elsewhere")
    assert code == 2 and "has claims None, which is no list: run the sweep again" in err
    assert not list((tmp_path / "elsewhere").glob("*"))
    # Without claims in the file, the sweep's entry has none, and no file is written for them.
    (tmp_path / "reports/local/mine_claims.md").unlink()
    assert tool("sweep", "silent.yaml", "--only", "cost")[0] == 0
    code, out, _ = tool("report", "--sweep", "mine")
    assert code == 0 and "claims" not in out and not (tmp_path / "reports/local/mine_claims.md").exists()


def test_the_reference_runs_refute_that_i2d_does_not_care() -> None:
    """README: I3D 83.2 -> 12.2 %, I2D 43.7 -> 37.9 %, 5.8 points [2.1, 9.4]."""
    sweep = read_sweep(ROOT / "sweeps/arrow_of_time.yaml")
    (claim,) = judge(load_table(ROOT / "results/reference", sweep.name), stated(sweep))
    assert (claim.verdict, [each.verdict for each in claim.findings]) == (REFUTED, [SUPPORTED, REFUTED])
    assert [round(found(each)[0], 1) for each in claim.findings] == [-71.0, -5.8]
    assert [round(bound, 1) for bound in found(claim.findings[1])[1:]] == [-9.4, -2.1]
