"""Sprites: a shape and a texture, both analytic, evaluated on the pixels around the sprite in every frame at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

REACH = 1.7  # no shape reaches farther than this many radii, aspect and wobble included


@dataclass(frozen=True)
class Sprite:
    """One individual: a family of shapes, a family of textures, and what tells it from others of both families.

    colours: two RGB triples in 0..1 between which the texture swings. aspect: length by breadth. frequency: texture
    periods a radius. wobble: amplitude in radii, angular frequency a radius and phase of a wave that bends all of it.
    """

    shape: str
    texture: str
    colours: tuple[tuple[float, ...], tuple[float, ...]]
    aspect: float
    frequency: float
    phase: float
    wobble: tuple[float, float, float]


@dataclass(frozen=True)
class Track:
    """Where a sprite is in each frame: arrays of shape (T,), positions and radius in units of the shorter side.

    (0, 0) is the centre of the picture, y points down, so a growing `angle` (radians) turns clockwise on screen.
    `blur` is 0 (sharp) to 1 (edges as soft as the radius, no texture).
    """

    x: Array
    y: Array
    radius: Array
    angle: Array
    opacity: Array
    blur: Array


@dataclass(frozen=True)
class Patch:
    """What a sprite paints: its top left pixel (row, column), (T, 2), and alpha and texture, (T, B, B) in 0..1."""

    corner: NDArray[np.int64]
    alpha: Array
    texture: Array


def _disc(u: Array, v: Array, r: Array) -> Array:
    return r - 1.0


def _triangle(u: Array, v: Array, r: Array) -> Array:
    return np.maximum(v, np.float32(0.75**0.5) * np.abs(u) - 0.5 * v) - 0.72  # point up: y grows downwards


def _star(u: Array, v: Array, r: Array) -> Array:
    c = u / r
    return r - (0.85 + 0.35 * c * (5.0 + c * c * (16.0 * c * c - 20.0)))  # cos 5a as a polynomial in cos a


def _cross(u: Array, v: Array, r: Array) -> Array:
    across, along = np.abs(u), np.abs(v)
    return np.maximum(np.minimum(across, along) - 0.42, np.maximum(across, along) - 1.1)


def _stripes(u: Array, v: Array, r: Array, frequency: np.float32, phase: np.float32) -> Array:
    swing: Array = np.sin(frequency * u + phase)
    return swing


def _checks(u: Array, v: Array, r: Array, frequency: np.float32, phase: np.float32) -> Array:
    swing: Array = 1.4 * np.sin(frequency * u + phase) * np.sin(frequency * v + phase)
    return swing


def _rings(u: Array, v: Array, r: Array, frequency: np.float32, phase: np.float32) -> Array:
    swing: Array = np.sin(frequency * r + phase)
    return swing


def _pinwheel(u: Array, v: Array, r: Array, frequency: np.float32, phase: np.float32) -> Array:
    c, s = u / r, v / r
    swing: Array = np.cos(phase) * c * (4.0 * c * c - 3.0) + np.sin(phase) * s * (3.0 - 4.0 * s * s)  # cos(3a - phase)
    return swing


SHAPES: dict[str, Callable[[Array, Array, Array], Array]] = {
    "disc": _disc,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
}
"""Roughly the distance to the outline, negative inside, from the sprite's own (u, v) and r = |(u, v)|; all in radii."""

TEXTURES: dict[str, Callable[[Array, Array, Array, np.float32, np.float32], Array]] = {
    "stripes": _stripes,
    "checks": _checks,
    "rings": _rings,
    "pinwheel": _pinwheel,
}
"""Swing of the texture, about -1..1, from (u, v), r, angular frequency a radius and phase."""


def rasterise(sprite: Sprite, track: Track, height: int, width: int) -> Patch:
    """The patch of pixels that `sprite` covers in each frame of a (height, width) picture; float32.

    B is the same for all frames, wide enough for the largest; a patch may lie partly outside the picture.
    """
    side = min(height, width)
    radius = (track.radius * side).astype(np.float32)
    reach = int(np.ceil(REACH * radius.max() * max(sprite.aspect, 1 / sprite.aspect) ** 0.5)) + 1
    row, column = track.y * side + (height - 1) / 2, track.x * side + (width - 1) / 2
    corner = np.stack([np.floor(row), np.floor(column)], axis=1).astype(np.int64) - reach
    u, v = _own_coordinates(sprite, track, radius, row - corner[:, 0], column - corner[:, 1], 2 * reach + 2)
    r = np.sqrt(u * u + v * v) + np.float32(1e-6)
    distance = SHAPES[sprite.shape](u, v, r)
    softness = (1 / radius + track.blur).astype(np.float32)[:, None, None]  # one pixel, or the blur
    alpha = np.clip(0.5 - distance / softness, 0.0, 1.0) * track.opacity.astype(np.float32)[:, None, None]
    swing = TEXTURES[sprite.texture](u, v, r, np.float32(2 * np.pi * sprite.frequency), np.float32(sprite.phase))
    swing = np.clip(1.6 * swing, -1.0, 1.0) * (0.5 - 0.5 * track.blur).astype(np.float32)[:, None, None]
    return Patch(corner, alpha, swing + np.float32(0.5))


def _own_coordinates(
    sprite: Sprite, track: Track, radius: Array, row: Array, column: Array, size: int
) -> tuple[Array, Array]:
    """The patch's pixel grid in the sprite's turned, stretched and wobbling coordinates, in radii: two of (T, B, B)."""
    pixels = np.arange(size, dtype=np.float32)
    dy = ((pixels - row[:, None]) / radius[:, None]).astype(np.float32)
    dx = ((pixels - column[:, None]) / radius[:, None]).astype(np.float32)
    cos, sin = (f(track.angle).astype(np.float32)[:, None] for f in (np.cos, np.sin))
    stretch = np.float32(sprite.aspect**0.5)
    u = ((dx * cos)[:, None, :] + (dy * sin)[:, :, None]) / stretch
    v = ((dy * cos)[:, :, None] - (dx * sin)[:, None, :]) * stretch
    amplitude, waves, phase = (np.float32(value) for value in sprite.wobble)
    return u + amplitude * np.sin(waves * v + phase), v + amplitude * np.sin(waves * u - phase)


def draw_sprite(rng: np.random.Generator, shape: str, texture: str, dark: tuple[float, float]) -> Sprite:
    """A random individual of the two families: colours, aspect, frequency, phase, irregularity.

    `dark` is the range of its dark colour as a fraction of its light one.
    """
    tint = rng.uniform(0.75, 1.0, 3)
    colours = (tuple(map(float, tint * rng.uniform(*dark))), tuple(map(float, tint)))
    return Sprite(
        shape,
        texture,
        colours,
        aspect=float(np.exp(rng.uniform(-0.3, 0.3))),
        frequency=float(rng.uniform(0.9, 1.5)),
        phase=float(rng.uniform(0, 2 * np.pi)),
        wobble=(float(rng.uniform(0.0, 0.07)), float(rng.uniform(1.5, 3.5)), float(rng.uniform(0, 2 * np.pi))),
    )
