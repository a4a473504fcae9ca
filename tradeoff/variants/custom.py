"""The user's own networks: `module:callable(key=value)`, without editing this package."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tradeoff.errors import InputError
from tradeoff.variants import notation
from tradeoff.variants.base import Variant


@dataclass(frozen=True)
class CustomVariant(Variant):
    """What a callable of the user's returns: an nn.Module from N,3,T,H,W clips in [-1, 1] to N,classes logits.

    target: `module:callable`, found as Python finds it, the working folder included.
    arguments: what it is given beside `num_classes`, as it stands in the name's parentheses.
    source: digest of the module's file, so that an edited network is another network. What the module imports is not
        part of it.
    """

    family: ClassVar[str] = "custom"

    target: str = ""
    arguments: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        module, _, function = self.target.partition(":")
        if not module or not function.isidentifier():
            raise InputError(f"variant {self.target!r} is unknown: the user's own network is written module:callable")
        if "num_classes" in self.keywords:
            raise InputError(f"variant {self.name!r} names 'num_classes', which is always given: leave it out")
        self._check_classes()

    @property
    def name(self) -> str:
        return f"{self.target}({self.arguments})" if self.arguments else self.target

    @property
    def keywords(self) -> dict[str, Any]:
        """The arguments as the callable takes them."""
        return notation.read(f"f({self.arguments})")[1]

    @classmethod
    def knows(cls, head: str) -> bool:
        return ":" in head

    @classmethod
    def from_name(cls, head: str, /, **knobs: Any) -> CustomVariant:
        """`module:callable`; knobs other than classes are the callable's arguments.

        Raises InputError where there is no such module. The callable itself is looked up when it is built.
        """
        classes = {"classes": knobs.pop("classes")} if "classes" in knobs else {}
        own = cls(target=head, arguments=notation.inside(dict(sorted(knobs.items()))), **classes)
        return cls(target=head, arguments=own.arguments, source=source_digest(head), **classes)


def source_digest(target: str) -> str:
    """16 hex digits over the file of a `module:callable` as it is now; empty for a module that has no file.

    Looking for a module inside a package imports the package. Raises InputError where there is none.
    """
    module = target.partition(":")[0]
    include_working_folder()
    try:
        found = importlib.util.find_spec(module)
    except Exception as error:  # whatever the package around it raises
        raise InputError(
            f"variant {target!r} names module {module!r}, which cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if found is None or not found.origin:
        raise InputError(
            f"variant {target!r} names module {module!r}, which is not there: it is looked for in {Path.cwd()} and on "
            "Python's path"
        )
    path = Path(found.origin)
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else ""


def include_working_folder() -> None:
    """A console script does not look for modules in the working folder by itself."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    importlib.invalidate_caches()  # a module may have been written a moment ago
