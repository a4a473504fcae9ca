"""What the documentation points at is there: links, sweep files, commands with their options, networks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from documents import DOCS, PAGES, ROOT, anchors, blocks, command_lines, links, prose, spans

from tradeoff.cli import app
from tradeoff.variants import PEERS, InceptionVariant, Variant
from tradeoff.variants.inception import CHOICES, KNOBS

UsageError = typer.BadParameter.__mro__[1]  # typer brings a click of its own, or stands on the installed one

COMMAND = typer.main.get_command(app)

_NETWORK = re.compile(
    r"(?:(?:Top|Bottom)-Heavy-[IS]3D-\d+|Fast-S3D|[IS]3D|I2D|Inception-[23s]{11})(?:-G)?(?:\([^)]*\))?"
)
_LOOKS_LIKE_ONE = re.compile(r"[\w.-]*(?:I2D|I3D|S3D|Inception-)[\w.-]*(?:\(.*\))?")
_CURVE = re.compile(r"(?:Top|Bottom)-Heavy-(?:[IS]3D(?:-K)?)?|Inception-")  # or the beginning of a name


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), f"{target}: no such file"
        if anchor:
            assert anchor in anchors(file), f"{target}: no such heading"


def test_every_page_of_docs_is_in_the_index() -> None:
    index = ROOT / "docs/README.md"
    assert {target.partition("#")[0] for target in links(index)} >= {page.name for page in DOCS if page != index}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_sweep_files_that_are_named_are_there(page: Path) -> None:
    for name in re.findall(r"\bsweeps/[\w/.-]+\.yaml", page.read_text()):
        assert (ROOT / name).is_file(), name


def parse(words: list[str], *, whole: bool) -> None:
    """Finds the command and parses its options without running it; `whole` commands have all their arguments too.
    Raises UsageError."""
    command = COMMAND
    context = command.context_class(command)
    while (inner := getattr(command, "commands", None)) and words and not words[0].startswith("-"):
        name, *words = words
        if name not in inner:
            raise UsageError(f"no command {name}")
        command, context = inner[name], command.context_class(inner[name], context)
    if whole and "--help" not in words:
        command.parse_args(context, list(words))
    else:
        command.make_parser(context).parse_args(list(words))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_commands_exist_with_their_options(page: Path) -> None:
    for block in blocks(page):
        for words in command_lines(block.text if block.language in ("", "console", "bash") else ""):
            parse(words, whole=True)
    for span in spans(page):
        for words in command_lines(span if span.startswith("tradeoff ") and "..." not in span else ""):
            parse(words, whole=False)


@pytest.mark.parametrize(
    "line", ["sweeep x.yaml", "sweep x.yaml --dry", "sweep", "report --sort", "results list"], ids=lambda line: line
)
def test_what_does_not_exist_is_noticed(line: str) -> None:
    with pytest.raises(UsageError):
        parse(line.split(), whole=True)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_networks_that_are_named_exist(page: Path) -> None:
    text = prose(page) + "".join(block.text for block in blocks(page))
    for name in set(_NETWORK.findall(text)) | {span for span in spans(page) if _LOOKS_LIKE_ONE.fullmatch(span)}:
        if not _CURVE.fullmatch(name):
            Variant.parse(name)


def test_the_page_on_the_family_has_all_networks_of_torchvision() -> None:
    assert set(PEERS) - set(spans(ROOT / "docs/family.md")) == set()


def test_the_page_on_the_family_has_all_knobs() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \|", (ROOT / "docs/family.md").read_text(), re.M)
    found = {knob: (usual, others) for knob, usual, others in rows if knob in KNOBS}
    assert set(found) == set(KNOBS)
    for knob, (usual, others) in found.items():
        default = getattr(InceptionVariant(), knob)
        assert re.match(rf"`?{str(default).lower()}\b", usual), knob
        for other in CHOICES.get(knob, (default,)):
            assert other == default or re.search(rf"\b{str(other).lower()}\b", others), f"{knob}: {other}"
