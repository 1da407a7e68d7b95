"""Training loss: weighted sum of L1, 1 − SSIM and the distance of VGG-19 features.

All terms are computed in float32, outside autocast: bfloat16 would round an SSIM of 0.998 to 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch  # noqa: TID253 - this module is imported by training only
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor, nn  # noqa: TID253

from ebb.errors import InvalidInput, MissingDependency
from ebb.weights import find_weights
from ebb_train.models.vgg import load_vgg19

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.models.vgg import Normalization, Vgg19
    from ebb_train.settings import LossWeights

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
SSIM_K1, SSIM_K2 = 0.01, 0.03


class Loss(nn.Module):
    """Weighted sum of the terms with a nonzero weight.

    Args:
        weights: Weight of each term.
        vgg: Required if the VGG term has a weight.
    """

    def __init__(self, weights: LossWeights, vgg: Vgg19 | None = None) -> None:
        super().__init__()
        if weights.vgg and vgg is None:
            raise MissingDependency(
                "the VGG term needs VGG-19 weights", hint="ebb weights download vgg19, or --vgg-weight 0"
            )
        self.weights = weights
        self.vgg = vgg if weights.vgg else None

    def forward(self, preds: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Compute the terms and their weighted sum (``loss``), as means over the batch.

        Args:
            preds: (N, 3, H, W), approximately in [0, 1].
            target: The same shape, in [0, 1].
        """
        with torch.autocast(preds.device.type, enabled=False):
            preds, target = preds.float(), target.float()
            terms = {}
            if self.weights.l1:
                terms["l1"] = F.l1_loss(preds, target)
            if self.weights.ssim:
                terms["ssim"] = 1 - ssim(preds, target)
            if self.vgg is not None:
                terms["vgg"] = F.mse_loss(self.vgg(preds), self.vgg(target))
            total = torch.stack([getattr(self.weights, name) * term for name, term in terms.items()]).sum()
            return terms | {"loss": total}


def ssim(preds: Tensor, target: Tensor, data_range: float = 1.0) -> Tensor:
    """Structural similarity, mean over pixels, channels and images.

    Wang et al., "Image quality assessment: from error visibility to structural similarity" (IEEE TIP 2004),
    equation 13, with an 11 x 11 Gaussian window of σ = 1.5, K1 = 0.01, K2 = 0.03, and without padding.

    Args:
        preds: (N, C, H, W), float32 or float64, at least 11 x 11 pixels.
        target: The same shape.
        data_range: Difference of the largest and the smallest possible value.

    Returns:
        A scalar; 1 for equal images.

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
    structure = (2 * covariance + c2) / (var_p + var_t + c2)
    return (luminance * structure).mean()


def find_vgg(path: Path | None, normalization: Normalization) -> Vgg19:
    """Load VGG-19 for the VGG term.

    Args:
        path: Weights file; None: the downloaded file.
        normalization: Normalisation of the input with which the weights were trained.

    Raises:
        MissingDependency: the weights are missing; the hint says how to install them or to omit the term.
        InvalidInput: the file is damaged or contains other weights.
    """
    try:
        found = find_weights("vgg19", path, flag="--vgg-weights")
    except MissingDependency as error:
        hint = f"{error.hint}, or do without: --vgg-weight 0"
        raise MissingDependency(error.message, path=error.path, hint=hint) from error
    return load_vgg19(found, normalization)


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
