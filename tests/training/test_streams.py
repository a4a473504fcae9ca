"""Batches of clips drawn from whole videos: each pixel of the videos tells which frame it is of and where it was."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from grey_videos import breaking, opened, slopes, write_set, write_video
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tradeoff.clip_shape import ClipShape
from tradeoff.data.decoding import Unreadable
from tradeoff.data.sampling import Sampling
from tradeoff.data.streams import Losses, VideoSet
from tradeoff.errors import InputError
from tradeoff.training.fit import DivergedError, Progress, fit, seed_everything
from tradeoff.training.recipe import Recipe
from tradeoff.training.resuming import ResumePoint
from tradeoff.training.streams import VideoBatches
from tradeoff.weights.checkpoints import state_digest

pytestmark = pytest.mark.usefixtures("one_thread")
CLIP = ClipShape(8, 32, 32)
AS_IT_IS = Sampling(resize=(40, 52))
CPU = torch.device("cpu")
LENGTHS = (9, 14, 20)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> VideoSet:
    """Six to train on, three to test; video i has 9, 14 or 20 frames in turn, whose red begins at 10 i."""
    root = tmp_path_factory.mktemp("videos")
    return opened(write_set(root, lengths=LENGTHS), CLIP, root / "cache")


def drawn(videos: VideoSet, batch: int = 2, seed: int = 5, **options: Any) -> VideoBatches:
    chosen = {"sampling": AS_IT_IS, "workers": 2, "indices": videos.split(0)[0], **options}
    indices, sampling = chosen.pop("indices"), chosen.pop("sampling")
    return VideoBatches(videos, indices, CLIP, sampling, batch, seed, CPU, **chosen)


def pixels(clips: Tensor) -> np.ndarray:
    """From what a network takes back to uint8 (N, T, H, W, 3)."""
    return ((clips + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 4, 1).numpy()


def everything(batches: VideoBatches, epochs: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """All clips and labels of so many epochs."""
    taken = [batch for _ in range(epochs) for batch in batches.epoch()]
    return np.concatenate([pixels(clips) for clips, _ in taken]), torch.cat([labels for _, labels in taken]).numpy()


def expected(number: int, place: int, seed: int, flips: bool) -> tuple[int, np.ndarray]:
    """The video and the clip at one place of an epoch, as the class says that they are drawn: consecutive frames."""
    index = int(np.random.default_rng((seed, number)).permutation(6)[place])
    random, length = np.random.default_rng((seed, number, 1 + place)), LENGTHS[index % 3]
    start, top, left = (int(random.integers(free)) for free in (length - 8 + 1, 40 - 32 + 1, 52 - 32 + 1))
    clip = slopes(length, start=10 * index)[start : start + 8, top : top + 32, left : left + 32]
    return index, clip[:, :, ::-1] if flips and random.random() < 0.5 else clip


@pytest.mark.parametrize("flips", [False, True])
def test_clips_are_the_frames_and_crops_that_were_drawn(videos: VideoSet, flips: bool) -> None:
    found, labels = everything(drawn(videos, flips=flips), epochs=3)
    wanted = [expected(number, place, 5, flips) for number in (1, 2, 3) for place in range(6)]
    assert (found == np.stack([clip for _, clip in wanted])).all()
    assert labels.tolist() == [index % 2 for index, _ in wanted]
    left_to_right = {bool(clip[0, 0, 0, 2] < clip[0, 0, -1, 2]) for clip in found}
    assert left_to_right == ({True, False} if flips else {True})


def test_an_epoch_takes_each_video_once_in_another_order_each_time(videos: VideoSet) -> None:
    orders = []
    batches = drawn(videos)
    for _ in range(4):
        clips, _ = everything(batches)
        starts = clips[:, 0, 0, 0, 0].astype(int)
        # Of the videos that begin at 0, 10 .. 50, each has started at most 12 frames late.
        orders.append(tuple(int(start) for start in starts))
        owners = [[i for i in range(6) if 10 * i <= s <= 10 * i + LENGTHS[i % 3] - 8] for s in starts]
        assert all(any(i in each for each in owners) for i in range(6))
    assert len(set(orders)) == 4


def test_the_last_incomplete_batch_is_dropped_unless_it_is_the_only_one(videos: VideoSet) -> None:
    assert [len(labels) for _, labels in drawn(videos, 4).epoch()] == [4]
    assert [len(labels) for _, labels in drawn(videos, 4, indices=np.array([1, 3, 5])).epoch()] == [3]
    assert (drawn(videos, 4).count, drawn(videos, 64).count) == (1, 1)


@settings(max_examples=20)
@given(workers=st.integers(1, 7), batch=st.integers(1, 8), flips=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_what_is_drawn_does_not_depend_on_the_threads(
    videos: VideoSet, workers: int, batch: int, flips: bool, seed: int
) -> None:
    alone, several = (everything(drawn(videos, batch, seed, flips=flips, workers=n)) for n in (1, workers))
    assert all((a == b).all() for a, b in zip(alone, several, strict=True))


@pytest.mark.parametrize("sampling", [AS_IT_IS, Sampling(frames="segments"), Sampling(stride=2, rate=7.0)])
def test_gone_on_with_after_any_batch_the_rest_is_the_same(videos: VideoSet, sampling: Sampling) -> None:
    whole = drawn(videos, sampling=sampling, flips=True)
    taken = [(batch, dict(whole.state_dict())) for _ in range(2) for batch in whole.epoch()]
    for place, (_, state) in enumerate(taken):
        again = drawn(videos, sampling=sampling, flips=True, workers=3)
        again.load_state_dict(state)
        rest = [batch for _ in range(2 - (place + 1) // 3) for batch in again.epoch()]
        assert len(rest) == len(taken) - place - 1
        for (clips, labels), ((wanted, wanted_labels), _) in zip(rest, taken[place + 1 :], strict=True):
            assert torch.equal(clips, wanted)
            assert torch.equal(labels, wanted_labels)


# --- broken videos ---


@pytest.mark.parametrize("workers", [1, 4])
def test_another_video_takes_the_place_of_a_broken_one_with_its_label(videos: VideoSet, workers: int) -> None:
    broken = breaking(videos, 2)
    clips, labels = everything(drawn(broken, workers=workers), epochs=5)
    reference = everything(drawn(breaking(videos, 2), workers=2), epochs=5)
    assert (clips == reference[0]).all()
    assert (labels == reference[1]).all()
    assert broken.unreadable == (("2.mkv", "broken on purpose"),)  # five times, and counted once
    usual = everything(drawn(videos), epochs=5)
    orders = np.concatenate([np.random.default_rng((5, number)).permutation(6) for number in range(1, 6)])
    assert ((clips == usual[0]).all(axis=(1, 2, 3, 4)) == (orders != 2)).all()  # nobody else moves
    # Where it was, another one is: a video's red tells its number, and so its class, unless two share a red.
    for clip, label in zip(clips[orders == 2], labels[orders == 2], strict=True):
        start = int(clip[0, 0, 0, 0])
        owners = {i for i in range(6) if 10 * i <= start <= 10 * i + LENGTHS[i % 3] - 8} - {2}
        assert label in {i % 2 for i in owners}


def test_a_video_that_breaks_in_its_middle_is_replaced_too(videos: VideoSet) -> None:
    class Breaking:
        def __init__(self, reader: Any) -> None:
            self.reader = reader

        def __getattr__(self, name: str) -> Any:
            return getattr(self.reader, name)

        def __enter__(self) -> Breaking:
            return self

        def __exit__(self, *_: object) -> None:
            self.reader.close()

        def read(self, *_: object) -> Any:
            raise Unreadable("frame 3 of 9, at 0.300 s, cannot be decoded")

    def opener(clip: Any) -> Any:
        return Breaking(videos.opener(clip)) if clip.id == "4.mkv" else videos.opener(clip)

    broken = replace(videos, opener=opener, losses=Losses(()))
    first, again = (everything(drawn(broken, workers=n), epochs=2) for n in (1, 3))
    assert (first[0] == again[0]).all()
    assert broken.unreadable == (("4.mkv", "frame 3 of 9, at 0.300 s, cannot be decoded"),)


def test_too_many_broken_videos_are_one_sentence(videos: VideoSet, own_threads: Callable[[], set[str]]) -> None:
    broken = breaking(videos, 0, 1, 2, share=0.25)  # two of nine are borne, three are not
    with pytest.raises(InputError, match=r"^videos: 3 of 9 clips are missing or unreadable, 33\.3%, and 'broken' all"):
        everything(drawn(broken), epochs=4)
    assert own_threads() == set()


def test_where_none_can_be_read_the_last_reason_is_said(videos: VideoSet) -> None:
    broken = breaking(videos, *range(9))
    with pytest.raises(RuntimeError, match=r"none of 100 .* the last is \d\.mkv \(broken on purpose\)$"):
        next(drawn(broken, workers=1).epoch())


# --- trainings ---


def small() -> nn.Module:
    return nn.Sequential(
        nn.AvgPool3d((2, 4, 4)), nn.Conv3d(3, 4, 3), nn.BatchNorm3d(4), nn.ReLU(), nn.Dropout(0.3),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 2),
    )  # fmt: skip


def train(
    videos: VideoSet,
    seed: int = 0,
    report: Callable[[Progress], None] = lambda progress: None,
    resume: ResumePoint | None = None,
    workers: int = 2,
    make: Callable[[], nn.Module] = small,
) -> tuple[str, list[float]]:
    """The digest of every weight and buffer, and the loss of each epoch; the clips are always those of seed 0."""
    seed_everything(seed, CPU)
    network, recipe = make(), Recipe(epochs=2, batch=2, rate=0.05)
    batches = drawn(videos, seed=0, flips=True, workers=workers)
    history = fit(network, batches, recipe, precision="float32", device=CPU, report=report, resume=resume)
    return state_digest(network), [each.loss for each in history]


class Stopped(Exception):
    """What ends a training from outside."""


def stop_after(count: int, error: BaseException) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        if (progress.epoch - 1) * 3 + progress.step == count:
            raise error

    return report


@pytest.mark.parametrize("lost", [(), (3,)])
def test_stopped_at_any_step_it_ends_with_the_same_weights(
    videos: VideoSet, tmp_path: Path, lost: tuple[int, ...]
) -> None:
    undisturbed = train(breaking(videos, *lost))
    for step in range(2, 7):
        with ResumePoint(tmp_path / "a.resume.pt", "a", 0) as point, pytest.raises(Stopped):
            train(breaking(videos, *lost), report=stop_after(step, Stopped()), resume=point)
        with ResumePoint(tmp_path / "a.resume.pt", "a", 0) as point:
            assert train(breaking(videos, *lost), seed=7, resume=point, workers=3) == undisturbed, step
        point.discard()


def pools() -> set[str]:
    """The threads of pools, by name."""
    return {each.name for each in threading.enumerate() if each.name.startswith("ThreadPoolExecutor")}


@pytest.fixture
def own_threads() -> Callable[[], set[str]]:
    """Those that came since the test began, and are still there."""
    before = pools()
    return lambda: pools() - before


@pytest.mark.parametrize("error", [Stopped(), KeyboardInterrupt(), DivergedError("the loss became nan")])
def test_a_training_that_ends_early_decodes_nothing_more(
    videos: VideoSet, error: BaseException, own_threads: Callable[[], set[str]]
) -> None:
    opens: Counter[str] = Counter()
    slow = threading.Event()

    def opener(clip: Any) -> Any:
        opens[clip.id] += 1
        slow.wait(0.05)
        return videos.opener(clip)

    with pytest.raises(type(error)):
        train(replace(videos, opener=opener), report=stop_after(2, error))
    assert own_threads() == set()
    before = opens.total()
    slow.wait(0.2)
    assert opens.total() == before


def test_a_loss_that_is_not_finite_leaves_no_thread(videos: VideoSet, own_threads: Callable[[], set[str]]) -> None:
    def broken() -> nn.Module:
        network = small()
        nn.init.constant_(network[-1].bias, float("nan"))  # type: ignore[index]
        return network

    with pytest.raises(DivergedError):
        train(videos, make=broken)
    assert own_threads() == set()


def test_an_epoch_that_is_not_taken_to_its_end_leaves_no_thread(
    videos: VideoSet, own_threads: Callable[[], set[str]]
) -> None:
    next(drawn(videos).epoch())
    assert own_threads() == set()


def test_nobody_s_memory_holds_more_than_the_crops(videos: VideoSet) -> None:
    """What waits for its batch is in the batch already, and no view of the whole frames."""
    taken = [clips for clips, _ in drawn(videos, flips=True).loaded()]
    assert [clips.shape for clips in taken] == [(2, 8, 32, 32, 3)] * 3
    assert all(clips.base is None and clips.flags.owndata for clips in taken)


@pytest.fixture
def short(tmp_path: Path) -> Iterator[VideoSet]:
    """Videos of fewer frames than a clip, one of them of a single frame."""
    rows = ["path,label,split"]
    for number, (length, split) in enumerate(((1, "train"), (3, "train"), (5, "test"), (1, "test"))):
        write_video(tmp_path / f"{number}.mkv", slopes(length, start=10 * number))
        rows.append(f"{number}.mkv,{'ab'[number % 2]},{split}")
    (tmp_path / "clips.csv").write_text("\n".join(rows) + "\n")
    yield opened(tmp_path / "clips.csv", CLIP, tmp_path / "cache")


@pytest.mark.parametrize("frames", ["consecutive", "segments", "spread"])
def test_a_video_shorter_than_a_clip_is_shown_again(short: VideoSet, frames: Any) -> None:
    clips, _ = everything(drawn(short, sampling=Sampling(frames=frames, resize=(40, 52))))
    reds = sorted(clips[:, :, 0, 0, 0].astype(int).tolist())
    assert reds[0] == [0] * 8
    assert set(reds[1]) <= {10, 11, 12}
    if frames == "consecutive":
        assert reds[1] == [10, 11, 12, 10, 11, 12, 10, 11]
    else:
        assert reds[1] == sorted(reds[1])
