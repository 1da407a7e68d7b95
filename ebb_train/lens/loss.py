"""Training loss of the repair network.

The weight of the correction collapses to 0 or 1 if it is only trained through the picture. It is therefore
supervised by m = clip(10 · |layered − truth|, 0, 1), the mean over the colours, which is also how much more a
pixel counts in the picture's L1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch  # noqa: TID253 - only imported by training
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it

if TYPE_CHECKING:
    from torch import Tensor

    from ebb_train.lens.network import Corrections

ERROR_GAIN, ERROR_WEIGHT = 10.0, 4.0
WEIGHT_TERM, DIRECT_TERM, GRADIENT_TERM = 0.2, 0.5, 0.1


def repair_loss(found: Corrections, photo: Tensor, layered: Tensor, band: Tensor, truth: Tensor) -> Tensor:
    """Mean loss of a batch.

    L1 with pixel weights 1 + 4 m, 0.2 · cross-entropy of the weight against m within the band, 0.5 · L1 of
    the unweighted correction within the band, and 0.1 · L1 of the picture's gradients.

    Args:
        found: Output of the network.
        photo: (N, 3, H, W), sRGB, in [0, 1].
        layered: Likewise.
        band: (N, 1, H, W).
        truth: As ``photo``.
    """
    change = found.change(photo, layered)
    picture = layered + found.weight * band * change
    error = (layered - truth).abs().mean(1, keepdim=True)
    wrong = (ERROR_GAIN * error).clamp(0, 1)
    share = band.mean().clamp_min(1e-3)
    weighted = ((1 + ERROR_WEIGHT * wrong) * (picture - truth).abs()).mean()
    entropy = F.binary_cross_entropy(found.weight, wrong, band) / share
    direct = (band * (layered + change - truth).abs()).mean() / share
    return (
        weighted + WEIGHT_TERM * entropy + DIRECT_TERM * direct + GRADIENT_TERM * _gradients(picture, truth)
    )


def _gradients(picture: Tensor, truth: Tensor) -> Tensor:
    difference = picture - truth
    across, down = difference.diff(dim=3).abs().mean(), difference.diff(dim=2).abs().mean()
    return torch.add(across, down)
