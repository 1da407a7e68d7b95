"""Scenes of textured planar surfaces at different depths, of which all hidden parts are known.

A scene has an opaque background and one to four surfaces in front of it, each with a silhouette of
:mod:`ebb_train.lens.silhouettes`, a procedural texture and a slope; a surface may also be thin and close to
the background. In some scenes lights far above white shine on the surfaces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebb.bokeh.aperture import Aperture
from ebb.simulation import textures
from ebb_train.lens.exact_render import Surface
from ebb_train.lens.silhouettes import THIN, draw

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import RgbLinear
    from ebb.simulation.textures import Noise

LARGEST_RADIUS_PX = (2.0, 10.0)
"""Range of the largest blur radius of a scene in pixels."""
GAP = 0.06
"""Least difference of inverse depth between the planes of two surfaces."""
LIGHTS, LIGHT_POWER, LIGHT_RADIUS_PX = 0.35, (1.0, 20.0), (0.5, 3.0)
"""Probability of lights in a scene; range of their radiance relative to white; range of their radii."""
SHARES_OF_KINDS = {
    "blob": 0.2,
    "polygon": 0.15,
    "twigs": 0.2,
    "hair": 0.1,
    "fence": 0.05,
    "leaves": 0.2,
    "letters": 0.1,
}
"""Probabilities of silhouettes. Depth errors erase most fences and nothing can be repaired: they are rare."""
_POLYGONAL, _CENTRED_FOCUS = 0.2, 0.7
_NOISE_SIZE = 512
_MARGIN_PX = 18
"""Margin of the surfaces: more than the largest radius."""


@dataclass(frozen=True, kw_only=True)
class SurfaceScene:
    """Surfaces in focus at a given depth."""

    surfaces: tuple[Surface, ...]
    """Farthest first."""
    inverse_depth: tuple[tuple[float, float, float], ...]
    """Of each surface: (d₀, dₓ, d_y), d₀ + dₓ x + d_y y, in [0, 1], near is large."""
    kinds: tuple[str, ...]
    """Silhouette of each surface; the first is ``background``."""
    focus: float
    """Inverse depth in focus."""
    subject: int
    """Index of the surface in focus; −1 where the focus is between surfaces."""
    gain_px: float
    """Blur diameter in pixels per unit of inverse depth."""
    aperture: Aperture


def make_surface_scene(
    rng: np.random.Generator, side: int, largest_radius_px: float | None = None
) -> SurfaceScene:
    """Generate a scene.

    Args:
        rng: Random generator; its state determines the scene.
        side: Side of the square frame in pixels.
        largest_radius_px: Largest blur radius; None: uniform in :data:`LARGEST_RADIUS_PX`.
    """
    noise = textures.fractal_noise(rng, _NOISE_SIZE)
    planes = _planes(rng, side)
    drawn = rng.choice(list(SHARES_OF_KINDS), len(planes) - 1, p=list(SHARES_OF_KINDS.values()))
    kinds = ("background", *(str(kind) for kind in drawn))
    subject, focus = _focus(rng, planes, side)
    radius = rng.uniform(*LARGEST_RADIUS_PX) if largest_radius_px is None else largest_radius_px
    corners = np.array([[1, x, y] for x in (0, side - 1) for y in (0, side - 1)])
    gain = 2 * radius / float(np.abs(planes @ corners.T - focus).max())
    lit = rng.random() < LIGHTS
    surfaces = []
    for kind, plane in zip(kinds, planes, strict=True):
        rgba = _paint(rng, noise, kind, side + 2 * _MARGIN_PX)
        if lit:
            _add_lights(rng, rgba, 12 if kind == "background" else 2)
        constant, along, down = (float(value) for value in gain * (np.array([focus, 0, 0]) - plane))
        surfaces.append(Surface(rgba=rgba, margin=_MARGIN_PX, coc=(constant, along, down)))
    blades = int(rng.integers(5, 9)) if rng.random() < _POLYGONAL else 0
    return SurfaceScene(
        surfaces=tuple(surfaces),
        inverse_depth=tuple((float(p[0]), float(p[1]), float(p[2])) for p in planes),
        kinds=kinds,
        focus=focus,
        subject=subject,
        gain_px=gain,
        aperture=Aperture(blades, float(rng.uniform(0, 360)) if blades else 0.0),
    )


def _planes(rng: np.random.Generator, side: int) -> NDArray[np.float64]:
    """Inverse depth of two to five planes that do not meet within the frame, (N, 3), farthest first."""
    count = int(rng.integers(2, 6))
    middles = np.sort(rng.uniform(0.05, 0.95, count))
    middles = np.maximum.accumulate(middles + GAP * np.arange(count))
    middles *= 0.95 / max(0.95, float(middles[-1]))
    # The slopes leave at least half of each gap: at the corners a plane deviates by at most a quarter of it.
    gaps = np.diff(middles, prepend=middles[0] - 0.2, append=middles[-1] + 0.1)
    room = np.minimum(gaps[:-1], gaps[1:]) / 4
    angle, steep = rng.uniform(0, 2 * np.pi, count), rng.random(count) * room
    slope = steep[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1) / (side / math.sqrt(2))
    constant = middles - slope.sum(axis=1) * (side - 1) / 2
    return np.column_stack([constant, slope])


def _focus(rng: np.random.Generator, planes: NDArray[np.float64], side: int) -> tuple[int, float]:
    """Index of the surface in focus, or −1, and the inverse depth in focus."""
    if rng.random() > _CENTRED_FOCUS:
        return -1, float(rng.uniform(0.05, 0.95))
    subject = int(rng.integers(len(planes)))
    return subject, float(planes[subject] @ [1, side / 2, side / 2])


def _paint(rng: np.random.Generator, noise: Noise, kind: str, side: int) -> NDArray[np.float32]:
    """Colour multiplied by coverage, and coverage, (side, side, 4)."""
    import cv2

    rgb = _texture(rng, noise, kind, side)
    if kind == "background":
        coverage = np.ones((side, side), np.float32)
    else:
        coverage = draw(kind, rng, side)
        sigma = rng.uniform(0, 0.8)
        if sigma > 0.2:
            coverage = np.asarray(cv2.GaussianBlur(coverage, (0, 0), sigma), np.float32)
    return np.dstack([rgb * coverage[..., None], coverage]).astype(np.float32)


def _texture(rng: np.random.Generator, noise: Noise, kind: str, side: int) -> RgbLinear:
    """Texture of a surface, shaded across the frame."""
    if kind in THIN or rng.random() < 0.2:
        blend = textures.crop_noise(rng, noise, side, side)
        colour = textures.random_colour(rng, 0.02, 0.8)
        rgb = textures.mix(blend, colour * np.float32(rng.uniform(0.4, 1)), colour)
    elif rng.random() < 0.25:
        rgb = _stripes(rng, side)
    else:
        rgb = textures.any_surface(rng, noise, side, side)
    ramp = np.linspace(-1, 1, side, dtype=np.float32)
    shade = 1 + np.float32(rng.uniform(-0.3, 0.3)) * ramp + np.float32(rng.uniform(-0.3, 0.3)) * ramp[:, None]
    return np.asarray(rgb * (shade * np.float32(rng.uniform(0.5, 1.2)))[..., None], np.float32)


def _stripes(rng: np.random.Generator, side: int) -> RgbLinear:
    """Stripes or a checkerboard."""
    angle, period = rng.uniform(0, np.pi), rng.uniform(6, 60)
    y, x = np.mgrid[:side, :side]
    along = np.cos(angle) * x + np.sin(angle) * y
    wave = np.sin(2 * np.pi / period * along)
    if rng.random() < 0.5:
        wave = wave * np.sin(2 * np.pi / period * (np.cos(angle) * y - np.sin(angle) * x))
    weight = np.clip(0.5 + wave * rng.uniform(1, 6), 0, 1).astype(np.float32)
    return textures.mix(weight, textures.random_colour(rng, 0.02), textures.random_colour(rng))


def _add_lights(rng: np.random.Generator, rgba: NDArray[np.float32], most: int) -> None:
    """Paint lights above white on the covered parts of a surface, in place."""
    side = len(rgba)
    for _ in range(int(rng.integers(0, most + 1))):
        x, y = rng.uniform(8, side - 9, 2)
        radius = rng.uniform(*LIGHT_RADIUS_PX)
        power = np.exp(rng.uniform(*np.log(LIGHT_POWER)))
        warmth = rng.uniform(-0.4, 0.4)
        left, top = int(x) - 5, int(y) - 5
        block = rgba[top : top + 11, left : left + 11]
        rows, columns = np.mgrid[top : top + 11, left : left + 11]
        inside = np.clip(radius + 0.5 - np.hypot(columns - x, rows - y), 0, 1)[..., None].astype(np.float32)
        colour = (power * np.array([1 + warmth, 1, 1 - warmth])).astype(np.float32)
        block[..., :3] = block[..., :3] * (1 - inside) + colour * inside * block[..., 3:]
