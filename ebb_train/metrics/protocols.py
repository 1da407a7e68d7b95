"""Named ways to compare a rendered photo with the real one.

The same pictures get other numbers under another protocol; a number goes nowhere without its protocol's name.
Scores are per image; over a set they are averaged, never pooled.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.errors import UsageError
from ebb_train.metrics.pictures import as_pair
from ebb_train.metrics.similarity import GAUSSIAN_11, ms_ssim, ms_ssim_smallest, psnr, ssim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One way to score."""

    name: str
    used_by: str
    """Who publishes numbers made this way."""
    metrics: tuple[str, ...]
    """Column names in order, out of ``psnr``, ``ssim``, ``ms_ssim``, ``lpips``."""

    def facts(self) -> dict[str, str]:
        """What a report says beside the numbers."""
        return {
            "protocol": self.name,
            "used_by": self.used_by,
            "size": "full image",
            "psnr": "float64, range 1, per image",
            "ssim": f"{GAUSSIAN_11}, K1 0.01, K2 0.03, float32, where the window fits, mean over channels",
            "aggregation": "per image, then mean",
            "versions": f"numpy {np.__version__}, opencv {version('opencv-contrib-python')}",
        }

    def missing(self, shape: tuple[int, ...], *, lpips: object = None) -> dict[str, str]:
        """Metrics that :meth:`score` will leave out for pictures of this shape, each with the reason."""
        reasons = {}
        if "ms_ssim" in self.metrics and min(shape[:2]) < ms_ssim_smallest():
            reasons["ms_ssim"] = f"needs {ms_ssim_smallest()} pixels each way"
        if "lpips" in self.metrics and lpips is None:
            reasons["lpips"] = "no weights"
        return reasons

    def score(
        self,
        preds: NDArray[np.generic],
        target: NDArray[np.generic],
        *,
        lpips: Any = None,  # noqa: ANN401
    ) -> dict[str, float]:
        """Compare two pictures of one size.

        Args:
            preds: (H, W, 3), uint8, uint16 or floats in [0, 1]; see :func:`as_pair`.
            target: The same size.
            lpips: The network of LPIPS, if there is one.

        Returns:
            One value for each of :attr:`metrics`, without those :meth:`missing` names.

        Raises:
            InvalidInput: the pictures cannot be compared.
        """
        pair = as_pair(preds, target)
        single, wanted = (picture.astype(np.float32) for picture in pair)
        found = {"psnr": psnr(*pair), "ssim": ssim(single, wanted)}
        if "ms_ssim" not in self.missing(preds.shape, lpips=lpips):
            found["ms_ssim"] = ms_ssim(single, wanted)
        return {name: found[name] for name in self.metrics if name in found}


DEFAULT = "ebb"

PROTOCOLS: Mapping[str, Protocol] = {
    "ebb": Protocol(name="ebb", used_by="this project", metrics=("psnr", "ssim", "ms_ssim", "lpips")),
}


def find_protocol(name: str) -> Protocol:
    """Look up a protocol.

    Raises:
        UsageError: none has this name.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"no protocol is called {name!r}", hint=f"known: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
