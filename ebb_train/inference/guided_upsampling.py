"""Upsampling of the network's picture to the size of the photo, with the photo's detail where it is in focus.

The network sees the photo at 1024 pixels of height. What the photo holds beyond that is added back where the
network left the photo as it is, and nowhere else. How much it left is measured where it can be, in the finest
detail of the small size: alpha is the least-squares factor between the small photo's and the picture's detail
around a pixel, as in the guided filter (He, Sun and Tang, "Guided Image Filtering", PAMI 2013, equation 5)
but fitted to detail alone, so that the slow changes of colour that blur leaves do not count as detail. The
coefficients are carried up instead of the picture, as in He and Sun, "Fast Guided Filter" (arXiv 1505.00996).
Blur takes more of finer detail: an octave up, a Gaussian one would leave alpha to the fourth power, the edge
of a disc less; the square is what measured best (``benchmarks/full_resolution.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb_train.pixels import from_unit, to_unit

if TYPE_CHECKING:
    from ebb.arrays import Rgb, Rgb8
    from ebb_train.pixels import Floats

DETAIL_SIGMA_PX = 0.7
"""Detail is what a Gaussian of this width takes away, in pixels of the small size."""

RADIUS_PX = 2
"""Alpha is fitted over windows of 2 · radius + 1 pixels of the small size."""

FLOOR = 1e-5
"""Added to the variance of the detail, in units of [0, 1] squared: flat places have none to carry."""

POWER = 2
"""From the detail left at the small size to that left beyond it."""


def guided_upsample(photo: Rgb, small: Rgb8, picture: Floats) -> Rgb8:
    """Bring a picture to the photo's size.

    Args:
        photo: (H, W, 3), 8 or 16 bit, at its own size.
        small: (h, w, 3), the photo as the network saw it.
        picture: (h, w, 3) in [0, 1], what the network made of it.

    Returns:
        (H, W, 3), rounded to 8 bits.
    """
    import cv2

    size = (photo.shape[1], photo.shape[0])
    alpha = cv2.resize(kept_detail(to_unit(small), picture), size, interpolation=cv2.INTER_LINEAR)
    result = np.empty(photo.shape, np.uint8)
    for channel in range(3):  # one at a time, for memory: photos have tens of megapixels
        smooth = to_unit(small[..., channel])
        detail = to_unit(photo[..., channel]) - _enlarge(smooth, size)
        detail *= alpha
        detail += _enlarge(picture[..., channel], size)
        result[..., channel] = from_unit(detail)
    return result


def kept_detail(small: Floats, picture: Floats) -> Floats:
    """Share of the photo's finest detail that the picture keeps.

    Args:
        small: (h, w, 3) in [0, 1].
        picture: The same.

    Returns:
        (h, w): 0, none, to 1, all of it.
    """
    before, after = _detail(small), _detail(picture)
    shared = _mean((before * after).sum(axis=2))
    present = _mean((before * before).sum(axis=2))
    kept: Floats = np.clip(shared / (present + np.float32(FLOOR)), 0, 1) ** POWER
    return kept


def _detail(image: Floats) -> Floats:
    import cv2

    blurred = cv2.GaussianBlur(image, (0, 0), DETAIL_SIGMA_PX, borderType=cv2.BORDER_REFLECT)
    return np.asarray(image - blurred, np.float32)


def _mean(plane: Floats) -> Floats:
    import cv2

    side = 2 * RADIUS_PX + 1
    return np.asarray(cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)


def _enlarge(plane: Floats, size: tuple[int, int]) -> Floats:
    import cv2

    return np.asarray(
        cv2.resize(np.ascontiguousarray(plane), size, interpolation=cv2.INTER_CUBIC), np.float32
    )
