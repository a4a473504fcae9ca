"""The two tasks: which classes there are and how a clip of each is staged.

Train and test never share a sprite: each draws from its own bank of individuals, seeded by (seed, task, split). Each
clip's own randomness is seeded by (seed, task, split, clip), so a clip never depends on how many others there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

import numpy as np

from tradeoff.data.synthetic.scenes import Actor, Clutter, Frames, render
from tradeoff.data.synthetic.sprites import SHAPES, TEXTURES, Array, Sprite, Track, draw_sprite

SPLITS = ("train", "test")
INDIVIDUALS = 64  # sprites a bank and kind (shape and texture)
KINDS = tuple(product(SHAPES, TEXTURES))
RED, BLUE = (1.0, 0.25, 0.2), (0.25, 0.4, 1.0)  # the two dyes of "red leads blue"

CLUTTER = {
    "motion": Clutter(ground=(0.28, 0.42), backdrop=0.12, drift=0.15, shake=0.03, noise=0.04, light=0.15),
    "appearance": Clutter(ground=(0.12, 0.28), backdrop=0.1, drift=0.15, shake=0.03, noise=0.04, light=0.15),
}
DARK = {"motion": (0.1, 0.3), "appearance": (0.4, 0.55)}
"""Range of a sprite's dark colour by its light one: where shapes matter, all of it outshines the ground."""


@dataclass(frozen=True)
class Stage:
    """What a clip's staging draws on: its random numbers, the bank of its split, and time from 0 to 1, (T,)."""

    rng: np.random.Generator
    bank: dict[tuple[str, str], tuple[Sprite, ...]]
    time: Array

    def sprite(self, *kinds: tuple[str, str]) -> Sprite:
        """A random individual of one of the kinds, or of any."""
        kind = (kinds or KINDS)[self.rng.integers(len(kinds or KINDS))]
        return self.bank[kind][self.rng.integers(INDIVIDUALS)]

    def pace(self) -> Array:
        """From 0 to 1 over the clip, now faster, now slower, never back: (T,)."""
        ease = self.rng.uniform(-0.7, 0.7) / (2 * np.pi)
        progress: Array = self.time + ease * np.sin(2 * np.pi * self.time)
        return progress

    def swing(self, extent: float) -> Array:
        """From -a to a at a random pace, a uniform up to extent / 2 of either sign: (T,)."""
        return self.rng.uniform(-extent, extent) * (self.pace() - 0.5)

    def wave(self) -> Array:
        """Up to once to and fro, of random amplitude below 0.7: (T,)."""
        cycles, phase = self.rng.uniform(0.3, 1.0), self.rng.uniform()
        course: Array = self.rng.uniform(0, 0.7) * np.sin(2 * np.pi * (cycles * self.time + phase))
        return course

    def heading(self) -> Array:
        """A random direction, (2,)."""
        angle = self.rng.uniform(0, 2 * np.pi)
        return np.array([np.cos(angle), np.sin(angle)])

    def idle(self, spread: float = 0.2, radius: tuple[float, float] = (0.16, 0.21)) -> Track:
        """A sprite that does nothing in particular: somewhere within `spread`, with a little of every motion."""
        ones = np.ones_like(self.time)
        size = self.rng.uniform(*radius) * np.exp(self.swing(0.15))
        x, y = (self.rng.uniform(-spread, spread) + self.swing(0.12) for _ in range(2))
        angle = self.rng.uniform(0, 2 * np.pi) + self.swing(0.3)
        return Track(x, y, size, angle, ones, 0 * ones)


def _slide(stage: Stage, axis: str) -> list[Actor]:
    """From the far to the near end of an axis: left is first."""
    track = stage.idle()
    way = stage.rng.uniform(0.25, 0.5) * (0.5 - stage.pace())
    return [Actor(stage.sprite(), replace(track, **{axis: getattr(track, axis) * 0.6 + way}))]


def _left(stage: Stage) -> list[Actor]:
    return _slide(stage, "x")


def _up(stage: Stage) -> list[Actor]:
    return _slide(stage, "y")


def _approach(stage: Stage) -> list[Actor]:
    track = stage.idle()
    growth = np.log(stage.rng.uniform(1.5, 2.4)) * (stage.pace() - 0.5)
    return [Actor(stage.sprite(), replace(track, radius=track.radius * np.exp(growth)))]


def _rotate(stage: Stage) -> list[Actor]:
    sprite = stage.sprite(*(kind for kind in KINDS if kind != ("disc", "rings")))  # a ringed disc turns unseen
    track = stage.idle()
    turn = np.deg2rad(stage.rng.uniform(70, 220)) * stage.pace()
    return [Actor(sprite, replace(track, angle=track.angle + turn))]


def _appear(stage: Stage) -> list[Actor]:
    onset, length = stage.rng.uniform(0.2, 0.8), stage.rng.uniform(0.1, 0.5)
    opacity = np.clip((stage.time - onset) / length + 0.5, 0, 1)
    return [Actor(stage.sprite(), replace(stage.idle(), opacity=opacity))]


def _pair(stage: Stage, first: Sprite, second: Sprite, centre: Track, offset: Array) -> list[Actor]:
    """Two sprites at `offset` (T, 2) on either side of a common centre, in random order of depth."""
    actors = []
    for sprite, sign in ((first, 1), (second, -1)):
        track = replace(stage.idle(), x=centre.x + sign * offset[:, 0], y=centre.y + sign * offset[:, 1])
        actors.append(Actor(sprite, replace(track, radius=track.radius * 0.65)))
    return actors if stage.rng.integers(2) else actors[::-1]


def _meet(stage: Stage) -> list[Actor]:
    far, near = stage.rng.uniform(0.28, 0.36), stage.rng.uniform(0.09, 0.14)
    apart = far + (near - far) * stage.pace()
    return _pair(stage, stage.sprite(), stage.sprite(), stage.idle(0.06), apart[:, None] * stage.heading())


def _dyed(sprite: Sprite, tint: tuple[float, ...]) -> Sprite:
    """The same individual in one hue, as different from the other hue as day and night."""
    return replace(sprite, colours=(tuple(0.3 * value for value in tint), tint))


def _lead(stage: Stage) -> list[Actor]:
    heading, gap = stage.heading(), stage.rng.uniform(0.1, 0.13)
    way = stage.rng.uniform(0.35, 0.55) * (stage.pace() - 0.5)
    centre = stage.idle(0.1)
    centre = replace(centre, x=centre.x + way * heading[0], y=centre.y + way * heading[1])
    offset = np.tile(gap * heading, (len(way), 1))
    return _pair(stage, _dyed(stage.sprite(), RED), _dyed(stage.sprite(), BLUE), centre, offset)


def _orbit(stage: Stage) -> list[Actor]:
    """The smaller sprite circles the larger, clockwise on screen (y points down)."""
    centre = stage.idle(0.08)
    angle = stage.rng.uniform(0, 2 * np.pi) + np.deg2rad(stage.rng.uniform(120, 240)) * stage.pace()
    distance = stage.rng.uniform(0.24, 0.3)
    moon = stage.idle(radius=(0.09, 0.12))
    moon = replace(moon, x=centre.x + distance * np.cos(angle), y=centre.y + distance * np.sin(angle))
    return [Actor(stage.sprite(), centre), Actor(stage.sprite(), moon)]


PAIRS: tuple[tuple[str, str, Callable[[Stage], list[Actor]]], ...] = (
    ("move left", "move right", _left),
    ("move up", "move down", _up),
    ("approach", "recede", _approach),
    ("rotate clockwise", "rotate counter-clockwise", _rotate),
    ("appear", "vanish", _appear),
    ("meet", "part", _meet),
    ("red leads blue", "blue leads red", _lead),
    ("orbit clockwise", "orbit counter-clockwise", _orbit),
)
"""Two labels, each the other reversed in time, and the staging of the first."""

CLASSES: dict[str, tuple[str, ...]] = {
    "motion": tuple(name for first, second, _ in PAIRS for name in (first, second)),
    "appearance": tuple(f"{shape} with {texture}" for shape, texture in KINDS),
}
"""Task to class names; in `motion` labels 2p and 2p + 1 are partners."""


def _passers_by(stage: Stage, count: int, radius: tuple[float, float]) -> list[Actor]:
    """Small sprites, out of focus, on straight ways of their own, which mean nothing."""
    actors = []
    for _ in range(count):
        way = stage.rng.uniform(0, 0.5) * (stage.pace() - 0.5)
        (dx, dy), track = stage.heading(), stage.idle(0.45, radius)
        soft, opaque = (track.opacity * stage.rng.uniform(*limits) for limits in ((0.5, 1.0), (0.5, 0.9)))
        track = replace(track, x=track.x + way * dx, y=track.y + way * dy, blur=soft, opacity=opaque)
        actors.append(Actor(stage.sprite(), track))
    return actors


def _backwards(actor: Actor) -> Actor:
    return replace(actor, track=Track(**{name: values[::-1] for name, values in vars(actor.track).items()}))


def motion_clip(seed: int, split: str, base: int, shape: tuple[int, int, int]) -> tuple[Frames, int]:
    """The base clip (T, H, W, 3) number `base` of a split and its label; reversed in time it has the label's partner.

    The base clips of a pair show its two labels in turn: only the cast is staged backwards for the second, so that
    nothing else in a clip (camera, light, passers-by) knows which way time ran.
    """
    pair, second = base % len(PAIRS), base // len(PAIRS) % 2
    stage = _stage("motion", seed, split, base, shape[0])
    behind = _passers_by(stage, int(stage.rng.integers(1, 4)), (0.04, 0.08))
    cast = PAIRS[pair][2](stage)
    before = _passers_by(stage, int(stage.rng.integers(0, 2)), (0.04, 0.06))
    cast = [_backwards(actor) for actor in cast] if second else cast
    return render(behind + cast + before, CLUTTER["motion"], stage.rng, shape), 2 * pair + second


def _subject(stage: Stage, kind: tuple[str, str]) -> Actor:
    """The sprite that an appearance clip is about: it wanders, turns, swells, goes in and out of focus and fades."""
    track = stage.idle(0.1, (0.26, 0.36))
    (dx, dy), way = stage.heading(), stage.rng.uniform(0, 0.3) * (stage.pace() - 0.5)
    x, y, angle = track.x + way * dx, track.y + way * dy, stage.rng.uniform(-0.4, 0.4) + stage.swing(0.8)
    blur = np.clip(stage.wave(), 0, 0.4)
    opacity = np.clip(0.9 + stage.wave(), 0.2, 1)
    return Actor(stage.sprite(kind), replace(track, x=x, y=y, angle=angle, blur=blur, opacity=opacity))


def appearance_clip(seed: int, split: str, index: int, shape: tuple[int, int, int]) -> tuple[Frames, int]:
    """Clip (T, H, W, 3) number `index` of a split, and its label."""
    label = index % len(KINDS)
    stage = _stage("appearance", seed, split, index, shape[0])
    behind = _passers_by(stage, int(stage.rng.integers(1, 4)), (0.04, 0.09))
    before = _passers_by(stage, int(stage.rng.integers(1, 4)), (0.05, 0.1))
    return render([*behind, _subject(stage, KINDS[label]), *before], CLUTTER["appearance"], stage.rng, shape), label


def _stage(task: str, seed: int, split: str, index: int, frames: int) -> Stage:
    rng = np.random.default_rng(_seeds(task, seed, split, 1, index))
    return Stage(rng, sprite_bank(task, seed, split), np.linspace(0, 1, frames))


def _seeds(task: str, seed: int, split: str, *purpose: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(tuple(CLASSES).index(task), SPLITS.index(split), *purpose))


@lru_cache(maxsize=8)
def sprite_bank(task: str, seed: int, split: str) -> dict[tuple[str, str], tuple[Sprite, ...]]:
    """INDIVIDUALS sprites of each kind, for one split of one task."""
    rng = np.random.default_rng(_seeds(task, seed, split, 0))
    return {kind: tuple(draw_sprite(rng, *kind, DARK[task]) for _ in range(INDIVIDUALS)) for kind in KINDS}
