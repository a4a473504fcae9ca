"""The generated clips: reproducible, blind to how they were made, and paired in time by construction."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tradeoff.data.synthetic import CLASSES, Labels, generate, tasks
from tradeoff.data.synthetic.scenes import Clutter
from tradeoff.data.synthetic.sprites import SHAPES, TEXTURES, Sprite, Track, draw_sprite, rasterise
from tradeoff.data.synthetic.tasks import SPLITS, sprite_bank
from tradeoff.errors import InputError

SHAPE = (8, 36, 36)


def make(
    task: str, train: int = 16, test: int = 16, seed: int = 0, workers: int = 2, shape: tuple[int, int, int] = SHAPE
) -> tuple[np.ndarray, Labels]:
    frames = np.zeros((train + test, *shape, 3), np.uint8)
    return frames, generate(task, train, test, seed, shape, frames, lambda done, total: None, workers)


@pytest.mark.parametrize("task", CLASSES)
def test_labels_folds_and_identities(task: str) -> None:
    frames, index = make(task, train=32, test=16)
    assert len(CLASSES[task]) == len(set(CLASSES[task])) == 16
    assert index.labels.dtype == index.folds.dtype == index.groups.dtype == np.int64
    assert index.folds.tolist() == [-1] * 32 + [0] * 16
    assert len(set(index.ids)) == 48
    assert sorted(Counter(index.labels[:32].tolist()).items()) == [(label, 2) for label in range(16)]
    assert sorted(Counter(index.labels[32:].tolist()).items()) == [(label, 1) for label in range(16)]
    assert frames.std(axis=(1, 2, 3, 4)).min() > 5  # every clip was painted


@pytest.mark.parametrize(("task", "most"), [("motion", 2), ("appearance", 1)])
def test_counts_that_do_not_divide_spread_evenly(task: str, most: int) -> None:
    _, index = make(task, train=22, test=6)
    counts = np.bincount(index.labels[:22], minlength=16)
    assert counts.sum() == 22 and counts.max() - counts.min() == 1
    assert np.bincount(index.labels[22:]).max() == 1


@pytest.mark.parametrize("task", CLASSES)
def test_the_seed_decides_and_nothing_else(task: str) -> None:
    one, index = make(task, train=16, test=4, workers=1)
    two, _ = make(task, train=16, test=4, workers=3)
    more, longer = make(task, train=20, test=8)
    other, _ = make(task, train=16, test=4, seed=1)
    assert np.array_equal(one, two)
    assert np.array_equal(one[:16], more[:16]) and np.array_equal(one[16:], more[20:24])
    assert index.ids == longer.ids[:16] + longer.ids[20:24]
    assert not any(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("base", [0, 9])
def test_a_pair_is_one_clip_and_its_reverse(base: int) -> None:
    frames, index = make("motion", train=32, test=0)
    clip, reverse = 2 * base, 2 * base + 1
    assert np.array_equal(frames[reverse], frames[clip][::-1])
    assert not np.array_equal(frames[reverse], frames[clip])
    assert index.labels[clip] == (0 if base == 0 else 3)  # the second round of bases shows each pair's second label
    assert index.labels[reverse] == (1 if base == 0 else 2)
    assert index.groups[clip] == index.groups[reverse]
    assert (index.groups == index.groups[clip]).sum() == 2
    assert index.ids[clip] == f"motion/train/{base:06d}/forward"
    assert index.ids[reverse] == f"motion/train/{base:06d}/reverse"


def test_partners_consist_of_the_same_frames() -> None:
    """Whatever a network computes from single frames is at chance within a pair of labels."""
    frames, index = make("motion", train=32, test=32)
    for fold in (-1, 0):
        bags = [
            Counter(
                frame.tobytes()
                for frame in frames[(index.labels == label) & (index.folds == fold)].reshape(-1, 36 * 36 * 3)
            )
            for label in range(16)
        ]
        assert all(bags[label] == bags[label + 1] for label in range(0, 16, 2))
        assert all(bags[label].keys().isdisjoint(bags[label + 2]) for label in range(0, 14, 2))


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Motion clips of nothing but their cast on a plain ground, seen by a still camera."""
    plain = Clutter(ground=(0.3, 0.4), backdrop=0, drift=0, shake=0, noise=0, light=0)
    monkeypatch.setitem(tasks.CLUTTER, "motion", plain)
    monkeypatch.setattr(tasks, "_passers_by", lambda *_: [])


def ground_and_cast(clip: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels x - centre and y - centre (H, W), and where the clip differs from its plain ground, (T, H, W)."""
    ground = np.median(clip.reshape(-1, 3), axis=0)  # the cast covers less than half
    mask = np.abs(clip - ground).sum(axis=-1) > 30
    y, x = np.mgrid[: clip.shape[1], : clip.shape[2]] - 36
    return x, y, mask


def mean(values: np.ndarray, mask: np.ndarray) -> float:
    return float(values[mask].mean())


def first_label_shown(pair: int, clip: np.ndarray) -> bool:
    """Measured in the pixels: whether the clip shows the first label of its pair (rotation and orbit apart)."""
    x, y, mask = ground_and_cast(clip)
    first, last = mask[0], mask[-1]
    if pair == 0:
        return mean(x, last) < mean(x, first)
    if pair == 1:
        return mean(y, last) < mean(y, first)
    if pair in (2, 4):
        return bool(last.sum() > first.sum())
    if pair == 5:
        return bool(np.var(x[last]) + np.var(y[last]) < np.var(x[first]) + np.var(y[first]))
    return red_leads(clip, x, y)


def red_leads(clip: np.ndarray, x: np.ndarray, y: np.ndarray) -> bool:
    red = clip[..., 0].astype(int) - clip[..., 2] > 60
    blue = clip[..., 2].astype(int) - clip[..., 0] > 60
    way = [mean(axis, red[-1]) - mean(axis, red[0]) for axis in (x, y)]
    ahead = [mean(axis, red[8]) - mean(axis, blue[8]) for axis in (x, y)]
    return way[0] * ahead[0] + way[1] * ahead[1] > 0


@pytest.mark.usefixtures("bare")
def test_clips_show_what_their_labels_say() -> None:
    frames, index = make("motion", train=64, test=0, shape=(16, 72, 72))
    for clip, label in zip(frames, index.labels.tolist(), strict=True):
        if label // 2 in (0, 1, 2, 4, 5, 6):
            assert first_label_shown(label // 2, clip) == (label % 2 == 0), CLASSES["motion"][label]


@pytest.mark.parametrize("seed", range(5))
def test_rotation_and_orbit_are_staged_clockwise(seed: int) -> None:
    stage = tasks.Stage(np.random.default_rng(seed), sprite_bank("motion", 0, "train"), np.linspace(0, 1, 64))
    staging = {first: build for first, _, build in tasks.PAIRS}
    (spinner,) = staging["rotate clockwise"](stage)
    assert np.rad2deg(np.diff(spinner.track.angle).sum()) > 50
    planet, moon = (actor.track for actor in staging["orbit clockwise"](stage))
    arm = (moon.x - planet.x) + 1j * (moon.y - planet.y)  # y points down, so clockwise is positive
    assert np.rad2deg(np.angle(arm[1:] / arm[:-1]).sum()) > 100


@pytest.mark.parametrize("task", CLASSES)
def test_train_and_test_share_no_sprite_and_no_clip(task: str) -> None:
    train, test = ({sprite for kind in sprite_bank(task, 0, split).values() for sprite in kind} for split in SPLITS)
    assert len(train) == len(test) and train.isdisjoint(test)
    frames, _ = make(task)
    assert len({clip.tobytes() for clip in frames}) == 32


@pytest.mark.parametrize("shape", [(9, 33, 33), (8, 36, 54), (11, 40, 36)])
@pytest.mark.parametrize("task", CLASSES)
def test_any_clip_shape(task: str, shape: tuple[int, int, int]) -> None:
    frames, _ = make(task, train=16, test=2, shape=shape)
    assert frames.std(axis=(1, 2, 3, 4)).min() > 5


def test_progress_counts_clips() -> None:
    frames, calls = np.zeros((6, *SHAPE, 3), np.uint8), []
    generate("motion", 4, 2, 0, SHAPE, frames, lambda done, total: calls.append((done, total)), 2)
    assert calls == [(2, 6), (4, 6), (6, 6)]


@pytest.mark.parametrize(
    ("task", "train", "test", "seed", "message"),
    [
        ("motion", 3, 2, 0, "train: 3 is odd"),
        ("motion", 2, 5, 0, "test: 5 is odd"),
        ("Motion", 2, 2, 0, "'Motion' is not a task; the tasks are motion, appearance"),
        ("appearance", 2, -1, 0, "test: -1 is negative"),
        ("appearance", 2, 2, -3, "seed: -3 is negative"),
    ],
)
def test_bad_input_is_named(task: str, train: int, test: int, seed: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_nothing(task, train, test, seed)


def make_nothing(task: str, train: int, test: int, seed: int) -> None:
    generate(task, train, test, seed, SHAPE, np.zeros(0, np.uint8), lambda done, total: None, 1)


def still(x: float, y: float, radius: float, angle: float = 0.0) -> Track:
    return Track(*(np.full(2, value) for value in (x, y, radius, angle, 1.0, 0.0)))


def test_a_disc_covers_pi_r_squared_around_its_centre() -> None:
    disc = Sprite(
        "disc", "rings", ((0.0,) * 3, (1.0,) * 3), aspect=1.0, frequency=1.0, phase=0.0, wobble=(0.0, 1.0, 0.0)
    )
    patch = rasterise(disc, still(x=0.1, y=-0.2, radius=0.2), 50, 100)
    alpha, (row, column) = patch.alpha[1], patch.corner[1]
    assert alpha.sum() == pytest.approx(np.pi * 10**2, rel=0.01)  # the shorter side is 50
    assert (alpha.sum(axis=1) @ np.arange(len(alpha))) / alpha.sum() + row == pytest.approx(24.5 - 10, abs=0.02)
    assert (alpha.sum(axis=0) @ np.arange(len(alpha))) / alpha.sum() + column == pytest.approx(49.5 + 5, abs=0.02)


def test_growing_angles_turn_clockwise_on_screen() -> None:
    """An ellipse along x, turned by 30 degrees, points to the lower right."""
    bar = Sprite(
        "disc", "stripes", ((0.0,) * 3, (1.0,) * 3), aspect=4.0, frequency=1.0, phase=0.0, wobble=(0.0, 1.0, 0.0)
    )
    alpha = rasterise(bar, still(0, 0, 0.2, np.deg2rad(30)), 64, 64).alpha[0]
    y, x = np.mgrid[: len(alpha), : len(alpha)] - (len(alpha) - 1) / 2
    angle = 0.5 * np.arctan2(2 * (alpha * x * y).sum(), (alpha * (x * x - y * y)).sum())
    assert np.rad2deg(angle) == pytest.approx(30, abs=1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("texture", TEXTURES)
def test_no_shape_is_cut_by_its_patch(shape: str, texture: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        track = still(0, 0, 0.2, rng.uniform(0, 6))
        alpha = rasterise(draw_sprite(rng, shape, texture, (0.1, 0.3)), track, 64, 64).alpha
        assert alpha[:, [0, -1]].max() == alpha[:, :, [0, -1]].max() == 0 < alpha.max()
