"""Ratios between the rows of one benchmark run, printed at its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

TIMES = pytest.StashKey[dict[str, float]]()
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


@pytest.fixture
def times(request: pytest.FixtureRequest) -> dict[str, float]:
    """Seconds by the name of what was timed; a benchmark adds its own."""
    return request.config.stash.setdefault(TIMES, {})


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    taken = config.stash.get(TIMES, {})
    lines = [*ratio_lines(taken), *loader_lines(taken)]
    if lines:
        terminalreporter.section("ratios of medians, all of this run")
        for line in lines:
            terminalreporter.write_line(line)


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
