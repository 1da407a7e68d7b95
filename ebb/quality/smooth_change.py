"""Smooth things that are in one photo and not in the other, blur aside.

A smooth subject has little of the fine detail by which tiles are compared: it may move without any of them
changing. It still differs from what is around it in brightness or in colour, at a larger scale, where noise
is averaged: both photos are compared at an eighth of their size in brightness and two colour differences,
each in units of its noise, over regions of 3 x 3 tiles.

Where fine detail is blurred, so is the coarser: that is compared only where there is no fine detail, or where
the blur that explains it would leave less than half of the coarser structure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.quality.blur_map import DISC_PER_SIGMA, MAX_UNEXPLAINED
from ebb.quality.equal_blur import BLURS
from ebb.quality.grid import EIGHTH, TILE_PX, blocks
from ebb.srgb import LUMINANCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Mask, RgbLinear
    from ebb.quality.blur_map import TileBlur
    from ebb.quality.equal_blur import EqualBlur

    Tiled = NDArray[np.float64]
    """(rows, columns) of tiles of the wide photo."""

_BLOCKS = TILE_PX // EIGHTH
_REGION = (3, 3)
"""Tiles that are compared together: 96 x 96 px."""

_SHADING = 12.0
"""Standard deviation of what counts as shading, in reduced pixels."""

_DARK = 0.003
"""Added to linear light before the square root, so that noise in the shadows stays small."""

_NOISE_PERCENTILE = 10
_LEAST_NOISE = 0.001
"""Noise is what differs in the tenth of the regions that differ least, or what the finest structure of the
shallow photo around says, and has at least this standard deviation: a quarter of a grey level."""

_FINEST_TO_BLURRED = 0.105
"""Variance that white noise keeps under the first blur, over that which it loses."""

_DETAIL_PER_NOISE = 6.0
"""A region has structure if its variance is this many times that of the noise."""

_LEAST_ALIKE = 0.7
"""Correlation below which a region differs, as in :mod:`ebb.quality.agreement`."""

_NOT_BLURRED = 0.7
"""Least ratio of the variances, shallow over wide, of what is not blurred."""

_MORE_THAN_BLUR_LEAVES = 2.0

_TINY = 1e-12


class _Regions(NamedTuple):
    """Structure of each region, in units of the noise, mean of the three channels."""

    wide: Tiled
    """(number of blurs, rows, columns), variance."""
    shallow: Tiled
    alike: Tiled
    """Best correlation with any blur of the wide photo."""
    known: NDArray[np.bool_]
    """Where all of a region can be compared."""


def smooth_changes(pair: EqualBlur, blurs: TileBlur) -> Mask:
    """Find smooth things in focus in the shallow photo that the wide one does not show.

    Args:
        pair: Both photos.
        blurs: Of the tiles of the wide photo.

    Returns:
        (rows, columns), tiles of the wide photo in the middle of a region that changed.
    """
    if min(pair.shallow.shape[:2]) < _REGION[0] * _BLOCKS:
        return np.zeros(blurs.disc_px.shape, np.bool_)
    found = _regions(pair)
    shallow, wide = found.shallow - 1, found.wide - 1
    changed = found.known & (shallow > _DETAIL_PER_NOISE) & (found.alike < _LEAST_ALIKE)
    changed &= shallow > _NOT_BLURRED * wide[0]
    no_detail, explained = np.isnan(blurs.unexplained), blurs.unexplained < MAX_UNEXPLAINED
    left = np.take_along_axis(wide, _nearest_blur(blurs.disc_px)[None], axis=0)[0]
    contradicts = explained & (shallow > _MORE_THAN_BLUR_LEAVES * left)
    return np.asarray(changed & (no_detail | contradicts))


def _nearest_blur(disc_px: Tiled) -> NDArray[np.int64]:
    """Index of the blur of the wide photo that comes nearest to a disc."""
    sigma = np.hypot(BLURS[0], np.nan_to_num(disc_px) / DISC_PER_SIGMA / EIGHTH)
    return np.asarray(np.abs(np.log(sigma[..., None] / np.array(BLURS))).argmin(axis=-1))


def _regions(pair: EqualBlur) -> _Regions:
    shallow = _structure(pair.shallow)
    own = _covariance(shallow, shallow)
    variances, products = [], []
    for photo in pair.wide:
        wide = _structure(photo)
        variances.append(_covariance(wide, wide))
        products.append(_covariance(wide, shallow))
    variance, product = np.array(variances), np.array(products)
    known = _whole(pair.usable & ~_near(pair.clips))
    noise = _noise(pair, (variance + own - 2 * product).min(axis=0), known)
    variance, product, own = ((values / noise).mean(axis=-1) for values in (variance, product, own))
    alike = (product / np.sqrt(np.maximum(variance * own, _TINY))).max(axis=0)
    return _Regions(variance, own, alike, known)


def _structure(light: RgbLinear) -> NDArray[np.float32]:
    """Square root of light without shading: luminance, red minus green, blue minus green."""
    import cv2

    root = np.sqrt(light + np.float32(_DARK))
    root -= cv2.GaussianBlur(root, (0, 0), _SHADING)
    return _opponents(root)


def _opponents(values: NDArray[np.float32]) -> NDArray[np.float32]:
    red, green, blue = np.moveaxis(values, -1, 0)
    return np.stack([values @ LUMINANCE, red - green, blue - green], axis=-1)


def _covariance(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """(rows, columns, 3), of each region."""
    product, one, other = (_region_means(values) for values in (first * second, first, second))
    return np.asarray(product - one * other)


def _region_means(values: NDArray[np.float32]) -> NDArray[np.float64]:
    import cv2

    tiles = blocks(values, _BLOCKS).astype(np.float64)
    return np.asarray(cv2.blur(tiles, _REGION, borderType=cv2.BORDER_REPLICATE))


def _whole(usable: Mask) -> NDArray[np.bool_]:
    """Tiles with a whole region of usable blocks around them."""
    import cv2

    tiles = (blocks(usable, _BLOCKS) == 1).astype(np.uint8)
    region = np.ones(_REGION, np.uint8)
    return np.asarray(cv2.erode(tiles, region, borderType=cv2.BORDER_CONSTANT, borderValue=0)) > 0


def _near(clips: Mask) -> NDArray[np.bool_]:
    """Blocks that clip, and their neighbours."""
    import cv2

    return np.asarray(cv2.dilate(clips.astype(np.uint8), np.ones((3, 3), np.uint8))) > 0


def _noise(pair: EqualBlur, differences: NDArray[np.float64], known: Mask) -> NDArray[np.float64]:
    """(rows, columns, 3), variance of the noise; that of the wide photo alone does not survive all blurs."""
    finest = _region_means(np.square(_finest(pair.sharp)))
    everywhere = np.percentile(differences[known], _NOISE_PERCENTILE, axis=0) if known.any() else 0.0
    return np.maximum(np.maximum(_FINEST_TO_BLURRED * finest, everywhere), _LEAST_NOISE**2)


def _finest(light: RgbLinear) -> NDArray[np.float32]:
    """What the first blur takes away."""
    import cv2

    root = np.sqrt(light + np.float32(_DARK))
    return _opponents(root - cv2.GaussianBlur(root, (0, 0), BLURS[0]))
