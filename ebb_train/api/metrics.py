"""Image metrics of single pairs, as in the protocol ``ebb`` (:mod:`ebb_train.metrics.protocols`).

They are computed on whole images of sRGB-encoded values, scaled and clipped to [0, 1]. The metric of a data
set is the mean over its pairs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.errors import InvalidInput, MissingDependency, UsageError
from ebb_train.metrics import similarity
from ebb_train.metrics.inputs import ImagePair, as_pair
from ebb_train.metrics.lpips import Missing, find_lpips

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb_train.metrics.lpips import Lpips
    from ebb_train.models.perceptual import Net


def psnr(preds: NDArray[Any], target: NDArray[Any], *, data_range: float | None = None) -> float:
    """Peak signal-to-noise ratio in decibels: 10 · log10(data_range² / mean squared error).

    The error is averaged over all pixels and channels in float64.

    Args:
        preds: Predicted image: (H, W, 3) or grey (H, W), integers or floats.
        target: Reference image of the same shape.
        data_range: Value of white; black is 0. Required for floats; None: 255 for uint8, 65535 for uint16.

    Returns:
        PSNR in decibels; infinite for equal images.

    Raises:
        UsageError: ``data_range`` is missing for floats, or not positive.
        InvalidInput: shapes differ, or values are not finite or far outside the range.

    Examples:
        >>> import numpy as np
        >>> target = np.full((8, 8, 3), 100, np.uint8)
        >>> round(ebb_train.psnr(target + np.uint8(51), target), 2)  # 20 · log10(255 / 51)
        13.98
    """
    return similarity.psnr(*_pair(preds, target, data_range))


def ssim(preds: NDArray[Any], target: NDArray[Any], *, data_range: float | None = None) -> float:
    """Structural similarity (SSIM), mean over pixels and channels.

    Wang et al., "Image quality assessment: from error visibility to structural similarity" (IEEE TIP 2004),
    equation 13, with K1 = 0.01, K2 = 0.03, a Gaussian window of 11 x 11 pixels with sigma 1.5, biased
    variances and without padding; computed in float64.

    Args:
        preds: Predicted image as in :func:`psnr`, with sides of at least 11 pixels.
        target: Reference image of the same shape.
        data_range: As in :func:`psnr`.

    Returns:
        SSIM, at most 1; 1 for equal images.

    Raises:
        UsageError: as in :func:`psnr`.
        InvalidInput: as in :func:`psnr`, or a side is smaller than the window.

    Examples:
        >>> import numpy as np
        >>> target = np.random.default_rng(0).random((32, 32, 3))
        >>> ebb_train.ssim(target, target, data_range=1.0)
        1.0
    """
    first, second = _pair(preds, target, data_range)
    return similarity.ssim(first, second)


def ms_ssim(preds: NDArray[Any], target: NDArray[Any], *, data_range: float | None = None) -> float:
    """Multi-scale structural similarity (MS-SSIM), mean over channels.

    Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality assessment" (Asilomar
    2003), equation 7, with 5 scales, 2 x 2 average pooling and the window of :func:`ssim`; computed in
    float64.

    Args:
        preds: Predicted image as in :func:`psnr`, with sides of at least 161 pixels.
        target: Reference image of the same shape.
        data_range: As in :func:`psnr`.

    Returns:
        MS-SSIM, at most 1; 1 for equal images.

    Raises:
        UsageError: as in :func:`psnr`.
        InvalidInput: as in :func:`psnr`, or a side is too small.

    Examples:
        >>> import numpy as np
        >>> target = np.random.default_rng(0).random((176, 176, 3))
        >>> round(ebb_train.ms_ssim(target, target, data_range=1.0), 6)
        1.0
    """
    first, second = _pair(preds, target, data_range)
    return similarity.ms_ssim(first, second)


def lpips(
    preds: NDArray[Any], target: NDArray[Any], *, data_range: float | None = None, net: Net = "alex"
) -> float:
    """Learned perceptual image patch similarity (LPIPS), version 0.1.

    Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric" (CVPR 2018), with
    the authors' linear weights.

    Args:
        preds: Predicted image as in :func:`psnr`, with sides of at least 31 pixels (``vgg``: 16).
        target: Reference image of the same shape.
        data_range: As in :func:`psnr`.
        net: Backbone, ``alex`` or ``vgg``.

    Returns:
        LPIPS distance, ≥ 0; 0 for equal images.

    Raises:
        MissingDependency: the network's weights or PyTorch are missing; the hint says how to install them.
        UsageError: as in :func:`psnr`.
        InvalidInput: as in :func:`psnr`, or a side is too small.

    Examples:
        >>> import numpy as np
        >>> target = np.zeros((64, 64, 3), np.uint8)
        >>> try:
        ...     distance = ebb_train.lpips(target, target)  # 0.0
        ... except ebb.MissingDependency as error:
        ...     print(str(error).partition(",")[0])
        the weights of alexnet have not been downloaded (ebb weights download alexnet
    """
    found = _lpips(net)
    pair = _pair(preds, target, data_range)
    if lacks := found.lacks(min(pair.target.shape[:2])):
        raise InvalidInput(f"LPIPS {lacks}")
    return found.distance(*pair)


def _pair(preds: NDArray[Any], target: NDArray[Any], data_range: float | None) -> ImagePair:
    return as_pair(_unit(np.asarray(preds), data_range), _unit(np.asarray(target), data_range))


def _unit(picture: NDArray[Any], data_range: float | None) -> NDArray[Any]:
    if data_range is None:
        if np.issubdtype(picture.dtype, np.floating):
            raise UsageError("data_range is required for floats", hint="e.g. data_range=1.0 or 255.0")
        return picture
    if not data_range > 0:
        raise UsageError(f"data_range must be positive, not {data_range:g}")
    return picture / np.float64(data_range)


@lru_cache(maxsize=2)
def _lpips(net: Net) -> Lpips:
    found = find_lpips(net)
    if isinstance(found, Missing):
        raise MissingDependency(found.reason)
    return found
