"""What people and pull requests are told."""

from __future__ import annotations

import numpy as np
import pytest

from tradeoff.gate.outcome import Exact, Outcome, VariantOutcome
from tradeoff.gate.pairs import Pair, Passes
from tradeoff.gate.report import of_revisions
from tradeoff.gate.sequential import Case
from tradeoff.gate.verdict import Rule, Verdict, paired_ratio

PROTOCOL = {
    "clip": "16x64x64",
    "classes": 400,
    "width": 0.25,
    "runtime": "eager",
    "precision": "float32",
    "layout": "channels_last_3d",
    "batch": 1,
    "threads": 2,
    "device": "cpu",
}
COUNTS = {"macs": 1000, "params": 100, "activation_bytes": 4096}


def outcome(*variants: VariantOutcome) -> Outcome:
    return Outcome(
        "main (0123456789)", "working tree (abcdef0123)", variants, Rule(), PROTOCOL, {"device": "cpu X"}, 61.4
    )


def pair(base: float, head: float) -> Pair:
    sides = (Passes(each, each, 0.1, 30) for each in (base, head, 2.0, 2.0))
    return Pair(*sides)


def slower() -> VariantOutcome:
    pairs = [pair(10.0, 11.0), pair(40.0, 44.4)]
    ratio = paired_ratio([each.log_ratio for each in pairs], 0.5)
    case = Case(ratio=ratio, verdict=Verdict.SLOWER, why="")
    return VariantOutcome("S3D", Exact(COUNTS, {**COUNTS, "macs": 1100, "params": 0}), case, pairs)


def unknown() -> VariantOutcome:
    case = Case(verdict=Verdict.CANNOT_TELL, why="the control, which no change touches, moved too: +5.00%")
    return VariantOutcome("I3D", Exact({}, {}, unknown="head: <b>|`odd` @all"), case, [])


def missing() -> VariantOutcome:
    return VariantOutcome("net:make", Exact({}, {}, failed="head: module 'net' is not there"), None, [])


def test_rows() -> None:
    report = of_revisions(outcome(slower(), unknown(), missing()))
    first, second, third = report.rows
    assert first["verdict"] == "SLOWER"
    assert (first["base"], first["head"]) == ("20", "22.1")  # geometric means: sqrt(10 * 40), sqrt(11 * 44.4)
    assert first["change"].startswith("+10.50% [")
    assert (first["macs"], first["params"], first["activation_bytes"]) == ("+10.00%", "-100.00%", "=")
    assert first["pairs"] == "2"
    assert second["verdict"] == "CANNOT TELL"
    assert second["macs"] == ""
    assert third["verdict"] == "NOT COMPARED"
    assert report.headline == "1 SLOWER, 1 CANNOT TELL, 1 NOT COMPARED"
    assert report.verdicts == [Verdict.SLOWER, Verdict.CANNOT_TELL, Verdict.NOT_COMPARED]


def test_everything_is_said_in_sentences() -> None:
    notes = of_revisions(outcome(slower(), unknown(), missing())).notes
    assert notes == [
        "S3D: 1,000 multiply-adds became 1,100 (+10.00%)",
        "S3D: 100 parameters became 0 (-100.00%)",
        "I3D: not counted: head: <b>|`odd` @all",
        "I3D: cannot tell: the control, which no change touches, moved too: +5.00%",
        "net:make: not compared: head: module 'net' is not there",
    ]


def test_markdown_of_a_pull_request() -> None:
    text = of_revisions(outcome(slower(), unknown(), missing())).markdown()
    lines = text.splitlines()
    assert lines[0] == "### Latency gate: 1 SLOWER, 1 CANNOT TELL, 1 NOT COMPARED"
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 5
    assert {len(line.replace(r"\|", "").split("|")) for line in table} == {11}
    assert "🔴 SLOWER" in table[2]
    assert r"&lt;b&gt;\|\`odd\`" in text  # nothing of a checkout's is markup
    assert "@all" not in text
    assert "61 s" in text
    assert "clip 16x64x64" in text


def test_the_protocol_is_beside_the_numbers() -> None:
    caption = " ".join(of_revisions(outcome(slower())).caption)
    for words in ("main (0123456789)", "cpu X", "eager", "float32", "2 threads", "batch 1", "1.0%", "2.0%"):
        assert words in caption


def test_a_record_of_everything() -> None:
    record = outcome(slower(), missing()).as_record()
    assert record["variants"][0]["exact"]["head"]["macs"] == 1100
    assert record["variants"][0]["base_ms"] == pytest.approx(20.0)
    assert np.isclose(record["variants"][0]["ratio"]["estimate"], np.sqrt(1.1 * 1.11))
    assert record["variants"][1]["base_ms"] is None
    assert record["rule"] == {"error": 0.01, "floor": 0.01, "same": 0.02}


@pytest.mark.parametrize(
    ("base", "head", "failed"),
    [
        ({"failed": "no"}, {"failed": "no"}, "both sides: no"),
        ({"failed": "no"}, COUNTS, "base: no"),
        ({"failed": "no"}, {"failed": "never"}, "base: no; head: never"),
        (COUNTS, {"unknown": "an operator", "params": 100}, ""),
    ],
)
def test_what_the_sides_said(base: dict[str, object], head: dict[str, object], failed: str) -> None:
    found = Exact.of(base, head)
    assert found.failed == failed
    assert found.unknown == ("" if failed else "head: an operator")
    assert found.base == found.head == ({} if failed else {"params": 100})
