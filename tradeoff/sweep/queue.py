"""What is still to be measured, in order: which can start, which waits for another, which waits in vain."""

from __future__ import annotations

from collections.abc import Iterable

from tradeoff.records.keys import Kind
from tradeoff.sweep.plan import Measurement


class Queue:
    """Of measurements in the order of their plan. True while some wait or are under way."""

    def __init__(self, measurements: Iterable[Measurement]) -> None:
        self._waiting = {each.key.digest: each for each in measurements}
        self._under_way: dict[str, Measurement] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting or self._under_way)

    @property
    def kinds(self) -> set[Kind]:
        return {each.key.kind for each in self._waiting.values()}

    def next(self) -> Measurement | None:
        """The first that waits for no other: an accuracy for its training, a latency for an earlier process of it."""
        open_ = {each.provides for each in self._under_way.values()}
        for each in self._waiting.values():
            if each.needs not in open_:
                return each
            open_.add(each.provides)
        return None

    def begin(self, measurement: Measurement) -> None:
        self._under_way[measurement.key.digest] = self._waiting.pop(measurement.key.digest)

    def done(self, measurement: Measurement) -> None:
        del self._under_way[measurement.key.digest]

    def failed(self, measurement: Measurement) -> list[Measurement]:
        """Failed for good: what waited for it, and waits no more."""
        self.done(measurement)
        vain = [each for each in self._waiting.values() if each.needs == measurement.provides]
        for each in vain:
            del self._waiting[each.key.digest]
        return vain

    def again(self, ended: Measurement, *instead: Measurement) -> None:
        """One that ended is next again, or these are, before all others; what is under way is so only once."""
        self.done(ended)
        queued = [each for each in instead or (ended,) if each.key.digest not in self._under_way]
        first = {each.key.digest: each for each in queued}
        self._waiting = first | {key: each for key, each in self._waiting.items() if key not in first}

    def replace(self, training: Measurement, instead: Iterable[Measurement], tests: Iterable[Measurement]) -> None:
        """Another training, where it is missing, instead of one that ended; of its tests those that waited for that."""
        old = [each for each in self._waiting.values() if each.needs == training.provides]
        for each in old:
            del self._waiting[each.key.digest]
        orders = {each.order for each in old}
        self.again(training, *instead, *(each for each in tests if each.order in orders))
