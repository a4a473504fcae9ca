"""The HTML report in a real Chromium: opened from a file, looked at, clicked, typed into."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tradeoff.records.store import Store
from tradeoff.records.table import load_table
from tradeoff.report.frontier import frontier
from tradeoff.report.html import html_report
from tradeoff.report.html.folder import write_html
from tradeoff.report.html.views import settings
from tradeoff.report.protocols import SETTING, protocol_lines, protocol_names, split_protocols
from tradeoff.report.tables import display_table, latency_cells, units_in_words
from tradeoff.variants import Variant, family_names

REFERENCE = Path(__file__).resolve().parents[2] / "results/reference"
HOSTILE = (
    "</script><script>__pwned=1</script><img src=x onerror=__pwned=2><a href='javascript:__pwned=3'>&lt;b>\u2028${1}"
)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
expect.set_options(timeout=30_000)  # a busy machine is slow, and no bug
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome is installed")
Make = Callable[..., pd.DataFrame]
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All sweeps of the committed records."""
    return write_html(REFERENCE, tmp_path_factory.mktemp("html"))


@pytest.fixture(scope="module")
def shared(browser: Browser, reference: Path) -> Iterator[tuple[Page, list[str]]]:
    """One page of the reference for all tests that need no other window, and what it complained of or asked for."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    told: list[str] = []
    yield _watched(context, reference, told), told
    context.close()


@pytest.fixture
def page(shared: tuple[Page, list[str]]) -> Iterator[Page]:
    """The reference as it opens: with figure4, multiply-adds, all families, nothing chosen."""
    page, told = shared
    page.mouse.move(0, 0)
    page.evaluate("state.hidden.clear(); Object.assign(state, {axis: DATA.axes[0], chosen: null}); chooseSweep(first)")
    page.locator("#sweep").select_option(label="figure4")
    yield page
    assert told == []


def _watched(context: BrowserContext, path: Path, told: list[str]) -> Page:
    page = context.new_page()
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: None if request.url == path.as_uri() else told.append(request.url))
    page.goto(path.as_uri())
    return page


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a file, or tables written as one, and at the end finds that nothing was fetched and nothing complained."""
    contexts: list[BrowserContext] = []
    told: list[str] = []

    def open_page(what: Path | pd.DataFrame, width: int = 1280, **options: Any) -> Page:
        path = what if isinstance(what, Path) else tmp_path / "mine.html"
        if isinstance(what, pd.DataFrame):
            path.write_bytes(html_report({"mine": what}, "results/mine", "", **options.pop("also", {})))
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **options))
        return _watched(contexts[-1], path, told)

    yield open_page
    for context in contexts:
        context.close()
    assert told == []


def choose(page: Page, label: str, name: str) -> None:
    page.get_by_label(label, exact=True).select_option(label=name)


def column(page: Page, heading: str) -> list[str]:
    """The texts of one column of the table, from the top."""
    headings = [text.strip(" ▲▼") for text in page.locator("thead th").all_inner_texts()]
    place = headings.index(heading)
    texts: list[str] = page.eval_on_selector_all("tbody tr", f"rows => rows.map(row => row.cells[{place}].textContent)")
    return texts


def points(page: Page, trace: str = "networks") -> list[list[float]]:
    """What is drawn under a name: cost and accuracy, sorted."""
    script = "name => plot.data.filter(t => t.name === name).flatMap(t => t.x.map((x, i) => [x, t.y[i]]))"
    return sorted(page.evaluate(script, trace))


def expected(rows: pd.DataFrame, column: str, unit: float) -> Any:
    """The same of a table; the page rounds costs to six digits, percentages to three decimals."""
    found = rows[[column, "top1"]].dropna().to_numpy(dtype=float) * [1 / unit, 100]
    return [pytest.approx(pair, rel=1e-5, abs=6e-4) for pair in sorted(found.tolist())]


def on_frontier(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    return rows[frontier(rows[column].to_numpy(dtype=float), rows["top1"].to_numpy(dtype=float))]


def point_at(page: Page, name: str) -> None:
    """Moves the pointer onto a network's point."""
    page.locator("#plot").scroll_into_view_if_needed()
    spot = page.evaluate(
        """name => {
          const row = rowsOf(state.view).find(row => row.name === name), {xaxis, yaxis, _size} = plot._fullLayout;
          const box = plot.getBoundingClientRect();
          return [box.x + _size.l + xaxis.d2p(row[state.axis.column]), box.y + _size.t + yaxis.d2p(row.top1)];
        }""",
        name,
    )
    page.mouse.move(spot[0] - 40, spot[1] - 40)
    page.mouse.move(*spot, steps=3)


def chosen(page: Page) -> list[str]:
    return page.locator("tbody button[aria-pressed=true]").all_inner_texts()


def test_every_sweep_is_there_with_the_numbers_of_the_other_reports(page: Page) -> None:
    names = list(Store(REFERENCE).sweeps())
    assert page.locator("#sweep option").all_inner_texts() == names
    for sweep in names:
        choose(page, "Sweep", sweep)
        part = split_protocols(load_table(REFERENCE, sweep).rows, across=SETTING)[0]
        _, rows = next(settings(part))
        shown = display_table(rows)
        for heading in ("Params (M)", "MACs (G)", "Top-1 % [95 %]", "Latency ms [95 %]"):
            assert column(page, heading) == shown[heading].tolist(), (sweep, heading)
        if rows["top1"].notna().any():
            assert [text.replace("–", "") for text in column(page, "On frontier")] == shown["Frontier"].tolist()  # noqa: RUF001
        assert column(page, "Variant") == rows["variant"].tolist()
        said = protocol_lines(rows)
        assert page.locator("#lines li").all_inner_texts()[: len(said)] == said
        if rows["top1"].notna().any():
            assert points(page) == expected(rows, "macs", 1e9)
            assert points(page, "rings") == expected(on_frontier(rows, "macs"), "macs", 1e9)
        else:
            assert "Accuracy was not measured in this sweep" in page.locator("#empty").inner_text()
            expect(page.locator("#chart")).to_be_hidden()


def test_the_page_opens_with_figure_4_and_its_curves(page: Page, reference: Path) -> None:
    assert 4_800_000 < reference.stat().st_size < 6_000_000
    assert page.evaluate("first.name") == "figure4"  # the sweep with most accuracies
    lines = page.evaluate(
        "plot.data.filter(t => t.line?.dash).map(t => [t.name, t.line.dash, t.line.color, t.x.length])"
    )
    assert [line for line in lines if line[0] != "frontier"] == [
        ["Bottom-Heavy-I3D", "dot", "#0068A8", 6], ["Top-Heavy-I3D", "solid", "#0068A8", 6],
        ["Bottom-Heavy-S3D", "dot", "#CF5A00", 6], ["Top-Heavy-S3D", "solid", "#CF5A00", 6],
    ]  # fmt: skip
    names = page.locator(".infolayer .annotation-text-g").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect().toJSON())"
    )
    pairs = itertools.combinations(names, 2)
    assert len(names) >= 15 and not [each for each in pairs if _overlap(*each)]
    facts = page.locator("#provenance").inner_text()
    for text in ("results/reference", "190: 19 cost, 57 training, 57 accuracy, 57 latency", "torch 2.14.1", "AMD EPYC"):
        assert text in facts


def _overlap(a: dict[str, float], b: dict[str, float]) -> bool:
    across = a["left"] < b["right"] and b["left"] < a["right"]
    return across and a["top"] < b["bottom"] and b["top"] < a["bottom"]


def test_hover_and_choice_in_plot_and_table(page: Page) -> None:
    point_at(page, "Fast-S3D")
    label = page.locator(".hoverlayer .hovertext").text_content() or ""
    protocol = "16x64x64/1024 test clips/centre crop, 1 view/normal frame/3 epochs, batch 16/3 seeds/crossed bootstrap/"
    protocol += "cpu AMD EPYC/eager; float32; channels_last_3d/1 thread/batch 1/3 processes"
    for text in ("Fast-S3D", "80.9 [74.5, 87.3] %", *protocol.split("/")):
        assert text.replace(" ", "") in re.sub(r"\s+", "", label), text
    details = page.get_by_label("The chosen network")
    expect(details.get_by_role("heading")).to_have_text("Fast-S3D")
    expect(details.get_by_role("img")).to_have_attribute("aria-label", "3D units: 3b-5c separable")
    page.mouse.down()
    page.mouse.up()
    assert chosen(page) == ["Fast-S3D"]
    page.get_by_role("button", name="Bottom-Heavy-I3D-4", exact=True).click()
    assert chosen(page) == ["Bottom-Heavy-I3D-4"]
    row = load_table(REFERENCE, "figure4").rows.set_index("variant").loc["Bottom-Heavy-I3D-4"]
    (ring,) = page.evaluate("plot.layout.shapes.map(shape => [shape.xanchor, shape.yanchor])")
    assert ring == pytest.approx([row["macs"] / 1e9, 100 * row["top1"]], rel=1e-4)


def test_families_filter_plot_table_and_frontier(page: Page) -> None:
    rows = load_table(REFERENCE, "figure4").rows
    button = page.get_by_role("button", name="Bottom-heavy separable 3D")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    left = rows[~rows["variant"].str.startswith("Bottom-Heavy-S3D")]
    assert len(left) == 15 and column(page, "Variant") == left["variant"].tolist()
    assert points(page) == expected(left, "macs", 1e9)
    assert points(page, "rings") == expected(on_frontier(left, "macs"), "macs", 1e9)
    assert points(page, "rings") != expected(on_frontier(rows, "macs"), "macs", 1e9)
    expect(page.get_by_role("status")).to_have_text("Bottom-heavy separable 3D hidden: 15 of 19 networks")
    sure = page.get_by_role("columnheader", name="P(frontier)")
    assert sure.count() == 0  # among all networks, beside a frontier of those shown
    page.keyboard.press("Enter")  # the focus stays on it
    assert len(column(page, "Variant")) == 19 and sure.count() == 3
    button.click()
    choose(page, "Sweep", "gating")
    assert len(column(page, "Variant")) == 4  # another sweep begins whole


def test_axes_switch(page: Page) -> None:
    rows = load_table(REFERENCE, "figure4").rows
    for name, key, unit in (
        ("Latency", "latency_ms", 1),
        ("Parameters", "params", 1e6),
        ("Activations", "activation_bytes", 1e6),
    ):
        page.get_by_role("radio", name=name).check()
        assert points(page) == expected(rows, key, unit)
        assert points(page, "rings") == expected(on_frontier(rows, key), key, unit)
    expect(page.get_by_role("radio", name="Peak memory")).to_be_disabled()
    expect(page.locator("#unmeasured")).to_have_text("These latencies were recorded without peak memory.")
    page.get_by_role("radio", name="Parameters").focus()
    page.keyboard.press("ArrowLeft")  # past what is disabled
    expect(page.get_by_role("radio", name="Latency")).to_be_checked()
    assert "Latency (ms)" in page.locator("#plot .xtitle").text_content()  # type: ignore[operator]
    errors = page.evaluate("plot.data.filter(t => t.error_x).length")
    assert errors > 0


def test_protocols_and_runtimes_switch(page: Page) -> None:
    choose(page, "Sweep", "arrow_of_time")
    parts = split_protocols(load_table(REFERENCE, "arrow_of_time").rows)
    assert page.locator("#protocol option").all_inner_texts() == protocol_names(parts) == ["normal", "reversed"]
    choose(page, "Protocol", "reversed")
    assert points(page) == expected(parts[1], "macs", 1e9)
    assert "reversed frame order" in page.locator("#lines").inner_text()
    choose(page, "Sweep", "runtimes")
    rows = load_table(REFERENCE, "runtimes").rows
    choose(page, "Runtime", "openvino bf16")
    own = rows[(rows["runtime"] == "openvino") & (rows["precision"] == "bf16")]
    assert column(page, "Latency ms [95 %]") == latency_cells(own)
    choose(page, "Runtime", "best: the fastest of each")
    assert column(page, "Setting") == ["openvino bf16"] * 4


def test_runtimes_switch_under_accuracies(opened: Open, grid: pd.DataFrame) -> None:
    def probability(rows: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(
            {"p_frontier_latency_ms": (rows["variant"] == "I2D").where(rows["variant"] != "I3D") * 0.83}
        )

    page = opened(grid, also={"probabilities": {"mine": probability}})
    page.get_by_role("radio", name="Latency").check()
    of = dict(settings(grid))
    assert points(page) == expected(of["best"], "latency_ms", 1)
    choose(page, "Runtime", "compile bf16 channels_last_3d")
    assert points(page) == expected(of["compile bf16 channels_last_3d"], "latency_ms", 1)
    assert "out of memory" in column(page, "Latency ms [95 %]")
    assert column(page, "P(frontier) % latency") == ["83", "<1", "<1", "–"]  # noqa: RUF001
    point_at(page, "I2D")
    expect(page.locator(".hoverlayer .hovertext")).to_contain_text("On the frontier with probability 83 %")


def test_the_table_sorts_by_keyboard(page: Page) -> None:
    rows = load_table(REFERENCE, "figure4").rows
    heading = page.get_by_role("columnheader", name="Top-1 % [95 %]")
    expect(heading).to_have_attribute("aria-sort", "none")
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "descending")
    best = rows.sort_values("top1", ascending=False, kind="stable")["variant"].tolist()
    assert column(page, "Variant") == best
    page.keyboard.press("Space")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    assert column(page, "Variant") == rows.sort_values("top1", kind="stable")["variant"].tolist()
    for _ in range(20):  # past the other headings, into the rows: one stop, then up and down
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('tbody') !== null"):
            break
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert chosen(page) == [best[-2]]


def test_the_plot_is_walked_by_keyboard(page: Page) -> None:
    by_cost = load_table(REFERENCE, "figure4").rows.sort_values("macs")["variant"].tolist()
    page.locator("#chart").focus()
    for key, name in (
        ("ArrowRight", by_cost[0]),
        ("ArrowRight", by_cost[1]),
        ("End", by_cost[-1]),
        ("ArrowLeft", by_cost[-2]),
    ):
        page.keyboard.press(key)
        assert chosen(page) == [name]
    assert page.get_by_role("status").inner_text().startswith(f"{by_cost[-2]}, 3D units: ")
    page.keyboard.press("Escape")
    assert chosen(page) == []


def test_strips_are_told_in_words(page: Page) -> None:
    units = ["", "3sss2222222", *(Variant.parse(name).units for name in family_names())]
    assert page.evaluate("all => all.map(unitsInWords)", units) == [units_in_words(each) for each in units]
    assert page.locator("tbody svg.strip").count() == 19
    cells = (
        page.locator("tbody tr").nth(1).locator("svg rect").evaluate_all("all => all.map(e => e.getAttribute('class'))")
    )
    assert [each for each in cells if each != "frame"] == ["full"] * 2 + ["flat"] * 9


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_dark_mode_follows_the_system_and_the_button(page: Page, scheme: Literal["dark", "light"]) -> None:
    page.evaluate("document.documentElement.removeAttribute('data-theme')")
    page.emulate_media(color_scheme=scheme)
    grounds = {"light": "rgb(244, 245, 247)", "dark": "rgb(16, 20, 24)"}
    surfaces = {"light": "#FFFFFF", "dark": "#181D22"}
    button = page.get_by_role("button", name="Dark mode")
    for now in (scheme, "dark" if scheme == "light" else "light"):
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == grounds[now]
        page.wait_for_function("colour => plot.layout.paper_bgcolor === colour", arg=surfaces[now])
        expect(button).to_have_attribute("aria-pressed", str(now == "dark").lower())
        button.click()


def test_a_phone_scrolls_the_table_and_not_the_page(opened: Open, reference: Path) -> None:
    page = opened(reference, width=375, has_touch=True, is_mobile=True)
    for sweep in ("figure4", "runtimes", "hand_gestures_finetuned"):
        choose(page, "Sweep", sweep)
        assert page.evaluate("document.documentElement.scrollWidth") == 375
        assert page.locator("#box").evaluate("box => box.scrollWidth > box.clientWidth")
    page.locator("tbody tr").nth(1).tap()
    expect(page.get_by_label("The chosen network").get_by_role("heading")).to_have_text("Top-Heavy-I3D-2")
    sizes = page.locator("button:visible, select:visible").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 24  # WCAG 2.2, 2.5.8


def test_texts_of_records_neither_run_nor_show_as_markup(opened: Open, mixture: Make) -> None:
    rows = mixture(HOSTILE, recipe=HOSTILE, device=HOSTILE).assign(recipe=HOSTILE, device=HOSTILE, data=HOSTILE)
    page = opened(rows)
    shown = HOSTILE.replace("\u2028", " ")
    assert column(page, "Variant") == ["I2D", "S3D", shown]
    point_at(page, shown)
    label = re.sub(r"\s+", "", page.locator(".hoverlayer .hovertext").text_content() or "")
    assert label.startswith(re.sub(r"\s+", "", shown)) and "Accuracy:" + re.sub(r"\s+", "", shown) in label
    page.locator("tbody tr").nth(2).click()
    assert shown in page.get_by_label("The chosen network").inner_text()
    assert page.locator("img, a:not(.skip), #plot a, .hoverlayer a").count() == 0
    assert page.evaluate("[window.__pwned, document.scripts.length]") == [None, 3]


def test_hundreds_are_listed_by_pages(opened: Open, table: Make) -> None:
    rows = table("I3D").loc[[0] * 700].reset_index(drop=True)
    rows["variant"] = [f"net:make(n={place})" for place in range(700)]
    rows["units"] = ""
    rows["top1"] = np.linspace(0.2, 0.9, 700)
    rows["macs"] = 1e9 * np.linspace(1, 30, 700)[::-1]
    rows.loc[699, "top1"] = 0.99
    page = opened(rows)
    assert len(column(page, "Variant")) == 200
    expect(page.locator("#where")).to_have_text("1 to 200 of 700")
    page.get_by_role("button", name="Next").click()
    assert column(page, "Variant")[0] == "net:make(n=200)"
    point_at(page, "net:make(n=699)")
    expect(page.locator(".hoverlayer .hovertext")).to_contain_text("n=699")
    page.mouse.down()
    page.mouse.up()
    assert chosen(page) == ["net:make(n=699)"]
    expect(page.locator("#where")).to_have_text("601 to 700 of 700")


def test_zoom_and_picture(page: Page) -> None:
    before = page.evaluate("plot.layout.xaxis.range")
    box = page.locator("#plot .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 300, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 300, steps=4)
    page.mouse.up()
    expect(page.get_by_role("button", name="Reset zoom")).to_be_visible()
    low, high = page.evaluate("plot.layout.xaxis.range")
    assert before[0] < low < high < before[1]
    page.get_by_role("button", name="Reset zoom").click()
    assert page.evaluate("plot.layout.xaxis.range") == before
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as SVG").click()
    assert download.value.suggested_filename == "figure4_macs.svg"
    assert download.value.path().read_text().startswith("<svg")
