"""Camera shake between the two shots, and the homography it induces.

Camera axes as in OpenCV: x right, y down, z along the optical axis. A point X1 of the first camera is
X2 = R X1 + t in the second, and projects to x = K X (Hartley and Zisserman, *Multiple View Geometry*,
2nd edition, sections 6.1 and 13.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from ebb.errors import UsageError

if TYPE_CHECKING:
    from ebb.arrays import Homography, Size

Matrix3: TypeAlias = NDArray[np.float64]
"""(3, 3)."""


@dataclass(frozen=True, kw_only=True)
class CameraPose:
    """Pose of the second camera relative to the first."""

    rotation_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Pitch, yaw and roll: rotations about the x, y and z axes, in degrees."""
    translation_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """t of X2 = R X1 + t, in metres."""
    focal_ratio: float = 1.0
    """Ratio of the focal lengths of the second and the first shot in pixels (focus breathing)."""

    @property
    def rotation(self) -> Matrix3:
        """R of X2 = R X1 + t: (3, 3), pitch first, then yaw, then roll."""
        pitch, yaw, roll = (_turn(axis, degrees) for axis, degrees in enumerate(self.rotation_deg))
        return roll @ yaw @ pitch

    @property
    def centre(self) -> NDArray[np.float64]:
        """Centre of the second camera in the coordinates of the first, in metres: −Rᵀ t."""
        return cast("NDArray[np.float64]", -self.rotation.T @ np.asarray(self.translation_m))

    @property
    def only_turns(self) -> bool:
        """Whether the translation is zero, so that one homography is valid at every depth."""
        return not any(self.translation_m)


def _turn(axis: int, degrees: float) -> Matrix3:
    """Right-handed rotation matrix about one axis."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = -sine, sine
    return matrix


def intrinsics(focal_px: float, size: Size) -> Matrix3:
    """Intrinsic matrix K with the principal point at the centre of the frame; pixel centres are integers.

    Raises:
        UsageError: the focal length is not positive.
    """
    if not focal_px > 0:
        raise UsageError(f"the focal length must be positive, not {focal_px} px")
    return np.array(
        [[focal_px, 0, (size.width - 1) / 2], [0, focal_px, (size.height - 1) / 2], [0, 0, 1]], np.float64
    )


def pose_homography(pose: CameraPose, focal_px: float, size: Size, depth_m: float = np.inf) -> Homography:
    """Homography from pixels of the first shot to pixels of the second: K2 (R + t nᵀ / depth) K1⁻¹.

    With n = (0, 0, 1) it is exact for the fronto-parallel plane at ``depth_m``, and at every depth for a pure
    rotation (Hartley and Zisserman, section 13.1).

    Args:
        pose: Pose of the second camera.
        focal_px: Focal length of the first shot in pixels.
        size: Size of both frames, upright.
        depth_m: Distance of the plane along the optical axis in metres.

    Returns:
        (3, 3), normalised so that the last element is 1.
    """
    first, second = intrinsics(focal_px, size), intrinsics(focal_px * pose.focal_ratio, size)
    plane = np.outer(pose.translation_m, (0.0, 0.0, 1.0 / depth_m))
    H = second @ (pose.rotation + plane) @ np.linalg.inv(first)
    return cast("Homography", H / H[2, 2])
