"""How far two photos are apart, tile by tile, to a hundredth of a pixel where both are sharp.

Each tile is registered by one Gauss-Newton step on band-passed grey values (Lucas and Kanade, IJCAI 1981,
with the mean of both gradients as in Benhimane and Malis, IROS 2004, section 3). A gain of its own for each
tile takes exposure and light fall-off out. The step's 2 x 2 information matrix says how well, and in which
direction, the tile is located: an edge tells nothing about the shift along it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebb.arrays import Size
from ebb.geometry.homography import apply
from ebb.geometry.pixel_grid import resized_coordinate
from ebb.quality.grid import TILE_PX

if TYPE_CHECKING:
    from ebb.arrays import Gray8, Homography, Mask

Plane: TypeAlias = NDArray[np.float32]
"""(height, width), float32."""

BAND_PX = (1.0, 2.5)
"""Standard deviations of the two Gaussians whose difference is the band: below, noise and the blur in which
both photos differ even in focus; above, shading."""

REACH_PX = 8
"""A tile needs this much photo around it, for the filters."""

NUM_SIZES = 3
"""Photos are compared at their size, at half and at a quarter of it, where what is blurred has detail too."""

LEVEL_REDUCTION = 8
"""The level is kept at this share of the photo's size."""

NOISE_FLOOR = 0.15
"""Smallest error of a band-passed grey value, 0 … 255: that of the rounding to 8 bit."""


_DERIVATIVE = np.array([1, -8, 0, 8, -1], np.float32) / np.float32(12)

_DAMPING, _LEAST_SLOPE = 1e-3, 1e-9
"""Keeps the step finite where a tile has one direction only, or none."""

CORRELATED = 8.0
"""Neighbouring band-passed values err together: this many count as one."""

_LEAST_COMMON = 0.1
"""Keeps the shift finite where both photos have nothing in common."""

_LEAST_INFORMATION = 1e-6
"""Keeps the mean of a region finite along an edge that all its tiles share, in px⁻²."""

SHIFT_FLOOR_PX = 0.02
"""What even the clearest tile errs by: relief inside it, and blur that is not symmetric."""


@dataclass(frozen=True)
class Band:
    """What tiles are compared by.

    Attributes:
        detail: (height, width), band-passed grey.
        level: (height / 8, width / 8), mean grey of the surroundings, 0 … 255.
    """

    detail: Plane
    level: Plane

    @property
    def size(self) -> Size:
        """Of the photo."""
        return Size(self.detail.shape[1], self.detail.shape[0])


@dataclass(frozen=True)
class Tiles:
    """What was measured on a grid of tiles over the wide photo, row by row; N tiles.

    Attributes:
        centres: (N, 2), in the wide photo.
        shifts: (N, 2), how far the warped shallow photo must move, in pixels.
        information: (N, 2, 2), inverse covariance of the shift.
        correlation: (N,), of the detail of both photos, −1 … 1.
        sharpness: (N,), detail of the shallow photo that is also in the wide one, as a share; 1 in focus.
        energy: (N,), mean square of the wide photo's detail.
        kept: (N,), what the shallow photo has of that detail: sharpness times its exposure.
        contrast: (N,), standard deviation of the wide photo's detail over its mean.
        shallow_contrast: (N,), the same in the shallow photo.
    """

    centres: NDArray[np.float64]
    shifts: NDArray[np.float64]
    information: NDArray[np.float64]
    correlation: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    energy: NDArray[np.float64]
    kept: NDArray[np.float64]
    contrast: NDArray[np.float64]
    shallow_contrast: NDArray[np.float64]

    def subset(self, chosen: Mask) -> Tiles:
        """Only the tiles where ``chosen`` is True."""
        return Tiles(*(getattr(self, field.name)[chosen] for field in dataclasses.fields(self)))

    def moved(self, measured_at: Homography, H_shallow_to_wide: Homography) -> Tiles:
        """The same tiles, with what is left of their shifts at another motion, hardly a pixel away."""
        places = apply(np.asarray(np.linalg.inv(measured_at)), self.centres)
        left = self.shifts - (apply(H_shallow_to_wide, places) - self.centres)
        return dataclasses.replace(self, shifts=left)

    def shifts_of_regions(self, chosen: Mask) -> NDArray[np.float64]:
        """Mean shift of each chosen tile and its chosen neighbours, weighted by what is known of each.

        A tile alone is located with an error of its own, which is no error of the motion: noise, JPEG blocks
        and a single edge move it. What a region of tiles has in common does not come from noise.

        Args:
            chosen: (N,), K of them True.

        Returns:
            (K, 2), in pixels.
        """
        column, row = np.rint((self.centres[chosen] - (TILE_PX - 1) / 2) / TILE_PX).astype(int).T + 1
        shape = (row.max(initial=0) + 2, column.max(initial=0) + 2)
        information, pull = np.zeros((*shape, 2, 2)), np.zeros((*shape, 2))
        information[row, column] = self.information[chosen]
        pull[row, column] = np.einsum("nij,nj->ni", self.information[chosen], self.shifts[chosen])
        near = [(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
        total = np.sum([information[place] for place in near], axis=0) + _LEAST_INFORMATION * np.eye(2)
        together = np.sum([pull[place] for place in near], axis=0)
        return np.asarray(np.linalg.solve(total, together[..., None])[..., 0])

    def __len__(self) -> int:
        return len(self.centres)


def band(gray: Gray8) -> Band:
    """Take a photo apart into the detail that can be registered and the level around it."""
    import cv2

    values = gray.astype(np.float32)
    fine, coarse = (
        np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)
        for sigma in BAND_PX
    )
    size = tuple(max(1, side // LEVEL_REDUCTION) for side in gray.shape[::-1])
    level = cv2.blur(cv2.resize(coarse, size, interpolation=cv2.INTER_AREA), (3, 3))
    return Band(fine - coarse, np.asarray(level, np.float32))


def pyramid(gray: Gray8) -> list[Band]:
    """A photo, half of it, and a quarter of it, taken apart; fewer when there is no room for tiles."""
    bands = [band(gray)]
    while len(bands) < NUM_SIZES and min(gray.shape) >= 4 * TILE_PX:
        gray = halved(gray)
        bands.append(band(gray))
    return bands


def halved(gray: Gray8) -> Gray8:
    """Means of 2 x 2 pixels; an odd last row or column is cut off."""
    import cv2

    rows, columns = (side // 2 for side in gray.shape)
    even = gray[: 2 * rows, : 2 * columns]
    return np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def measure(wide: Band, shallow: Band, H_shallow_to_wide: Homography) -> Tiles:
    """Compare both photos on the tiles of the wide one that lie inside the shallow one.

    Args:
        wide: (height, width).
        shallow: Any size.
        H_shallow_to_wide: Within about a pixel of the truth; the shifts are what is left.

    Returns:
        The tiles; those without detail have information near zero.
    """
    rows, columns = (side // TILE_PX for side in wide.detail.shape)
    size = (columns * TILE_PX, rows * TILE_PX)
    moved = moved_detail(shallow, H_shallow_to_wide, Size(*size))
    x, y = np.meshgrid(*(TILE_PX * np.arange(count) + (TILE_PX - 1) / 2 for count in (columns, rows)))
    centres = np.column_stack([x.ravel(), y.ravel()]).astype(np.float64)
    levels = (
        _level_at(wide, centres),
        _level_at(shallow, apply(np.asarray(np.linalg.inv(H_shallow_to_wide)), centres)),
    )
    detail = wide.detail[: size[1], : size[0]]
    tiles = _compare(detail, moved, levels, centres)
    return tiles.subset(_inside(centres, H_shallow_to_wide, shallow.detail.shape))


def moved_detail(shallow: Band, H_shallow_to_wide: Homography, size: Size) -> Plane:
    """Detail of the shallow photo on the grid of the wide one.

    Args:
        shallow: Any size.
        H_shallow_to_wide: (3, 3).
        size: Of what is returned.

    Returns:
        (height, width); what lies outside the photo is mirrored.
    """
    import cv2

    # Not INTER_CUBIC: OpenCV's kernel shifts what it interpolates by up to 0.03 px.
    moved = cv2.warpPerspective(
        shallow.detail, H_shallow_to_wide, size, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(moved, np.float32)


def _level_at(photo: Band, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,), level around (N, 2) places."""
    import cv2

    x, y = resized_coordinate(places, 1 / LEVEL_REDUCTION).astype(np.float32).T
    values = cv2.remap(photo.level, x[None], y[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values, np.float64).ravel()


def _compare(
    detail: Plane,
    moved: Plane,
    levels: tuple[NDArray[np.float64], NDArray[np.float64]],
    centres: NDArray[np.float64],
) -> Tiles:
    tiny = np.finfo(np.float32).tiny
    means = [tile_mean(a, b) for a, b in ((detail, detail), (moved, moved), (detail, moved))]
    gain = np.sqrt(np.maximum(means[1], tiny) / np.maximum(means[0], tiny)).astype(np.float32)
    energy, moved_energy, product = (mean.astype(np.float64).ravel() for mean in means)
    contrast, moved_contrast = (
        np.sqrt(one) / np.maximum(level, 1) for one, level in zip((energy, moved_energy), levels, strict=True)
    )
    correlation = product / np.sqrt(np.maximum(energy * moved_energy, tiny))
    shifts, information = _register(detail, _divided(moved, gain), _common(correlation))
    return Tiles(
        centres=centres,
        shifts=shifts,
        information=information,
        correlation=correlation,
        sharpness=correlation * moved_contrast / np.maximum(contrast, tiny),
        energy=energy,
        kept=product / np.maximum(energy, tiny),
        contrast=contrast,
        shallow_contrast=moved_contrast,
    )


def _divided(plane: Plane, gain: Plane) -> Plane:
    """Every tile of a plane over its gain."""
    rows, columns = gain.shape
    tiles = plane.reshape(rows, TILE_PX, columns, TILE_PX) / gain[:, None, :, None]
    return np.asarray(tiles.reshape(plane.shape), np.float32)


def _common(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the variance of the mean of two details, as strong and so correlated, that both have."""
    return np.asarray(np.maximum(2 * correlation / (1 + np.maximum(correlation, 0)), _LEAST_COMMON))


def _register(
    detail: Plane, moved: Plane, common: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One Gauss-Newton step for each tile: shifts (N, 2) and their information (N, 2, 2).

    Only the share of the slopes that both photos have in ``common`` tells a shift. What is noise in the
    slopes makes the step too short, and would pass for knowledge.
    """
    error = moved - detail
    slope_x, slope_y = slopes((moved + detail) * np.float32(0.5))
    xx, xy, yy, xe, ye, ee = (
        tile_mean(a, b).astype(np.float64).ravel()
        for a, b in (
            (slope_x, slope_x),
            (slope_x, slope_y),
            (slope_y, slope_y),
            (slope_x, error),
            (slope_y, error),
            (error, error),
        )
    )
    structure = np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)
    gradient = np.stack([xe, ye], -1)
    damped = structure + (_DAMPING * (xx + yy) + _LEAST_SLOPE)[:, None, None] * np.eye(2)
    step = np.asarray(np.linalg.solve(damped, gradient[..., None])[..., 0], np.float64)
    variance = np.maximum(ee - (step * gradient).sum(-1), 0) + NOISE_FLOOR**2
    known = TILE_PX**2 * common**2 / (CORRELATED * variance)
    return step / common[:, None], _information(structure * known[:, None, None])


def _information(precision: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of the covariance precision⁻¹ + floor², without inverting what may be singular."""
    return np.asarray(np.linalg.solve(np.eye(2) + SHIFT_FLOOR_PX**2 * precision, precision))


def slopes(plane: Plane) -> tuple[Plane, Plane]:
    """Derivatives along x and y, exact for cubics."""
    import cv2

    one = np.ones(1, np.float32)
    along_x = cv2.sepFilter2D(plane, -1, _DERIVATIVE, one, borderType=cv2.BORDER_REFLECT_101)
    along_y = cv2.sepFilter2D(plane, -1, one, _DERIVATIVE, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(along_x, np.float32), np.asarray(along_y, np.float32)


def tile_mean(first: Plane, second: Plane) -> Plane:
    """Mean of the product over every tile, (rows, columns)."""
    rows, columns = (side // TILE_PX for side in first.shape)
    shape = (rows, TILE_PX, columns, TILE_PX)
    total = np.einsum("ijkl,ijkl->ik", first.reshape(shape), second.reshape(shape))
    return np.asarray(total / np.float32(TILE_PX**2), np.float32)


def _inside(centres: NDArray[np.float64], H_shallow_to_wide: Homography, shape: tuple[int, ...]) -> Mask:
    half = TILE_PX / 2 + REACH_PX
    inside = np.ones(len(centres), bool)
    inverse = np.asarray(np.linalg.inv(H_shallow_to_wide), np.float64)
    for corner in ((-half, -half), (half, -half), (half, half), (-half, half)):
        place = apply(inverse, centres + np.asarray(corner, np.float64))
        inside &= ((place >= 0) & (place <= (shape[1] - 1, shape[0] - 1))).all(axis=1)
    return inside
