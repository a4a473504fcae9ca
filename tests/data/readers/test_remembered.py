"""What is kept of videos in memory, by frames."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from odd_videos import encode

from tradeoff.data.readers.frame_index import index_video
from tradeoff.data.readers.remembered import Remembered


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20)), max_size=60))
def test_never_more_than_the_most_and_the_oldest_go_first(asked: list[tuple[int, int]]) -> None:
    """A value is the number of its frames; beside it a list of (key, value), the oldest first."""
    remembered, kept = Remembered[int](100, lambda value: value), list[tuple[int, int]]()
    for key, frames in asked:
        expected = dict(kept).get(key, frames)
        assert remembered.get(key, lambda frames=frames: frames) == expected  # type: ignore[misc]
        if key not in dict(kept) and frames <= 10:
            kept.append((key, frames))
        while sum(value for _, value in kept) > 100:
            kept.pop(0)
        assert remembered.total == sum(value for _, value in kept) <= 100


def test_what_cannot_be_made_is_asked_for_again() -> None:
    remembered = Remembered[int](100, lambda value: value)
    with pytest.raises(ZeroDivisionError):
        remembered.get("video", lambda: 1 // 0)
    assert remembered.get("video", lambda: 3) == remembered.get("video", lambda: 4) == 3


def test_an_index_is_made_once_and_again_where_the_file_changed(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mkv", count=5)
    first = index_video(path)
    assert index_video(path) is first
    encode(path, count=9)
    assert (first.count, index_video(path).count) == (5, 9)
