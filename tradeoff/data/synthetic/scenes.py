"""A clip from its parts: a drifting band-limited backdrop, sprites painted back to front, light, sensor noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradeoff.data.synthetic.sprites import Array, Patch, Sprite, Track, rasterise

Frames = NDArray[np.uint8]

WAVES = 24  # plane waves a backdrop: enough to look like clutter, one small matrix product to draw
LOWEST, HIGHEST = 0.7, 4.0  # the backdrop's band, in cycles a shorter side


@dataclass(frozen=True)
class Actor:
    """A sprite and its way through the clip."""

    sprite: Sprite
    track: Track


@dataclass(frozen=True)
class Clutter:
    """How hard the picture is; brightness in 0..1, lengths in shorter sides over the clip.

    ground: range of the backdrop's mean in each colour. backdrop: the scale of its waves. drift, shake: how far it
    drifts and the camera strays, standard deviations. noise: the sensor's mean standard deviation. light: the
    largest departure of the gain, once for the whole clip and once more towards its ends.
    """

    ground: tuple[float, float]
    backdrop: float
    drift: float
    shake: float
    noise: float
    light: float


def render(actors: list[Actor], clutter: Clutter, rng: np.random.Generator, shape: tuple[int, int, int]) -> Frames:
    """One clip, uint8 (T, H, W, 3): `actors` back to front over a random backdrop, seen by a shaking camera.

    Everything that `rng` decides here has the same distribution run backwards.
    """
    frames, height, width = shape
    camera = _camera(rng, frames, clutter.shake)
    canvas = _backdrop(rng, clutter, camera, shape)
    for actor in actors:
        seen = Track(**{**vars(actor.track), "x": actor.track.x + camera[:, 0], "y": actor.track.y + camera[:, 1]})
        _paint(canvas, rasterise(actor.sprite, seen, height, width), actor.sprite)
    gain = 1 + clutter.light * (rng.uniform(-1, 1) + rng.uniform(-1, 1) * np.linspace(-1, 1, frames))
    canvas *= (255 * gain).astype(np.float32)[None, :, None, None]
    noise = rng.standard_normal(canvas.shape, dtype=np.float32)
    noise *= np.float32(255 * clutter.noise * rng.uniform(0.5, 1.5))
    canvas += noise
    return np.ascontiguousarray(np.clip(canvas, 0, 255, out=canvas).astype(np.uint8).transpose(1, 2, 3, 0))


def _camera(rng: np.random.Generator, frames: int, shake: float) -> Array:
    """The camera's offset in each frame, (T, 2) in sides: a random walk about its own mean.

    Without the mean the walk would start at rest and end astray, and so tell a clip from its reverse.
    """
    walk = rng.normal(0, shake / np.sqrt(frames), (frames, 2)).cumsum(axis=0)
    centred: Array = walk - walk.mean(axis=0)
    return centred


def _backdrop(rng: np.random.Generator, clutter: Clutter, camera: Array, shape: tuple[int, int, int]) -> Array:
    """Two layers of plane waves, each drifting its own way, float32 (3, T, H, W) about 0.5.

    cos(ax + by + c) = cos(by + c) cos(ax) - sin(by + c) sin(ax): a sum of waves is one matrix product.
    """
    frames, height, width = shape
    cycles = np.exp(rng.uniform(np.log(LOWEST), np.log(HIGHEST), WAVES))
    heading = rng.uniform(0, 2 * np.pi, WAVES)
    fx, fy = 2 * np.pi * cycles * np.cos(heading), 2 * np.pi * cycles * np.sin(heading)
    layers = rng.normal(0, clutter.drift, (2, 2))[np.arange(WAVES) % 2]  # sides a clip
    moved = np.linspace(-0.5, 0.5, frames)[:, None, None] * layers + camera[:, None, :]
    phase = rng.uniform(0, 2 * np.pi, WAVES) - moved[..., 0] * fx - moved[..., 1] * fy
    colour = rng.normal(0, 1, (3, WAVES)) + rng.normal(0, 1, WAVES)  # partly grey
    colour *= clutter.backdrop / np.sqrt(cycles * (2 / cycles).sum())
    side = min(height, width)
    down = phase[:, None, :] + fy * (np.arange(height)[:, None] / side - 0.5)
    across = fx[:, None] * (np.arange(width) / side - 0.5)
    left = np.concatenate([np.cos(down), -np.sin(down)], axis=-1).astype(np.float32)
    right = np.concatenate([np.cos(across), np.sin(across)]).astype(np.float32)
    tinted = left * np.tile(colour, 2).astype(np.float32)[:, None, None, :]
    mean = rng.uniform(*clutter.ground, 3).astype(np.float32)
    return tinted @ right + mean[:, None, None, None]


def _paint(canvas: Array, patch: Patch, sprite: Sprite) -> None:
    """Blend a patch over the canvas (3, T, H, W), in place; what lies outside is lost."""
    height, width = canvas.shape[2:]
    size = patch.alpha.shape[1]
    first, second = (np.array(colour, np.float32)[:, None, None] for colour in sprite.colours)
    for frame, (row, column) in enumerate(patch.corner.tolist()):
        rows, columns = (
            slice(max(row, 0), min(row + size, height)),
            slice(max(column, 0), min(column + size, width)),
        )
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        inner = (
            slice(rows.start - row, rows.stop - row),
            slice(columns.start - column, columns.stop - column),
        )
        under = canvas[:, frame, rows, columns]
        over = first + (second - first) * patch.texture[frame][inner]
        under += patch.alpha[frame][inner] * (over - under)
