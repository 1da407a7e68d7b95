"""Predictive filters: a small filter for every pixel, whose values a network predicts.

Bako et al., "Kernel-predicting convolutional networks for denoising Monte Carlo renderings" (SIGGRAPH 2017).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it

if TYPE_CHECKING:
    from torch import Tensor

FilterBorder: TypeAlias = Literal["zero", "reflect"]
"""What is outside the picture: zeros, or the picture mirrored about its outermost pixels."""


def apply_filters(picture: Tensor, logits: Tensor, size: int, border: FilterBorder) -> Tensor:
    """Filter each pixel by the softmax of its logits: non-negative values with the sum 1.

    The tap in row i and column j of a filter weighs the pixel at (y + i − r, x + j − r), r = (size − 1) / 2.
    It is the (i · size + j)-th channel. One tap after another is added, so that memory beyond the weights is
    a few pictures, not size² of them.

    Args:
        picture: (N, C, H, W); all channels have the same filter.
        logits: (N, size², H, W).
        size: Odd.
        border: With ``reflect``, H and W exceed (size − 1) / 2.

    Returns:
        (N, C, H, W).
    """
    radius = size // 2
    height, width = picture.shape[-2:]
    padded = F.pad(picture, (radius,) * 4, mode="constant" if border == "zero" else border)
    weights = logits.softmax(dim=1).unbind(1)
    total = torch.zeros_like(picture)
    for tap, weight in enumerate(weights):
        row, column = divmod(tap, size)
        shifted = padded[..., row : row + height, column : column + width]
        total = torch.addcmul(total, shifted, weight[:, None])
    return total
