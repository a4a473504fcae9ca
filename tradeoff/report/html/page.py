"""One HTML file from data: markup, style, scripts and plotly's own in it, and a policy that lets nothing else in.

Data is JSON in a block that no browser runs; the page's script makes nodes of it by their text. The policy
(Content-Security-Policy) admits the style and the scripts by their digests and no connection at all, so that a text
that did get out of its place would neither run nor call home.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib.resources import files
from typing import Any

from tradeoff.report.html.colours import colour_rules

_SCRIPTS = ("data.js", "chart.js", "table.js", "controls.js", "page.js")
_UNSAFE = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&"})


def page(data: Any) -> bytes:
    """The file, from what JSON can hold. The same data gives the same bytes."""
    from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

    style = _text("page.css") + colour_rules()
    scripts = {"plotly": _script(get_plotlyjs()), "script": _script("".join(map(_text, _SCRIPTS)))}
    parts = {"style": style, "unused": _unused(scripts["plotly"]), "data": json_block(data), **scripts}
    parts["policy"] = _policy([*scripts.values()], style)
    # All at once: what is filled in may hold what looks like a place to fill in.
    text = re.sub(r"{{(\w+)}}", lambda place: parts[place[1]], _text("page.html"))
    return text.encode()


def json_block(data: Any) -> str:
    """JSON in ASCII that ends no element: `<`, `>`, `&` and whatever is not ASCII are written as `\\uXXXX`."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).translate(_UNSAFE)


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _script(code: str) -> str:
    """As it can stand in an element: with the line ends that a browser makes of all, and no end of the element."""
    return re.sub(r"\r\n?", "\n", code).replace("</script", r"<\/script").replace("<!--", r"<\!--")


def _unused(plotly: str) -> str:
    """Empty elements in place of the style that plotly's script brings for maps, which the policy does not admit."""
    names = dict.fromkeys(re.findall(r'getElementById\("([0-9a-f]{64})"\)', plotly))
    return "".join(f'<style id="{name}"></style>' for name in names)


def _policy(scripts: list[str], style: str) -> str:
    styles = f"{_digest(style)} {_digest('')}"  # plotly fills style elements of its own, which begin empty, by rules
    return (
        f"default-src 'none'; script-src {' '.join(map(_digest, scripts))}; style-src-elem {styles}; "
        "style-src-attr 'unsafe-inline'; base-uri 'none'; form-action 'none'"  # plotly sets attributes, not by rules
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
