"""Training loss: weighted sum of differences of pixels, structures, gradients, spectra and features.

All terms are computed in float32, outside autocast: bfloat16 would round an SSIM of 0.998 to 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch  # noqa: TID253 - this module is imported by training only
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor, nn  # noqa: TID253

from ebb.errors import MissingDependency
from ebb.weights import find_weights
from ebb_train.loss_terms import fft_l1, ms_ssim, sobel_l1, ssim
from ebb_train.models.vgg import load_vgg19

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
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

    def forward(self, preds: Tensor | Sequence[Tensor], target: Tensor) -> dict[str, Tensor]:
        """Compute the terms and their weighted sum (``loss``), as means over the batch.

        Args:
            preds: (N, 3, H, W), approximately in [0, 1]; or several pictures, the last of which is of this
                size. Of the earlier ones, the L1 differences from the target at their size are added up.
            target: (N, 3, H, W), in [0, 1].
        """
        *earlier, last = [preds] if isinstance(preds, Tensor) else preds
        with torch.autocast(target.device.type, enabled=False):
            target = target.float()
            terms = self._terms(last.float(), target)
            if self.weights.earlier and earlier:
                terms["earlier"] = torch.stack([_reduced_l1(one.float(), target) for one in earlier]).sum()
            total = torch.stack([getattr(self.weights, name) * term for name, term in terms.items()]).sum()
            return terms | {"loss": total}

    def _terms(self, preds: Tensor, target: Tensor) -> dict[str, Tensor]:
        terms = {name: term(preds, target) for name, term in _TERMS.items() if getattr(self.weights, name)}
        if self.vgg is not None:
            terms["vgg"] = F.mse_loss(self.vgg(preds), self.vgg(target))
        return terms


def _reduced_l1(preds: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference from the target, averaged down to the size of the picture."""
    return F.l1_loss(preds, F.interpolate(target, preds.shape[2:], mode="area"))


_TERMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": F.l1_loss,
    "ssim": lambda preds, target: 1 - ssim(preds, target),
    "l2": F.mse_loss,
    "ms_ssim": lambda preds, target: 1 - ms_ssim(preds, target),
    "gradient": sobel_l1,
    "fft": fft_l1,
}
"""Name in :class:`~ebb_train.settings.LossWeights` → term."""


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
