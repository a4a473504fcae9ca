"""Now against stored records: which of a folder's records are compared, and what their numbers let one say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

import tradeoff
from tradeoff.errors import InputError
from tradeoff.gate import against as module
from tradeoff.gate.against import Comparison, compare_stored
from tradeoff.gate.stored import Found, stored_latencies
from tradeoff.gate.verdict import Rule, Verdict
from tradeoff.measure.environment import machine
from tradeoff.measure.latency import Latency
from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.measure.timing.fresh_process import TimingFailed
from tradeoff.records.keys import latency_key
from tradeoff.records.store import Store
from tradeoff.variants import Variant
from tradeoff.variants.custom import CustomVariant

CPU = torch.device("cpu")
SMALL = tradeoff.ClipShape(8, 32, 32)
PROTOCOL = LatencyProtocol(threads=1, processes=3, spacing=0)
I2D, I3D, S3D = (Variant.parse(name, width=0.0625, classes=3) for name in ("I2D", "I3D", "S3D"))
RULE = Rule(error=0.05)
NEAR = (9.99, 10.0, 10.01)  # one per mille apart: an interval of three such processes is well within 2 %


def figures(median_ms: float, gflops: float = 100.0, copy_gb_s: float = 40.0, matrix: int = 2048) -> dict[str, Any]:
    """What a process puts on record, as far as it counts here."""
    yardstick = {"gflops": gflops, "copy_gb_s": copy_gb_s, "matrix": matrix, "precision": "float32"}
    return {"outcome": "measured", "median_ms": median_ms, "yardstick": yardstick}


def record(
    root: Path,
    variant: Variant,
    processes: Sequence[Mapping[str, Any]],
    protocol: LatencyProtocol = PROTOCOL,
    here: Mapping[str, Any] | None = None,
    source: str = "new",
    day: int = 2,
    clip: str = "8x32x32",
) -> Path:
    store = Store(root).prepare()
    for replicate, measured in enumerate(processes):
        where = here or machine(CPU, protocol.runtime)
        first = () if replicate else protocol.throughput
        key = latency_key(variant.fields(), clip, protocol.fields(), where, source, replicate, first)
        about = {"variant": variant.fields(), "clip": clip, "name": variant.name}
        store.write(key, measured, about=about, made={"at": f"2026-01-0{day}T00:0{replicate}:00+00:00"})
    return root


def find(root: Path, variants: Sequence[Variant], protocol: LatencyProtocol = PROTOCOL) -> Found:
    return stored_latencies(root, variants, SMALL, [protocol], CPU)


def scripted(script: Mapping[str, Sequence[Mapping[str, Any]]]) -> Callable[..., Latency]:
    """By a variant's name, what its processes measure one after the other."""
    left = {name: list(values) for name, values in script.items()}
    return lambda variant, clip, protocol, device: Latency(left[variant.name].pop(0), {})


def compare(root: Path, now: Mapping[Variant, Sequence[Mapping[str, Any]]], rule: Rule = RULE) -> list[Comparison]:
    by_name = {variant.name: values for variant, values in now.items()}
    return compare_stored(find(root, list(now)), rule, 0.0, measure=scripted(by_name))


def test_latencies_are_compared_by_the_yardstick_of_their_own_process(tmp_path: Path) -> None:
    then = [figures(10.0, 100.0), figures(12.5, 80.0), figures(10.5, 96.0)]  # products 1000, 1000, 1008
    now = [figures(12.0, 105.0), figures(14.0, 88.0), figures(11.0, 110.0)]  # 1260, 1232, 1210
    (found,) = compare(record(tmp_path, I3D, then), {I3D: now})
    assert found.ratio is not None
    assert found.ratio.estimate == pytest.approx((1.26 * 1.232 * 1.21 / 1.008) ** (1 / 3))
    welch = stats.ttest_ind(np.log([1260, 1232, 1210]), np.log([1000, 1000, 1008]), equal_var=False)
    interval = welch.confidence_interval(0.95)
    assert (found.ratio.low, found.ratio.high) == pytest.approx((np.exp(interval.low), np.exp(interval.high)))
    assert found.ratio.p == pytest.approx(welch.pvalue)
    assert (found.verdict, found.why) == (Verdict.SLOWER, "")
    assert found.stored_ms == pytest.approx((10 * 12.5 * 10.5) ** (1 / 3))
    assert found.now_ms == pytest.approx((12 * 14 * 11) ** (1 / 3))
    assert found.gflops == pytest.approx((105 * 88 * 110 / (100 * 80 * 96)) ** (1 / 3))
    assert (found.stored_processes, found.now_processes) == (3, 3)


def test_a_faster_machine_is_no_faster_network(tmp_path: Path) -> None:
    """5 % faster, product and network alike: the same; half of the time on top of it: faster."""
    record(tmp_path, I3D, [figures(ms) for ms in NEAR])
    record(tmp_path, S3D, [figures(ms) for ms in NEAR])
    now = {I3D: [figures(ms / 1.05, 105.0) for ms in NEAR], S3D: [figures(ms / 2.1, 105.0) for ms in NEAR]}
    same, faster = compare(tmp_path, now)
    assert same.ratio is not None and same.ratio.estimate == pytest.approx(1.0)
    assert faster.ratio is not None and faster.ratio.estimate == pytest.approx(0.5)
    assert (same.verdict, faster.verdict) == (Verdict.SAME, Verdict.FASTER)
    assert (same.name, same.setting) == ("I3D", "8x32x32, eager float32 channels_last_3d, 1 thread")


def log_spread(centre: float) -> list[dict[str, Any]]:
    """Three processes whose logarithms have a standard deviation of 0.01 about that of 10 ms, moved by `centre`."""
    return [figures(10 * float(np.exp(centre + each))) for each in (-0.01, 0.0, 0.01)]


@pytest.mark.parametrize(("other", "confidence"), [(0.5, 0.9), (0.0, 0.95)])
def test_holm_over_variants(tmp_path: Path, other: float, confidence: float) -> None:
    """I3D's t is 2.4 with 4 degrees of freedom, between the quantiles for 10 % (2.13) and for 5 % (2.78): it is slower
    where the other variant is, and is tested at 10 %, and nothing can be said where it has to share that."""
    for variant in (I2D, I3D):
        record(tmp_path, variant, log_spread(0.0))
    shift = 2.4 * 0.01 * (2 / 3) ** 0.5
    _, found = compare(tmp_path, {I2D: log_spread(other), I3D: log_spread(shift)}, Rule(error=0.1))
    assert found.ratio is not None and found.ratio.estimate == pytest.approx(np.exp(shift))
    assert found.ratio.confidence == pytest.approx(confidence)
    assert found.verdict == (Verdict.SLOWER if other else Verdict.CANNOT_TELL)
    assert ("holds no change" in found.why) == (not other)


def test_a_change_below_the_floor_stays_open(tmp_path: Path) -> None:
    record(tmp_path, I3D, [figures(ms) for ms in NEAR])
    (found,) = compare(tmp_path, {I3D: [figures(1.03 * ms) for ms in NEAR]}, Rule(error=0.05, floor=0.05))
    assert (found.verdict, found.why) == (
        Verdict.CANNOT_TELL,
        "it changed, but by how much is open: more than 5.0% or less",
    )


@pytest.mark.parametrize(("gflops", "told"), [(109.0, True), (111.0, False), (92.0, True), (90.0, False)])
def test_a_yardstick_that_moved_too_far_corrects_for_nothing(tmp_path: Path, gflops: float, told: bool) -> None:
    record(tmp_path, I3D, [figures(ms) for ms in NEAR])
    (found,) = compare(tmp_path, {I3D: [figures(2 * ms, gflops, copy_gb_s=30.0) for ms in NEAR]})
    assert found.ratio is not None and found.ratio.estimate == pytest.approx(2 * gflops / 100)
    assert (found.gflops, found.copy_gb_s) == (pytest.approx(gflops / 100), pytest.approx(0.75))
    assert found.verdict == (Verdict.SLOWER if told else Verdict.CANNOT_TELL)
    if not told:
        assert (
            f"{gflops:g} Gflop/s, 100 when the records were made ({gflops / 100 - 1:+.1%}; a copy -25.0%)" in found.why
        )


def test_another_yardstick_is_no_yardstick(tmp_path: Path) -> None:
    record(tmp_path, I3D, [figures(ms) for ms in NEAR])
    (found,) = compare(tmp_path, {I3D: [figures(ms, matrix=4096) for ms in NEAR]})
    assert (found.verdict, found.ratio) == (Verdict.CANNOT_TELL, None)
    assert found.why == "the yardstick is another one: products of 2048, 4096 rows"


def test_what_fails_is_not_tried_again_and_the_others_are_told(tmp_path: Path) -> None:
    for variant in (I2D, I3D, S3D):
        record(tmp_path, variant, [figures(ms) for ms in NEAR])
    asked: list[str] = []

    def measure(variant: Variant, clip: Any, protocol: Any, device: str) -> Latency:
        assert (clip, protocol, device) == (SMALL, PROTOCOL, "cpu")
        asked.append(variant.name)
        if variant.name == "I2D" and asked.count("I2D") == 2:
            raise TimingFailed("WrongOutput: off by 0.5\nand more")
        if variant.name == "I3D":
            return Latency({"outcome": "out of memory", "said": ""}, {})
        return Latency(figures(20.0 + asked.count("S3D") / 100), {})

    lines: list[str] = []
    wrong, large, slow = compare_stored(find(tmp_path, [I2D, I3D, S3D]), RULE, 0.0, lines.append, measure)
    assert asked == ["I2D", "I3D", "S3D", "I2D", "S3D", "S3D"]
    assert (wrong.verdict, wrong.why, wrong.ratio) == (Verdict.CANNOT_TELL, "WrongOutput: off by 0.5", None)
    assert (large.verdict, large.why, large.now_ms, large.gflops) == (Verdict.CANNOT_TELL, "out of memory", None, None)
    assert (wrong.now_processes, large.now_processes, slow.now_processes) == (1, 0, 3)
    assert slow.verdict == Verdict.SLOWER
    assert (
        lines[0]
        == "I2D 8x32x32, eager float32 channels_last_3d, 1 thread, process 1: 20 ms, matrix product 100 Gflop/s"
    )
    assert lines[1].endswith("process 1: out of memory") and lines[3].endswith("process 2: WrongOutput: off by 0.5")
    records = [json.loads(json.dumps(each.as_record(), allow_nan=False)) for each in (wrong, slow)]
    assert [each["verdict"] for each in records] == ["CANNOT TELL", "SLOWER"]
    assert records[0]["ratio"] is None and records[1]["ratio"]["pairs"] == 3
    assert slow.ratio is not None and slow.ratio.confidence == pytest.approx(1 - 0.05 / 3)  # failed ones count


def test_bad_input_found_while_measuring_is_the_users_to_mend(tmp_path: Path) -> None:
    def measure(*_: Any) -> Latency:
        raise InputError("GPU 0 is in use")

    found = find(record(tmp_path, I3D, [figures(ms) for ms in NEAR]), [I3D])
    with pytest.raises(InputError, match="GPU 0 is in use"):
        compare_stored(found, RULE, 0.0, measure=measure)


@pytest.mark.parametrize(("budget", "rounds"), [(0.0, 3), (99.0, 4), (100.0, 5), (1000.0, 6)])
def test_rounds_end_with_the_budget_but_not_before_three(tmp_path: Path, budget: float, rounds: int) -> None:
    """Each process takes 10 s, so a round of two variants 20 s."""
    for variant in (I2D, I3D):
        record(tmp_path, variant, [figures(ms) for ms in NEAR])
    asked: list[str] = []

    def measure(variant: Variant, *_: Any) -> Latency:
        asked.append(variant.name)
        return Latency(figures(10.0 + len(asked) / 1000), {})

    found = find(tmp_path, [I2D, I3D], PROTOCOL.model_copy(update={"processes": 6}))
    compare_stored(found, RULE, budget, measure=measure, clock=lambda: 10.0 * len(asked))
    assert asked == ["I2D", "I3D"] * rounds


def test_the_default_measures_fresh_processes_without_what_is_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def latency(*arguments: Any, beside: bool) -> Latency:
        asked.append((*arguments, beside))
        return Latency(figures(NEAR[len(asked) - 1]), {})

    monkeypatch.setattr(module, "latency", latency)
    (found,) = compare_stored(find(record(tmp_path, I3D, [figures(ms) for ms in NEAR]), [I3D]), RULE, 0.0)
    assert asked == [(I3D, SMALL, PROTOCOL, "cpu", False)] * 3
    assert found.verdict == Verdict.SAME


def test_what_a_real_process_records_can_be_compared(tmp_path: Path) -> None:
    quick = PROTOCOL.model_copy(update={"seconds": 0.05})
    once = tradeoff.latency(I2D, SMALL, quick, beside=False)
    root = record(tmp_path, I2D, [once.values] * 2, quick)
    (found,) = compare_stored(find(root, [I2D], quick), RULE, 0.0, measure=lambda *_: once)
    assert found.ratio is not None and found.ratio.estimate == pytest.approx(1.0)
    assert (found.verdict, found.stored_ms) == (Verdict.SAME, pytest.approx(once.median_ms))


def test_how_long_was_sampled_may_differ_and_what_was_timed_may_not(tmp_path: Path) -> None:
    longer = PROTOCOL.model_copy(update={"seconds": 3.0, "target": 0.05, "throughput": (2, 8), "processes": 9})
    record(tmp_path, I3D, [figures(ms) for ms in NEAR], longer)
    assert [each.name for each in find(tmp_path, [I3D]).stored] == ["I3D"]
    for field, value in {
        "threads": 2,
        "layout": "contiguous",
        "batch": 2,
        "cache": "cold",
        "precision": "bf16",
    }.items():
        with pytest.raises(InputError, match="nothing to compare I3D"):
            find(tmp_path, [I3D], PROTOCOL.model_copy(update={field: value}))


def test_another_machine_is_refused_with_the_differences_named(tmp_path: Path) -> None:
    here = machine(CPU)
    nearer = {name: value for name, value in here.items() if name != "torchvision"} | {"device": "cpu Z80"}
    record(tmp_path, I3D, [figures(ms) for ms in NEAR], here={"device": "cpu 6502", "cores": 0}, source="a", day=3)
    record(tmp_path, I3D, [figures(ms) for ms in NEAR], here=nearer, source="b")
    with pytest.raises(InputError) as raised:
        find(tmp_path, [I3D])
    assert str(raised.value) == (
        f"{tmp_path} has nothing to compare I3D (8x32x32, eager float32 channels_last_3d, 1 thread) with: its records "
        f"of that are of another machine: device 'cpu Z80' there, {here['device']!r} here; "
        f"torchvision not named there, {here['torchvision']!r} here"
    )


def test_records_of_another_machine_stand_beside_those_of_this_one(tmp_path: Path) -> None:
    record(tmp_path, I3D, [figures(1.0)] * 3, here={"device": "cpu Z80"}, day=3)
    record(tmp_path, I3D, [figures(ms) for ms in NEAR])
    (found,) = find(tmp_path, [I3D]).stored
    assert [process.median_ms for process in found.processes] == [*NEAR]


def test_what_cannot_be_compared_is_left_out_with_a_reason_each(tmp_path: Path) -> None:
    older = [{"median_ms": 9.0, "method": "median, order statistics", "samples": 100}] * 2
    full = [{"outcome": "measured", "median_ms": 9.0, "yardstick": {"unknown": "out of memory"}}] * 2
    large, lone = Variant.parse("S3D-G", width=0.0625, classes=3), Variant.parse("I3D-G", width=0.0625, classes=3)
    record(tmp_path, I2D, older)
    record(tmp_path, S3D, full)
    record(tmp_path, large, [{"outcome": "out of memory"}])
    record(tmp_path, lone, [figures(9.0)])
    record(tmp_path, I3D, [figures(ms) for ms in NEAR])
    found = find(tmp_path, [I2D, S3D, large, lone, I3D])
    assert [each.name for each in found.stored] == ["I3D"]
    for sentence, name, why in zip(
        found.left_out,
        ("I2D", "S3D", "S3D-G", "I3D-G"),
        (
            "they are without a yardstick, as older versions left them: run the sweep again",
            "no memory was left for the yardstick",
            "out of memory",
            "its record of that is of one process, and 2 are needed for an interval",
        ),
        strict=True,
    ):
        assert sentence.startswith(f"{tmp_path} has nothing to compare {name} (") and sentence.endswith(f": {why}")


def test_a_variant_without_records_is_told_which_settings_there_are(tmp_path: Path) -> None:
    for runtime in ("eager", "compile"):
        at = PROTOCOL.model_copy(update={"runtime": runtime, "threads": 2})
        record(tmp_path, Variant.parse("I3D"), [figures(ms) for ms in NEAR], at, clip="16x112x112")
    record(tmp_path, I3D, [figures(ms) for ms in NEAR], PROTOCOL.model_copy(update={"batch": 8}))
    record(tmp_path, I2D, [figures(ms) for ms in NEAR])
    found = find(tmp_path, [I2D, I3D, S3D, Variant.parse("S3D-G")])
    others, unknown = found.left_out
    assert others == (
        f"{tmp_path} has nothing to compare I3D (8x32x32, eager float32 channels_last_3d, 1 thread) with: it has "
        "latencies of that name at 16x112x112, width 1, 400 classes, 2 threads: compile float32 channels_last_3d, "
        "eager float32 channels_last_3d; 8x32x32, width 0.0625, 3 classes, 1 thread: eager float32 channels_last_3d "
        "batch 8"
    )
    assert "S3D (8x32x32, eager" in unknown and "S3D-G (8x32x32, eager" in unknown
    assert unknown.endswith("it has latencies with a yardstick of I2D, I3D")


def test_of_several_versions_of_the_code_the_newest_is_the_base(tmp_path: Path) -> None:
    record(tmp_path, I3D, [figures(5.0)] * 3, source="older", day=1)
    record(tmp_path, I3D, [figures(ms) for ms in NEAR], source="newer", day=3)
    record(tmp_path, I3D, [figures(7.0)], source="newest", day=4)  # one process has no interval
    found = find(tmp_path, [I3D])
    (taken,) = found.stored
    assert [process.median_ms for process in taken.processes] == [*NEAR]
    assert (taken.source, taken.first_at, taken.last_at) == (
        "newer",
        "2026-01-03T00:00:00+00:00",
        "2026-01-03T00:02:00+00:00",
    )
    assert found.notes == (
        "I3D (8x32x32, eager float32 channels_last_3d, 1 thread) is on record of 3 versions of the code: compared with "
        "the newest that has 2 processes, source newer, of 2026-01-03",
    )


def test_an_edited_network_of_the_users_own_is_compared_with_what_it_was(tmp_path: Path) -> None:
    before, after = (CustomVariant(target="nets:make", arguments="depth=3", source=each) for each in ("aa", "bb"))
    (found,) = find(record(tmp_path, before, [figures(ms) for ms in NEAR]), [after]).stored
    assert (found.variant, found.source) == (after, "new/aa")
    with pytest.raises(InputError, match="it has latencies with a yardstick of nets:make"):
        find(tmp_path, [CustomVariant(target="nets:make", arguments="depth=4", source="aa")])


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere does not exist: name one that has latency records"):
        find(tmp_path / "nowhere", [I3D])
    with pytest.raises(InputError, match="holds no records: name one that has latency records"):
        find(tmp_path, [I3D])
    Store(tmp_path).prepare()
    with pytest.raises(InputError, match="holds no latency records"):
        find(tmp_path, [I3D])
    (tmp_path / "latency" / "0123.json").write_text("{")
    with pytest.raises(InputError, match=r"0123\.json cannot be read as JSON"):
        find(tmp_path, [I3D])


def test_fewer_than_three_processes_are_no_comparison(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="processes 2 are too few to compare: use 3 or more"):
        find(tmp_path, [I3D], PROTOCOL.model_copy(update={"processes": 2}))
