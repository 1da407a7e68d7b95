"""Silhouettes of procedural surfaces: coverage of each pixel by an object of a given kind.

Shapes are drawn at three times the resolution and averaged, so that edges are antialiased. Thin kinds (twigs,
hair, fences) are those that depth networks often miss.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

Coverage: TypeAlias = NDArray[np.float32]
"""(side, side), fraction of each pixel that is covered, in [0, 1]."""

Points: TypeAlias = NDArray[np.float64]
"""(N, 2), rows of (x, y) in pixels of the supersampled canvas."""

SUPERSAMPLING = 3
_SHIFT = 4
_FONTS = (0, 2, 3, 6)
"""Numbers of OpenCV's fonts: simplex, duplex, complex and script."""


def draw(kind: str, rng: np.random.Generator, side: int) -> Coverage:
    """Draw a silhouette.

    Args:
        kind: A name in :data:`KINDS`.
        rng: Random generator; its state determines the shape.
        side: Side of the square in pixels.
    """
    import cv2

    canvas = np.zeros((side * SUPERSAMPLING, side * SUPERSAMPLING), np.uint8)
    KINDS[kind](canvas, rng)
    reduced = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.float32) / np.float32(255)


def blob(canvas: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Smooth outline: a circle with random Fourier terms."""
    angle = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    radius = np.ones_like(angle)
    for order in range(2, 8):
        radius += rng.normal(0, 0.35 / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    radius = np.maximum(radius, 0.2) * rng.uniform(0.15, 0.35) * len(canvas)
    outline = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    _fill(canvas, outline + _place(canvas, rng))


def polygon(canvas: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Polygon with 3 to 8 corners, not necessarily convex."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 9))))
    radius = rng.uniform(0.15, 0.5, len(angle)) * len(canvas)
    outline = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    _fill(canvas, outline + _place(canvas, rng))


def twigs(canvas: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Branching strokes, 1 to 8 pixels thick."""
    for _ in range(int(rng.integers(1, 4))):
        start, heading = _place(canvas, rng, 0.6), rng.uniform(0, 2 * np.pi)
        _branch(canvas, rng, start, heading, rng.uniform(2, 8) * SUPERSAMPLING, 0)


def _branch(
    canvas: NDArray[np.uint8],
    rng: np.random.Generator,
    start: NDArray[np.float64],
    heading: float,
    thickness: float,
    depth: int,
) -> None:
    """Draw one stroke and, from points along it, thinner ones."""
    count = int(rng.integers(8, 20))
    turns = heading + np.cumsum(rng.normal(0, 0.14, count))
    step = rng.uniform(0.02, 0.05) * len(canvas)
    path = start + step * np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1), axis=0)
    _stroke(canvas, path, thickness)
    finer = thickness * rng.uniform(0.4, 0.7)
    if depth == 3 or finer < SUPERSAMPLING:
        return
    for place in rng.integers(1, count, int(rng.integers(1, 4))):
        side = float(rng.choice([-1, 1])) * rng.uniform(0.4, 1.2)
        _branch(canvas, rng, path[place], float(turns[place]) + side, finer, depth + 1)


def hair(canvas: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Bundle of curved lines, 0.5 to 2 pixels thick."""
    root, heading = _place(canvas, rng, 0.6), rng.uniform(0, 2 * np.pi)
    length, spread = rng.uniform(0.4, 1.0) * len(canvas), rng.uniform(0.02, 0.2) * len(canvas)
    along = np.linspace(0, 1, 24)
    for _ in range(int(rng.integers(12, 60))):
        turn = heading + rng.normal(0, 0.12) + rng.normal(0, 0.9) * along
        steps = np.stack([np.cos(turn), np.sin(turn)], axis=1) * length * rng.uniform(0.6, 1) / len(along)
        path = root + rng.normal(0, spread, 2) + np.cumsum(steps, axis=0)
        _stroke(canvas, path, rng.uniform(0.5, 2) * SUPERSAMPLING)


def fence(canvas: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Parallel bars, or a mesh of two sets of them, across the canvas."""
    first = rng.uniform(0, np.pi)
    period = rng.uniform(16, 60) * SUPERSAMPLING
    thickness = min(rng.uniform(1, 6) * SUPERSAMPLING, 0.3 * period)
    angles = (first,) if rng.random() < 0.4 else (first, first + rng.uniform(0.8, 1.6))
    middle, reach = np.full(2, len(canvas) / 2), float(len(canvas))
    for angle in angles:
        along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        for offset in np.arange(-reach, reach, period) + rng.uniform(0, period):
            ends = middle + offset * across + np.array([[-reach], [reach]]) * along
            _stroke(canvas, ends, thickness)


def leaves(canvas: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Pointed leaves with holes."""
    along = np.concatenate([np.linspace(-1, 1, 24), np.linspace(1, -1, 24)[1:-1]])
    side = np.repeat([1, -1], [24, 22])
    for _ in range(int(rng.integers(1, 6))):
        turn, half = rng.uniform(0, 2 * np.pi), rng.uniform(0.08, 0.3) * len(canvas)
        across = rng.uniform(0.3, 0.7) * (1 - along**2) * side
        axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        centre = _place(canvas, rng, 0.8)
        _fill(canvas, centre + half * np.stack([along, across], axis=1) @ axes)
        for _ in range(int(rng.integers(0, 6))):
            place = centre + half * np.array([rng.uniform(-0.6, 0.6), rng.uniform(-0.2, 0.2)]) @ axes
            _dot(canvas, place, rng.uniform(0.03, 0.14) * half + SUPERSAMPLING, 0)


def letters(canvas: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Line of large letters and digits."""
    import cv2

    word = "".join(rng.choice(list(string.ascii_letters + string.digits), int(rng.integers(2, 6))))
    font, thickness = int(rng.choice(_FONTS)), int(rng.integers(2, 9)) * SUPERSAMPLING // 2
    scale = rng.uniform(0.006, 0.014) * len(canvas)
    left, base = rng.uniform(0, 0.4) * len(canvas), rng.uniform(0.35, 0.9) * len(canvas)
    cv2.putText(canvas, word, (int(left), int(base)), font, scale, 255, thickness, cv2.LINE_AA)


def _place(canvas: NDArray[np.uint8], rng: np.random.Generator, spread: float = 0.6) -> NDArray[np.float64]:
    """Random point within the central ``spread`` of the canvas."""
    return (0.5 + spread * rng.uniform(-0.5, 0.5, 2)) * len(canvas)


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.asarray(np.rint(points * 2**_SHIFT), np.int32)


def _fill(canvas: NDArray[np.uint8], outline: Points) -> None:
    import cv2

    cv2.fillPoly(canvas, [_fixed(outline)], 255, lineType=cv2.LINE_AA, shift=_SHIFT)


def _stroke(canvas: NDArray[np.uint8], path: Points, thickness: float) -> None:
    import cv2

    width = max(1, round(thickness))
    cv2.polylines(canvas, [_fixed(path)], isClosed=False, color=255, thickness=width, shift=_SHIFT)


def _dot(canvas: NDArray[np.uint8], centre: NDArray[np.float64], radius: float, value: int) -> None:
    import cv2

    middle = _fixed(centre)
    cv2.circle(canvas, middle.tolist(), round(radius * 2**_SHIFT), value, -1, shift=_SHIFT)


KINDS: dict[str, Callable[[NDArray[np.uint8], np.random.Generator], None]] = {
    "blob": blob,
    "polygon": polygon,
    "twigs": twigs,
    "hair": hair,
    "fence": fence,
    "leaves": leaves,
    "letters": letters,
}
"""Silhouettes by name."""

THIN = frozenset({"twigs", "hair", "fence"})
"""Kinds whose parts are a few pixels wide."""
