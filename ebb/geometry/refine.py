"""Refinement of a motion to a hundredth of a pixel, on what is in focus in both photos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebb.arrays import Size
from ebb.geometry.homography import apply
from ebb.geometry.ladder import error_cap, held_out_error, simplest
from ebb.geometry.models import Matches, MotionModel, polish
from ebb.geometry.motion import Motion
from ebb.geometry.tiles import measure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Homography, Mask
    from ebb.geometry.tiles import Band, Tiles

ROUNDS = 3
"""Rounds of warping and measuring; the third moves the frame by less than 0.01 px."""

HELD_OUT_GRID = 16
"""Whether the refinement is kept is judged on the cells of a grid this fine: neighbours of what was seen."""

MIN_TILES = 12
"""With fewer tiles in focus the motion stays as the keypoints gave it."""

MIN_SHARPNESS = 0.6
MIN_CORRELATION = 0.5
"""A tile is in focus when the shallow photo has this share of the wide one's detail, and the same detail."""

MAX_SIGMA_PX = 0.3
"""A tile counts when its shift along the clearest direction is known this well."""


@dataclass(frozen=True)
class Refinement:
    """A refined motion and what it was refined on.

    Attributes:
        H_shallow_to_wide: (3, 3), H[2, 2] = 1.
        kind: The model it belongs to.
        tiles: All tiles, measured at that motion.
        in_focus: (N,), which of them are sharp in both photos.
        error_before: Mean whitened error of the tiles in focus at the starting motion.
        error_after: The same at tiles held out of the fit; NaN where nothing could be fitted.
    """

    H_shallow_to_wide: Homography
    kind: MotionModel
    tiles: Tiles
    in_focus: Mask
    error_before: float
    error_after: float

    @property
    def improved(self) -> bool:
        """Whether the refined motion was kept."""
        return self.error_after < self.error_before


def refine(wide: Band, shallow: Band, motion: Motion, model: MotionModel | None = None) -> Refinement:
    """Fit the motion to the shifts of all tiles in focus; keep it if it predicts held-out tiles better.

    Args:
        wide: The wide photo.
        shallow: The shallow photo.
        motion: From the keypoints, within about a pixel.
        model: Stay in this family; the simplest that explains the tiles if not given.
    """
    size = Size(wide.detail.shape[1], wide.detail.shape[0])
    H = motion.H_shallow_to_wide
    for _ in range(ROUNDS):
        seen = _seen_in_focus(wide, shallow, H, size)
        if len(seen) < MIN_TILES:
            return _result(wide, shallow, motion, np.nan, np.nan)
        H = polish(seen, model or MotionModel.TURN, H)
    seen = _seen_in_focus(wide, shallow, H, size)
    kinds = tuple(MotionModel) if model is None else (model,)
    everything = np.ones(len(seen), bool)
    refined = simplest(seen, [Motion(polish(seen, kind, H), everything, kind) for kind in kinds])
    cap = error_cap(seen, refined.H_shallow_to_wide)
    before = float(np.minimum(seen.whitened_error(motion.H_shallow_to_wide), cap).mean())
    after = held_out_error(seen, refined.kind, refined.H_shallow_to_wide, cap, HELD_OUT_GRID)
    return _result(wide, shallow, refined if after < before else motion, before, after)


def _seen_in_focus(wide: Band, shallow: Band, H_shallow_to_wide: Homography, size: Size) -> Matches:
    tiles = measure(wide, shallow, H_shallow_to_wide)
    return as_matches(tiles.subset(sharp_in_both(tiles)), H_shallow_to_wide, size)


def _result(wide: Band, shallow: Band, motion: Motion, before: float, after: float) -> Refinement:
    tiles = measure(wide, shallow, motion.H_shallow_to_wide)
    return Refinement(motion.H_shallow_to_wide, motion.kind, tiles, sharp_in_both(tiles), before, after)


def sharp_in_both(tiles: Tiles) -> Mask:
    """Tiles where the shallow photo shows the detail of the wide one, and where it is clear enough to use."""
    certainty = np.trace(tiles.information, axis1=1, axis2=2)
    return np.asarray(
        (tiles.sharpness > MIN_SHARPNESS)
        & (tiles.correlation > MIN_CORRELATION)
        & (certainty > MAX_SIGMA_PX**-2)
    )


def as_matches(tiles: Tiles, H_shallow_to_wide: Homography, size: Size) -> Matches:
    """Tiles as matches: the shallow place under each centre, and where in the wide photo it belongs.

    Args:
        tiles: Measured at ``H_shallow_to_wide``.
        H_shallow_to_wide: Where they were measured.
        size: Of the wide photo.
    """
    shallow = apply(np.asarray(np.linalg.inv(H_shallow_to_wide)), tiles.centres)
    return Matches(shallow, tiles.centres + tiles.shifts, _root(tiles.information), size)


def _root(information: NDArray[np.float64]) -> NDArray[np.float64]:
    """W with WᵀW = information, (N, 2, 2)."""
    values, vectors = np.linalg.eigh(information)
    return np.asarray(np.sqrt(np.maximum(values, 0))[..., None] * vectors.transpose(0, 2, 1))
