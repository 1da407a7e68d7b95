"""Errors of renders with repaired depth against the truth, beside those with the wrong depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb_train.lens.band import edge_band
from ebb_train.lens.repair import repair_depth
from ebb_train.lens.samples import inner
from ebb_train.metrics.similarity import psnr
from ebb_train.pixels import to_unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from ebb_train.lens.network import RepairNet
    from ebb_train.lens.samples import HeldOutScene

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
    """A layered render with repaired depth, and that with the wrong depth."""

    scene: int
    strength: str
    layered: PictureScore
    repaired: PictureScore


def compare_scene(network: RepairNet, scene: HeldOutScene, number: int = 0) -> Iterator[Comparison]:
    """Score the renders of a scene at all its strengths with and without repair."""
    for strength, wrong in scene.wrong.items():
        repaired = repair_depth(scene.photo, wrong, network)
        before, after = (score_picture(scene.render(depth, strength), scene) for depth in (wrong, repaired))
        yield Comparison(number, strength, before, after)


def compare_renders(network: RepairNet, scenes: Iterable[HeldOutScene]) -> list[Comparison]:
    """Score the renders of several scenes, numbered from 0."""
    return [one for number, scene in enumerate(scenes) for one in compare_scene(network, scene, number)]


def score_picture(picture: NDArray[np.float32], scene: HeldOutScene) -> PictureScore:
    """Figures of a picture (H, W, 3), sRGB, in [0, 1], without the scene's border."""
    truth, exact_coc = to_unit(scene.truth), inner(scene.exact_coc)
    picture = np.clip(picture, 0, 1)
    band, sharp = edge_band(exact_coc) > 0, np.abs(exact_coc) <= IN_FOCUS_PX
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
    """Mean L1 in the band with the wrong and with the repaired depth, of one strength."""
    chosen = [one for one in comparisons if one.strength == strength]
    before, after = (
        mean_of(getattr(one, name).band_l1 for one in chosen) for name in ("layered", "repaired")
    )
    return before, after


def mean_of(values: Iterable[float]) -> float:
    """Mean of the values that are numbers; not a number if there are none."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
