"""Errors of repaired pictures against the truth, beside those of the layered render they start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch  # noqa: TID253 - runs the network

from ebb_train.lens.band import edge_band
from ebb_train.lens.batches import whole
from ebb_train.metrics.similarity import psnr
from ebb_train.pixels import to_unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from ebb_train.lens.network import RepairNet
    from ebb_train.lens.shards import LensSet, StoredRender

IN_FOCUS_PX = 1.0
"""Largest blur diameter of pixels that count as in focus."""


class PictureScore(NamedTuple):
    """Figures of one picture; not a number where it has no such pixels."""

    band_l1: float
    """Mean absolute error, range 1, in the band around the edges of the exact depth."""
    psnr: float
    """Of the whole picture, dB."""
    psnr_blurred: float
    """Of the pixels out of focus."""
    psnr_sharp: float
    """Of the pixels in focus."""


class Comparison(NamedTuple):
    """A repaired picture and the layered render it was made from."""

    scene: int
    strength: str
    layered: PictureScore
    repaired: PictureScore


def repair_stored(network: RepairNet, stored: StoredRender) -> NDArray[np.float32]:
    """Repair a stored render: (H, W, 3), sRGB, clipped to [0, 1]."""
    batch = whole(stored)
    with torch.inference_mode():
        picture = network(batch.planes).apply(batch.photo, batch.layered, batch.band)
    return np.ascontiguousarray(picture[0].clamp(0, 1).permute(1, 2, 0).numpy())


def compare_renders(
    network: RepairNet, source: LensSet, scenes: Sequence[int] | None = None
) -> Iterator[Comparison]:
    """Score every layered render of the scenes with and without repair."""
    for scene in range(len(source)) if scenes is None else scenes:
        for render, strength in enumerate(source.plan.strengths):
            stored = source.read(scene, render)
            layered = to_unit(stored.layered)
            yield Comparison(
                scene,
                strength,
                score_picture(layered, stored),
                score_picture(repair_stored(network, stored), stored),
            )


def score_picture(picture: NDArray[np.float32], stored: StoredRender) -> PictureScore:
    """Figures of a picture (H, W, 3), sRGB, in [0, 1]."""
    truth = to_unit(stored.truth)
    band, sharp = edge_band(stored.exact_coc) > 0, np.abs(stored.exact_coc) <= IN_FOCUS_PX
    error = np.abs(picture.astype(np.float64) - truth)
    return PictureScore(
        float(error[band].mean()) if band.any() else float("nan"),
        float(psnr(picture, truth)),
        _psnr_of(error[~sharp]),
        _psnr_of(error[sharp]),
    )


def _psnr_of(error: NDArray[np.float64]) -> float:
    if not error.size:
        return float("nan")
    return float(-10 * np.log10(max(float(np.mean(error**2)), 1e-12)))


def mean_band_l1(comparisons: Sequence[Comparison], strength: str) -> tuple[float, float]:
    """Mean L1 in the band of the layered renders and of the repaired pictures of one strength."""
    chosen = [one for one in comparisons if one.strength == strength]
    before, after = (
        mean_of(getattr(one, name).band_l1 for one in chosen) for name in ("layered", "repaired")
    )
    return before, after


def mean_of(values: Iterable[float]) -> float:
    """Mean of the values that are numbers; not a number if there are none."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
