"""What a sweep over whole videos is said to cost: loading from a few of them, views by hand, packing counted once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small_trees import write_video

from tradeoff.data import open_videos
from tradeoff.records.store import Store
from tradeoff.sweep import calibration
from tradeoff.sweep import estimate as estimates
from tradeoff.sweep import loading as loads
from tradeoff.sweep.calibration import Timed
from tradeoff.sweep.estimate import Estimate, estimate
from tradeoff.sweep.file import make_sweep
from tradeoff.sweep.loading import Loading, loading
from tradeoff.sweep.plan import Plan, make_plan
from tradeoff.variants import Variant

pytestmark = pytest.mark.usefixtures("one_thread")
Look = Callable[..., Estimate]


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Five of 12 frames a class, and a CSV that tests on one of each: 8 are trained on, 2 tested."""
    rows = ["path,label,split"]
    for label, step in (("brighter", 10), ("darker", -10)):
        for number in range(5):
            write_video(tmp_path / "videos" / label / f"{number}.mkv", [120 + step * i for i in range(12)])
            rows.append(f"{label}/{number}.mkv,{label},{'test' if number == 4 else 'train'}")
    (tmp_path / "videos" / "clips.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "videos" / "clips.csv"


@pytest.fixture
def values(tiny: dict[str, Any], videos: Path) -> dict[str, Any]:
    own = {"variants": ["I2D"], "data": {"videos": str(videos)}, "latency": "none", "sampling": "segments"}
    return tiny | own | {"train": {"steps": 5, "batch": 4, "precision": "float32"}}


def plan(values: dict[str, Any], **change: Any) -> Plan:
    return make_plan(make_sweep({"name": "mine", **values, **change}, "test"), torch.device("cpu"))


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Look:
    """Estimates a plan whose steps take a second and whose tested clips a quarter."""

    def scripted(plan: Plan, variant: Variant, batch: int, tested: bool) -> Timed:
        return Timed((1.0,), 0.25)

    monkeypatch.setattr(calibration, "time_variant", scripted)
    return lambda chosen: estimate(chosen, Store(tmp_path / "results"), tmp_path / "cache")


def said(monkeypatch: pytest.MonkeyPatch, found: Loading) -> None:
    monkeypatch.setattr(estimates, "loading", lambda *_: found)


def test_a_step_takes_the_longer_of_computing_and_loading(
    values: dict[str, Any], look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(monkeypatch, Loading(draw=0.2, view=0.2, videos=8))  # 4 clips come in 0.8 s: the step's second is longer
    fast = look(plan(values))
    assert fast.shares["training"].seconds == pytest.approx(5 * 1.0)
    assert fast.shares["accuracy"].seconds == pytest.approx(2 * 0.25)
    assert not any("slower" in note for note in fast.notes)
    said(monkeypatch, Loading(draw=0.5, view=0.3, videos=8))
    slow = look(plan(values))
    assert slow.shares["training"].seconds == pytest.approx(5 * 4 * 0.5)
    assert slow.shares["accuracy"].seconds == pytest.approx(2 * 0.3)
    assert any("in 2 of 2 trainings and tests loading is the slower one, and data.pack" in note for note in slow.notes)
    assert "clips of 8 videos" in slow.about
    said(monkeypatch, Loading(draw=float("nan"), view=0.3, videos=8, unreadable=8))
    assert "unknown" in look(plan(values)).about


def test_a_test_counts_its_views(values: dict[str, Any], look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, Loading(view=0.1, passes=30.0, videos=8))
    assert look(plan(values, views="dense")).shares["accuracy"].seconds == pytest.approx(2 * 30 * 0.25)


@pytest.mark.parametrize(
    ("views", "passes"),
    [
        ({"frames": "all"}, 12 / 8),  # of 12 frames, for a clip of 8
        ({"frames": "consecutive", "clips": 3}, 3.0),
        ({"frames": "consecutive", "clips": 2, "crops": 3}, 6.0),
        ({"frames": "spread"}, 1.0),
    ],
)
def test_passes_are_counted_from_the_videos(
    values: dict[str, Any], tmp_path: Path, views: dict[str, Any], passes: float
) -> None:
    found = loading(plan(values, views=views), tmp_path / "cache", trained=True, tested=True)
    assert found.passes == pytest.approx(passes)
    assert found.draw > 0 and found.view > 0
    assert (found.videos, found.unreadable, found.packing, found.packed_bytes) == (8, 0, 0, 0)


def test_nothing_is_stored_and_nothing_written(values: dict[str, Any], look: Look, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    found = look(plan(values))
    assert "clip cache" not in found.disk and "packed frames" not in found.disk
    assert found.data_seconds == 0
    assert found.steps == 5
    assert found.as_record()["loading"]["videos"] == 8
    assert any(line.startswith("videos: a training clip comes in") for line in found.lines())
    look(plan(values, data=values["data"] | {"pack": {"short_side": 32}}))
    assert sorted(tmp_path.rglob("*")) == before


def test_stored_clips_are_made_where_only_tests_see_whole_videos(
    values: dict[str, Any], look: Look, tmp_path: Path
) -> None:
    half = {key: value for key, value in values.items() if key != "sampling"}
    found = look(plan(half, views="spread"))
    assert found.disk["clip cache"] == 10 * 8 * 36 * 36 * 3
    assert found.data_seconds > 0
    assert found.loading.draw == 0 and found.loading.view > 0
    assert look(plan(half)).loading.videos == 0


def test_what_is_packed_already_is_not_packed_again(values: dict[str, Any], look: Look, tmp_path: Path) -> None:
    chosen = plan(values, data=values["data"] | {"pack": {"short_side": 32}})
    before = look(chosen)
    # A frame of 48x36 scaled to a short side of 32 is 43x32; beside the frames there are the head and a digest.
    assert 10 * 12 * 43 * 32 * 3 < before.disk["packed frames"] < 10 * (12 * 43 * 32 * 3 + 1000)
    assert before.data_seconds > 0
    spec, cache = chosen.sweep.data, tmp_path / "cache"
    open_videos(spec, chosen.sweep.shape, cache, lambda done, total: None)  # type: ignore[arg-type]
    (folder,) = cache.glob("*-packed")
    after = look(chosen)
    assert (after.disk["packed frames"], after.data_seconds) == (0, 0)
    assert after.loading.draw > 0 and after.loading.unreadable == 0
    next(folder.glob("*.frames")).unlink()
    one = look(chosen)
    assert one.disk["packed frames"] == pytest.approx(before.disk["packed frames"] / 10, rel=0.01)
    assert any("from memory" in note for note in one.notes)


def test_videos_that_cannot_be_read_are_said_to_be(values: dict[str, Any], look: Look, videos: Path) -> None:
    (videos.parent / "darker" / "0.mkv").write_bytes(b"no video at all")
    found = look(plan(values))
    assert found.loading.unreadable == 1
    assert "clips of 8 videos (1 unreadable)" in found.about
    assert found.seconds > 0
    for path in videos.parent.rglob("*.mkv"):
        path.write_bytes(path.name.encode())
    assert "unknown" in look(plan(values)).about


def test_a_batch_too_large_to_time_on_a_cpu_is_a_multiple_of_fewer_clips(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def scripted(plan: Plan, variant: Variant, batch: int, tested: bool) -> Timed:
        asked.append(batch)
        return Timed((1.0,), 0.25)

    monkeypatch.setattr(calibration, "time_variant", scripted)
    monkeypatch.setattr(calibration, "CPU_MACS", 1.0)
    said(monkeypatch, Loading(draw=0.1, view=0.1, videos=8))
    found = estimate(plan(values), Store(tmp_path / "results"), tmp_path / "cache")
    assert asked == [2]
    assert found.shares["training"].seconds == pytest.approx(5 * 1.0 * 4 / 2)
    assert any("a step of 4 clips is taken as a multiple" in note for note in found.notes)


def test_eight_videos_are_looked_at_however_many_there_are(values: dict[str, Any], tmp_path: Path) -> None:
    assert loads.SAMPLED_VIDEOS == 8
    found = loading(plan(values), tmp_path / "cache", trained=True, tested=False)
    assert (found.videos, found.view, found.passes) == (8, 0, 1)
