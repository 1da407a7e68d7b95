"""Terms of losses as functions of pictures: structural similarity, gradients, Fourier transforms.

Each expects float32 or float64, outside autocast: bfloat16 would round an SSIM of 0.998 to 1.
"""

from __future__ import annotations

import torch  # noqa: TID253 - this module is imported by training only
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor  # noqa: TID253

from ebb.errors import InvalidInput

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
SSIM_K1, SSIM_K2 = 0.01, 0.03
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, finest first."""
MS_SSIM_FLOOR = 1e-6
"""Least contrast of a scale: the power of a negative one is not a number."""


def ssim_parts(preds: Tensor, target: Tensor, data_range: float = 1.0) -> tuple[Tensor, Tensor]:
    """Luminance, and contrast times structure, of every window: the two factors of SSIM.

    Wang et al., "Image quality assessment: from error visibility to structural similarity" (IEEE TIP 2004),
    equation 13, with an 11 x 11 Gaussian window of σ = 1.5, K1 = 0.01, K2 = 0.03, and without padding.

    Args:
        preds: (N, C, H, W), at least 11 x 11 pixels.
        target: The same shape.
        data_range: Difference of the largest and the smallest possible value.

    Returns:
        (N, C, H − 10, W − 10) each.

    Raises:
        InvalidInput: the images are smaller than the window.
    """
    if min(preds.shape[-2:]) < SSIM_WINDOW:
        size = f"{preds.shape[-1]} x {preds.shape[-2]}"
        raise InvalidInput(f"SSIM of {size} pixels: its window is {SSIM_WINDOW} x {SSIM_WINDOW}")
    c1, c2 = (SSIM_K1 * data_range) ** 2, (SSIM_K2 * data_range) ** 2
    maps = torch.cat([preds, target, preds * preds, target * target, preds * target])
    mean_p, mean_t, pp, tt, pt = _windowed(maps).chunk(5)
    var_p, var_t, covariance = pp - mean_p**2, tt - mean_t**2, pt - mean_p * mean_t
    luminance = (2 * mean_p * mean_t + c1) / (mean_p**2 + mean_t**2 + c1)
    return luminance, (2 * covariance + c2) / (var_p + var_t + c2)


def ssim(preds: Tensor, target: Tensor, data_range: float = 1.0) -> Tensor:
    """Structural similarity, mean over pixels, channels and images; see :func:`ssim_parts`.

    Returns:
        A scalar; 1 for equal images.

    Raises:
        InvalidInput: the images are smaller than the window.
    """
    luminance, structure = ssim_parts(preds, target, data_range)
    return (luminance * structure).mean()


def ms_ssim(preds: Tensor, target: Tensor) -> Tensor:
    """Multi-scale structural similarity, mean over channels and images.

    Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment" (Asilomar
    2003), equation 7. Small pictures have as many scales as hold the window, and the sum of
    their exponents is that of all five. The factor of a scale is at least :data:`MS_SSIM_FLOOR`; where it is
    raised to that, the scale has no gradient.

    Args:
        preds: (N, C, H, W), values about [0, 1], at least 11 x 11 pixels.
        target: The same shape.

    Returns:
        A scalar; 1 for equal images.

    Raises:
        InvalidInput: the images are smaller than the window.
    """
    scales = 1
    while scales < len(MS_SSIM_WEIGHTS) and min(preds.shape[-2:]) >> scales >= SSIM_WINDOW:
        scales += 1
    share = sum(MS_SSIM_WEIGHTS[:scales]) / sum(MS_SSIM_WEIGHTS)
    weights = [weight / share for weight in MS_SSIM_WEIGHTS[:scales]]
    product = torch.ones_like(preds[:, :, 0, 0])
    for scale, weight in enumerate(weights):
        luminance, structure = ssim_parts(preds, target)
        factor = luminance * structure if scale == scales - 1 else structure
        product = product * factor.mean(dim=(2, 3)).clamp_min(MS_SSIM_FLOOR) ** weight
        preds, target = F.avg_pool2d(preds, 2), F.avg_pool2d(target, 2)
    return product.mean()


def sobel_l1(preds: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of both Sobel gradients, without padding.

    Args:
        preds: (N, C, H, W), at least 3 x 3 pixels.
        target: The same shape.

    Returns:
        A scalar; gradients are in units of the value a pixel, the kernel's weights sum to 1 on either side.
    """
    smooth = torch.tensor([0.25, 0.5, 0.25], dtype=preds.dtype, device=preds.device)
    step = torch.tensor([-0.5, 0.0, 0.5], dtype=preds.dtype, device=preds.device)
    kernels = torch.stack([torch.outer(smooth, step), torch.outer(step, smooth)])[:, None]
    difference = (preds - target).flatten(0, 1)[:, None]
    return F.conv2d(difference, kernels).abs().mean()


def fft_l1(preds: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of real and imaginary parts of the two-dimensional Fourier transforms.

    Cho et al., "Rethinking Coarse-to-Fine Approach in Single Image Deblurring" (ICCV 2021), equation 5. The
    transform is orthonormal, so that the term does not grow with the picture.

    Args:
        preds: (N, C, H, W).
        target: The same shape.

    Returns:
        A scalar.
    """
    spectrum = torch.fft.rfft2(preds - target, norm="ortho")
    return torch.view_as_real(spectrum).abs().mean()


def _windowed(maps: Tensor) -> Tensor:
    """Separable convolution with the Gaussian window, without padding."""
    offsets = torch.arange(SSIM_WINDOW, dtype=maps.dtype, device=maps.device) - SSIM_WINDOW // 2
    window = torch.exp(-(offsets**2) / (2 * SSIM_SIGMA**2))
    window = window / window.sum()
    # all planes as channels of one image: ten times faster on the CPU than a batch of single channels
    planes = maps.reshape(1, -1, *maps.shape[2:])
    rows = window.expand(planes.shape[1], 1, 1, -1)
    means = F.conv2d(F.conv2d(planes, rows, groups=len(rows)), rows.mT, groups=len(rows))
    return means.reshape(*maps.shape[:2], *means.shape[2:])
