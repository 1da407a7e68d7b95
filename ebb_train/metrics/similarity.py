"""PSNR, SSIM and MS-SSIM of a pair of pictures: the formulas, without a protocol.

Everything is computed in float64, because a variance is the small difference of two large numbers; in
float32, the error of SSIM on bright flat areas is up to 7e-4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Values: TypeAlias = NDArray[np.floating[Any]]
"""(H, W, C), float32 or float64, [0, 1]."""

Exact: TypeAlias = NDArray[np.float64]

K1, K2 = 0.01, 0.03
"""Constants of SSIM for a range of 1 (Wang et al., section III-B)."""

BAND_ROWS = 64
"""Rows that are computed at a time; in float64, computing whole photos at once takes twice as long."""

SHRUNK_SIDE = 256
"""Approximate shorter side of the result of :func:`shrunk`."""

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the scales, from fine to coarse (Wang, Simoncelli and Bovik, section 3.2)."""


@dataclass(frozen=True)
class Window:
    """Window of the statistics of SSIM."""

    size: int
    """Number of rows and columns, odd."""
    sigma: float | None = None
    """Standard deviation of a Gaussian; None: uniform weights."""
    sample_covariance: bool = False
    """Whether variances are divided by n − 1 instead of n."""
    mirrored: bool = False
    """Whether the picture is padded by reflection; otherwise only positions where the window fits are
    used."""

    def __str__(self) -> str:
        shape = f"Gaussian, sigma {self.sigma}" if self.sigma else "uniform"
        divisor = "n - 1" if self.sample_covariance else "n"
        places = "with reflected borders" if self.mirrored else "without padding"
        return f"{self.size} x {self.size} {shape}, variances over {divisor}, {places}"


GAUSSIAN_11 = Window(11, 1.5)
GAUSSIAN_11_MIRRORED = Window(11, 1.5, mirrored=True)
UNIFORM_7 = Window(7, sample_covariance=True)


def psnr(preds: Values, target: Values) -> float:
    """Peak signal-to-noise ratio in dB for a range of 1; infinite for equal pictures."""
    difference = np.subtract(preds, target, dtype=np.float64).ravel()
    error = float(np.square(difference).mean())  # a dot product's last bits depend on the number of threads
    return float(-10 * np.log10(error)) if error else float("inf")


def ssim(preds: Values, target: Values, window: Window = GAUSSIAN_11) -> float:
    """Mean structural similarity over positions and channels.

    Wang et al., "Image quality assessment: from error visibility to structural similarity" (IEEE TIP 2004),
    equation 13.

    Raises:
        InvalidInput: the pictures are smaller than the window.
    """
    sums = [
        (float((luminance * contrast).sum()), luminance.size)
        for luminance, contrast in _bands(preds, target, window)
    ]
    total, places = np.sum(sums, axis=0)
    return float(total / places)


def ssim_maps(preds: Values, target: Values, window: Window = GAUSSIAN_11) -> tuple[Exact, Exact]:
    """The two factors of SSIM at every position: luminance, and contrast times structure.

    Returns:
        Two arrays (H − size + 1, W − size + 1, C), float64, or (H, W, C) if the window is mirrored.

    Raises:
        InvalidInput: the pictures are smaller than the window.
    """
    luminance, contrast = zip(*_bands(preds, target, window), strict=True)
    return np.concatenate(luminance), np.concatenate(contrast)


def _bands(preds: Values, target: Values, window: Window) -> Iterator[tuple[Exact, Exact]]:
    """The two factors for some rows at a time."""
    if min(preds.shape[:2]) < window.size:
        size = f"{preds.shape[1]} x {preds.shape[0]}"
        raise InvalidInput(f"SSIM of {size} pixels: its window is {window.size} x {window.size}")
    if window.mirrored:
        preds, target = (_mirrored(picture, window.size // 2) for picture in (preds, target))
    over = window.size - 1
    for top in range(0, preds.shape[0] - over, BAND_ROWS):
        rows = slice(top, top + BAND_ROWS + over)
        yield _band(preds[rows].astype(np.float64), target[rows].astype(np.float64), window)


def _band(preds: Exact, target: Exact, window: Window) -> tuple[Exact, Exact]:
    c1, c2 = K1**2, K2**2
    mean_p, mean_t = _means(preds, window), _means(target, window)
    products, squares = mean_p * mean_t, mean_p * mean_p + mean_t * mean_t
    unbias = window.size**2 / (window.size**2 - 1) if window.sample_covariance else 1.0
    covariance = (_means(preds * target, window) - products) * unbias
    # one mean of the sum of both squares: variances are only needed added up
    variances = (_means(preds * preds + target * target, window) - squares) * unbias
    return (2 * products + c1) / (squares + c1), (2 * covariance + c2) / (variances + c2)


def ms_ssim(preds: Values, target: Values, weights: Sequence[float] = MS_SSIM_WEIGHTS) -> float:
    """Multi-scale structural similarity, mean over channels.

    Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality assessment" (Asilomar
    2003), equation 7. Scales are halved by means of 2 x 2 pixels, after an odd last row or column is
    repeated. Mean contrasts below 0 are set to 0, because their powers would not be real.

    Raises:
        InvalidInput: the coarsest scale is smaller than the window of SSIM.
    """
    smallest = ms_ssim_smallest(len(weights))
    if min(preds.shape[:2]) < smallest:
        size = f"{preds.shape[1]} x {preds.shape[0]}"
        raise InvalidInput(f"MS-SSIM of {size} pixels: it requires {smallest} per side")
    result = np.ones(preds.shape[2])
    for scale, weight in enumerate(weights, start=1):
        is_last = scale == len(weights)
        terms = [
            luminance * contrast if is_last else contrast
            for luminance, contrast in _bands(preds, target, GAUSSIAN_11)
        ]
        places = sum(len(term) for term in terms) * terms[0].shape[1]
        sums = np.sum([term.sum(axis=(0, 1)) for term in terms], axis=0)
        result *= np.maximum(sums / places, 0) ** weight
        preds, target = _halved(preds.astype(np.float64)), _halved(target.astype(np.float64))
    return float(result.mean())


def ms_ssim_smallest(scales: int = len(MS_SSIM_WEIGHTS)) -> int:
    """Smallest width and height for which the window fits at the coarsest scale."""
    return int((GAUSSIAN_11.size - 1) * 2 ** (scales - 1) + 1)


def shrunk(values: Values) -> Values:
    """Averages over squares of ``round(shorter side / 256)`` pixels; the remainder is cropped.

    The authors of SSIM recommend this, and the package piq does it.
    """
    import cv2

    side = max(1, round(min(values.shape[:2]) / SHRUNK_SIDE))
    height, width = (length // side for length in values.shape[:2])
    cut = values[: height * side, : width * side]
    return np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA), values.dtype)


def _mirrored(values: Values, rim: int) -> Values:
    """Pad the picture by reflection about the centres of its edge pixels."""
    return np.pad(values, ((rim, rim), (rim, rim), (0, 0)), mode="reflect")


def _means(values: Exact, window: Window) -> Exact:
    """Weighted means under the window, where it fits."""
    import cv2

    if window.sigma is None:
        means = cv2.blur(values, (window.size, window.size))
    else:
        offsets = np.arange(window.size) - window.size // 2
        weights = np.exp(-(offsets**2) / (2 * window.sigma**2))
        weights /= weights.sum()
        means = cv2.sepFilter2D(values, -1, weights, weights)
    rim = window.size // 2
    height, width = values.shape[:2]
    return np.asarray(means, np.float64).reshape(values.shape)[rim : height - rim, rim : width - rim]


def _halved(values: Exact) -> Exact:
    """Means of 2 x 2 pixels; an odd last row or column is repeated."""
    height, width = values.shape[:2]
    odd = height % 2, width % 2
    even = np.pad(values, ((0, odd[0]), (0, odd[1]), (0, 0)), mode="edge") if any(odd) else values
    return np.asarray((even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4)
