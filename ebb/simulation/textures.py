"""Procedural textures in linear light."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebb.arrays import RgbLinear

Noise: TypeAlias = NDArray[np.float32]
"""(n, n), in [0, 1], periodic fractal noise."""

Colour: TypeAlias = NDArray[np.float32]
"""(3,), linear light, in [0, 1]."""

_COARSEST = 4
_PERSISTENCE = 0.8
"""Ratio of the amplitudes of successive octaves; 0.5 resembles clouds, 0.8 gravel."""


def fractal_noise(rng: np.random.Generator, size: int) -> Noise:
    """Sum of octaves of random values, each at twice the frequency of the previous one.

    Source: Perlin, "An image synthesizer", SIGGRAPH 1985 (value noise on a periodic grid).

    Args:
        rng: Random generator.
        size: Side of the tile in pixels, a power of two, ≥ 8.

    Returns:
        (size, size), in [0, 1], periodic.
    """
    import cv2

    total = np.zeros((size, size), np.float32)
    grid, amplitude = _COARSEST, 1.0
    while grid <= size // 2:
        values = np.pad(rng.random((grid, grid), np.float32) - 0.5, 2, mode="wrap")
        scale = size // grid
        octave = cv2.resize(values, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        total += amplitude * np.asarray(octave)[2 * scale : 2 * scale + size, 2 * scale : 2 * scale + size]
        grid, amplitude = grid * 2, amplitude * _PERSISTENCE
    low, high = np.percentile(total[::4, ::4], (1, 99))
    return np.asarray(np.clip((total - low) / (high - low), 0, 1), np.float32)


def crop_noise(rng: np.random.Generator, noise: Noise, height: int, width: int) -> Noise:
    """Crop a random block from a tile, which is repeated if it is too small."""
    top, left = (int(value) for value in rng.integers(0, noise.shape[0], 2))
    rows = (top + np.arange(height)) % noise.shape[0]
    columns = (left + np.arange(width)) % noise.shape[1]
    return np.asarray(noise[rows[:, None], columns[None]], np.float32)


def random_colour(rng: np.random.Generator, darkest: float = 0.06, brightest: float = 0.75) -> Colour:
    """Random colour of a matt surface: any hue, mostly of low saturation and slightly warm."""
    level = np.exp(rng.uniform(np.log(darkest), np.log(brightest)))
    hue = rng.uniform(0, 2 * np.pi) + np.array([0, 2.1, 4.2])
    colour = level * (1 + rng.beta(1.2, 3) * np.cos(hue)) * (1.1, 1.0, 0.85)
    return np.asarray(np.clip(colour, 0.01, 0.85), np.float32)


def mix(noise: Noise, dark: Colour, light: Colour) -> RgbLinear:
    """Blend two colours by weights (height, width) in [0, 1] to (height, width, 3)."""
    import cv2

    planes = [noise * np.float32(light[i] - dark[i]) + np.float32(dark[i]) for i in range(3)]
    return np.asarray(cv2.merge(planes), np.float32)


def paint(rng: np.random.Generator, noise: Noise, height: int, width: int) -> RgbLinear:
    """Weathered paint, stone or soil: two colours blended by noise, with small dark specks."""
    import cv2

    blend = crop_noise(rng, noise, height, width)
    colour = mix(blend, random_colour(rng) * np.float32(0.5), random_colour(rng))
    specks = crop_noise(rng, noise, height, width) > 0.8
    shade = np.where(specks, np.float32(rng.uniform(0.35, 0.8)), np.float32(1))
    return np.asarray(cv2.multiply(colour, cv2.merge([shade] * 3)), np.float32)


def weave(rng: np.random.Generator, noise: Noise, height: int, width: int) -> RgbLinear:
    """Woven fabric."""
    period = rng.uniform(9, 16)
    x = np.arange(width, dtype=np.float32) * np.float32(2 * np.pi / period)
    y = np.arange(height, dtype=np.float32)[:, None] * np.float32(2 * np.pi / period)
    threads = 0.5 + 0.25 * np.sin(x) * np.sin(y) + 0.2 * np.sin(x / 6) + 0 * y
    blend = 0.6 * threads + 0.4 * crop_noise(rng, noise, height, width)
    return mix(blend.astype(np.float32), random_colour(rng) * np.float32(0.4), random_colour(rng, 0.3))


def bricks(rng: np.random.Generator, noise: Noise, height: int, width: int) -> RgbLinear:
    """Bricks in a running bond, with random shades."""
    brick = rng.uniform(24, 60)
    row = np.floor(np.arange(height) / brick).astype(int)
    along = np.arange(width)[None] / (2.4 * brick) + 0.5 * (row[:, None] % 2)
    column = np.floor(along).astype(int)
    shades = rng.uniform(0.65, 1.0, (row[-1] + 1, int(column.max()) + 1)).astype(np.float32)
    joint = (np.arange(height)[:, None] % brick < 4) | (along % 1 < 4 / (2.4 * brick))
    colour = np.asarray(
        paint(rng, noise, height, width) * shades[row[:, None], column][..., None], np.float32
    )
    colour[joint] = random_colour(rng, 0.2) * crop_noise(rng, noise, height, width)[joint][:, None]
    return colour


def text(rng: np.random.Generator, noise: Noise, height: int, width: int) -> RgbLinear:
    """Printed text in several sizes."""
    import cv2

    ink, baseline = np.zeros((height, width), np.uint8), 0
    while baseline < height:
        size = float(rng.choice([0.45, 0.6, 0.9, 1.6]))
        baseline += int(34 * size)
        letters = "".join(
            rng.choice(list(string.ascii_letters + "     .,-"), max(4, int(width / (15 * size))))
        )
        cv2.putText(ink, letters, (8, baseline), cv2.FONT_HERSHEY_DUPLEX, size, 255, max(1, round(2 * size)))
    paper = random_colour(rng, 0.35, 0.85) * (0.7 + 0.3 * crop_noise(rng, noise, height, width)[..., None])
    covered = ink[..., None].astype(np.float32) / 255
    return np.asarray(paper + (random_colour(rng, 0.01, 0.12) - paper) * covered, np.float32)


SURFACES: dict[str, Callable[[np.random.Generator, Noise, int, int], RgbLinear]] = {
    "paint": paint,
    "weave": weave,
    "bricks": bricks,
    "text": text,
}
"""Textures by name: (rng, noise, height, width) → (height, width, 3)."""


def any_surface(
    rng: np.random.Generator,
    noise: Noise,
    height: int,
    width: int,
    shares: tuple[float, ...] = (0.4, 0.2, 0.2, 0.2),
) -> RgbLinear:
    """Texture (height, width, 3) of a kind drawn from :data:`SURFACES` with the given probabilities."""
    name = str(rng.choice(list(SURFACES), p=shares))
    return SURFACES[name](rng, noise, height, width)
