"""Which frames a part of a video has, against fractions of every frame."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from tradeoff.data.parts import WHOLE, Part
from tradeoff.data.readers.part import shown_in

TICKS = st.sampled_from([(1, 10), (1, 25), (1001, 30_000), (1, 90_000), (1, 1000), (1, 16)])  # seconds of a tick


@given(TICKS, st.lists(st.integers(-2, 400), max_size=30), st.integers(0, 400), st.integers(1, 400), st.booleans())
@example((1, 10), list(range(10)), 1, 2, False)
def test_frames_are_those_whose_exact_times_are_in_the_part(
    tick: tuple[int, int], shown: list[int], start: int, length: int, open_ended: bool
) -> None:
    """Edges on a tick, as written with six digits: where floats are a little beside it, fractions decide."""
    unit, first = float(Fraction(*tick)), 17 * float(Fraction(*tick))
    passed = np.array([(17 + each) * unit - first for each in shown], np.float64)
    part = Part.of(round(start * unit, 6), None if open_ended else round((start + length) * unit, 6))
    exact = [part.holds(Fraction(each).limit_denominator(1_000_000)) for each in passed.tolist()]
    assert shown_in(part, passed).tolist() == exact


def test_a_whole_video_is_all_its_frames() -> None:
    assert shown_in(WHOLE, np.arange(100_000) / 25).all()
    held = shown_in(Part.of(0.1, 0.3), np.arange(10) / 10)
    assert np.flatnonzero(held).tolist() == [1, 2]  # 3 / 10 is the end, which is not in it
