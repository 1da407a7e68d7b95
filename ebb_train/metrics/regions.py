"""Scores by region: in focus, out of focus, and on the boundary between them.

Global scores say little about what people look at: a soft subject hardly changes them where most of the frame
is background, and a halo around the subject covers a few thousand pixels. The regions are found on the pair
itself, by where the shallow photo is blurrier than the wide one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.errors import InvalidInput
from ebb_train.metrics.blur import GRID, BlurMap, SharpPhoto, smoothed
from ebb_train.metrics.inputs import as_pair
from ebb_train.metrics.similarity import psnr, ssim_maps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ebb.arrays import Mask
    from ebb_train.metrics.blur import Map2d
    from ebb_train.metrics.inputs import UnitImage
    from ebb_train.metrics.lpips import Lpips, Missing

FOCUS_COC_PX = 2.5
"""A blur disc up to this diameter is in focus."""

BOUNDARY_SHARE = 1 / 64
"""How far the boundary reaches to either side, as a share of the photo's height."""

SMALLEST = 64
"""Smallest side of a photo with regions."""

REGIONS = ("in_focus", "out_of_focus", "boundary")

COLUMNS = (
    *(f"{metric}_{region}" for region in REGIONS for metric in ("psnr", "ssim", "lpips")),
    "edge_halo",
    "blur_ratio",
    "blur_error_px",
)
"""Names of all scores of :meth:`Regions.score`."""

_LEAST_CONTRAST = 0.05
"""Difference of colour across the boundary, below which no halo can be told."""

_TINY = np.float32(1e-3)
"""Weight of neighbours that counts as none."""


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of one pair; masks are (H, W), every pixel is in one of them."""

    in_focus: Mask
    out_of_focus: Mask
    boundary: Mask
    sharp_side: Mask
    """In focus, up to where the blur begins: also inside the boundary."""
    target: UnitImage
    wide: SharpPhoto
    blur: BlurMap
    """Of the target."""
    coc_px: Map2d
    """Diameter of the target's blur disc at every pixel, (H, W)."""

    def metadata(self) -> dict[str, float]:
        """Share of each region in the photo."""
        return {f"{region}_share": float(getattr(self, region).mean()) for region in REGIONS}

    def score(self, preds: NDArray[np.generic], *, lpips: Lpips | Missing | None = None) -> dict[str, float]:
        """Score a prediction region by region.

        Args:
            preds: (H, W, 3), as in :func:`ebb_train.metrics.inputs.as_pair`.
            lpips: The network of LPIPS, if there is one.

        Returns:
            Those of :data:`COLUMNS` that there is a number of: a region may be empty.

            - ``psnr_…``, ``ssim_…``, ``lpips_…``: as under the protocol ``ebb``, of the pixels in a region.
            - ``edge_halo``: see :func:`edge_halo`.
            - ``blur_ratio``: mean blur of the prediction out of focus over that of the target; 1 is right.
            - ``blur_error_px``: mean difference of the diameters of the blur discs there.

        Raises:
            InvalidInput: the prediction cannot be compared with the target.
        """
        picture = as_pair(preds, self.target).preds
        scores: dict[str, float] = {}
        maps = self._maps(picture, lpips)
        for region in REGIONS:
            mask: Mask = getattr(self, region)
            if mask.any():
                scores[f"psnr_{region}"] = psnr(picture[mask], self.target[mask])
                scores |= {f"{name}_{region}": _mean(values, mask) for name, values in maps.items()}
        scores["edge_halo"] = edge_halo(picture, self.target, self.sharp_side, self.boundary)
        scores |= self._blur_scores(picture)
        return {name: scores[name] for name in COLUMNS if name in scores and not np.isnan(scores[name])}

    def _maps(
        self, preds: UnitImage, lpips: Lpips | Missing | None
    ) -> Mapping[str, NDArray[np.floating[Any]]]:
        luminance, contrast = ssim_maps(preds, self.target)
        maps: dict[str, NDArray[np.floating[Any]]] = {"ssim": (luminance * contrast).mean(axis=2)}
        if lpips:
            maps["lpips"] = lpips.spatial(preds, self.target)
        return maps

    def _blur_scores(self, preds: UnitImage) -> dict[str, float]:
        found = self.wide.measure(preds)
        height, width = found.coc_px.shape
        cells = self.out_of_focus[GRID // 2 :: GRID, GRID // 2 :: GRID][:height, :width]
        weights = np.minimum(found.trust, self.blur.trust) * cells
        total = float(weights.sum())
        if total < 1:
            return {}
        wanted = float((weights * self.blur.coc_px).sum())
        return {
            "blur_ratio": float((weights * found.coc_px).sum()) / wanted,
            "blur_error_px": float((weights * np.abs(found.coc_px - self.blur.coc_px)).sum()) / total,
        }


def find_regions(wide: NDArray[np.generic], target: NDArray[np.generic]) -> Regions:
    """Tell from a pair what is in focus.

    Args:
        wide: (H, W, 3), sharp everywhere; types as in :func:`ebb_train.metrics.inputs.as_pair`.
        target: The shallow photo, aligned to it.

    Raises:
        InvalidInput: the photos do not go together, or are smaller than 64 pixels.
    """
    import cv2

    pair = as_pair(wide, target)
    height, width = pair.target.shape[:2]
    if min(height, width) < SMALLEST:
        raise InvalidInput(f"regions of {width} x {height} pixels: they need {SMALLEST} each way")
    sharp = SharpPhoto(pair.preds)
    blur = sharp.measure(pair.target)
    coc_px = sharp.spread(blur)
    focus = coc_px < FOCUS_COC_PX
    reach = max(2, round(height * BOUNDARY_SHARE))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    inner = cv2.erode(focus.astype(np.uint8), disc).astype(bool)
    outer = cv2.dilate(focus.astype(np.uint8), disc).astype(bool)
    return Regions(
        in_focus=inner,
        out_of_focus=~outer,
        boundary=outer & ~inner,
        sharp_side=focus,
        target=pair.target,
        wide=sharp,
        blur=blur,
        coc_px=coc_px,
    )


def edge_halo(preds: UnitImage, target: UnitImage, sharp_side: Mask, boundary: Mask) -> float:
    """How much of the colour from across the boundary shows, more or less than in the target.

    On each side of the boundary the error is projected on the difference d between the mean colours of the
    other side and this one: α = ⟨error, d⟩ / ⟨d, d⟩ over a neighbourhood. α = 0.1 is a rim with a tenth of
    the subject's colour in it, as a filter makes that blurs across the edge; α = −0.1 takes as much away.
    The mean error of the side beyond the boundary is subtracted first: another exposure is no halo.

    Args:
        preds: (H, W, 3), [0, 1].
        target: The same shape.
        sharp_side: Where the photo is in focus.
        boundary: Where to look.

    Returns:
        The mean of |α|, weighed by ⟨d, d⟩; 0 for equal pictures, NaN without contrast across the boundary.
    """
    sigma = max(1.0, target.shape[0] * BOUNDARY_SHARE / 2)
    shown, error = target.astype(np.float32), (preds - target).astype(np.float32)
    sides = (sharp_side, ~sharp_side)
    here, across = (_mean_colour(shown, side & boundary, sigma) for side in sides)
    difference = across - here
    contrast = (difference**2).sum(axis=2)
    total = weight = 0.0
    for side in sides:
        rim = side & boundary & (contrast > _LEAST_CONTRAST**2)
        halo = ((error - _mean_colour(error, side & ~boundary, 4 * sigma)) * difference).sum(axis=2)
        local, scale = (smoothed(np.where(rim, values, 0), sigma) for values in (halo, contrast))
        alpha = np.abs(local[rim]) / np.maximum(scale[rim], _TINY)
        total += float((contrast[rim] * alpha).sum())
        weight += float(contrast[rim].sum())
    return total / weight if weight else np.nan


def _mean_colour(picture: NDArray[np.float32], mask: Mask, sigma: float) -> NDArray[np.float32]:
    """Mean over the masked neighbours of each pixel; 0 where there are none."""
    weight = smoothed(mask.astype(np.float32), sigma)[..., None]
    summed = smoothed(picture * mask[..., None], sigma)
    return np.asarray(np.where(weight > _TINY, summed / np.maximum(weight, _TINY), 0), np.float32)


def _mean(values: NDArray[np.floating[Any]], mask: Mask) -> float:
    """Mean of a map over a mask of the whole picture; the map may lack the border of SSIM."""
    rim = (mask.shape[0] - values.shape[0]) // 2
    inside = mask[rim : mask.shape[0] - rim, rim : mask.shape[1] - rim]
    return float(values[inside].mean(dtype=np.float64)) if inside.any() else np.nan
