"""The Markdown pages of the repository, and what is in them: blocks of code, commands, links, anchors.

A comment before a block says what tests do with it: `<!-- file: NAME -->` writes it to a file of that name,
`<!-- run -->` runs it, `<!-- run, says: TEXT -->` also looks for a text in what it prints.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = tuple(sorted((ROOT / "docs").glob("*.md")))
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS, ROOT / "sweeps/paper/README.md")

_BLOCK = re.compile(r"(?:^<!-- (?P<marker>[^>]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_SPAN = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block; `marker` is the comment before it."""

    language: str
    text: str
    marker: str

    @property
    def file(self) -> str | None:
        return self.marker.removeprefix("file: ") if self.marker.startswith("file: ") else None

    @property
    def runs(self) -> bool:
        return self.marker.partition(",")[0] == "run"

    @property
    def says(self) -> str:
        return self.marker.partition("says: ")[2]


def blocks(page: Path) -> list[Block]:
    found = _BLOCK.finditer(page.read_text())
    return [Block(each["language"], each["text"], each["marker"] or "") for each in found]


def prose(page: Path) -> str:
    """The page without its fenced blocks and comments."""
    return re.sub(r"<!--.*?-->", "", _BLOCK.sub("", page.read_text()), flags=re.S)


def spans(page: Path) -> list[str]:
    """What stands between backticks in a line."""
    return [" ".join(each.split()) for each in _SPAN.findall(prose(page))]


def links(page: Path) -> list[str]:
    """Targets of links and pictures, those on the web left out."""
    found = _LINK.findall(prose(page))
    return [target for target in found if not target.startswith(("http://", "https://"))]


def anchors(page: Path) -> set[str]:
    """What a link to a heading of the page may be, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def command_lines(text: str) -> Iterator[list[str]]:
    """The words after `tradeoff` of each command in a block of a shell, comments left out, continued lines joined."""
    for line in re.findall(r".*\btradeoff .*", text.replace("\\\n", " ")):
        reader = shlex.shlex(line, posix=True, punctuation_chars=";&|")
        reader.whitespace_split = True
        for is_end, words in groupby(reader, lambda word: word in (";", "&&", "|", "||")):
            command = list(words)
            if not is_end and "tradeoff" in command:
                yield command[command.index("tradeoff") + 1 :]
