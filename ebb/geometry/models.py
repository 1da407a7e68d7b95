"""Motion models and their estimation: robust initialisation and iteratively reweighted least squares (IRLS).

A model maps its parameters θ to a matrix in a frame of unit size. IRLS is common to all models.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from ebb.geometry.homography import apply, transfer_error_px
from ebb.geometry.pixel_grid import resize_homography

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ebb.arrays import Homography, Mask, Size

Robust = Literal["usac", "ransac"]

MAX_STEPS = 30
STEP_TOLERANCE = 3e-8
"""Step size of IRLS at convergence, relative to the frame: 3e-5 px."""

ROUGH_TOLERANCE = 1e-6
"""Step size at convergence for the comparison of models: 1e-3 px."""

CAUCHY_WIDTH = 2.385
"""Width of the Cauchy weight relative to the standard deviation of the errors: 95 % efficiency."""

MIN_SPREAD = 1e-6
"""Lower bound of the standard deviation, for exact matches."""

RAYLEIGH_MEDIAN = 1.1774
"""Median length of a 2-D error with unit variance in both coordinates."""

FOCAL_PRIOR = (3.2, 0.5)
"""Prior of the focal length of a rotation relative to half the frame diagonal: mean, and standard deviation
of the logarithm. 24 to 200 mm on a 36 x 24 mm frame are within two standard deviations."""


class MotionModel(StrEnum):
    """Motion models, in order of the number of parameters."""

    TRANSLATION = "translation"
    """2 parameters."""
    SIMILARITY = "similarity"
    """Translation, rotation and scale: 4 parameters."""
    ROTATION = "rotation"
    """Homography of a camera that rotates about its centre and changes its focal length: K' R K⁻¹ with K =
    diag(f, f, 1), K' = diag(r·f, r·f, 1) and the principal point at the frame centre. 5 parameters: three
    angles of R, the focal ratio r, and the focal length f, which has a prior (:data:`FOCAL_PRIOR`).
    Translation and perspective are coupled (R. Hartley and A. Zisserman, Multiple View Geometry, 2nd ed.,
    section 8.4.2)."""
    HOMOGRAPHY = "homography"
    """Homography of a plane in general position: 8 parameters."""


@dataclass(frozen=True)
class Motion:
    """Motion from the shallow to the wide photo.

    Attributes:
        H_shallow_to_wide: (3, 3), H[2, 2] = 1.
        inliers: (N,), True for matches that agree with the motion.
        kind: Motion model.
    """

    H_shallow_to_wide: Homography
    inliers: Mask
    kind: MotionModel


def _unit(row: int, column: int) -> Homography:
    matrix = np.zeros((3, 3))
    matrix[row, column] = 1.0
    return matrix


_SHIFTS = (_unit(0, 2), _unit(1, 2))

GENERATORS: Mapping[MotionModel, NDArray[np.float64]] = {
    MotionModel.TRANSLATION: np.stack(_SHIFTS),
    MotionModel.SIMILARITY: np.stack([_unit(0, 0) + _unit(1, 1), _unit(1, 0) - _unit(0, 1), *_SHIFTS]),
    MotionModel.HOMOGRAPHY: np.stack(
        [_unit(row, column) for row in range(3) for column in range(3) if (row, column) != (2, 2)]
    ),
}
"""Generators G of H = I + Σ θₖ Gₖ for linear models: (K, 3, 3)."""


@dataclass(frozen=True)
class Matches:
    """Matched points of a pair.

    Attributes:
        shallow: (N, 2), points in the shallow photo.
        wide: (N, 2), corresponding points in the wide photo.
        whitening: (N, 2, 2), maps the error of each match in pixels to unit variance; rows of zeros for
            directions without information.
        size: Size of the wide photo.
    """

    shallow: NDArray[np.float64]
    wide: NDArray[np.float64]
    whitening: NDArray[np.float64]
    size: Size

    @classmethod
    def isotropic(
        cls,
        shallow: NDArray[np.float64],
        wide: NDArray[np.float64],
        sigmas: NDArray[np.float64],
        size: Size,
    ) -> Matches:
        """Matches with isotropic errors; ``sigmas`` are standard deviations, (N,)."""
        return cls(shallow, wide, np.eye(2) / sigmas[:, None, None], size)

    @classmethod
    def joined(cls, parts: Sequence[Matches]) -> Matches:
        """Concatenate one or more lists of matches of photos of the same size."""
        shallow, wide, whitening = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("shallow", "wide", "whitening")
        )
        return cls(shallow, wide, whitening, parts[0].size)

    def __len__(self) -> int:
        return len(self.shallow)

    def at_scale(self, scale: float, size: Size) -> Matches:
        """The same matches for photos resized by ``scale``; ``size`` is the new size of the wide photo."""
        to_new = resize_homography(scale)
        return Matches(apply(to_new, self.shallow), apply(to_new, self.wide), self.whitening / scale, size)

    def subset(self, chosen: Mask) -> Matches:
        """Matches for which ``chosen`` is True."""
        return Matches(self.shallow[chosen], self.wide[chosen], self.whitening[chosen], self.size)

    def error_px(self, H: Homography) -> NDArray[np.float64]:
        """Transfer error of each match in pixels, (N,)."""
        return transfer_error_px(H, self.shallow, self.wide)

    def whitened_error(self, H: Homography) -> NDArray[np.float64]:
        """Transfer error of each match in units of its standard deviation, (N,)."""
        return np.asarray(
            np.linalg.norm(_whitened(self.whitening, apply(H, self.shallow) - self.wide), axis=1)
        )


def whitening(information: NDArray[np.float64]) -> NDArray[np.float64]:
    """W with WᵀW = information, (N, 2, 2): what turns errors into ones of unit variance."""
    values, vectors = np.linalg.eigh(information)
    return np.asarray(np.sqrt(np.maximum(values, 0))[..., None] * vectors.transpose(0, 2, 1))


def robust_start(
    matches: Matches, model: MotionModel, threshold_px: float, robust: Robust = "usac"
) -> Homography | None:
    """Estimate an initial matrix robustly with OpenCV's samplers, which have fixed seeds.

    Homographies are estimated with USAC_ACCURATE (graph-cut local optimisation), which had the lowest errors
    and the fewest failures of OpenCV's methods. All other models start from a similarity, for which OpenCV
    offers only RANSAC.

    Returns:
        The matrix, which need not belong to the model, or None if OpenCV finds none.
    """
    import cv2

    if model is not MotionModel.HOMOGRAPHY:
        affine, _ = cv2.estimateAffinePartial2D(
            matches.shallow, matches.wide, method=cv2.RANSAC, ransacReprojThreshold=threshold_px
        )
        found = cast("NDArray[np.float64] | None", affine)  # the stubs omit None
        return None if found is None else np.vstack([found, (0.0, 0.0, 1.0)])
    method = cv2.RANSAC if robust == "ransac" else cv2.USAC_ACCURATE
    H, _ = cv2.findHomography(
        matches.shallow, matches.wide, method, threshold_px, maxIters=5000, confidence=0.9999
    )
    return cast("Homography | None", H)


def refine_irls(
    matches: Matches, model: MotionModel, H: Homography, tolerance: float = STEP_TOLERANCE
) -> Homography:
    """Refine H on all given matches by IRLS: Gauss-Newton steps on the robustly weighted transfer error.

    The weight of a match is the product of its whitening and the Cauchy weight of its error (Huber and
    Ronchetti, Robust Statistics, section 7.8, iterative reweighting); the scale of the errors is estimated
    from their median.

    Args:
        matches: Matches without gross outliers, more than the model has parameters.
        model: Motion model.
        H: Initial matrix; it is projected to the model.
        tolerance: Step size at convergence, relative to the frame.

    Returns:
        The refined matrix, H[2, 2] = 1.
    """
    to_unit = _to_unit_frame(matches.size)
    source = to_unit @ _homogeneous(matches.shallow).T
    target = (to_unit @ _homogeneous(matches.wide).T)[:2]
    information = _information(matches.whitening / to_unit[0, 0])
    unit_H = to_unit @ H @ np.linalg.inv(to_unit)
    parameters = _parameters(model, unit_H / unit_H[2, 2])
    for _ in range(MAX_STEPS):
        step = _gauss_newton_step(source, target, information, model, parameters)
        parameters = parameters + step
        if np.abs(step).max() < tolerance:
            break
    refined = np.linalg.inv(to_unit) @ _matrix(model, parameters) @ to_unit
    return np.asarray(refined / refined[2, 2])


def _matrix(model: MotionModel, parameters: NDArray[np.float64]) -> Homography:
    """Matrix of a model in the unit frame."""
    if model is not MotionModel.ROTATION:
        generators = GENERATORS[model]
        return np.asarray(np.eye(3) + (parameters @ generators.reshape(len(generators), 9)).reshape(3, 3))
    angles, ratio, focal = _rotation_parameters(parameters)
    lens = np.array([focal, focal, 1.0])
    H = np.array([ratio, ratio, 1.0])[:, None] * (lens[:, None] * _rotation_matrix(angles) / lens)
    return np.asarray(H / H[2, 2])


def _rotation_parameters(parameters: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float]:
    """Angles in radians, ratio of the focal lengths, focal length.

    The first two parameters are angles times the focal length, i.e. displacements of the centre. A poorly
    determined focal length then affects the perspective only.
    """
    shift_x, shift_y, roll, log_ratio, log_focal = parameters
    focal = float(np.exp(log_focal))
    return np.array([-shift_y / focal, shift_x / focal, roll]), float(np.exp(log_ratio)), focal


def _rotation_matrix(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rodrigues' formula: rotation about the axis ``angles`` by its length in radians."""
    cross = _cross(angles)
    angle = float(np.linalg.norm(angles))
    # sin(a)/a and (1 - cos(a))/a², finite at 0
    return np.asarray(
        np.eye(3) + np.sinc(angle / np.pi) * cross + 0.5 * np.sinc(angle / (2 * np.pi)) ** 2 * (cross @ cross)
    )


def _cross(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """[v]× with [v]× w = v × w."""
    x, y, z = vector
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


_CROSS_UNITS = np.stack([_cross(axis) for axis in np.eye(3)])
"""[e]× of each axis e."""


def _parameters(model: MotionModel, H: Homography) -> NDArray[np.float64]:
    """Parameters of the model's matrix closest to H (least squares over the entries)."""
    if model is not MotionModel.ROTATION:
        basis = GENERATORS[model].reshape(len(GENERATORS[model]), 9)
        return np.asarray(np.linalg.lstsq(basis.T, (H - np.eye(3)).ravel(), rcond=None)[0])
    grow, roll, shift_x, shift_y = _parameters(MotionModel.SIMILARITY, H)
    ratio = np.hypot(1 + grow, roll)
    return np.array([shift_x, shift_y, np.arctan2(roll, 1 + grow), np.log(ratio), np.log(FOCAL_PRIOR[0])])


def _tangents(model: MotionModel, parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Derivatives of the matrix by each parameter, up to a multiple of the matrix: (K, 3, 3)."""
    if model is not MotionModel.ROTATION:
        return GENERATORS[model]
    angles, ratio, focal = _rotation_parameters(parameters)
    lens, zoom = np.array([focal, focal, 1.0]), np.array([ratio, ratio, 1.0])
    rotation = _rotation_matrix(angles)
    scaling = (zoom * lens)[:, None] / lens
    # d exp(a) = [e + a × e / 2] × exp(a), exact to the second order of the angle; [a]× has a × e as columns
    axes = np.eye(3) + 0.5 * _cross(angles).T
    about_x, about_y, about_z = scaling * (np.tensordot(axes, _CROSS_UNITS, 1) @ rotation)
    H = scaling * rotation
    grow = np.array([[1.0], [1.0], [0.0]])
    longer = (
        grow * H - H * grow.T - angles[0] * about_x - angles[1] * about_y
    )  # the angles decrease with the focal length
    return np.stack([about_y / focal, -about_x / focal, about_z, grow * H, longer])


def _gauss_newton_step(
    source: NDArray[np.float64],
    target: NDArray[np.float64],
    information: NDArray[np.float64],
    model: MotionModel,
    parameters: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Gauss-Newton step; ``source`` is (3, N), ``target`` (2, N), ``information`` (3, N): xx, xy, yy."""
    H, tangents = _matrix(model, parameters), _tangents(model, parameters)
    x, y, depth = H @ source
    image = np.stack([x, y]) / depth
    moved = tangents @ source / depth  # (K, 3, N): change of the mapped point with θₖ
    jx, jy = moved[:, 0] - image[0] * moved[:, 2], moved[:, 1] - image[1] * moved[:, 2]
    rx, ry = image - target
    xx, xy, yy = information
    spread, weights = _spread_and_weights(np.sqrt(xx * rx**2 + 2 * xy * rx * ry + yy * ry**2))
    xx, xy, yy = information * weights
    wx, wy = jx * xx + jy * xy, jx * xy + jy * yy
    normal = wx @ jx.T + wy @ jy.T
    gradient = wx @ rx + wy @ ry
    if model is MotionModel.ROTATION:
        focal, deviation = FOCAL_PRIOR
        normal[-1, -1] += (spread / deviation) ** 2
        gradient[-1] += (spread / deviation) ** 2 * (parameters[-1] - np.log(focal))
    # lstsq instead of solve: it keeps parameters that collinear matches do not determine.
    return np.asarray(np.linalg.lstsq(normal, -gradient, rcond=None)[0])


def _information(whitening: NDArray[np.float64]) -> NDArray[np.float64]:
    """Entries xx, xy, yy of WᵀW, from (N, 2, 2) to (3, N)."""
    (a, b), (c, d) = whitening.transpose(1, 2, 0)
    return np.stack([a**2 + c**2, a * b + c * d, b**2 + d**2])


def _whitened(whitening: NDArray[np.float64], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.einsum("nij,...nj->...ni", whitening, vectors))


def _spread_and_weights(error: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Robust standard deviation of the whitened errors, and the Cauchy weight of each."""
    spread = max(_median(error) / RAYLEIGH_MEDIAN, MIN_SPREAD)
    return spread, np.asarray(1 / (1 + (error / (CAUCHY_WIDTH * spread)) ** 2))


def _median(values: NDArray[np.float64]) -> float:
    """Median; five times faster than NumPy's on few values."""
    middle = len(values) // 2
    ordered = np.partition(values, (middle - 1, middle) if len(values) > 1 else 0)
    return float(ordered[middle] if len(values) % 2 else 0.5 * (ordered[middle - 1] + ordered[middle]))


def _to_unit_frame(size: Size) -> Homography:
    """Map the frame centre to the origin and the corners to distance 1, for numerical conditioning."""
    scale = 2 / np.hypot(size.width, size.height)
    centre_x, centre_y = (size.width - 1) / 2, (size.height - 1) / 2
    return np.array([[scale, 0.0, -scale * centre_x], [0.0, scale, -scale * centre_y], [0.0, 0.0, 1.0]])


def _homogeneous(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([points, np.ones(len(points))])
