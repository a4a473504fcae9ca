"""The claims of a sweep as a section of a report: Markdown, the terminal, JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import rich.box
from rich.console import RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from tradeoff.records.stated import Stated, claims_in
from tradeoff.records.store import Store
from tradeoff.records.table import Table
from tradeoff.report import write_file
from tradeoff.report.claims import CANNOT_TELL, REFUTED, SUPPORTED, Finding, Judged, judge
from tradeoff.report.tables import MISSING, markdown_table, plain_text

NOTES = (
    "SUPPORTED: the whole 95 % interval of the effect is where the claim says; REFUTED: the whole of it is beyond the "
    "claim's margin; else CANNOT TELL, which is not the opposite. What is counted exactly has no interval.",
    "A claim of several parts is SUPPORTED if all are, and REFUTED if any is. It is wrongly SUPPORTED with a "
    "probability of about 2.5 % at most, however many parts it has; of being wrongly REFUTED each part adds as much. "
    "Where a part is about families of equally accurate networks, the larger one was wrongly above the other in up to "
    "5 % of simulations.",
    "Each claim is decided by itself: of many, some will be wrong.",
)
_ONE_SEED = (
    "Of these trainings: with one seed the verdict is about the networks that were trained, and says nothing about "
    "other trainings."
)
_COLOURS = {SUPPORTED: "green", REFUTED: "red", CANNOT_TELL: "yellow"}
_HEADINGS = ("Claim", "Verdict", "Effect [95 %]", "How it was decided")


@dataclass(frozen=True)
class Claims:
    """The claims of one sweep, decided, and the files that were written."""

    sweep: str
    judged: Sequence[Judged]
    paths: Sequence[Path] = ()

    @property
    def refuted(self) -> bool:
        return any(each.verdict == REFUTED for each in self.judged)

    def as_record(self) -> dict[str, Any]:
        written = [str(path) for path in self.paths]
        return {"claims": [as_record(each) for each in self.judged], "claims_paths": written}

    def renderables(self) -> list[RenderableType]:
        """For the terminal; nothing where a sweep claims nothing."""
        tables = [rich_claims(self.judged, f"{self.sweep}: claims")] if self.judged else []
        return [*tables, *(f"wrote {path}" for path in self.paths)]


NO_CLAIMS = Claims("", ())


def report_claims(store: Store, sweep: str, table: Table, out: Path, stated: Sequence[Stated] | None = None) -> Claims:
    """Decide the claims in a sweep's entry, or those `stated`, on its joined table, and write `<sweep>_claims.md`.

    Without claims nothing is written. Raises InputError for an entry whose claims cannot be read, and for a folder that
    cannot be written.
    """
    if stated is None:
        stated = claims_in(store, sweep)
    judged = judge(table, stated)
    text = f"# {sweep}: claims\n\n{markdown(judged)}"
    return Claims(sweep, judged, [write_file(out / f"{sweep}_claims.md", text.encode())] if judged else [])


def as_record(judged: Judged) -> dict[str, Any]:
    return {
        "says": judged.claim.says or judged.claim.sentence,
        "verdict": judged.verdict,
        "scope": judged.scope,
        "parts": [_part_record(each) for each in judged.findings],
    }


def _part_record(finding: Finding) -> dict[str, Any]:
    interval = finding.effect.interval if finding.effect else None
    bounds = {name: getattr(interval, name, None) for name in ("estimate", "low", "high")}
    said = {"says": finding.part.sentence, "verdict": finding.verdict, "scope": finding.scope}
    return said | bounds | {"unit": finding.part.unit, "how": finding.how}


def markdown(judged: Sequence[Judged]) -> str:
    """A table of claims and their parts, and under it the rules."""
    rows = [
        [claim if is_part else f"**{claim}**", verdict if is_part else f"**{verdict}**", *rest]
        for is_part, (claim, verdict, *rest) in _rows(judged)
    ]
    return (
        markdown_table(pd.DataFrame(rows, columns=list(_HEADINGS))) + "\n" + "".join(f"- {n}\n" for n in _notes(judged))
    )


def rich_claims(judged: Sequence[Judged], title: str) -> RichTable:
    """The same for the terminal, verdicts coloured."""
    result = RichTable(
        title=plain_text(title, "table.title"),
        caption=plain_text("\n".join(_notes(judged)), "table.caption"),
        title_justify="left",
        caption_justify="left",
        box=rich.box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for heading in _HEADINGS:
        result.add_column(heading, no_wrap=heading == "Verdict")
    for is_part, (claim, verdict, *rest) in _rows(judged):
        colour = next(style for word, style in _COLOURS.items() if verdict.startswith(word))
        style = colour if is_part else f"bold {colour}"
        result.add_row(Text(claim, "" if is_part else "bold"), Text(verdict, style), *map(Text, rest))
    return result


def _rows(judged: Iterable[Judged]) -> Iterable[tuple[bool, list[str]]]:
    """Of each claim a row, and of each of several parts one more; whether it is a part's, and its texts."""
    for each in judged:
        says = each.claim.says or each.claim.sentence
        if len(each.findings) == 1:
            finding = each.findings[0]
            yield False, [says, _verdict(each), _effect(finding), _how(finding, says)]
            continue
        supported = sum(finding.verdict == SUPPORTED for finding in each.findings)
        yield False, [says, _verdict(each), "", f"{supported} of {len(each.findings)} parts are supported"]
        for finding in each.findings:
            said = finding.part.says or finding.part.sentence
            yield True, [f"{MISSING} {said}", _verdict(finding), _effect(finding), _how(finding, said)]


def _verdict(found: Judged | Finding) -> str:
    return f"{found.verdict} {found.scope}".rstrip()


def _how(finding: Finding, says: str) -> str:
    """In the author's words a claim may leave open what was decided."""
    sentence = finding.part.sentence
    return finding.how if says == sentence else f"{sentence}: {finding.how}"


def _effect(finding: Finding) -> str:
    """`+3.6 [-3.5, +11.2] points`; exactly counted, `-50.3 %`."""
    if finding.effect is None:
        return MISSING
    interval, unit = finding.effect.interval, finding.part.unit
    bounds = "" if finding.effect.exact else f" [{interval.low:+.1f}, {interval.high:+.1f}]"
    digits = 1 if abs(interval.estimate) >= 0.1 or not finding.effect.exact else 3
    return f"{interval.estimate:+.{digits}f}{bounds} {unit}"


def _notes(judged: Sequence[Judged]) -> list[str]:
    return [*NOTES, *([_ONE_SEED] if any(finding.scope for each in judged for finding in each.findings) else [])]
