"""Training loss: weighted sum of L1, 1 − SSIM and the distance of VGG-19 features.

All terms are computed in float32, outside autocast: bfloat16 would round an SSIM of 0.998 to 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch  # noqa: TID253 - this module is imported by training only
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor, nn  # noqa: TID253

from ebb.errors import MissingDependency
from ebb.weights import find_weights
from ebb_train.loss_terms import ssim
from ebb_train.models.vgg import load_vgg19

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.models.vgg import Normalization, Vgg19
    from ebb_train.settings import LossWeights


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
