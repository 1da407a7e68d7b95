"""Objects of procedural scenes: colour, coverage and depth at twice the resolution.

A shape is painted into its bounding block, which is reduced by averaging when it is pasted, for antialiasing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.simulation.textures import crop_noise, random_colour

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Mask, RgbLinear
    from ebb.simulation.textures import Noise

SUPERSAMPLING = 2


@dataclass(frozen=True)
class Pinhole:
    """Pinhole camera of a scene, in supersampled pixels of the canvas."""

    focal_px: float
    centre_x: float
    horizon_y: float
    """Row of the horizon; above the frame if the camera is pitched down."""
    height_m: float
    """Height of the camera above the ground in metres."""
    width: int
    height: int

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Project world points (right, down, forward from the camera), (N, 3), to pixels, (N, 2)."""
        scale = self.focal_px / points[:, 2]
        x, y = self.centre_x + points[:, 0] * scale, self.horizon_y + points[:, 1] * scale
        return np.stack([x, y], axis=1)


class Patch(NamedTuple):
    """A block of the supersampled canvas, with even corner and sides."""

    left: int
    top: int
    rgb: RgbLinear
    covered: Mask
    inverse_depth: NDArray[np.float32]


class PixelBlock(NamedTuple):
    """Pixel coordinates of a block of the supersampled canvas."""

    left: int
    top: int
    x: NDArray[np.float32]
    """(1, width)."""
    y: NDArray[np.float32]
    """(height, 1)."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.y.shape[0], self.x.shape[1]


def block_around(camera: Pinhole, points: NDArray[np.float64]) -> PixelBlock | None:
    """Even bounding block of points, clipped to the canvas; None if it is empty."""
    low = np.floor(points.min(axis=0) / 2).astype(int) * 2
    high = np.ceil(points.max(axis=0) / 2).astype(int) * 2 + 2
    left, top = max(int(low[0]), 0), max(int(low[1]), 0)
    right, bottom = min(int(high[0]), camera.width), min(int(high[1]), camera.height)
    if right <= left or bottom <= top:
        return None
    x, y = np.arange(left, right, dtype=np.float32), np.arange(top, bottom, dtype=np.float32)
    return PixelBlock(left, top, x[None], y[:, None])


def face(camera: Pinhole, corners: NDArray[np.float64], texture: RgbLinear, light: float) -> Patch | None:
    """Rectangle in space.

    Args:
        camera: The camera.
        corners: (4, 3), world points of the texture's top left, top right, bottom right and bottom left.
        texture: (height, width, 3), of about the size of the projected face.
        light: Factor on the texture's radiance.
    """
    import cv2

    pixels = camera.project(corners)
    block = block_around(camera, pixels)
    if block is None:
        return None
    height, width = texture.shape[:2]
    target = (pixels - (block.left, block.top)).astype(np.float32)
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - 0.5
    warp = cv2.getPerspectiveTransform(source, target)
    size = (block.shape[1], block.shape[0])
    rgb = cv2.warpPerspective(texture, warp, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    covered = np.zeros(block.shape, np.uint8)
    cv2.fillConvexPoly(covered, np.rint(target * 16).astype(np.int32), 1, shift=4)
    # The inverse depth of a plane is an affine function of the pixel.
    plane = np.linalg.lstsq(np.column_stack([pixels, np.ones(4)]), 1 / corners[:, 2], rcond=None)[0]
    inverse = np.float32(plane[0]) * block.x + np.float32(plane[1]) * block.y + np.float32(plane[2])
    return Patch(block.left, block.top, np.asarray(rgb) * np.float32(light), covered > 0, inverse)


def sphere(
    camera: Pinhole,
    centre: NDArray[np.float64],
    radius: float,
    texture: RgbLinear,
    light: NDArray[np.float64],
) -> Patch | None:
    """Sphere with directional light.

    Args:
        camera: The camera.
        centre: (3,), world point.
        radius: Radius in metres.
        texture: (n, n, 3), mapped to the visible half.
        light: (3,), unit vector to the light, z towards the camera.
    """
    import cv2

    middle = camera.project(centre[None])[0]
    radius_px = camera.focal_px * radius / centre[2]
    block = block_around(camera, middle + np.array([[-radius_px] * 2, [radius_px] * 2]))
    if block is None:
        return None
    x, y = (block.x - middle[0]) / radius_px, (block.y - middle[1]) / radius_px
    bulge = np.sqrt(np.maximum(1 - x**2 - y**2, 0)).astype(np.float32)
    side = np.float32((texture.shape[0] - 1) / np.pi)
    u = (np.arctan2(x, np.maximum(bulge, 1e-3)) + np.pi / 2) * side
    v = (np.arcsin(np.clip(y, -1, 1)) + np.pi / 2) * side + 0 * u
    rgb = cv2.remap(texture, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR)
    shade = 0.25 + 0.75 * np.maximum(x * light[0] + y * light[1] + bulge * light[2], 0)
    lit = np.asarray(rgb) * shade[..., None].astype(np.float32)
    inverse = np.reciprocal(np.float32(centre[2]) - np.float32(radius) * bulge)
    return Patch(block.left, block.top, lit, x**2 + y**2 <= 1, inverse)


def column(
    camera: Pinhole, foot: NDArray[np.float64], radius: float, height: float, texture: RgbLinear, side: float
) -> Patch | None:
    """Upright cylinder.

    Args:
        camera: The camera.
        foot: (3,), world point at the centre of the base.
        radius: Radius in metres.
        height: Height in metres.
        texture: (height, width, 3), mapped to the visible half.
        side: Direction of the light, from −1 (left) to 1 (right).
    """
    import cv2

    ends = camera.project(np.stack([foot - (0, height, 0), foot]))
    radius_px = camera.focal_px * radius / foot[2]
    block = block_around(camera, ends + np.array([[-radius_px, 0], [radius_px, 0]]))
    if block is None:
        return None
    x = (block.x - ends[0, 0]) / radius_px + 0 * block.y
    along = (block.y - ends[0, 1]) / max(ends[1, 1] - ends[0, 1], 1.0) + 0 * block.x
    bulge = np.sqrt(np.maximum(1 - x**2, 0)).astype(np.float32)
    u = (np.arcsin(np.clip(x, -1, 1)) / np.pi + 0.5) * (texture.shape[1] - 1)
    v = np.clip(along, 0, 1) * (texture.shape[0] - 1)
    rgb = cv2.remap(texture, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR)
    shade = 0.25 + 0.75 * np.maximum(x * side + bulge * np.sqrt(1 - side**2), 0)
    lit = np.asarray(rgb) * shade[..., None].astype(np.float32)
    inverse = np.reciprocal(np.float32(foot[2]) - np.float32(radius) * bulge)
    covered = (np.abs(x) <= 1) & (along >= 0) & (along <= 1)
    return Patch(block.left, block.top, lit, covered, inverse)


def foliage(
    camera: Pinhole,
    rng: np.random.Generator,
    noise: Noise,
    centre: NDArray[np.float64],
    extent: NDArray[np.float64],
    leaves: int,
) -> Patch | None:
    """Leaves with individual depths, painted from back to front.

    Args:
        camera: The camera.
        rng: Random generator of the leaves.
        noise: Texture of the leaves.
        centre: (3,), world point.
        extent: (3,), standard deviation of the leaves' positions in metres.
        leaves: Number of leaves.
    """
    import cv2

    places = centre + np.clip(rng.standard_normal((leaves, 3)), -2, 2) * extent
    places = places[np.argsort(-places[:, 2])]
    length = rng.uniform(4, 8, leaves) / np.sqrt(leaves) * extent[:2].min()
    turn, slim = rng.uniform(0, 360, leaves), rng.uniform(0.3, 0.6, leaves)
    shade = rng.uniform(0.35, 1, leaves)
    green = np.stack([random_colour(rng, 0.1, 0.4) * (0.75, 1.3, 0.4) for _ in range(3)])
    tint = rng.integers(0, 3, leaves)
    pixels, length_px = camera.project(places), camera.focal_px * length / places[:, 2]
    block = block_around(camera, np.concatenate([pixels - length_px[:, None], pixels + length_px[:, None]]))
    if block is None:
        return None
    # Colour and inverse depth in one array of four channels: each leaf is filled once.
    painted, covered = np.zeros((*block.shape, 4), np.float32), np.zeros(block.shape, np.uint8)
    for i in range(leaves):
        outline = leaf_outline(pixels[i] - (block.left, block.top), length_px[i], slim[i], turn[i])
        value = (*(green[tint[i]] * shade[i]).tolist(), 1 / float(places[i, 2]))
        rib = (*(green[tint[i]] * min(1.0, 1.4 * shade[i])).tolist(), value[3])
        cv2.fillPoly(painted, [outline], value, shift=4)
        cv2.line(painted, outline[0].tolist(), outline[len(outline) // 2].tolist(), rib, 2, shift=4)
        cv2.fillPoly(covered, [outline], 1, shift=4)
    veins = 0.55 + 0.45 * crop_noise(rng, noise, *block.shape)
    inverse = np.where(covered > 0, painted[..., 3], np.float32(1 / centre[2]))
    rgb = cv2.merge([plane * veins for plane in cv2.split(painted)[:3]])
    return Patch(block.left, block.top, np.asarray(rgb), covered > 0, inverse)


def leaf_outline(centre: NDArray[np.float64], length: float, slim: float, turn: float) -> NDArray[np.int32]:
    """Outline of a leaf pointed at both ends, (N, 2), in 1/16 pixel; the tips have the indices 0 and N/2."""
    along = np.concatenate([np.linspace(-1, 1, 9), np.linspace(1, -1, 9)[1:-1]])
    across = slim * (1 - along**2) * np.repeat([1, -1], [9, 7])
    angle = np.deg2rad(turn)
    x = along * np.cos(angle) - across * np.sin(angle)
    y = along * np.sin(angle) + across * np.cos(angle)
    outline = centre + 0.5 * length * np.stack([x, y], axis=1)
    return np.rint(outline * 16).astype(np.int32)
