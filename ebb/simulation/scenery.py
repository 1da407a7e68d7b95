"""Canvas, ground and background of procedural scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.simulation import shapes, textures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import RgbLinear, Size
    from ebb.simulation.shapes import Patch, Pinhole
    from ebb.simulation.textures import Noise

_GROUND_TILE = 1024
_MIP_LEVELS = 6


class RgbdCanvas:
    """Colour and depth of a scene, painted from back to front.

    Args:
        size: Size of the canvas; shapes are :data:`ebb.simulation.shapes.SUPERSAMPLING` times larger.
    """

    def __init__(self, size: Size) -> None:
        self.rgb: RgbLinear = np.zeros((size.height, size.width, 3), np.float32)
        self.depth_m: NDArray[np.float32] = np.full((size.height, size.width), np.inf, np.float32)

    def paste(self, patch: Patch | None) -> None:
        """Reduce a patch by averaging and composite it over the canvas; ``None`` has no effect."""
        import cv2

        if patch is None:
            return
        height, width = (side // shapes.SUPERSAMPLING for side in patch.covered.shape)
        covered = patch.covered.astype(np.float32)
        masked = cv2.copyTo(patch.rgb, patch.covered.astype(np.uint8))
        rgb, inverse, alpha = (
            np.asarray(cv2.resize(layer, (width, height), interpolation=cv2.INTER_AREA), np.float32)
            for layer in (masked, patch.inverse_depth * covered, covered)
        )
        top, left = patch.top // shapes.SUPERSAMPLING, patch.left // shapes.SUPERSAMPLING
        block = (slice(top, top + height), slice(left, left + width))
        self.rgb[block] *= (1 - alpha)[..., None]
        self.rgb[block] += rgb
        front = alpha > 0.5
        self.depth_m[block][front] = alpha[front] / inverse[front]

    def darken(self, camera: Pinhole, foot: NDArray[np.float64], radius: float) -> None:
        """Paint a soft shadow on the ground around the foot of an object."""
        rim = foot + radius * np.array([[-2.2, 0, -2.2], [2.2, 0, -2.2], [2.2, 0, 2.2], [-2.2, 0, 2.2]])
        rim[:, 2] = np.maximum(rim[:, 2], 0.2)
        block = shapes.block_around(camera, camera.project(rim))
        if block is None:
            return
        x, y = block.x[:, ::2], block.y[::2]
        depth = camera.focal_px * camera.height_m / np.maximum(y - camera.horizon_y, 1)
        right = (x - camera.centre_x) / camera.focal_px * depth
        distance2 = ((right - foot[0]) ** 2 + (depth - foot[2]) ** 2) / radius**2
        shade = 1 - 0.6 * np.exp(-distance2).astype(np.float32)
        top, left = block.top // 2, block.left // 2
        self.rgb[top : top + shade.shape[0], left : left + shade.shape[1]] *= shade[..., None]


def paint_backdrop(
    canvas: RgbdCanvas, camera: Pinhole, rng: np.random.Generator, noise: Noise, far_m: float
) -> None:
    """Paint a wall, or sky with distant houses and trees, and lights."""
    if camera.horizon_y > 0.1 * camera.height and rng.random() < 0.7:
        _paint_sky(canvas, rng, noise)
        for _ in range(int(rng.integers(6, 12))):
            _paint_far_thing(canvas, camera, rng, noise, far_m, far_m * rng.uniform(1.2, 4))
    else:
        _paint_wall(canvas, camera, rng, noise, far_m)
    horizon = min(max(camera.horizon_y / camera.height, 0.15), 0.6)
    _paint_lights(canvas, rng, far_m, horizon, int(rng.integers(8, 60)))


def paint_ground(
    canvas: RgbdCanvas, camera: Pinhole, rng: np.random.Generator, noise: Noise, far_m: float
) -> None:
    """Paint a ground plane up to ``far_m``, with a mip-mapped texture in perspective."""
    tile = textures.any_surface(rng, noise, _GROUND_TILE, _GROUND_TILE, (0.6, 0.15, 0.25, 0.0))
    grey = tile.mean(axis=2, keepdims=True) * np.array([1.15, 1.0, 0.8], np.float32)
    tile = grey + np.float32(0.4) * (tile - grey)  # reduced saturation
    focal, height = camera.focal_px / 2, canvas.depth_m.shape[0]
    below = np.arange(height) + 0.25 - camera.horizon_y / 2
    depth = focal * camera.height_m / np.maximum(below, 1e-3)
    top = int(np.argmax((below > 0) & (depth < far_m)))
    depth = depth[top:].astype(np.float32)
    pixels_per_metre = np.float32(0.8 * focal / depth[-1])
    right = (np.arange(canvas.depth_m.shape[1]) + 0.25 - camera.centre_x / 2) / focal
    # Foreshortening is strongest across rows: it determines the level, reduced to limit the blur along rows.
    packed = pixels_per_metre * depth**2 / (focal * camera.height_m)
    level = np.clip(np.log2(packed * np.sqrt(camera.height_m / depth)), 0, _MIP_LEVELS - 1)
    canvas.rgb[top:] = _sample_levels(tile, right, depth, pixels_per_metre, level)
    canvas.depth_m[top:] = depth[:, None]


def _sample_levels(
    tile: RgbLinear,
    right: NDArray[np.floating],
    depth: NDArray[np.floating],
    scale: np.float32,
    level: NDArray[np.floating],
) -> RgbLinear:
    """Trilinear sampling: each row blends the two pyramid levels next to its level."""
    import cv2

    u, v = (
        (depth[:, None] * right * scale).astype(np.float32),
        np.repeat(depth[:, None] * scale, right.size, 1),
    )
    total = np.zeros((*u.shape, 3), np.float32)
    for k in range(_MIP_LEVELS):
        weight = np.maximum(1 - np.abs(level - k), 0).astype(np.float32)
        rows = weight > 0
        if rows.any():
            side = tile.shape[0]
            # Coordinates are wrapped here: OpenCV's border mode fails far outside the image.
            x, y = (u[rows] / 2**k) % side, (v[rows] / 2**k) % side
            sampled = cv2.remap(tile, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
            total[rows] += np.asarray(sampled) * weight[rows, None, None]
        tile = np.asarray(cv2.resize(tile, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return total


def _paint_sky(canvas: RgbdCanvas, rng: np.random.Generator, noise: Noise) -> None:
    import cv2

    height, width = canvas.depth_m.shape
    clouds = cv2.resize(noise[:256, :256], (width, height), interpolation=cv2.INTER_CUBIC)
    fade = np.linspace(1, 0, height, dtype=np.float32)[:, None] ** 2
    blue = np.array(rng.uniform((0.1, 0.2, 0.4), (0.3, 0.4, 0.7)), np.float32)
    haze = np.array(rng.uniform(0.6, 0.85) * np.array(rng.uniform(0.94, 1.06, 3)), np.float32)
    canvas.rgb[:] = textures.mix(np.clip(np.asarray(clouds) * 0.8 + 0.6 * (1 - fade), 0, 1), blue, haze)


def _paint_wall(
    canvas: RgbdCanvas, camera: Pinhole, rng: np.random.Generator, noise: Noise, wall_m: float
) -> None:
    height, width = canvas.depth_m.shape
    wall = textures.any_surface(rng, noise, height, width, (0.5, 0.1, 0.4, 0.0))
    canvas.rgb[:] = wall * np.float32(rng.uniform(0.4, 1))
    canvas.depth_m[:] = wall_m
    for _ in range(int(rng.integers(2, 7))):  # pictures and shelves on the wall
        x, y = rng.uniform(0, width), rng.uniform(-0.1, 0.6) * height
        w, h = rng.uniform(0.05, 0.25, 2) * width
        corners = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]]) * 2
        world = np.column_stack([corners - (camera.centre_x, camera.horizon_y), np.full(4, camera.focal_px)])
        texture = textures.any_surface(rng, noise, int(2 * h) + 8, int(2 * w) + 8)
        canvas.paste(
            shapes.face(camera, world * wall_m * 0.99 / camera.focal_px, texture, rng.uniform(0.4, 1))
        )


def _paint_far_thing(
    canvas: RgbdCanvas,
    camera: Pinhole,
    rng: np.random.Generator,
    noise: Noise,
    ground_m: float,
    depth_m: float,
) -> None:
    """Paint a distant façade or treetop."""
    scale = depth_m / camera.focal_px
    middle = rng.uniform(0, camera.width) - camera.centre_x
    wide, high = rng.uniform(0.08, 0.3) * camera.width, rng.uniform(0.1, 0.5) * camera.height
    foot = camera.height_m / ground_m * camera.focal_px  # down to the end of the ground
    if rng.random() < 0.5:
        corners = np.array([[-wide / 2, -high], [wide / 2, -high], [wide / 2, foot], [-wide / 2, foot]])
        world = np.column_stack([corners + np.array([middle, 0]), np.full(4, camera.focal_px)]) * scale
        texture = textures.bricks(rng, noise, int(high + foot) + 8, int(wide) + 8)
        canvas.paste(shapes.face(camera, world, texture, rng.uniform(0.4, 0.9)))
    else:
        centre = np.array([middle, foot - 0.4 * high, camera.focal_px]) * scale
        extent = np.array([wide / 4 * scale, high / 4 * scale, 0.03 * depth_m])
        canvas.paste(shapes.foliage(camera, rng, noise, centre, extent, 300))


def _paint_lights(
    canvas: RgbdCanvas, rng: np.random.Generator, far_m: float, horizon: float, number: int
) -> None:
    """Paint lights of a few pixels, far above diffuse white, which become discs when blurred."""
    height, width = canvas.depth_m.shape
    x, y = rng.uniform(2, width - 3, number), rng.uniform(max(0.0, horizon - 0.3), horizon, number) * height
    radius, power = rng.uniform(0.7, 2.2, number), np.exp(rng.uniform(np.log(4), np.log(40), number))
    warmth = rng.uniform(-0.5, 0.5, number)
    for i in range(number):
        left, top = max(int(x[i]) - 4, 0), max(int(y[i]) - 4, 0)
        block = (slice(top, top + 9), slice(left, left + 9))
        if np.isfinite(canvas.depth_m[block]).any() and canvas.depth_m[block].min() < 0.9 * far_m:
            continue
        rows, columns = np.mgrid[block][:, : height - top, : width - left]
        inside = np.clip(radius[i] + 0.5 - np.hypot(columns - x[i], rows - y[i]), 0, 1).astype(np.float32)
        colour = power[i] * np.array([1 + warmth[i], 1, 1 - warmth[i]], np.float32)
        light = inside[..., None]
        canvas.rgb[block] = canvas.rgb[block] * (1 - light) + colour * light
        sky = (inside > 0) & ~np.isfinite(canvas.depth_m[block])
        canvas.depth_m[block][sky] = 4 * far_m
