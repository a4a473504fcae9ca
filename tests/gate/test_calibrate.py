"""What is said of gates of networks against themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gate_repositories import network

from tradeoff.clip_shape import ClipShape
from tradeoff.errors import InputError
from tradeoff.gate.calibrate import Calibration, calibrate, replay
from tradeoff.gate.checkout_code import Wanted
from tradeoff.gate.pairs import Pacing, Pair, Passes
from tradeoff.gate.report import of_calibration
from tradeoff.gate.run import Plan
from tradeoff.gate.verdict import Rule, Verdict
from tradeoff.measure.protocol import LatencyProtocol
from tradeoff.records.statistics import proportion_interval

PROTOCOL = {
    "runtime": "eager",
    "precision": "float32",
    "layout": "contiguous",
    "threads": 1,
    "clip": "8x32x32",
    "width": 1.0,
    "budget_s": 45.0,
}


def pair(log_ratio: float) -> Pair:
    base, head = (Passes(median, median, 0.1, 30) for median in (10.0, 10.0 * float(np.exp(log_ratio))))
    control = Passes(2.0, 2.0, 0.01, 30)
    return Pair(base, head, control, control)


def calibration(gates: list[dict[str, list[float]]]) -> Calibration:
    made = [{name: [pair(each) for each in logs] for name, logs in gate.items()} for gate in gates]
    return Calibration(made, Rule(), PROTOCOL, {"device": "cpu"}, 100.0)


def quiet(spread: float, pairs: int = 10, seed: int = 0) -> list[float]:
    logs = np.random.default_rng(seed).normal(size=pairs)
    return [float(each) for each in spread * (logs - logs.mean()) / logs.std(ddof=1)]


def test_a_replay_is_the_gate_with_its_early_end() -> None:
    pairs = [pair(each) for each in quiet(0.001)]
    assert replay({"a": pairs}, Rule()).cases["a"].verdict == Verdict.SAME
    slowed = replay({"a": pairs, "b": pairs}, Rule(), {"a": 0.05})
    assert slowed.cases["a"].verdict == Verdict.SLOWER
    assert slowed.cases["b"].verdict == Verdict.SAME
    assert len(slowed.cases["a"].ratios) == 5  # of ten that there are


def test_false_alarms_and_what_is_found() -> None:
    quiet_gates = [{"a": quiet(0.002, seed=seed)} for seed in range(19)]
    found = calibration([*quiet_gates, {"a": [0.05, 0.051, 0.049, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05]}])
    assert found.false_alarms == proportion_interval(1, 20)
    assert found.same == proportion_interval(19, 20)
    smallest = found.smallest_found
    assert smallest is not None
    # As the gate itself would have it: that much is found by 95 % of the gates, and a step less is not.
    assert found.found(smallest).estimate >= 0.95
    assert found.found(round(smallest - 0.001, 3)).estimate < 0.95
    assert 0.01 <= smallest < 0.02  # never below the floor
    assert "false alarms: 1 of 20" in "\n".join(found.lines())


def test_a_machine_too_noisy_to_find_anything_says_so() -> None:
    found = calibration([{"a": quiet(1.0, pairs=5, seed=seed)} for seed in range(3)])
    assert found.smallest_found is None
    assert any("no slowdown up to 50%" in line for line in found.lines())


def test_of_several_variants_any_false_call_is_one_alarm() -> None:
    wrong = [0.05 + each for each in quiet(0.001)]
    found = calibration([{"a": wrong, "b": wrong}, {"a": quiet(0.001), "b": quiet(0.002)}])
    assert found.false_alarms == proportion_interval(1, 2)


def test_it_is_printed_with_its_protocol() -> None:
    report = of_calibration(calibration([{"a": quiet(0.002)}]))
    assert "budget 45 s a gate" in report.caption[0]
    assert report.verdicts == []
    assert report.record["false_alarms"]["estimate"] == 0.0
    assert "smallest slowdown" in report.markdown()


def test_real_gates_of_an_installed_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("calibrated_net.py").write_text(network(1))
    clip, protocol = ClipShape(8, 32, 32), LatencyProtocol(threads=1)
    pacing = Pacing(seconds=0.05, warm_up=0.01, turn=5.0)
    found = calibrate(Plan((Wanted("calibrated_net:make", 5),), clip, protocol, most=2, pacing=pacing), 1)
    assert [len(pairs) for gate in found.gates for pairs in gate.values()] == [2]
    wrong = Plan((Wanted("calibrated_net:other", 5),), clip, protocol, pacing=pacing)
    with pytest.raises(InputError, match=r"calibrated_net:other cannot be timed: base: .*'other' is not there"):
        calibrate(wrong, 1)
