"""Many clips at once, in threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int, depth: int | None = None
) -> Iterator[Result]:
    """Results in the items' order, computed in threads `depth` items ahead, by default two a worker.

    Threads, because FFmpeg decodes and scales without the interpreter's lock: nothing to pickle, and no process
    to start.
    """
    pool, ahead = ThreadPoolExecutor(workers), deque[Future[Result]]()
    try:
        for item in items:
            ahead.append(pool.submit(function, item))
            if len(ahead) > (2 * workers if depth is None else depth):
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
