"""Blur of the shallow photo, tile by tile, by a model of what blur does to the wide photo.

For each tile of 32 px the wide photo is blurred, in linear light and at the exposure of the shallow photo, by
a range of discs; the disc that brings it nearest to the shallow photo is the blur of the tile. What is left
between the two, as a share of the detail, is what blur does not explain: parallax, things that moved, light
that changed. Discs are approximated by Gaussians.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.quality.exposure import gain_map
from ebb.quality.grid import HALF, TILE_PX, between_blocks, tile_means
from ebb.srgb import LUMINANCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ebb.arrays import Homography
    from ebb.quality.exposure import ExposureDifference
    from ebb.quality.measured_photo import MeasuredPhoto

DISCS_PX = (0.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0)
"""Diameters of the discs that are tried."""

DISC_PER_SIGMA = 3.2
"""Diameter of a disc over the standard deviation of the Gaussian that is nearest to it: less than 4, that of
equal variance, as a disc takes more of what is half as large as itself."""

_SHADING_PX = 16.0
"""Standard deviation of what counts as shading, which is not compared."""

_DARK = 0.002
"""Added to linear light before the square root, so that noise in the shadows stays small."""

_GAIN_TOLERANCE = 0.1
"""The contrast of a tile may differ by this share more than the measured exposure says."""

_NOISE_PERCENTILE, _MOST_NOISE, _DETAIL_PER_NOISE, _LEAST_DETAIL = 10, 1e-4, 6.0, 1.5e-5
"""A tile shows its blur when its mean squared detail is six times what is left in the best tenth of the
tiles, or what a noisy photo has, and at least this much."""

MAX_UNEXPLAINED = 0.3
"""The blur of a tile is believed when it explains the detail but for this share."""

_TINY = np.finfo(np.float32).tiny


class TileBlur(NamedTuple):
    """Blur of the shallow photo against the wide one; (rows, columns) of tiles of the wide photo."""

    disc_px: NDArray[np.float64]
    """Diameter of the disc; NaN where neither photo has detail, or where the shallow photo ends."""
    unexplained: NDArray[np.float64]
    """Share of the detail that is left between both photos, 0 … 1; NaN likewise."""
    kept: NDArray[np.float64]
    """Energy of the detail of the shallow photo over that of the wide one; NaN likewise."""

    @property
    def known_px(self) -> NDArray[np.float64]:
        """(N,), discs of the tiles whose detail blur explains."""
        return np.asarray(self.disc_px[self.unexplained < MAX_UNEXPLAINED])

    @property
    def median_unexplained(self) -> float:
        """Of all tiles with detail; NaN where there are none."""
        known = self.unexplained[np.isfinite(self.unexplained)]
        return float(np.median(known)) if len(known) else np.nan

    def percentile_px(self, percentile: float) -> float:
        """Of the discs of tiles that blur explains; NaN where there are none."""
        known = self.known_px
        return float(np.percentile(known, percentile)) if len(known) else np.nan

    def parts_px(self, grid: int = 4) -> list[float | None]:
        """Median in each part of the frame.

        Returns:
            ``grid`` x ``grid`` values, row by row; ``None`` where no tile shows its blur.
        """
        believed = np.where(self.unexplained < MAX_UNEXPLAINED, self.disc_px, np.nan)
        parts = [
            part for rows in np.array_split(believed, grid) for part in np.array_split(rows, grid, axis=1)
        ]
        known = [part[np.isfinite(part)] for part in parts]
        return [float(np.median(part)) if len(part) else None for part in known]


def blur_map(
    wide: MeasuredPhoto, shallow: MeasuredPhoto, H_shallow_to_wide: Homography, exposure: ExposureDifference
) -> TileBlur:
    """Find the blur of every tile.

    Args:
        wide: The wide photo.
        shallow: Any size.
        H_shallow_to_wide: Between these two.
        exposure: Of the shallow photo against the wide one.
    """
    if min(wide.shape) < TILE_PX:
        nothing = np.empty((wide.shape[0] // TILE_PX, wide.shape[1] // TILE_PX))
        return TileBlur(nothing, nothing, nothing)
    light, moved, there = _aligned(wide, shallow, H_shallow_to_wide, exposure)
    target = _detail(moved)
    target_energy = tile_means(target**2)
    errors, energies = zip(*(_compared(blurred, target) for blurred in _blurred(light)), strict=True)
    energy = np.maximum(energies[0], target_energy)
    error = np.min(errors, axis=0)
    noise = min(float(np.percentile(error, _NOISE_PERCENTILE)), _MOST_NOISE)
    shown = (energy > max(_DETAIL_PER_NOISE * noise, _LEAST_DETAIL)) & (tile_means(there) > 0.99)
    return TileBlur(
        np.where(shown, _disc_of_least(np.asarray(errors)), np.nan),
        np.where(shown, error / np.maximum(energy, _TINY), np.nan),
        np.where(shown, target_energy / np.maximum(energies[0], _TINY), np.nan),
    )


def _disc_of_least(errors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Disc at which the error is least: (number of discs, rows, columns) to (rows, columns).

    The top of a parabola through the least error and its neighbours, in steps of :data:`DISCS_PX`.
    """
    best = errors.argmin(axis=0)
    middle = np.clip(best, 1, len(errors) - 2)
    before, least, after = (
        np.take_along_axis(errors, (middle + step)[None], axis=0)[0].astype(np.float64) for step in (-1, 0, 1)
    )
    bend = np.maximum(before - 2 * least + after, np.finfo(np.float64).tiny)
    step = np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
    index = np.where(best == middle, middle + step, best)
    return np.asarray(np.interp(index, np.arange(len(DISCS_PX)), DISCS_PX))


def _aligned(
    wide: MeasuredPhoto, shallow: MeasuredPhoto, H: Homography, exposure: ExposureDifference
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Luminance of the wide photo as the other exposure shows it, unclipped; of the shallow one; where it is.

    All at half the size, whole tiles, on the wide photo's grid.
    """
    import cv2

    rows, columns = (side // TILE_PX * TILE_PX // HALF for side in wide.shape)
    first, second = wide.half_luminance, shallow.half_luminance
    gain = gain_map(exposure, wide.shape, shallow.shape, H) @ LUMINANCE
    each = cv2.resize(gain, (first.shape[1], first.shape[0]), interpolation=cv2.INTER_LINEAR)
    small_H = between_blocks(H, HALF)
    moved = cv2.warpPerspective(
        second, small_H, (columns, rows), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
    )
    there = cv2.warpPerspective(np.ones_like(second), small_H, (columns, rows), flags=cv2.INTER_NEAREST)
    light = (first * np.asarray(each, np.float32))[:rows, :columns]
    return np.ascontiguousarray(light), np.asarray(moved, np.float32), np.asarray(there, np.float32)


def _blurred(light: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Detail of a photo blurred by each disc in turn, and clipped."""
    import cv2

    before = 0.0
    for disc in DISCS_PX:
        sigma = disc / DISC_PER_SIGMA / HALF
        if sigma > before:
            # blurring what is blurred already adds the variances
            light = np.asarray(cv2.GaussianBlur(light, (0, 0), np.sqrt(sigma**2 - before**2)), np.float32)
        before = sigma
        yield _detail(np.minimum(light, 1))


def _compared(
    detail: NDArray[np.float32], target: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean squared error of every tile at the best contrast near 1, and mean square of the detail."""
    energy, product, squared = (tile_means(values) for values in (detail**2, detail * target, target**2))
    gain = product / np.maximum(energy, _TINY)
    gain = np.clip(gain, 1 - _GAIN_TOLERANCE, 1 + _GAIN_TOLERANCE)
    return np.maximum(squared - 2 * gain * product + gain**2 * energy, 0), energy


def _detail(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Square root of light, whose noise is alike in bright and dark places, without shading."""
    import cv2

    values = np.sqrt(np.maximum(light, 0) + np.float32(_DARK))
    return np.asarray(values - cv2.GaussianBlur(values, (0, 0), _SHADING_PX / HALF), np.float32)
