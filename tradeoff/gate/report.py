"""What a gate says to people and programs: a table, sentences, the protocol; as Markdown; and everything as JSON."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradeoff.gate.outcome import WORDS, Exact, Outcome, VariantOutcome
from tradeoff.gate.verdict import Ratio, Rule, Verdict

if TYPE_CHECKING:
    from tradeoff.gate.against import Comparison
    from tradeoff.gate.benchmark_json import Compared
    from tradeoff.gate.calibrate import Calibration
    from tradeoff.gate.stored import Found

HEADINGS = {
    "name": "variant",
    "verdict": "verdict",
    "change": "latency of head [interval]",
    "base": "base ms",
    "head": "head ms",
    "pairs": "pairs",
    "macs": "MACs",
    "params": "params",
    "activation_bytes": "activations",
}
STORED_HEADINGS = {
    "name": "variant",
    "setting": "setting",
    "verdict": "verdict",
    "change": "by the yardstick [interval]",
    "base": "stored ms",
    "head": "ms now",
    "processes": "processes",
    "gflops": "matrix product",
}
BENCHMARK_HEADINGS = {
    "name": "benchmark",
    "verdict": "verdict",
    "change": "head [interval]",
    "base": "base ms",
    "head": "head ms",
}
_MARKS = {
    Verdict.SLOWER: "🔴",
    Verdict.FASTER: "🟢",
    Verdict.SAME: "⚪",
    Verdict.CANNOT_TELL: "🟡",
    Verdict.NOT_COMPARED: "⚫",
}
_TEXTS = ("name", "verdict", "setting")


@dataclass(frozen=True)
class Report:
    """rows: texts by the keys of `headings`, with the verdict under "verdict". verdicts: of all that was asked for, of
    what has no row too. notes: sentences. caption: the protocol, a line each. record: everything, plain values."""

    title: str
    headings: Mapping[str, str]
    rows: Sequence[Mapping[str, str]]
    verdicts: Sequence[Verdict]
    notes: Sequence[str]
    caption: Sequence[str]
    record: Mapping[str, Any]

    @property
    def headline(self) -> str:
        """How many have which verdict."""
        counts = Counter(self.verdicts)
        return ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])

    def markdown(self) -> str:
        """A summary for a pull request."""
        lines = [f"### {': '.join(filter(None, (self.title, self.headline)))}", ""]
        lines += [*self._table(), ""] if self.rows else []
        lines += [f"- {_escaped(note)}" for note in self.notes]
        lines += ["", "<details><summary>How this was measured</summary>", ""]
        lines += [*(_escaped(line) for line in self.caption), "", "</details>"]
        return "\n".join(lines) + "\n"

    def _table(self) -> Iterator[str]:
        yield f"| {' | '.join(self.headings.values())} |"
        yield f"| {' | '.join('---' if key in _TEXTS else '---:' for key in self.headings)} |"
        for row in self.rows:
            marked = {**row, "verdict": f"{_MARKS[Verdict(row['verdict'])]} {row['verdict']}"}
            yield f"| {' | '.join(_escaped(marked[key]) for key in self.headings)} |"


def of_revisions(outcome: Outcome) -> Report:
    """Of two revisions."""
    return Report(
        "Latency gate",
        HEADINGS,
        [_revision_row(each) for each in outcome.variants],
        [each.verdict for each in outcome.variants],
        list(_revision_notes(outcome)),
        _revision_caption(outcome),
        outcome.as_record(),
    )


def _revision_row(found: VariantOutcome) -> dict[str, str]:
    return {
        "name": found.name,
        "verdict": str(found.verdict),
        "change": _change(found.ratio),
        "base": _ms(found.median_ms("base")),
        "head": _ms(found.median_ms("head")),
        "pairs": str(len(found.pairs) or ""),
        **{key: _count_change(found.exact, key) for key in WORDS},
    }


def _revision_notes(outcome: Outcome) -> Iterator[str]:
    for each in outcome.variants:
        yield from (f"{each.name}: {line}" for line in each.exact.lines())
        if each.case is not None and each.why:
            yield f"{each.name}: cannot tell: {each.why}"


def _revision_caption(outcome: Outcome) -> list[str]:
    values, rule = outcome.protocol, outcome.rule
    return [
        f"Head is {outcome.head}, base is {outcome.base}. {outcome.made['device']}, {values['runtime']}, "
        f"{values['precision']}, {values['layout']}, {_threads(values['threads'])}, clip {values['clip']}, batch "
        f"{values['batch']}, width {values['width']:g}, random weights; {outcome.seconds:.0f} s.",
        "Each pair is a fresh process of base and one of head, which take turns A B B A; the ratio of their medians, "
        f"Student's t on its logarithm over pairs. {_error(rule)}",
        _meaning(rule) + " MACs, parameters and activation memory are counted: = is exactly equal.",
    ]


def of_stored(found: Found, compared: Sequence[Comparison], rule: Rule) -> Report:
    """Of what is installed and a folder of records."""
    from tradeoff.gate.against import LESS

    rows = [
        {
            "name": each.name,
            "setting": each.setting,
            "verdict": str(each.verdict),
            "change": _change(each.ratio),
            "base": _ms(each.stored_ms),
            "head": _ms(each.now_ms),
            "processes": f"{each.stored_processes}, {each.now_processes}",
            "gflops": "" if each.gflops is None else f"{each.gflops - 1:+.1%}",
        }
        for each in compared
    ]
    return Report(
        "Latency gate, against records",
        STORED_HEADINGS,
        rows,
        [*(each.verdict for each in compared), *(Verdict.NOT_COMPARED for _ in found.left_out)],
        [*(f"{each.name}: cannot tell: {each.why}" for each in compared if each.why), *found.left_out, *found.notes],
        [
            f"Now, over the records in {found.root}: latency times the rate of a matrix product of the same minute; "
            f"Welch's t on logarithms over processes, {rule.error:.1%} of error over all variants (Holm), if the "
            "yardstick took all of the hours between away.",
            _meaning(rule),
            f"This is less than a gate of two revisions: {LESS}.",
        ],
        {
            "against": str(found.root),
            "compared": [each.as_record() for each in compared],
            "left_out": list(found.left_out),
            "notes": list(found.notes),
            "rule": rule.model_dump(),
        },
    )


def of_benchmarks(base: Path, head: Path, compared: Sequence[Compared], rule: Rule, less: Sequence[str]) -> Report:
    """Of two files of pytest-benchmark."""
    rows = [
        {
            "name": each.name,
            "verdict": str(each.verdict),
            "change": _change(each.ratio),
            "base": _ms(each.base_ms),
            "head": _ms(each.head_ms),
        }
        for each in compared
    ]
    return Report(
        "Latency gate, benchmark files",
        BENCHMARK_HEADINGS,
        rows,
        [each.verdict for each in compared],
        [f"{each.name}: {each.why}" for each in compared],
        [f"Head is {head}, base is {base}; medians over rounds. {_meaning(rule)}", *(f"{each}." for each in less)],
        {
            "base": str(base),
            "head": str(head),
            "compared": [vars(each) | {"ratio": each.ratio and vars(each.ratio)} for each in compared],
            "less": list(less),
            "rule": rule.model_dump(),
        },
    )


def of_calibration(found: Calibration) -> Report:
    """Of gates of networks against themselves: no verdict, figures in words."""
    values = found.protocol
    caption = (
        f"{found.made['device']}, {values['runtime']}, {values['precision']}, {values['layout']}, "
        f"{_threads(values['threads'])}, clip {values['clip']}, width {values['width']:g}, budget "
        f"{values['budget_s']:g} s a gate; {found.seconds:.0f} s in all. Slowdowns are added to the measured pairs."
    )
    return Report("Calibration of the latency gate", {}, [], [], list(found.lines()), [caption], found.as_record())


def _error(rule: Rule) -> str:
    return f"The error of {rule.error:.1%} is over all variants (Holm) and all looks together."


def _meaning(rule: Rule) -> str:
    return (
        f"SLOWER, FASTER: the interval is clear of no change, and the estimate beyond {rule.floor:.1%}. SAME: the "
        f"interval is within {rule.same:.1%}."
    )


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _change(ratio: Ratio | None) -> str:
    return "" if ratio is None else str(ratio)


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _count_change(exact: Exact, key: str) -> str:
    if key not in exact.base:
        return ""
    before, after = exact.base[key], exact.head[key]
    if before == after:
        return "="
    return f"{after / before - 1:+.2%}" if before else f"{after:,}"


def _escaped(text: str) -> str:
    """Names and sentences come from a checkout: nothing in them is markup, and nothing ends a row."""
    text = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_{}\[\]|~#])", r"\\\1", text).replace("@", "@\u200b")  # nobody is called
