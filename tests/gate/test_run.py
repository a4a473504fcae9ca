"""Real gates, between real commits, of networks so small that a pair takes its processes' start."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from gate_repositories import commit, network

import tradeoff
from tradeoff.clip_shape import ClipShape
from tradeoff.errors import InputError
from tradeoff.gate.checkout_code import Wanted
from tradeoff.gate.pairs import Pacing
from tradeoff.gate.run import Plan, run_gate
from tradeoff.gate.verdict import Rule, Verdict, exit_code
from tradeoff.measure.protocol import LatencyProtocol

CLIP = ClipShape(8, 32, 32)


def plan_of(*names: str, most: int = 2, width: float = 1.0) -> Plan:
    wanted = tuple(Wanted(name, 5, width) for name in names)
    pacing = Pacing(seconds=0.1, warm_up=0.02, turn=20.0)
    return Plan(wanted, CLIP, LatencyProtocol(threads=1), budget=600.0, most=most, pacing=pacing)


def test_a_slower_network_one_that_breaks_and_one_that_is_new(tmp_path: Path) -> None:
    broken = network(1) + '\n\ndef fragile(num_classes: int) -> nn.Module:\n    raise RuntimeError("no such layer")\n'
    commit(tmp_path / "repo", {"nets.py": network(1), "frail.py": network(1).replace("def make", "def fragile")}, "one")
    commit(tmp_path / "repo", {"nets.py": network(30), "frail.py": broken, "fresh.py": network(2)}, "two")
    said: list[str] = []
    # At such an error neither chance nor the control's is in the way of what is many times slower.
    plan = replace(plan_of("nets:make", "frail:fragile", "fresh:make", most=5), rule=Rule(error=0.001))
    outcome = run_gate(tmp_path / "repo", "one", "two", plan, said.append)
    slow, frail, fresh = outcome.variants
    # 3 x 3 x 3 x 8 x 8 weights and 8 biases a layer, each weight at 4 x 16 x 16 places.
    assert slow.exact.changed["params"][1] - slow.exact.changed["params"][0] == 29 * (1728 + 8)
    assert slow.exact.changed["macs"][1] - slow.exact.changed["macs"][0] == 29 * 1728 * 1024
    assert slow.verdict == Verdict.SLOWER
    assert slow.ratio is not None
    assert slow.ratio.estimate > 1.5
    assert len(slow.pairs) == 5
    assert (frail.verdict, frail.why) == (Verdict.NOT_COMPARED, "head: RuntimeError: no such layer")
    assert fresh.verdict == Verdict.NOT_COMPARED
    assert fresh.why.startswith("base: variant 'fresh:make' names module 'fresh', which is not there")
    assert exit_code([each.verdict for each in outcome.variants]) == 1
    assert any("multiply-adds became" in line for line in said)  # before anything is timed
    record = outcome.as_record()
    assert record["variants"][0]["verdict"] == "SLOWER"
    assert len(record["variants"][0]["pairs"]) == 5


def test_networks_come_from_the_checkout_and_the_measuring_code_does_not(tmp_path: Path) -> None:
    """A copy of this package, in which the second commit widens a layer and breaks the code that measures."""
    repo = tmp_path / "repo"
    repo.mkdir()
    shutil.copytree(Path(tradeoff.__file__).parent, repo / "tradeoff", ignore=shutil.ignore_patterns("__pycache__"))
    commit(repo, {}, "one")
    trunk = (repo / "tradeoff/networks/inception.py").read_text()
    head = 'raise RuntimeError("the measuring code of the checkout ran")\n'
    changed = trunk.replace("max(1, round(channels * variant.width))", "1 + max(1, round(channels * variant.width))")
    assert changed != trunk
    commit(repo, {"tradeoff/networks/inception.py": changed, "tradeoff/measure/cost.py": head}, "two")
    gone = (repo / "tradeoff/variants/inception.py").read_text().replace('"Fast-S3D"', '"Quick-S3D"')
    commit(repo, {"tradeoff/variants/inception.py": gone}, "three")
    outcome = run_gate(repo, "one", "three", plan_of("I2D", "Fast-S3D", width=0.0625))
    i2d, fast = outcome.variants
    assert len(i2d.pairs) == 2
    assert set(i2d.exact.changed) == {"macs", "params", "activation_bytes"}
    assert all(before < after for before, after in i2d.exact.changed.values())
    assert fast.verdict == Verdict.NOT_COMPARED
    assert fast.why.startswith("head: variant 'Fast-S3D' is unknown")


def test_a_network_of_the_environment_is_the_same_on_both_sides_and_refused(tmp_path: Path) -> None:
    commit(tmp_path / "repo", {"README": "no network here"}, "one")
    (found,) = run_gate(tmp_path / "repo", "one", None, plan_of("I2D", width=0.0625)).variants
    assert found.verdict == Verdict.NOT_COMPARED
    assert found.why.startswith("both sides: module tradeoff.networks was imported from ")


def test_an_operator_without_a_count_is_named_and_the_network_timed(tmp_path: Path) -> None:
    odd = network(1).replace(
        "return self.logits(", "return torch.special.i0e(torch.zeros(1, device=x.device)) * self.logits("
    )
    commit(tmp_path / "repo", {"nets.py": odd}, "one")
    (found,) = run_gate(tmp_path / "repo", "one", None, plan_of("nets:make")).variants
    assert "special_i0e" in found.exact.unknown
    assert found.exact.base["params"] == found.exact.head["params"] == 8 * 3 * 27 + 8 + 1728 + 8 + 8 * 5 + 5
    assert len(found.pairs) == 2


def test_networks_that_end_their_process_or_fail_when_they_run(tmp_path: Path) -> None:
    """Each in its own way, the last one well: the rest is still compared."""
    fatal = "import os\n\n\ndef make(num_classes: int) -> None:\n    os._exit(4)\n"
    late = network(1).replace("return self.logits(", "raise ValueError('only now')\n        return self.logits(")
    commit(tmp_path / "repo", {"fatal.py": fatal, "late.py": late, "nets.py": network(1)}, "one")
    plan = plan_of("fatal:make", "late:make", "nets:make")
    ended, failed, well = run_gate(tmp_path / "repo", "one", None, plan).variants
    assert (ended.verdict, failed.verdict) == (Verdict.NOT_COMPARED, Verdict.NOT_COMPARED)
    assert ended.why == "both sides: the process ended without an answer (exit code 4)"
    assert "ValueError: only now" in failed.why
    assert len(well.pairs) == 2


def test_bad_input_before_anything_runs(tmp_path: Path) -> None:
    commit(tmp_path / "repo", {"nets.py": network(1)}, "one")
    with pytest.raises(InputError, match="'other' is no revision"):
        run_gate(tmp_path / "repo", "other", None, plan_of("nets:make"))
    plan = plan_of("nets:make")
    with pytest.raises(InputError, match="device"):
        run_gate(tmp_path / "repo", "one", None, Plan(plan.variants, CLIP, device="tpu"))
