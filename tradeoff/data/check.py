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
from tradeoff.data.clips import Progress, quiet
from tradeoff.data.contents import contents_of
from tradeoff.data.decoding import Unreadable
from tradeoff.data.parts import WHOLE, Part, groups_of, shared_across
from tradeoff.data.probing import Probe, probe
from tradeoff.data.threads import in_order

FACTS = ("seconds", "rate", "width", "height")
FRAMES = 64  # the paper's clip
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
    """How many clips of a class a split lists, how many of them are missing, and how many are there but unreadable.

    `short` are those that are readable and have fewer frames than a clip, so that some repeat.
    """

    label: str
    split: str
    listed: int
    missing: int
    unreadable: int
    short: int = 0

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
    frames      of a clip; `short` are the ids of readable clips that have fewer, as far as their packets tell.
    copies      ids of readable clips that share pixels with one of another split (copies, or parts of one video that
                overlap), those of one video together; None where nobody looked.
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
    frames: int = FRAMES
    short: tuple[str, ...] = ()
    copies: tuple[tuple[str, ...], ...] | None = None

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
        lists |= {name: list(getattr(self, name)) for name in ("files", "classes", "missing", "short")}
        lists |= {"copies": None if self.copies is None else [list(ids) for ids in self.copies]}
        return asdict(self) | sums | {"whole": self.whole} | lists


def check(
    entry: Entry,
    root: Path,
    annotations: Path | None = None,
    split: int = 1,
    workers: int | None = None,
    progress: Progress = quiet,
    frames: int = FRAMES,
    copies: bool = False,
    cache: Path | None = None,
    hashing: Progress = quiet,
    whole: bool = False,
) -> Report:
    """Looks for every clip that the official lists name, opens it, decodes its first frame, or all if `whole`, and
    counts up to `frames`.

    What is broken after the first frame is found only by decoding everything. `workers` threads, by default as many as
    there are processors; `progress(done, total)` is called in this thread. With `copies`, readable files are also read
    to their ends and compared; `cache` and `hashing` are then as `contents_of` takes them. Raises InputError for a
    missing root and for annotations that are missing or wrong.
    """

    def look(place: tuple[Path | None, Part | None]) -> Probe | Unreadable | None:
        return _probe(*place, entry.rate, frames, whole)

    listing, threads = entry.listing(root, annotations, split), workers or processors()
    locator, probes = Locator(root, entry.frames), []
    places = [(locator.find(item), _part(entry, item)) for item in listing.items]
    for done, found in enumerate(in_order(look, places, threads), 1):
        probes.append(found)
        progress(done, len(places))
    shared = None
    if copies:
        rows = [row for row, found in enumerate(probes) if isinstance(found, Probe)]
        contents = contents_of([path for row in rows if (path := places[row][0])], threads, cache, hashing)
        shared = _copies(entry, [listing.items[row] for row in rows], contents)
    return _report(entry, root, split, listing, probes, frames, shared)


def _part(entry: Entry, item: Item) -> Part | None:
    given = entry.parts and (item.start is not None or item.end is not None)
    return Part.of(item.start, item.end) if given else None


def _probe(
    path: Path | None, part: Part | None, rate: float | None, frames: int, whole: bool
) -> Probe | Unreadable | None:
    try:
        return None if path is None else probe(path, rate, part, frames, whole)
    except Unreadable as reason:
        return reason


def _copies(entry: Entry, items: Sequence[Item], contents: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The ids of those clips that share pixels with one of another split, group by group."""
    parts = [_part(entry, item) or WHOLE for item in items]
    groups, found = groups_of(contents, parts), dict[int, list[str]]()
    for row in shared_across(contents, parts, [item.split for item in items]):
        found.setdefault(groups[row], []).append(items[row].id)
    return tuple(tuple(ids) for ids in found.values())


def _report(
    entry: Entry,
    root: Path,
    split: int,
    listing: Listing,
    probes: Sequence[Probe | Unreadable | None],
    frames: int,
    copies: tuple[tuple[str, ...], ...] | None,
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
        balance=tuple(_balance(listing.classes, pairs, frames)),
        codecs=dict(Counter(found.codec for found in readable).most_common()),
        rate_given=entry.rate,
        frames=frames,
        short=tuple(item.id for item, found in pairs if _short(found, frames)),
        copies=copies,
        **{name: _spread(getattr(found, name) for found in readable) for name in FACTS},
    )


def _short(found: Probe | Unreadable | None, frames: int) -> bool:
    return isinstance(found, Probe) and found.frames < frames


def _balance(
    classes: tuple[str, ...], pairs: Sequence[tuple[Item, Probe | Unreadable | None]], frames: int
) -> Iterator[Balance]:
    """Of each split, in the lists' order, each class that it lists; a class that it does not list has no row."""
    listed, missing, unreadable, short = (Counter[tuple[str, int]]() for _ in range(4))
    for item, found in pairs:
        key = item.split, len(classes) if item.label is None else item.label
        listed[key] += 1
        missing[key] += found is None
        unreadable[key] += isinstance(found, Unreadable)
        short[key] += _short(found, frames)
    splits = list(dict.fromkeys(item.split for item, _ in pairs))
    for split, label in sorted(listed, key=lambda key: (splits.index(key[0]), key[1])):
        key = split, label
        yield Balance([*classes, UNKNOWN][label], split, listed[key], missing[key], unreadable[key], short[key])


def _sum(split: str, rows: Iterable[Balance]) -> Balance:
    counts = [(each.listed, each.missing, each.unreadable, each.short) for each in rows]
    return Balance("", split, *(sum(column) for column in zip(*counts, strict=True)))


def _spread(values: Iterable[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    return Spread(min(known), statistics.median(known), max(known), len(known)) if known else None
