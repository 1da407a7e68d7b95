"""Training loss of the repair network.

The weight of the correction collapses to 0 or 1 if it is only trained through the picture, so it is
supervised. Its target is not where the layered render is wrong, but where the correction is nearer to the truth
than the render; each pixel counts by how much the two errors differ. Where nothing is wrong, every correction
is worse, and the weight goes to 0.
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

    L1 with pixel weights 1 + 4 m, m = clip(10 · |layered − truth|, 0, 1), 0.2 · cross-entropy of the weight
    within the band, 0.5 · L1 of the unweighted correction within the band, and 0.1 · L1 of the picture's
    gradients.

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
    corrected = (layered + change - truth).abs().mean(1, keepdim=True)
    wrong = (ERROR_GAIN * error).clamp(0, 1)
    weighted = ((1 + ERROR_WEIGHT * wrong) * (picture - truth).abs()).mean()
    direct = (band * corrected).mean() / band.mean().clamp_min(1e-3)
    gain = error - corrected.detach()
    counts = band * gain.abs()
    entropy = F.binary_cross_entropy(
        found.weight, (gain > 0).to(gain.dtype), counts
    ) / counts.mean().clamp_min(1e-4)
    return (
        weighted + WEIGHT_TERM * entropy + DIRECT_TERM * direct + GRADIENT_TERM * _gradients(picture, truth)
    )


def _gradients(picture: Tensor, truth: Tensor) -> Tensor:
    difference = picture - truth
    across, down = difference.diff(dim=3).abs().mean(), difference.diff(dim=2).abs().mean()
    return torch.add(across, down)
