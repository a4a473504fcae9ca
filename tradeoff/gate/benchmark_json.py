"""Two files of pytest-benchmark compared, `--benchmark-json base.json` and head.json. No clock and no torch here.

Each side is one process. What its luck does to all of its rounds alike cannot be seen from inside, so it is put in from
outside: log(head / base) is taken as normal, with twice the variance between processes of one code, and the sampling
error of both medians, which is known with as many degrees of freedom as there are rounds (Satterthwaite 1946).
Where a yardstick corrects the ratio, the yardstick's own error is not counted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from scipy import stats

from tradeoff.errors import InputError
from tradeoff.gate.verdict import Ratio, Rule, Verdict, holm, student_ratio, undecided, verdict_of
from tradeoff.records.statistics import CONFIDENCE, median_interval

PROCESS_SPREAD = 0.12  # measured: docs/gate.md
"""Standard deviation of the logarithm of a median between plain processes that run the same code."""
FEWEST_ROUNDS = 2
"""Below which a median has no sampling error that could be estimated."""
_MACHINE = {
    "system": "system",
    "machine": "architecture",
    "cpu.brand_raw": "processor",
    "cpu.family": "processor family",
    "cpu.model": "processor model",
    "cpu.count": "number of CPUs",
    "python_implementation": "Python",
}
"""Keys of `machine_info` that have to agree, and what they are. The host's name is none: in CI it is another each time.
"""
_PROTOCOL = {
    "options.timer": "timer",
    "extra_info.tradeoff.protocol.device": "device",
    "extra_info.tradeoff.protocol.clock": "clock",
    "extra_info.tradeoff.protocol.threads": "threads",
    "extra_info.tradeoff.protocol.mode": "mode",
}
"""Keys of a benchmark that have to agree, and what they are."""
_YARDSTICK = {
    "extra_info.tradeoff.yardstick.matrix": "rows",
    "extra_info.tradeoff.yardstick.precision": "precision",
    "extra_info.tradeoff.versions.torch": "torch",
}
"""Keys of a benchmark that have to agree if one yardstick is to be held against the other."""
_VERSIONS = {"extra_info.tradeoff.versions.torch": "torch", "extra_info.tradeoff.versions.tradeoff": "tradeoff"}
_QUARTILES = float(2 * stats.norm.ppf(0.75))  # between the quartiles of a normal distribution, in standard deviations


@dataclass(frozen=True)
class Compared:
    """A benchmark's medians, milliseconds, and what their ratio lets one say; `why` is a sentence.

    ratio: head over base, by the yardstick where `why` says so. None where there is nothing to compare: a benchmark
        that only one file has (the other median is None too), or whose two sides are not alike.
    """

    name: str
    base_ms: float | None
    head_ms: float | None
    ratio: Ratio | None
    verdict: Verdict
    why: str


def compare_files(base: Path, head: Path, rule: Rule, process_spread: float = PROCESS_SPREAD) -> list[Compared]:
    """Every benchmark of either file, in the order of `base`, then those that `head` alone has.

    process_spread: standard deviation of log median between processes of one code. `rule.error` is over all benchmarks
    of the two files together (Holm 1979).
    Raises InputError for a file that pytest-benchmark did not write or that holds something that is no duration, for
    files of different machines or with no benchmark in common, and for a spread that is not above 0.
    """
    if not (math.isfinite(process_spread) and process_spread > 0):
        raise InputError(f"process_spread {process_spread!r} is no standard deviation of logarithms: use one above 0")
    sides = _read(base), _read(head)
    _require_one_machine(*sides)
    names = [name for name in sides[0].entries if name in sides[1].entries]
    if not names:
        raise InputError(
            f"{base} and {head} have no benchmark in common: {_first(sides[0])}, {_first(sides[1])}; "
            "run the same tests from the same folder for both"
        )
    pairs = {name: _Pair(sides[0].entries[name], sides[1].entries[name]) for name in names}
    beside = _host_note(*sides)
    judged = _judge({name: pair for name, pair in pairs.items() if not pair.refusal}, rule, process_spread, beside)
    found = {
        name: judged.get(name) or _nothing(name, pair.base.median_ms, pair.head.median_ms, pair.refusal)
        for name, pair in pairs.items()
    }
    found |= {name: _only(base, entry, "base") for name, entry in sides[0].entries.items() if name not in found}
    found |= {name: _only(head, entry, "head") for name, entry in sides[1].entries.items() if name not in found}
    return list(found.values())


def less(compared: Sequence[Compared], rule: Rule, process_spread: float = PROCESS_SPREAD) -> list[str]:
    """How much less such files can tell than a gate, in sentences."""
    count = sum(each.ratio is not None for each in compared)
    widest = math.exp(float(stats.norm.isf(rule.error / max(1, count) / 2)) * math.sqrt(2) * process_spread) - 1
    said = [
        "Each side is one process: its luck (where its memory lies, page faults, the minute it ran in) is in the ratio "
        "and cannot be seen from inside however many rounds it has",
        f"Processes of one code are taken to differ by {process_spread:.3g} (standard deviation of the logarithm of a "
        f"median), so at an error of {rule.error:.2%} over {_plural(count, 'benchmark')} nothing below {widest:+.0%} "
        "is called SLOWER",
    ]
    if widest > rule.same:
        said.append(f"SAME cannot be said, as it needs an interval within {rule.same:.1%} of no change")
    said.append(
        "`tradeoff gate` runs both sides in turn in many fresh processes, and sees the luck instead of assuming it"
    )
    return said


@dataclass(frozen=True)
class _Entry:
    """A benchmark of a file. error: the standard error of the logarithm of its median; None if that is not known."""

    median_ms: float
    rounds: int
    error: float | None
    raw: Mapping[str, Any]

    @property
    def gflops(self) -> float | None:
        rate = _at(self.raw, "extra_info.tradeoff.yardstick.gflops")
        return float(rate) if _is_positive(rate) else None


@dataclass(frozen=True)
class _File:
    path: Path
    machine: Mapping[str, Any]
    entries: Mapping[str, _Entry]


@dataclass(frozen=True)
class _Pair:
    """One benchmark of both files."""

    base: _Entry
    head: _Entry

    @property
    def refusal(self) -> str:
        """Why the two are not compared, or nothing."""
        if differ := _differences(self.base.raw, self.head.raw, _PROTOCOL):
            return f"the two were not timed alike: {differ}"
        if min(self.base.rounds, self.head.rounds) < FEWEST_ROUNDS:
            return "one round says nothing about how much rounds differ: time it with at least 6, in both files"
        return ""

    @property
    def by_yardstick(self) -> bool:
        """Whether both know what the same matrix product, by the same PyTorch, took at their minute."""
        known = self.base.gflops is not None and self.head.gflops is not None
        return known and not _differences(self.base.raw, self.head.raw, _YARDSTICK)

    @property
    def centre(self) -> float:
        """log(head / base): of latencies, or of latencies times what the machine did a second at their minute."""
        plain = math.log(self.head.median_ms / self.base.median_ms)
        if self.by_yardstick and self.base.gflops and self.head.gflops:
            return plain + math.log(self.head.gflops / self.base.gflops)
        return plain

    def spread(self, process_spread: float) -> tuple[float, float]:
        """Standard error of `centre`, and its degrees of freedom."""
        errors = [((side.error or 0.0) ** 2, side.rounds - 1) for side in (self.base, self.head)]
        variance = 2 * process_spread**2 + sum(part for part, _ in errors)
        rough = sum(part**2 / freedom for part, freedom in errors)
        return math.sqrt(variance), variance**2 / rough if rough > 0 else math.inf

    def ratio(self, error: float, process_spread: float) -> Ratio:
        spread, freedom = self.spread(process_spread)
        return student_ratio(self.centre, spread, freedom, error, pairs=1)

    @property
    def notes(self) -> list[str]:
        said = []
        if self.by_yardstick:
            plain = self.head.median_ms / self.base.median_ms - 1
            said.append(
                f"corrected by the yardstick, {self.base.gflops:.4g} and {self.head.gflops:.4g} GFLOP/s: "
                f"without it {plain:+.1%}"
            )
        unsteady = [
            name
            for name, side in (("base", self.base), ("head", self.head))
            if _at(side.raw, "extra_info.tradeoff.steady") is False
        ]
        if unsteady:
            said.append(f"the passes of {' and '.join(unsteady)} were not steady")
        if versions := _differences(self.base.raw, self.head.raw, _VERSIONS):
            said.append(f"the versions differ: {versions}")
        return said


def _judge(pairs: Mapping[str, _Pair], rule: Rule, process_spread: float, beside: Sequence[str]) -> dict[str, Compared]:
    p = {name: pair.ratio(rule.error, process_spread).p for name, pair in pairs.items()}
    judged = {}
    for name, level in holm(p, rule.error, among=max(1, len(p))).items():
        pair = pairs[name]
        ratio = pair.ratio(level, process_spread)
        verdict = verdict_of(ratio, rule)
        why = "; ".join([_reason(ratio, verdict, rule), *pair.notes, *beside])
        judged[name] = Compared(name, pair.base.median_ms, pair.head.median_ms, ratio, verdict, why)
    return judged


def _reason(ratio: Ratio, verdict: Verdict, rule: Rule) -> str:
    chance, error = ratio.high / ratio.estimate - 1, 1 - ratio.confidence
    luck = f"the luck of two processes, up to {chance:.1%} at an error of {100 * error:.3g}%"
    if verdict == Verdict.SAME:
        return f"within {rule.same:.1%} of no change, {luck}, included"
    if verdict != Verdict.CANNOT_TELL:
        return f"more than {luck}"
    return f"it may be {luck}" if ratio.low <= 1 <= ratio.high else undecided(ratio, rule)


def _nothing(name: str, base_ms: float | None, head_ms: float | None, why: str) -> Compared:
    return Compared(name, base_ms, head_ms, None, Verdict.CANNOT_TELL, why)


def _only(path: Path, entry: _Entry, side: str) -> Compared:
    base_ms, head_ms = (entry.median_ms if side == each else None for each in ("base", "head"))
    why = f"only {side} has it ({path}), so there is nothing to compare it with"
    return _nothing(str(entry.raw["fullname"]), base_ms, head_ms, why)


def _read(path: Path) -> _File:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"benchmark file {path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # no JSON, or no UTF-8
        raise InputError(
            f"benchmark file {path} is not JSON ({error}): use one that pytest --benchmark-json wrote"
        ) from error
    wanted = {"benchmarks": list, "machine_info": dict}
    for key, kind in wanted.items():
        if not isinstance(content, dict) or not isinstance(content.get(key), kind):
            raise InputError(
                f"benchmark file {path} has no {key!r} {'list' if kind is list else 'section'}: "
                "use one that pytest --benchmark-json wrote"
            )
    return _File(path, content["machine_info"], _entries(path, content["benchmarks"]))


def _entries(path: Path, listed: Sequence[Any]) -> dict[str, _Entry]:
    entries: dict[str, _Entry] = {}
    for number, raw in enumerate(listed):
        where = f"benchmark file {path}: benchmarks[{number}]"
        name = raw.get("fullname") if isinstance(raw, dict) else None
        if not isinstance(name, str):
            raise InputError(f"{where} has no 'fullname': use a file that pytest --benchmark-json wrote")
        if name in entries:
            raise InputError(f"{where} is {name!r} a second time: use a file of one run, with each benchmark once")
        entries[name] = _entry(f"{where} ({name})", raw)
    return entries


def _entry(where: str, raw: Mapping[str, Any]) -> _Entry:
    if not isinstance(raw.get("stats"), dict):
        raise InputError(f"{where} has no 'stats': use a file that pytest --benchmark-json wrote")
    median, rounds = (_at(raw, f"stats.{key}") for key in ("median", "rounds"))
    if not _is_positive(median):
        raise InputError(f"{where}: stats.median is {median!r}; it must be seconds, a number above 0")
    if not (isinstance(rounds, int) and not isinstance(rounds, bool) and rounds >= 1):
        raise InputError(f"{where}: stats.rounds is {rounds!r}; it must be a count of 1 or more")
    data = _at(raw, "stats.data")
    if data:
        _check_rounds(where, data, rounds)
        error = _error_of_rounds(data)
    else:
        error = _error_of_summary(where, raw, median, rounds)
    return _Entry(1e3 * median, rounds, error, raw)


def _check_rounds(where: str, data: Any, rounds: int) -> None:
    if not isinstance(data, list) or len(data) != rounds:
        raise InputError(f"{where}: stats.data is not a list of the {rounds} rounds that stats.rounds says")
    wrong = [value for value in data if not _is_positive(value)]
    if wrong:
        raise InputError(f"{where}: stats.data holds {wrong[0]!r}; it must be seconds, numbers above 0")


def _error_of_rounds(data: Sequence[float]) -> float | None:
    """From the order-statistic interval of the median, whose coverage under 6 rounds is that of their range."""
    if len(data) < FEWEST_ROUNDS:
        return None
    interval = median_interval(data)
    beyond = max((1 - CONFIDENCE) / 2, 0.5 ** len(data))
    return math.log(interval.high / interval.low) / (2 * float(stats.norm.isf(beyond)))


def _error_of_summary(where: str, raw: Mapping[str, Any], median: float, rounds: int) -> float | None:
    """As if rounds were normal: the median of n has a variance of pi / 2 times that of the mean of n."""
    if rounds < FEWEST_ROUNDS:
        return None
    for key, standard in (("iqr", _QUARTILES), ("stddev", 1.0)):
        value = _at(raw, f"stats.{key}")
        if _is_positive(value):
            return float(math.sqrt(math.pi / 2 / rounds) * value / standard / median)
        if value != 0:  # which is what rounds finer than the timer's ticks have
            raise InputError(f"{where}: stats.{key} is {value!r}; it must be seconds, a number of 0 or more")
    return 0.0


def _require_one_machine(base: _File, head: _File) -> None:
    if differ := _differences(base.machine, head.machine, _MACHINE):
        raise InputError(
            f"{base.path} and {head.path} are of different machines: {differ}; compare files that one machine wrote"
        )


def _host_note(base: _File, head: _File) -> list[str]:
    """Another host of the same kind, as in CI, is admitted, and said."""
    hosts = [_at(side.machine, "node") for side in (base, head)]
    versions = _differences(base.machine, head.machine, {"python_version": "Python"})
    said = [f"the hosts are two of one kind, {hosts[0]} and {hosts[1]}"] if hosts[0] != hosts[1] else []
    return said + ([f"the versions differ: {versions}"] if versions else [])


def _differences(base: Mapping[str, Any], head: Mapping[str, Any], keys: Mapping[str, str]) -> str:
    pairs = [(words, _at(base, key), _at(head, key)) for key, words in keys.items()]
    return ", ".join(f"{words} {ours!r} in base, {theirs!r} in head" for words, ours, theirs in pairs if ours != theirs)


def _at(values: Any, key: str) -> Any:
    """The value under a dotted key, None where there is none."""
    return reduce(lambda found, part: found.get(part) if isinstance(found, Mapping) else None, key.split("."), values)


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0


def _first(side: _File) -> str:
    name = next(iter(side.entries), None)
    return f"{side.path} has none" if name is None else f"{side.path} begins with {name!r}"


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")
