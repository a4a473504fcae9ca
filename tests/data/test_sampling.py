"""Which frames a clip takes and where it is cropped: numbers worked out by hand, and what holds for all videos."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tradeoff.clip_shape import ClipShape
from tradeoff.data.decoding import sampled_indices
from tradeoff.data.sampling import SAMPLINGS, VIEWS, Sampling, Views
from tradeoff.errors import InputError

CLIP = ClipShape(64, 224, 224)


def at(count: int, rate: float = 25.0) -> Any:
    """The times of `count` frames."""
    return np.arange(count) / rate


class First(np.random.Generator):
    """Always the least that can be drawn."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64())

    def integers(self, *arguments: Any, **options: Any) -> Any:
        return 0

    def random(self, size: Any = None, *arguments: Any, **options: Any) -> Any:
        return np.zeros(size)


def test_consecutive_frames_follow_each_other_from_every_start_that_fits() -> None:
    random, sampling = np.random.default_rng(0), Sampling(frames="consecutive")
    clips = [sampling.training_frames(at(70), 64, random) for _ in range(300)]
    assert all((np.diff(clip) == 1).all() and len(clip) == 64 for clip in clips)
    assert {int(clip[0]) for clip in clips} == {0, 1, 2, 3, 4, 5, 6}


def test_a_stride_leaves_frames_out() -> None:
    random, sampling = np.random.default_rng(0), Sampling(stride=3)
    clips = [sampling.training_frames(at(12), 4, random).tolist() for _ in range(100)]
    assert {tuple(clip) for clip in clips} == {(0, 3, 6, 9), (1, 4, 7, 10), (2, 5, 8, 11)}


def test_a_short_video_starts_again_from_its_first_frame() -> None:
    assert Sampling().training_frames(at(3), 8, np.random.default_rng(0)).tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert Views(frames="all").clip_frames(at(3), 8).tolist() == [[0, 1, 2, 0, 1, 2, 0, 1]]
    assert Views().clip_frames(at(3), 8).tolist() == [[0, 1, 2, 0, 1, 2, 0, 1]]


@pytest.mark.parametrize(
    ("views", "fewest"),
    [({}, 64), ({"stride": 3}, 190), ({"frames": "all"}, 64), ({"frames": "segments"}, 64), ({"rate": 12.5}, 127)],
)
def test_a_video_is_short_where_frames_repeat(views: Any, fewest: int) -> None:
    plan = Views(**views)
    assert not plan.is_short(at(fewest), 64)
    assert plan.is_short(at(fewest - 1), 64)
    if plan.frames != "segments":
        for count in (fewest - 1, fewest):
            taken = plan.clip_frames(at(count), 64)[0]
            assert (len(set(taken.tolist())) < len(taken)) == plan.is_short(at(count), 64)


def test_segments_give_one_frame_each() -> None:
    sampling = Sampling(frames="segments")
    assert sampling.training_frames(at(40), 8, First()).tolist() == [0, 5, 10, 15, 20, 25, 30, 35]
    assert Views(frames="segments").clip_frames(at(40), 8).tolist() == [[2, 7, 12, 17, 22, 27, 32, 37]]
    # Two clips: a quarter and three quarters into each part.
    assert Views(frames="segments", clips=2).clip_frames(at(80), 8)[:, :2].tolist() == [[2, 12], [7, 17]]


@given(st.integers(1, 5000), st.integers(1, 64), st.integers(0, 2**32 - 1))
def test_a_segment_s_frame_is_in_its_segment(total: int, frames: int, seed: int) -> None:
    taken = Sampling(frames="segments").training_frames(at(total), frames, np.random.default_rng(seed))
    ends = np.arange(1, frames + 1) * total / frames
    assert (taken < np.ceil(ends)).all()
    assert (taken >= np.floor(ends - total / frames)).all()


@given(st.integers(1, 10_000), st.integers(1, 128))
def test_spread_is_what_stored_clips_are(total: int, frames: int) -> None:
    expected = sampled_indices(total, frames).tolist()
    assert Sampling(frames="spread").training_frames(at(total), frames, First()).tolist() == expected
    assert Views(frames="spread").clip_frames(at(total), frames).tolist() == [expected]


def test_clips_of_a_dense_plan_are_spaced_from_the_first_frame_to_the_last() -> None:
    starts = Views(clips=10).clip_frames(at(64 + 90), 64)[:, 0]
    assert starts.tolist() == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert Views().clip_frames(at(64 + 90), 64)[0, 0] == 45  # one is in the middle


@given(
    st.integers(1, 600), st.integers(8, 64), st.integers(1, 5), st.integers(1, 12), st.sampled_from([None, 12.5, 60.0])
)
def test_every_clip_lies_in_its_video(total: int, frames: int, stride: int, clips: int, rate: float | None) -> None:
    views = Views(stride=stride, clips=clips, rate=rate)
    taken = views.clip_frames(at(total), frames)
    assert taken.shape == (clips, frames)
    assert taken.min() >= 0
    assert taken.max() < total


def test_all_frames_are_each_taken_once() -> None:
    assert Views(frames="all").clip_frames(at(250), 64).tolist() == [list(range(250))]


def test_another_rate_repeats_frames_or_leaves_them_out() -> None:
    half, double = Sampling(rate=12.5), Sampling(rate=50.0)
    assert half.shown(at(10)).tolist() == [0, 2, 4, 6, 8]
    assert double.shown(at(4)).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert Sampling(rate=25.0).shown(at(7)).tolist() == list(range(7))


def test_at_a_rate_a_frame_is_shown_until_the_next_one_whatever_their_distances() -> None:
    times = np.array([1.0, 1.1, 1.5, 1.6])  # the median distance, 0.1, is how long the last one lasts: 0.7 s in all
    assert Sampling(rate=10.0).shown(times).tolist() == [0, 1, 1, 1, 1, 2, 3]


@given(st.integers(2, 400), st.floats(1, 120), st.floats(1, 120))
def test_a_resampled_video_lasts_as_long(count: int, own: float, rate: float) -> None:
    shown = Sampling(rate=rate).shown(at(count, own))
    assert abs(len(shown) / rate - count / own) <= 0.5 / rate + 1e-6 or len(shown) == 1
    assert (np.diff(shown) >= 0).all()


@pytest.mark.parametrize(
    ("resize", "frame", "expected"),
    [
        (256, (480, 640), (256, 341)),
        (256, (640, 480), (341, 256)),
        (256, (120, 160), (256, 341)),
        ((256, 256), (480, 640), (256, 256)),
        (None, (480, 640), (252, 336)),  # the clip and an eighth: 252
    ],
)
def test_frames_are_scaled_as_the_plan_says(resize: Any, frame: tuple[int, int], expected: tuple[int, int]) -> None:
    assert Sampling(resize=resize).size(*frame, CLIP) == expected


def test_three_crops_run_along_the_longer_side() -> None:
    views = Views(resize=256, crops=3)
    assert views.corners((256, 341), CLIP) == [(16, 0), (16, 58), (16, 117)]
    assert views.corners((341, 256), CLIP) == [(0, 16), (58, 16), (117, 16)]
    assert Views(resize=256).corners((256, 341), CLIP) == [(16, 58)]


def test_names_stand_for_their_values_and_leave_no_trace() -> None:
    for kind, named in ((Sampling, SAMPLINGS), (Views, VIEWS)):
        for name, values in named.items():
            assert kind.model_validate(name) == kind(**values)
            assert kind.model_validate(name).fields()["frames"] == values["frames"]
    assert Sampling.model_validate("paper").fields() == {"frames": "consecutive", "resize": (256, 256)}
    assert Views.model_validate("dense").count == 30


@pytest.mark.parametrize(
    ("kind", "given", "named"),
    [
        (Sampling, "papr", "should be one of paper, segments, spread"),
        (Sampling, {"frames": "all"}, "'consecutive', 'segments' or 'spread'"),
        (Sampling, {"frames": "spread", "stride": 2}, "stride is 2; only consecutive"),
        (Sampling, {"stride": 0}, "greater than or equal to 1"),
        (Sampling, {"rate": 0.0}, "greater than 0"),
        (Views, {"frames": "all", "clips": 10}, "clips is 10; with frames: all there is one"),
        (Views, {"crops": 2}, "1 or 3"),
        (Views, {"frmes": "all"}, "frmes"),
    ],
)
def test_mistakes_say_what_is_right(kind: Any, given: Any, named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        kind.model_validate(given)


def test_frames_smaller_than_the_clip_are_refused() -> None:
    with pytest.raises(InputError, match=r"views.resize is 112: clips of 64x224x224 need sides of 224 and 224"):
        Views(resize=112).check_clip(CLIP, "views")
    with pytest.raises(InputError, match=r"sampling.resize is \[256, 200\]: "):
        Sampling(resize=(256, 200)).check_clip(CLIP, "sampling")
