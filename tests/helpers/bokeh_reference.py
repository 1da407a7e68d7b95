"""Reference for the renderer: small analytic scenes seen through many points of an aperture.

A scene is a list of planes with a texture and a mask given as functions of continuous position, so hidden
surfaces are known and nothing is ever resampled. Each of N rays a pixel takes one aperture position u
(Vogel's sunflower over the unit-diameter disc) and one place inside the pixel (an additive recurrence); it
meets a plane of blur diameter c at x = p − c·u and takes the colour of the first plane whose mask holds
there. The all-in-focus photo is the same sum with u = 0; the depth is that of the plane at the pixel's
centre.

Shared by the tests and by ``benchmarks/renderer.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Texture = Callable[[Floats, Floats], Floats]
"""(x, y) broadcastable → (H, W, 3) linear light."""
Shape = Callable[[Floats, Floats], NDArray[np.bool_]]
SIZE = (120, 160)


def everywhere(x: Floats, y: Floats) -> NDArray[np.bool_]:
    return np.ones(np.broadcast_shapes(x.shape, y.shape), bool)


def disc(cx: float, cy: float, radius: float) -> Shape:
    return lambda x, y: (x - cx) ** 2 + (y - cy) ** 2 < radius**2


def leaf(cx: float, cy: float, reach: float) -> Shape:
    """A rosette with five lobes: convex and concave edges in one."""

    def inside(x: Floats, y: Floats) -> NDArray[np.bool_]:
        dx, dy = x - cx, y - cy
        lobes = 1 + 0.25 * np.cos(5 * np.arctan2(dy, dx))
        return dx * dx + dy * dy < (reach * lobes) ** 2

    return inside


def bars(period: float, width: float, stop: float) -> Shape:
    """Upright bars left of ``stop``: a fence."""
    return lambda x, y: (np.mod(x, period) < width) & (x < stop) & (y > -1e6)


def checks(cell: float, dark: tuple[float, float, float], light: tuple[float, float, float]) -> Texture:
    """Hard-edged checks under a slow gradient."""

    def colour(x: Floats, y: Floats) -> Floats:
        odd = (np.floor(x / cell) + np.floor(y / cell)) % 2 > 0.5
        shade = np.float32(0.85) + np.float32(0.15) * np.sin(x / 23 + y / 31)
        return (np.where(odd[..., None], np.float32(light), np.float32(dark)) * shade[..., None]).astype(
            np.float32
        )

    return colour


def waves(pitch: float, colour: tuple[float, float, float]) -> Texture:
    """Crossed sines."""

    def value(x: Floats, y: Floats) -> Floats:
        mix = 0.55 + 0.25 * np.sin(x * (6.28 / pitch) + 0.3 * y) + 0.2 * np.sin(y * (6.28 / pitch / 1.3))
        return (mix[..., None] * np.float32(colour)).astype(np.float32)

    return value


def lights(spots: list[tuple[float, float]], radius: float, power: float) -> Texture:
    """Small bright discs on a dim ground."""

    def value(x: Floats, y: Floats) -> Floats:
        total = np.full(np.broadcast_shapes(x.shape, y.shape), 0.05, np.float32)
        for cx, cy in spots:
            total = np.where((x - cx) ** 2 + (y - cy) ** 2 < radius**2, np.float32(power), total)
        return total[..., None] * np.float32([1.0, 0.8, 0.6])

    return value


@dataclass(frozen=True)
class Plane:
    coc: float
    texture: Texture
    shape: Shape = everywhere
    slope: float = 0.0
    """Growth of the coc for each pixel downwards."""

    def at(self, x: Floats, y: Floats, u: tuple[float, float]) -> tuple[Floats, Floats]:
        """Where the ray through (x, y) in focus and u in the aperture meets the plane."""
        meet_y = (y - np.float32(self.coc * u[1])) / np.float32(1 + self.slope * u[1])
        return x - (np.float32(self.coc) + np.float32(self.slope) * meet_y) * np.float32(u[0]), meet_y


class Truth(NamedTuple):
    photo: Floats
    coc: Floats
    shallow: Floats


def sunflower(count: int) -> NDArray[np.float64]:
    """(count, 2) even cover of the disc of diameter 1 (Vogel 1979)."""
    index = np.arange(count)
    angle = index * np.pi * (3 - np.sqrt(5))
    return (np.sqrt((index + 0.5) / count) / 2)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def jitter(count: int) -> NDArray[np.float64]:
    """(count, 2) even cover of the unit square about 0 (the R2 additive recurrence)."""
    golden = 1.32471795724474602596
    return (0.5 + np.arange(count)[:, None] * np.array([1 / golden, 1 / golden**2])) % 1 - 0.5


def shoot(planes: list[Plane], x: Floats, y: Floats, u: tuple[float, float]) -> tuple[Floats, Floats]:
    """Colour and coc of the first plane (nearest first) each ray meets."""
    shape = np.broadcast_shapes(x.shape, y.shape)
    colour, coc = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
    free = np.ones(shape, bool)
    for plane in planes:
        meet_x, meet_y = plane.at(x, y, u)
        hit = free & plane.shape(meet_x, meet_y)
        colour = np.where(hit[..., None], plane.texture(meet_x, meet_y), colour)
        coc = np.where(hit, plane.coc + plane.slope * meet_y, coc)
        free &= ~hit
    return colour, coc.astype(np.float32)


def render_truth(planes: list[Plane], samples: int, size: tuple[int, int] = SIZE) -> Truth:
    height, width = size
    x = np.arange(width, dtype=np.float32)[None, :]
    y = np.arange(height, dtype=np.float32)[:, None]
    photo, shallow = np.zeros((2, height, width, 3), np.float64)
    for u, (jx, jy) in zip(sunflower(samples), jitter(samples), strict=True):
        px, py = x + np.float32(jx), y + np.float32(jy)
        shallow += shoot(planes, px, py, (float(u[0]), float(u[1])))[0]
    for jx, jy in jitter(64):
        photo += shoot(planes, x + np.float32(jx), y + np.float32(jy), (0.0, 0.0))[0]
    coc = shoot(planes, x, y, (0.0, 0.0))[1]
    return Truth((photo / 64).astype(np.float32), coc, (shallow / samples).astype(np.float32))


def bands(coc: Floats) -> dict[str, NDArray[np.bool_]]:
    """``edge``: within half the larger blur + 2 px of a step in depth; others: the rest.

    A step is a change of more than 1.5 px of coc between neighbours. A border of half the largest blur is
    left out of all three: the photo does not hold what lies beyond.
    """
    highest, lowest = cv2.dilate(coc, np.ones((3, 3))), cv2.erode(coc, np.ones((3, 3)))
    step = (highest - lowest) > 3.0
    edge = np.zeros(coc.shape, bool)
    if step.any():
        distance = cv2.distanceTransform((~step).astype(np.uint8), cv2.DIST_L2, 5)
        reach = np.maximum(np.abs(highest), np.abs(lowest))[step].max() / 2 + 2
        edge = distance <= reach
    border = int(np.ceil(np.abs(coc).max() / 2))
    inside = np.zeros(coc.shape, bool)
    inside[border : coc.shape[0] - border, border : coc.shape[1] - border] = True
    focus = np.abs(coc) < 0.5
    return {
        "in_focus": focus & ~edge & inside,
        "out_of_focus": ~focus & ~edge & inside,
        "edge": edge & inside,
    }


def psnr(preds: Floats, target: Floats, where: NDArray[np.bool_]) -> float:
    """Decibels over the pixels of ``where``, both clipped at 1 as a screen does; infinite if none."""
    error = np.square(np.minimum(preds[where], 1).astype(np.float64) - np.minimum(target[where], 1))
    return float("inf") if error.size == 0 or error.max() == 0 else float(-10 * np.log10(error.mean()))


WALL = checks(7, (0.15, 0.25, 0.5), (0.7, 0.75, 0.6))
SKIN = checks(5, (0.75, 0.35, 0.2), (0.95, 0.8, 0.6))
LEAF = waves(9, (0.4, 0.9, 0.3))

SCENES: dict[str, list[Plane]] = {
    "sharp subject, blurred background": [Plane(0, SKIN, leaf(80, 60, 30)), Plane(16, WALL)],
    "blurred foreground, sharp subject": [Plane(-16, LEAF, leaf(52, 60, 26)), Plane(0, WALL)],
    "three planes": [
        Plane(-12, LEAF, disc(50, 84, 22)),
        Plane(0, SKIN, leaf(90, 54, 26)),
        Plane(14, WALL),
    ],
    "fence before all": [
        Plane(-10, LEAF, bars(24, 6, 100)),
        Plane(3, SKIN, disc(90, 60, 30)),
        Plane(12, WALL),
    ],
    "slanted floor": [Plane(-10, WALL, slope=0.2)],
    "subject on a slanted floor": [Plane(0, SKIN, leaf(80, 60, 26)), Plane(4, WALL, slope=0.1)],
    "point lights": [
        Plane(0, SKIN, disc(60, 60, 24)),
        Plane(16, lights([(98, 32), (120, 70), (140, 60), (92, 90), (22, 30), (85, 52)], 2.5, 15.0)),
    ],
}
