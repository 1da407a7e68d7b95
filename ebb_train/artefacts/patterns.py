"""Patterns that networks add: grids of their upsampling layers, and texture that repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb_train.artefacts.findings import KINDS, Finding
from ebb_train.artefacts.scene import JudgedScene, Picture, luma

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebb.arrays import Mask
    from ebb_train.metrics.blur import Map2d

BLOCK = 32
"""Side of the blocks that are searched for grids."""
PERIODS = (2, 4, 8)
_GRID_SIGMA = 1.2
_GRID_INDEX = 3.0
"""Standard errors beyond which a block shows a grid."""
_KNOWN_INDEX = 2.0
"""Standard errors from which a block of the photo has the grid already."""
_SMOOTH_LEVELS = 6.0
"""Largest deviation of the fine texture of a smooth block, in grey levels."""
_LEAST_LEVELS = 0.15
"""Deviation below which there is nothing but rounding."""
_VISIBLE_GRID = 0.35
"""Deviation of the means of the phases, in grey levels, from which a grid is visible."""
_FEWEST_BLOCKS = 10

WINDOW = 128
"""Side of the windows that are searched for repeats."""
_LAGS = (5, 48)
_REPEAT_SIGMAS = (1.5, 5.0)
"""Texture of this scale is searched: a finer one is a grid."""
_VISIBLE_LEVELS = 0.5
_AT_LEAST = 3
"""Windows that repeat before a picture counts as repeating."""
_DIP = 0.5
"""Between a texture and its repetition the correlation falls below this share: along a line it does not."""


class _Phases(NamedTuple):
    """Per block, (h, w)."""

    deviation: Map2d
    """Deviation of the means of the phases over its standard error, the largest of all periods."""
    pattern: Map2d
    """That deviation in grey levels."""
    spread: Map2d
    """Deviation of the fine texture in grey levels."""


def grid(scene: JudgedScene, output: Picture) -> Finding | None:
    """Patterns of a fixed period in smooth blocks.

    Returns:
        None for a picture of few smooth blocks.
    """
    own = _phases(output)
    smooth = own.spread < _SMOOTH_LEVELS
    if smooth.sum() < _FEWEST_BLOCKS:
        return None
    has_grid = smooth & (own.pattern > _VISIBLE_GRID) & (own.deviation > _GRID_INDEX)
    for picture in scene.references():
        other = _phases(picture)
        has_grid &= (other.deviation < _KNOWN_INDEX) | (other.pattern < own.pattern / 2)
    where = np.zeros(scene.coc_px.shape, bool)
    blocks = np.kron(has_grid, np.ones((BLOCK, BLOCK), bool))
    where[: blocks.shape[0], : blocks.shape[1]] = blocks
    return Finding("grid", float(has_grid.sum() / smooth.sum()), where)


def repeats(scene: JudgedScene, output: Picture) -> Finding | None:
    """Texture of blurred regions that repeats.

    Returns:
        None without a window out of focus.
    """
    fine = [_texture(picture) for picture in (output, *scene.references())]
    where = np.zeros(scene.coc_px.shape, bool)
    values = []
    for window in _windows(scene.blurred):
        values.append(_repetition(*(plane[window] for plane in fine)))
        where[window] |= values[-1] > KINDS["repeats"].limit
    return Finding("repeats", sorted(values)[-_AT_LEAST], where) if len(values) >= _AT_LEAST else None


def _repetition(own: Map2d, *others: Map2d) -> float:
    """Correlation of a window with itself, if it is more than that of all others."""
    if own.std() < _VISIBLE_LEVELS:
        return 0.0
    peak = _self_similarity(own, dipping=True)
    known = max(_self_similarity(other, dipping=False) for other in others) if peak else 0.0
    return peak if peak > 1.5 * known else 0.0


def _phases(picture: Picture) -> _Phases:
    """Compare the means of the phases of each period within every block."""
    fine = _fine(picture, _GRID_SIGMA)
    height, width = (side // BLOCK for side in fine.shape)
    blocks = fine[: height * BLOCK, : width * BLOCK].reshape(height, BLOCK, width, BLOCK).swapaxes(1, 2)
    spread = blocks.std(axis=(2, 3))
    index, pattern = np.zeros_like(spread), np.zeros_like(spread)
    for period in PERIODS:
        parts = BLOCK // period
        phases = (
            blocks.reshape(height, width, parts, period, parts, period).mean(axis=(2, 4)).std(axis=(2, 3))
        )
        pattern = np.maximum(pattern, phases)
        index = np.maximum(index, phases / (np.maximum(spread, _LEAST_LEVELS) / parts))
    return _Phases(index, pattern, spread)


def _fine(picture: Picture, sigma: float) -> Map2d:
    """What a Gaussian takes away, in grey levels."""
    import cv2

    plane = luma(picture) * np.float32(255)
    return np.asarray(plane - cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)


def _texture(picture: Picture) -> Map2d:
    """What lies between two Gaussians, in grey levels."""
    import cv2

    fine, coarse = (
        cv2.GaussianBlur(luma(picture) * np.float32(255), (0, 0), sigma) for sigma in _REPEAT_SIGMAS
    )
    return np.asarray(fine - coarse, np.float32)


def _windows(mask: Mask) -> Iterator[tuple[slice, slice]]:
    """Windows that lie in a mask almost wholly."""
    for top in range(0, mask.shape[0] - WINDOW + 1, WINDOW // 2):
        for left in range(0, mask.shape[1] - WINDOW + 1, WINDOW // 2):
            window = slice(top, top + WINDOW), slice(left, left + WINDOW)
            if mask[window].mean() > 0.95:
                yield window


def _self_similarity(window: Map2d, *, dipping: bool) -> float:
    """Largest local maximum of the correlation of a window with itself; 0 if there is none.

    Args:
        window: The texture.
        dipping: Leave out maxima along a line, to which the correlation does not fall in between.
    """
    import cv2

    taper = np.hanning(WINDOW).astype(np.float32)
    centred = (window - window.mean()) * np.outer(taper, taper)
    power = np.abs(np.fft.rfft2(centred, s=(2 * WINDOW, 2 * WINDOW))) ** 2
    full = np.fft.irfft2(power).astype(np.float32)
    middle = _LAGS[1] + 1
    correlation = np.roll(full, (middle, middle), (0, 1))[: 2 * middle + 1, : 2 * middle + 1]
    correlation /= max(float(correlation[middle, middle]), 1e-12)
    distance = np.hypot(*(np.indices(correlation.shape) - middle))
    is_peak = correlation >= cv2.dilate(correlation, np.ones((3, 3), np.uint8))
    is_peak &= (distance >= _LAGS[0]) & (distance <= _LAGS[1])
    is_peak &= correlation > KINDS["repeats"].limit / 2
    peaks = [(float(correlation[down, right]), down, right) for down, right in np.argwhere(is_peak)]
    found = (
        height
        for height, *at in sorted(peaks, reverse=True)
        if not dipping or _dips(correlation, middle, at, height)
    )
    return next(found, 0.0)


def _dips(correlation: Map2d, middle: int, at: list[int], height: float) -> bool:
    """Whether the correlation falls between no lag and a peak."""
    shares = np.linspace(0, 1, _LAGS[1])[:, None]
    down, right = np.rint(middle + shares * (np.array(at) - middle)).astype(int).T
    return bool(correlation[down, right].min() < _DIP * height)
