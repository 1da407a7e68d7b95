"""Motion models and the two ways to fit one: a robust start, and a polish by weighted least squares.

A model is a linear family of matrices, H = I + Σ θₖ Gₖ, given by its generators Gₖ, so the polish is
written once for all models.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, cast

import numpy as np

from ebb.geometry.homography import transfer_error_px

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ebb.arrays import Homography, Mask, Size

MAX_STEPS = 30
STEP_TOLERANCE = 1e-9
"""Gauss-Newton steps of a polish; it ends early at steps below this share of the frame."""

CAUCHY_WIDTH = 2.385
"""Width of the robust weight in units of the spread of the errors: 95 % efficient on Gaussian errors."""

MIN_SPREAD_PX = 1e-6
"""Keeps the weights finite when the matches are exact."""

RAYLEIGH_MEDIAN = 1.1774
"""Median length of a 2-D error whose two coordinates have unit variance."""


class MotionModel(StrEnum):
    """Families of motion, simplest first."""

    SIMILARITY = "similarity"
    HOMOGRAPHY = "homography"


def _unit(row: int, column: int) -> Homography:
    matrix = np.zeros((3, 3))
    matrix[row, column] = 1.0
    return matrix


GENERATORS: Mapping[MotionModel, NDArray[np.float64]] = {
    MotionModel.SIMILARITY: np.stack(
        [_unit(0, 0) + _unit(1, 1), _unit(1, 0) - _unit(0, 1), _unit(0, 2), _unit(1, 2)]
    ),
    MotionModel.HOMOGRAPHY: np.stack(
        [_unit(row, column) for row in range(3) for column in range(3) if (row, column) != (2, 2)]
    ),
}
"""Model → (K, 3, 3) generators."""


@dataclass(frozen=True)
class Matches:
    """Matched places of a pair.

    Attributes:
        shallow: (N, 2), locations in the shallow photo.
        wide: (N, 2), the same places in the wide photo.
        sigmas: (N,), expected standard deviation of each match in pixels.
        size: Size of the wide photo.
    """

    shallow: NDArray[np.float64]
    wide: NDArray[np.float64]
    sigmas: NDArray[np.float64]
    size: Size

    def __len__(self) -> int:
        return len(self.shallow)

    def subset(self, chosen: Mask) -> Matches:
        """Only the matches where ``chosen`` is True."""
        return Matches(self.shallow[chosen], self.wide[chosen], self.sigmas[chosen], self.size)

    def error_px(self, H: Homography) -> NDArray[np.float64]:
        """(N,), transfer error of each match."""
        return transfer_error_px(H, self.shallow, self.wide)


def robust_start(matches: Matches, model: MotionModel, threshold_px: float) -> Homography | None:
    """Fit a model to the largest group of matches that agree, by OpenCV's samplers with their fixed seeds.

    USAC_ACCURATE (graph-cut local optimisation) had the lowest errors and the fewest failures of OpenCV's
    robust homographies; OpenCV has only plain RANSAC for the similarity.

    Returns:
        The matrix, or None when OpenCV finds no model.
    """
    import cv2

    if model is MotionModel.SIMILARITY:
        affine, _ = cv2.estimateAffinePartial2D(
            matches.shallow, matches.wide, method=cv2.RANSAC, ransacReprojThreshold=threshold_px
        )
        found = cast("NDArray[np.float64] | None", affine)  # the stubs know no failure
        return None if found is None else np.vstack([found, (0.0, 0.0, 1.0)])
    H, _ = cv2.findHomography(
        matches.shallow, matches.wide, cv2.USAC_ACCURATE, threshold_px, maxIters=5000, confidence=0.9999
    )
    return cast("Homography | None", H)


def polish(matches: Matches, model: MotionModel, H: Homography) -> Homography:
    """Refine H on all given matches: Gauss-Newton on the transfer error, with robust weights.

    Each match weighs 1/σ² times the Cauchy weight of its error (Huber and Ronchetti, Robust Statistics,
    section 7.8, iterative reweighting); the spread of the errors comes from their median.

    Args:
        matches: Matches without gross outliers, more than the model has parameters.
        model: The family to stay in.
        H: Starting point.

    Returns:
        The refined matrix, H[2, 2] = 1.
    """
    to_unit = _to_unit_frame(matches.size)
    source = _homogeneous(matches.shallow) @ to_unit.T
    target = (_homogeneous(matches.wide) @ to_unit.T)[:, :2]
    sigmas = matches.sigmas * to_unit[0, 0]
    unit_H = to_unit @ H @ np.linalg.inv(to_unit)
    unit_H /= unit_H[2, 2]
    for _ in range(MAX_STEPS):
        step = _gauss_newton_step(source, target, sigmas, unit_H, GENERATORS[model])
        unit_H = unit_H + np.tensordot(step, GENERATORS[model], 1)
        if np.abs(step).max() < STEP_TOLERANCE:
            break
    refined = np.linalg.inv(to_unit) @ unit_H @ to_unit
    return np.asarray(refined / refined[2, 2])


def _gauss_newton_step(
    source: NDArray[np.float64],
    target: NDArray[np.float64],
    sigmas: NDArray[np.float64],
    H: Homography,
    generators: NDArray[np.float64],
) -> NDArray[np.float64]:
    mapped = source @ H.T
    depth = mapped[:, 2:]
    image = mapped[:, :2] / depth
    residual = image - target
    weights = _weights(np.linalg.norm(residual, axis=1), sigmas)
    moved = source @ generators.transpose(0, 2, 1)  # (K, N, 3): change of the mapped point with θₖ
    jacobian = (moved[..., :2] - image * moved[..., 2:]) / depth
    weighted = (jacobian * weights[:, None]).reshape(len(generators), -1)
    normal = weighted @ jacobian.reshape(len(generators), -1).T
    # lstsq, not solve: matches on one line leave some parameters free, and those then stay as they are.
    return np.asarray(np.linalg.lstsq(normal, -weighted @ residual.ravel(), rcond=None)[0])


def _weights(error: NDArray[np.float64], sigmas: NDArray[np.float64]) -> NDArray[np.float64]:
    relative = error / sigmas
    width = CAUCHY_WIDTH * max(float(np.median(relative)) / RAYLEIGH_MEDIAN, MIN_SPREAD_PX)
    weights = 1 / (sigmas**2 * (1 + (relative / width) ** 2))
    return np.asarray(weights / weights.sum())


def _to_unit_frame(size: Size) -> Homography:
    """Move the frame centre to the origin and the corners to distance 1: well-conditioned equations."""
    scale = 2 / np.hypot(size.width, size.height)
    centre_x, centre_y = (size.width - 1) / 2, (size.height - 1) / 2
    return np.array([[scale, 0.0, -scale * centre_x], [0.0, scale, -scale * centre_y], [0.0, 0.0, 1.0]])


def _homogeneous(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([points, np.ones(len(points))])
