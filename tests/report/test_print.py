"""Whether figures are fit for print: colours that all readers tell apart, letters that can be read, nothing cut off."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from printed import assert_fit_for_print

from tradeoff.report import also_pdf, write_figure
from tradeoff.report.canvas import canvas
from tradeoff.report.curves import COLOURS
from tradeoff.report.deployments import deployment_lines, places
from tradeoff.report.deployments_figure import deployments_figure
from tradeoff.report.figures import pareto_figure
from tradeoff.report.labels import spread_out
from tradeoff.report.layer_costs import KERNELS
from tradeoff.report.orders import order_figure
from tradeoff.report.protocols import protocol_lines
from tradeoff.report.temporal_figure import COLOURS as BRANCHES

Colours = Mapping[Any, str]

# Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision deficiency", IEEE TVCG
# 15(6), 2009: severity 1.0, on linear RGB.
SIGHTS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = np.array([0.95047, 1.0, 1.08883])


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(colour: str, sight: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (1976) of a colour as somebody sees it."""
    share = _TO_XYZ @ np.clip(sight @ linear(colour), 0, 1) / _WHITE
    x, y, z = np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def nearest(colours: Colours, sight: np.ndarray) -> float:
    """The distance of the two that are hardest to tell apart."""
    seen = [lab(colour, sight) for colour in colours.values()]
    return min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2))


def test_distances_are_those_of_the_literature() -> None:
    # Black and white are 100 apart; red and green of equal lightness are far apart, and to a deuteranope near.
    assert nearest({"black": "#000000", "white": "#FFFFFF"}, SIGHTS["normal"]) == pytest.approx(100, abs=0.1)
    red_green = {"red": "#B06030", "green": "#707000"}
    assert nearest(red_green, SIGHTS["normal"]) > 40 > 10 > nearest(red_green, SIGHTS["deuteranopia"])


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize(
    ("colours", "least"),
    [(COLOURS, 18), (BRANCHES, 14), ({kind: colour for kind, (_, colour) in KERNELS.items()}, 18)],
    ids=["kinds", "branches", "kernels"],
)
def test_colour_blind_readers_tell_the_colours_apart(colours: Colours, least: float, sight: str) -> None:
    assert nearest(colours, SIGHTS[sight]) >= least


@pytest.mark.parametrize("colour", [*COLOURS.values(), *BRANCHES.values()])
def test_texts_in_a_colour_stand_out_on_white(colour: str) -> None:
    luminance = float(np.array([0.2126, 0.7152, 0.0722]) @ linear(colour))
    assert 1.05 / (luminance + 0.05) >= 3.5  # WCAG 2's contrast; 3 is its least for figures


def test_what_was_drawn_before_is_fit_for_print(
    figure4: pd.DataFrame, table: Callable[..., pd.DataFrame], grid: pd.DataFrame
) -> None:
    assert_fit_for_print(pareto_figure(figure4, "Figure 4", protocol_lines(figure4)))
    both = pd.concat([table("I2D", "I3D"), table("I2D", "I3D", order="reversed")], ignore_index=True)
    assert_fit_for_print(order_figure(both, "Orders", protocol_lines(both)))
    ((_, part),) = places(grid)
    assert_fit_for_print(deployments_figure(part, "Deployments", deployment_lines(part)))


def test_a_pdf_only_when_asked_and_the_same_each_time(tmp_path: Path) -> None:
    def draw(folder: str) -> dict[str, bytes]:
        figure, (axis,) = canvas(1, "A title", ["A note."], [])
        axis.plot([1, 2], [3, 4])
        return {path.name: path.read_bytes() for path in write_figure(figure, tmp_path / folder, "mine")}

    assert list(draw("plain")) == ["mine.png", "mine.svg"]
    with also_pdf():
        first, second = draw("first"), draw("second")
    assert list(first) == ["mine.png", "mine.svg", "mine.pdf"]
    assert first == second
    assert first["mine.pdf"].startswith(b"%PDF")
    assert b"/FontFile2" in first["mine.pdf"] and b"/Type3" not in first["mine.pdf"]  # which journals refuse
    assert b">A title<" in first["mine.svg"]  # text is text, not outlines
    assert list(draw("after")) == ["mine.png", "mine.svg"]


def test_labels_at_the_ends_of_lines_are_pushed_apart_as_little_as_can_be() -> None:
    sizes, padding = np.full(3, 8.5), 1.5  # so 10 pixels a label
    assert padding + sizes[0] == 10
    apart = spread_out(np.array([50.0, 10.0, 90.0]), sizes, 0, 100)
    np.testing.assert_allclose(apart, [50, 10, 90])
    # Two at one height move five pixels each; three go one up, one down.
    np.testing.assert_allclose(spread_out(np.array([50.0, 50.0]), sizes[:2], 0, 100), [45, 55])
    np.testing.assert_allclose(spread_out(np.array([50.0, 50.0, 50.0]), sizes, 0, 100), [40, 50, 60])
    # At the edge they keep inside, in the order of the heights wanted.
    np.testing.assert_allclose(spread_out(np.array([99.0, 98.0]), sizes[:2], 0, 100), [95, 85])
