"""The layers of a network as a tree of its modules, with subtotals, no wider than the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

if TYPE_CHECKING:
    from tradeoff.measure.layers import Layer, Shape

GUIDE = 4  # characters that rich draws for each level
COLUMNS = {"MACs": 8, "share": 7, "weights": 8, "bytes": 8}  # right-aligned, with their widths
OUTPUT = 15  # the last column, left-aligned


@dataclass(frozen=True)
class Node:
    """A module with the sums over all inside it; `children` are those of its modules that do multiply-adds."""

    name: str
    macs: int
    weights: int
    bytes_moved: int
    output: Shape
    children: tuple[Node, ...]

    def reach(self, depth: int = 0) -> int:
        """How many characters the longest name below takes, with its indentation."""
        return max([GUIDE * depth + len(self.name), *(child.reach(depth + 1) for child in self.children)])


def layer_tree(title: str, layers: Sequence[Layer], width: int) -> list[RenderableType]:
    """A heading, and a tree with multiply-adds, their share, weights, bytes moved and output shape of each module.

    Modules without multiply-adds have no line of their own; what they move is in the sums of those around them.
    """
    root = node(title, [(layer.name.split(".") if layer.name else [], layer) for layer in layers])
    names = min(root.reach(), max(width - sum(COLUMNS.values()) - OUTPUT, 24))
    heading = f"{'module':<{names}}" + "".join(f"{word:>{size}}" for word, size in COLUMNS.items()) + "  output"
    return [Text(heading, style="bold", no_wrap=True), _draw(root, Tree("", hide_root=True), names, root.macs)]


def node(name: str, layers: Sequence[tuple[list[str], Layer]]) -> Node:
    """The module `name` from the layers inside it, each with its path from here.

    A module that only wraps one other that does multiply-adds shares its line.
    """
    inside: dict[str, list[tuple[list[str], Layer]]] = {}
    for path, layer in layers:
        if path:
            inside.setdefault(path[0], []).append((path[1:], layer))
    own = [layer for path, layer in layers if not path]
    parts = [node(part, below) for part, below in inside.items()]
    children = tuple(part for part in parts if part.macs)
    if len(children) == 1 and not any(layer.macs for layer in own):
        name, children = f"{name}.{children[0].name}", children[0].children
    rows = [layer for _, layer in layers]
    return Node(
        name,
        macs=sum(layer.macs for layer in rows),
        weights=sum(layer.weights for layer in rows),
        bytes_moved=sum(layer.bytes_moved for layer in rows),
        output=own[0].output if own else parts[-1].output,  # what only calls others returns what the last of them does
        children=children,
    )


def _draw(each: Node, parent: Tree, names: int, total: int, depth: int = 0) -> Tree:
    room = names - GUIDE * depth
    name = each.name if len(each.name) <= room else each.name[: room - 1] + "…"
    values = (
        amount(each.macs),
        f"{each.macs / max(total, 1):.1%}",
        amount(each.weights),
        amount(each.bytes_moved),
    )
    cells = "".join(f"{value:>{size}}" for value, size in zip(values, COLUMNS.values(), strict=True))
    shape = "x".join(str(size) for size in each.output[1:])  # of one clip, so without the batch
    branch = parent.add(Text(f"{name:<{room}}{cells}  {shape}", no_wrap=True, overflow="ellipsis"))
    for child in each.children:
        _draw(child, branch, names, total, depth + 1)
    return parent


def amount(count: float) -> str:
    """A count in three digits: 12.8 G, 331 k, 42."""
    for unit in ("", " k", " M", " G"):
        if count < 999.5:
            decimals = 0 if not unit or count >= 99.95 else 1 if count >= 9.995 else 2
            return f"{count:.{decimals}f}{unit}"
        count /= 1000
    return f"{count:,.0f} T"
