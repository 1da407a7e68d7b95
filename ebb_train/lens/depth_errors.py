"""Errors of depth networks, imposed on exact depth.

Monocular networks displace and widen edges, mostly towards the far side of a near object, smooth them, work
at low resolution, store 8 bits, are off by a slowly varying factor, merge surfaces, miss thin objects and
close holes. The largest magnitudes are those that BokehMe (Peng et al., CVPR 2022) and its reproductions
report or use; they were not measured on a network of this project.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ebb.arrays import InverseDepth

_WAVELENGTH_PX = 48
"""Distance of the nodes of the fields that displace edges."""
_NOISE_NODES = 4
"""Nodes of the multiplicative noise along each side."""
_NEAR_BIAS = 0.75
"""Probability that near surfaces grow rather than shrink."""


@dataclass(frozen=True, kw_only=True)
class DepthErrors:
    """Largest magnitudes and probabilities of the errors; all are 0 by default.

    Raises:
        UsageError: a value is negative, or a probability exceeds 1.
    """

    shift_px: float = 0.0
    """Displacement of edges in pixels, varying along them."""
    grow_px: float = 0.0
    """Radius in pixels by which near surfaces grow, or shrink with a probability of 1/4."""
    blur_px: float = 0.0
    """Standard deviation of a Gaussian blur in pixels."""
    noise: float = 0.0
    """Slowly varying relative error of inverse depth."""
    reduced: float = 0.0
    """Probability of a quarter of the resolution, enlarged bilinearly."""
    rounded: float = 0.0
    """Probability of rounding to 8 bits."""
    merged: float = 0.0
    """Probability that surfaces of similar depth become one."""
    thin: float = 0.0
    """Probability that near objects a few pixels wide are missing."""
    holes: float = 0.0
    """Probability that holes of near objects are closed."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < np.inf or (field.name in _PROBABILITIES and value > 1):
                raise UsageError(f"{field.name} of depth errors is out of range: {value}")

    def scaled(self, factor: float) -> DepthErrors:
        """All magnitudes and probabilities multiplied by a factor; probabilities are at most 1."""
        values = {field.name: factor * getattr(self, field.name) for field in fields(self)}
        return DepthErrors(
            **{name: min(value, 1.0) if name in _PROBABILITIES else value for name, value in values.items()}
        )


_PROBABILITIES = ("reduced", "rounded", "merged", "thin", "holes")

HARD = DepthErrors(
    shift_px=3,
    grow_px=5,
    blur_px=3,
    noise=0.1,
    reduced=0.5,
    rounded=1,
    merged=0.05,
    thin=0.2,
    holes=0.2,
)
"""The largest errors."""

STRENGTHS: Mapping[str, DepthErrors] = {"none": DepthErrors(), "median": HARD.scaled(0.5), "hard": HARD}
"""Named strengths: exact depth, half of the largest errors, and the largest errors."""


def corrupt_depth(depth: InverseDepth, errors: DepthErrors, rng: np.random.Generator) -> InverseDepth:
    """Impose the errors of a depth network on exact depth.

    Args:
        depth: (H, W), inverse depth in [0, 1], near is large.
        errors: Largest magnitudes; each is drawn from the upper half of its range.
        rng: Random generator; its state determines the errors.

    Returns:
        (H, W), in [0, 1].

    Raises:
        UsageError: the depth is not two-dimensional, or not within [0, 1].
    """
    return corrupt_pair(depth, errors, rng)[0]


def corrupt_pair(
    depth: InverseDepth, errors: DepthErrors, rng: np.random.Generator
) -> tuple[InverseDepth, InverseDepth]:
    """Impose errors as :func:`corrupt_depth`, and those alone that do not concern edges.

    Args:
        depth: As for :func:`corrupt_depth`.
        errors: Likewise.
        rng: Likewise.

    Returns:
        The wrong depth, and the depth with the same slowly varying error but all edges in their places.

    Raises:
        UsageError: as :func:`corrupt_depth`.
    """
    if depth.ndim != 2 or not (depth.size and depth.min() >= 0 and depth.max() <= 1):
        raise UsageError("inverse depth must be (height, width), in [0, 1]")
    result = np.array(depth, np.float32)
    aligned = result
    if rng.random() < errors.merged:
        result = _merge(result, rng)
    if rng.random() < errors.thin:
        result = _open(result, int(rng.integers(3, 7)))
    if rng.random() < errors.holes:
        result = -_open(-result, int(rng.integers(3, 9)))
    result = _grow(result, _upper_half(rng, errors.grow_px), rng)
    result = _displace(result, _upper_half(rng, errors.shift_px), rng)
    result = _blur(result, _upper_half(rng, errors.blur_px))
    if rng.random() < errors.reduced:
        result = _reduce(result)
    if errors.noise:
        factor = 1 + _field(rng, result.shape, _NOISE_NODES, _upper_half(rng, errors.noise))
        result, aligned = result * factor, aligned * factor
    result, aligned = np.clip(result, 0, 1), np.clip(aligned, 0, 1)
    if rng.random() < errors.rounded:
        result = np.rint(result * np.float32(255)) / np.float32(255)
    return np.ascontiguousarray(result, np.float32), np.ascontiguousarray(aligned, np.float32)


def _upper_half(rng: np.random.Generator, largest: float) -> float:
    return largest * rng.uniform(0.5, 1)


def _merge(depth: InverseDepth, rng: np.random.Generator) -> InverseDepth:
    """Set all depths within a random interval to their mean."""
    low = float(rng.choice(depth.ravel()))
    inside = np.abs(depth - low) < rng.uniform(0.1, 0.25)
    return np.where(inside, depth[inside].mean(), depth)


def _open(depth: InverseDepth, radius: int) -> InverseDepth:
    """Morphological opening by a disc, which removes near objects narrower than it."""
    import cv2

    return np.asarray(cv2.morphologyEx(depth, cv2.MORPH_OPEN, _disc(radius)), np.float32)


def _grow(depth: InverseDepth, radius: float, rng: np.random.Generator) -> InverseDepth:
    """Dilate near surfaces, or erode them."""
    import cv2

    near = rng.random() < _NEAR_BIAS
    if round(radius) < 1:
        return depth
    operation = cv2.dilate if near else cv2.erode
    return np.asarray(operation(depth, _disc(round(radius))), np.float32)


def _disc(radius: int) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8
    )


def _displace(depth: InverseDepth, largest: float, rng: np.random.Generator) -> InverseDepth:
    """Resample at positions displaced by a smooth field of at most ``largest`` pixels."""
    import cv2

    height, width = depth.shape
    nodes = max(2, max(depth.shape) // _WAVELENGTH_PX)
    right, down = (_field(rng, depth.shape, nodes, largest / np.sqrt(2)) for _ in range(2))
    if not largest:
        return depth
    x = np.arange(width, dtype=np.float32) + right
    y = np.arange(height, dtype=np.float32)[:, None] + down
    return np.asarray(cv2.remap(depth, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _blur(depth: InverseDepth, sigma: float) -> InverseDepth:
    import cv2

    return np.asarray(cv2.GaussianBlur(depth, (0, 0), sigma), np.float32) if sigma > 0.1 else depth


def _reduce(depth: InverseDepth) -> InverseDepth:
    """Reduce to a quarter by averaging and enlarge bilinearly."""
    import cv2

    height, width = depth.shape
    small = cv2.resize(depth, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _field(
    rng: np.random.Generator, shape: tuple[int, ...], nodes: int, largest: float
) -> NDArray[np.float32]:
    """Smooth random field (height, width) in [−largest, largest]."""
    import cv2

    values = rng.uniform(-largest, largest, (nodes, nodes)).astype(np.float32)
    field = np.asarray(cv2.resize(values, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)
    return np.clip(field, np.float32(-largest), np.float32(largest))
