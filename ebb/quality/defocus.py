"""Where the shallow photo is sharp: the largest blur that its fine detail allows.

:mod:`ebb.quality.blur_map` measures blur over the whole frame; this tells small blurs from none.

Small discs show in the share of the detail that is left: that of fine detail, which a small disc takes,
against that of coarser detail, which it leaves. Exposure and light fall-off take the same share of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.quality.grid import HALF, TILE_PX, blocks, tile_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Homography

_COARSE_PX = (2.5, 6.0)
"""Standard deviations of the two Gaussians whose difference is the coarser detail; the fine detail ends where
it begins."""

_LOSS_OF_NONE, _LOSS_PER_PX2 = 0.02, 0.0125
"""ln(coarse / fine), the shares of detail left, is this without blur, and grows so with the square of a small
disc: medians over simulated pairs."""

_INDEPENDENT_FINE, _INDEPENDENT_COARSE = 60, 12
"""Independent values of either detail in a tile."""

_TEXTURE_ERROR = 0.02
"""Standard deviation of the logarithm where there is no noise: no texture is the median one."""

_GRAIN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / np.float32(6)
"""What responds to noise more than to texture (J. Immerkaer, "Fast noise variance estimation", CVIU 1996)."""

_NOISE_PER_GRAIN = 0.32
"""Variance of demosaiced noise in the fine detail, over the mean square of that response. White noise has
0.01, but photos whose noise is white were reduced, and have little of it."""

_GRAIN_PERCENTILE, _GRAIN_TIMES = 10, 2.0
"""Of the tile's own response, what counts as noise is at most twice that of the emptiest tenth of the tiles:
dark places have more noise than bright ones."""

_TINY = 1e-12
_LEAST_SIGNAL = 0.2
"""Share of the fine detail that is never taken for noise."""


class Halves(NamedTuple):
    """Both photos at half their size on the wide one's grid, whole tiles; (rows · 16, columns · 16)."""

    wide: NDArray[np.float32]
    shallow: NDArray[np.float32]


def aligned_halves(wide: Gray8, shallow: Gray8, H_shallow_to_wide: Homography) -> Halves:
    """Bring both photos onto one grid.

    Args:
        wide: (height, width).
        shallow: Any size.
        H_shallow_to_wide: Between these two.
    """
    import cv2

    size = (wide.shape[1] // TILE_PX * TILE_PX, wide.shape[0] // TILE_PX * TILE_PX)
    moved = cv2.warpPerspective(shallow, H_shallow_to_wide, size, borderMode=cv2.BORDER_REFLECT_101)
    photos = wide[: size[1], : size[0]], np.asarray(moved)
    return Halves(*(blocks(photo, HALF) for photo in photos))


class FineDetail(NamedTuple):
    """What :func:`ebb.registration.tiles.measure` says of N tiles of 32 px."""

    centres: NDArray[np.float64]
    """(N, 2), in the wide photo."""
    energy: NDArray[np.float64]
    """(N,), mean square of the fine detail of the wide photo, noise and all."""
    kept: NDArray[np.float64]
    """(N,), how much of it the shallow photo has, whatever its exposure."""
    correlation: NDArray[np.float64]
    """(N,), −1 … 1."""


def largest_discs_px(
    fine: FineDetail, wide: Gray8, halves: Halves, enlargement: float = 1.0
) -> NDArray[np.float64]:
    """The largest blur discs that are likely: estimates for small ones plus their standard deviation.

    Args:
        fine: Fine detail of both photos.
        wide: (height, width), not enlarged: interpolation takes the noise at the finest scale away, which
            tells how much there is.
        halves: Both photos, aligned.
        enlargement: Size of the photo that tiles and halves were made from, over that of ``wide``.

    Returns:
        (N,), diameters in pixels; infinite where nothing of the detail is left. Large ones
        come out too small.
    """
    tile = tuple((fine.centres // TILE_PX).astype(int).T[::-1])
    kept_grid, correlation_grid = _coarse_detail(halves)
    kept, correlation = kept_grid[tile], correlation_grid[tile]
    signal = np.maximum(
        1 - _noise(wide, kept_grid.shape, TILE_PX / enlargement)[tile] / np.maximum(fine.energy, _TINY),
        _LEAST_SIGNAL,
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        loss = np.log(kept * signal / fine.kept)
        coarse_error, fine_error = correlation**-2 - 1, fine.correlation**-2 - 1
        variance = coarse_error / _INDEPENDENT_COARSE + fine_error / _INDEPENDENT_FINE + _TEXTURE_ERROR**2
        largest = loss + np.sqrt(variance) - _LOSS_OF_NONE
    discs = np.sqrt(np.maximum(largest, 0) / _LOSS_PER_PX2)
    return np.where((fine.kept > 0) & (kept > 0), discs, np.inf)


def _coarse_detail(halves: Halves) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(rows, columns) of tiles: share of the coarser detail that is left, and its correlation."""
    first, second = (
        _blur(photo, _COARSE_PX[0] / HALF) - _blur(photo, _COARSE_PX[1] / HALF)
        for photo in (halves.wide, halves.shallow)
    )
    energy, moved_energy, product = (
        tile_means(a * b).astype(np.float64) for a, b in ((first, first), (second, second), (first, second))
    )
    tiny = np.finfo(np.float32).tiny
    return product / np.maximum(energy, tiny), product / np.sqrt(np.maximum(energy * moved_energy, tiny))


def _noise(wide: Gray8, grid: tuple[int, ...], tile_px: float) -> NDArray[np.float64]:
    """(rows, columns) of tiles: variance of the noise in the fine detail of the wide photo."""
    import cv2

    grain = np.asarray(cv2.filter2D(wide, cv2.CV_32F, _GRAIN), np.float32)
    rows, columns = grid
    inner = grain[: round(rows * tile_px), : round(columns * tile_px)]
    means = cv2.resize(inner**2, (columns, rows), interpolation=cv2.INTER_AREA)
    response = np.asarray(means, np.float64)
    emptiest = np.percentile(response, _GRAIN_PERCENTILE)
    return _NOISE_PER_GRAIN * np.minimum(response, _GRAIN_TIMES * emptiest)


def _blur(photo: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    import cv2

    return np.asarray(cv2.GaussianBlur(photo, (0, 0), sigma), np.float32) if sigma else photo
