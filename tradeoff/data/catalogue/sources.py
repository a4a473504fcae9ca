"""Finding and reading annotation files; whatever is wrong with one is an InputError that says where."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tradeoff.errors import InputError


@dataclass(frozen=True)
class Sources:
    """Where the videos of a data set lie, and the folders in which its annotation files are looked for, in order."""

    name: str
    root: Path
    folders: tuple[Path, ...]

    @classmethod
    def of(cls, name: str, root: Path, annotations: Path | None) -> Sources:
        """Raises InputError where `root` or `annotations` is not there, or is no folder (`root` may be a CSV)."""
        if not (root.is_dir() or (root.is_file() and root.suffix.lower() == ".csv")):
            problem = "is no folder" if root.exists() else "does not exist"
            raise InputError(f"root {root} of {name} {problem}; give the folder that holds its videos")
        if annotations is not None and not annotations.is_dir():
            problem = "is no folder" if annotations.exists() else "does not exist"
            raise InputError(f"annotations {annotations} of {name} {problem}; give the folder of its annotation files")
        return cls(name, root, (annotations,) if annotations is not None else (root, root / "annotations"))

    def find(self, names: Sequence[str]) -> Path | None:
        """The first of the files that is there, gzipped or not."""
        paths = (folder / name for folder in self.folders for name in names)
        both = (each for path in paths for each in (path, path.with_name(f"{path.name}.gz")))
        return next((path for path in both if path.is_file()), None)

    def need(self, names: Sequence[str]) -> Path:
        """As `find`, but a file that is not there is an InputError."""
        return self.find(names) or self.refuse(names)

    def refuse(self, names: Sequence[str]) -> NoReturn:
        """Raises the InputError that none of these files is there."""
        places = " or ".join(str(folder) for folder in self.folders)
        raise InputError(
            f"annotations of {self.name}: found none of {', '.join(names)} (or .gz of them) in {places}; "
            f"put the official file there or say where it is"
        )


def read_text(path: Path) -> str:
    """The text of a file, unpacked where its name ends in .gz; UTF-8 with or without a byte order mark."""
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text in UTF-8: {error}; fetch the official file again") from error
    if "\0" in text:
        raise InputError(f"{path} holds a zero byte; it should be text")
    return text


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Where each line is ("FILE line 3") and the line, stripped; empty ones are left out."""
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if line.strip():
            yield f"{path} line {number}", line.strip()
