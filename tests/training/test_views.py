"""Videos tested in several views, against averages taken in numpy and views cut out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from grey_videos import breaking, opened, slopes, write_set
from torch import Tensor, nn

from tradeoff.clip_shape import ClipShape
from tradeoff.data import VideoData, open_dataset
from tradeoff.data.sampling import Views
from tradeoff.data.streams import VideoSet
from tradeoff.errors import InputError
from tradeoff.networks.pixels import to_network
from tradeoff.training import evaluate
from tradeoff.training.batches import Order
from tradeoff.training.evaluate import Tested as Outcome
from tradeoff.training.evaluate import log_probabilities, see_videos
from tradeoff.training.streams import video_views

pytestmark = pytest.mark.usefixtures("one_thread")
CLIP = ClipShape(8, 32, 32)
SIZE = (40, 52)
CPU = torch.device("cpu")
LENGTHS = (9, 14, 20)
ALL = np.arange(9)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("videos"), lengths=LENGTHS)


@pytest.fixture(scope="module")
def videos(place: Path) -> VideoSet:
    """Nine; video i has 9, 14 or 20 frames in turn, whose red begins at 10 i, green is the row, blue the column."""
    return opened(place, CLIP, place.parent / "cache")


def cut(index: int, frames: list[int], corner: tuple[int, int]) -> np.ndarray:
    top, left = corner
    return slopes(LENGTHS[index % 3], start=10 * index)[frames, top : top + 32, left : left + 32]


def seen(videos: VideoSet, views: Views, order: Order = "normal", workers: int = 2) -> list[list[np.ndarray]]:
    found = video_views(videos, ALL, CLIP, views, order, workers=workers)
    return [list(video) for video in found if video is not None]


# Frames of 40 x 52 and crops of 32 x 32: 8 rows and 20 columns are free, the crops along the longer side.
CENTRE, THREE = [(4, 10)], [(4, 0), (4, 10), (4, 20)]


@pytest.mark.parametrize("order", ["normal", "reversed"])
@pytest.mark.parametrize(
    ("views", "frames", "corners"),
    [
        # The middle: 9, 14 and 20 frames leave 1, 6 and 12 starts after the first.
        ({}, {9: [range(0, 8)], 14: [range(3, 11)], 20: [range(6, 14)]}, CENTRE),
        (
            {"clips": 3, "crops": 3},
            {
                9: [range(0, 8), range(0, 8), range(1, 9)],  # numpy rounds a half to even
                14: [range(0, 8), range(3, 11), range(6, 14)],
                20: [range(0, 8), range(6, 14), range(12, 20)],
            },
            THREE,
        ),
        ({"frames": "all", "crops": 3}, {9: [range(9)], 14: [range(14)], 20: [range(20)]}, THREE),
        ({"stride": 2}, {9: [[0, 2, 4, 6, 8, 1, 3, 5]], 14: [[*range(0, 14, 2), 0]], 20: [range(2, 18, 2)]}, CENTRE),
    ],
)
def test_views_are_cut_out_as_planned(
    videos: VideoSet, order: Order, views: Any, frames: Any, corners: list[tuple[int, int]]
) -> None:
    found = seen(videos, Views(resize=SIZE, **views), order)
    for index, own in enumerate(found):
        clips = [list(each)[:: -1 if order == "reversed" else 1] for each in frames[LENGTHS[index % 3]]]
        wanted = [cut(index, clip, corner) for clip in clips for corner in corners]
        assert len(own) == len(wanted)
        for got, right in zip(own, wanted, strict=True):
            assert (got == right).all()


class Weighted(nn.Module):
    """Logits from the mean of each channel, weighted over time and place so that order and crop change them."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[int, ...]] = []

    def forward(self, clips: Tensor) -> Tensor:
        self.batches.append(tuple(clips.shape))
        time = torch.linspace(0, 3, clips.shape[2])[:, None, None]
        red, _, blue = ((clips[:, channel] * (1 + time)).mean(dim=(1, 2, 3)) for channel in range(3))
        return torch.stack([6 * (red + blue).sin(), 6 * (3 * red - blue).cos()], dim=1)


def logits_of(view: np.ndarray) -> np.ndarray:
    """The same network in numpy, in double precision, of one uint8 view (T, H, W, 3)."""
    weighted = (view / 127.5 - 1) * (1 + np.linspace(0, 3, len(view)))[:, None, None, None]
    red, _, blue = weighted.mean(axis=(0, 1, 2))
    return np.array([6 * np.sin(red + blue), 6 * np.cos(3 * red - blue)])


def outcome(videos: VideoSet, views: Views, order: Order = "normal", indices: Any = ALL, **options: Any) -> Outcome:
    network = options.pop("network", None) or Weighted()
    return see_videos(network, videos, indices, CLIP, views, order=order, device=CPU, workers=2, **options)


@pytest.mark.parametrize("order", ["normal", "reversed"])
@pytest.mark.parametrize(
    "views", [{}, {"clips": 2}, {"clips": 3, "crops": 3}, {"clips": 11, "crops": 3}, {"frames": "all", "crops": 3}]
)
def test_a_video_s_probability_is_the_mean_over_its_views(videos: VideoSet, order: Order, views: Any) -> None:
    plan = Views(resize=SIZE, **views)
    found, right = outcome(videos, plan, order), []
    for index, own in enumerate(seen(videos, plan, order)):
        exponents = np.exp([logits_of(view) for view in own])
        probabilities = exponents / exponents.sum(axis=1, keepdims=True)
        assert np.exp(found.log_probabilities[index]) == pytest.approx(probabilities.mean(axis=0), abs=2e-5)
        right.append(np.mean(probabilities.argmax(axis=1) == index % 2))
    assert found.indices.tolist() == list(range(9))
    assert found.log_probabilities.dtype == np.float32
    assert found.views_right == pytest.approx(right)
    assert 0 < np.mean(right) < 1


def test_batches_run_over_videos_and_change_nothing(videos: VideoSet, monkeypatch: pytest.MonkeyPatch) -> None:
    for views in (Views(resize=SIZE), Views(resize=SIZE, clips=3, crops=3)):
        network = Weighted()
        together = outcome(videos, views, network=network)
        sizes = [shape[0] for shape in network.batches]
        assert sizes == ([9] if views.count == 1 else [32, 32, 17])
        with monkeypatch.context() as patched:
            patched.setattr(evaluate, "BATCH", 1)
            alone = outcome(videos, views)
        assert together.log_probabilities == pytest.approx(alone.log_probabilities, abs=1e-5)
        assert (together.views_right == alone.views_right).all()
        one = [outcome(videos, views, indices=np.array([index])).log_probabilities[0] for index in range(9)]
        assert together.log_probabilities == pytest.approx(np.stack(one), abs=1e-5)


def test_all_frames_of_videos_of_different_lengths(videos: VideoSet) -> None:
    network, heard = Weighted(), list[tuple[int, int]]()
    outcome(videos, Views(frames="all", resize=SIZE), network=network, report=lambda *each: heard.append(each))
    assert network.batches == [(1, 3, length, 32, 32) for length in LENGTHS * 3]
    assert heard == [(done, 9) for done in range(1, 10)]


@pytest.mark.parametrize("views", [{}, {"clips": 4, "crops": 3}, {"frames": "all"}])
def test_broken_videos_are_left_out_and_the_others_keep_their_places(videos: VideoSet, views: Any) -> None:
    plan, order = Views(resize=SIZE, **views), np.array([7, 0, 8, 3, 5, 1])
    broken = breaking(videos, 0, 3, 1)
    found, whole = outcome(broken, plan, indices=order), outcome(videos, plan)
    assert found.indices.tolist() == [7, 8, 5]
    assert found.log_probabilities == pytest.approx(whole.log_probabilities[[7, 8, 5]], abs=1e-5)
    assert (found.views_right == whole.views_right[[7, 8, 5]]).all()
    assert sorted(broken.unreadable) == [(f"{i}.mkv", "broken on purpose") for i in (0, 1, 3)]


def test_where_too_many_or_all_are_broken_it_says_so(videos: VideoSet) -> None:
    with pytest.raises(InputError, match=r"2 of 9 clips are missing or unreadable, 22\.2%"):
        outcome(breaking(videos, 4, 6, share=0.2), Views(resize=SIZE))
    with pytest.raises(RuntimeError, match=r"none of 2 test videos could be read, the last is \d\.mkv \(broken on"):
        outcome(breaking(videos, 4, 6), Views(resize=SIZE), indices=np.array([4, 6]))


@pytest.mark.parametrize("classes", [1, 3])
def test_logits_for_other_classes_are_no_accuracy(videos: VideoSet, classes: int) -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(3, classes))
    with pytest.raises(RuntimeError, match=rf"logits of shape \(9, {classes}\) where \(9, 2\) is right"):
        outcome(videos, Views(resize=SIZE), network=network)


@pytest.mark.parametrize("order", ["normal", "reversed"])
def test_one_spread_view_is_what_stored_clips_are_tested_in(place: Path, videos: VideoSet, order: Order) -> None:
    """Stored clips cover the clip and an eighth, 36 x 36 of 40 x 52: the same frames, scale and centre."""
    stored = open_dataset(VideoData(videos=place), CLIP, place.parent / "cache", lambda done, total: None)
    views = next(iter(seen(videos, Views(frames="spread"), order)))[0]
    centre = stored.frames[0, :, 2:34, 2:34]
    assert (views == (centre[::-1] if order == "reversed" else centre)).all()
    outputs = log_probabilities(Weighted(), stored, ALL, CLIP, order=order, device=CPU)
    found = outcome(videos, Views(frames="spread"), order)
    assert stored.ids == tuple(videos.ids[i] for i in found.indices)
    assert found.log_probabilities == pytest.approx(outputs, abs=1e-5)


def test_pixels_reach_the_network_in_its_own_scaling(videos: VideoSet) -> None:
    class Keeping(Weighted):
        def forward(self, clips: Tensor) -> Tensor:
            self.clips = clips
            return super().forward(clips)

    network = Keeping()
    outcome(videos, Views(resize=SIZE), network=network, pixels="kinetics")
    wanted = to_network(np.stack([own[0] for own in seen(videos, Views(resize=SIZE))]), CPU, "kinetics")
    assert torch.equal(network.clips, wanted)
