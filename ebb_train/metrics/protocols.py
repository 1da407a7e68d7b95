"""Named evaluation protocols for the comparison of a rendered photo with the real one.

The same pictures get different scores under different protocols, so every score is stored with the name of
its protocol, and scores of different protocols never share a column. Scores are per image; over a set they
are averaged, never pooled (:mod:`ebb_train.metrics.aggregate`). The published protocols follow the authors'
public code; ``metadata()`` describes its peculiarities.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import UsageError
from ebb.version import __version__
from ebb_train.metrics import framing
from ebb_train.metrics.inputs import ImagePair, as_pair, as_unit
from ebb_train.metrics.similarity import (
    GAUSSIAN_11,
    GAUSSIAN_11_MIRRORED,
    UNIFORM_7,
    Window,
    ms_ssim,
    ms_ssim_smallest,
    psnr,
    shrunk,
    ssim,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ebb_train.metrics.lpips import Lpips, Missing


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """An evaluation protocol."""

    name: str
    used_by: str
    """Publications that use the protocol."""
    metrics: tuple[str, ...]
    """Column names in order, from ``psnr``, ``ssim``, ``ms_ssim``, ``lpips``."""
    size: str
    """Description of the crop."""
    frame: Callable[[ImagePair], ImagePair] = framing.whole
    """Crops the pictures."""
    eight_bit: bool = False
    """Whether pictures are rounded to 8 bits first."""
    window: Window = GAUSSIAN_11
    """Window of SSIM."""
    shrink: bool = False
    """Whether SSIM is computed on pictures averaged down to about 256 pixels."""
    runs_at: tuple[int, int] | None = None
    """Width and height at which the authors' networks run: predictions of this size are enlarged first."""
    note: str = ""
    """Peculiarities of the protocol."""

    def metadata(self, *, lpips: Lpips | Missing | None = None) -> dict[str, str]:
        """Description of the protocol for reports.

        Args:
            lpips: The argument of :meth:`score`; its network and weights are named.
        """
        first = "averaged down by round(shorter side / 256), " if self.shrink else ""
        metadata = {
            "protocol": self.name,
            "used_by": self.used_by,
            "size": self.size,
            "values": "rounded to 8 bits" if self.eight_bit else "unchanged, floats clipped to [0, 1]",
            "psnr": "dB, range 1, float64; infinite for equal pictures, which are excluded",
            "ssim": f"{first}{self.window}, K1 0.01, K2 0.03, mean over channels, float64",
        }
        if "ms_ssim" in self.metrics:
            metadata["ms_ssim"] = (
                "5 scales halved by 2 x 2 means, SSIM's window, product by channel, then mean"
            )
        if "lpips" in self.metrics:
            metadata["lpips"] = str(lpips) if lpips else "v0.1, not computed"
        metadata |= {"aggregation": "per image, then mean", "note": self.note, "versions": _versions()}
        return {name: value for name, value in metadata.items() if value}

    def missing(self, shape: tuple[int, ...], *, lpips: Lpips | Missing | None = None) -> dict[str, str]:
        """Metrics that :meth:`score` omits for pictures of this shape, each with the reason."""
        reasons, side = {}, min(self._framed_size(shape))
        if "ms_ssim" in self.metrics and side < ms_ssim_smallest():
            reasons["ms_ssim"] = f"requires at least {ms_ssim_smallest()} pixels per side"
        if "lpips" in self.metrics:
            reasons["lpips"] = "not requested" if lpips is None else lpips.lacks(side)
        return {name: reason for name, reason in reasons.items() if reason}

    def score(
        self,
        preds: NDArray[np.generic],
        target: NDArray[np.generic],
        *,
        lpips: Lpips | Missing | None = None,
    ) -> dict[str, float]:
        """Compare two pictures of one size.

        Args:
            preds: (H, W, 3), uint8, uint16 or floats in [0, 1]; see :func:`as_pair`.
            target: Picture of the same size.
            lpips: The network of LPIPS, if there is one; see :func:`ebb_train.metrics.lpips.find_lpips`.

        Returns:
            One value for each of :attr:`metrics`, without those of :meth:`missing`. The PSNR of equal
            pictures is infinite.

        Raises:
            InvalidInput: the pictures cannot be compared, or are smaller than the window of SSIM.
        """
        pair = self._prepared(preds, target)
        exact, wanted = (picture.astype(np.float64) for picture in pair)
        left_out = self.missing(target.shape, lpips=lpips)
        seen = [shrunk(picture) if self.shrink else picture for picture in (exact, wanted)]
        found = {"psnr": psnr(*pair), "ssim": ssim(seen[0], seen[1], self.window)}
        if "ms_ssim" in self.metrics and "ms_ssim" not in left_out:
            found["ms_ssim"] = ms_ssim(exact, wanted)
        if lpips and "lpips" in self.metrics and "lpips" not in left_out:
            found["lpips"] = lpips.distance(*pair)
        return {name: found[name] for name in self.metrics if name in found}

    def _prepared(self, preds: NDArray[np.generic], target: NDArray[np.generic]) -> ImagePair:
        if self.runs_at and preds.shape[1::-1] == self.runs_at != target.shape[1::-1]:
            height, width = target.shape[:2]
            preds = framing.resized(as_unit(preds, "prediction"), width, height)
        pair = as_pair(preds, target)
        return self.frame(framing.in_8_bits(pair) if self.eight_bit else pair)

    def _framed_size(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        blank = np.zeros((*shape[:2], 1))
        return self.frame(ImagePair(blank, blank)).target.shape[:2]


DEFAULT = "ebb"

PROTOCOLS: Mapping[str, Protocol] = {
    "ebb": Protocol(
        name="ebb",
        used_by="this project",
        metrics=("psnr", "ssim", "ms_ssim", "lpips"),
        size="full image",
    ),
    "pynet2020": Protocol(
        name="pynet2020",
        used_by="PyNET-Bokeh (Ignatov, Patel, Timofte, CVPRW 2020)",
        metrics=("psnr", "ssim", "ms_ssim"),
        size=f"without {framing.BORDER_PX} px on every side",
        frame=framing.without_border,
        note="the authors' code accidentally stretches every target to its range; this step is omitted",
    ),
    "dmshn2021": Protocol(
        name="dmshn2021",
        used_by="Stacked DMSHN (Dutta et al., CVPRW 2021), BRViT, MPFNet",
        metrics=("psnr", "ssim", "lpips"),
        size="full image",
        eight_bit=True,
        window=UNIFORM_7,
        runs_at=(framing.DMSHN_WIDTH, framing.DMSHN_HEIGHT),
        note="the networks run at 1536 x 1024; a prediction of that size is enlarged bilinearly",
    ),
    "ebokehnet2023": Protocol(
        name="ebokehnet2023",
        used_by="EBokehNet (Seizinger et al., CVPRW 2023)",
        metrics=("psnr", "ssim", "lpips"),
        size="the central 1440 x 1024; the rest of larger pictures is black in both, and scored",
        frame=framing.in_black_bars,
        shrink=True,
        note="the black bars are equal in both, so that larger photos score higher than without them",
    ),
    "torchmetrics2025": Protocol(
        name="torchmetrics2025",
        used_by="Bokehlicious (Seizinger et al., 2025)",
        metrics=("psnr", "ssim", "lpips"),
        size="the centre, cropped to multiples of 4",
        frame=framing.multiple_of_4,
        window=GAUSSIAN_11_MIRRORED,
    ),
}  # fmt: skip


def find_protocol(name: str) -> Protocol:
    """Look up a protocol.

    Raises:
        UsageError: no protocol has this name.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"no protocol is called {name!r}", hint=f"known: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def _versions() -> str:
    return f"ebb {__version__}, numpy {np.__version__}, opencv {version('opencv-contrib-python')}"
