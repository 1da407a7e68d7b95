"""Application, rescaling, comparison and decomposition of homographies.

Pixel centres are at integers (:mod:`ebb.geometry.pixel_grid`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.geometry.pixel_grid import jacobian, resize_homography

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Homography, Points2d, Size
    from ebb.geometry.pixel_grid import Scale


class MotionComponents(NamedTuple):
    """Scale, rotation and perspective of a homography.

    Attributes:
        scale_min: Smaller singular value of the Jacobian at the frame centre; negative if H mirrors.
        scale_max: Larger singular value; equal to ``scale_min`` for a similarity.
        rotation_deg: Rotation about the optical axis; positive from +x to +y.
        perspective: Largest relative change of depth (the third coordinate) from the centre to a corner.
        corner_shift: Largest displacement of a frame corner, relative to the frame diagonal.
    """

    scale_min: float
    scale_max: float
    rotation_deg: float
    perspective: float
    corner_shift: float

    @property
    def stretch(self) -> float:
        """Ratio of the singular values minus 1; 0 for similarities."""
        return self.scale_max / abs(self.scale_min) - 1 if self.scale_min else math.inf


def apply(H: Homography, points: Points2d | NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a homography to points (N, 2); points mapped to infinity are inf or NaN."""
    mapped = np.asarray(points, np.float64) @ H[:, :2].T + H[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(mapped[:, :2] / mapped[:, 2:])


def rescale_homography(H_shallow_to_wide: Homography, shallow_scale: Scale, wide_scale: Scale) -> Homography:
    """Convert a homography to resized photos.

    Args:
        H_shallow_to_wide: Homography between the original photos.
        shallow_scale: Ratio of the new to the old size of the shallow photo.
        wide_scale: Ratio of the new to the old size of the wide photo.

    Returns:
        The homography between the resized photos, H[2, 2] = 1.
    """
    H = resize_homography(wide_scale) @ H_shallow_to_wide @ np.linalg.inv(resize_homography(shallow_scale))
    return np.asarray(H / H[2, 2])


def transfer_error_px(
    H: Homography, source: Points2d | NDArray[np.float64], target: Points2d | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance from H(source) to target for each of the points (N, 2), in target pixels."""
    return np.asarray(np.linalg.norm(apply(H, source) - target, axis=1))


def corner_error_px(H_a: Homography, H_b: Homography, size: Size) -> NDArray[np.float64]:
    """Distance between two homographies at the four corner pixels of a frame.

    Returns:
        (4,), in target pixels: top left, top right, bottom right, bottom left.
    """
    corners = corner_pixels(size)
    return transfer_error_px(H_a, corners, apply(H_b, corners))


def corner_pixels(size: Size) -> NDArray[np.float64]:
    """Centres of the corner pixels, (4, 2): top left, top right, bottom right, bottom left."""
    right, bottom = size.width - 1.0, size.height - 1.0
    return np.array([[0.0, 0.0], [right, 0.0], [right, bottom], [0.0, bottom]])


def decompose(H: Homography, size: Size) -> MotionComponents:
    """Decompose a homography between two photos of equal size.

    Scale and rotation are the singular values of the Jacobian at the frame centre and the rotation of its
    polar decomposition.
    """
    corners = corner_pixels(size)
    centre = corners.mean(axis=0)
    depth = float(H[2] @ (*centre, 1.0))
    local = jacobian(H, *centre)
    scale_max, scale_min = np.linalg.svd(local, compute_uv=False)
    rotation = np.arctan2(local[1, 0] - local[0, 1], local[0, 0] + local[1, 1])
    perspective = np.abs((corners - centre) @ H[2, :2] / depth).max()
    corner_shift = transfer_error_px(H, corners, corners).max() / np.hypot(*size)
    return MotionComponents(
        scale_min=float(scale_min * np.sign(np.linalg.det(local))),
        scale_max=float(scale_max),
        rotation_deg=float(np.degrees(rotation)),
        perspective=float(perspective),
        corner_shift=float(corner_shift),
    )
