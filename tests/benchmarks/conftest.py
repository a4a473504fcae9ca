"""Ratios between the rows of one benchmark run, and times with what was aimed at, printed at its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

TIMES = pytest.StashKey[dict[str, float]]()
ENGINE = pytest.StashKey[dict[str, float]]()
RATIOS = (
    ("torchvision's s3d over our S3D, both eager float32 as they come", "torchvision s3d", "S3D", 1.0),
    ("the same, torchvision's folded and channels-last as ours is", "torchvision s3d, folded", "S3D", 1.0),
    ("a direct port of the released I3D over our I3D, eager float32", "released I3D", "I3D", 1.0),
    ("the same, the port channels-last as ours is", "released I3D, channels-last", "I3D", 1.0),
    ("torchvision's s3d in eager float32 over our S3D in its best runtime", "torchvision s3d", "S3D best", 5.0),
    ("multiply-adds of I3D at the rate of a matrix product over I3D in its best runtime", "product", "I3D best", 0.7),
)
"""What is printed, the numerator, the denominator, and the least that was aimed at."""
LOADERS = (
    ("clips from videos by PyAV over bare decoding of the same frames", "videos by pyav", "decode_by_pyav", 0.9),
    ("the same, over PyAV's own scaling, of other pixels", "videos by pyav", "decode_as_pyav_comes", 0.9),
    ("clips from packed frames over bare decoding by PyAV", "packed uint8", "decode_by_pyav", 5.0),
    ("clips from videos by torchcodec over bare decoding", "videos by torchcodec", "decode_by_torchcodec", 0.9),
)
"""Of frames a second: what is printed, the loader, what it was compared with, and the least that was aimed at."""

LIMITS = (
    ("enumerating and planning 10,000 measurements", "plan", 2.0, "s", 1),
    ("reading 10,000 records into the joined table", "read", 2.0, "s", 1),
    ("a report of 10,000 records, read, drawn and written", "report", 5.0, "s", 1),
    ("what the engine adds to a measurement", "added", 50.0, "ms", 1e3),
    ("what it adds to one in a worker process", "worker", 50.0, "ms", 1e3),
    ("share of a short sweep outside training, evaluation and timing", "share", 3.0, "%", 100),
)
"""What is printed, how its names begin, the most that was aimed at, its unit, and how many of it a second or one is."""


@pytest.fixture
def times(request: pytest.FixtureRequest) -> dict[str, float]:
    """Seconds by the name of what was timed; a benchmark adds its own."""
    return request.config.stash.setdefault(TIMES, {})


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> dict[str, float]:
    """Seconds, and a share, of the engine's own work by name."""
    return request.config.stash.setdefault(ENGINE, {})


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if taken := config.stash.get(ENGINE, {}):
        terminalreporter.section("the engine's own work")
        for line in limit_lines(taken):
            terminalreporter.write_line(line)
    taken = config.stash.get(TIMES, {})
    lines = [*ratio_lines(taken), *loader_lines(taken)]
    if lines:
        terminalreporter.section("ratios of medians, all of this run")
        for line in lines:
            terminalreporter.write_line(line)


def limit_lines(taken: dict[str, float]) -> Iterator[str]:
    for words, begins, limit, unit, scale in LIMITS:
        for name, value in taken.items():
            kind, _, which = name.partition(", ")
            if kind == begins:
                of = f" ({which})" if which else ""
                yield f"{words}{of}: {scale * value:.3g} {unit} (aimed at: under {limit:g} {unit})"


def ratio_lines(times: dict[str, float]) -> Iterator[str]:
    known = {**times}
    for name in ("S3D", "I3D"):
        candidates = {key: value for key, value in times.items() if key.startswith(f"{name} in ")}
        if candidates:
            best = min(candidates, key=lambda key: candidates[key])
            known[f"{name} best"] = candidates[best]
            known["product"] = times.get(f"product, {best.rsplit(' ', 1)[1]}", float("nan"))
            yield f"the best runtime of {name}: {best.removeprefix(f'{name} in ')}, {1e3 * candidates[best]:.1f} ms"
    for words, above, below, target in RATIOS:
        if above in known and below in known:
            yield f"{words}: {known[above] / known[below]:.2f} (aimed at: {target:g} or more)"


def loader_lines(times: dict[str, float]) -> Iterator[str]:
    for words, loader, bare, target in LOADERS:
        for name, seconds in times.items():
            kind = name.removeprefix(f"{loader}, ")
            other = times.get(f"bare beside {loader}, {bare}, {kind}")
            if kind != name and other is not None:
                rates = f"{1 / seconds:,.0f} and {1 / other:,.0f} frames/s"
                yield f"{words}, {kind}: {other / seconds:.2f} (aimed at: {target:g} or more; {rates})"
