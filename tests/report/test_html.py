"""The HTML report as a file: what is in it, what is not, and what a text from a record can do in it."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import webbrowser
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import made_records
import numpy as np
import pandas as pd
import pytest
from plotly.offline import get_plotlyjs

from tradeoff.errors import InputError
from tradeoff.records.store import Store
from tradeoff.report.html import MOST_BYTES, html_report
from tradeoff.report.html.colours import DARK, LIGHT
from tradeoff.report.html.columns import packed
from tradeoff.report.html.families import families
from tradeoff.report.html.folder import write_html
from tradeoff.report.html.page import json_block
from tradeoff.report.html.provenance import provenance
from tradeoff.report.html.views import settings

REFERENCE = Path(__file__).resolve().parents[2] / "results/reference"
HOSTILE = "</script><script>window.__pwned=1</script>&<b>\"'\u2028`${1}{{script}}\x00"
Make = Callable[..., pd.DataFrame]
Tool = Callable[..., tuple[int, str, str]]


class Page(HTMLParser):
    """The elements of a file with their attributes, and the texts of those that hold text alone."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.texts.get(tag, []).append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem in self.texts:
            self.texts[str(self.cdata_elem)][-1] += data

    @property
    def data(self) -> Any:
        return json.loads(self.texts["script"][0])


def made(*tables: pd.DataFrame) -> bytes:
    return html_report({"mine": pd.concat(tables, ignore_index=True)}, "results/mine", "tradeoff report --html")


def view(content: bytes, protocol: int = 0, setting: int = 0) -> Any:
    return Page(content).data["sweeps"][0]["protocols"][protocol]["views"][setting]


def many(table: Make, count: int) -> pd.DataFrame:
    """A row for each of many mixes of units, no two with the same numbers."""
    units = ["".join(letters) for letters in itertools.islice(itertools.product("23s", repeat=11), count)]
    rows = table("I3D").loc[[0] * count].reset_index(drop=True)
    rows = rows.assign(units=units, variant=[f"Inception-{each}" for each in units])
    numbers = [column for column in rows if column.startswith(("top", "latency_")) and rows[column].dtype == float]
    spread = np.random.default_rng(0).uniform(0.5, 1, (count, len(numbers) + 4))
    for column, factors in zip(
        [*numbers, "macs", "params", "activation_bytes", "peak_memory_bytes"], spread.T, strict=True
    ):
        rows[column] = rows[column].iloc[0] * factors
    return rows


def test_texts_of_records_stay_texts(table: Make, mixture: Make) -> None:
    plain = Page(made(table("I2D", "I3D")))
    rows = mixture(HOSTILE, data=HOSTILE, recipe=HOSTILE, device=HOSTILE, interval=HOSTILE).assign(data=HOSTILE)
    content = html_report(
        {HOSTILE: rows}, HOSTILE, HOSTILE, provenance={HOSTILE: [(HOSTILE, [HOSTILE])]}, failed={HOSTILE: [HOSTILE]}
    )
    hostile = Page(content)
    assert hostile.elements == plain.elements
    assert hostile.texts["script"][1:] == plain.texts["script"][1:]
    sweep = hostile.data["sweeps"][0]
    assert (sweep["name"], sweep["failed"], sweep["provenance"]) == (HOSTILE, [HOSTILE], [[HOSTILE, [HOSTILE]]])
    assert HOSTILE in sweep["protocols"][0]["views"][0]["columns"]["variant"]
    assert re.fullmatch(r"[ -~]+", hostile.texts["script"][0])
    assert not re.search("[<>&]", hostile.texts["script"][0])


def test_a_block_of_json_has_nothing_that_html_reads() -> None:
    assert json_block(["<!--&>\u2028é\ud800"]) == r'["\u003c!--\u0026\u003e\u2028\u00e9\ud800"]'


def test_nothing_is_fetched_and_nothing_else_runs(table: Make) -> None:
    page = Page(made(table("I2D", "I3D")))
    plotly = get_plotlyjs()
    assert len(page.texts["script"]) == 3 and page.texts["script"][1] == plotly
    own = [*page.texts["style"], page.texts["script"][0], page.texts["script"][2]]
    addresses = {each for text in own for each in re.findall(r"(?:https?:|url\(|@import|//[a-z])[^\s\"']*", text)}
    assert addresses == {"http://www.w3.org/2000/svg"}
    fetching = {"src", "srcset", "action", "data", "poster", "ping"}
    attributes = [(tag, name, value) for tag, found in page.elements for name, value in found.items()]
    assert not [each for each in attributes if each[1] in fetching or each[1].startswith("on")]
    assert [value for tag, name, value in attributes if name == "href"] == ["#networks"]
    (policy,) = [found["content"] for _, found in page.elements if found.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in str(policy).split(";"))
    digests = [_digest(script) for script in page.texts["script"][1:]]
    assert rules["default-src"] == "'none'" and rules["script-src"].split() == digests
    assert rules["style-src-elem"].split() == [_digest(page.texts["style"][0]), _digest("")]
    assert set(rules) == {"default-src", "script-src", "style-src-elem", "style-src-attr", "base-uri", "form-action"}


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_ten_thousand_networks_fit_and_twenty_thousand_are_refused(
    table: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = many(table, 10_000)
    shares = pd.DataFrame(dict.fromkeys(("p_frontier_macs", "p_frontier_latency_ms"), 0.0), index=rows.index)
    shares[::100] = 0.123
    content = html_report({"mine": rows}, "results", "", probabilities={"mine": lambda _: shares})
    assert 5_000_000 < len(content) < MOST_BYTES == 6_000_000
    assert view(content)["count"] == 10_000
    with pytest.raises(InputError, match=r"of 20000 rows would have 6\.\d\d MB, more than 6: name one sweep with"):
        html_report(dict.fromkeys("ab", rows), "results", "")
    monkeypatch.setattr("tradeoff.report.html.MOST_BYTES", 4_000_000)
    with pytest.raises(InputError, match=r"of 1 rows would have 4\.\d\d MB, more than 4: write pictures and tables"):
        made(table("I2D"))


def test_a_column_takes_no_more_room_than_it_has_to_say() -> None:
    assert packed([0.25, 0.25]) == {"is": 0.25}
    assert packed([float("nan"), None]) == {"is": None}
    assert packed(np.array([1 / 3, 2.0])) == [0.333333, 2]
    assert packed(["eager", None, "eager", "eager"]) == {"of": ["eager", None], "at": [0, 1, 0, 0]}
    assert packed(["a", "b", "c"]) == ["a", "b", "c"]


def test_the_same_records_write_the_same_bytes(tmp_path: Path) -> None:
    made_records.whole_folder(tmp_path / "one/results/local")
    (tmp_path / "two").mkdir()
    (tmp_path / "two/results").symlink_to(tmp_path / "one/results")
    first, second = (write_html(tmp_path / name / "results", tmp_path / name) for name in ("one", "two"))
    assert first.name == "index.html" and first.read_bytes() == second.read_bytes()
    assert str(tmp_path) not in first.read_text()
    data = Page(first.read_bytes()).data
    assert (data["folder"], data["command"]) == ("results/local", "tradeoff report --html --results results/local")
    one = write_html(tmp_path / "one/results", tmp_path, "mine")
    assert one.name == "mine.html" and Page(one.read_bytes()).data["command"].endswith(" --sweep mine")


def test_protocols_are_kept_apart_and_settings_are_views_of_one(table: Make, grid: pd.DataFrame) -> None:
    content = made(table("I2D", "I3D"), table("I2D", order="reversed"))
    found = Page(content).data["sweeps"][0]["protocols"]
    assert [(each["name"], each["views"][0]["count"]) for each in found] == [("normal", 2), ("reversed", 1)]
    assert "normal frame order" in found[0]["views"][0]["protocol"][0]
    names = [name for name, _ in settings(grid)]
    assert names[:3] == ["best", "eager float32 channels_last_3d", "eager float32 contiguous"] and len(names) == 12


def test_a_network_that_was_not_timed_in_a_setting_stays_without_a_latency(deployments: Make) -> None:
    eager, fast = ("eager", "float32", "contiguous"), ("openvino", "bf16", "contiguous")
    rows = deployments({"I2D": {eager: 8.0, fast: 2.0}, "I3D": {eager: 20.0}})
    found = {name: dict(zip(part["variant"], part["latency_ms"], strict=True)) for name, part in settings(rows)}
    assert found["best"] == {"I2D": 2.0, "I3D": 20.0}
    assert found["eager float32"] == {"I2D": 8.0, "I3D": 20.0}
    assert found["openvino bf16"]["I2D"] == 2.0 and np.isnan(found["openvino bf16"]["I3D"])


def test_families(figure4: pd.DataFrame, mixture: Make, table: Make) -> None:
    found = families(figure4)
    curves = ["Top-heavy full 3D", "Bottom-heavy full 3D", "Top-heavy separable 3D", "Bottom-heavy separable 3D"]
    assert list(found.names) == curves
    of = {name: found.looks[place].families for name, place in zip(figure4["variant"], found.look, strict=True)}
    assert (of["I2D"], of["I3D"], of["Top-Heavy-S3D-4"]) == ((0, 1, 2, 3), (0, 1), (2,))
    assert [(found.looks[place].kind, found.looks[place].hollow) for place in found.samples] == [
        ("full", False), ("full", True), ("separable", False), ("separable", True),
    ]  # fmt: skip
    others = families(pd.concat([mixture("r3d_18"), table("S3D-G", "Inception-3ssssssssss")]))
    assert list(others.names) == ["2D", "Separable 3D", "Gated", "Other mixes of units", "Other families"]
    assert [look.symbol for look in others.looks] == ["circle", "circle", "square", "diamond", "circle"]


def test_what_the_records_say_of_themselves(tmp_path: Path) -> None:
    store = made_records.whole_folder(tmp_path)
    keys = {key for each in store.sweeps()["mine"]["keys"].values() for key in each}
    first = sorted((tmp_path / "cost").glob("*.json"))[0]
    made_records.change(first, made={"code": {"version": "9", "commit": "abc", "dirty": True}, "command": "tradeoff x"})
    facts = dict(provenance(Store(tmp_path), {"mine": keys})["mine"])
    assert facts["Records"] == ["10: 2 cost, 2 training, 2 accuracy, 4 latency"]
    assert facts["Code"] == ["tradeoff 9, commit abc, with changes"]
    assert facts["Commands"] == ["tradeoff x"]
    assert "Machines" not in facts


def test_costs_alone_make_a_page_and_nothing_makes_none(table: Make, no_accuracy: dict[str, Any]) -> None:
    assert view(made(table("I2D", "I3D", **no_accuracy)))["columns"]["top1"] == {"is": None}
    with pytest.raises(InputError, match="report 'mine' has no rows: run the sweep first"):
        made(table("I2D").iloc[:0])


def test_probabilities_are_of_the_rows_of_each_picture(table: Make) -> None:
    asked = []

    def probability(rows: pd.DataFrame) -> pd.DataFrame:
        asked.append(rows["order"].tolist())
        return pd.DataFrame({"p_frontier_macs": np.linspace(0.25, 1, len(rows))}, index=rows.index)

    rows = pd.concat([table("I2D", "I3D"), table("I2D", order="reversed")], ignore_index=True)
    content = html_report({"mine": rows}, "results", "", probabilities={"mine": probability})
    assert asked == [["normal", "normal"], ["reversed"]]
    assert view(content)["columns"]["p_frontier_macs"] == [25, 100]


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_texts_have_a_contrast_of_4_5(theme: dict[str, str]) -> None:
    grounds = ("page", "surface", "raised", "chosen")
    kinds = ("flat", "full", "separable", "mixed", "other")
    pairs = [(text, ground) for text in ("ink", "note") for ground in grounds]
    pairs += [(f"name-{kind}", "surface") for kind in kinds] + [("surface", "accent"), ("accent", "surface")]
    assert {pair: ratio for pair in pairs if (ratio := _contrast(*(theme[name] for name in pair))) < 4.5} == {}
    assert _contrast(theme["edge"], theme["surface"]) >= 3  # of what is no text: WCAG 1.4.11


def _contrast(a: str, b: str) -> float:
    """As WCAG 2.2 defines it."""
    low, high = sorted(map(_luminance, (a, b)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("opened", [True, False])
def test_the_command(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: bool) -> None:
    made_records.whole_folder(tmp_path / "results/local")
    asked: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: asked.append(address) or opened)
    code, out, err = tool("report", "--html", "--open")
    assert (code, err) == (0, "")
    assert out.startswith("wrote reports/local/index.html (4.8")
    assert ("no browser could be opened here: open reports/local/index.html" in out) is not opened
    assert asked == [(tmp_path / "reports/local/index.html").as_uri()]
    code, out, _ = tool("report", "--html", "--sweep", "mine", "--json")
    assert (code, json.loads(out)["path"], json.loads(out)["opened"]) == (0, "reports/local/mine.html", False)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--open"], "--open means nothing without --html: add it, or leave --open out"),
        (["--html", "--pareto"], "--pareto means nothing with --html"),
        (["--html", "--search", "grid"], "--search means nothing with --html"),
        (["--html", "--sweep", "other"], "sweep 'other' was not run into results/local: it holds mine"),
        (["--html", "--results", "nowhere"], "results folder nowhere does not exist"),
    ],
)
def test_bad_input_is_one_sentence(tool: Tool, tmp_path: Path, arguments: list[str], part: str) -> None:
    made_records.whole_folder(tmp_path / "results/local")
    code, out, err = tool("report", *arguments)
    assert (code, out) == (2, "") and part in err and len(err.splitlines()) == 1
    assert not (tmp_path / "reports").exists()
