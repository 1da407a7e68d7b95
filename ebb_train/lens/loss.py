"""Training loss of the repair network.

The mean error of a depth map alone is no useful loss: where the network is not sure, its minimum is to change
nothing, and a new network is nowhere sure. The shares of the surfaces are therefore trained by their
cross-entropy, to which the mean error is added: it makes shares of pixels of one surface 0 or 1. A pixel
counts as much as its mistake is seen: in proportion to the difference of depth, and to that of colour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F  # noqa: TID253 - only imported by training

from ebb_train.lens.planes import LEAST_STEP

if TYPE_CHECKING:
    from torch import Tensor

ABSOLUTE = 2.0
"""Weight of the mean error of the share."""
COLOURLESS = 0.1
"""Weight of pixels where both surfaces have one colour; with the distance of the colours 1 it is 1.1."""


def repair_loss(logit: Tensor, share: Tensor, step: Tensor, contrast: Tensor) -> Tensor:
    """Mean loss of a batch; all arguments are (N, 1, H, W).

    Args:
        logit: Of the share, by the network.
        share: True share of the nearer surface, in [0, 1].
        step: Difference of the surfaces' inverse depth; pixels below
            :data:`~ebb_train.lens.planes.LEAST_STEP` do not count.
        contrast: Distance of the surfaces' colours.
    """
    weight = step * (COLOURLESS + contrast) * (step > LEAST_STEP)
    entropy = F.binary_cross_entropy_with_logits(logit, share, reduction="none")
    absolute = (logit.sigmoid() - share).abs()
    return ((entropy + ABSOLUTE * absolute) * weight).sum() / weight.sum().clamp_min(1e-6)
