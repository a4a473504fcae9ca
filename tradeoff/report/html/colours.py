"""The colours of a page, light and dark; every text has a contrast of 4.5 to 1 or more with what it stands on."""

from __future__ import annotations

from collections.abc import Mapping

from tradeoff.report.curves import COLOURS
from tradeoff.report.figures import FRONTIER

_KINDS = {str(kind): colour for kind, colour in COLOURS.items()}
_DARK_KINDS = {
    "flat": "#C6CBD1",
    "full": "#62B2EC",
    "separable": "#F38F48",
    "mixed": "#C79EDD",
    "other": "#52C3A5",
}
"""Lighter shades of the same hues, since those of paper are too dark to be read on black."""

LIGHT: Mapping[str, str] = {
    "page": "#F4F5F7",
    "surface": "#FFFFFF",
    "raised": "#EDF1F6",
    "ink": "#1C2024",
    "note": "#555B63",
    "line": "#D5DAE0",
    "edge": "#7A828C",
    "grid": "#E9E9E9",
    "accent": "#0B57D0",
    "chosen": "#E3ECFB",
    "frontier": FRONTIER,
    **_KINDS,
    **{f"name-{kind}": colour for kind, colour in _KINDS.items()},
    "name-separable": "#B85000",  # as text the points' orange has a contrast of 4.1, their olive one of 4.3
    "name-other": "#64745A",
}
DARK: Mapping[str, str] = {
    "page": "#101418",
    "surface": "#181D22",
    "raised": "#232A31",
    "ink": "#E8EAED",
    "note": "#AAB2BB",
    "line": "#323A43",
    "edge": "#7D8792",
    "grid": "#2A3138",
    "accent": "#8AB4F8",
    "chosen": "#1F3350",
    "frontier": "#5F5729",
    **_DARK_KINDS,
    **{f"name-{kind}": colour for kind, colour in _DARK_KINDS.items()},
}
"""Of each kind of network the colour of its points, and of its name beside them."""


def colour_rules() -> str:
    """CSS: a variable a colour, by what the system prefers and, before that, what `data-theme` says."""
    light, dark = (_declarations(theme, name) for theme, name in ((LIGHT, "light"), (DARK, "dark")))
    return (
        f":root {{{light}}}\n"
        f"@media (prefers-color-scheme: dark) {{:root:not([data-theme=light]) {{{dark}}}}}\n"
        f":root[data-theme=dark] {{{dark}}}\n"
    )


def _declarations(theme: Mapping[str, str], scheme: str) -> str:
    return f"color-scheme: {scheme}; " + "; ".join(f"--{name}: {colour}" for name, colour in theme.items())
