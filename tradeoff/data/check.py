"""Is a data set whole? Which of its listed clips are there and readable, and what they are like."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tradeoff.data import processors
from tradeoff.data.catalogue import Entry, Item, Listing, Locator
from tradeoff.data.clips import Progress
from tradeoff.data.decoding import Unreadable
from tradeoff.data.probing import Probe, probe
from tradeoff.data.videos import in_order

FACTS = ("seconds", "rate", "width", "height")
UNKNOWN = "(not known)"  # the class of a missing clip that is listed by its id alone


@dataclass(frozen=True)
class Spread:
    """Smallest, median and largest of `count` clips; a clip whose file does not say is not counted."""

    minimum: float
    median: float
    maximum: float
    count: int


@dataclass(frozen=True)
class Balance:
    """How many clips of a class a split lists, how many of them are missing, and how many are there but unreadable."""

    label: str
    split: str
    listed: int
    missing: int
    unreadable: int

    @property
    def readable(self) -> int:
        return self.listed - self.missing - self.unreadable


@dataclass(frozen=True)
class Report:
    """What `check` found.

    files       the annotation files that were read.
    classes     in official order; `classes_known` is how many the data set has, None where that is the user's affair.
    missing     ids, in the lists' order; `unreadable` are ids with reasons.
    balance     one a split and class of the split, by split and then in official order.
    seconds, rate, width, height  of the readable clips; None where no clip says.
    rate_given  frames a second of the folders of frames as their distributor states it, from which their durations are
                counted: JPEGs do not say; None for video files.
    codecs      how many readable clips each.
    """

    entry: str
    root: str
    split: int
    files: tuple[str, ...]
    classes: tuple[str, ...]
    classes_known: int | None
    missing: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]
    balance: tuple[Balance, ...]
    seconds: Spread | None
    rate: Spread | None
    width: Spread | None
    height: Spread | None
    codecs: dict[str, int]
    rate_given: float | None = None

    @property
    def listed(self) -> int:
        return sum(each.listed for each in self.balance)

    @property
    def readable(self) -> int:
        return sum(each.readable for each in self.balance)

    @property
    def whole(self) -> bool:
        """Every listed clip is there and readable."""
        return self.readable == self.listed

    @property
    def empty_classes(self) -> tuple[str, ...]:
        """Classes of which no clip is readable, in no split."""
        held = {each.label for each in self.balance if each.readable}
        return tuple(label for label in self.classes if label not in held)

    def totals(self) -> dict[str, Balance]:
        """Each split's clips, all classes together."""
        parts: dict[str, list[Balance]] = {}
        for each in self.balance:
            parts.setdefault(each.split, []).append(each)
        return {split: _sum(split, rows) for split, rows in parts.items()}

    def as_record(self) -> dict[str, Any]:
        """Plain JSON values: all fields, and the sums."""
        sums = {"listed": self.listed, "found": self.listed - len(self.missing), "readable": self.readable}
        balance = [asdict(each) | {"readable": each.readable} for each in self.balance]
        unreadable = [{"id": name, "reason": reason} for name, reason in self.unreadable]
        lists = {"balance": balance, "unreadable": unreadable, "empty_classes": list(self.empty_classes)}
        lists |= {name: list(getattr(self, name)) for name in ("files", "classes", "missing")}
        return asdict(self) | sums | {"whole": self.whole} | lists


def check(
    entry: Entry,
    root: Path,
    annotations: Path | None = None,
    split: int = 1,
    workers: int | None = None,
    progress: Progress = lambda done, total: None,
    whole: bool = False,
) -> Report:
    """Looks for every clip that the official lists name, opens it and decodes its first frame, or `whole` clips.

    What is broken after the first frame is found only by decoding everything. `workers` threads, by default as many as
    there are processors; `progress(done, total)` is called in this thread. Raises InputError for a missing root and for
    annotations that are missing or wrong.
    """

    def look(path: Path | None) -> Probe | Unreadable | None:
        return _probe(path, entry.rate, whole)

    listing = entry.listing(root, annotations, split)
    locator, probes = Locator(root, entry.frames), []
    paths = [locator.find(item) for item in listing.items]
    for done, found in enumerate(in_order(look, paths, workers or processors()), 1):
        probes.append(found)
        progress(done, len(paths))
    return _report(entry, root, split, listing, probes)


def _probe(path: Path | None, rate: float | None, whole: bool) -> Probe | Unreadable | None:
    try:
        return None if path is None else probe(path, rate, whole)
    except Unreadable as reason:
        return reason


def _report(
    entry: Entry, root: Path, split: int, listing: Listing, probes: Sequence[Probe | Unreadable | None]
) -> Report:
    pairs = list(zip(listing.items, probes, strict=True))
    readable = [found for found in probes if isinstance(found, Probe)]
    return Report(
        entry=entry.name,
        root=str(root),
        split=split,
        files=tuple(str(path) for path in listing.files),
        classes=listing.classes,
        classes_known=entry.classes,
        missing=tuple(item.id for item, found in pairs if found is None),
        unreadable=tuple((item.id, str(found)) for item, found in pairs if isinstance(found, Unreadable)),
        balance=tuple(_balance(listing.classes, pairs)),
        codecs=dict(Counter(found.codec for found in readable).most_common()),
        rate_given=entry.rate,
        **{name: _spread(getattr(found, name) for found in readable) for name in FACTS},
    )


def _balance(classes: tuple[str, ...], pairs: Sequence[tuple[Item, Probe | Unreadable | None]]) -> Iterator[Balance]:
    """Of each split, in the lists' order, each class that it lists; a class that it does not list has no row."""
    listed, missing, unreadable = Counter[tuple[str, int]](), Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    for item, found in pairs:
        key = item.split, len(classes) if item.label is None else item.label
        listed[key] += 1
        missing[key] += found is None
        unreadable[key] += isinstance(found, Unreadable)
    splits = list(dict.fromkeys(item.split for item, _ in pairs))
    for split, label in sorted(listed, key=lambda key: (splits.index(key[0]), key[1])):
        key = split, label
        yield Balance([*classes, UNKNOWN][label], split, listed[key], missing[key], unreadable[key])


def _sum(split: str, rows: Iterable[Balance]) -> Balance:
    counts = [(each.listed, each.missing, each.unreadable) for each in rows]
    listed, missing, unreadable = (sum(column) for column in zip(*counts, strict=True))
    return Balance("", split, listed, missing, unreadable)


def _spread(values: Iterable[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    return Spread(min(known), statistics.median(known), max(known), len(known)) if known else None
