"""Files of pytest-benchmark compared: true ones, with the rounds that a test needs; numbers are worked out by hand.

With a spread of 0.1 the logarithm of a ratio has a standard error of 0.1 * sqrt(2) = 0.14142.
"""

from __future__ import annotations

import copy
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradeoff.errors import InputError
from tradeoff.gate import benchmark_json
from tradeoff.gate.benchmark_json import Compared
from tradeoff.gate.verdict import Rule, Verdict

SUITE = """
import pytest

@pytest.mark.benchmark(min_rounds=8, max_time=0.01)
def test_sum(benchmark):
    benchmark(sum, range(1000))

def test_sorted(benchmark):
    benchmark.pedantic(sorted, args=(range(1000),), rounds=7)
"""
SUM, SORTED = "test_suite.py::test_sum", "test_suite.py::test_sorted"
RULE = Rule()
LUCK = 1.4395
"""exp(2.5758 * 0.14142): what two processes of one code differ by, at an error of 1 %."""


def compare_files(base: Path, head: Path, rule: Rule, process_spread: float = 0.1) -> list[Compared]:
    return benchmark_json.compare_files(base, head, rule, process_spread)


def less(compared: list[Compared], rule: Rule, process_spread: float = 0.1) -> list[str]:
    return benchmark_json.less(compared, rule, process_spread)


Content = dict[str, Any]
Change = Callable[[Content], object]


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Content:
    """What pytest-benchmark writes."""
    folder = tmp_path_factory.mktemp("benchmarked")
    (folder / "test_suite.py").write_text(SUITE)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, "-m", "pytest", "-p", "pytest_benchmark.plugin", "--benchmark-json=out.json"]
    done = subprocess.run(
        [*command, "--rootdir", str(folder), "test_suite.py"],
        cwd=folder,
        env=environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "out.json").read_text())  # type: ignore[no-any-return]


@pytest.fixture
def file(written: Content, tmp_path: Path) -> Callable[..., Path]:
    """A file of pytest-benchmark's with the rounds of `test_sum` as given, milliseconds, and any other change."""

    def write(name: str, rounds: list[float] | None = None, change: Change = lambda content: None) -> Path:
        content = copy.deepcopy(written)
        if rounds:
            content["benchmarks"] = [entry for entry in content["benchmarks"] if entry["fullname"] == SUM]
            set_rounds(content["benchmarks"][0], rounds)
        change(content)
        path = tmp_path / name
        path.write_text(json.dumps(content))
        return path

    return write


def set_rounds(entry: Content, rounds: list[float]) -> None:
    seconds = [each / 1e3 for each in rounds]
    entry["stats"] |= {"data": seconds, "rounds": len(seconds), "median": statistics.median(seconds)}


def another(name: str, rounds: list[float]) -> Change:
    """One more benchmark in the file."""

    def change(content: Content) -> None:
        entry = copy.deepcopy(content["benchmarks"][0])
        entry["fullname"] = name
        set_rounds(entry, rounds)
        content["benchmarks"].append(entry)

    return change


def ours(**values: Any) -> Change:
    """What `latency_benchmark` leaves beside a benchmark."""
    known = {"versions": {"torch": "2.9.0"}, "steady": True, "protocol": {"device": "cpu X", "threads": 2}} | values
    return lambda content: content["benchmarks"][0]["extra_info"].update(tradeoff=known)


def yardstick(gflops: float, **values: Any) -> Change:
    return ours(yardstick={"gflops": gflops, "matrix": 2048, "precision": "float32"}, **values)


def only(found: list[Compared]) -> Compared:
    assert len(found) == 1
    return found[0]


def test_a_file_beside_a_copy_of_it_tells_nothing(file: Callable[..., Path]) -> None:
    found = compare_files(file("base.json"), file("head.json"), RULE)
    assert [each.name for each in found] == [SUM, SORTED]
    assert {each.verdict for each in found} == {Verdict.CANNOT_TELL}
    for each in found:
        assert each.ratio is not None and each.ratio.estimate == 1 and each.ratio.p == 1
        assert each.base_ms == each.head_ms and "luck" in each.why


def test_twice_as_long_is_slower_and_half_is_faster(file: Callable[..., Path]) -> None:
    short, long = file("short.json", [10.0] * 9), file("long.json", [20.0] * 9)
    slower = only(compare_files(short, long, RULE))
    assert (slower.base_ms, slower.head_ms, slower.verdict) == (pytest.approx(10), pytest.approx(20), Verdict.SLOWER)
    assert slower.ratio is not None and slower.ratio.estimate == pytest.approx(2)
    assert (slower.ratio.low, slower.ratio.high) == (
        pytest.approx(2 / LUCK, abs=1e-3),
        pytest.approx(2 * LUCK, abs=1e-3),
    )
    assert slower.ratio.p == pytest.approx(9.52e-7, rel=0.01)  # beyond log(2) / 0.14142 = 4.901 on both sides
    assert (slower.ratio.confidence, slower.ratio.pairs) == (0.99, 1)
    assert slower.why == "more than the luck of two processes, up to 43.9% at an error of 1%"
    assert only(compare_files(long, short, RULE)).verdict == Verdict.FASTER


@pytest.mark.parametrize(
    ("head", "verdict"), [(12.0, Verdict.CANNOT_TELL), (14.3, Verdict.CANNOT_TELL), (14.5, Verdict.SLOWER)]
)
def test_the_luck_of_a_process_is_44_percent(file: Callable[..., Path], head: float, verdict: Verdict) -> None:
    found = only(compare_files(file("base.json", [10.0] * 9), file("head.json", [head] * 9), RULE))
    assert found.verdict == verdict


def test_a_spread_of_ones_own_takes_the_place_of_ours(file: Callable[..., Path]) -> None:
    base, head = file("base.json", [10.0] * 9), file("head.json", [11.0] * 9)
    assert only(compare_files(base, head, RULE, 0.02)).verdict == Verdict.SLOWER  # exp(2.5758 * 0.02828) = 1.0756
    assert only(compare_files(base, head, RULE, 0.03)).verdict == Verdict.CANNOT_TELL  # 1.1155


def test_same_takes_a_machine_without_luck(file: Callable[..., Path]) -> None:
    base, head = file("base.json", [10.0] * 9), file("head.json", [10.01] * 9)
    assert only(compare_files(base, head, RULE, 0.001)).verdict == Verdict.SAME


def test_what_changed_by_less_than_the_floor_is_open(file: Callable[..., Path]) -> None:
    found = only(compare_files(file("base.json", [10.0] * 9), file("head.json", [11.0] * 9), Rule(floor=0.2), 0.001))
    assert (found.verdict, found.why) == (
        Verdict.CANNOT_TELL,
        "it changed, but by how much is open: more than 20.0% or less",
    )


@pytest.mark.parametrize(
    ("rounds", "half"),
    [
        # Of six rounds the range holds the median with 97 %, taken as 95: log(12.5 / 8) / (2 * 1.9600) = 0.11385, and
        # Student's t with 5 degrees of freedom has 4.0321.
        ([8.0, 9.0, 10.0, 10.0, 11.0, 12.5], 4.0321 * 0.11385),
        # Of five with 1 - 2 / 2^5 = 93.75 %: log(12.5 / 8) / (2 * 1.8627) = 0.11980, and t with 4 has 4.6041.
        ([8.0, 9.0, 10.0, 11.0, 12.5], 4.6041 * 0.11980),
    ],
)
def test_the_sampling_error_is_that_of_the_rounds(file: Callable[..., Path], rounds: list[float], half: float) -> None:
    found = only(compare_files(file("base.json", [10.0] * 9), file("head.json", rounds), RULE, 1e-6))
    assert found.ratio is not None
    assert (math.log(found.ratio.low), math.log(found.ratio.high)) == pytest.approx((-half, half), rel=1e-4)


@pytest.mark.parametrize(
    ("spread", "half"),
    [
        # sqrt(pi / 2 / 100) * 1.349 ms / 1.34898 / 10 ms = 0.012533; t with 99 degrees of freedom has 2.6264
        ({"iqr": 1.349e-3, "stddev": 9.0}, 2.6264 * 0.012534),
        ({"iqr": 0, "stddev": 1e-3}, 2.6264 * 0.012533),
        ({"iqr": 0, "stddev": 0}, 0.0),
    ],
)
def test_without_rounds_it_is_that_of_their_quartiles(
    file: Callable[..., Path], spread: dict[str, float], half: float
) -> None:
    def change(content: Content) -> None:
        stats = content["benchmarks"][0]["stats"]
        del stats["data"]
        stats |= {"rounds": 100, **spread}

    found = only(
        compare_files(file("base.json", [10.0] * 9), file("head.json", [10.0] * 9, change), RULE, process_spread=1e-7)
    )
    assert found.ratio is not None
    assert math.log(found.ratio.high) == pytest.approx(half, rel=1e-3, abs=1e-6)


def test_among_several_each_has_to_be_clearer(file: Callable[..., Path]) -> None:
    """At 0.01 / 2 the luck is exp(2.8070 * 0.14142) = 1.4873; once one is called, the other has 0.01."""

    def verdicts(first: float, second: float) -> list[Verdict]:
        base = file("base.json", [10.0] * 9, another("second", [10.0] * 9))
        head = file("head.json", [first] * 9, another("second", [second] * 9))
        return [each.verdict for each in compare_files(base, head, RULE)]

    assert verdicts(14.5, 10.0) == [Verdict.CANNOT_TELL, Verdict.CANNOT_TELL]
    assert verdicts(14.9, 10.0) == [Verdict.SLOWER, Verdict.CANNOT_TELL]
    assert verdicts(14.5, 20.0) == [Verdict.SLOWER, Verdict.SLOWER]


def test_no_more_false_alarms_than_were_asked_for(file: Callable[..., Path]) -> None:
    """Of 200 benchmarks whose code is the same, in processes that differ by 0.1, an error of 10 % each would call about
    20; over all of them together it calls none, with a probability of 90 %."""
    generator = np.random.default_rng(0)
    names = [f"benchmark {number}" for number in range(200)]

    def luck(content: Content) -> None:
        for name, shift in zip(names, np.exp(generator.normal(0, 0.1, len(names))), strict=True):
            another(name, [10.0 * float(shift)] * 9)(content)

    found = compare_files(file("base.json", [10.0] * 9, luck), file("head.json", [10.0] * 9, luck), Rule(error=0.1))
    assert {each.verdict for each in found} == {Verdict.CANNOT_TELL}
    alone = [abs(math.log(each.ratio.estimate)) > 1.6449 * 0.14142 for each in found if each.ratio]
    assert 8 <= sum(alone) <= 35


def test_the_yardstick_takes_the_minute_out(file: Callable[..., Path]) -> None:
    base = file("base.json", [10.0] * 9, yardstick(200.0))
    found = only(compare_files(base, file("head.json", [20.0] * 9, yardstick(110.0)), RULE))
    assert found.ratio is not None and found.ratio.estimate == pytest.approx(20 * 110 / (10 * 200))  # 1.1
    assert found.verdict == Verdict.CANNOT_TELL
    assert "corrected by the yardstick, 200 and 110 GFLOP/s: without it +100.0%" in found.why


@pytest.mark.parametrize(
    "change",
    [
        lambda content: ours()(content),
        yardstick(110.0, versions={"torch": "2.10.0"}),
        ours(yardstick={"gflops": 110.0, "matrix": 8192, "precision": "float32"}),
        ours(yardstick={"unknown": "out of memory"}),
    ],
)
def test_a_yardstick_that_the_other_does_not_have_corrects_nothing(file: Callable[..., Path], change: Change) -> None:
    base = file("base.json", [10.0] * 9, yardstick(200.0))
    found = only(compare_files(base, file("head.json", [20.0] * 9, change), RULE))
    assert found.ratio is not None and found.ratio.estimate == pytest.approx(2)
    assert "yardstick" not in found.why


def test_what_else_may_be_behind_a_difference_is_said(file: Callable[..., Path]) -> None:
    def other_host(content: Content) -> None:
        ours(versions={"torch": "2.10.0"}, steady=False)(content)
        content["machine_info"] |= {"node": "runner-7", "python_version": "3.11.99"}

    found = only(compare_files(file("base.json", [10.0] * 9, ours()), file("head.json", [20.0] * 9, other_host), RULE))
    assert found.verdict == Verdict.SLOWER
    assert "the passes of head were not steady" in found.why
    assert "torch '2.9.0' in base, '2.10.0' in head" in found.why
    assert "the hosts are two of one kind" in found.why and "runner-7" in found.why
    assert "'3.11.99' in head" in found.why


def test_two_that_were_not_timed_alike_are_not_compared(file: Callable[..., Path]) -> None:
    head = file("head.json", [20.0] * 9, ours(protocol={"device": "cpu X", "threads": 1}))
    found = only(compare_files(file("base.json", [10.0] * 9, ours()), head, RULE))
    assert (found.ratio, found.verdict) == (None, Verdict.CANNOT_TELL)
    assert (found.base_ms, found.head_ms) == (pytest.approx(10), pytest.approx(20))
    assert found.why == "the two were not timed alike: threads 2 in base, 1 in head"


def test_one_round_is_not_enough(file: Callable[..., Path]) -> None:
    found = only(compare_files(file("base.json", [10.0] * 9), file("head.json", [99.0]), RULE))
    assert (found.ratio, found.verdict) == (None, Verdict.CANNOT_TELL) and found.why.startswith("one round says")


def test_what_one_file_alone_has_is_listed_and_the_rest_compared(file: Callable[..., Path]) -> None:
    base = file("base.json", [10.0] * 9, another("gone", [3.0] * 9))
    head = file("head.json", [14.5] * 9, another("new", [4.0] * 9))
    both, gone, new = compare_files(base, head, RULE)
    assert both.verdict == Verdict.SLOWER  # they are no hypotheses, and cost no error
    assert (gone.name, gone.base_ms, gone.head_ms, gone.ratio) == ("gone", pytest.approx(3), None, None)
    assert (new.name, new.base_ms, new.head_ms, new.verdict) == ("new", None, pytest.approx(4), Verdict.CANNOT_TELL)
    assert gone.why.startswith(f"only base has it ({base})") and new.why.startswith(f"only head has it ({head})")


def test_how_much_less_than_a_gate_they_tell(file: Callable[..., Path]) -> None:
    one = compare_files(file("base.json", [10.0] * 9), file("head.json", [10.0] * 9), RULE)
    said = " ".join(less(one, RULE))
    assert "Each side is one process" in said and "differ by 0.1 " in said
    assert "over 1 benchmark nothing below +44% is called SLOWER" in said and "SAME cannot be said" in said
    two = compare_files(file("base.json"), file("head.json"), RULE)
    assert "over 2 benchmarks nothing below +49% is called SLOWER" in " ".join(less(two, RULE))
    assert "SAME" not in " ".join(less(one, RULE, 0.001))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("brand_raw", "Another CPU", "processor 'AMD EPYC' in base, 'Another CPU' in head"),
        ("count", 64, "number of CPUs 2 in base, 64 in head"),
    ],
)
def test_files_of_different_machines_are_refused(file: Callable[..., Path], key: str, value: object, said: str) -> None:
    def machine(**differs: object) -> Change:
        known = {"brand_raw": "AMD EPYC", "count": 2} | differs
        return lambda content: content["machine_info"]["cpu"].update(known)

    base, head = file("base.json", None, machine()), file("head.json", None, machine(**{key: value}))
    with pytest.raises(InputError) as refused:
        compare_files(base, head, RULE)
    assert str(refused.value) == (
        f"{base} and {head} are of different machines: {said}; compare files that one machine wrote"
    )


def stats(**values: object) -> Change:
    return lambda content: content["benchmarks"][0]["stats"].update(values)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content.pop("benchmarks"), "has no 'benchmarks' list"),
        (lambda content: content.update(benchmarks={}), "has no 'benchmarks' list"),
        (lambda content: content.pop("machine_info"), "has no 'machine_info' section"),
        (lambda content: content["benchmarks"].insert(0, 7), "benchmarks[0] has no 'fullname'"),
        (lambda content: content["benchmarks"][0].pop("stats"), "has no 'stats'"),
        (lambda content: content["benchmarks"].append(content["benchmarks"][0]), "a second time"),
        (stats(median=0.0), "stats.median is 0.0; it must be seconds, a number above 0"),
        (stats(median=-1), "stats.median is -1;"),
        (stats(median=float("nan")), "stats.median is nan;"),
        (stats(median="fast"), "stats.median is 'fast';"),
        (stats(median=None), "stats.median is None;"),
        (stats(rounds=0), "stats.rounds is 0;"),
        (stats(data=[0.1]), "not a list of the"),
        (stats(data=[0.1, -0.1], rounds=2), "stats.data holds -0.1;"),
        (stats(data=None, iqr=-1), "stats.iqr is -1;"),
        (lambda content: content.update(benchmarks=[]), "no benchmark in common"),
    ],
)
def test_what_pytest_benchmark_did_not_write_is_refused(file: Callable[..., Path], change: Change, said: str) -> None:
    base, head = file("base.json"), file("head.json", None, change)
    with pytest.raises(InputError) as refused:
        compare_files(base, head, RULE)
    assert str(head) in str(refused.value) and said in str(refused.value)


def test_files_that_cannot_be_read_are_refused(file: Callable[..., Path], tmp_path: Path) -> None:
    base = file("base.json")
    with pytest.raises(InputError, match=r"missing\.json cannot be read: No such file"):
        compare_files(base, tmp_path / "missing.json", RULE)
    for content in (b"{", b"\xff\xfe\xfa"):
        (tmp_path / "broken.json").write_bytes(content)
        with pytest.raises(InputError, match=r"broken\.json is not JSON"):
            compare_files(tmp_path / "broken.json", base, RULE)


@pytest.mark.parametrize("spread", [0.0, -0.1, float("nan"), float("inf")])
def test_a_spread_that_is_none_is_refused(file: Callable[..., Path], spread: float) -> None:
    with pytest.raises(InputError, match="process_spread"):
        compare_files(file("base.json"), file("head.json"), RULE, spread)
